"""The analyzer against z3: on all 32 and 64 bit values and on symbols, where enumeration does not reach."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import z3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorir.tir.arith import Analyzer
from tensorir.tir.buffer import Range
from tensorir.tir.dtype import dtype
from tensorir.tir.expr import Expr, Var, as_expr

from .smt import Translation, Unsupported
from .strategies import bools, integers
from .test_strength import FUNCTIONS, TABLES, variables

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def refuted(before: Expr, after: Expr, ranges: dict[Var, Range], facts: list[Expr], milliseconds: int) -> Any:
    """z3's verdict on "where `before` has a meaning, `after` has the same value": `unsat` means it is so."""
    names: dict[Var, Any] = {}
    solver = z3.Solver()
    solver.set("timeout", milliseconds)
    for var, range_ in ranges.items():
        low, extent = Translation(range_.min, names), Translation(range_.extent, names)
        term = Translation(var, names).term
        solver.add(term >= low.term, term < low.term + extent.term, *low.demands, *extent.demands)
    for fact in facts:
        known = Translation(fact, names)
        solver.add(known.term, *known.demands)
    first, second = Translation(before, names), Translation(after, names, wrapping=True)
    solver.add(*first.demands)
    solver.add(z3.Or(first.term != second.term, *(z3.Not(demand) for demand in second.demands)))
    return solver.check()


def table_cases() -> list[Any]:
    cases = []
    for title, declared, facts, rows in TABLES:
        for before, after in rows:
            names, ranges = variables(declared)
            exprs = [as_expr(eval(t, {"__builtins__": {}, **FUNCTIONS}, names)) for t in (before, after, *facts)]
            try:
                for e in exprs:
                    Translation(e, {})
            except Unsupported:
                continue
            cases.append(pytest.param(title, *exprs[:2], ranges, exprs[2:], id=f"{title}: {before}"))
    return cases


CASES = table_cases()
WITH_PRODUCTS = ("symbolic extents", "known divisibility", "any integers")
"""Tables in which symbols are multiplied, which no decision procedure need decide in time."""


@pytest.mark.parametrize("title,before,after,ranges,facts", CASES)
def test_the_table_is_right(title: str, before: Expr, after: Expr, ranges: dict[Var, Range], facts: list[Expr]) -> None:
    verdict = refuted(before, after, ranges, facts, 1000)
    assert verdict != z3.sat
    assert verdict == z3.unsat or title in WITH_PRODUCTS


def test_the_table_is_not_empty() -> None:
    assert len(CASES) > 200


@st.composite
def wide(draw: Any, goal: Any) -> tuple[list[Var], list[Expr], Expr]:
    """Variables of any value of a 32 or 64 bit type, constraints, and an expression of them."""
    type_ = dtype(draw(st.sampled_from(("int32", "int64"))))
    names = [Var(name, type_) for name in "xy"]
    facts = [bools(draw, names, 1, type_) for _ in range(draw(st.integers(0, 1)))]
    return names, facts, goal(draw, names, 2, type_)


def check(case: tuple[list[Var], list[Expr], Expr]) -> None:
    """Bounds at the ends of the type, and constants near them, are where a rewrite overflows."""
    _, facts, goal = case
    an = Analyzer()
    with ExitStack() as stack:
        for fact in facts:
            stack.enter_context(an.constraint(fact))
        simple = an.simplify(goal)
        low, high = an.const_int_bound(goal)
    try:
        assert refuted(goal, simple, {}, facts, 100) != z3.sat, simple
        if goal.dtype.is_integral:
            term = Translation(goal, names := {})
            solver = z3.Solver()
            solver.set("timeout", 100)
            solver.add(*term.demands, z3.Or(term.term < low, term.term > high))
            for fact in facts:
                known = Translation(fact, names)
                solver.add(known.term, *known.demands)
            assert solver.check() != z3.sat, (low, high)
    except Unsupported:
        return


@given(wide(integers))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_integers_of_full_width(case) -> None:
    check(case)


@given(wide(bools))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_bools_of_full_width(case) -> None:
    check(case)


@pytest.mark.fuzz
@given(wide(integers))
@settings(max_examples=3000, deadline=None, suppress_health_check=QUIET, database=None)
def test_integers_of_full_width_long(case) -> None:
    check(case)


@pytest.mark.fuzz
@given(wide(bools))
@settings(max_examples=3000, deadline=None, suppress_health_check=QUIET, database=None)
def test_bools_of_full_width_long(case) -> None:
    check(case)
