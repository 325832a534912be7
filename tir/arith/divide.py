"""Division of linear forms: what of a quotient or remainder can be told apart, and what stays an atom."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

from ..dtype import DType
from ..expr import BinaryOp, Div, Expr, FloorDiv, FloorMod, IntImm, Mod
from .linear import ZERO, Linear, Monomial, constant, factors, monomial

if TYPE_CHECKING:
    from .analyzer import Analyzer


def floor_div(an: Analyzer, a: Linear, b: Linear, e: BinaryOp) -> Linear:
    """The form of `a // b`, where `e` is the expression divided."""
    if _divides(b, a) and (e.dtype.is_index or an.fits(a.exact_div(b.const), e.dtype)):
        return a.exact_div(b.const)
    if b.is_const and b.const:
        if b.const > 0:
            return floor_div_const(an, a, b.const, e.dtype)
        if an.fits(a.scale(-1), e.dtype):
            return floor_div_const(an, a.scale(-1), -b.const, e.dtype)
        return _opaque(an, FloorDiv, a, b, e)
    if b.is_const:
        return _opaque(an, FloorDiv, a, b, e)
    quotient, rest = _divide_out(an, a, b)
    reduced = _reduced(an, FloorDiv, rest, b, e, derived=rest is not a)
    if reduced is not None and (e.dtype.is_index or an.fits(quotient.add(reduced), e.dtype)):
        return quotient.add(reduced)
    return _opaque(an, FloorDiv, a, b, e)


def floor_mod(an: Analyzer, a: Linear, b: Linear, e: BinaryOp) -> Linear:
    """The form of `a % b`, where `e` is the expression divided."""
    if b.is_const and b.const:
        if b.const > 0:
            return floor_mod_const(an, a, b.const, e.dtype)
        if an.fits(a.scale(-1), e.dtype):
            return floor_mod_const(an, a.scale(-1), -b.const, e.dtype).scale(-1)
        return _opaque(an, FloorMod, a, b, e)
    if b.is_const:
        return _opaque(an, FloorMod, a, b, e)
    _, rest = _divide_out(an, a, b)
    reduced = _reduced(an, FloorMod, rest, b, e, derived=rest is not a)
    return _opaque(an, FloorMod, a, b, e) if reduced is None else reduced


def trunc_div(an: Analyzer, a: Linear, b: Linear, e: BinaryOp) -> Linear:
    """The form of C's `a / b`: floor division where signs are known, else an atom."""
    if _divides(b, a) and (e.dtype.is_index or an.fits(a.exact_div(b.const), e.dtype)):
        return a.exact_div(b.const)
    sign = _signs(an, a, b, e.dtype)
    return floor_div(an, *sign[1:], e).scale(sign[0]) if sign else _opaque(an, Div, a, b, e)


def trunc_mod(an: Analyzer, a: Linear, b: Linear, e: BinaryOp) -> Linear:
    """The form of C's `a % b`: the floor remainder where signs are known, else an atom."""
    if _divides(b, a):
        return ZERO
    sign = _signs(an, a, b, e.dtype)
    if sign is None:
        return _opaque(an, Mod, a, b, e)
    _, dividend, divisor = sign
    negated = dividend is not a
    return floor_mod(an, dividend, divisor, e).scale(-1 if negated else 1)


def _divides(b: Linear, a: Linear) -> bool:
    """Whether the numbers of `a` are multiples of the constant `b`, so that no rounding takes place."""
    return b.is_const and b.const != 0 and gcd(a.content(), a.const) % b.const == 0


def _signs(an: Analyzer, a: Linear, b: Linear, dtype: DType) -> tuple[int, Linear, Linear] | None:
    """The sign of the quotient and |a|, |b|, where the signs of both are known and the new operands fit."""
    sign, out = 1, []
    for form in (a, b):
        low, high = an.bound_of(form)
        if low >= 0:
            out.append(form)
        elif high <= 0 and -low <= dtype.max:
            out.append(form.scale(-1))
            sign = -sign
        else:
            return None
    return sign, out[0], out[1]


Room = tuple[bool, bool]
"""Whether a form's value is known not to lie below, and not above, what its type holds."""

FITS, UNKNOWN = (True, True), (False, False)


def floor_div_const(an: Analyzer, a: Linear, divisor: int, dtype: DType) -> Linear:
    """The form of `a // divisor` for a positive constant; `a` fits `dtype`, in which operands are built."""
    out = _quotient(an, a, divisor, dtype, FITS)
    return out if out is not None else _atom(an, FloorDiv, a, divisor, dtype)


