"""Constant bounds: the interval an integer expression is sure to lie in, by interval arithmetic on its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..expr import (
    INT_RULES,
    Add,
    Call,
    Cast,
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
    Select,
    Sub,
    Var,
)
from ..op import OPS
from .context import Interval
from .linear import Linear, Monomial

if TYPE_CHECKING:
    from .analyzer import Analyzer


class ConstIntBound(NamedTuple):
    """The least and the greatest value an expression can have; both are sound, neither need be reached."""

    min_value: int
    max_value: int


def bound_of(an: Analyzer, form: Linear) -> Interval:
    """The interval of a form."""
    low = high = form.const
    for key, coef in form.terms.items():
        least, greatest = bound_of_product(an, key) if isinstance(key, tuple) else bound_of_atom(an, key)
        if coef > 0:
            low += coef * least
            high += coef * greatest
        else:
            low += coef * greatest
            high += coef * least
    return _known_sum(an, form, low, high) if an.context.sums and len(form.terms) > 1 else (low, high)


def _known_sum(an: Analyzer, form: Linear, low: int, high: int) -> Interval:
    """The interval narrowed to what a constraint says of the sum."""
    content = form.content()
    known = an.context.sums.get(frozenset((key, coef // content) for key, coef in form.terms.items()))
    if known is None:
        return low, high
    low, high = max(low, known[0] * content + form.const), min(high, known[1] * content + form.const)
    return (low, high) if low <= high else (low, low)


def bound_of_product(an: Analyzer, key: Monomial) -> Interval:
    """The interval of a product of atoms; squares are not negative."""
    assert isinstance(key, tuple)
    out = (1, 1)
    i = 0
    while i < len(key):
        atom = key[i]
        low, high = bound_of_atom(an, atom)
        if i + 1 < len(key) and key[i + 1] is atom:
            out = _times(out, (0 if low <= 0 <= high else min(low * low, high * high), max(low * low, high * high)))
            i += 2
        else:
            out = _times(out, (low, high))
            i += 1
    return out


def _times(a: Interval, b: Interval) -> Interval:
    corners = (a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1])
    return min(corners), max(corners)


def bound_of_atom(an: Analyzer, e: Expr) -> Interval:
    """The interval of an atom."""
    memo = an.context.bounds
    out = memo.get(e)
    if out is None:
        rule = _ATOMS.get(type(e))
        out = rule(an, e) if rule is not None else _of_type(e)
        known = an.context.intervals.get(e)
        if known is not None:
            out = max(out[0], known[0]), min(out[1], known[1])
        if out[0] > out[1]:
            # Nothing can have a value in an empty range: any claim is true, a point keeps the arithmetic ordered.
            out = out[0], out[0]
        memo[e] = out
    return out


def _of_type(e: Expr) -> Interval:
    if e.dtype.is_bool:
        return 0, 1
    return int(e.dtype.min), int(e.dtype.max)


def _var(an: Analyzer, e: Var) -> Interval:
    return an.context.intervals.get(e) or _of_type(e)


def _quotients(a: Interval, b: Interval, divide: Callable[[int, int], int]) -> Interval:
    """The interval of a quotient: extreme where the divisor is extreme or next to zero, and never divides by zero."""
    divisors = {d for d in (b[0], b[1], -1, 1) if d and b[0] <= d <= b[1]}
    corners = [divide(x, d) for x in a for d in divisors]
    if not corners:
        return 0, 0
    if a[0] <= 0 <= a[1]:
        corners.append(0)
    return min(corners), max(corners)


def _wrapped(e: Expr, out: Interval) -> Interval:
    """The interval of a quotient; of a narrow type, where the least number by -1 wraps, maybe that of the type."""
    fits = e.dtype.is_index or (e.dtype.min <= out[0] and out[1] <= e.dtype.max)
    return out if fits else _of_type(e)


def _floor_div(an: Analyzer, e: FloorDiv) -> Interval:
    return _wrapped(e, _quotients(an.bound(e.a), an.bound(e.b), lambda x, y: x // y))


def _trunc_div(an: Analyzer, e: Div) -> Interval:
    if not e.dtype.is_integral:
        return _of_type(e)
    return _wrapped(e, _quotients(an.bound(e.a), an.bound(e.b), INT_RULES[Div]))


def _floor_mod(an: Analyzer, e: FloorMod) -> Interval:
    (alow, ahigh), (low, high) = an.bound(e.a), an.bound(e.b)
    least, greatest = min(0, low + 1), max(0, high - 1)
    if low > 0 and alow >= 0:
        greatest = min(greatest, ahigh)
    elif high < 0 and ahigh <= 0:
        least = max(least, alow)
    return least, greatest


def _trunc_mod(an: Analyzer, e: Mod) -> Interval:
    (alow, ahigh), (low, high) = an.bound(e.a), an.bound(e.b)
    size = max(abs(low), abs(high), 1) - 1
    return max(min(0, alow), -size), min(max(0, ahigh), size)


def _either(an: Analyzer, a: Expr, b: Expr) -> Interval:
    (alow, ahigh), (blow, bhigh) = an.bound(a), an.bound(b)
    return min(alow, blow), max(ahigh, bhigh)


def _min(an: Analyzer, e: Min) -> Interval:
    (alow, ahigh), (blow, bhigh) = an.bound(e.a), an.bound(e.b)
    return min(alow, blow), min(ahigh, bhigh)


def _max(an: Analyzer, e: Max) -> Interval:
    (alow, ahigh), (blow, bhigh) = an.bound(e.a), an.bound(e.b)
    return max(alow, blow), max(ahigh, bhigh)


def _cast(an: Analyzer, e: Cast) -> Interval:
    own = e.value.dtype
    low, high = _of_type(e)
    if own.is_bool:
        return 0, 1
    if own.is_integral:
        least, greatest = an.bound(e.value)
        if low <= least and greatest <= high:
            return least, greatest
    return low, high


def _call(an: Analyzer, e: Call) -> Interval:
    rule = _CALLS.get(e.op)
    return rule(an, e) if rule is not None else _of_type(e)


def _bits_of(an: Analyzer, e: Call) -> Interval:
    """`|` and `^` of two numbers that are not negative stay below the next power of two."""
    (alow, ahigh), (blow, bhigh) = an.bound(e.args[0]), an.bound(e.args[1])
    if alow < 0 or blow < 0:
        return _of_type(e)
    low = max(alow, blow) if e.op is OPS["bitwise_or"] else 0
    return low, (1 << max(ahigh, bhigh).bit_length()) - 1


def _bitwise_and(an: Analyzer, e: Call) -> Interval:
    (alow, ahigh), (blow, bhigh) = an.bound(e.args[0]), an.bound(e.args[1])
    highs = [high for low, high in ((alow, ahigh), (blow, bhigh)) if low >= 0]
    return (0, min(highs)) if highs else _of_type(e)


def _shift_right(an: Analyzer, e: Call) -> Interval:
    low, high = an.bound(e.args[0])
    least, greatest = max(an.bound(e.args[1])[0], 0), min(max(an.bound(e.args[1])[1], 0), 64)
    corners = [x >> y for x in (low, high) for y in (least, greatest)]
    return min(corners), max(corners)


_CALLS: dict[Any, Callable[[Analyzer, Call], Interval]] = {
    OPS["bitwise_or"]: _bits_of,
    OPS["bitwise_xor"]: _bits_of,
    OPS["bitwise_and"]: _bitwise_and,
    OPS["shift_right"]: _shift_right,
    OPS["if_then_else"]: lambda an, e: _either(an, e.args[1], e.args[2]),
    OPS["popcount"]: lambda an, e: (0, e.dtype.bits),
    OPS["clz"]: lambda an, e: (0, e.dtype.bits),
}


def _mul(an: Analyzer, e: Mul) -> Interval:
    return _wrapped(e, _times(an.bound(e.a), an.bound(e.b)))


_ATOMS: dict[type, Callable[[Analyzer, Any], Interval]] = {
    IntImm: lambda an, e: (e.value, e.value),
    Mul: _mul,
    Var: _var,
    FloorDiv: _floor_div,
    FloorMod: _floor_mod,
    Div: _trunc_div,
    Mod: _trunc_mod,
    Min: _min,
    Max: _max,
    Select: lambda an, e: _either(an, e.true_value, e.false_value),
    Let: lambda an, e: _of_type(e),
    Cast: _cast,
    Call: _call,
}


def bound_as_written(an: Analyzer, e: Expr, known: dict[Expr, Interval]) -> Interval:
    """The interval of an integer expression by what is known of each part as it is written, and of its normal form.

    Multiplied out, `(m - y) * n + y` may be bounded less tightly than as it stands, and the other way round.
    """
    found = known.get(e)
    if found is None:
        found = an.bound(e)
        rule = _WRITTEN.get(type(e))
        if rule is not None and e.dtype.is_index and e.dtype.lanes == 1:
            parts = [bound_as_written(an, child, known) for child in e.children()]
            low, high = rule(*parts)
            meet = max(found[0], low), min(found[1], high)
            found = meet if meet[0] <= meet[1] else found
        known[e] = found
    return found


_WRITTEN: dict[type, Callable[[Interval, Interval], Interval]] = {
    Add: lambda a, b: (a[0] + b[0], a[1] + b[1]),
    Sub: lambda a, b: (a[0] - b[1], a[1] - b[0]),
    Mul: _times,
    FloorDiv: lambda a, b: _quotients(a, b, lambda x, y: x // y),
    Min: lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    Max: lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
}
