"""Simplification of expressions: a rule for each class of node, integers through their normal forms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
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
from .choose import MOST_BRANCHES, choose
from .compare import NEGATED, compare, difference
from .linear import Linear

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
    """`and` (unit true, zero false) or `or` (the reverse): each part simplified where it is evaluated, after others."""
    cls = type(e)
    if e.dtype.lanes > 1:
        return an.ruled(cls(an.simplify_node(e.a), an.simplify_node(e.b)))
    kept = _Parts(an, cls)
    alone = an.context.branches >= MOST_BRANCHES
    with nullcontext() if alone else an.branch():
        for part in operands(e, cls):
            simple = an.simplify_node(part)
            if simple is zero:
                return zero
            if simple is not unit:
                for operand in operands(simple, cls):
                    kept.add(operand)
                if not alone:
                    an.assume_simplified(simple, unit is TRUE)
    if not kept.parts:
        return unit
    out = kept.parts[0]
    for part in kept.parts[1:]:
        out = an.ruled(cls(out, part))
    return out


def operands(e: Expr, cls: type[Any]) -> list[Expr]:
    """The operands joined by `cls`, in order."""
    out: list[Expr] = []
    stack = [e]
    while stack:
        top = stack.pop()
        if isinstance(top, cls):
            stack += [top.b, top.a]
        else:
            out.append(top)
    return out


class _Parts:
    """The operands of a conjunction or disjunction; of two bounds on one sum the one that decides.

    Where `x < 10` follows, it takes the place of `x < 20` in a conjunction, and in a disjunction `x < 20` that of
    `x < 10`: the place stays, since the operand may guard what stands between. (What follows from an earlier operand
    is simplified away by then.)
    """

    def __init__(self, an: Analyzer, cls: type[Any]) -> None:
        self.an = an
        self.cls = cls
        self.parts: list[Expr] = []
        self.bounds: dict[frozenset[Any], tuple[int, int]] = {}
        self.compared: list[tuple[CmpOp, type[CmpOp], Linear]] = []

    def add(self, part: Expr) -> None:
        """Append an operand, or put it in the place of one that it makes redundant."""
        place = len(self.parts)
        if isinstance(part, CmpOp) and part.a.dtype.is_integral and self.an.is_total(part):
            cls, form = difference(self.an, part)
            for known, other, its in self.compared:
                joined = _JOINED.get((self.cls, other, cls))
                whole = joined(known, its, form) if joined is not None else None
                if whole is not None:
                    self.parts[self.parts.index(known)] = whole
                    self.compared.remove((known, other, its))
                    return
            self.compared.append((part, cls, form))
            if cls is LT:
                key = frozenset(form.terms.items())
                bound = self.bounds.get(key)
                if bound is not None and (bound[1] <= form.const if self.cls is And else form.const <= bound[1]):
                    place = bound[0]
                self.bounds[key] = place, form.const
        self.parts[place : place + 1] = [part]


def _side(form: Linear, other: Linear, offset: int) -> int:
    """1 where `other` is the form plus the offset, -1 where it is minus the form plus that, else 0."""
    return 1 if other == form.shift(offset) else -1 if other == form.scale(-1).shift(offset) else 0


def _sided(known: CmpOp, cls: type[Any], side: int) -> Expr | None:
    """`cls(a, b)` or `cls(b, a)` of the operands of `known`."""
    return None if side == 0 else cls(known.a, known.b) if side > 0 else cls(known.b, known.a)


_JOINED: dict[tuple[type[Any], type[CmpOp], type[CmpOp]], Callable[[CmpOp, Linear, Linear], Expr | None]] = {
    # `x == y or x < y`, `x != y and x <= y`, `x < y or y < x`, `x <= y and y <= x`; the first two either way round.
    (Or, EQ, LT): lambda known, form, other: _sided(known, LE, _side(form, other, 0)),
    (And, NE, LT): lambda known, form, other: _sided(known, LT, _side(form, other, -1)),
    (Or, LT, EQ): lambda known, form, other: (
        LE(known.a, known.b) if type(known) is LT and _side(form, other, 0) else None
    ),
    (And, LT, NE): lambda known, form, other: (
        LT(known.a, known.b) if type(known) is LE and _side(form.shift(1), other, 0) else None
    ),
    (Or, LT, LT): lambda known, form, other: (
        NE(known.a, known.b) if type(known) is LT and other == form.scale(-1) else None
    ),
    (And, LT, LT): lambda known, form, other: (
        EQ(known.a, known.b) if type(known) is LE and other == form.scale(-1).shift(-2) else None
    ),
}
"""Two comparisons of a conjunction or disjunction that are one, by their forms (see `difference`)."""


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
