"""The conditions that several primitives share: block kinds, affine bindings, independence of iterations."""

from __future__ import annotations

from collections.abc import Sequence

from ..tir.analysis.cover import affine_failure
from ..tir.analysis.dependence import carried_dependence
from ..tir.analysis.kinds import complete_failure, complete_or_reduction_failure, reduction_failure
from ..tir.analysis.scope import Failure, Scope, scope_of
from ..tir.arith.analyzer import Analyzer
from ..tir.arith.regions import region_contains, relax_region, union_region
from ..tir.buffer import Buffer, BufferRegion, Range
from ..tir.expr import TRUE, Var
from ..tir.stmt import IterType
from ..tir.visit import free_vars, substitute
from .errors import refusal, require
from .rewrite import bind_loops
from .sref import BlockSRef, LoopSRef, SRef
from .state import State

HINTS = {
    "affine": "each loop is to drive one iterator, whole or as its quotient or remainder by a constant",
    "init": "a reduction block has `with T.init():`",
}
"""What would be legal, by the condition that failed."""


def around(sref: SRef) -> dict[Var, Range]:
    """The ranges of the loops and iterators above the scope of `sref`."""
    out: dict[Var, Range] = {}
    for above in sref.scope.ancestors():
        if isinstance(above, LoopSRef):
            out[above.stmt.loop_var] = above.stmt.range
        else:
            out.update((iv.var, iv.dom) for iv in above.stmt.iter_vars)
    return out


def _raise(failure: Failure | None, prefix: str = "") -> None:
    if failure is not None:
        raise refusal(prefix + failure.template, *failure.nodes, hint=HINTS.get(failure.condition, ""))


def require_affine(s: State, block: BlockSRef) -> None:
    """Require that the loops run every instance of `block`: its bindings are an affine map of the loops."""
    realize = s.realize(block)
    loops = [loop.stmt for loop in block.loops()]
    variables = {loop.loop_var for loop in loops}
    if realize.predicate is TRUE and all(type(v) is Var and v in variables for v in realize.iter_values):
        if len(set(realize.iter_values)) == len(realize.iter_values):
            return
    key = (realize, tuple((loop.loop_var, loop.min, loop.extent) for loop in loops))
    if key not in s.affine:
        scope = scope_of(block.scope.stmt)
        s.affine[key] = affine_failure(scope, scope.child(block.stmt), around(block))
    _raise(s.affine[key])


def require_complete(s: State, block: BlockSRef) -> None:
    """Require a complete block: all iterators spatial, the only writer of its outputs, reading none of them."""
    scope = scope_of(block.scope.stmt)
    _raise(complete_failure(scope, scope.child(block.stmt)), "not a complete block: ")


def require_reduction(s: State, block: BlockSRef) -> None:
    """Require a reduction block: with an init, the only writer, storing at no index that it reduces."""
    scope = scope_of(block.scope.stmt)
    _raise(reduction_failure(scope, scope.child(block.stmt)), "not a reduction block: ")


def require_complete_or_reduction(s: State, block: BlockSRef) -> None:
    """Require a complete block or a reduction block."""
    scope = scope_of(block.scope.stmt)
    _raise(complete_or_reduction_failure(scope, scope.child(block.stmt)), "neither a complete nor a reduction block: ")


def require_independent(s: State, loop: LoopSRef, purpose: str, *, reduction: bool = False) -> None:
    """Require that no iteration of `loop` touches what another writes, so that it can `purpose`.

    Parameters
    ----------
    reduction: iterations may contribute to one reduction (the threads of a GPU's block can).
    """
    var = loop.stmt.loop_var
    for block in s.child_blocks(loop):
        for iter_var, value in zip(block.stmt.iter_vars, s.realize(block).iter_values, strict=True):
            fine = iter_var.iter_type is IterType.SPATIAL or (reduction and iter_var.iter_type is IterType.REDUCE)
            require(
                fine or var not in free_vars(value),
                f"{{0}} cannot {purpose}: it drives the {iter_var.iter_type} axis {{2}} of {{1}}, "
                "whose iterations all write the same elements",
                loop,
                block,
                iter_var.var,
                hint="choose a loop over spatial axes; decompose_reduction, rfactor or reorder can bring one here",
            )
    _require_apart(s, scope_of(loop.scope.stmt), loop, purpose, reductions=not reduction)


def require_no_order_between(s: State, loops: Sequence[LoopSRef]) -> None:
    """Require that the iterations of `loops` may run in any order: all they exchange are updates of reductions."""
    scope = scope_of(loops[0].scope.stmt)
    for loop in loops:
        _require_apart(s, scope, loop, "change its place", reductions=False)


def _require_apart(s: State, scope: Scope, loop: LoopSRef, purpose: str, *, reductions: bool) -> None:
    own = private_buffers(s, loop)
    carried = carried_dependence(scope, loop.stmt, around(loop), reductions=reductions, ignore=own)
    if carried is not None:
        raise refusal(
            f"{{0}} cannot {purpose}: {{1}}",
            loop,
            str(carried),
            carried.src.block,
            carried.dst.block,
            hint="the iterations depend on each other; keep their order, or separate the blocks",
        )


def private_buffers(s: State, loop: LoopSRef) -> set[Buffer]:
    """The buffers that each iteration of `loop` could have for itself: no value in them passes from one to another."""
    blocks = s.child_blocks(loop)
    found = {b for b in _intermediates(s, loop, blocks) if _own_values(s, blocks, loop, b)}
    for block in blocks if found else ():
        values = zip(block.stmt.iter_vars, s.realize(block).iter_values, strict=True)
        if any(iv.iter_type is not IterType.SPATIAL and loop.stmt.loop_var in free_vars(v) for iv, v in values):
            # Each iteration adds to what the others did.
            found -= {w.buffer for w in block.stmt.writes}
    return found


def _intermediates(s: State, loop: LoopSRef, blocks: Sequence[BlockSRef]) -> set[Buffer]:
    """The intermediate buffers written below `loop` that nothing outside of it touches."""
    written = {region.buffer for block in blocks for region in block.stmt.writes}
    written -= set(s.function(loop).buffers)
    if not written:
        return written
    inside = set(blocks)
    for other in s.child_blocks(loop.scope):
        if other not in inside:
            written -= {region.buffer for region in (*other.stmt.reads, *other.stmt.writes)}
    allocated = set(loop.scope.stmt.alloc_buffers)
    return written & allocated


def _own_values(s: State, blocks: Sequence[BlockSRef], loop: LoopSRef, buffer: Buffer) -> bool:
    """Whether what is read of `buffer` in an iteration of `loop` was written in that iteration."""
    analyzer = bind_loops(Analyzer(), loop, own=True)
    writes: list[BufferRegion] = []
    for block in blocks:
        for region in block.stmt.reads:
            if region.buffer is buffer:
                needed = relaxed(s, block, region, loop)
                if not writes or not region_contains(analyzer, union_region(analyzer, writes), needed):
                    return False
        writes += [relaxed(s, block, region, loop) for region in block.stmt.writes if region.buffer is buffer]
    return True


def relaxed(s: State, block: BlockSRef, region: BufferRegion, boundary: LoopSRef) -> BufferRegion:
    """What `block` touches by `region` in one iteration of `boundary`, in terms of the loops from there up."""
    realize = s.realize(block)
    bound = {iv.var: value for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True)}
    loops = block.loops()
    inner = {loop.stmt.loop_var: loop.stmt.range for loop in loops[loops.index(boundary) + 1 :]}
    return relax_region(bind_loops(Analyzer(), boundary, own=True), substitute(region, bound), inner)
