"""The value of an integer or bool expression under an assignment of its variables, where it has one."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UserError
from ..expr import INT_RULES, And, BinaryOp, Call, Cast, CmpOp, Expr, IntImm, Not, Or, Select, Var, wrap
from ..op import OPS, Effect, Intrinsic, evaluate


class NoValue(Exception):
    """The expression has no meaning there, or no constant value: it divides by 0, overflows, loads, calls."""


def value_of(e: Expr, at: Mapping[Var, int]) -> int:
    """The value of `e`; bools are 0 and 1.

    Raises
    ------
    NoValue: there is none.
    """
    if isinstance(e, IntImm):
        return e.value
    if isinstance(e, Var) and e in at:
        return at[e]
    if e.dtype.lanes > 1 or not (e.dtype.is_integral or e.dtype.is_bool):
        raise NoValue
    if isinstance(e, (And, Or)):
        first = value_of(e.a, at)
        return value_of(e.b, at) if bool(first) is isinstance(e, And) else first
    if isinstance(e, Not):
        return 1 - value_of(e.a, at)
    if isinstance(e, Select):
        yes, no = value_of(e.true_value, at), value_of(e.false_value, at)
        return yes if value_of(e.condition, at) else no
    if isinstance(e, Cast):
        inner = value_of(e.value, at)
        return int(inner != 0) if e.dtype.is_bool else wrap(inner, e.dtype)
    if isinstance(e, Call):
        return _call(e, at)
    if isinstance(e, BinaryOp):
        return _binary(e, at)
    raise NoValue


def _binary(e: BinaryOp, at: Mapping[Var, int]) -> int:
    x, y = value_of(e.a, at), value_of(e.b, at)
    try:
        out = int(INT_RULES[type(e)](x, y))
    except ZeroDivisionError:
        raise NoValue from None
    if isinstance(e, CmpOp) or e.dtype.min <= out <= e.dtype.max:
        return out
    if e.dtype.is_index:
        raise NoValue
    return wrap(out, e.dtype)


def _call(e: Call, at: Mapping[Var, int]) -> int:
    if e.op is OPS["if_then_else"]:
        return value_of(e.args[1] if value_of(e.args[0], at) else e.args[2], at)
    if e.op is OPS["likely"]:
        return value_of(e.args[0], at)
    if not isinstance(e.op, Intrinsic) or e.op.effect is not Effect.PURE or e.op.evaluate is None:
        raise NoValue
    try:
        return int(evaluate(e.op, e.dtype, *(value_of(arg, at) for arg in e.args)))
    except UserError:
        raise NoValue from None
