"""Does 64-bit index arithmetic in 32 bits where its values provably fit."""

from __future__ import annotations

from typing import Any

from ...tir import expr as ex
from ...tir.arith import Analyzer
from ...tir.buffer import BufferLoad, Range
from ...tir.dtype import INT32, INT64
from ...tir.errors import UserError
from ...tir.expr import BinaryOp, Broadcast, Cast, CmpOp, Expr, IntImm, Ramp, Select, Var, const
from ...tir.function import PrimFunc
from ...tir.node import map_tuple
from ...tir.stmt import BufferStore, For, LetStmt
from ...tir.visit import Rewriter, walk
from ..target import Target
from .conditions import extents_known

_ARITHMETIC = (ex.Add, ex.Sub, ex.Mul, ex.FloorDiv, ex.FloorMod, ex.Div, ex.Mod, ex.Min, ex.Max)


def narrow_data_type(func: PrimFunc, target: Target, *, target_bits: int = 32) -> PrimFunc:
    """Give 32-bit types to loop variables, lets, indices and comparisons of int64 whose every step fits them.

    What is proved are the bounds of each intermediate value, so the arithmetic stays exact. Loads of int64 from
    memory, and what hangs on parameters of int64 without bounds, stay as they are.

    Parameters
    ----------
    target_bits: 32, or 64, with which nothing is to be done.

    Raises
    ------
    UserError: another number of bits.
    """
    if target_bits not in (32, 64):
        raise UserError(f"index arithmetic is done in 32 or 64 bits, not in {target_bits}")
    if target_bits == 64 or not any(isinstance(n, Expr) and n.dtype.element == INT64 for n in walk(func.body)):
        return func
    return Narrow(extents_known(func))(func)


class Narrow(Rewriter):
    """Rewrites what `fits` says can be in 32 bits.

    Attributes
    ----------
    narrowed: the 32-bit variables that stand for 64-bit ones.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self.narrowed: dict[Var, Var] = {}

    def narrow(self, e: Expr) -> Expr | None:
        """`e`, of type int64, in 32 bits; None where that is not shown to be exact."""
        if isinstance(e, Var):
            return self.narrowed.get(e)
        if isinstance(e, IntImm):
            return const(e.value, INT32) if INT32.min <= e.value <= INT32.max else None
        if isinstance(e, Cast) and e.value.dtype.element.is_integral and e.value.dtype.bits <= 32:
            value = self(e.value)
            if value.dtype.element == INT32:
                return value
            return Cast(INT32.with_lanes(e.dtype.lanes), value) if value.dtype.bits < 32 or self.fits(e) else None
        if not isinstance(e, (*_ARITHMETIC, Select, Ramp, Broadcast)) or not self.fits(e):
            return None
        if isinstance(e, Select):
            a, b = self.narrow(e.true_value), self.narrow(e.false_value)
            return None if a is None or b is None else Select(self(e.condition), a, b)
        if isinstance(e, Ramp):
            base, stride = self.narrow(e.base), self.narrow(e.stride)
            return None if base is None or stride is None else Ramp(base, stride, e.lanes)
        if isinstance(e, Broadcast):
            value = self.narrow(e.value)
            return None if value is None else Broadcast(value, e.lanes)
        assert isinstance(e, BinaryOp)
        a, b = self.narrow(e.a), self.narrow(e.b)
        return None if a is None or b is None else type(e)(a, b)

    def fits(self, e: Expr) -> bool:
        """Whether every lane of `e` lies in the 32-bit range."""
        if isinstance(e, Ramp):
            last = e.base + e.stride * const(e.lanes - 1, e.stride.dtype)
            return self.fits(e.base) and (e.base.dtype.lanes > 1 or self.fits(last))
        if isinstance(e, Broadcast):
            return self.fits(e.value)
        if e.dtype.lanes > 1:
            return False
        low, high = self.analyzer.const_int_bound(e)
        return bool(INT32.min <= low and high <= INT32.max)

    def index(self, e: Expr) -> Expr:
        """An index, in 32 bits if it can be."""
        narrow = self.narrow(e) if e.dtype.element == INT64 else None
        return self(e) if narrow is None else narrow

    def visit_var(self, node: Var) -> Expr:
        narrow = self.narrowed.get(node)
        return node if narrow is None else Cast(node.dtype, narrow)

    def visit_cmp_op(self, node: CmpOp) -> Any:
        if node.a.dtype.element == INT64:
            a, b = self.narrow(node.a), self.narrow(node.b)
            if a is not None and b is not None:
                return node.replace(a=a, b=b)
        return node.map_children(self)

    def visit_cast(self, node: Cast) -> Any:
        if node.value.dtype.element == INT64:
            narrow = self.narrow(node.value)
            if narrow is not None:
                return narrow if narrow.dtype == node.dtype else Cast(node.dtype, narrow)
        return node.map_children(self)

    def visit_buffer_load(self, node: BufferLoad) -> BufferLoad:
        predicate = None if node.predicate is None else self(node.predicate)
        return BufferLoad(node.buffer, map_tuple(node.indices, self.index), predicate)

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        indices = map_tuple(node.indices, self.index)
        out: BufferStore = node.replace(indices=()).map_children(self)
        same = indices is node.indices and out.value is node.value and out.predicate is node.predicate
        return node if same else out.replace(indices=indices)

    def visit_for(self, node: For) -> Any:
        self.analyzer.bind(node.loop_var, node.range, allow_override=True)
        if node.loop_var.dtype != INT64:
            return node.map_children(self)
        low, extent = self.narrow(node.min), self.narrow(node.extent)
        if low is None or extent is None or not self.fits(node.min + node.extent):
            return node.map_children(self)
        var = self.narrowed[node.loop_var] = node.loop_var.replace(dtype=INT32)
        return node.replace(loop_var=var, min=low, extent=extent, body=self(node.body))

    def visit_let_stmt(self, node: LetStmt) -> Any:
        if node.value.dtype == INT64:
            narrow = self.narrow(node.value)
            low, high = self.analyzer.const_int_bound(node.value)
            if narrow is not None:
                bounds = Range(const(low, INT64), const(high - low + 1, INT64))
                self.analyzer.bind(node.var, bounds, allow_override=True)
                var = self.narrowed[node.var] = node.var.replace(dtype=INT32)
                return LetStmt(var, narrow, self(node.body))
        return node.map_children(self)
