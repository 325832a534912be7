"""Constraints: what a condition that holds says about atoms, forms and bool expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..expr import EQ, LT, And, CmpOp, Expr, FloorDiv, FloorMod, IntImm, Not, Or
from .compare import difference, reduce_negative
from .linear import Linear
from .modular import meet, modulus_of_atom, reduced
from .rewrite import HasEffect, negated, operands

if TYPE_CHECKING:
    from .analyzer import Analyzer


def assume(an: Analyzer, condition: Expr) -> None:
    """Record that `condition` holds."""
    an.context.append(an.context.assumed, condition)
    try:
        assume_simplified(an, an.simplify_node(condition), True)
    except HasEffect:
        an.context.forget()


def assume_simplified(an: Analyzer, e: Expr, truth: bool) -> None:
    """Record the truth of a bool expression that is simplified already, in time linear in its size."""
    try:
        _assume(an, e, truth)
    finally:
        an.context.forget()


def _assume(an: Analyzer, e: Expr, truth: bool) -> None:
    if isinstance(e, IntImm) or e.dtype.lanes > 1:
        # A condition that cannot hold is no fact: anything said under it is true.
        return
    if isinstance(e, Not):
        _assume(an, e.a, not truth)
        return
    _truth(an, e, truth)
    if isinstance(e, And if truth else Or):
        for part in operands(e, type(e)):
            _assume(an, part, truth)
    elif isinstance(e, CmpOp) and e.a.dtype.is_integral:
        inverse = an.simplify_node(negated(e))
        _truth(an, inverse, not truth)
        fact = e if truth else inverse
        if isinstance(fact, CmpOp):
            _compared(an, fact)
    else:
        _truth(an, Not(e), not truth)


def _truth(an: Analyzer, e: Expr, value: bool) -> None:
    if not isinstance(e, IntImm):
        an.context.set(an.context.truths, e, value)


def _compared(an: Analyzer, e: CmpOp) -> None:
    cls, form = difference(an, e)
    context = an.context
    if cls is LT:
        _not_negative(an, reduce_negative(an, form).scale(-1).shift(-1))
    elif cls is EQ:
        _not_negative(an, form)
        _not_negative(an, form.scale(-1))
        _residue(an, form)
    else:
        context.append(context.unequal, form)
        low, high = an.bound_of(form)
        if low == 0:
            _not_negative(an, form.shift(-1))
        elif high == 0:
            _not_negative(an, form.scale(-1).shift(-1))


def _not_negative(an: Analyzer, form: Linear) -> None:
    """Record `form >= 0`: as an interval where it speaks of one atom, else as a fact."""
    if len(form.terms) == 1:
        ((key, coef),) = form.terms.items()
        if not isinstance(key, tuple):
            low, high = an.bound_of(Linear({key: 1}))
            if coef > 0:
                low = max(low, -(form.const // coef))
            else:
                high = min(high, form.const // -coef)
            an.context.set(an.context.intervals, key, (low, high))
            an.context.forget()
            if type(key) is FloorDiv and type(key.b) is IntImm and key.b.value > 0:
                divisor = key.b.value
                bound = -low * divisor if coef > 0 else high * divisor + divisor - 1
                _not_negative(an, an.normal(key.a).scale(1 if coef > 0 else -1).shift(bound))
            return
    if form.terms:
        an.context.append(an.context.facts, form)
        _narrow(an, form)
    if len(form.terms) > 1:
        _sum(an, form)


def _sum(an: Analyzer, form: Linear) -> None:
    """Record `form >= 0` as intervals of its sum of terms and of minus that."""
    content = form.content()
    bound = form.const // content
    sums = an.context.sums
    for sign in (1, -1):
        key = frozenset((term, sign * coef // content) for term, coef in form.terms.items())
        low, high = sums.get(key) or an.bound_of(Linear(dict(key)))
        an.context.set(sums, key, (max(low, -bound), high) if sign > 0 else (low, min(high, bound)))
    an.context.forget()


def _narrow(an: Analyzer, form: Linear) -> None:
    """Narrow the interval of each atom of `form >= 0` to what the greatest values of the others leave it."""
    narrowed = []
    for key, coef in form.terms.items():
        if isinstance(key, tuple):
            continue
        low, high = an.bound_of(Linear({key: 1}))
        rest = an.bound_of(form.without(key))[1]
        limit = -(rest // coef) if coef > 0 else rest // -coef
        if (low < limit <= high) if coef > 0 else (low <= limit < high):
            narrowed.append((key, (limit, high) if coef > 0 else (low, limit)))
    for key, interval in narrowed:
        an.context.set(an.context.intervals, key, interval)
    if narrowed:
        an.context.forget()


def _residue(an: Analyzer, form: Linear) -> None:
    """Record `x % c == r`, where x is an atom plus a constant, as a residue of the atom."""
    if len(form.terms) != 1:
        return
    ((key, coef),) = form.terms.items()
    if type(key) is not FloorMod or not isinstance(key.b, IntImm) or key.b.value <= 0 or form.const % coef:
        return
    base = an.normal(key.a)
    if len(base.terms) > 1 and base.content() == 1:
        _sum_residue(an, base, key.b.value, -form.const // coef)
    if len(base.terms) != 1:
        return
    ((inner, weight),) = base.terms.items()
    if isinstance(inner, tuple) or abs(weight) != 1:
        return
    divisor = key.b.value
    residue = (-form.const // coef - base.const) * weight % divisor
    known = meet(modulus_of_atom(an, inner), (divisor, residue))
    an.context.set(an.context.residues, inner, known)


def _sum_residue(an: Analyzer, base: Linear, divisor: int, residue: int) -> None:
    """Record `base % divisor == residue` of a sum of several terms and of minus that."""
    for sign in (1, -1):
        terms = Linear({k: sign * c for k, c in base.terms.items()})
        found = meet(an.modulus_of(terms), reduced(divisor, sign * (residue - base.const)))
        an.context.set(an.context.sum_residues, frozenset(terms.terms.items()), found)
    an.context.forget()
