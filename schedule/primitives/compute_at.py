"""Primitives that move a block under a loop of its neighbours: compute_at, reverse_compute_at."""

from __future__ import annotations

from collections.abc import Sequence

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.iter_map import IterMapLevel, detect_iter_map
from ...tir.arith.regions import Box, eval_box, union_box
from ...tir.arith.stmt import conjuncts
from ...tir.buffer import Buffer, BufferRegion, Range
from ...tir.expr import TRUE, Expr, IntImm, Var, all_of
from ...tir.node import DELETE
from ...tir.stmt import BlockRealize, IterType
from ...tir.visit import free_vars, substitute
from ..concurrency import concurrent_loops, require_still_concurrent
from ..conditions import require_complete_or_reduction
from ..edit import Edit, child_towards, common, statements, wrappers
from ..errors import require
from ..filling import gapless
from ..footprint import Footprints
from ..primitive import primitive
from ..rewrite import bind_loops
from ..solve import Axis, axis, instances, nest_of, regenerated
from ..sref import BlockSRef, LoopSRef, Mark, SRef
from ..stages import precedes
from ..state import State
from .inline import compute_inline, reverse_compute_inline

Loops = Sequence[tuple[Var, Expr]]
"""Loops from 0, outermost first, as (variable, extent)."""


@primitive
def compute_at(
    s: State, block: BlockSRef, loop: LoopSRef | Mark, *, preserve_unit_loops: bool = False, index: int = -1
) -> None:
    """Move a producer under `loop`, to compute in each iteration what its consumers there need.

    The loops around the block are made anew. What several iterations need is computed in each of them.

    Parameters
    ----------
    loop: a loop around all consumers, or a location given by sample_compute_location: where the block is, or inlined.
    preserve_unit_loops: keep loops of extent 1.
    index: before which statement of the loop's body the block comes; -1 means right before the first consumer, -2
        right after the last block it reads from.

    before:
        @T.prim_func
        def main(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((18,), "float32")
            for i in range(18):
                with T.block("B"):
                    vi = T.axis.spatial(18, i)
                    B[vi] = A[vi] * T.float32(2)
            for i_0, i_1 in T.grid(4, 4):
                with T.block("C"):
                    vi = T.axis.spatial(16, i_0 * 4 + i_1)
                    C[vi] = B[vi] + B[vi + 2]
    step:
        i_0, i_1 = sch.get_loops("C")
        sch.compute_at("B", i_0)
    after:
        @T.prim_func
        def main(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((18,), "float32")
            for i_0 in range(4):
                for ax0 in range(6):
                    with T.block("B"):
                        vi = T.axis.spatial(18, i_0 * 4 + ax0)
                        B[vi] = A[vi] * T.float32(2)
                for i_1 in range(4):
                    with T.block("C"):
                        vi = T.axis.spatial(16, i_0 * 4 + i_1)
                        C[vi] = B[vi] + B[vi + 2]
    """
    if isinstance(loop, Mark):
        if loop is Mark.INLINE:
            compute_inline(s, block)
        return
    kept = _require_movable(s, block, loop, keep=True)
    others = [b for b in s.child_blocks(block.scope) if b is not block]
    written = {w.buffer for w in block.stmt.writes}
    for buffer in written:
        require(
            buffer in block.scope.stmt.alloc_buffers,
            "{0} writes {1}, which lives on after {2}, so all of it must be computed, not only what is used under {3}",
            block,
            buffer,
            block.scope,
            loop,
            hint="move the consumers instead, by reverse_compute_at, or cache_write first",
        )
    consumers = [b for b in others if any(r.buffer in written for r in b.stmt.reads)]
    require(len(consumers) > 0, "no block reads what {0} writes, so nothing says what {1} needs of it", block, loop)
    for consumer in consumers:
        require(
            loop in consumer.ancestors(),
            "{0} writes what {1} reads, which is not under {2}",
            block,
            consumer,
            loop,
            hint="choose a loop around all consumers, or give the others a copy by cache_read",
        )
        require(
            precedes(s, block, consumer),
            "{1} reads what {0}, after it, wrote in an earlier iteration",
            block,
            consumer,
        )
    producers = _producers(s, block, others, loop)
    at = _place(loop, [p for p in producers if loop in p.ancestors()], consumers, index)
    foot = Footprints(s, loop)
    wanted = []
    for region in block.stmt.writes:
        box: Box | None = None
        for consumer in consumers:
            read = foot.union(consumer, consumer.stmt.reads, region.buffer, together=True)
            box = read if box is None or read is None else union_box(foot.an, box, read)
        if box is not None:
            wanted.append((region, box))
    found = instances(foot.an, block.stmt, wanted, inside=False)
    axes = [axis(foot.an, iv, found.get(iv.var)) for iv in block.stmt.iter_vars]
    realize, loops = regenerated(foot.an, block.stmt, axes, preserve_unit_loops=preserve_unit_loops)
    realize = _under(realize, kept)
    for producer in producers:
        _require_produced(s, block, realize, loops, producer, loop)
    _move(s, block, loop, at, realize, loops)


