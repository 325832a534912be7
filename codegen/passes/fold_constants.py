"""Computes operations on constants, exactly as the interpreter would, and drops additions of 0 and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...tir import expr as ex
from ...tir.dtype import DType
from ...tir.errors import UserError
from ...tir.expr import FALSE, TRUE, BinaryOp, Call, Cast, Expr, FloatImm, IntImm, Select, arith, const, wrap
from ...tir.function import PrimFunc
from ...tir.op import Domain, Effect, Intrinsic, evaluate
from ...tir.stmt import Evaluate, IfThenElse
from ...tir.visit import Rewriter
from ..interpret import scalars
from ..interpret.memory import codec, is_coded
from ..target import Target

_FLOAT: dict[type[Expr], Callable[[float, float], Any]] = {
    ex.Add: lambda x, y: x + y,
    ex.Sub: lambda x, y: x - y,
    ex.Mul: lambda x, y: x * y,
    ex.Div: scalars.divide,
    ex.Mod: scalars.float_mod,
    ex.FloorMod: scalars.float_floormod,
    ex.Min: lambda x, y: x if x < y or x != x else y,
    ex.Max: lambda x, y: x if x > y or x != x else y,
    ex.EQ: lambda x, y: x == y,
    ex.NE: lambda x, y: x != y,
    ex.LT: lambda x, y: x < y,
    ex.LE: lambda x, y: x <= y,
    ex.GT: lambda x, y: x > y,
    ex.GE: lambda x, y: x >= y,
}
"""What operations on floats compute, before rounding."""


def fold_constants(func: PrimFunc, target: Target) -> PrimFunc:
    """Replace scalar operations whose operands are constants by their results.

    Integer operations keep only what can be done without looking further than the operands, `simplify` does the rest:
    this pass runs after loops are unrolled, when there is much to fold and little time for it.
    """
    return _Fold()(func)


class _Fold(Rewriter):
    def __init__(self) -> None:
        self.memo: dict[Expr, Expr] = {}

    def __call__(self, node: Any) -> Any:
        if not isinstance(node, Expr):
            return super().__call__(node)
        found = self.memo.get(node)
        if found is None:
            found = self.memo[node] = super().__call__(node)
        return found

    def visit_binary_op(self, node: BinaryOp) -> Expr:
        out: BinaryOp = node.map_children(self)
        if out.dtype.lanes > 1:
            return out
        a, b = out.a, out.b
        if isinstance(out, (ex.And, ex.Or)):
            return _logic(out)
        if isinstance(a, FloatImm) and isinstance(b, FloatImm) and type(out) in _FLOAT:
            return number(_FLOAT[type(out)](a.value, b.value), out.dtype)
        if a.dtype.is_integral and (isinstance(a, IntImm) or isinstance(b, IntImm)):
            return arith(type(out), a, b)
        return out

    def visit_not(self, node: ex.Not) -> Expr:
        out: ex.Not = node.map_children(self)
        return const(not out.a.value, out.dtype) if isinstance(out.a, IntImm) and out.dtype.lanes == 1 else out

    def visit_cast(self, node: Cast) -> Expr:
        out: Cast = node.map_children(self)
        value, t = out.value, out.dtype
        if isinstance(value, FloatImm):
            if t.is_float:
                return number(value.value, t)
            if t.is_integral:
                return const(scalars.float_to_int(value.value, int(t.min), int(t.max)), t)
            return const(value.value != 0, t) if t.is_bool else out
        if isinstance(value, IntImm) and not value.dtype.is_handle:
            if t.is_float:
                return number(scalars.int_to_float(value.value, str(t)), t)
            return const(value.value != 0, t) if t.is_bool else const(wrap(value.value, t), t) if t.is_integral else out
        return out

    def visit_select(self, node: Select) -> Expr:
        out: Select = node.map_children(self)
        if isinstance(out.condition, IntImm):
            return out.true_value if out.condition.value else out.false_value
        return out

    def visit_call(self, node: Call) -> Expr:
        out: Call = node.map_children(self)
        row = out.op
        if not isinstance(row, Intrinsic) or row.effect is not Effect.PURE or out.dtype.lanes > 1:
            return out
        if row.name == "if_then_else" and isinstance(out.args[0], IntImm):
            return out.args[1] if out.args[0].value else out.args[2]
        if row.domain is Domain.ANY or not all(isinstance(a, (IntImm, FloatImm)) for a in out.args):
            return out
        try:
            value = evaluate(row, out.dtype, *(a.value for a in out.args if isinstance(a, (IntImm, FloatImm))))
        except UserError:
            return out  # it fails when it runs
        return number(value, out.dtype)

    def visit_if_then_else(self, node: IfThenElse) -> Any:
        condition = self(node.condition)
        if isinstance(condition, IntImm):
            taken = node.then_case if condition.value else node.else_case
            return Evaluate(const(0)) if taken is None else self(taken)
        return node.map_children(self)


def number(value: Any, t: DType) -> Expr:
    """The constant of type `t` that a number rounds to."""
    if not t.is_float:
        return const(value, t)
    rounded = codec(t).round(value) if is_coded(t) else t.round(value)
    return FloatImm(t, rounded)


def _logic(e: Any) -> Any:
    absorbing, neutral = (FALSE, TRUE) if isinstance(e, ex.And) else (TRUE, FALSE)
    if e.a is neutral:
        return e.b
    if e.b is neutral or e.a is absorbing:
        return e.a
    return e
