"""Explanations: why a condition could not be proved, what was known, and what would help."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..expr import EQ, LT, NE, And, CmpOp, Expr, Or, Var
from ..visit import free_vars, substitute
from .compare import difference
from .evaluate import NoValue, value_of
from .linear import Linear
from .rewrite import HasEffect

if TYPE_CHECKING:
    from .analyzer import Analyzer

TRIED = 4096
"""Assignments tried in the search for a counterexample."""


@dataclass(frozen=True)
class Explanation:
    """What `Analyzer.explain` found.

    Attributes
    ----------
    condition: what was to be proved; `simplified` is what is left of it.
    proved: whether it is proved after all.
    counterexample: values of the variables for which it is false, if some were found; then no fact is missing.
    goals: the parts that are left to prove, in words.
    missing: facts that would help, in words.
    """

    condition: Expr
    simplified: Expr
    proved: bool
    counterexample: dict[Var, int] | None
    goals: tuple[str, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.proved

    def __str__(self) -> str:
        if self.proved:
            return f"`{self.condition}` is proved"
        if self.counterexample is not None:
            at = ", ".join(f"{v.name} = {n}" for v, n in self.counterexample.items())
            return f"`{self.condition}` is false" + (f" for {at}" if at else "")
        lines = [f"`{self.condition}` is not proved"]
        if self.simplified is not self.condition:
            lines.append(f"  it comes down to `{self.simplified}`")
        lines += [f"  {goal}" for goal in self.goals]
        lines += [f"  {fact}" for fact in self.missing]
        return "\n".join(lines)


def explain(an: Analyzer, condition: Expr) -> Explanation:
    """Why `condition` is or is not proved."""
    try:
        simplified = an.simplify_node(condition)
    except HasEffect:
        reason = "it calls a function with effects, so its value is not known before the program runs"
        return Explanation(condition, condition, False, None, (reason,), ())
    if an.prove(condition):
        return Explanation(condition, simplified, True, None, (), ())
    counterexample = find_counterexample(an, condition)
    if counterexample is not None:
        return Explanation(condition, simplified, False, counterexample, (), ())
    goals: list[str] = []
    missing: dict[str, None] = {}
    for part in _open_parts(an, simplified):
        _describe(an, part, goals, missing)
    return Explanation(condition, simplified, False, None, tuple(goals), tuple(missing))


def _open_parts(an: Analyzer, e: Expr) -> Iterator[Expr]:
    """The conjuncts that are not proved."""
    if isinstance(e, And):
        yield from _open_parts(an, e.a)
        yield from _open_parts(an, e.b)
    elif not an.prove(e):
        yield e


def _describe(an: Analyzer, e: Expr, goals: list[str], missing: dict[str, None]) -> None:
    if isinstance(e, Or):
        goals.append(f"neither side of `{e}` is proved")
        return
    if not isinstance(e, CmpOp) or not e.a.dtype.is_integral:
        goals.append(f"`{e}` is no comparison of integers; it must be assumed to be known")
        return
    cls, form = difference(an, e)
    low, high = an.bound_of(form)
    dtype = e.a.dtype
    shown = an.build(form.shift(-form.const), dtype)
    bounds = f"`{shown}` lies in {low - form.const} ... {high - form.const}"
    wanted = {LT: f"at most {-1 - form.const}", EQ: f"exactly {-form.const}", NE: f"never {-form.const}"}[cls]
    goals.append(f"as far as is known {bounds}; it must be {wanted}")
    coeff, base = an.modulus_of(form.shift(-form.const))
    if cls is not LT and coeff > 1:
        goals.append(f"it is {base} modulo {coeff}")
    for atom, coef in _loose(an, form):
        kind = "bounds" if cls is not LT else "an upper bound" if coef > 0 else "a lower bound"
        name = f"variable `{atom.name}`" if isinstance(atom, Var) else f"`{atom}`"
        fact = f"nothing is known of {name}" if _is_free(an, atom) else f"the bounds of {name} are too wide"
        missing[f"{fact}: {kind} of it, or a relation to the rest, would help"] = None


def _loose(an: Analyzer, form: Linear) -> list[tuple[Expr, int]]:
    """The atoms that spread the form's bounds most, with their coefficients."""
    spreads: list[tuple[int, Expr, int]] = []
    for key, coef in form.terms.items():
        low, high = an.bound_of(Linear({key: 1}))
        for atom in (key,) if not isinstance(key, tuple) else key:
            spreads.append(((high - low) * abs(coef), atom, coef))
    spreads.sort(key=lambda entry: -entry[0])
    return [(atom, coef) for spread, atom, coef in spreads[:3] if spread and spread * 16 >= spreads[0][0]]


def _is_free(an: Analyzer, atom: Expr) -> bool:
    low, high = an.bound_of(Linear({atom: 1}))
    return isinstance(atom, Var) and low == atom.dtype.min and high == atom.dtype.max


def find_counterexample(an: Analyzer, condition: Expr) -> dict[Var, int] | None:
    """Values of the variables that are consistent with all that is known and make `condition` false."""
    context = an.context
    facts: list[Expr] = list(context.assumed)
    variables: dict[Var, None] = {}
    pending = [v for e in (condition, *facts) for v in free_vars(e)]
    for var in pending:
        if var in variables or var in context.values or not var.dtype.is_integral:
            continue
        variables[var] = None
        for bound in context.ranges.get(var, ()):
            pending += [v for atom in bound.atoms() for v in free_vars(atom)]
    for var in variables:
        for form, flipped in zip(context.ranges.get(var, ()), (False, True)):
            value = an.build(form, var.dtype)
            facts.append(var <= value if flipped else var >= value)
    facts = [substitute(fact, context.values) for fact in facts]
    condition = substitute(condition, context.values)
    candidates = [_candidates(an, var) for var in variables]
    for point in itertools.islice(itertools.product(*candidates), TRIED):
        at = dict(zip(variables, point, strict=True))
        if _has_value(condition, at, 0) and all(_has_value(fact, at, 1) for fact in facts):
            return at
    return None


def _has_value(e: Expr, at: dict[Var, int], wanted: int) -> bool:
    try:
        return value_of(e, at) == wanted
    except NoValue:
        return False


def _candidates(an: Analyzer, var: Var) -> list[int]:
    """Values worth trying: the ends of the variable's interval, numbers near them and near 0."""
    low, high = an.context.intervals.get(var, (int(var.dtype.min), int(var.dtype.max)))
    wanted = [low, high, 0, 1, 2, 3, low + 1, low + 2, high - 1, -1, 4, 7, 8, 15, 16, 17, 31, 33]
    return list(dict.fromkeys(n for n in wanted if low <= n <= high))
