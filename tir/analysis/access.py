"""Access regions: what a block reads and writes, found in its body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arith import Analyzer
from ..arith.regions import Box, eval_box, matched_region, region_of, union_box, whole, without_loads
from ..buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range
from ..dtype import HANDLE
from ..expr import Call, Expr, IntImm, Let, Var
from ..op import OPS
from ..stmt import Allocate, Block, BlockRealize, BufferStore, For, LetStmt, Stmt
from ..visit import Visitor, buffers_in, substitute

Regions = tuple[BufferRegion, ...]


def block_access_regions(block: Block, visible: Iterable[Buffer] = ()) -> tuple[Regions, Regions]:
    """(reads, writes) of a block, one region a buffer in order of first access, as TVM finds them.

    The declared `block.reads` and `block.writes` are not looked at. Regions are unions (boxes) over all accesses,
    relaxed over the loops inside the block; the regions a nested block declares count with its iterators replaced by
    their values. An access by pointer takes the whole buffer, reads and writes; so does an index that cannot be
    bounded, or is loaded from what the block itself writes, take the whole dimension. A view made by `match_buffer`
    counts as the buffer it views. Buffers declared inside the block are left out, and, where the block has an init, so
    are reads of what it writes: the update of a reduction reads what the init wrote. Indices are not clipped to the
    shape: a guarded `A[i - 1]` reads `i - 1`.

    Parameters
    ----------
    visible: buffers whose pointers may be used by intrinsics in the block; those accessed in it need not be listed.
    """
    found = _Accesses(block, visible)
    for iter_var in block.iter_vars:
        # An iterator of extent 1 stays itself in the regions.
        if not iter_var.dom.is_point:
            found.analyzer.bind(iter_var.var, iter_var.dom)
    found.enter(block)
    reads, writes = found.regions(found.reads), found.regions(found.writes)
    if block.init is not None:
        written = {region.buffer for region in writes}
        reads = tuple(region for region in reads if region.buffer not in written)
    return reads, writes


def stmt_access_regions(stmt: Stmt, analyzer: Analyzer | None = None) -> tuple[Regions, Regions]:
    """(reads, writes) of a statement, relaxed over the loops in it; `analyzer` knows the variables around it."""
    found = _Accesses(stmt, (), analyzer)
    found(stmt)
    return found.regions(found.reads), found.regions(found.writes)


class _Accesses(Visitor):
    def __init__(self, root: Stmt, visible: Iterable[Buffer], analyzer: Analyzer | None = None) -> None:
        self.root = root
        self.visible = tuple(visible)
        self.analyzer = analyzer or Analyzer()
        self.domains: dict[Var, Range] = {}
        self.lets: dict[Var, Expr] = {}
        self.reads: dict[Buffer, Box] = {}
        self.writes: dict[Buffer, Box] = {}
        self.matches: dict[Buffer, MatchBufferRegion] = {}
        self.local: set[Buffer] = set()

    def regions(self, table: dict[Buffer, Box]) -> Regions:
        """The regions found, but for those of buffers declared inside."""
        made = self.local | self.writes.keys()
        regions = (region_of(self.analyzer, b, box) for b, box in table.items() if b not in self.local)
        return tuple(without_loads(region, made) for region in regions)

    def enter(self, block: Block) -> None:
        """Visit what a block does."""
        self.local.update(block.alloc_buffers)
        for match in block.match_buffers:
            self.matches[match.buffer] = match
        if block.init is not None:
            self(block.init)
        self(block.body)

    def touch(self, buffer: Buffer, region: Iterable[Range], *tables: dict[Buffer, Box]) -> None:
        """Count an access to a region."""
        region = tuple(region)
        match = self.matches.get(buffer)
        if match is not None:
            outer = matched_region(match, region)
            self.touch(outer.buffer, outer.region, *tables)
            return
        if self.lets:
            region = tuple(substitute(r, self.lets) for r in region)
        self.add(buffer, eval_box(self.analyzer, region, self.domains), *tables)

    def touch_all(self, buffer: Buffer, *tables: dict[Buffer, Box]) -> None:
        """Count an access to an unknown part of a buffer."""
        match = self.matches.get(buffer)
        if match is not None:
            self.touch(match.source.buffer, match.source.region, *tables)
        else:
            self.add(buffer, whole(buffer), *tables)

    def touch_pointer(self, data: Var, *tables: dict[Buffer, Box]) -> None:
        """Count an access to an unknown part of the buffers a pointer belongs to."""
        for buffer in dict.fromkeys((*self.visible, *buffers_in(self.root))):
            if buffer.data is data:
                self.touch_all(buffer, *tables)

    def add(self, buffer: Buffer, box: Box, *tables: dict[Buffer, Box]) -> None:
        for table in tables:
            known = table.get(buffer)
            table[buffer] = box if known is None else union_box(self.analyzer, known, box)

    def visit_buffer_load(self, node: BufferLoad) -> None:
        self.touch(node.buffer, map(_index_range, node.indices), self.reads)
        for index in node.indices:
            self(index)
        if node.predicate is not None:
            self(node.predicate)

    def visit_buffer_store(self, node: BufferStore) -> None:
        self(node.value)
        for index in node.indices:
            self(index)
        if node.predicate is not None:
            self(node.predicate)
        self.touch(node.buffer, map(_index_range, node.indices), self.writes)

    def visit_buffer(self, node: Buffer) -> None:
        """A buffer without an index says nothing of an access."""

    def visit_var(self, node: Var) -> None:
        if node.dtype is HANDLE:
            self.touch_pointer(node, self.reads, self.writes)

    def visit_call(self, node: Call) -> None:
        rule = _CALLS.get(node.op)
        if rule is not None:
            rule(self, node)
        else:
            self.descend(node)

    def visit_for(self, node: For) -> None:
        self(node.min)
        self(node.extent)
        self.analyzer.bind(node.loop_var, node.range, allow_override=True)
        outer = self.domains
        self.domains = {**outer, node.loop_var: node.range}
        self(node.body)
        self.domains = outer

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.let(node)

    def visit_let(self, node: Let) -> None:
        self.let(node)

    def let(self, node: Any) -> None:
        self(node.value)
        outer = self.lets
        self.lets = {**outer, node.var: substitute(node.value, outer)}
        self(node.body)
        self.lets = outer

    def visit_allocate(self, node: Allocate) -> None:
        self.local.add(node.buffer)
        self(node.body)

    def visit_block_realize(self, node: BlockRealize) -> None:
        for value in (*node.iter_values, node.predicate):
            self(value)
        block = node.block
        if not (block.reads or block.writes):
            # A nested block that declares nothing, as written by hand without T.reads: look inside.
            with_values = substitute(block, dict(zip((iv.var for iv in block.iter_vars), node.iter_values)))
            self.enter(with_values)
            return
        values = {iv.var: value for iv, value in zip(block.iter_vars, node.iter_values, strict=True)}
        self.local.update(block.alloc_buffers)
        for regions, table in ((block.reads, self.reads), (block.writes, self.writes)):
            for region in regions:
                moved = substitute(region, values)
                self.touch(moved.buffer, moved.region, table)

    def visit_block(self, node: Block) -> None:
        self.enter(node)


def _index_range(index: Expr) -> Range:
    if index.dtype.lanes == 1:
        return Range.point(index)
    return Range(index, IntImm(index.dtype.element, 1))


def _atomic(found: _Accesses, node: Call) -> None:
    load = node.args[0]
    if isinstance(load, BufferLoad):
        found.touch(load.buffer, map(_index_range, load.indices), found.reads, found.writes)
        for index in load.indices:
            found(index)
    else:
        found(load)
    for arg in node.args[1:]:
        found(arg)


def _address(found: _Accesses, node: Call) -> None:
    load = node.args[0]
    if isinstance(load, BufferLoad):
        found.touch_all(load.buffer, found.reads, found.writes)
        for index in load.indices:
            found(index)
    else:
        found(load)


def _access_ptr(found: _Accesses, node: Call) -> None:
    """tvm_access_ptr(type, data, offset, extent, mask): mask 1 reads, 2 writes, 3 both."""
    _, data, offset, extent, mask = node.args
    bits = mask.value if isinstance(mask, IntImm) else 3
    tables = [table for bit, table in ((1, found.reads), (2, found.writes)) if bits & bit]
    if isinstance(data, Var):
        found.touch_pointer(data, *tables)
    found(offset)
    found(extent)


_CALLS: dict[Any, Any] = {
    OPS["atomic_add"]: _atomic,
    OPS["address_of"]: _address,
    OPS["tvm_access_ptr"]: _access_ptr,
}