@primitive
def reverse_compute_at(
    s: State, block: BlockSRef, loop: LoopSRef | Mark, *, preserve_unit_loops: bool = False, index: int = -1
) -> None:
    """Move a consumer under `loop`, to compute in each iteration what can be made of what its producers wrote there.

    The loops around the block are made anew.

    Parameters
    ----------
    loop: a loop around all producers, or a location: where the block is, or inlined into its producer.
    preserve_unit_loops: keep loops of extent 1.
    index: before which statement of the loop's body the block comes; -1 means after all of them, -2 right after the
        last producer.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), C: T.Buffer((16, 8), "float32")):
            B = T.alloc_buffer((16, 8), "float32")
            for i_0, i_1, j in T.grid(4, 4, 8):
                with T.block("B"):
                    vi = T.axis.spatial(16, i_0 * 4 + i_1)
                    vj = T.axis.spatial(8, j)
                    B[vi, vj] = A[vi, vj] * T.float32(2)
            for i, j in T.grid(16, 8):
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vi, vj] + T.float32(1)
    step:
        i_0, i_1, j = sch.get_loops("B")
        sch.reverse_compute_at("C", i_0)
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), C: T.Buffer((16, 8), "float32")):
            B = T.alloc_buffer((16, 8), "float32")
            for i_0 in range(4):
                for i_1, j in T.grid(4, 8):
                    with T.block("B"):
                        vi = T.axis.spatial(16, i_0 * 4 + i_1)
                        vj = T.axis.spatial(8, j)
                        B[vi, vj] = A[vi, vj] * T.float32(2)
                for ax0, ax1 in T.grid(4, 8):
                    with T.block("C"):
                        vi = T.axis.spatial(16, i_0 * 4 + ax0)
                        vj = T.axis.spatial(8, ax1)
                        C[vi, vj] = B[vi, vj] + T.float32(1)
    """
    if isinstance(loop, Mark):
        if loop is Mark.INLINE:
            reverse_compute_inline(s, block)
        return
    _require_movable(s, block, loop, keep=False)
    others = [b for b in s.child_blocks(block.scope) if b is not block]
    read = {r.buffer for r in block.stmt.reads}
    written = {w.buffer for w in block.stmt.writes}
    producers = []
    for other in others:
        if not any(w.buffer in read for w in other.stmt.writes):
            continue
        if precedes(s, block, other) and common([block, other]) is block.scope and loop not in other.ancestors():
            continue
        require(
            loop in other.ancestors() and precedes(s, other, block),
            "{0} reads what {1} writes, which is not under {2}",
            block,
            other,
            loop,
            hint="choose a loop around all producers",
        )
        producers.append(other)
    require(len(producers) > 0, "{0} reads nothing that another block writes, so nothing says when it can run", block)
    consumers = [b for b in others if any(r.buffer in written for r in b.stmt.reads)]
    for consumer in consumers:
        require(
            precedes(s, block, consumer) or _runs_before(block.scope, consumer, loop),
            "{1}, before {0}, reads the former content of what it writes",
            block,
            consumer,
        )
    at = _place(loop, producers, [c for c in consumers if loop in c.ancestors()], index)
    foot = Footprints(s, loop)
    wanted: list[tuple[BufferRegion, Box]] = []
    for region in block.stmt.reads:
        writers = [p for p in producers if any(w.buffer is region.buffer for w in p.stmt.writes)]
        if writers:
            wanted.append((region, _completed(foot, writers[-1], region.buffer, loop)))
    found = instances(foot.an, block.stmt, wanted, inside=True)
    axes = [axis(foot.an, iv, found.get(iv.var)) for iv in block.stmt.iter_vars]
    _require_all_run(block, loop, axes, foot)
    realize, loops = regenerated(foot.an, block.stmt, axes, preserve_unit_loops=preserve_unit_loops)
    _require_reduced_once(s, block, loop, axes, realize, loops)
    _move(s, block, loop, at, realize, loops)


