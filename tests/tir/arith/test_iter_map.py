"""Iterator maps against enumeration: what is called surjective or bijective is, and what schedules make is seen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.arith.iter_map import (
    IterMapLevel,
    detect_iter_map,
    extent_of,
)
from tensorir.tir.buffer import Range
from tensorir.tir.expr import Expr, Var, as_expr, const

from .brute import assignments, value

LEVELS = (IterMapLevel.SURJECTIVE, IterMapLevel.BIJECTIVE)


def domain(loops: dict[Var, int], predicate: Expr) -> list[dict[Var, int]]:
    box = {v: (0, n - 1) for v, n in loops.items()}
    return [env for env in assignments(box) if value(predicate, env)]


def check(indices: Sequence[Expr], loops: dict[Var, int], predicate: Expr) -> list[bool]:
    """Whether each level is claimed; every claim is held against enumeration."""
    ranges = {v: Range(const(0), const(n)) for v, n in loops.items()}
    claims = []
    for level in LEVELS:
        result = detect_iter_map(indices, ranges, predicate, level)
        claims.append(bool(result))
        if not result:
            assert result.errors
            assert str(result.errors[0])
            continue
        points = domain(loops, predicate)
        image = [tuple(value(e, env) for e in indices) for env in points]
        for total, e in zip(result.indices, indices, strict=True):
            for env in points:
                assert value(total.to_expr(), env) == value(e, env)
        axes = []
        for total in result.indices:
            base, scale = value(total.base, {}), total.args[0].scale if total.args else 1
            axes.append([base + scale * k for k in range(extent_of(total))])
        assert set(image) == set(itertools.product(*axes))
        if level is IterMapLevel.BIJECTIVE:
            assert len(set(image)) == len(image)
    return claims


@st.composite
def junk(draw) -> tuple[list[Expr], dict[Var, int], Expr]:
    """Indices that are sums, quotients and remainders of loops, most of them no map at all."""
    loops = {Var(name): draw(st.sampled_from((1, 2, 3, 4, 6))) for name in "ijk"[: draw(st.integers(1, 3))]}
    numbers = st.sampled_from((1, 2, 3, 4, 6, 8, 12))

    def index(depth: int) -> Expr:
        kind = draw(st.integers(0, 6 if depth else 0))
        if kind <= 1:
            return draw(st.sampled_from(list(loops)))
        if kind <= 3:
            return index(depth - 1) * draw(numbers) + index(depth - 1)
        if kind == 4:
            return index(depth - 1) // draw(numbers)
        if kind == 5:
            return index(depth - 1) % draw(numbers)
        return index(depth - 1) + draw(st.integers(-3, 5))

    indices = [as_expr(index(draw(st.integers(0, 3)))) for _ in range(draw(st.integers(1, 3)))]
    predicate = const(True)
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        bound = draw(st.integers(0, 24))
        condition = index(2) < bound if draw(st.integers(0, 3)) else index(2) >= bound // 4
        predicate = as_expr(predicate & condition)
    return indices, loops, predicate


@st.composite
def scheduled(draw) -> tuple[list[Expr], dict[Var, int], Expr]:
    """Block bindings as splits, fusions and reorderings of a loop nest leave them; always a bijection."""
    loops: dict[Var, int] = {}
    predicate: Expr = const(True)
    live: list[tuple[Expr, int]] = []
    shape = [draw(st.sampled_from((1, 2, 3, 4, 5, 6, 8, 12))) for _ in range(draw(st.integers(1, 3)))]

    def fresh(extent: int) -> Var:
        var = Var(f"l{len(loops)}")
        loops[var] = extent
        return var

    def loop_over(extent: int, depth: int) -> Expr:
        """An expression that counts to `extent`, over new loops."""
        nonlocal predicate
        kind = draw(st.integers(0, 3)) if depth else 0
        if kind <= 1:
            return fresh(extent)
        factor = draw(st.sampled_from([f for f in range(1, extent + 1) if extent % f == 0 or kind == 3]))
        outer, inner = loop_over(-(-extent // factor), depth - 1), loop_over(factor, depth - 1)
        whole = outer * factor + inner
        if extent % factor:
            predicate = as_expr(predicate & (whole < extent))
        return as_expr(whole)

    if len(shape) > 1 and draw(st.booleans()):
        # Two axes run as one loop nest, fused and split again.
        a, b = shape[0], shape[1]
        fused = loop_over(a * b, 2)
        live = [(as_expr(fused // b), a), (as_expr(fused % b), b)]
        shape = shape[2:]
    live += [(loop_over(n, 2), n) for n in shape]
    order = draw(st.permutations(live))
    return [e for e, _ in order], loops, predicate


@given(junk())
@settings(max_examples=500, deadline=None)
def test_claims_hold(case) -> None:
    check(*case)


@given(scheduled())
@settings(max_examples=300, deadline=None)
def test_schedules_are_seen(case) -> None:
    assert check(*case) == [True, True]


@pytest.mark.fuzz
def test_claims_hold_long() -> None:
    given(junk())(settings(max_examples=20_000, deadline=None, database=None)(lambda case: check(*case)))()


@pytest.mark.fuzz
def test_schedules_are_seen_long() -> None:
    def seen(case) -> None:
        assert check(*case) == [True, True]

    given(scheduled())(settings(max_examples=5_000, deadline=None, database=None)(seen))()
