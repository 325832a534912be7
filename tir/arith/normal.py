"""Normal forms: the linear form of an expression, and the terms of a sum that combine to fewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..expr import (
    Add,
    Call,
    Cast,
    Div,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mod,
    Mul,
    Select,
    Sub,
    Var,
    wrap,
)
from ..op import OPS
from .choose import choose_integer
from .divide import floor_div, floor_mod, trunc_div, trunc_mod
from .linear import ZERO, Linear, Monomial, constant, factors, flat
from .merge import merge
from .minmax import extremum

if TYPE_CHECKING:
    from .analyzer import Analyzer


def raw(an: Analyzer, e: Expr) -> Linear:
    """The form of an integer expression, its sums not yet combined."""
    memo = an.context.raw
    out = memo.get(e)
    if out is None:
        rule = _RAW.get(type(e))
        out = memo[e] = rule(an, e) if rule is not None else form_of(an, an.simplify_node(e))
    return out


def form_of(an: Analyzer, e: Expr) -> Linear:
    """The form of an expression that is simplified already."""
    return raw(an, e) if type(e) in _STRUCTURED else atom(an, e)


def normal(an: Analyzer, e: Expr) -> Linear:
    """The form of an integer expression, in normal form."""
    memo = an.context.normal
    out = memo.get(e)
    if out is None:
        out = merge(an, raw(an, e))
        if an.context.sums and len(out.terms) > 1:
            low, high = an.bound_of(out)
            out = constant(low) if low == high else out
        memo[e] = out
    return out


def atom(an: Analyzer, e: Expr) -> Linear:
    """The form of a simplified expression that is not a sum."""
    if type(e) is IntImm:
        return constant(e.value)
    context = an.context
    known = context.intervals.get(e)
    if known is not None and known[0] >= known[1]:
        return constant(known[0])
    residue = context.residues.get(e)
    if residue is not None and residue[0] == 0:
        return constant(residue[1])
    context.rank(e)
    return Linear({e: 1})


def product(an: Analyzer, a: Linear, b: Linear) -> Linear:
    """The product of two forms, multiplied out."""
    if not a.terms:
        return b.scale(a.const)
    if not b.terms:
        return a.scale(b.const)
    out = ZERO
    for key, coef in a.terms.items():
        terms: dict[Monomial, int] = {}
        for other, factor in b.terms.items():
            atoms = (*factors(key), *factors(other))
            joined = tuple(sorted(atoms, key=an.context.rank))
            an.context.written.setdefault(joined, atoms)
            terms[joined] = coef * factor
        out = out.add(Linear(terms))
        out = out.add(Linear({key: coef * b.const} if b.const else {}))
    return out.add(b, a.const) if a.const else out


def _within(an: Analyzer, form: Linear, e: Expr, *operands: Expr) -> Linear:
    """`form` if its value surely fits the wrapping type of `e`; else `e` over simplified operands, as an atom."""
    dtype = e.dtype
    if an.fits(form, dtype):
        return form
    if form.is_const:
        return constant(wrap(form.const, dtype))
    return atom(an, type(e)(*map(an.simplify_node, operands)))


def _raw_var(an: Analyzer, e: Var) -> Linear:
    value = an.context.values.get(e)
    return raw(an, value) if value is not None else atom(an, e)


def _raw_sum(an: Analyzer, e: Add | Sub) -> Linear:
    if not e.dtype.is_index:
        return _within(an, raw(an, e.a).add(raw(an, e.b), 1 if type(e) is Add else -1), e, e.a, e.b)
    terms: dict[Monomial, int] = {}
    atoms, total = flat(e)
    for node, weight in atoms.items():
        form = raw(an, node)
        form.add_to(terms, weight)
        total += weight * form.const
    return Linear(terms, total)


MOST_TERMS, MOST_FACTORS = 64, 16
"""Terms and degrees up to which products are multiplied out."""


def _is_large(a: Linear, b: Linear) -> bool:
    degrees = [max(map(len, map(factors, form.terms))) for form in (a, b)]
    return len(a.terms) * len(b.terms) > MOST_TERMS or sum(degrees) > MOST_FACTORS


def _raw_mul(an: Analyzer, e: Mul) -> Linear:
    a, b = raw(an, e.a), raw(an, e.b)
    if a.terms and b.terms and _is_large(a, b):
        return atom(an, Mul(an.build(a, e.dtype), an.build(b, e.dtype)))
    out = product(an, a, b)
    return out if e.dtype.is_index else _within(an, out, e, e.a, e.b)


def _raw_cast(an: Analyzer, e: Cast) -> Linear:
    own = e.value.dtype
    if own.is_bool:
        return atom(an, an.simplify_node(e.value))
    if not own.is_integral:
        return form_of(an, an.simplify_node(e))
    inner = raw(an, e.value)
    return inner if an.fits(inner, e.dtype) else form_of(an, an.simplify_node(e))


def _divided(rule: Callable[..., Linear]) -> Callable[[Analyzer, Any], Linear]:
    return lambda an, e: rule(an, normal(an, e.a), normal(an, e.b), e)


def _raw_call(an: Analyzer, e: Call) -> Linear:
    rule = _CALLS.get(e.op)
    if rule is None:
        return form_of(an, an.simplify_node(e))
    out = rule(an, e)
    return out if out is not None else an.rewritten(e.map_children(an.simplify_child))


def _shift_amount(e: Call) -> int | None:
    amount = e.args[1]
    return amount.value if isinstance(amount, IntImm) and 0 <= amount.value < e.dtype.bits else None


def _raw_shift_left(an: Analyzer, e: Call) -> Linear | None:
    amount = _shift_amount(e)
    if amount is None:
        return None
    out = raw(an, e.args[0]).scale(1 << amount)
    return out if an.fits(out, e.dtype) else None


def _raw_shift_right(an: Analyzer, e: Call) -> Linear | None:
    amount = _shift_amount(e)
    if amount is None or (1 << amount) > e.dtype.max:
        return None
    divisor = IntImm(e.dtype, 1 << amount)
    return raw(an, FloorDiv(e.args[0], divisor))


def _raw_and(an: Analyzer, e: Call) -> Linear | None:
    mask = e.args[1]
    if not isinstance(mask, IntImm) or mask.value < 0 or mask.value & (mask.value + 1) or mask.value >= e.dtype.max:
        return None
    return raw(an, FloorMod(e.args[0], IntImm(e.dtype, mask.value + 1)))


_CALLS: dict[Any, Callable[[Analyzer, Any], Linear | None]] = {
    OPS["shift_left"]: _raw_shift_left,
    OPS["shift_right"]: _raw_shift_right,
    OPS["bitwise_and"]: _raw_and,
    OPS["if_then_else"]: choose_integer,
}

_RAW: dict[type, Callable[[Analyzer, Any], Linear]] = {
    IntImm: lambda an, e: constant(e.value),
    Var: _raw_var,
    Add: _raw_sum,
    Sub: _raw_sum,
    Mul: _raw_mul,
    FloorDiv: _divided(floor_div),
    FloorMod: _divided(floor_mod),
    Div: _divided(trunc_div),
    Mod: _divided(trunc_mod),
    Min: lambda an, e: extremum(an, e, -1),
    Max: lambda an, e: extremum(an, e, 1),
    Select: choose_integer,
    Cast: _raw_cast,
    Call: _raw_call,
}

_STRUCTURED = frozenset(_RAW) - {Cast, Call, Select}
"""Classes whose simplified expressions are not atoms."""
