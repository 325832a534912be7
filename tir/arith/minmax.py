"""Least and greatest of linear forms: dominated operands dropped, common terms taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtype import DType
from ..expr import BinaryOp, Expr, Max, Min
from .linear import Linear

if TYPE_CHECKING:
    from .analyzer import Analyzer


MOST_ARMS = 8
"""Operands of nested extrema that are compared pairwise; more are left nested."""


def extremum(an: Analyzer, e: BinaryOp, sign: int) -> Linear:
    """The form of `min(a, b)` (sign -1) or `max(a, b)` (sign 1)."""
    return extremum_of(an, an.normal(e.a), an.normal(e.b), sign, e.dtype)


def extremum_of(an: Analyzer, a: Linear, b: Linear, sign: int, dtype: DType) -> Linear:
    """The least (sign -1) or greatest (sign 1) of two forms whose values fit `dtype`."""
    arms = [*_arms(an, a, sign, dtype), *_arms(an, b, sign, dtype)]
    arms = _undominated(an, arms if len(arms) <= MOST_ARMS else [a, b], sign)
    first = arms[0]
    if len(arms) == 1:
        return first
    return _shared(an, arms, sign, dtype)


def _is_negative(form: Linear) -> bool:
    return form.const <= 0 and all(c < 0 for c in form.terms.values())


def _shared(an: Analyzer, arms: list[Linear], sign: int, dtype: DType) -> Linear:
    """The extremum with what all operands share taken out."""
    first = arms[0]
    common = Linear({k: c for k, c in first.terms.items() if all(arm.terms.get(k) == c for arm in arms[1:])})
    offset = _common_offset(arms)
    if common.terms or offset:
        inner = [arm.add(common, -1).shift(-offset) for arm in arms]
        if all(an.fits(arm, dtype) for arm in inner):
            return _signed(an, inner, sign, dtype).add(common).shift(offset)
    return _signed(an, arms, sign, dtype)


def _signed(an: Analyzer, arms: list[Linear], sign: int, dtype: DType) -> Linear:
    """The extremum of operands that are all negative as minus the other extremum of their opposites."""
    opposite = [arm.scale(-1) for arm in arms] if all(map(_is_negative, arms)) else []
    if opposite and all(an.fits(arm, dtype) for arm in opposite):
        return _atom(an, opposite, -sign, dtype).scale(-1)
    return _atom(an, arms, sign, dtype)


def _atom(an: Analyzer, arms: list[Linear], sign: int, dtype: DType) -> Linear:
    cls = Max if sign > 0 else Min
    rank = an.context.rank_of
    arms = sorted(arms, key=lambda arm: (arm.is_const, sorted(map(rank, arm.terms))))
    out: Expr = an.build(arms[0], dtype)
    for arm in arms[1:]:
        out = cls(out, an.build(arm, dtype))
    return an.rewritten(out)


def _arms(an: Analyzer, form: Linear, sign: int, dtype: DType) -> list[Linear]:
    """The forms whose extremum the form is: itself, unless it is such an extremum plus a constant."""
    if len(form.terms) == 1:
        ((key, coef),) = form.terms.items()
        same, opposite = (Max, Min) if sign > 0 else (Min, Max)
        if (type(key) is same and coef == 1) or (type(key) is opposite and coef == -1):
            operands = [an.normal(o).scale(coef).shift(form.const) for o in (key.a, key.b)]
            if form.atom is key or all(an.fits(o, dtype) for o in operands):
                return [arm for o in operands for arm in _arms(an, o, sign, dtype)]
    return [form]


def _undominated(an: Analyzer, arms: list[Linear], sign: int) -> list[Linear]:
    kept: list[Linear] = []
    for arm in arms:
        if any(_dominates(an, other, arm, sign) for other in kept):
            continue
        kept = [other for other in kept if not _dominates(an, arm, other, sign)]
        kept.append(arm)
    return kept


def _dominates(an: Analyzer, a: Linear, b: Linear, sign: int) -> bool:
    """Whether `a` is never worse than `b`, so that `b` can go."""
    return an.proves_negative(b.add(a, -1).scale(sign).shift(-1))


def _common_offset(arms: list[Linear]) -> int:
    """The constant to take out: shared by all operands, or that of the others where one is a constant."""
    offsets = {arm.const for arm in arms if arm.terms}
    if len(offsets) == 1 and (len(arms) > 1):
        (offset,) = offsets
        return offset
    return 0
