"""Values of index expressions at many points at once, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...tir import expr as E
from ...tir.expr import Call, Expr, IntImm, Var
from ...tir.visit import free_vars


class Unknown(Exception):
    """There is no number: a variable has no values, or memory is read."""


def constant(e: Expr) -> int:
    """The value of a constant. Raises Unknown where it is none."""
    if not isinstance(e, IntImm):
        raise Unknown
    return e.value


def is_computable(e: Expr) -> bool:
    """Whether an expression has values once its variables have."""
    try:
        value_at(e, {v: np.ones((1,), np.int64) for v in free_vars(e)})
    except Unknown:
        return False
    return True


_NUMPY: dict[type[Expr], Any] = {
    E.Add: np.add, E.Sub: np.subtract, E.Mul: np.multiply, E.Min: np.minimum, E.Max: np.maximum,
    E.EQ: np.equal, E.NE: np.not_equal, E.LT: np.less, E.LE: np.less_equal, E.GT: np.greater, E.GE: np.greater_equal,
    E.And: np.logical_and, E.Or: np.logical_or, E.FloorDiv: np.floor_divide, E.FloorMod: np.mod,
}  # fmt: skip
_CALLS = {
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "shift_left": np.left_shift, "shift_right": np.right_shift,
}  # fmt: skip


def value_at(e: Expr, at: Mapping[Var, Any]) -> Any:
    """The values of a scalar integer expression, as 64-bit integers."""
    if isinstance(e, IntImm):
        return np.int64(e.value)
    if isinstance(e, Var):
        if e not in at:
            raise Unknown
        return at[e]
    if isinstance(e, E.Not):
        return np.logical_not(value_at(e.a, at))
    if isinstance(e, E.Cast) and (e.dtype.is_index or e.dtype.is_bool):
        return value_at(e.value, at)
    if isinstance(e, E.Select) or (isinstance(e, Call) and e.op.name == "if_then_else"):
        c, x, y = e.args if isinstance(e, Call) else (e.condition, e.true_value, e.false_value)
        return np.where(value_at(c, at), value_at(x, at), value_at(y, at))
    if isinstance(e, Call) and e.op.name == "likely":
        return value_at(e.args[0], at)
    if isinstance(e, Call) and e.op.name in _CALLS:
        return _CALLS[str(e.op.name)](*(value_at(x, at) for x in e.args))
    rule = _NUMPY.get(type(e))
    if rule is None or not isinstance(e, E.BinaryOp):
        raise Unknown
    x, y = value_at(e.a, at), value_at(e.b, at)
    if type(e) in (E.FloorDiv, E.FloorMod) and np.any(np.equal(y, 0)):
        raise Unknown
    return rule(x, y)
