"""Primitives that make partial results of a reduction: rfactor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...tir.analysis.access import block_access_regions
from ...tir.analysis.reducers import Combiner, combiner
from ...tir.arith.stmt import conjuncts
from ...tir.buffer import Buffer, BufferLoad, decl_buffer
from ...tir.expr import Expr, Var, all_of
from ...tir.stmt import Block, BlockRealize, BufferStore, For, ForKind, IterType, IterVar, Stmt, seq
from ...tir.visit import free_vars, substitute
from ..concurrency import concurrent_loops, require_still_concurrent
from ..conditions import require_affine, require_reduction
from ..errors import refusal, require
from ..primitive import primitive
from ..sref import BlockSRef, LoopSRef
from ..state import State
from .reduction import skipped_at_first


class _Factored(NamedTuple):
    """The block of the partial results, and what its iterators are bound to."""

    block: Block
    values: tuple[Expr, ...]


@primitive
def rfactor(s: State, loop: LoopSRef, *, factor_axis: int) -> BlockSRef:
    """Reduce each iteration of `loop` into an element of its own, and add these up in a second step.

    Gives the block of the partial results; the handle of the block that reduced stands for the second step.

    Parameters
    ----------
    factor_axis: which dimension of the new buffer the loop runs along; negative numbers count from the end.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 64), "float32"), B: T.Buffer((16,), "float32")):
            for i, k_0, k_1 in T.grid(16, 8, 8):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    vk = T.axis.reduce(64, k_0 * 8 + k_1)
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + A[vi, vk]
    step:
        i, k_0, k_1 = sch.get_loops("B")
        sch.rfactor(k_1, 1)
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 64), "float32"), B: T.Buffer((16,), "float32")):
            B_rf = T.alloc_buffer((16, 8), "float32")
            for i, k_0, k_1 in T.grid(16, 8, 8):
                with T.block("B_rf"):
                    vk_1, vi, vk_0 = T.axis.remap("SSR", [k_1, i, k_0])
                    with T.init():
                        B_rf[vi, vk_1] = T.float32(0)
                    B_rf[vi, vk_1] = B_rf[vi, vk_1] + A[vi, vk_0 * 8 + vk_1]
            for i, k_1 in T.grid(16, 8):
                with T.block("B"):
                    vk_1, vi = T.axis.remap("RS", [k_1, i])
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + B_rf[vi, vk_1]
    """
    block = s.child_blocks(loop)[0]
    around, realize = [ref.stmt for ref in block.loops()], s.realize(block)
    reducing = _reducing(block, realize, around)
    nested = _alone(block, realize, loop, reducing)
    require_reduction(s, block)
    require_affine(s, block)
    loops, own = [ref.stmt for ref in nested], loop.stmt
    require(
        own.loop_var in reducing,
        "{0} drives no reduce axis of {1}, so it has nothing to factor",
        loop,
        block,
        hint="choose a loop of the reduction",
    )
    require(
        own.kind is ForKind.SERIAL,
        "{0} is no longer serial; how it runs would hold of making the partial results and of combining them alike",
        loop,
        hint="factor first, and decide afterwards how the new loops run",
    )
    variables = {stmt.loop_var for stmt in around}
    for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True):
        for var in free_vars(value):
            require(
                iv.iter_type is IterType.SPATIAL or var in variables,
                "{0} is part of the reduction of {1}, but a loop outside of the block around it",
                var,
                block,
                hint="factor before the loop is divided or put into a block",
            )
    found = combiner(block.stmt)
    order = [stmt for stmt in loops if stmt.loop_var in reducing]
    require(
        not found.ordered or order[0] is own,
        "{0} leaves ties to the order of its loops, in which {1} is not the outermost of the reduction",
        block,
        loop,
        hint="factor the outermost loop of the reduction, or let the comparison decide ties by the index, as in "
        "x > y or (x == y and i < j)",
    )
    ndim = {len(store.indices) for store in found.stores}
    places = range(-min(ndim) - 1, min(ndim) + 1)
    require(
        factor_axis in places,
        f"factor_axis is a dimension of the new buffer, {places.start} to {places.stop - 1}, got {factor_axis}",
    )
    for outer in around:
        for part in (outer.min, outer.extent):
            require(
                not any(stmt.loop_var in free_vars(part) for stmt in around),
                "the range of {0} depends on a loop around it",
                outer,
                hint="only loops of fixed ranges can be factored",
            )
    _require_started(block, realize, order, own)
    buffers = [_partial_buffer(store.buffer, own.extent, factor_axis) for store in found.stores]
    partial = _partial(block.stmt, realize, own, order, found, buffers, factor_axis)
    final, nest = _final(block.stmt, realize, loops, order, own, found, buffers, factor_axis)
    inner = _nest_with(loops, BlockRealize(partial.values, realize.predicate, partial.block))
    scope, at_once = block.scope, concurrent_loops(nested[0])
    s.replace(nested[0], seq(inner, nest), {block.stmt: final})
    s.replace(scope, scope.stmt.replace(alloc_buffers=(*scope.stmt.alloc_buffers, *buffers)))
    require_still_concurrent(s, at_once, partial.block)
    ref = s.srefs[partial.block]
    assert isinstance(ref, BlockSRef)
    return ref


def _alone(block: BlockSRef, realize: BlockRealize, loop: LoopSRef, reducing: set[Var]) -> list[LoopSRef]:
    """The loops around a block that hold nothing else: at least `loop` and those that reduce."""
    below: Stmt = realize
    alone: list[LoopSRef] = []
    for ref in reversed(block.loops()):
        if ref.stmt.body is not below:
            require(
                ref is not loop and ref.stmt.loop_var not in reducing,
                "{0} holds more than {2}, so {1} cannot be factored",
                ref,
                loop,
                block,
                hint="decompose_reduction comes after rfactor; move other blocks away first",
            )
            continue
        alone.insert(0, ref)
        below = ref.stmt
    return alone


def _reducing(block: BlockSRef, realize: BlockRealize, loops: Sequence[For]) -> set[Var]:
    """The loop variables that drive reduce axes; none of them may drive a spatial one, too."""
    sides: dict[bool, set[Var]] = {True: set(), False: set()}
    for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True):
        sides[iv.iter_type is IterType.SPATIAL].update(free_vars(value))
    for loop in loops:
        require(
            loop.loop_var not in sides[True] & sides[False],
            "{0} drives both spatial and reduce axes of {1}",
            loop,
            block,
            hint="factor before fusing spatial with reduce loops",
        )
    return sides[False]


def _require_started(block: BlockSRef, realize: BlockRealize, order: Sequence[For], own: For) -> None:
    """Require that each partial result is started: the block runs in the first iteration of the other loops."""
    skipped = skipped_at_first(block, realize, order, [loop for loop in order if loop is not own])
    if skipped is not None:
        raise refusal(
            "for some iterations of {1}, {0} never runs, for it runs only where {2}; these would have no result",
            block,
            own,
            skipped,
            hint="split by factors that divide the extent, or swap the roles of the loops",
        )


def _partial_buffer(buffer: Buffer, extent: Expr, axis: int) -> Buffer:
    at = axis if axis >= 0 else axis + len(buffer.shape) + 1
    shape = (*buffer.shape[:at], extent, *buffer.shape[at:])
    return decl_buffer(shape, buffer.dtype, f"{buffer.name}_rf", scope=buffer.scope)


def _inserted(indices: tuple[Expr, ...], axis: int, index: Expr) -> tuple[Expr, ...]:
    at = axis if axis >= 0 else axis + len(indices) + 1
    return (*indices[:at], index, *indices[at:])


def _with_regions(block: Block, order: Sequence[Buffer]) -> Block:
    """The block declaring what it accesses, reads of the buffers in `order` in that order."""
    reads, writes = block_access_regions(block)
    place = {buffer: i for i, buffer in reversed(list(enumerate(order)))}
    reads = tuple(sorted(reads, key=lambda region: place.get(region.buffer, -1)))
    return block.replace(reads=reads, writes=writes)


def _partial(
    old: Block,
    realize: BlockRealize,
    own: For,
    order: Sequence[For],
    found: Combiner,
    buffers: Sequence[Buffer],
    axis: int,
) -> _Factored:
    """The block that reduces each iteration of `own` by itself: one reduce axis for each other loop of the reduction
    that the old axes share with it."""
    factor = IterVar(own.range, own.loop_var.replace(name=f"v{own.loop_var.name}"), IterType.SPATIAL)
    axes: list[tuple[IterVar, Expr]] = [(factor, own.loop_var)]
    values: dict[Var, Expr] = {}
    loops = {loop.loop_var: loop for loop in order}
    made: dict[Var, Expr] = {own.loop_var: factor.var}
    for iv, value in zip(old.iter_vars, realize.iter_values, strict=True):
        used = free_vars(value)
        if own.loop_var not in used:
            var = iv.var.replace()
            axes.append((IterVar(iv.dom, var, iv.iter_type), value))
            values[iv.var] = var
            continue
        for var in used:
            if var in loops and var not in made:
                new = var.replace(name=f"v{var.name}")
                made[var] = new
                axes.append((IterVar(loops[var].range, new, IterType.REDUCE), var))
        values[iv.var] = substitute(value, made)
    along = factor.var - own.min
    at = [_inserted(tuple(substitute(i, values) for i in s.indices), axis, along) for s in found.stores]
    terms = [substitute(v, values) for v in found.values]
    body = found.update(buffers, at, terms)
    init = seq(*(BufferStore(b, unit, i) for b, unit, i in zip(buffers, found.units, at, strict=True)))
    block = Block(tuple(iv for iv, _ in axes), (), (), f"{old.name_hint}_rf", body, init, annotations=old.annotations)
    if all(iv.iter_type is IterType.SPATIAL for iv in block.iter_vars):
        # Of one term there is nothing to combine.
        stores = (BufferStore(b, term, i) for b, term, i in zip(buffers, terms, at, strict=True))
        block = block.replace(init=None, body=seq(*stores))
    return _Factored(_with_regions(block, [r.buffer for r in old.reads]), tuple(value for _, value in axes))


def _final(
    old: Block,
    realize: BlockRealize,
    loops: Sequence[For],
    order: Sequence[For],
    own: For,
    found: Combiner,
    buffers: Sequence[Buffer],
    axis: int,
) -> tuple[Block, Stmt]:
    """The block that combines the partial results, and its loops: without those of the reduction, `order`, but for
    `own`, and without those that nothing speaks of."""
    reduced = {loop.loop_var for loop in order}
    guards = [c for c in conjuncts(realize.predicate) if not reduced & set(free_vars(c))]
    named = {v for e in (*realize.iter_values, *guards) for v in free_vars(e)} - reduced
    kept = [loop for loop in loops if loop.loop_var in named or loop is own]
    renamed: dict[Var, Expr] = {loop.loop_var: loop.loop_var.replace() for loop in kept}
    factor = IterVar(own.range, own.loop_var.replace(name=f"v{own.loop_var.name}"), IterType.REDUCE)
    axes: list[tuple[IterVar, Expr]] = [(factor, own.loop_var)]
    values: dict[Var, Expr] = {}
    for iv, value in zip(old.iter_vars, realize.iter_values, strict=True):
        if iv.iter_type is IterType.SPATIAL:
            var = iv.var.replace()
            axes.append((IterVar(iv.dom, var, iv.iter_type), value))
            values[iv.var] = var
    at = [tuple(substitute(i, values) for i in s.indices) for s in found.stores]
    along = factor.var - own.min
    partial: list[Expr] = [BufferLoad(b, _inserted(i, axis, along)) for b, i in zip(buffers, at, strict=True)]
    body = found.update([s.buffer for s in found.stores], at, partial)
    block = _with_regions(
        Block(
            tuple(iv for iv, _ in axes),
            (),
            (),
            old.name_hint,
            body,
            substitute(old.init, values),
            annotations=old.annotations,
        ),
        buffers,
    )
    run = BlockRealize(
        tuple(substitute(value, renamed) for _, value in axes), substitute(all_of(*guards), renamed), block
    )
    nest: Stmt = run
    for loop in reversed(kept):
        var = renamed[loop.loop_var]
        assert isinstance(var, Var)
        nest = For(var, loop.min, loop.extent, loop.kind, nest, loop.thread_binding, loop.annotations)
    return block, nest


def _nest_with(loops: Sequence[For], body: Stmt) -> Stmt:
    for loop in reversed(loops):
        body = loop.with_body(body)
    return body
