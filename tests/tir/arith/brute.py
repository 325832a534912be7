"""Expressions by enumeration: the value of an expression under an assignment, and random expressions over boxes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from tensorir.tir.expr import (
    INT_RULES,
    And,
    BinaryOp,
    Call,
    Cast,
    CmpOp,
    Expr,
    IntImm,
    Not,
    Or,
    Select,
    Var,
    wrap,
)
from tensorir.tir.op import evaluate as evaluate_op


class Meaningless(Exception):
    """The expression has no value: a division by zero, a signed index that does not fit its type."""


def value(e: Expr, env: Mapping[Var, int]) -> int:
    """The value of an integer or bool expression, by the definition of each node."""
    if isinstance(e, Var):
        return env[e]
    if isinstance(e, IntImm):
        return e.value
    if isinstance(e, And):
        return int(value(e.a, env) and value(e.b, env))
    if isinstance(e, Or):
        return int(value(e.a, env) or value(e.b, env))
    if isinstance(e, Not):
        return int(not value(e.a, env))
    if isinstance(e, Select):
        yes, no = value(e.true_value, env), value(e.false_value, env)
        return yes if value(e.condition, env) else no
    if isinstance(e, Cast):
        inner = value(e.value, env)
        return int(bool(inner)) if e.dtype.is_bool else wrap(inner, e.dtype)
    if isinstance(e, Call):
        if e.op.name == "if_then_else":
            return value(e.args[1] if value(e.args[0], env) else e.args[2], env)
        return int(evaluate_op(e.op, e.dtype, *(value(a, env) for a in e.args)))
    assert isinstance(e, BinaryOp), e
    x, y = value(e.a, env), value(e.b, env)
    try:
        out = int(INT_RULES[type(e)](x, y))
    except ZeroDivisionError:
        raise Meaningless from None
    if isinstance(e, CmpOp):
        return out
    if not e.dtype.min <= out <= e.dtype.max:
        if e.dtype.is_index:
            raise Meaningless
        out = wrap(out, e.dtype)
    return out


def wrapping_value(e: Expr, env: Mapping[Var, int]) -> int:
    """As `value`, but sums and products of signed indices wrap too, as machines compute what the simplifier wrote."""
    if isinstance(e, BinaryOp) and e.dtype.is_index:
        x, y = wrapping_value(e.a, env), wrapping_value(e.b, env)
        try:
            return wrap(int(INT_RULES[type(e)](x, y)), e.dtype)
        except ZeroDivisionError:
            raise Meaningless from None
    if isinstance(e, (Var, IntImm)):
        return value(e, env)
    fresh = {Var(f"t{i}", c.dtype): c for i, c in enumerate(e.children()) if isinstance(c, Expr)}
    names = iter(fresh)
    if isinstance(e, (And, Or)) or (isinstance(e, Call) and e.op.name == "if_then_else"):
        lazy = list(e.children())
        if isinstance(e, Call):
            return wrapping_value(lazy[1] if wrapping_value(lazy[0], env) else lazy[2], env)
        first = wrapping_value(lazy[0], env)
        return first if bool(first) == isinstance(e, Or) else wrapping_value(lazy[1], env)
    shallow = e.map_children(lambda c: next(names))
    return value(shallow, {v: wrapping_value(c, env) for v, c in fresh.items()})


def assignments(box: Mapping[Var, tuple[int, int]]) -> Iterator[dict[Var, int]]:
    """Every assignment of the variables, each in its interval (both ends included)."""
    for point in itertools.product(*(range(low, high + 1) for low, high in box.values())):
        yield dict(zip(box, point, strict=True))


def maybe(f: Any, e: Expr, env: Mapping[Var, int]) -> int | None:
    """`f(e, env)`, or None where the expression has no meaning."""
    try:
        return int(f(e, env))
    except Meaningless:
        return None
