"""What the operators build: operands brought to one type, constants folded, units dropped."""

from __future__ import annotations

import operator
from typing import Any

from .constants import FALSE, TRUE, as_expr, cast, const, wrap
from .dtype import BOOL, INT32, DType
from .errors import UserError
from .expr import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    BinaryOp,
    Broadcast,
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
    Sub,
)


def match_types(a: Any, b: Any) -> tuple[Expr, Expr]:
    """The operands as expressions of one type.

    Python numbers take the other operand's type; float wins over integer, wide over narrow, signed over unsigned
    of the same width, a vector over a scalar.

    Raises
    ------
    UserError: the types have no common one (float16 with bfloat16, different lanes, a handle).
    """
    if not isinstance(a, Expr):
        b = as_expr(b)
        a = as_expr(a, b.dtype)
    elif not isinstance(b, Expr):
        b = as_expr(b, a.dtype)
    left, right = a.dtype, b.dtype
    if left is right or left == right:
        return a, b
    if left.lanes != right.lanes:
        if left.lanes == 1:
            return match_types(Broadcast(a, right.lanes), b)
        if right.lanes == 1:
            return match_types(a, Broadcast(b, left.lanes))
        raise UserError(f"operands have different numbers of lanes: {left} and {right}")
    common = _common(left.element, right.element)
    if common is None:
        raise UserError(
            f"operands of types {left} and {right} have no common type; cast one, as in T.cast(x, {str(left)!r})"
        )
    target = common.with_lanes(left.lanes)
    return cast(a, target), cast(b, target)


def _common(a: DType, b: DType) -> DType | None:
    if a.is_handle or b.is_handle:
        return None
    if a.is_float != b.is_float:
        return a if a.is_float else b
    if a.is_bool != b.is_bool:
        return b if a.is_bool else a
    if a.bits != b.bits:
        return a if a.bits > b.bits else b
    if a.is_float:
        return None
    return a if a.is_int else b


def binary(cls: type[Any], a: Any, b: Any) -> Expr:
    """The node `cls` over the operands brought to one type, nothing folded (the parser keeps what was written)."""
    return _matched(cls, *match_types(a, b))


def _matched(cls: type[Any], a: Expr, b: Expr) -> Expr:
    """The node `cls` over operands of one type."""
    if a.dtype.is_index and cls is not And and cls is not Or:
        return cls(a, b)
    if cls in (And, Or):
        if not a.dtype.is_bool:
            raise UserError(f"`{cls.symbol}` takes bools, got {a.dtype}; compare with something, as in `x != 0`")
    elif cls not in (EQ, NE) and (a.dtype.is_handle or (a.dtype.is_bool and not issubclass(cls, (CmpOp, Min, Max)))):
        if a.dtype.is_handle:
            raise UserError(f"`{cls.symbol or cls.__name__}` does not apply to a {a.dtype}")
        a, b = cast(a, INT32.with_lanes(a.dtype.lanes)), cast(b, INT32.with_lanes(b.dtype.lanes))
    return cls(a, b)


def divide(a: Any, b: Any) -> Expr:
    """`a / b` of floats.

    Raises
    ------
    UserError: both are integers, where it is ambiguous.
    """
    a, b = match_types(a, b)
    if not a.dtype.is_float:
        raise UserError(
            f"`/` of two integers ({a.dtype}) is ambiguous: write `//` to round down, T.truncdiv to truncate, "
            "or cast an operand to a float type"
        )
    return arith(Div, a, b)


def arith(cls: type[Any], a: Any, b: Any) -> Expr:
    """`binary`, with constant operands computed and the units of `+`, `-`, `*`, `//`, `%` dropped (integers only)."""
    if not (isinstance(a, Expr) and isinstance(b, Expr) and a.dtype is b.dtype):
        a, b = match_types(a, b)
    if type(b) is IntImm and not a.dtype.is_bool:
        if type(a) is IntImm:
            folded = fold_int(cls, a.value, b.value, a.dtype)
            if folded is not None:
                return folded
        elif b.value == 0:
            if cls is Add or cls is Sub:
                return a
            if cls is Mul:
                return b
        elif b.value == 1:
            if cls is Mul or cls is FloorDiv or cls is Div:
                return a
            if cls is FloorMod or cls is Mod:
                return IntImm(a.dtype, 0)
    elif type(a) is IntImm and not a.dtype.is_bool:
        if (a.value == 0 and cls is Add) or (a.value == 1 and cls is Mul):
            return b
        if a.value == 0 and cls is Mul:
            return a
    return _matched(cls, a, b)


def _truncdiv(x: int, y: int) -> int:
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


INT_RULES: dict[type[BinaryOp], Any] = {
    Add: operator.add,
    Sub: operator.sub,
    Mul: operator.mul,
    FloorDiv: operator.floordiv,
    FloorMod: operator.mod,
    Div: _truncdiv,
    Mod: lambda x, y: x - y * _truncdiv(x, y),
    Min: min,
    Max: max,
    EQ: operator.eq,
    NE: operator.ne,
    LT: operator.lt,
    LE: operator.le,
    GT: operator.gt,
    GE: operator.ge,
    And: lambda x, y: x and y,
    Or: lambda x, y: x or y,
}
"""What each binary node computes on integers, before wrapping."""


def fold_int(cls: type[BinaryOp], x: int, y: int, type_: DType) -> Expr | None:
    """The constant `cls(x, y)`; None where it has no value (division by zero) or leaves a signed type."""
    if y == 0 and cls in (FloorDiv, FloorMod, Div, Mod):
        return None
    value = INT_RULES[cls](x, y)
    if issubclass(cls, CmpOp) or cls in (And, Or):
        return IntImm(BOOL, int(value))
    if not type_.min <= value <= type_.max:
        return None if type_.is_int else IntImm(type_, wrap(value, type_))
    return IntImm(type_, value)


def logical_not(a: Any) -> Expr:
    """`not a` of a bool expression.

    Raises
    ------
    UserError: `a` is not bool.
    """
    a = as_expr(a)
    if not a.dtype.is_bool:
        raise UserError(f"`not` takes a bool, got {a.dtype}; compare with something, as in `x == 0`")
    if isinstance(a, IntImm):
        return const(not a.value, BOOL)
    return Not(a)


def all_of(*conditions: Expr) -> Expr:
    """The conjunction of `conditions`, with constants folded; true when there are none."""
    out: Expr = TRUE
    for condition in conditions:
        if condition is FALSE:
            return FALSE
        if condition is not TRUE:
            out = condition if out is TRUE else And(out, condition)
    return out


def bitwise(name: str, logical: type[BinaryOp], a: Any, b: Any) -> Expr:
    """`logical` of bools, the intrinsic `name` of integers."""
    a, b = match_types(a, b)
    return arith(logical, a, b) if a.dtype.is_bool else call_named(name, a, b)


def call_named(name: str, *args: Any) -> Expr:
    """A call of the intrinsic `name`."""
    from . import op

    return op.call(name, *args)
