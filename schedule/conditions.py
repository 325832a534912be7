"""The conditions that several primitives share: block kinds, affine bindings, independence of iterations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..tir.arith.analyzer import Analyzer
from ..tir.arith.iter_map import IterMapLevel, detect_iter_map
from ..tir.arith.regions import region_contains, relax_region, union_region
from ..tir.buffer import Buffer, BufferLoad, BufferRegion
from ..tir.expr import TRUE, IntImm, Var
from ..tir.stmt import BufferStore, IterType, Stmt
from ..tir.visit import free_vars, substitute, walk
from .errors import require
from .rewrite import bind_loops
from .sref import BlockSRef, LoopSRef
from .state import State


def require_affine(s: State, block: BlockSRef) -> None:
    """Require that the loops run every instance of `block`: its bindings are an affine map of the loops."""
    realize = s.realize(block)
    loops = block.loops()
    variables = {loop.stmt.loop_var for loop in loops}
    if realize.predicate is TRUE and all(type(v) is Var and v in variables for v in realize.iter_values):
        if len(set(realize.iter_values)) == len(realize.iter_values):
            return
    ranges = {loop.stmt.loop_var: loop.stmt.range for loop in loops}
    key = (realize.iter_values, realize.predicate, tuple(ranges), tuple(r.extent for r in ranges.values()))
    if key not in s.affine:
        outer = bind_loops(Analyzer(), block.scope, own=True)
        found = detect_iter_map(realize.iter_values, ranges, realize.predicate, analyzer=outer)
        s.affine[key] = None if found else found.errors[0]
    require(
        s.affine[key] is None,
        "the iterators of {0} are not an affine map of its loops: {1}",
        block,
        s.affine[key],
        hint="each loop is to drive one iterator, whole or as its quotient or remainder by a constant",
    )


def other_writers(s: State, block: BlockSRef, buffers: Iterable[Buffer]) -> list[BlockSRef]:
    """The other blocks of the scope that write one of `buffers`."""
    wanted = set(buffers)
    return [
        other
        for other in s.child_blocks(block.scope)
        if other is not block and any(region.buffer in wanted for region in other.stmt.writes)
    ]


def _require_dominant(s: State, block: BlockSRef) -> None:
    for other in other_writers(s, block, (w.buffer for w in block.stmt.writes)):
        (shared,) = {w.buffer for w in block.stmt.writes} & {w.buffer for w in other.stmt.writes}
        require(False, "{0} is not the only block that writes {2}: {1} does as well", block, other, shared)


def require_complete(s: State, block: BlockSRef) -> None:
    """Require a complete block: all iterators spatial, the only writer of its outputs, reading none of them."""
    for iter_var in block.stmt.iter_vars:
        require(
            iter_var.iter_type is IterType.SPATIAL,
            f"{{0}} is not a complete block: its axis {{1}} is {iter_var.iter_type}, not spatial",
            block,
            iter_var.var,
        )
    written = {w.buffer for w in block.stmt.writes}
    for read in block.stmt.reads:
        require(
            read.buffer not in written, "{0} is not a complete block: it reads {1}, which it writes", block, read.buffer
        )
    _require_dominant(s, block)


def require_reduction(s: State, block: BlockSRef) -> None:
    """Require a reduction block: with an init, the only writer, storing at no index that it reduces."""
    hint = "a reduction block has `with T.init():`"
    require(block.stmt.init is not None, "{0} is not a reduction block: it has no init", block, hint=hint)
    reducing = set()
    for iter_var in block.stmt.iter_vars:
        require(
            iter_var.iter_type in (IterType.SPATIAL, IterType.REDUCE),
            f"{{0}} is not a reduction block: its axis {{1}} is {iter_var.iter_type}",
            block,
            iter_var.var,
        )
        if iter_var.iter_type is IterType.REDUCE:
            reducing.add(iter_var.var)
    for store in walk(block.stmt.body):
        if isinstance(store, BufferStore):
            for index in store.indices:
                used = [v for v in free_vars(index) if v in reducing]
                require(
                    not used,
                    "{0} is not a reduction block: its reduce axis {1} is in an index stored at",
                    block,
                    *used[:1],
                )
    _require_dominant(s, block)


def require_complete_or_reduction(s: State, block: BlockSRef) -> None:
    """Require a complete block or a reduction block."""
    if block.stmt.init is None:
        require_complete(s, block)
    else:
        require_reduction(s, block)


def require_independent(s: State, loop: LoopSRef, purpose: str, *, reduction: bool = False) -> None:
    """Require that no iteration of `loop` touches what another writes, so that it can `purpose`.

    Parameters
    ----------
    reduction: iterations may contribute to one reduction (the threads of a GPU's block can).
    """
    var = loop.stmt.loop_var
    single = isinstance(loop.stmt.extent, IntImm) and loop.stmt.extent.value <= 1
    blocks = s.child_blocks(loop)
    for block in blocks:
        require_affine(s, block)
        realize = s.realize(block)
        drives = False
        for iter_var, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True):
            if var not in free_vars(value):
                continue
            drives = True
            fine = iter_var.iter_type is IterType.SPATIAL or (reduction and iter_var.iter_type is IterType.REDUCE)
            require(
                fine,
                f"{{0}} cannot {purpose}: it drives the {iter_var.iter_type} axis {{2}} of {{1}}, "
                "whose iterations all write the same elements",
                loop,
                block,
                iter_var.var,
                hint="choose a loop over spatial axes; decompose_reduction, rfactor or reorder can bring one here",
            )
        for region in block.stmt.writes if block.stmt.iter_vars and not single else ():
            if _private(s, loop, region.buffer):
                continue
            require(
                drives and _once(s, loop, block),
                f"{{0}} cannot {purpose}: several of its iterations run the same instances of {{1}}, which write {{2}}",
                loop,
                block,
                region.buffer,
            )
    _require_own_values(s, blocks, loop, [loop], purpose)


def require_no_order_between(s: State, blocks: Sequence[BlockSRef], loops: Sequence[LoopSRef]) -> None:
    """Require that `blocks` below `loops` exchange values only within one iteration of them all."""
    innermost = max(loops, key=lambda ref: sum(1 for _ in ref.ancestors()))
    _require_own_values(s, blocks, innermost, loops, "change its place")


def _require_own_values(
    s: State, blocks: Sequence[BlockSRef], boundary: LoopSRef, loops: Sequence[LoopSRef], purpose: str
) -> None:
    """Require that what a block reads of a buffer written below is written in the same iteration of `boundary`."""
    analyzer = bind_loops(Analyzer(), boundary, own=True)
    writers: dict[Buffer, list[tuple[BlockSRef, BufferRegion]]] = {}
    for block in blocks:
        for region in block.stmt.writes:
            writers.setdefault(region.buffer, []).append((block, region))
    written: dict[Buffer, BufferRegion] = {}
    for block in blocks:
        own = {region.buffer for region in block.stmt.writes}
        reads = [r for r in block.stmt.reads if r.buffer in writers]
        for region in reads:
            buffer = region.buffer
            if len(blocks) == 1 and buffer in own and block.stmt.init is not None:
                continue
            if buffer not in written:
                written[buffer] = union_region(analyzer, [relaxed(s, b, r, boundary) for b, r in writers[buffer]])
            require(
                region_contains(analyzer, written[buffer], relaxed(s, block, region, boundary)),
                f"{{0}} cannot {purpose}: {{1}} reads {{2}}, which other iterations of the loop may write",
                loops[0],
                block,
                region,
                hint="the iterations depend on each other; run the loops in their order, or separate the blocks",
            )


def relaxed(s: State, block: BlockSRef, region: BufferRegion, boundary: LoopSRef) -> BufferRegion:
    """What `block` touches by `region` in one iteration of `boundary`, in terms of the loops from there up."""
    realize = s.realize(block)
    bound = {iv.var: value for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True)}
    loops = block.loops()
    inner = {loop.stmt.loop_var: loop.stmt.range for loop in loops[loops.index(boundary) + 1 :]}
    return relax_region(bind_loops(Analyzer(), boundary, own=True), substitute(region, bound), inner)


def _once(s: State, loop: LoopSRef, block: BlockSRef) -> bool:
    """Whether no two iterations of `loop`, with all that lies in it, run the same instance of `block`."""
    values = s.realize(block).iter_values
    loops = block.loops()
    inner = [ref.stmt for ref in loops[loops.index(loop) :]]
    variables = {stmt.loop_var for stmt in inner}
    if variables <= set(values):
        return True
    ranges = {stmt.loop_var: stmt.range for stmt in inner}
    outer = bind_loops(Analyzer(), loop)
    return bool(detect_iter_map(values, ranges, True, IterMapLevel.BIJECTIVE, outer))


def _private(s: State, loop: LoopSRef, buffer: Buffer) -> bool:
    """Whether `buffer` is an intermediate that only this loop touches, so that each iteration may have its own."""
    if buffer in s.function(loop).buffers:
        return False

    def touched_outside(stmt: Stmt) -> bool:
        if stmt is loop.stmt:
            return False
        if isinstance(stmt, BufferStore) and stmt.buffer is buffer:
            return True
        return any(
            touched_outside(child)
            if isinstance(child, Stmt)
            else any(isinstance(n, BufferLoad) and n.buffer is buffer for n in walk(child))
            for child in stmt.children()
            if not isinstance(child, (Buffer, BufferRegion))
        )

    return not touched_outside(s.function(loop).body)
