"""What the analyzer says against enumeration: on every assignment of random small problems it must be true."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings

from .brute import maybe, value, wrapping_value
from .strategies import Problem, bools, integers, problems

SHORT, LONG = 500, 25_000
"""Cases of each of the four properties: 2,000 in a normal run, 100,000 in the long one."""

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def check_integer(problem: Problem) -> None:
    """`simplify` keeps the value, `const_int_bound` and `modular_set` hold it."""
    with ExitStack() as stack:
        an = problem.analyzer(stack)
        goal = problem.goal
        simple = an.simplify(goal)
        assert simple.dtype == goal.dtype
        low, high = an.const_int_bound(goal)
        coeff, base = an.modular_set(goal)
    for env in problem.points():
        exact = maybe(value, goal, env)
        if exact is None:
            continue
        assert maybe(wrapping_value, simple, env) == exact, (simple, env)
        assert low <= exact <= high, (env, exact)
        assert (exact - base) % coeff == 0 if coeff else exact == base, (env, exact)


def check_bool(problem: Problem) -> None:
    """`simplify` keeps the truth; what `prove` shows is true, of the condition and of its negation."""
    with ExitStack() as stack:
        an = problem.analyzer(stack)
        simple = an.simplify(problem.goal)
        proved, refuted = an.prove(problem.goal), an.prove(~problem.goal)
    for env in problem.points():
        truth = maybe(value, problem.goal, env)
        if truth is None:
            continue
        assert maybe(wrapping_value, simple, env) == truth, (simple, env)
        assert truth or not proved, env
        assert not truth or not refuted, env


def check_idempotent(problem: Problem) -> None:
    """A simplified expression simplified by another analyzer that knows the same is equal still."""
    with ExitStack() as stack:
        simple = problem.analyzer(stack).simplify(problem.goal)
    again = problem._replace(goal=simple)
    (check_bool if simple.dtype.is_bool else check_integer)(again)


@given(problems(integers))
@settings(max_examples=SHORT, deadline=None, suppress_health_check=QUIET)
def test_integers(problem: Problem) -> None:
    check_integer(problem)


@given(problems(bools))
@settings(max_examples=SHORT, deadline=None, suppress_health_check=QUIET)
def test_bools(problem: Problem) -> None:
    check_bool(problem)


@given(problems(integers, depth=5))
@settings(max_examples=SHORT, deadline=None, suppress_health_check=QUIET)
def test_deep_integers(problem: Problem) -> None:
    check_integer(problem)


@given(problems(bools, depth=4))
@settings(max_examples=SHORT, deadline=None, suppress_health_check=QUIET)
def test_deep_bools(problem: Problem) -> None:
    check_bool(problem)
    check_idempotent(problem)


@pytest.mark.fuzz
@pytest.mark.parametrize(
    "goal,check,depth",
    [
        (integers, check_integer, 3),
        (bools, check_bool, 3),
        (integers, check_integer, 5),
        (bools, check_bool, 4),
    ],
)
def test_long(goal, check, depth) -> None:
    @given(problems(goal, depth=depth))
    @settings(max_examples=LONG, deadline=None, suppress_health_check=QUIET, database=None)
    def run(problem: Problem) -> None:
        check(problem)

    run()
