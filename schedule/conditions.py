"""The conditions that several primitives share: block kinds, affine bindings, independence of iterations."""

from __future__ import annotations

from collections.abc import Container, Sequence, Set
from dataclasses import replace

from ..tir.analysis.cover import affine_failure
from ..tir.analysis.dependence import carried_dependence
from ..tir.analysis.kinds import complete_failure, complete_or_reduction_failure, reduction_failure
from ..tir.analysis.reducers import accumulates
from ..tir.analysis.scope import Child, Failure, Scope, scope_of
from ..tir.arith import Analyzer
from ..tir.arith.stmt import conjuncts
from ..tir.buffer import Buffer, BufferRegion, Range
from ..tir.errors import ScheduleError
from ..tir.expr import TRUE, Expr, IntImm, Var, all_of
from ..tir.stmt import Block, BlockRealize, BufferStore, IterType
from ..tir.visit import free_vars
from .bindings import Turns, is_plain, key_of
from .errors import refusal, require
from .privacy import Privacy
from .rewrite import bind_loops, drivers
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
    """Require that the loops run no instance of `block` twice: its bindings are an affine map of the loops.

    They run every instance but those that conditions on iterators alone leave out.
    """
    if is_plain(s, block):
        return
    key = key_of(s, block)
    if key not in s.affine:
        scope = scope_of(block.scope.stmt)
        child = scope.child(block.stmt)
        predicate = binding_predicate(child.realize, {loop.loop_var for loop in child.loops})
        child = replace(child, realize=child.realize.replace(predicate=predicate))
        s.affine[key] = affine_failure(scope, child, around(block))
    _raise(s.affine[key])


def binding_predicate(realize: BlockRealize, loops: Set[Var]) -> Expr:
    """The predicate, but for conditions on those of `loops` each of which drives one iterator and nothing else.

    Such a condition leaves out instances of the block; what drives which iterator is as if it were not there.
    """
    if realize.predicate is TRUE:
        return TRUE
    values = realize.iter_values
    own = {v for v in values if type(v) is Var} - {v for e in values if type(e) is not Var for v in free_vars(e)}
    return all_of(*(c for c in conjuncts(realize.predicate) if not (loops & set(free_vars(c))) <= own))


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


def require_independent(
    s: State, loop: LoopSRef, purpose: str, *, reduction: bool = False, buffer: Buffer | None = None
) -> None:
    """Require that no iteration of `loop` touches what another writes, so that it can `purpose`.

    Parameters
    ----------
    reduction: iterations may contribute to one reduction (the threads of a GPU's block can).
    buffer: the only one to be looked at; by default all are.
    """
    var = loop.stmt.loop_var
    reducing: set[Block] = set()
    for block in s.child_blocks(loop):
        if buffer is not None and all(region.buffer is not buffer for region in block.stmt.writes):
            continue
        for iter_var, value in zip(block.stmt.iter_vars, s.realize(block).iter_values, strict=True):
            if iter_var.iter_type is IterType.SPATIAL or var not in free_vars(value):
                continue
            drives = var in drivers(block, value)
            fine = reduction and iter_var.iter_type is IterType.REDUCE
            if drives and fine:
                reducing.add(block.stmt)
            require(
                fine or not drives,
                f"{{0}} cannot {purpose}: it drives the {iter_var.iter_type} axis {{2}} of {{1}}, "
                "whose iterations all write the same elements",
                loop,
                block,
                iter_var.var,
                hint="choose a loop over spatial axes; decompose_reduction, rfactor or reorder can bring one here",
            )
    _require_apart(s, scope_of(loop.scope.stmt), loop, purpose, buffer, reducing=reducing)


def require_order_does_not_matter(s: State, before: Sequence[LoopSRef], after: Sequence[LoopSRef]) -> None:
    """Require that a nest of loops, `before`, may be put into the order `after`; () stands for any.

    Iterations that depend on each other must come one after the other as they did. They do if they agree in all loops
    but some that keep their order. So each loop in turn is to be one in which they agree, given that they agree in the
    loops found so far, and whatever they do in others; what is not, is to keep its order.
    """
    scope = scope_of(before[0].scope.stmt)
    kept: list[LoopSRef] = []
    failure: ScheduleError | None = None
    for loop in before:
        given = scope.with_inside([ref.stmt for ref in kept], loop.stmt) if kept else scope
        if {ref.stmt.loop_var for ref in kept} & free_vars(loop.stmt.range).keys():
            kept.append(loop)
            continue
        try:
            _require_apart(s, given, loop, "change its place", reductions=False, updates=False)
        except ScheduleError as error:
            kept.append(loop)
            failure = failure or error
    if failure is not None and [loop for loop in after if loop in kept] != kept:
        raise failure


def reads_before_others_write(s: State, block: BlockSRef) -> bool:
    """Whether `block` is seen to read nothing that it, or another block in its loops, wrote in another instance.

    It is one store, so that an instance reads what was there before it.
    """
    if not isinstance(block.stmt.body, BufferStore) or block.stmt.init is not None or block.stmt.match_buffers:
        return False
    scope = scope_of(block.scope.stmt)
    try:
        for loop in block.loops():
            _require_apart(s, scope, loop, "stand alone")
    except ScheduleError:
        return False
    return True


def _require_apart(
    s: State,
    scope: Scope,
    loop: LoopSRef,
    purpose: str,
    buffer: Buffer | None = None,
    *,
    reductions: bool = True,
    reducing: Container[Block] = (),
    updates: bool = True,
) -> None:
    """Require that iterations of `loop` do not depend on each other.

    Parameters
    ----------
    buffer: the only one to be looked at; by default all are.
    reductions: count what reductions with an init do to one element.
    reducing: those of which the iterations are parts, so that what they do to one element does not count.
    updates: count what blocks that add to what is there do to one element.
    """
    extent = loop.stmt.extent
    if (type(extent) is IntImm and extent.value <= 1) or _does_something_once(s, loop):
        return
    turns, privacy = Turns(s, loop), Privacy(s, loop)

    def apart(src: Child, dst: Child, a: BufferRegion, b: BufferRegion) -> bool:
        own = src is dst and (
            (src.block in reducing and src.block.init is not None)
            or turns.are_apart(src.block, a, b)
            or (not updates and accumulates(src.block))
        )
        return own or (buffer is not None and a.buffer is not buffer) or privacy.of(a.buffer)

    carried = carried_dependence(scope, loop.stmt, around(loop), reductions=reductions, apart=apart)
    if carried is not None:
        raise refusal(
            f"{{0}} cannot {purpose}: {{1}}",
            loop,
            carried,
            carried.src.block,
            carried.dst.block,
            hint="the iterations depend on each other; keep their order, or separate the blocks",
        )


def _does_something_once(s: State, loop: LoopSRef) -> bool:
    """Whether all blocks below a loop run in one and the same iteration of it, the others being idle.

    This is what becomes of a loop of extent 1 that is split by more.
    """
    var, found = loop.stmt.loop_var, set()
    for block in s.child_blocks(loop):
        predicate = s.realize(block).predicate
        if var not in free_vars(predicate):
            return False
        an = bind_loops(Analyzer(), block)
        with an.constraint(predicate):
            bound = an.const_int_bound(var)
        found.add((bound.min_value, bound.max_value))
    return len(found) == 1 and all(low == high for low, high in found)
