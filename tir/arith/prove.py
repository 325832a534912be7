"""The prover: that a linear form is negative, by replacing what is known to be below something else.

Depth-first search with a bounded number of steps. Each step replaces the form by one that is nowhere smaller where
the facts hold (or scales it by a positive number first), so a form whose constant bound is negative proves the goal.
This is Fourier-Motzkin elimination guided by the form, not a decision procedure.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import TYPE_CHECKING

from ..expr import EQ, FALSE, LT, TRUE, And, Broadcast, CmpOp, Expr, FloorDiv, FloorMod, Max, Min, Not, Or, Select
from .compare import difference
from .linear import ZERO, Linear, Monomial, factors, monomial
from .rewrite import HasEffect

if TYPE_CHECKING:
    from .analyzer import Analyzer

QUICK, FULL = 24, 400
"""Steps allowed while simplifying, and when asked to prove."""

_RELAXED = (Min, Max, FloorDiv, FloorMod)


class Search:
    """One proof attempt."""

    def __init__(self, an: Analyzer, steps: int) -> None:
        self.an = an
        self.steps = steps

    def negative(self, form: Linear, depth: int) -> bool:
        """Whether the form is shown to be negative wherever the facts hold."""
        if self.an.bound_of(form)[1] < 0:
            return True
        if depth == 0 or not form.terms:
            return False
        for alternatives in self.moves(form):
            self.steps -= 1
            if self.steps < 0:
                return False
            if all(self.negative(step, depth - 1) for step in alternatives):
                return True
        return False

    def moves(self, form: Linear) -> Iterator[tuple[Linear, ...]]:
        """Tuples of forms which, if all are negative, show that `form` is."""
        context = self.an.context
        atoms = list(form.atoms())
        ranged = [atom for atom in atoms if atom in context.ranges]
        for atom in sorted(ranged, key=context.rank, reverse=True):
            low, high = context.ranges[atom]  # type: ignore[index]
            moved = self.replaced(form, atom, low, high)
            if moved is not None:
                yield (moved,)
        for atom in atoms:
            if isinstance(atom, _RELAXED):
                yield from self.relaxed(form, atom)
        for fact in context.facts:
            yield from combined(form, fact)
        for atom in atoms:
            # The constant bounds of an atom, within a product that is not bounded by itself.
            if any(isinstance(key, tuple) and atom in key for key in form.terms):
                least, greatest = self.an.bound_of(Linear({atom: 1}))
                moved = self.replaced(form, atom, ZERO.shift(least), ZERO.shift(greatest))
                if moved is not None:
                    yield (moved,)

    def replaced(self, form: Linear, atom: Expr, low: Linear, high: Linear) -> Linear | None:
        """The form with an atom at the bound where it is greatest; None if the sign of its factor is unknown."""
        factor, rest = split(form, atom)
        if factor is None:
            return None
        least, greatest = self.an.bound_of(factor)
        if least >= 0:
            return rest.add(self.an.product(factor, high))
        if greatest <= 0:
            return rest.add(self.an.product(factor, low))
        return None

    def relaxed(self, form: Linear, atom: Expr) -> Iterator[tuple[Linear, ...]]:
        """What a minimum, maximum, quotient or remainder is bounded by."""
        factor, rest = split(form, atom)
        if factor is None or not factor.is_const:
            return
        weight = factor.const
        an = self.an
        if isinstance(atom, (Min, Max)):
            arms = [rest.add(an.normal(arm), weight) for arm in (atom.a, atom.b)]
            if (weight > 0) == isinstance(atom, Min):
                yield from ((arm,) for arm in arms)
            else:
                yield tuple(arms)
        elif isinstance(atom, (FloorDiv, FloorMod)):
            dividend, divisor = an.normal(atom.a), an.normal(atom.b)
            if an.bound_of(divisor)[0] <= 0:
                return
            if isinstance(atom, FloorMod):
                if weight > 0:
                    yield (rest.add(divisor.shift(-1), weight),)
                return
            # d * (x // d) lies in x - d + 1 ... x; the goal times d is as negative as the goal.
            slack = divisor.shift(-1).scale(-weight) if weight < 0 else ZERO
            yield (an.product(rest, divisor).add(dividend, weight).add(slack),)


def split(form: Linear, atom: Expr) -> tuple[Linear | None, Linear]:
    """(factor, rest) with `form == factor * atom + rest`; factor None where the atom occurs squared."""
    inside: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    count = 0
    for key, coef in form.terms.items():
        if key is atom:
            count += coef
        elif isinstance(key, tuple) and any(f is atom for f in key):
            others = tuple(f for f in factors(key) if f is not atom)
            if len(others) != len(key) - 1:
                return None, form
            inside[monomial(others)] = coef
        else:
            rest[key] = coef
    return Linear(inside, count), Linear(rest, form.const)


def combined(form: Linear, fact: Linear) -> Iterator[tuple[Linear, ...]]:
    """The form plus multiples of a fact (>= 0) that cancel one of its terms."""
    tried = set()
    for key, coef in form.terms.items():
        other = fact.terms.get(key, 0)
        if coef * other < 0:
            common = gcd(coef, other)
            scales = abs(other) // common, abs(coef) // common
            if scales not in tried:
                tried.add(scales)
                yield (form.scale(scales[0]).add(fact, scales[1]),)


def proves_negative(an: Analyzer, form: Linear, *, quick: bool) -> bool:
    """Whether the form is shown to be negative; `quick` bounds the effort to what simplification can afford."""
    if an.bound_of(form)[1] < 0:
        return True
    context = an.context
    if not form.terms:
        return False
    if not context.facts and not context.ranges and not any(isinstance(a, _RELAXED) for a in form.atoms()):
        if not any(isinstance(key, tuple) for key in form.terms):
            return False
    return Search(an, QUICK if quick else FULL).negative(form, 3 if quick else 7)


def prove(an: Analyzer, condition: Expr) -> bool:
    """Whether a bool expression is shown to hold."""
    try:
        return _holds(an, an.simplify_node(condition), 2)
    except HasEffect:
        return False


def _holds(an: Analyzer, e: Expr, splits: int) -> bool:
    if e is TRUE or e is FALSE:
        return e is TRUE
    if isinstance(e, Broadcast):
        return _holds(an, e.value, splits)
    if isinstance(e, And):
        return _holds(an, e.a, splits) and _holds(an, e.b, splits)
    if isinstance(e, Or):
        if _holds(an, e.a, splits):
            return True
        with an.constraint(Not(e.a)):
            return _holds(an, an.simplify_node(e.b), splits)
    if not isinstance(e, CmpOp) or not e.a.dtype.is_integral or e.dtype.lanes > 1:
        return False
    cls, form = difference(an, e)
    if cls is LT:
        shown = an.proves_negative(form, quick=False)
    elif cls is EQ:
        shown = all(an.proves_negative(f.shift(-1), quick=False) for f in (form, form.scale(-1)))
    else:
        shown = any(an.proves_negative(f, quick=False) for f in (form, form.scale(-1)))
    return shown or (splits > 0 and _by_cases(an, e, form, splits))


def _by_cases(an: Analyzer, e: Expr, form: Linear, splits: int) -> bool:
    """The goal under the condition of a selection within it, and under its negation."""
    for atom in form.atoms():
        if isinstance(atom, Select) and atom.condition.dtype.lanes == 1:
            for case in (atom.condition, Not(atom.condition)):
                with an.constraint(case):
                    if not _holds(an, an.simplify_node(e), splits - 1):
                        return False
            return True
    return False