def _quotient(an: Analyzer, a: Linear, divisor: int, dtype: DType, room: Room) -> Linear | None:
    """As `floor_div_const`; None if an operand is needed that may not fit the type, as a part of a sum may."""
    if divisor == 1:
        return a
    quotient = {k: c // divisor for k, c in a.terms.items() if c % divisor == 0}
    rest = {k: c for k, c in a.terms.items() if c % divisor}
    whole = Linear(quotient, a.const // divisor)
    if not rest:
        return whole
    form = Linear(rest, a.const % divisor)
    bounds = an.bound_of(form)
    if bounds[0] // divisor >= bounds[1] // divisor:
        return whole.shift(bounds[0] // divisor)
    if quotient:
        room = _room_without(an, whole, room)
    elif form.const != a.const:
        # A constant is taken out only where bounds allow: `(x + 12) // 5 // 8` is to stay one quotient of `x + 12`.
        room = UNKNOWN
    common = gcd(form.content(), divisor)
    if common > 1:
        smaller = Linear({k: c // common for k, c in rest.items()}, form.const // common)
        inner = _quotient(an, smaller, divisor // common, dtype, room)
        return None if inner is None else whole.add(inner)
    dropped = _split_low(an, form, divisor)
    if dropped is not None:
        inner = _quotient(an, dropped[0], divisor, dtype, (False, room[1]))
        return None if inner is None else whole.add(inner)
    nested = _nested_quotient(an, form, divisor, dtype)
    if nested is not None:
        return whole.add(nested)
    return whole.add(_atom(an, FloorDiv, form, divisor, dtype)) if _fits(bounds, dtype, room) else None


def _room_without(an: Analyzer, dropped: Linear, room: Room) -> Room:
    """What is known of a form once another is taken from it: less of it is no greater."""
    least, greatest = an.bound_of(dropped)
    return room[0] and greatest <= 0, room[1] and least >= 0


def _fits(bounds: tuple[int, int], dtype: DType, room: Room) -> bool:
    return bool((room[0] or bounds[0] >= dtype.min) and (room[1] or bounds[1] <= dtype.max))


def floor_mod_const(an: Analyzer, a: Linear, divisor: int, dtype: DType) -> Linear:
    """The form of `a % divisor` for a positive constant; `a` fits `dtype`, in which operands are built."""
    atom = a.atom
    if type(atom) is FloorMod and _positive(atom.b) and atom.b.value % divisor == 0:  # type: ignore[attr-defined]
        return floor_mod_const(an, an.normal(atom.a), divisor, dtype)
    out = _remainder(an, a, divisor, dtype, FITS)
    return out if out is not None else _atom(an, FloorMod, a, divisor, dtype)


def _remainder(an: Analyzer, a: Linear, divisor: int, dtype: DType, room: Room) -> Linear | None:
    """As `floor_mod_const`; None as for `_quotient`."""
    if divisor == 1:
        return ZERO
    form = _reduce_remainders(an, a, divisor)
    terms = {k: c for k, c in form.terms.items() if c % divisor}
    if len(terms) == 1:
        # In longer sums coefficients stay, so that quotient and remainder are seen to be of one number.
        terms = {k: _signed_rem(c, divisor) for k, c in terms.items()}
    form = Linear(terms, form.const % divisor)
    if not terms:
        return form
    room = _room_without(an, a.add(form, -1), room)
    coeff, residue = an.modulus_of(form)
    if coeff % divisor == 0:
        return constant(residue % divisor)
    bounds = an.bound_of(form)
    if bounds[0] // divisor >= bounds[1] // divisor:
        return form.shift(-(bounds[0] // divisor) * divisor)
    dropped = _split_low(an, form, divisor)
    if dropped is not None:
        inner = _remainder(an, dropped[0], divisor, dtype, (False, room[1]))
        return None if inner is None else inner.add(dropped[1])
    common = gcd(form.content(), form.const, divisor)
    if common > 1:
        inner = _remainder(an, form.exact_div(common), divisor // common, dtype, room)
        return None if inner is None else inner.scale(common)
    atom = form.atom
    if type(atom) is FloorDiv and _positive(atom.b):
        # x // a % c is the digit x % (a*c) // a.
        place = atom.b.value  # type: ignore[attr-defined]
        if place * divisor <= dtype.max:
            return floor_div_const(an, floor_mod_const(an, an.normal(atom.a), place * divisor, dtype), place, dtype)
    return _atom(an, FloorMod, form, divisor, dtype) if _fits(bounds, dtype, room) else None


def _signed_rem(value: int, divisor: int) -> int:
    return value % divisor if value >= 0 else -(-value % divisor)


def _positive(e: Expr) -> bool:
    return type(e) is IntImm and e.value > 0


def _reduce_remainders(an: Analyzer, a: Linear, divisor: int) -> Linear:
    """`x % n` in a sum taken modulo a divisor of n is x."""
    for key, coef in a.terms.items():
        if type(key) is FloorMod and _positive(key.b) and coef * key.b.value % divisor == 0:  # type: ignore[attr-defined]
            return _reduce_remainders(an, a.without(key).add(an.normal(key.a), coef), divisor)
    return a


def _split_low(an: Analyzer, form: Linear, divisor: int) -> tuple[Linear, Linear] | None:
    """(multiple, low) with `form == multiple + low` and `form // divisor == multiple // divisor`.

    Every term of `multiple` is a multiple of some g that divides `divisor`, and 0 <= low < g. None if nothing can be
    dropped.
    """
    places = {key: _place(an, key, coef, divisor) for key, coef in form.terms.items()}
    for g in sorted(set(places.values()), reverse=True):
        if g == 1:
            break
        low = Linear({k: c for k, c in form.terms.items() if places[k] % g}, form.const)
        if not low.terms and low.const % g == 0:
            continue
        least, greatest = an.bound_of(low)
        step = least // g
        if step >= greatest // g:
            high = Linear({k: c for k, c in form.terms.items() if places[k] % g == 0}, step * g)
            return high, low.shift(-step * g)
    return None


def _place(an: Analyzer, key: Monomial, coef: int, divisor: int) -> int:
    """The greatest divisor of `divisor` that is known to divide the term."""
    place = gcd(coef, divisor)
    if place != divisor:
        coeff, base = an.modulus_of(Linear({key: coef}))
        place = gcd(divisor, coeff, base)
    return place


def _nested_quotient(an: Analyzer, form: Linear, divisor: int, dtype: DType) -> Linear | None:
    """`(x // a + k) // c` as `(x + k*a) // (a*c)`; of a digit `x % u // l` the digit `x % u // (l*c)`."""
    if len(form.terms) != 1:
        return None
    ((key, coef),) = form.terms.items()
    if coef != 1 or type(key) is not FloorDiv or not _positive(key.b):
        return None
    place = key.b.value  # type: ignore[attr-defined]
    inner = an.normal(key.a).shift(form.const * place)
    if place * divisor > dtype.max or (form.const and not an.fits(inner, dtype)):
        return None
    return floor_div_const(an, inner, place * divisor, dtype)


def _atom(an: Analyzer, cls: type[Any], form: Linear, divisor: int, dtype: DType) -> Linear:
    return an.atom(cls(an.build(form, dtype), IntImm(dtype, divisor)))


def _opaque(an: Analyzer, cls: type[Any], a: Linear, b: Linear, e: BinaryOp) -> Linear:
    """`cls(a, b)` as an atom, unless a rule of the table applies to it."""
    return an.rewritten(cls(an.build(a, e.dtype), an.build(b, e.dtype)))


def _divide_out(an: Analyzer, a: Linear, b: Linear) -> tuple[Linear, Linear]:
    """(q, r) with `a == q * b + r`, taking out of `a` what the leading term of `b` divides."""
    lead = max(b.terms, key=lambda key: (len(factors(key)), an.context.rank_of(key)))
    coef, atoms = b.terms[lead], factors(lead)
    quotient, rest = ZERO, a
    for key in list(a.terms):
        count = rest.terms.get(key, 0)
        if not count or count % coef:
            continue
        left = list(factors(key))
        for atom in atoms:
            place = next((i for i, other in enumerate(left) if other is atom), None)
            if place is None:
                break
            del left[place]
        else:
            part = Linear({monomial(tuple(left)): count // coef}) if left else constant(count // coef)
            quotient = quotient.add(part)
            rest = rest.add(an.product(part, b), -1)
    if len(b.terms) + (b.const != 0) > 1 and len(rest.terms) > len(a.terms):
        return ZERO, a
    return quotient, rest


def _reduced(an: Analyzer, cls: type[Any], rest: Linear, b: Linear, e: BinaryOp, derived: bool) -> Linear | None:
    """`cls(rest, b)` for a symbolic divisor: decided where `0 <= rest < b`, else with common factors taken out.

    None if `rest` is not the original dividend and may not fit the type.
    """
    if rest.is_const and rest.const == 0:
        return ZERO
    if an.proves_negative(rest.add(b, -1)) and an.proves_negative(rest.scale(-1).shift(-1)):
        return ZERO if cls is FloorDiv else rest
    if derived and not an.fits(rest, e.dtype):
        return None
    common = gcd(rest.content(), rest.const, b.content(), b.const)
    if common > 1:
        out = _reduced(an, cls, rest.exact_div(common), b.exact_div(common), e, derived)
        return out if out is None or cls is FloorDiv else out.scale(common)
    return _opaque(an, cls, rest, b, e)
