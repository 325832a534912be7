"""Explanations of proofs that fail: counterexamples are ones, and what is said to be missing suffices."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from tensorir.tir.arith import Analyzer
from tensorir.tir.buffer import Range
from tensorir.tir.expr import Call, Var, as_expr, const
from tensorir.tir.op import OPS

from .brute import maybe, value
from .strategies import Problem, bools, problems

i, j, n, m = (Var(name) for name in "ijnm")


def analyzer(**extents: object) -> Analyzer:
    an = Analyzer()
    for var in (n, m, i, j):
        if var.name in extents:
            an.bind(var, Range(const(0), as_expr(extents[var.name])))
    return an


def test_a_proof_needs_no_explanation() -> None:
    found = analyzer(i=8).explain(i < 8)
    assert found
    assert str(found) == "`i < 8` is proved"


def test_a_counterexample() -> None:
    found = analyzer(i=8, j=4).explain(i * 4 + j < 31)
    assert not found
    assert found.counterexample == {i: 7, j: 3}
    assert str(found) == "`i * 4 + j < 31` is false for i = 7, j = 3"


def test_a_counterexample_keeps_to_what_is_known() -> None:
    an = analyzer(n=100, i=n)
    with an.constraint(n >= 10):
        found = an.explain(i < 10)
        assert found.counterexample is not None
        assert found.counterexample[i] >= 10
        assert found.counterexample[i] < found.counterexample[n]


def test_a_false_condition_without_variables() -> None:
    assert str(Analyzer().explain(const(3) < const(2))) == "`False` is false"


def test_what_is_missing() -> None:
    # True of all pairs that are tried, so no counterexample is found.
    an = Analyzer()
    an.bind(i, Range(const(5), const(100)))
    product = i * n * n
    found = an.explain(product * product >= product)
    assert not found
    text = str(found)
    assert text.splitlines()[0].endswith("is not proved")
    assert "nothing is known of variable `n`" in text
    assert "it must be at most" in text


def test_effects_are_named() -> None:
    call = Call(n.dtype, OPS["call_extern"], (as_expr("f"),))
    assert "calls a function with effects" in str(Analyzer().explain(call < 3))


def test_missing_facts_help() -> None:
    an = analyzer(i=8)
    assert an.explain(i < n).counterexample is not None
    with an.constraint(n >= 8):
        assert an.explain(i < n)


def check(problem: Problem) -> None:
    with ExitStack() as stack:
        found = problem.analyzer(stack).explain(problem.goal)
        assert str(found)
    if found.counterexample is None:
        return
    env = dict(found.counterexample)
    for var, (low, _) in problem.box.items():
        env.setdefault(var, low)
    assert maybe(value, problem.goal, env) == 0


@given(problems(bools, depth=2))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_counterexamples_are_counterexamples(problem: Problem) -> None:
    check(problem)


@pytest.mark.fuzz
@given(problems(bools, depth=3))
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_counterexamples_are_counterexamples_long(problem: Problem) -> None:
    check(problem)
