"""Primitives that compute a value where it is used: compute_inline, reverse_compute_inline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...tir.analysis.access import block_access_regions
from ...tir.arith.analyzer import Analyzer
from ...tir.arith.index_map import IndexMap
from ...tir.arith.interval import eval_set
from ...tir.buffer import Buffer, BufferLoad
from ...tir.errors import UserError
from ...tir.expr import Expr, IntImm, Var, all_of
from ...tir.node import DELETE
from ...tir.stmt import Block, BlockRealize, BufferStore, IterVar
from ...tir.visit import Rewriter, free_vars, substitute, walk
from ..concurrency import concurrent_loops, require_still_concurrent
from ..conditions import require_affine, require_complete
from ..errors import refusal, require
from ..primitive import primitive
from ..sref import BlockSRef, blocks_below
from ..state import State

_Solve = Callable[[Sequence[Expr]], dict[Var, Expr]]
"""Gives what iterators are where indices have certain values."""


def _only_store(block: BlockSRef) -> BufferStore:
    body = block.stmt.body
    require(
        isinstance(body, BufferStore),
        "the body of {0} is not one store, so it has no value to put elsewhere",
        block,
    )
    assert isinstance(body, BufferStore)
    return body


def _scope_buffer(s: State, block: BlockSRef, buffer: Buffer) -> BlockSRef:
    """The block that allocates `buffer`, which must be one around `block`."""
    for above in block.ancestors():
        if isinstance(above, BlockSRef) and buffer in above.stmt.alloc_buffers:
            _require_only_writer(s, block, above, buffer)
            return above
    require(
        False,
        "{0} writes {1}, which belongs to the function's parameters, so it must be stored",
        block,
        buffer,
        hint="only blocks that write an intermediate buffer (T.alloc_buffer) can be inlined",
    )
    raise AssertionError


def _require_only_writer(s: State, block: BlockSRef, owner: BlockSRef, buffer: Buffer) -> None:
    """Require that, below `owner`, nothing outside of the scope of `block` writes `buffer`."""
    at = block.scope
    while at is not owner:
        for other in s.child_blocks(at.scope):
            require(
                other is at or all(r.buffer is not buffer for r in other.stmt.writes),
                "{0}, outside of the block that {1} lies in, writes {2} as well",
                other,
                block,
                buffer,
            )
        at = at.scope


def _require_same_value_later(s: State, owner: BlockSRef, block: BlockSRef, buffer: Buffer) -> None:
    """Require that the value is the same where it is read: after the block, from what the block reads as it was.

    Readers lie in the scope of the block, or outside of blocks around it, up to `owner`, which allocates the buffer.
    """
    read = {region.buffer for region in block.stmt.reads}
    around = [block]
    while around[-1].scope is not owner:
        around.append(around[-1].scope)
    outside = False
    for at in reversed(around):
        order = s.child_blocks(at.scope)
        own = order.index(at)
        readers = [
            i
            for i, other in enumerate(order)
            if any(r.buffer is buffer for r in other.stmt.reads) and (other is not at or at is block)
        ]
        for i in readers:
            require(
                i > own,
                "{0} reads {1} before {2} writes it, so what it reads was written in another iteration",
                order[i],
                buffer,
                block,
            )
        last = len(order) - 1 if outside else max(readers, default=own)
        for other in order[own + 1 : last + 1]:
            for region in other.stmt.writes:
                require(
                    region.buffer not in read,
                    "{0} writes {1}, from which {2} computes its value, before that is read or while it is",
                    other,
                    region.buffer,
                    block,
                    hint="cache_read the buffer first, so that its former elements are kept",
                )
        for kept in at.scope.stmt.alloc_buffers:
            require(
                not (outside and kept in read),
                "{0} is read outside of {1}, which alone has {2}, from which {3} computes its value",
                buffer,
                at.scope,
                kept,
                block,
                hint="reverse_compute_inline may put the value where that is written",
            )
        outside = outside or bool(readers)


@primitive
def compute_inline(s: State, block: BlockSRef) -> None:
    """Compute the value of `block` in each of its consumers, at every use, and drop the block and its buffer.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((16,), "float32")
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = B[vi] + T.float32(1)
    step:
        sch.compute_inline("B")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = A[vi] * T.float32(2) + T.float32(1)
    """
    store = _only_store(block)
    buffer = store.buffer
    owner = _scope_buffer(s, block, buffer)
    require_complete(s, block)
    used = {v for index in store.indices for v in free_vars(index)}
    iterators = [iv for iv in block.stmt.iter_vars if iv.var in used]
    found = _inverse(iterators, store.indices)
    if found is None:
        raise refusal(
            "{0} stores at ({1}), from which its iterators cannot be found, so the value at a given index is not known",
            block,
            ", ".join(map(str, store.indices)),
            hint="reverse_compute_inline, or transform_layout of the buffer, may serve",
        )
    free = [iv.var for iv in block.stmt.iter_vars if iv.var not in used and iv.var in free_vars(store.value)]
    require(
        not free, "the value that {0} stores depends on {1}, which is not among the indices stored at", block, *free
    )
    _require_same_value_later(s, owner, block, buffer)
    _inline(s, owner, block, buffer, _PutValue(buffer, found, store.value, block.stmt))


def _inline(s: State, owner: BlockSRef, block: BlockSRef, buffer: Buffer, rewriter: _Inliner) -> None:
    """Rewrite what `owner` holds; loops around blocks whose reads move must still be able to run at once."""
    readers = [b for b in s.child_blocks(block.scope) if any(region.buffer is buffer for region in b.stmt.reads)]
    concurrent, gone = concurrent_loops(block, *readers), block.stmt
    new = rewriter(owner.stmt)
    s.replace(owner, new.replace(alloc_buffers=tuple(b for b in new.alloc_buffers if b is not buffer)), rewriter.blocks)
    require_still_concurrent(s, concurrent, gone, gone=True)


class _Inliner(Rewriter):
    """Drops a block and a buffer, rewrites the expressions of other blocks, and derives the regions that changed."""

    def __init__(self, removed: Block, buffer: Buffer) -> None:
        self.removed, self.buffer = removed, buffer
        self.blocks: dict[Block, Block] = {}

    def visit_block_realize(self, node: BlockRealize) -> Any:
        return DELETE if node.block is self.removed else node.map_children(self)

    def visit_block(self, node: Block) -> Block:
        body, init = self(node.body), None if node.init is None else self(node.init)
        require(
            body is not DELETE,
            "{0} is all there is in {1}, which would be left empty",
            self.removed,
            node,
            hint="inline before blockize, or compute the block elsewhere",
        )
        named = any(region.buffer is self.buffer for region in (*node.reads, *node.writes))
        if body is node.body and init is node.init and not named:
            return node
        new = node.replace(body=body, init=init)
        if node.iter_vars or node.reads or node.writes:
            reads, writes = block_access_regions(new)
            stale = any(w.buffer is self.buffer for w in node.writes)
            new = new.replace(reads=reads, writes=writes if stale else node.writes)
        self.blocks[node] = new
        return new


class _PutValue(_Inliner):
    """Puts the value stored in place of loads, at the iterators that the indices loaded stand for."""

    def __init__(self, buffer: Buffer, iterators: _Solve, value: Expr, removed: Block) -> None:
        super().__init__(removed, buffer)
        self.iterators, self.value = iterators, value

    def visit_buffer_load(self, node: BufferLoad) -> Expr:
        node = node.map_children(self)
        if node.buffer is not self.buffer:
            return node
        return substitute(self.value, self.iterators(node.indices))


@primitive
def reverse_compute_inline(s: State, block: BlockSRef) -> None:
    """Compute what `block` makes of its producer's value where the producer stores it, and drop `block`.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((16,), "float32")
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = B[vi] + T.float32(1)
    step:
        sch.reverse_compute_inline("C")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = A[vi] * T.float32(2) + T.float32(1)
    """

    consumed = _only_store(block)
    require_complete(s, block)
    require_affine(s, block)
    producer, load = _the_producer(s, block)
    stored = _only_store(producer)
    require_complete(s, producer)
    buffer = load.buffer
    owner = _scope_buffer(s, producer, buffer)
    values = _solve(block, producer, load, stored.indices)
    order = s.child_blocks(block.scope)
    between = order[order.index(producer) : order.index(block)]
    for other in between:
        for touched in (*other.stmt.reads, *other.stmt.writes):
            require(
                touched.buffer is not consumed.buffer,
                "{0}, between the producer and {1}, touches {2}, which {1} writes",
                other,
                block,
                consumed.buffer,
            )
    analyzer = Analyzer()
    doms = {iv.var: iv.dom for iv in producer.stmt.iter_vars}
    for iv in producer.stmt.iter_vars:
        analyzer.bind(iv.var, iv.dom)
    for iv in block.stmt.iter_vars:
        low, high = eval_set(analyzer, values[iv.var], doms)
        require(
            low is not None
            and high is not None
            and analyzer.prove(low <= iv.dom.min)
            and analyzer.prove(high + 1 >= iv.dom.end),
            "{0} has instances for which {1} computes nothing: those of its axis {2} beyond what is stored",
            block,
            producer,
            iv.var,
            hint="padding has no place in the block it pads; decompose_padding takes it out",
        )
    guard = all_of(
        *(
            condition
            for iv in block.stmt.iter_vars
            for condition in (values[iv.var] >= iv.dom.min, values[iv.var] < iv.dom.end)
            if not analyzer.prove(condition)
        )
    )
    guard = analyzer.simplify(guard)
    rewriter = _PutConsumer(block.stmt, producer.stmt, buffer, stored.value, values, guard, consumed)
    _inline(s, owner, producer, buffer, rewriter)


def _the_producer(s: State, block: BlockSRef) -> tuple[BlockSRef, BufferLoad]:
    """The only producer of `block`, and how its value is loaded."""
    order = s.child_blocks(block.scope)
    reads = {r.buffer for r in block.stmt.reads}
    producers = [b for b in order[: order.index(block)] if any(w.buffer in reads for w in b.stmt.writes)]
    require(len(producers) > 0, "{0} has no producer: what it reads are the function's parameters", block)
    if len(producers) > 1:
        places = " and ".join(f"{{{i + 1}}}" for i in range(len(producers)))
        require(False, f"{{0}} has several producers, {places}", block, *producers, hint="inline the others first")
    (producer,) = producers
    buffers = [w.buffer for w in producer.stmt.writes]
    loads = {n for n in walk(block.stmt.body) if isinstance(n, BufferLoad) and n.buffer in buffers}
    require(
        len(loads) == 1,
        "{0} reads its producer's value at several places",
        block,
        hint="only a consumer that reads one element for each that it writes can be computed where it is made",
    )
    (load,) = loads
    around = {above.stmt for above in block.ancestors()}
    others = [
        n
        for n in blocks_below(_scope_buffer(s, producer, load.buffer).stmt)
        if n is not block.stmt and n not in around
        if any(r.buffer is load.buffer for r in n.reads)
    ]
    require(not others, "{1} also reads {2}, the value made by the producer of {0}", block, *others[:1], load.buffer)
    return producer, load


def _solve(block: BlockSRef, producer: BlockSRef, load: BufferLoad, stored: tuple[Expr, ...]) -> dict[Var, Expr]:
    """The consumer's iterators in terms of the producer's, from equating the indices loaded with those stored."""
    iter_vars = block.stmt.iter_vars
    values: dict[Var, Expr] = {iv.var: iv.dom.min for iv in iter_vars if iv.dom.is_point}
    rest: list[tuple[Expr, Expr]] = []
    for index, target in zip(load.indices, stored, strict=True):
        # index = var + shift
        (var, *more) = free_vars(index) or [None]
        shift = None if var is None or more else Analyzer().simplify(index - var)
        if isinstance(shift, IntImm) and var is not None and var not in values:
            values[var] = target - shift
        else:
            rest.append((index, target))
    left = [iv for iv in iter_vars if iv.var not in values]
    rest = [(index, target) for index, target in rest if any(iv.var in free_vars(index) for iv in left)]
    found = _inverse(left, [index for index, _ in rest])
    if found is not None:
        values |= found([target for _, target in rest])
    analyzer = Analyzer({iv.var: iv.dom for iv in producer.stmt.iter_vars})
    for index, target in zip(load.indices, stored, strict=True):
        if all(v in values for v in free_vars(index)) and not analyzer.equal(substitute(index, values), target):
            raise refusal(
                "{0} reads at ({1}) only some of what {2} stores",
                block,
                ", ".join(map(str, load.indices)),
                producer,
                hint="compute_inline of the producer may serve",
            )
    for iv in iter_vars:
        if iv.var not in values:
            raise refusal(
                "{0} reads at ({1}), from which its axis {2} cannot be found",
                block,
                ", ".join(map(str, load.indices)),
                iv.var,
                hint="each element of the producer must be read by one instance of the consumer",
            )
    return values


def _inverse(iter_vars: Sequence[IterVar], indices: Sequence[Expr]) -> _Solve | None:
    """What gives iterators in terms of the values of `indices`, which are of these and no others; None where these
    are not one to one."""
    own = [iv.var for iv in iter_vars]
    if len(set(indices)) == len(indices) and set(indices) == set(own):
        return lambda targets: dict(zip(indices, targets, strict=True))  # type: ignore[arg-type]
    if any(v not in own for index in indices for v in free_vars(index)):
        return None
    try:
        inverse = IndexMap(own, indices).inverse([iv.dom for iv in iter_vars])
    except UserError:
        return None
    return lambda targets: dict(zip(own, inverse.map_indices(targets), strict=True))


class _PutConsumer(_Inliner):
    """Turns the producer into a block that computes the consumer, under `guard`."""

    def __init__(
        self,
        removed: Block,
        producer: Block,
        buffer: Buffer,
        value: Expr,
        values: dict[Var, Expr],
        guard: Expr,
        store: BufferStore,
    ) -> None:
        super().__init__(removed, buffer)
        self.producer, self.value = producer, value
        self.values, self.guard, self.store = values, guard, store

    def visit_block_realize(self, node: BlockRealize) -> Any:
        if node.block is not self.producer:
            return super().visit_block_realize(node)
        bound = {iv.var: v for iv, v in zip(node.block.iter_vars, node.iter_values, strict=True)}
        predicate = all_of(node.predicate, substitute(self.guard, bound))
        return BlockRealize(node.iter_values, predicate, self(node.block))

    def visit_block(self, node: Block) -> Block:
        if node is not self.producer:
            return super().visit_block(node)
        indices = tuple(substitute(i, self.values) for i in self.store.indices)
        body = BufferStore(self.store.buffer, substitute(self(self.store.value), self.values), indices)
        new = node.replace(body=body)
        reads, writes = block_access_regions(new)
        self.blocks[node] = new.replace(reads=reads, writes=writes)
        return self.blocks[node]

    def visit_buffer_load(self, node: BufferLoad) -> Expr:
        return self.value if node.buffer is self.buffer else node.map_children(self)
