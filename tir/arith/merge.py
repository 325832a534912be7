"""Sums whose terms are parts of one number: quotients and remainders of the same thing put together again.

A *part* is `base % upper // lower`, the digit of `base` between two places; `base // lower` has no upper place,
`base % upper` no lower one. The parts of a number that meet, each weighted by its place, are one part: this is the
split and fuse of loops, undone. The idea is that of TVM's canonical simplifier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..expr import Div, Expr, FloorDiv, FloorMod, IntImm, Max, Min, Mod, Select
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


def merge(an: Analyzer, form: Linear) -> Linear:
    """The form with terms combined that are parts of one number."""
    while not _RULES.keys().isdisjoint(map(type, form.terms)):
        special = [key for key in form.terms if isinstance(key, Expr) and type(key) in _RULES]
        for key in special:
            out = _RULES[type(key)](an, form, key, special)
            if out is not None:
                form = out
                break
        else:
            break
    return form


def _parts_rule(an: Analyzer, form: Linear, key: Expr, special: Sequence[Expr]) -> Linear | None:
    """Digits of one number, a number and its quotient or remainder."""
    coef = form.terms[key]
    for part in _readings(key):
        for other in special:
            if other is not key:
                out = _join(an, form, key, part, coef, other)
                if out is not None:
                    return out
        out = _with_base(an, form, key, part, coef)
        if out is not None:
            return out
    return _symbolic(an, form, key) if type(key) is FloorMod else None


def _symbolic(an: Analyzer, form: Linear, key: FloorMod) -> Linear | None:
    """`x // n * n + x % n` as x, for a divisor that is not constant."""
    divisor = an.normal(key.b)
    quotient = an.normal(FloorDiv(key.a, key.b)).atom
    if divisor.is_const or quotient is None:
        return None
    product = an.product(Linear({quotient: 1}), divisor)
    weight = form.terms[key]
    if not all(form.terms.get(k) == c * weight for k, c in product.terms.items()):
        return None
    return form.without(key).add(product, -weight).add(an.normal(key.a), weight)


def _truncated_rule(an: Analyzer, form: Linear, key: Mod, special: Sequence[Expr]) -> Linear | None:
    """`truncdiv(x, c) * c + truncmod(x, c)` as x."""
    quotient = next((k for k in special if type(k) is Div and k.a is key.a and k.b is key.b), None)
    weight = form.terms[key]
    if quotient is None or not isinstance(key.b, IntImm) or form.terms[quotient] != weight * key.b.value:
        return None
    return form.without(key).without(quotient).add(an.normal(key.a), weight)


def _extremum_rule(an: Analyzer, form: Linear, key: Min | Max, special: Sequence[Expr]) -> Linear | None:
    """`min(x, y) + max(x, y)` as `x + y`; terms that cancel in an operand taken inside."""
    weight = form.terms[key]
    for other in special:
        if type(other) in (Min, Max) and type(other) is not type(key) and form.terms[other] == weight:
            if isinstance(other, (Min, Max)) and other.a is key.a and other.b is key.b:
                both = an.normal(key.a).add(an.normal(key.b))
                return form.without(key).without(other).add(both, weight)
    return _absorb(an, form, key)


def _select_rule(an: Analyzer, form: Linear, key: Select, special: Sequence[Expr]) -> Linear | None:
    """Selections by one condition whose sum is the same whichever way it goes."""
    for other in special:
        if other is key or not isinstance(other, Select) or other.condition is not key.condition:
            continue
        yes, no = (
            an.normal(a).scale(form.terms[key]).add(an.normal(b), form.terms[other])
            for a, b in ((key.true_value, other.true_value), (key.false_value, other.false_value))
        )
        if yes == no:
            return form.without(key).without(other).add(yes)
    return None


def _readings(key: Expr) -> list[Part]:
    """The parts an atom is: `x % u // l` is one of x, and one of `x % u`."""
    part = part_of(key)
    if part is None:
        return []
    if type(key) is FloorDiv and part.upper is not None:
        return [part, Part(key.a, part.lower, None)]
    return [part]


def _join(an: Analyzer, form: Linear, key: Expr, part: Part, coef: int, other: Expr) -> Linear | None:
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
        joined = an.floor_mod_const(joined, part.upper, key.dtype)
    joined = an.floor_div_const(joined, low.lower, key.dtype)
    return form.without(key).without(other).add(joined, weight)


def _congruent(a: Linear, b: Linear, modulus: int) -> bool:
    difference = a.add(b, -1)
    return difference.const % modulus == 0 and all(c % modulus == 0 for c in difference.terms.values())


def _with_base(an: Analyzer, form: Linear, key: Expr, part: Part, coef: int) -> Linear | None:
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
            return rest.add(an.floor_mod_const(base, part.lower, key.dtype), -weight)
        return None
    if part.lower == 1 and _holds(form, base, -coef):
        quotient = an.floor_div_const(base, part.upper, key.dtype)
        return form.without(key).add(base, coef).add(quotient, -coef * part.upper)
    return None


def _holds(form: Linear, base: Linear, weight: int) -> bool:
    """Whether the terms of `weight * base` all stand in the form."""
    return bool(base.terms) and all(form.terms.get(k) == c * weight for k, c in base.terms.items())


def _absorb(an: Analyzer, form: Linear, key: Min | Max) -> Linear | None:
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
    if not (an.fits(a, key.dtype) and an.fits(b, key.dtype)):
        return None
    inside = an.extremum_of(a, b, 1 if type(key) is Max else -1, key.dtype)
    return form.without(key).add(shift, -coef).add(inside, coef)


_RULES: dict[type, Callable[[Analyzer, Linear, Any, Sequence[Expr]], Linear | None]] = {
    FloorDiv: _parts_rule,
    FloorMod: _parts_rule,
    Mod: _truncated_rule,
    Div: lambda an, form, key, special: None,
    Min: _extremum_rule,
    Max: _extremum_rule,
    Select: _select_rule,
}
