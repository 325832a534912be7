"""Sums whose terms are parts of one number: quotients and remainders of the same thing put together again.

A *part* is `base % upper // lower`, the digit of `base` between two places; `base // lower` has no upper place,
`base % upper` no lower one. The parts of a number that meet, each weighted by its place, are one part: this is the
split and fuse of loops, undone. The idea is that of TVM's canonical simplifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..dtype import DType
from ..expr import Expr, FloorDiv, FloorMod, IntImm, Max, Min
from .linear import Linear

if TYPE_CHECKING:
    from .analyzer import Analyzer

_PARTS = (FloorDiv, FloorMod)


class Part(NamedTuple):
    """`base % upper // lower`, where `upper` None means no remainder is taken."""

    base: Expr
    lower: int
    upper: int | None


def part_of(e: Expr) -> Part | None:
    """The part an atom is, or None."""
    if not isinstance(e, _PARTS) or type(e.b) is not IntImm or e.b.value <= 0:
        return None
    if type(e) is FloorMod:
        return Part(e.a, 1, e.b.value)
    inner = e.a
    if type(inner) is FloorMod and type(inner.b) is IntImm and inner.b.value > 0:
        return Part(inner.a, e.b.value, inner.b.value)
    return Part(e.a, e.b.value, None)


def merge(an: Analyzer, form: Linear, dtype: DType) -> Linear:
    """The form with terms combined that are parts of one number; `dtype` is the type new operands are built in."""
    while True:
        kinds = [key for key in form.terms if isinstance(key, (*_PARTS, Min, Max))]
        if not kinds:
            return form
        out = _merge_once(an, form, kinds, dtype)
        if out is None:
            return form
        form = out


def _merge_once(an: Analyzer, form: Linear, keys: Sequence[Expr], dtype: DType) -> Linear | None:
    for key in keys:
        if isinstance(key, (Min, Max)):
            out = _absorb(an, form, key, dtype)
            if out is not None:
                return out
            continue
        for part in _readings(key):
            coef = form.terms[key]
            for other in keys:
                if other is not key:
                    out = _join(an, form, key, part, coef, other, dtype)
                    if out is not None:
                        return out
            out = _with_base(an, form, key, part, coef, dtype)
            if out is not None:
                return out
    return None


def _readings(key: Expr) -> list[Part]:
    """The parts an atom is: `x % u // l` is one of x, and one of `x % u`."""
    part = part_of(key)
    if part is None:
        return []
    if type(key) is FloorDiv and part.upper is not None:
        return [part, Part(key.a, part.lower, None)]
    return [part]


def _join(an: Analyzer, form: Linear, key: Expr, part: Part, coef: int, other: Expr, dtype: DType) -> Linear | None:
    """`high * (base % u // m) + low * (base % m // l)` as `low * (base % u // l)`, where `high == low * (m // l)`."""
    low = part_of(other)
    if low is None or low.upper != part.lower or part.lower % low.lower:
        return None
    weight = form.terms[other]
    if coef != weight * (part.lower // low.lower):
        return None
    base = an.normal(part.base)
    if low.base is not part.base and not _congruent(base, an.normal(low.base), part.lower):
        return None
    joined = base
    if part.upper is not None:
        joined = an.floor_mod_const(joined, part.upper, dtype)
    joined = an.floor_div_const(joined, low.lower, dtype)
    return form.without(key).without(other).add(joined, weight)


def _congruent(a: Linear, b: Linear, modulus: int) -> bool:
    difference = a.add(b, -1)
    return difference.const % modulus == 0 and all(c % modulus == 0 for c in difference.terms.values())


def _with_base(an: Analyzer, form: Linear, key: Expr, part: Part, coef: int, dtype: DType) -> Linear | None:
    """A quotient or remainder combined with its base in the same sum, or with the base's known residue."""
    base = an.normal(part.base)
    if part.upper is None:
        # k*l*(x // l) is k*(x - x % l): worth it where x % l is known, or where -k*x stands in the sum.
        if coef % part.lower:
            return None
        weight = coef // part.lower
        coeff, residue = an.modulus_of(base)
        if coeff % part.lower == 0:
            return form.without(key).add(base, weight).shift(-weight * (residue % part.lower))
        if _holds(form, base, -weight):
            rest = form.without(key).add(base, weight)
            return rest.add(an.floor_mod_const(base, part.lower, dtype), -weight)
        return None
    if part.lower == 1 and _holds(form, base, -coef):
        quotient = an.floor_div_const(base, part.upper, dtype)
        return form.without(key).add(base, coef).add(quotient, -coef * part.upper)
    return None


def _holds(form: Linear, base: Linear, weight: int) -> bool:
    """Whether the terms of `weight * base` all stand in the form."""
    return bool(base.terms) and all(form.terms.get(k) == c * weight for k, c in base.terms.items())


def _absorb(an: Analyzer, form: Linear, key: Min | Max, dtype: DType) -> Linear | None:
    """`min(a + t, b) - t` as `min(a, b - t)`: terms that cancel in an operand are taken inside."""
    coef = form.terms[key]
    a, b = an.normal(key.a), an.normal(key.b)
    moved = {
        k: c // coef
        for k, c in form.terms.items()
        if k is not key and c % coef == 0 and -c // coef in (a.terms.get(k), b.terms.get(k))
    }
    if not moved:
        return None
    shift = Linear(moved)
    a, b = a.add(shift), b.add(shift)
    if not (an.fits(a, dtype) and an.fits(b, dtype)):
        return None
    inside = an.extremum_of(a, b, 1 if type(key) is Max else -1, dtype)
    return form.without(key).add(shift, -coef).add(inside, coef)