def _runs_before(scope: BlockSRef, first: SRef, second: SRef) -> bool:
    """Whether all of one thing in a scope runs before any of another: their statements in the scope follow so."""
    return child_towards(scope, first) < child_towards(scope, second)


def _require_movable(s: State, block: BlockSRef, loop: LoopSRef, *, keep: bool) -> Expr:
    """What has to hold of the block's iterators, besides that they are in their domains, for the block to run.

    Parameters
    ----------
    keep: whether the block may be moved along with such a condition.
    """
    require(block.parent is not None, "{0} is the root block, which cannot move", block)
    require(
        loop.scope is block.scope,
        "{0} and {1} are not inside the same block",
        block,
        loop,
        hint="a block moves among the loops of the block that it is in",
    )
    require(loop not in block.ancestors(), "{1} is around {0} already", block, loop)
    used = free_vars(block.stmt)
    for around in block.loops():
        require(
            around.stmt.loop_var not in used,
            "{0} uses the variable of {1}, which it would leave",
            block,
            around,
            hint="only blocks that speak of their own iterators alone can move; blockize gives a block iterators",
        )
    require_complete_or_reduction(s, block)
    for stmt in wrappers(block.scope, block):
        require(False, "{0} stands inside {1}, which it would leave", block, stmt)
    realize = s.realize(block)
    if realize.predicate is TRUE:
        return TRUE
    an = bind_loops(Analyzer(), block)
    bound = list(zip(block.stmt.iter_vars, realize.iter_values, strict=True))
    inside = all_of(*(c for iv, value in bound for c in (value >= iv.dom.min, value < iv.dom.end)))
    with an.constraint(inside):
        rest = [condition for condition in conjuncts(realize.predicate) if not an.prove(condition)]
    kept = substitute(all_of(*rest), {value: iv.var for iv, value in bound if isinstance(value, Var)})
    left = {around.stmt.loop_var for around in block.loops()} & set(free_vars(kept))
    require(
        kept is TRUE or (keep and not left),
        "{0} runs only where {1}, which says more than that its iterators are in their domains and would be lost",
        block,
        realize.predicate,
        hint="put the condition into the block's body",
    )
    return kept


def _under(realize: BlockRealize, kept: Expr) -> BlockRealize:
    """The block, run only where a condition on its iterators holds as well."""
    if kept is TRUE:
        return realize
    values = {iv.var: value for iv, value in zip(realize.block.iter_vars, realize.iter_values, strict=True)}
    return realize.replace(predicate=all_of(realize.predicate, substitute(kept, values)))


def _producers(s: State, block: BlockSRef, others: Sequence[BlockSRef], loop: LoopSRef) -> list[BlockSRef]:
    """The blocks before `block` that write what it reads; any other that does must run after `loop`."""
    read = {r.buffer for r in block.stmt.reads}
    out = []
    for other in others:
        if any(w.buffer in read for w in other.stmt.writes):
            before = precedes(s, other, block)
            require(
                before or _runs_before(block.scope, loop, other),
                "{1}, after {0}, overwrites what it reads, so it cannot move down past it",
                block,
                other,
            )
            if before:
                out.append(other)
    return out


def _place(loop: LoopSRef, before: Sequence[BlockSRef], after: Sequence[BlockSRef], index: int) -> int:
    """The number of the statement in the body of `loop` before which a block comes that must lie between others."""
    first = max((child_towards(loop, b) + 1 for b in before), default=0)
    last = min((child_towards(loop, b) for b in after), default=len(statements(loop.stmt.body)))
    assert first <= last, "a block lies between its producers and consumers in program order"
    if index == -1:
        return last
    if index == -2:
        return first
    require(
        first <= index <= last,
        f"the block cannot come before statement number {index} of {{0}}: it must lie between its producers and "
        "consumers",
        loop,
        hint=f"the legal places are {first} to {last}" if first < last else f"the legal place is {first}",
    )
    return index


def _require_produced(
    s: State,
    block: BlockSRef,
    realize: BlockRealize,
    loops: Loops,
    producer: BlockSRef,
    loop: LoopSRef,
) -> None:
    """Require that what the moved block reads of a producer is written by then, where they share loops."""
    shared = common([producer, loop])
    if shared is block.scope:
        return
    foot = Footprints(s, shared)
    domains = {**foot.loops(loop), **({} if shared is loop else {loop.stmt.loop_var: loop.stmt.range})}
    for var, extent in loops:
        domains[var] = Range(IntImm(var.dtype, 0), extent)
    values = {iv.var: value for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True)}
    for region in block.stmt.reads:
        made = foot.union(producer, producer.stmt.writes, region.buffer)
        if made is None:
            continue
        moved: BufferRegion = substitute(region, values)
        needed = eval_box(foot.an, moved.region, domains)
        require(
            foot.contains(made, foot.clipped(needed, region.buffer)),
            "under {2}, {0} would read {3} before {1} is known to have written it",
            block,
            producer,
            loop,
            region,
            hint="move the producer first, or choose a loop outside of it",
        )


