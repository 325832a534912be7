"""Letting blocks access another buffer than they did, at other indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range
from ..tir.expr import Expr, Var
from ..tir.node import map_tuple
from ..tir.stmt import Block, BufferStore
from ..tir.visit import Rewriter
from .errors import require

Indices = tuple[Expr, ...]
Regions = tuple[BufferRegion, ...]


class Redirect(Rewriter):
    """Rewrites a block, and those inside it, to access `new` where it accesses `old`.

    Parameters
    ----------
    indices: from an access's indices to those in the new buffer; by default the same.
    region: from a declared region's ranges to those in the new buffer; by default the same.
    loads, stores: which accesses move. Pointers to the buffer move with either.
    """

    def __init__(
        self,
        old: Buffer,
        new: Buffer,
        *,
        indices: Callable[[Indices], Indices] | None = None,
        region: Callable[[tuple[Range, ...]], tuple[Range, ...]] | None = None,
        loads: bool = True,
        stores: bool = True,
    ) -> None:
        self.old, self.new = old, new
        self.indices = indices
        self.region = region
        self.loads, self.stores = loads, stores
        self.inner: dict[Block, Block] = {}
        self.views: dict[Buffer, Buffer] = {}

    def visit_buffer(self, node: Buffer) -> Buffer:
        return self.views.get(node, node)

    def visit_var(self, node: Var) -> Expr:
        return self.new.data if node is self.old.data else node

    def visit_buffer_load(self, node: BufferLoad) -> Expr:
        node = node.map_children(self)
        if node.buffer is not self.old or not self.loads:
            return node
        return BufferLoad(self.new, self.moved(node.indices), node.predicate)

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        node = node.map_children(self)
        if node.buffer is not self.old or not self.stores:
            return node
        return BufferStore(self.new, node.value, self.moved(node.indices), node.predicate)

    def moved(self, indices: Indices) -> Indices:
        """The indices in the new buffer."""
        return indices if self.indices is None else self.indices(indices)

    def moved_region(self, region: BufferRegion) -> BufferRegion:
        """A declared region in the new buffer."""
        if region.buffer is not self.old:
            return region.map_children(self)
        return BufferRegion(self.new, region.region if self.region is None else self.region(region.region))

    def visit_block(self, node: Block) -> Block:
        matches = map_tuple(node.match_buffers, self.match)
        reads = map_tuple(node.reads, self.moved_region) if self.loads else node.reads
        writes = map_tuple(node.writes, self.moved_region) if self.stores else node.writes
        body = self(node.body)
        init = None if node.init is None else self(node.init)
        parts = {"reads": reads, "writes": writes, "body": body, "init": init, "match_buffers": matches}
        if all(getattr(node, name) is part for name, part in parts.items()):
            return node
        new: Block = node.replace(**parts)
        self.inner[node] = new
        return new

    def match(self, match: MatchBufferRegion) -> MatchBufferRegion:
        """A view of the old buffer as one of the new, in its memory."""
        source, view = match.source, match.buffer
        if source.buffer is not self.old and source.buffer not in self.views:
            return match
        moved = self.moved_region(source)
        if view not in self.views:
            data = view.data.replace(pointee=moved.buffer.dtype, scope=moved.buffer.scope)
            self.views[view] = view.replace(data=data, dtype=moved.buffer.dtype, scope=moved.buffer.scope)
        return MatchBufferRegion(self.views[view], moved)


def _uses_pointer(node: Any, data: Var) -> bool:
    return node is data or any(_uses_pointer(child, data) for child in node.children())


def require_no_pointer(block: Any, buffer: Buffer, purpose: str) -> None:
    """Require that `block` (a reference) reaches `buffer` by indices alone, so that it can be moved."""
    require(
        not _uses_pointer(block.stmt.body, buffer.data),
        f"{{0}} takes the pointer of {{1}}, which therefore cannot {purpose}",
        block,
        buffer,
        hint="an access by pointer counts elements from the start of the buffer as it is",
    )


def shifted(offset: Sequence[Expr], simplify: Callable[[Expr], Expr]) -> Callable[[Indices], Indices]:
    """Indices counted from `offset`."""
    return lambda indices: tuple(simplify(i - o) for i, o in zip(indices, offset, strict=True))


def shifted_region(
    offset: Sequence[Expr], simplify: Callable[[Expr], Expr]
) -> Callable[[tuple[Range, ...]], tuple[Range, ...]]:
    """Ranges counted from `offset`."""
    return lambda ranges: tuple(Range(simplify(r.min - o), r.extent) for r, o in zip(ranges, offset, strict=True))
