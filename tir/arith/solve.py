"""Solving for variables: coefficients of a linear expression, bounds that a condition sets its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..buffer import Range
from ..expr import EQ, LT, CmpOp, Expr, Var, as_expr
from ..visit import free_vars
from .analyzer import Analyzer
from .compare import difference
from .interval import EVERYTHING, NOTHING, IntervalSet, as_range, eval_set, intersect
from .linear import Linear
from .prove import split
from .rewrite import HasEffect
from .stmt import conjuncts

Domains = Mapping[Var, Range | IntervalSet]


def detect_linear_equation(
    expr: object, variables: Sequence[Var], analyzer: Analyzer | None = None
) -> tuple[Expr, ...]:
    """`(c0, ..., cn-1, base)` with `expr == c0*v0 + ... + base`, none of them speaking of the variables.

    Empty if the expression is not linear in the variables.
    """
    an, e = analyzer or Analyzer(), as_expr(expr)
    try:
        rest = an.normal(e)
    except HasEffect:
        return ()
    out = []
    for var in variables:
        factor, rest = split(rest, var)
        if factor is None:
            return ()
        out.append(factor)
    out.append(rest)
    if any(_speaks(form, variables) for form in out):
        return ()
    return tuple(an.build(form, e.dtype) for form in out)


def detect_clip_bound(
    condition: object, variables: Sequence[Var], analyzer: Analyzer | None = None
) -> tuple[Expr | None, ...]:
    """`(least0, greatest0, least1, ...)` such that the condition is that each variable lies between its two bounds.

    None is no bound. Empty if the condition is no conjunction of bounds on single variables.
    """
    an = analyzer or Analyzer()
    found = dict.fromkeys(variables, EVERYTHING)
    for part in conjuncts(as_expr(condition)):
        used = [var for var in variables if var in free_vars(part)]
        if len(used) != 1:
            return ()
        (var,) = used
        bound = _solved(an, var, part, {})
        if bound is None:
            return ()
        found[var] = intersect(an, found[var], bound)
    return tuple(side for var in variables for side in found[var])


def deduce_bound(
    var: Var,
    condition: object,
    hint: Domains | None = None,
    relax: Domains | None = None,
    analyzer: Analyzer | None = None,
) -> IntervalSet:
    """The values of `var` for which a conjunction of comparisons is known to hold.

    `NOTHING` where a comparison does not speak of the variable, or in a way that is not understood.

    Parameters
    ----------
    hint: where other variables are known to lie.
    relax: variables for all of whose values the condition is to hold.
    """
    an = analyzer or Analyzer()
    with an.scope():
        for each, domain in (hint or {}).items():
            if each is not var:
                _know(an, each, domain)
        domains: dict[Var, Range] = {}
        for each, domain in (relax or {}).items():
            if isinstance(domain, IntervalSet) and domain.is_everything:
                return NOTHING
            domains[each] = as_range(an, domain)
        out = EVERYTHING
        for part in conjuncts(as_expr(condition)):
            bound = _solved(an, var, part, domains)
            if bound is None:
                return NOTHING
            out = intersect(an, out, bound)
        return out


def _know(an: Analyzer, var: Var, domain: Range | IntervalSet) -> None:
    if isinstance(domain, Range):
        an.bind(var, domain, allow_override=True)
        return
    if domain.min_value is not None:
        an.assume(var >= domain.min_value)
    if domain.max_value is not None:
        an.assume(var <= domain.max_value)


def _solved(an: Analyzer, var: Var, condition: Expr, relax: Mapping[Var, Range]) -> IntervalSet | None:
    """The values of `var` for which a comparison holds whatever the relaxed variables are; None if not understood."""
    if not isinstance(condition, CmpOp) or not condition.a.dtype.is_integral:
        return None
    try:
        cls, form = difference(an, condition)
    except HasEffect:
        return None
    factor, rest = split(form, var)
    if factor is None or not (factor.terms or factor.const) or cls not in (LT, EQ):
        return None
    if _speaks(rest, [var]) or _speaks(factor, [var, *relax]):
        return None
    positive = an.proves_negative(factor.scale(-1))
    if not (positive or an.proves_negative(factor)):
        return None
    dtype = var.dtype
    weight = an.build(factor if positive else factor.scale(-1), dtype)
    if cls is EQ:
        value = an.build(rest.scale(-1 if positive else 1), dtype)
        exact = not _speaks(rest, list(relax)) and an.equal(value % weight, 0)
        return IntervalSet(*[an.simplify(value // weight)] * 2) if exact else None
    # factor * var + rest < 0, where it is hardest to fulfil.
    most = eval_set(an, an.build(rest, dtype), relax).max_value
    if most is None:
        return None
    if positive:
        return IntervalSet(None, an.simplify((-most - 1) // weight))
    return IntervalSet(an.simplify(most // weight + 1), None)


def _speaks(form: Linear, variables: Sequence[Var]) -> bool:
    return any(var in free_vars(atom) for atom in form.atoms() for var in variables)
