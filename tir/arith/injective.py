"""Whether indices tell the points of loops apart: no two points have the same indices, whatever gaps there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..buffer import Range
from ..expr import Expr, IntImm, Var
from ..visit import free_vars
from .analyzer import Analyzer
from .linear import Linear
from .merge import part_of
from .rewrite import HasEffect
from .stmt import is_lasting

Place = tuple[int, int | None]
"""(lower, upper) of a digit `x % upper // lower`; None where no remainder is taken."""


def tells_apart(an: Analyzer, indices: Sequence[Expr], loops: Mapping[Var, Range]) -> bool:
    """Whether different values of `loops` are shown to give different `indices`, everything else staying the same.

    Each index is to be a sum of loops and digits of loops whose weights leave no two sums equal, as in a number of
    mixed radix with room between the digits; each loop is to be found in one index, or all of its digits in some.

    Parameters
    ----------
    an: knows the ranges of the loops.
    """
    digits: dict[Var, list[Place]] = {}
    for index in indices:
        try:
            form = an.normal(index)
        except HasEffect:
            return False
        found = _digits(an, form, loops)
        if found is None:
            return False
        for var, place in found:
            digits.setdefault(var, []).append(place)
    return all(_is_unit(domain) or makes_out(digits.get(var, [])) for var, domain in loops.items())


def _digits(an: Analyzer, form: Linear, loops: Mapping[Var, Range]) -> list[tuple[Var, Place]] | None:
    """The digits, each with its loop, that a sum determines; None if some term of loops is none, or they mix."""
    found: list[tuple[Var, Place]] = []
    weights = []
    for key, coef in form.terms.items():
        if isinstance(key, tuple):
            return None
        if type(key) is Var:
            if key not in loops:
                continue
            found.append((key, (1, None)))
        elif any(var in loops for var in free_vars(key)):
            part = part_of(key)
            if part is None or type(part.base) is not Var:
                return None
            found.append((part.base, (part.lower, part.upper)))
        elif is_lasting(key):
            continue
        else:
            return None
        low, high = an.bound_of(Linear({key: 1}))
        weights.append((abs(coef), high - low))
    reach = 0
    for weight, span in sorted(weights):
        if weight <= reach:
            return None
        reach += weight * span
    return found


def makes_out(places: Sequence[Place]) -> bool:
    """Whether digits make out the number they are of: from the lowest place up they leave nothing out."""
    place: int | None = 1
    for lower, upper in sorted(places, key=lambda p: p[0]):
        if place is None:
            break
        if lower <= place:
            place = None if upper is None else max(place, upper)
    return place is None


def _is_unit(domain: Range) -> bool:
    return type(domain.extent) is IntImm and domain.extent.value <= 1
