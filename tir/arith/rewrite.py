"""Simplification of expressions: a rule for each class of node, integers through their normal forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..expr import (
    EQ,
    FALSE,
    GE,
    GT,
    LE,
    LT,
    NE,
    TRUE,
    Add,
    And,
    Call,
    Cast,
    CmpOp,
    Div,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Select,
    Sub,
    Var,
    cast,
)
from ..op import OPS, Effect, Intrinsic
from ..visit import substitute
from .compare import NEGATED, compare

if TYPE_CHECKING:
    from .analyzer import Analyzer


class HasEffect(Exception):
    """Raised within the simplifier by a call with effects, whose expression is then left in its order."""


def simplify_node(an: Analyzer, e: Expr) -> Expr:
    """The simplified expression; every integer expression is rebuilt from its normal form."""
    memo = an.context.simplified
    out = memo.get(e)
    if out is None:
        rule = _RULES.get(type(e))
        out = rule(an, e) if rule is not None else e.map_children(an.simplify_child)
        known = an.context.truths.get(out) if out.dtype.is_bool else None
        if known is not None:
            out = TRUE if known else FALSE
        memo[e] = memo[out] = out
    return out


def _arith(an: Analyzer, e: Any) -> Expr:
    dtype = e.dtype
    if dtype.is_integral and dtype.lanes == 1:
        return an.build(an.normal(e), dtype)
    return an.ruled(e.map_children(an.simplify_child))


def _var(an: Analyzer, e: Var) -> Expr:
    value = an.context.values.get(e)
    if value is not None:
        return value
    if e.dtype.is_integral and e.dtype.lanes == 1:
        return an.build(an.normal(e), e.dtype)
    return e


def _cast(an: Analyzer, e: Cast) -> Expr:
    own, dtype = e.value.dtype, e.dtype
    value = an.simplify_node(e.value)
    if dtype.lanes > 1:
        return cast(value, dtype)
    if own.is_integral and dtype.is_integral:
        form = an.normal(value)
        if an.fits(form, dtype):
            return an.build(form, dtype)
        if isinstance(value, Cast) and value.value.dtype.is_integral and dtype.bits <= own.bits:
            # The low bits of the low bits.
            return an.simplify_node(cast(value.value, dtype))
    elif isinstance(value, Cast) and own.is_integral and value.value.dtype.is_bool:
        return cast(value.value, dtype)
    return cast(value, dtype)


def _compare(an: Analyzer, e: CmpOp) -> Expr:
    dtype = e.a.dtype
    if dtype.is_integral and dtype.lanes == 1:
        return compare(an, e)
    return an.ruled(e.map_children(an.simplify_child))


def _and(an: Analyzer, e: And) -> Expr:
    a = an.simplify_node(e.a)
    if a is FALSE or e.dtype.lanes > 1:
        return a if a is FALSE else an.ruled(And(a, an.simplify_node(e.b)))
    if a is TRUE:
        return an.simplify_node(e.b)
    with an.constraint(a):
        b = an.simplify_node(e.b)
    if b is FALSE and an.is_total(a):
        return FALSE
    return a if b is TRUE else an.ruled(And(a, b))


def _or(an: Analyzer, e: Or) -> Expr:
    a = an.simplify_node(e.a)
    if a is TRUE or e.dtype.lanes > 1:
        return a if a is TRUE else an.ruled(Or(a, an.simplify_node(e.b)))
    if a is FALSE:
        return an.simplify_node(e.b)
    with an.constraint(Not(a)):
        b = an.simplify_node(e.b)
    if b is TRUE and an.is_total(a):
        return TRUE
    return a if b is FALSE else an.ruled(Or(a, b))


def _not(an: Analyzer, e: Not) -> Expr:
    a = an.simplify_node(e.a)
    return an.simplify_node(negated(a)) if not isinstance(negated(a), Not) else Not(a)


def negated(e: Expr) -> Expr:
    """`not e`, the negation taken inside where it stays as short."""
    if isinstance(e, Not):
        return e.a
    if isinstance(e, IntImm):
        return FALSE if e.value else TRUE
    if isinstance(e, CmpOp) and e.a.dtype.is_integral:
        inverse: type[Any] = NEGATED[type(e)]
        return inverse(e.a, e.b)
    if isinstance(e, (And, Or)) and e.dtype.lanes == 1:
        return (Or if isinstance(e, And) else And)(negated(e.a), negated(e.b))
    return Not(e)


def _select(an: Analyzer, e: Select) -> Expr:
    condition = an.simplify_node(e.condition)
    if isinstance(condition, IntImm):
        return an.simplify_node(e.true_value if condition.value else e.false_value)
    # Both branches are evaluated: under the condition only what cannot fault anyway may be simplified.
    return _branches(an, e, condition, e.true_value, e.false_value, lazy=False)


def _branches(an: Analyzer, e: Expr, condition: Expr, yes: Expr, no: Expr, lazy: bool) -> Expr:
    def under(branch: Expr, fact: Expr) -> Expr:
        if condition.dtype.lanes > 1 or not (lazy or an.is_total(branch)):
            return an.simplify_node(branch)
        with an.constraint(fact):
            return an.simplify_node(branch)

    first, second = under(yes, condition), under(no, Not(condition))
    if first is second:
        return first
    if an.simplify_node(yes) is second and an.is_total(second):
        return second
    rebuilt = (
        Call(e.dtype, e.op, (condition, first, second)) if isinstance(e, Call) else Select(condition, first, second)
    )
    return an.ruled(rebuilt)


def _call(an: Analyzer, e: Call) -> Expr:
    op = e.op
    if not isinstance(op, Intrinsic) or op.effect is not Effect.PURE:
        raise HasEffect
    if op is _IF_THEN_ELSE:
        condition = an.simplify_node(e.args[0])
        if isinstance(condition, IntImm):
            return an.simplify_node(e.args[1] if condition.value else e.args[2])
        return _branches(an, e, condition, e.args[1], e.args[2], lazy=True)
    if op is _LIKELY:
        inner = an.simplify_node(e.args[0])
        return inner if isinstance(inner, IntImm) else Call(e.dtype, op, (inner,))
    if e.dtype.is_integral and e.dtype.lanes == 1 and op in _ARITHMETIC:
        return an.build(an.normal(e), e.dtype)
    return an.ruled(e.map_children(an.simplify_child))


def _let(an: Analyzer, e: Let) -> Expr:
    value = an.simplify_node(e.value)
    if isinstance(value, (IntImm, Var)):
        return an.simplify_node(substitute(e.body, {e.var: value}))
    body = an.simplify_node(e.body)
    return Let(e.var, value, body)


_IF_THEN_ELSE, _LIKELY = OPS["if_then_else"], OPS["likely"]
_ARITHMETIC = {OPS[name] for name in ("shift_left", "shift_right", "bitwise_and")}

_RULES: dict[type, Callable[[Analyzer, Any], Expr]] = {
    IntImm: lambda an, e: e,
    Var: _var,
    **dict.fromkeys((Add, Sub, Mul, FloorDiv, FloorMod, Div, Mod, Min, Max), _arith),
    **dict.fromkeys((EQ, NE, LT, LE, GT, GE), _compare),
    And: _and,
    Or: _or,
    Not: _not,
    Select: _select,
    Cast: _cast,
    Call: _call,
    Let: _let,
}
