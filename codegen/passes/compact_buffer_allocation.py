"""Shrinks every allocation to the part of it that is used where it lives."""

from __future__ import annotations

from typing import Any

from ...tir.analysis.access import stmt_access_regions
from ...tir.arith import Analyzer
from ...tir.arith.regions import relax_region
from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ...tir.expr import Expr, IntImm, Var, const
from ...tir.function import PrimFunc
from ...tir.stmt import Block, BlockRealize, BufferStore, For
from ...tir.visit import Rewriter
from ..target import Target

LARGEST = 1 << 20
"""Elements of one dimension up to which a constant stands in for a symbolic extent."""


def compact_buffer_allocation(func: PrimFunc, target: Target, *, is_strict: bool = True) -> PrimFunc:
    """Give an allocation inside loops the extents that one iteration of them touches, and shift its indices.

    `buffer_dim_align` annotations, (index into writes, dimension, factor, offset), become strides that are `offset`
    beyond a multiple of `factor`.

    Parameters
    ----------
    is_strict: give an allocation no more than it has; otherwise it gets what is accessed, should that be more.
    """
    return _Compact(strict=is_strict)(func)


class _Bare(Rewriter):
    """Blocks that declare nothing, so that regions are found from the accesses themselves."""

    def visit_block(self, node: Block) -> Block:
        return node.replace(reads=(), writes=()).map_children(self)


class _Compact(Rewriter):
    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.analyzer = Analyzer()
        self.compacted: dict[Buffer, tuple[Buffer, tuple[Expr, ...]]] = {}
        self.threads: dict[Var, Range] = {}

    def visit_for(self, node: For) -> For:
        self.analyzer.bind(node.loop_var, node.range, allow_override=True)
        if node.bound_to != "threadIdx":
            return node.map_children(self)
        self.threads[node.loop_var] = node.range
        out = node.map_children(self)
        del self.threads[node.loop_var]
        return out

    def visit_block_realize(self, node: BlockRealize) -> BlockRealize:
        with self.analyzer.constraint(node.predicate):
            return node.map_children(self)

    def visit_block(self, node: Block) -> Block:
        if node.alloc_buffers:
            self.plan(node)
        return node.map_children(self)

    def plan(self, block: Block) -> None:
        """Find the new extents of what `block` allocates."""
        touched: dict[Buffer, list[tuple[Range, ...]]] = {}
        for regions in stmt_access_regions(_Bare()(block.body), self.analyzer):
            for region in regions:
                if region.buffer.scope.startswith("shared"):
                    # All threads of a block have one piece of it, wherever it is allocated.
                    region = relax_region(self.analyzer, region, self.threads)
                touched.setdefault(region.buffer, []).append(region.region)
        aligned = _alignments(block)
        for buffer in block.alloc_buffers:
            if buffer.strides or buffer.ndim == 0:
                continue
            dims = [
                self.used(extent, [region[d] for region in touched.get(buffer, ())])
                for d, extent in enumerate(buffer.shape)
            ]
            mins, shape = tuple(m for m, _ in dims), tuple(e for _, e in dims)
            strides = _strides(shape, aligned.get(buffer, {}))
            if shape != buffer.shape or strides:
                self.compacted[buffer] = buffer.replace(shape=shape, strides=strides), mins

    def used(self, extent: Expr, ranges: list[Range]) -> tuple[Expr, Expr]:
        """Where the used part of a dimension begins and how long it may be; all of it where it cannot be told."""
        zero = const(0, extent.dtype)
        if not ranges:
            return zero, extent
        low, high = ranges[0].min, ranges[0].end
        for r in ranges[1:]:
            if not self.analyzer.prove(r.min >= low):
                low = r.min if self.analyzer.prove(r.min <= low) else zero
            if not self.analyzer.prove(r.end <= high):
                high = r.end if self.analyzer.prove(r.end >= high) else extent
        length = self.analyzer.simplify(high - low)
        if not isinstance(length, IntImm):
            bound = self.analyzer.const_int_bound(length).max_value
            # A bound of a symbolic size that is this large comes from the size's type and says nothing.
            whole = bound >= (extent.value if self.strict and isinstance(extent, IntImm) else LARGEST)
            if whole or not isinstance(bound, int) or bound >= int(length.dtype.max):
                return zero, extent
            length = const(max(bound, 1), length.dtype)
        if self.strict and isinstance(extent, IntImm) and length.value >= extent.value:  # type: ignore[attr-defined]
            return zero, extent
        return self.analyzer.simplify(low), length

    def moved(self, buffer: Buffer, indices: tuple[Any, ...]) -> tuple[Any, ...]:
        indices = tuple(map(self, indices))
        if buffer not in self.compacted:
            return indices
        mins = self.compacted[buffer][1]
        return tuple(_shift(i, m) for i, m in zip(indices, mins))

    def visit_buffer(self, node: Buffer) -> Buffer:
        return self.compacted[node][0] if node in self.compacted else node

    def visit_buffer_load(self, node: BufferLoad) -> BufferLoad:
        predicate = None if node.predicate is None else self(node.predicate)
        return BufferLoad(self(node.buffer), self.moved(node.buffer, node.indices), predicate)

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        predicate = None if node.predicate is None else self(node.predicate)
        indices = self.moved(node.buffer, node.indices)
        return BufferStore(self(node.buffer), self(node.value), indices, predicate)

    def visit_buffer_region(self, node: BufferRegion) -> BufferRegion:
        return BufferRegion(self(node.buffer), self.moved(node.buffer, node.region))


def _shift(index: Any, low: Expr) -> Any:
    if isinstance(low, IntImm) and low.value == 0:
        return index
    return Range(index.min - low, index.extent) if isinstance(index, Range) else index - low


def _alignments(block: Block) -> dict[Buffer, dict[int, tuple[int, int]]]:
    """(factor, offset) by dimension, of the buffers that blocks inside `block` write and say are to be aligned."""
    from ...tir.visit import walk

    found: dict[Buffer, dict[int, tuple[int, int]]] = {}
    for n in walk(block):
        if isinstance(n, Block) and "buffer_dim_align" in n.annotations:
            for entry in n.annotations["buffer_dim_align"]:
                which, dim, factor, offset = (int(getattr(x, "value", x)) for x in entry)
                found.setdefault(n.writes[which].buffer, {})[dim] = (factor, offset)
    return found


def _strides(shape: tuple[Expr, ...], aligned: dict[int, tuple[int, int]]) -> tuple[Expr, ...]:
    """Strides that honour the alignments; () where there are none, or an extent is not a constant."""
    if not aligned or not all(isinstance(e, IntImm) for e in shape):
        return ()
    strides: list[int] = []
    stride = 1
    for dim in reversed(range(len(shape))):
        if dim in aligned:
            factor, offset = aligned[dim]
            stride += (factor + offset - stride % factor) % factor
        strides.append(stride)
        stride *= shape[dim].value  # type: ignore[attr-defined]
    return tuple(const(s, shape[0].dtype) for s in reversed(strides))
