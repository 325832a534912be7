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
from .choose import choose
from .compare import NEGATED, compare, difference

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
        out = rule(an, e) if rule is not None else an.ruled(e.map_children(an.simplify_child))
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
    out = e.map_children(an.simplify_child)
    if dtype.is_bool and out.a is out.b and isinstance(e, (EQ, NE)) and dtype.lanes == 1:
        return TRUE if isinstance(e, EQ) else FALSE
    return an.ruled(out)


def _and(an: Analyzer, e: And) -> Expr:
    return _joined(an, e, TRUE, FALSE)


def _or(an: Analyzer, e: Or) -> Expr:
    return _joined(an, e, FALSE, TRUE)


def _joined(an: Analyzer, e: And | Or, unit: Expr, zero: Expr) -> Expr:
    """`and` (unit true, zero false) or `or` (the reverse): `b` simplified where it is evaluated, after `a`."""
    a = an.simplify_node(e.a)
    if e.dtype.lanes > 1:
        return an.ruled(type(e)(a, an.simplify_node(e.b)))
    if a is zero:
        return zero
    if a is unit:
        return an.simplify_node(e.b)
    with an.constraint(a if unit is TRUE else Not(a)):
        b = an.simplify_node(e.b)
    if b is unit or (b is zero and an.is_total(a)):
        return a if b is unit else zero
    return _absorbed(an, type(e), a, b, unit)


def _absorbed(an: Analyzer, cls: type[Any], a: Expr, b: Expr, unit: Expr) -> Expr:
    """`a` and `b` joined, without the comparisons of `a` that `b` makes redundant."""
    if isinstance(b, CmpOp) and b.a.dtype.is_integral and an.is_total(b):
        kept = [part for part in _operands(a, cls) if not _implied(an, b, part, unit is TRUE)]
        if not kept:
            return b
        a = kept[0]
        for part in kept[1:]:
            a = cls(a, part)
    return an.ruled(cls(a, b))


def _operands(e: Expr, cls: type[Any]) -> list[Expr]:
    return [*_operands(e.a, cls), *_operands(e.b, cls)] if isinstance(e, cls) else [e]


def _implied(an: Analyzer, b: CmpOp, part: Expr, conjunction: bool) -> bool:
    """Whether `part` follows from `b` (in a disjunction: `b` from `part`), both bounds on one sum."""
    if not isinstance(part, CmpOp) or not part.a.dtype.is_integral or not an.is_total(part):
        return False
    (cls, x), (other, y) = difference(an, b), difference(an, part)
    if cls is not LT or other is not LT or x.terms != y.terms:
        return False
    return y.const <= x.const if conjunction else x.const <= y.const


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
    if e.dtype.is_integral and e.dtype.lanes == 1:
        return an.build(an.normal(e), e.dtype)
    return choose(an, e)


def _call(an: Analyzer, e: Call) -> Expr:
    op = e.op
    if not isinstance(op, Intrinsic) or op.effect is not Effect.PURE:
        raise HasEffect
    integer = e.dtype.is_integral and e.dtype.lanes == 1
    if op is _IF_THEN_ELSE:
        return an.build(an.normal(e), e.dtype) if integer else choose(an, e)
    if op is _LIKELY:
        inner = an.simplify_node(e.args[0])
        return inner if isinstance(inner, IntImm) else Call(e.dtype, op, (inner,))
    if integer and op in _ARITHMETIC:
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
