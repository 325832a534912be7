"""Expressions as z3 terms over mathematical integers, with what their types demand of every part."""

from __future__ import annotations

from typing import Any

import z3
from tensorir.tir.expr import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    BinaryOp,
    Call,
    Cast,
    CmpOp,
    Div,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Select,
    Sub,
    Var,
)

RING = (Add, Sub, Mul)


class Unsupported(Exception):
    """The expression has no counterpart among z3's integers (bits, loads, floats, vectors)."""


def floor_div(x: Any, y: Any) -> Any:
    return z3.If(y > 0, x / y, (-x) / (-y))


def trunc_div(x: Any, y: Any) -> Any:
    a, b = z3.If(x >= 0, x, -x), z3.If(y >= 0, y, -y)
    return z3.If((x >= 0) == (y >= 0), a / b, -(a / b))


_RULES: dict[type, Any] = {
    Add: lambda x, y: x + y,
    Sub: lambda x, y: x - y,
    Mul: lambda x, y: x * y,
    FloorDiv: floor_div,
    FloorMod: lambda x, y: x - y * floor_div(x, y),
    Div: trunc_div,
    Mod: lambda x, y: x - y * trunc_div(x, y),
    Min: lambda x, y: z3.If(x <= y, x, y),
    Max: lambda x, y: z3.If(x >= y, x, y),
    EQ: lambda x, y: x == y,
    NE: lambda x, y: x != y,
    LT: lambda x, y: x < y,
    LE: lambda x, y: x <= y,
    GT: lambda x, y: x > y,
    GE: lambda x, y: x >= y,
    And: z3.And,
    Or: z3.Or,
}


class Translation:
    """One expression as a term.

    Attributes
    ----------
    demands: what must hold for the expression to have a meaning, each under the conditions it is evaluated in: every
        part fits its type and no divisor is 0. With `wrapping`, sums and products may leave the type on the way, but
        what other operations are applied to may not: so it is with what the simplifier writes.
    """

    def __init__(self, e: Expr, names: dict[Var, Any], *, wrapping: bool = False) -> None:
        self.names = names
        self.wrapping = wrapping
        self.demands: list[Any] = []
        self.guard: list[Any] = []
        self.term = self.read(e)
        self.demand_fit(e, self.term)

    def demand(self, condition: Any) -> None:
        self.demands.append(z3.Implies(z3.And(*self.guard), condition) if self.guard else condition)

    def demand_fit(self, e: Expr, term: Any) -> None:
        if e.dtype.is_integral:
            self.demand(z3.And(term >= int(e.dtype.min), term <= int(e.dtype.max)))

    def under(self, condition: Any, e: Expr) -> Any:
        self.guard.append(condition)
        out = self.read(e)
        self.guard.pop()
        return out

    def read(self, e: Expr) -> Any:
        if e.dtype.lanes > 1 or e.dtype.is_float:
            raise Unsupported
        if isinstance(e, Var):
            make = z3.Bool if e.dtype.is_bool else z3.Int
            return self.names.setdefault(e, make(f"{e.name}_{len(self.names)}"))
        if isinstance(e, IntImm):
            return z3.BoolVal(bool(e.value)) if e.dtype.is_bool else z3.IntVal(e.value)
        if isinstance(e, Not):
            return z3.Not(self.read(e.a))
        if isinstance(e, (And, Or)):
            a = self.read(e.a)
            return _RULES[type(e)](a, self.under(a if isinstance(e, And) else z3.Not(a), e.b))
        if isinstance(e, Select):
            return z3.If(self.read(e.condition), self.read(e.true_value), self.read(e.false_value))
        if isinstance(e, Cast):
            return self.cast(e)
        if isinstance(e, Call):
            return self.call(e)
        if not isinstance(e, BinaryOp):
            raise Unsupported
        return self.binary(e)

    def binary(self, e: BinaryOp) -> Any:
        if e.a.dtype.is_float or e.a.dtype.lanes > 1:
            raise Unsupported
        ring = isinstance(e, RING)
        parts = [self.read(e.a), self.read(e.b)]
        if not (ring and self.wrapping):
            for operand, term in zip((e.a, e.b), parts):
                self.demand_fit(operand, term)
        if isinstance(e, (FloorDiv, FloorMod, Div, Mod)):
            self.demand(parts[1] != 0)
        term = _RULES[type(e)](*parts)
        if not e.dtype.is_index and not isinstance(e, (CmpOp, Min, Max)):
            return self.wrapped(term, e.dtype)
        return term

    def wrapped(self, term: Any, dtype: Any) -> Any:
        low, size = int(dtype.min), 1 << dtype.bits
        return (term - low) % size + low

    def cast(self, e: Cast) -> Any:
        own = e.value.dtype
        term = self.read(e.value)
        if own.is_bool:
            return z3.If(term, 1, 0)
        if not own.is_integral or not e.dtype.is_integral:
            raise Unsupported
        self.demand_fit(e.value, term)
        return term if e.dtype.min <= own.min and own.max <= e.dtype.max else self.wrapped(term, e.dtype)

    def call(self, e: Call) -> Any:
        if e.op.name == "likely":
            return self.read(e.args[0])
        if e.op.name != "if_then_else":
            raise Unsupported
        condition = self.read(e.args[0])
        return z3.If(condition, self.under(condition, e.args[1]), self.under(z3.Not(condition), e.args[2]))
