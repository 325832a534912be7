"""Solving for variables, against enumeration."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.arith import (
    Analyzer,
    CompareResult,
    ConstIntBound,
    IntervalSet,
    ModularSet,
    deduce_bound,
    detect_clip_bound,
    detect_linear_equation,
)
from tensorir.tir.buffer import Range
from tensorir.tir.errors import UserError
from tensorir.tir.expr import And, Expr, Var, as_expr, const

from .brute import value

x, y, z, n = (Var(name) for name in "xyzn")


def text(items: Any) -> list[str]:
    return [str(item) for item in items]


def test_linear_equations() -> None:
    assert text(detect_linear_equation(x * 3 + y * n - (x + z) + 7, [x, y])) == ["2", "n", "7 - z"]
    assert text(detect_linear_equation((x * 4 + y) // 4, [x], Analyzer({y: Range(const(0), const(4))}))) == ["1", "0"]
    assert text(detect_linear_equation(5, [x])) == ["0", "5"]
    assert text(detect_linear_equation(z + 1, [])) == ["z + 1"]
    for odd in (x * x, x * y, x // 2, (x + 1) % 3):
        assert detect_linear_equation(odd, [x, y]) == ()


def test_clip_bounds() -> None:
    inside = And(And(x >= 1, x < n), And(And(2 * y <= 9, x <= 100), y > 0))
    assert text(detect_clip_bound(inside, [x, y])) == ["1", "T.min(n, 101) - 1", "1", "4"]
    assert detect_clip_bound(x > 3, [x]) == (detect_clip_bound(x >= 4, [x])[0], None)
    assert detect_clip_bound(x < y, [x, y]) == ()
    assert detect_clip_bound(x * x < 4, [x]) == ()


DEDUCED = [
    (x * 4 + y < 16, {}, {y: (0, 4)}, "None 3"),
    (x * 4 + y < 16, {}, {}, "None (15 - y) // 4"),
    (x * -4 + y < 16, {}, {y: (0, 4)}, "-3 None"),
    (And(x >= y, x + y <= 20), {}, {y: (2, 4)}, "5 15"),
    (x * 2 == 8, {}, {}, "4 4"),
    (x * n < 32, {n: (1, 100)}, {}, "None 31 // n"),
]


@pytest.mark.parametrize("condition,hint,relax,expected", DEDUCED, ids=[str(row[0]) for row in DEDUCED])
def test_deduced(condition: Expr, hint: Any, relax: Any, expected: str) -> None:
    hints, relaxed = ({v: Range(const(low), const(n)) for v, (low, n) in each.items()} for each in (hint, relax))
    assert " ".join(text(deduce_bound(x, condition, hints, relaxed))) == expected


def test_nothing_is_deduced_where_nothing_is_known() -> None:
    for condition in (y < 4, x * y < 4, x * x < 4, x * 2 == 7, And(x < 4, y < 4), x != 3):
        assert deduce_bound(x, condition).is_nothing
    assert deduce_bound(x, x + y < 4, relax={y: IntervalSet(const(0), None)}).is_nothing
    assert not deduce_bound(x, x < 4, hint={y: IntervalSet(const(0), None)}).is_nothing


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_is_deduced_holds_and_no_more(data: Any) -> None:
    small = st.integers(-3, 3)
    a, b, c = (data.draw(small) for _ in range(3))
    left = as_expr(x * a + y * b + z * c)
    right = as_expr(data.draw(st.integers(-9, 9)))
    condition = data.draw(st.sampled_from(["<", "<=", ">", ">="]))
    goal = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[condition]
    extent = data.draw(st.integers(1, 4))
    found = deduce_bound(x, goal, relax={y: Range(const(-1), const(extent))})
    for at in range(-3, 4):
        low, high = (None if side is None else value(side, {z: at}) for side in found)
        for number in range(-40, 41):
            holds = all(value(goal, {x: number, y: j, z: at}) for j in range(-1, extent - 1))
            inside = (low is None or low <= number) and (high is None or number <= high)
            assert inside == holds if not found.is_nothing else not inside


def test_interval_sets_by_the_analyzer() -> None:
    an = Analyzer({x: Range(const(0), const(8)), y: Range(const(2), const(4))})
    assert text(an.int_set(x * 4 + y + n)) == ["n + 2", "n + 33"]
    assert text(an.int_set(x + y, {y: Range(const(0), const(3))})) == ["x", "x + 2"]
    assert text(an.int_set(x + y, {y: IntervalSet(const(0), n)})) == ["x", "x + n"]
    with pytest.raises(UserError, match="unbounded"):
        an.int_set(x + y, {y: IntervalSet(const(0), None)})


def test_comparisons() -> None:
    an = Analyzer({x: Range(const(0), const(8)), y: Range(const(8), const(4))})
    for a, b, expected in (
        (x, y, CompareResult.LT),
        (y, x, CompareResult.GT),
        (x, 7, CompareResult.LE),
        (x, 0, CompareResult.GE),
        (x + 1, 1 + x, CompareResult.EQ),
        (x * 2, z * 2 + 1, CompareResult.NE),
        (x, z, CompareResult.UNKNOWN),
    ):
        assert an.try_compare(a, b) is expected
    assert an.can_prove_less(x, 8)
    assert not an.can_prove_less(x, 7)
    assert an.can_prove_greater_equal(y, 8)


def test_updates() -> None:
    an = Analyzer()
    an.update(n, ConstIntBound(0, 100))
    assert an.const_int_bound(n) == (0, 100)
    an.update(n, ModularSet(8, 4))
    assert an.modular_set(n + 1) == (8, 5)
    assert str(an.simplify(n % 4)) == "0"
    with pytest.raises(UserError, match="known already"):
        an.update(n, ConstIntBound(0, 10))
    an.update(n, ConstIntBound(0, 10), True)
    assert an.const_int_bound(n).max_value == 10
