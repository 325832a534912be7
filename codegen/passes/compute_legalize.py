"""Computes in a wider float type what is of a narrow one, leaving memory as it is."""

from __future__ import annotations

from typing import Any

from ...tir import expr as ex
from ...tir.dtype import DType, dtype
from ...tir.expr import BinaryOp, Call, Cast, CmpOp, Expr
from ...tir.function import PrimFunc
from ...tir.op import Domain, Intrinsic
from ...tir.visit import Rewriter


def compute_legalize(func: PrimFunc, types: frozenset[str], promoted: str = "float32") -> PrimFunc:
    """Do arithmetic and functions of the narrow `types` in `promoted`, rounding the result of each.

    In float32 the result of `+ - * /` is that of one rounding, for every type of up to 11 digits (Figueroa, 1995).
    """
    return _Promote(types, dtype(promoted))(func)


_COMPUTED = (Domain.FLOAT, Domain.NUMBER, Domain.MIXED)


class _Promote(Rewriter):
    def __init__(self, types: frozenset[str], wide: DType) -> None:
        self.types, self.wide = types, wide

    def widened(self, e: Expr) -> Expr:
        return Cast(self.wide.with_lanes(e.dtype.lanes), e)

    def narrow(self, t: DType) -> bool:
        return str(t.element) in self.types

    def visit_binary_op(self, node: BinaryOp) -> Any:
        out: BinaryOp = node.map_children(self)
        if not self.narrow(out.a.dtype):
            return out
        value = ex.binary(type(out), self.widened(out.a), self.widened(out.b))
        return value if isinstance(out, CmpOp) else Cast(out.dtype, value)

    def visit_call(self, node: Call) -> Any:
        out: Call = node.map_children(self)
        if not isinstance(out.op, Intrinsic) or out.op.domain not in _COMPUTED:
            return out
        if not out.args or not self.narrow(out.args[0].dtype) or out.op.name == "nextafter":
            return out
        args = tuple(self.widened(arg) if self.narrow(arg.dtype) else arg for arg in out.args)
        if out.dtype.is_bool:
            return Call(out.dtype, out.op, args)
        return Cast(out.dtype, Call(self.wide.with_lanes(out.dtype.lanes), out.op, args))
