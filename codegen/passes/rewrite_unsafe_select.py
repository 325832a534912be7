"""Makes choices of those selects of which a branch must not be evaluated where the other one is taken."""

from __future__ import annotations

from typing import Any

from ...tir.arith import Analyzer
from ...tir.buffer import BufferLoad
from ...tir.expr import Expr, Select
from ...tir.function import PrimFunc
from ...tir.op import if_then_else
from ...tir.stmt import BufferStore
from ...tir.visit import Rewriter, walk
from ..reached import Reached
from ..target import Target
from .conditions import extents_known


def rewrite_unsafe_select(func: PrimFunc, target: Target) -> PrimFunc:
    """Turn `T.Select(i < 7, A[i + 1], 0)` into `T.if_then_else`, where a branch loads what may lie outside of a buffer.

    Selects evaluate both branches, which is what vectors want, so those shown to be safe stay.
    """
    if not any(isinstance(n, Select) for n in walk(func.body)):
        return func
    unsafe = _Unsafe(extents_known(func))
    unsafe(func.body)
    return _Rewrite(unsafe.found)(func) if unsafe.found else func


class _Unsafe(Reached):
    """found: the selects with a branch that loads outside as far as is known. `outside`: whether one was met."""

    def __init__(self, analyzer: Analyzer) -> None:
        super().__init__(analyzer)
        self.found: set[Expr] = set()
        self.outside = False

    def access(self, node: BufferLoad | BufferStore) -> None:
        if isinstance(node, BufferLoad) and not self.outside:
            pairs = zip(node.indices, node.buffer.shape, strict=False)
            self.outside = not all(self.inside(i, extent, node.predicate) for i, extent in pairs)

    def visit_select(self, node: Select) -> None:
        self(node.condition)
        before, self.outside = self.outside, False
        self(node.true_value)
        self(node.false_value)
        if self.outside and node.condition.dtype.lanes == 1:
            self.found.add(node)
        self.outside |= before


class _Rewrite(Rewriter):
    def __init__(self, unsafe: set[Expr]) -> None:
        self.unsafe = unsafe

    def visit_select(self, node: Select) -> Any:
        out = node.map_children(self)
        return if_then_else(out.condition, out.true_value, out.false_value) if node in self.unsafe else out
