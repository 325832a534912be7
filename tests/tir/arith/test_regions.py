"""Symbolic intervals and regions against enumeration: what is said to hold everything does, what is exact is exact."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorir.tir.arith import Analyzer
from tensorir.tir.arith.interval import IntervalSet, contains, eval_set, intersect, union
from tensorir.tir.arith.region_bounds import (
    clipped,
    estimate_region_strict_bound,
    estimate_region_upper_bound,
    exact_unions,
)
from tensorir.tir.arith.regions import (
    box_of,
    disjoint,
    intersect_region,
    is_whole,
    region_contains,
    relax_region,
    union_region,
)
from tensorir.tir.buffer import Range, decl_buffer
from tensorir.tir.dtype import INT32
from tensorir.tir.expr import Broadcast, Expr, Ramp, Var, as_expr, const
from tensorir.tir.op import maximum, minimum
from tensorir.tir.visit import free_vars

from .brute import maybe, value
from .strategies import integers

QUIET = list(HealthCheck)
i, j, k, n, m = (Var(name) for name in "ijknm")


def ranges(**extents: Any) -> dict[Var, Range]:
    named = {v.name: v for v in (n, m, i, j, k)}
    return {named[name]: Range(const(0), as_expr(e)) for name, e in extents.items()}


EVALUATED: list[tuple[Expr, dict[Var, Range], str, str]] = [
    (i * 4 + j, ranges(j=4), "i * 4", "i * 4 + 3"),
    (i * 4 + j, ranges(i=8, j=4), "0", "31"),
    (i - j, ranges(j=4), "i - 3", "i"),
    (i * n + j, ranges(j=n), "i * n", "n + i * n - 1"),
    ((i * 4 + j) // 4, ranges(j=4), "i", "i"),
    (i % 4, ranges(i=16), "0", "3"),
    (i % 8 + j, ranges(i=4), "j", "j + 3"),
    (minimum(i, 5), ranges(i=16), "0", "5"),
    (maximum(i, n), ranges(i=16), "T.max(n, 0)", "T.max(n, 15)"),
    (i + j, {i: Range(const(0), n), j: Range(i, const(4))}, "0", "n * 2 + 1"),
    (i * 8 + j // 2, ranges(j=8), "i * 8", "i * 8 + 3"),
    (minimum(j + 5, i * 2) - minimum(i * 2 - j, 5), ranges(j=7), "T.min(i * 2, 5) - T.min(i * 2, 5)", "6"),
    (Ramp(i * 4, const(1), 4), ranges(i=8), "0", "31"),
    (Ramp(i * 4, const(2), 4) + Broadcast(j, 4), {}, "i * 4 + j", "i * 4 + j + 6"),
]


@pytest.mark.parametrize("e,domains,low,high", EVALUATED, ids=[str(i) for i in range(len(EVALUATED))])
def test_eval_set(e: Expr, domains: dict[Var, Range], low: str, high: str) -> None:
    an = Analyzer({n: Range(const(0), const(1 << 20))})
    for var in (i, j):
        an.context.rank(var)
    found = eval_set(an, e, domains)
    exact = [None if side is None else str(side) for side in found]
    assert an.equal(found.min_value, _read(low)), exact
    assert an.equal(found.max_value, _read(high)), exact


def _read(text: str) -> Expr:
    class T:
        min, max = staticmethod(minimum), staticmethod(maximum)

    return as_expr(eval(text, {"__builtins__": {}}, {"T": T, "i": i, "j": j, "n": n}))


def test_what_cannot_be_bounded() -> None:
    load = decl_buffer((16,), "int32", "A")[i]
    assert eval_set(Analyzer(), load, ranges(i=16)) == IntervalSet(None, None)
    assert eval_set(Analyzer(), load, ranges(j=16)).is_point


def test_union_and_intersection() -> None:
    an = Analyzer()
    a, b = IntervalSet(i, as_expr(i + 3)), IntervalSet(as_expr(i + 2), as_expr(i + 7))
    assert [str(x) for x in union(an, a, b)] == ["i", "i + 7"]
    assert [str(x) for x in intersect(an, a, b)] == ["i + 2", "i + 3"]
    assert contains(an, union(an, a, b), a)
    assert not contains(an, a, b)
    assert contains(an, IntervalSet(None, None), a)
    assert not contains(an, a, IntervalSet(None, None))


def test_regions() -> None:
    an = Analyzer({i: Range(const(0), const(8)), n: Range(const(1), const(1 << 10))})
    A, B = decl_buffer((64, n), name="A"), decl_buffer((64, n), name="B")
    tile = A[i * 8 : i * 8 + 8, 0:n]
    swept = relax_region(an, tile, ranges(i=8))
    assert is_whole(an, swept)
    assert region_contains(an, swept, tile)
    assert not region_contains(an, tile, swept)
    assert not region_contains(an, B.full_region(), tile)
    first, second = A[0:8, 0:n], A[4:12, 0:n]
    assert [str(r.extent) for r in union_region(an, [first, second]).region] == ["12", "n"]
    assert [str(r.extent) for r in intersect_region(an, first, second).region] == ["4", "n"]
    assert disjoint(an, A[0:8, 0:n].region, A[8:16, 0:n].region)
    assert not disjoint(an, first.region, second.region)


def test_unions_that_are_boxes() -> None:
    an = Analyzer({n: Range(const(1), const(1 << 10))})
    A = decl_buffer((64, 64), name="A")

    def joined(*regions: Any) -> int:
        return len(exact_unions(an, [box_of(an, r.region) for r in regions]))

    assert joined(A[0:8, 0:64], A[8:64, 0:64]) == 1
    assert joined(A[0:8, 0:64], A[9:64, 0:64]) == 2
    assert joined(A[0:8, 0:64], A[8:64, 0:63]) == 2
    assert joined(A[0:32, 0:32], A[32:64, 0:32], A[0:64, 32:64]) == 1
    assert joined(A[0:n, 0:8], A[n:64, 0:8]) == 1


def test_clipping() -> None:
    an = Analyzer({i: Range(const(0), const(8))})
    box = clipped(an, (IntervalSet(as_expr(i - 1), as_expr(i + 1)), IntervalSet(None, None)), (const(8), const(4)))
    assert [str(side) for interval in box for side in interval] == ["T.max(i, 1) - 1", "T.min(i, 6) + 1", "0", "3"]


@st.composite
def sweeps(draw: Any) -> tuple[Expr, dict[Var, Range], dict[Var, int]]:
    """An index over loops that are swept and a variable that rests, and how far each goes."""
    loops = [Var(name) for name in "ab"[: draw(st.integers(1, 2))]]
    rest = Var("r")
    extents = {v: draw(st.integers(1, 5)) for v in loops}
    domains = {}
    for at, v in enumerate(loops):
        low = draw(st.integers(-3, 3))
        depends = at > 0 and draw(st.booleans())
        domains[v] = Range(as_expr(loops[0] + low) if depends else const(low), const(extents[v]))
    return integers(draw, [*loops, rest], 3, INT32), domains, {rest: draw(st.integers(-4, 4))}


def points(domains: dict[Var, Range], env: dict[Var, int]) -> list[dict[Var, int]]:
    found = [env]
    for var, r in domains.items():
        found = [
            {**at, var: low + step} for at in found for low in [value(r.min, at)] for step in range(value(r.extent, at))
        ]
    return found


def check_sweep(case: Any) -> None:
    e, domains, env = case
    an = Analyzer()
    for var, at in env.items():
        an.bind(var, Range(const(min(at, -4)), const(9)))
    found = eval_set(an, e, domains)
    for side in found:
        assert side is None or domains.keys().isdisjoint(free_vars(side)), str(side)
    for at in points(domains, env):
        exact = maybe(value, e, at)
        if exact is None:
            continue
        for side, sign in ((found.min_value, 1), (found.max_value, -1)):
            bound = None if side is None else maybe(value, side, env)
            assert bound is None or sign * bound <= sign * exact, (str(found.min_value), str(found.max_value), at)


@given(sweeps())
@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
def test_intervals_hold_everything(case: Any) -> None:
    check_sweep(case)


@pytest.mark.fuzz
@given(sweeps())
@settings(max_examples=20_000, deadline=None, suppress_health_check=QUIET, database=None)
def test_intervals_hold_everything_long(case: Any) -> None:
    check_sweep(case)


@st.composite
def boxes(draw: Any) -> tuple[list[Range], dict[Var, Range], Expr]:
    """A region with affine starts over two or three loops, perhaps under a predicate."""
    loops = {Var(name): draw(st.integers(1, 4)) for name in "abc"[: draw(st.integers(1, 3))]}
    numbers = st.sampled_from((0, 1, 1, 2, 3, 4, 8))

    def start() -> Expr:
        total = as_expr(draw(st.integers(-2, 3)))
        for v in loops:
            total = as_expr(total + v * draw(numbers))
        return as_expr(total // draw(st.sampled_from((2, 4)))) if draw(st.integers(0, 4)) == 0 else total

    region = [Range(start(), const(draw(st.integers(1, 4)))) for _ in range(draw(st.integers(1, 2)))]
    predicate = const(True)
    if draw(st.booleans()):
        predicate = as_expr(start() < draw(st.integers(0, 12)))
    return region, {v: Range(const(0), const(extent)) for v, extent in loops.items()}, predicate


def touched(region: list[Range], at: dict[Var, int]) -> set[tuple[int, ...]]:
    spans = [range(value(r.min, at), value(r.min, at) + value(r.extent, at)) for r in region]
    return set(itertools.product(*spans))


def check_box(case: Any) -> bool:
    region, domains, predicate = case
    at = [env for env in points(domains, {}) if value(predicate, env)]
    exact = set().union(*(touched(region, env) for env in at)) if at else set()
    an = Analyzer()
    strict = estimate_region_strict_bound(region, domains, predicate, an)
    if strict is not None:
        assert touched(list(strict), {}) == exact
    upper = estimate_region_upper_bound(region, domains, predicate, an)
    for element in exact:
        for place, interval in zip(element, upper):
            assert interval.min_value is not None
            assert interval.max_value is not None
            assert value(interval.min_value, {}) <= place <= value(interval.max_value, {})
    return strict is not None


@given(boxes())
@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
def test_estimates(case: Any) -> None:
    check_box(case)


@pytest.mark.fuzz
@given(boxes())
@settings(max_examples=20_000, deadline=None, suppress_health_check=QUIET, database=None)
def test_estimates_long(case: Any) -> None:
    check_box(case)


def test_tiles_are_exact() -> None:
    tile = [Range(i * 4, const(4)), Range(j, const(1))]
    assert check_box((tile, ranges(i=3, j=5), const(True)))
    assert check_box(([Range(i * 4 + k, const(1))], ranges(i=3, k=4), i * 4 + k < 10))
    assert not check_box(([Range(i * 4, const(3))], ranges(i=3), const(True)))
    assert not check_box(([Range(i, const(1)), Range(i, const(1))], ranges(i=3), const(True)))
