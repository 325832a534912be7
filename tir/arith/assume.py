"""Constraints: what a condition that holds says about atoms, forms and bool expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..expr import EQ, FALSE, LT, TRUE, And, CmpOp, Expr, FloorMod, IntImm, Not, Or
from .compare import difference, reduce_negative
from .linear import Linear
from .modular import meet, modulus_of_atom
from .rewrite import HasEffect, negated

if TYPE_CHECKING:
    from .analyzer import Analyzer


def assume(an: Analyzer, condition: Expr) -> None:
    """Record that `condition` holds."""
    an.context.append(an.context.assumed, condition)
    try:
        _assume(an, an.simplify_node(condition))
    except HasEffect:
        return
    finally:
        an.context.forget()


def _assume(an: Analyzer, e: Expr) -> None:
    if isinstance(e, And) and e.dtype.lanes == 1:
        _assume(an, e.a)
        _assume(an, e.b)
        return
    if e is TRUE or e is FALSE:
        # A condition that cannot hold: anything said under it is true.
        return
    _truth(an, e, True)
    inverse = negated(e)
    if isinstance(e, Not) and isinstance(inverse, (And, Or, CmpOp)) and not isinstance(negated(inverse), Not):
        _assume(an, negated(inverse))
        return
    if isinstance(e, CmpOp) and e.a.dtype.is_integral and e.dtype.lanes == 1:
        _truth(an, an.simplify_node(inverse), False)
        _compared(an, e)
    else:
        _truth(an, inverse, False)


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
            return
    if form.terms:
        an.context.append(an.context.facts, form)


def _residue(an: Analyzer, form: Linear) -> None:
    """Record `x % c == r`, where x is an atom plus a constant, as a residue of the atom."""
    if len(form.terms) != 1:
        return
    ((key, coef),) = form.terms.items()
    if type(key) is not FloorMod or not isinstance(key.b, IntImm) or key.b.value <= 0 or form.const % coef:
        return
    base = an.normal(key.a)
    if len(base.terms) != 1:
        return
    ((inner, weight),) = base.terms.items()
    if isinstance(inner, tuple) or abs(weight) != 1:
        return
    divisor = key.b.value
    residue = (-form.const // coef - base.const) * weight % divisor
    known = meet(modulus_of_atom(an, inner), (divisor, residue))
    an.context.set(an.context.residues, inner, known)
