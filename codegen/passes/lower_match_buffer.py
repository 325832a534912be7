"""Replaces the views that blocks declare with match_buffer by accesses to the buffers they are views of."""

from __future__ import annotations

from typing import Any

from ...tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Var
from ...tir.function import PrimFunc
from ...tir.op import OPS
from ...tir.stmt import AssertStmt, Block, BufferStore, Stmt, seq
from ...tir.visit import Substitute
from ..target import Target
from .flatten_buffer import offset_of, strides_of


def lower_match_buffer(func: PrimFunc, target: Target) -> PrimFunc:
    """Rewrite element (i, j) of a view of `A[a:b, c:d]` to `A[a + i, c + j]`; strides and offsets it names are bound.

    Raises
    ------
    LowerError: the view has other extents than the region.
    """
    return _LowerMatch(func)(func)


class _LowerMatch(Substitute):
    def __init__(self, func: PrimFunc) -> None:
        self.func = func
        self.bound: dict[Var, Expr] = {}
        super().__init__(self.bound)
        self.views: dict[Buffer, BufferRegion] = {}
        self.begins: dict[Var, Expr] = {}
        """Where each view that does not ask for its offset begins, in elements from its pointer."""

    def visit_block(self, node: Block) -> Block:
        checks: list[Stmt] = []
        for match in node.match_buffers:
            checks += self.bind(match)
        if node.match_buffers:
            node = node.replace(match_buffers=())
        node = node.map_children(self)
        return node.replace(body=seq(*checks, node.body)) if checks else node

    def bind(self, match: MatchBufferRegion) -> list[Stmt]:
        """Note what a view stands for; gives the checks that its declared strides are the source's."""
        view = match.buffer
        region = self(match.source)
        source = region.buffer
        drop = source.ndim - view.ndim
        fits = drop >= 0 and all(r.is_point for r in region.region[:drop])
        for extent, r in zip(view.shape, region.region[max(drop, 0) :]):
            fits = fits and _may_equal(self(extent), r.extent)
        if not fits:
            raise LowerError(
                "the view {0} has other extents than the region {1} it is matched to",
                view,
                match.source,
                root=self.func,
                hint="leading dimensions of extent 1 may be left out, the others must be equal",
            )
        self.views[view] = region
        self.bound[view.data] = source.data
        origin = tuple(r.min for r in region.region)
        checks: list[Stmt] = []
        actual = (offset_of(source, origin), *strides_of(source)[drop:])
        if isinstance(view.elem_offset, IntImm):
            self.begins[view.data] = actual[0] - view.elem_offset.value
        for declared, value in zip((view.elem_offset, *view.strides), actual):
            if isinstance(declared, Var) and declared not in self.bound:
                self.bound[declared] = value.astype(declared.dtype)
            elif declared is not view.elem_offset:
                same = self(declared) == value.astype(declared.dtype)
                if not (isinstance(same, IntImm) or same.a is same.b):
                    message = f"match_buffer `{view.name}` declares strides that its source does not have"
                    checks.append(AssertStmt(same, message))
        return checks

    def element(self, node: BufferLoad | BufferStore) -> tuple[Buffer, tuple[Expr, ...]]:
        indices = tuple(map(self, node.indices))
        region = self.views.get(node.buffer)
        if region is None:
            return self(node.buffer), indices
        drop = region.buffer.ndim - node.buffer.ndim
        mins = [r.min for r in region.region]
        return region.buffer, (*mins[:drop], *(m + i for m, i in zip(mins[drop:], indices)))

    def visit_call(self, node: Call) -> Any:
        if node.op is OPS["tvm_access_ptr"] and node.args[1] in self.begins:
            kind, data, offset, *rest = node.args
            assert isinstance(data, Var)
            node = node.replace(args=(kind, data, offset + self.begins[data], *rest))
        return node.map_children(self)

    def visit_buffer_load(self, node: BufferLoad) -> BufferLoad:
        return BufferLoad(*self.element(node), None if node.predicate is None else self(node.predicate))

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        buffer, indices = self.element(node)
        predicate = None if node.predicate is None else self(node.predicate)
        return BufferStore(buffer, self(node.value), indices, predicate)

    def visit_buffer_region(self, node: BufferRegion) -> BufferRegion:
        outer = self.views.get(node.buffer)
        ranges = tuple(map(self, node.region))
        if outer is None:
            return BufferRegion(self(node.buffer), ranges)
        drop = outer.buffer.ndim - node.buffer.ndim
        mins = [r.min for r in outer.region]
        points = [Range.point(m) for m in mins[:drop]]
        return BufferRegion(outer.buffer, (*points, *(Range(m + r.min, r.extent) for m, r in zip(mins[drop:], ranges))))

    def visit_buffer(self, node: Buffer) -> Any:
        return self.views[node].buffer if node in self.views else super().visit_buffer(node)


def _may_equal(a: Expr, b: Expr) -> bool:
    return not (isinstance(a, IntImm) and isinstance(b, IntImm)) or a.value == b.value