def _completed(foot: Footprints, writer: BlockSRef, buffer: Buffer, loop: LoopSRef) -> Box:
    """What `writer` is known to write of a buffer in one iteration of `loop`, without gaps."""
    regions = [w for w in writer.stmt.writes if w.buffer is buffer]
    require(
        len(regions) == 1 and foot.fills(writer, regions[0], anew=False),
        "{0} is not known to write every element of {1} in the box of those it writes in one iteration of {2}",
        writer,
        regions[0],
        loop,
        hint="choose a loop under which the producer writes a box without gaps",
    )
    return foot.box(writer, regions[0])


def _require_all_run(block: BlockSRef, loop: LoopSRef, axes: Sequence[Axis], scope: Footprints) -> None:
    """Require that over all iterations of the loops the block runs for every value of its iterators."""
    around = [ref.stmt for ref in (loop, *loop.ancestors()) if isinstance(ref, LoopSRef) and ref.scope is block.scope]
    domains = {stmt.loop_var: stmt.range for stmt in reversed(around)}
    lows, extents = [a.low for a in axes], [a.extent for a in axes]
    reached = eval_box(scope.an, [Range(low, extent) for low, extent in zip(lows, extents, strict=True)], domains)
    whole = eval_box(scope.an, [iv.dom for iv in block.stmt.iter_vars], {})
    for iter_var, part, dom in zip(block.stmt.iter_vars, reached, whole, strict=True):
        require(
            scope.contains((part,), (dom,)),
            "under {1}, {0} would not run for all values of {2}, only for those for which its producers write all it "
            "reads",
            block,
            loop,
            iter_var.var,
            hint="each instance must find all that it reads in one iteration of the loop",
        )
    require(
        gapless(scope.an, lows, extents, domains),
        "under {1}, {0} is not known to run for all values of its iterators",
        block,
        loop,
        hint="choose a loop whose iterations are whole tiles of what the producers write",
    )


def _require_reduced_once(
    s: State, block: BlockSRef, loop: LoopSRef, axes: Sequence[Axis], realize: BlockRealize, loops: Loops
) -> None:
    """Require that a reduction runs all its updates in one iteration, to start anew where that is repeated, or that
    its updates are divided among the iterations, each made once and the first one first."""
    reducing = [iv.iter_type is not IterType.SPATIAL for iv in block.stmt.iter_vars]
    pairs = zip(block.stmt.iter_vars, axes, strict=True)
    if all(iv.iter_type is IterType.SPATIAL or (a.low is iv.dom.min and a.extent is iv.dom.extent) for iv, a in pairs):
        return
    scope = Footprints(s, block.scope)
    domains = {**scope.loops(loop), loop.stmt.loop_var: loop.stmt.range}
    for var, extent in loops:
        domains[var] = Range(IntImm(var.dtype, 0), extent)
    found = detect_iter_map(realize.iter_values, domains, realize.predicate, IterMapLevel.BIJECTIVE, scope.an)
    used: list[set[Var]] = [set(), set()]
    for value, reduces in zip(realize.iter_values, reducing, strict=True):
        used[reduces].update(free_vars(value))
    rising = all(
        step > 0
        for value, reduces in zip(realize.iter_values, reducing, strict=True)
        for step in scope.an.normal(value).terms.values()
        if reduces
    )
    require(
        found and rising and not used[False] & used[True] & domains.keys(),
        "under {1}, {0} would find only some of the values to reduce in each iteration, and not each of them once",
        block,
        loop,
        hint="choose a loop outside of those that make what the reduction reads",
    )


def _move(
    s: State,
    block: BlockSRef,
    loop: LoopSRef,
    at: int,
    realize: BlockRealize,
    loops: Loops,
) -> None:
    concurrent = concurrent_loops(block, loop)
    edit = Edit(s)
    edit.realize(block, DELETE)
    edit.insert(loop, at, nest_of(realize, loops))
    edit.commit()
    require_still_concurrent(s, concurrent, realize.block)
