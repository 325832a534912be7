"""Comparisons of integers: decided where possible, else in one form with the constant and the common factor out."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

from ..expr import EQ, FALSE, GE, GT, LE, LT, NE, TRUE, CmpOp, Expr, FloorDiv, IntImm, Max, Min, Not, Select
from .linear import Linear, constant

if TYPE_CHECKING:
    from .analyzer import Analyzer

FLIPPED: dict[type[CmpOp], type[CmpOp]] = {LT: GT, GT: LT, LE: GE, GE: LE, EQ: EQ, NE: NE}
NEGATED: dict[type[CmpOp], type[CmpOp]] = {LT: GE, GE: LT, LE: GT, GT: LE, EQ: NE, NE: EQ}


def difference(an: Analyzer, e: CmpOp) -> tuple[type[CmpOp], Linear]:
    """`e` as (LT | EQ | NE, form), meaning that the form is negative, zero, not zero."""
    a, b = an.normal(e.a), an.normal(e.b)
    cls = type(e)
    if cls is GT or cls is GE:
        a, b = b, a
    form = an.merged(a.add(b, -1))
    if cls is LT or cls is GT:
        return LT, form
    if cls is LE or cls is GE:
        return LT, form.shift(-1)
    return cls, form


def compare(an: Analyzer, e: CmpOp) -> Expr:
    """The simplified comparison."""
    cls, form = difference(an, e)
    chosen = _by_choice(an, cls, form)
    if chosen is not None:
        return chosen
    if cls is LT:
        return negative(an, form, e)
    known = _zero(an, form)
    if known is not None:
        return TRUE if known is (cls is EQ) else FALSE
    sided = _sided(an, form)
    if sided is not None:
        return negative(an, sided.shift(-1) if cls is EQ else sided.scale(-1), e)
    return _written(an, cls, reduce_zero(form), e)


def _by_choice(an: Analyzer, cls: type[Any], form: Linear) -> Expr | None:
    """A comparison with a selection or a bool in it that comes out by the condition alone: `select(c, 1, 0) == 1`."""
    for atom in form.terms:
        if type(atom) is Select:
            condition, yes, no = atom.condition, an.normal(atom.true_value), an.normal(atom.false_value)
        elif isinstance(atom, Expr) and atom.dtype.is_bool:
            condition, yes, no = atom, constant(1), constant(0)
        else:
            continue
        rest, weight = form.without(atom), form.terms[atom]
        results = [_decided(an, cls, rest.add(arm, weight)) for arm in (yes, no)]
        if results[0] is not None and results[1] is not None:
            if results[0] == results[1]:
                return TRUE if results[0] else FALSE
            return condition if results[0] else an.simplify_node(Not(condition))
    return None


def _decided(an: Analyzer, cls: type[Any], form: Linear) -> bool | None:
    """Whether the form is negative (LT), zero (EQ), not zero (NE), as far as its bounds tell."""
    low, high = an.bound_of(form)
    if cls is LT:
        return True if high < 0 else False if low >= 0 else None
    if low == high == 0 or low > 0 or high < 0:
        return (low == high == 0) is (cls is EQ)
    return None


def _zero(an: Analyzer, form: Linear) -> bool | None:
    """Whether the form is zero, if that is known."""
    if form.is_const:
        return form.const == 0
    low, high = an.bound_of(form)
    if low > 0 or high < 0:
        return False
    coeff, base = an.modulus_of(form)
    if coeff != 1 and (base % coeff if coeff else base):
        return False
    if any(form == other or form == other.scale(-1) for other in an.context.unequal):
        return False
    if an.proves_negative(form, quick=True) or an.proves_negative(form.scale(-1), quick=True):
        return False
    if an.proves_negative(form.shift(-1), quick=True) and an.proves_negative(form.scale(-1).shift(-1), quick=True):
        return True
    return None


def _sided(an: Analyzer, form: Linear) -> Linear | None:
    """For `max(a, b) - b` and the like, a form that is <= 0 where that is zero; None for any other form."""
    for atom, weight in form.terms.items():
        if isinstance(atom, (Min, Max)):
            rest = form.without(atom)
            arms = [rest.add(an.normal(operand), weight) for operand in (atom.a, atom.b)]
            for arm, other in (arms, reversed(arms)):
                if arm.is_const and arm.const == 0:
                    return other.scale(1 if isinstance(atom, Max) is (weight > 0) else -1)
    return None


def reduce_zero(form: Linear) -> Linear:
    """A form that is zero where `form` is, divided by its common factor, its first coefficient positive."""
    common = gcd(form.content(), form.const)
    if next(iter(form.terms.values())) < 0:
        form = form.scale(-1)
    return form.exact_div(common)


def negative(an: Analyzer, form: Linear, e: CmpOp) -> Expr:
    """`form < 0`, which is what `e` says, simplified."""
    if an.proves_negative(form, quick=True):
        return TRUE
    if an.proves_negative(form.scale(-1).shift(-1), quick=True):
        return FALSE
    chosen = _by_extremum(an, form)
    if isinstance(chosen, bool):
        return TRUE if chosen else FALSE
    if chosen is not None:
        return negative(an, chosen, e)
    form = reduce_negative(an, form)
    undivided = _undivided(an, form)
    return _written(an, LT, form, e) if undivided is form else negative(an, undivided, e)


def _by_extremum(an: Analyzer, form: Linear) -> Linear | bool | None:
    """`form < 0` with an extremum in it of which one operand is decided: the form with the other, or the truth.

    `min(a, b) < c` is `a < c or b < c`, `max(a, b) < c` is `a < c and b < c`, and so on with the signs.
    """
    for atom, weight in form.terms.items():
        if not isinstance(atom, (Min, Max)):
            continue
        rest = form.without(atom)
        arms = [rest.add(an.normal(operand), weight) for operand in (atom.a, atom.b)]
        either = isinstance(atom, Min) is (weight > 0)
        for arm, other in (arms, reversed(arms)):
            truth = _known_negative(an, arm)
            if truth is not None:
                return truth if truth is either else an.merged(other)
    return None


def _known_negative(an: Analyzer, form: Linear) -> bool | None:
    if an.proves_negative(form, quick=True):
        return True
    return False if an.proves_negative(form.scale(-1).shift(-1), quick=True) else None


def _undivided(an: Analyzer, form: Linear) -> Linear:
    """`x // c + k < 0` as `x + c*k < 0`, and `k - x // c < 0` as `c*k + c - 1 - x < 0`."""
    if len(form.terms) != 1:
        return form
    ((key, coef),) = form.terms.items()
    if type(key) is not FloorDiv or type(key.b) is not IntImm or key.b.value <= 0 or abs(coef) != 1:
        return form
    divisor = key.b.value
    slack = divisor - 1 if coef < 0 else 0
    return reduce_negative(an, an.normal(key.a).scale(coef).shift(divisor * form.const + slack))


def reduce_negative(an: Analyzer, form: Linear) -> Linear:
    """A form negative where `form` is: low terms that cannot matter dropped, the common factor divided out."""
    content = form.content()
    while True:
        dropped = _drop_low(an, form, content)
        if dropped is None:
            break
        form = dropped
    content = form.content()
    return Linear({k: c // content for k, c in form.terms.items()}, form.const // content) if content > 1 else form


def _drop_low(an: Analyzer, form: Linear, content: int) -> Linear | None:
    """`g*h + low < 0` is `g*h + g*k < 0` where `low // g` is k, for some g greater than the common factor."""
    if len(form.terms) < 2:
        return None
    places = {key: _place(an, form, key) for key in form.terms}
    for g in sorted(set(places.values()), reverse=True):
        if g <= content:
            break
        low = Linear({k: c for k, c in form.terms.items() if places[k] % g}, form.const)
        if not low.terms:
            continue
        least, greatest = an.bound_of(low)
        if least // g >= greatest // g:
            high = {k: c for k, c in form.terms.items() if places[k] % g == 0}
            return Linear(high, least // g * g)
    return None


def _place(an: Analyzer, form: Linear, key: object) -> int:
    coef = form.terms[key]  # type: ignore[index]
    coeff, base = an.modulus_of(Linear({key: coef}))  # type: ignore[dict-item]
    return gcd(coeff, base) or abs(coef)


def _written(an: Analyzer, cls: type[Any], form: Linear, e: CmpOp) -> Expr:
    """The comparison of `form` with zero, each term on the side where it is added; `e` where a side may not fit."""
    plus = {k: c for k, c in form.terms.items() if c > 0}
    minus = {k: -c for k, c in form.terms.items() if c < 0}
    const = form.const
    if cls is LT and (not plus or (minus and const == -1)):
        # `c < x` is written `c + 1 <= x`, and `x < y + 1` is `x <= y`.
        cls, const = LE, const + 1
    left, right = (const, 0) if (plus and minus and const > 0) or not plus else (0, -const)
    out = _sides(an, cls, Linear(plus, left), Linear(minus, right), e)
    known = an.context.truths.get(out)
    return out if known is None else TRUE if known else FALSE


def _sides(an: Analyzer, cls: type[Any], a: Linear, b: Linear, e: CmpOp) -> Expr:
    dtype = e.a.dtype
    given = an.normal(e.a), an.normal(e.b)
    if all(form in given or an.fits(form, dtype) for form in (a, b)):
        return cls(an.build(a, dtype), an.build(b, dtype))
    # What is added up on a side need not fit the type although the operands do.
    left, right = (an.build(form, dtype) for form in given)
    if type(e) is GT or type(e) is GE:
        left, right = right, left
    plain: type[Any] = FLIPPED[type(e)] if isinstance(e, (GT, GE)) else type(e)
    return plain(left, right)
