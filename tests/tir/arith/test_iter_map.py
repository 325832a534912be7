"""Iterator maps against enumeration: what is called surjective or bijective is, and what schedules make is seen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.arith import Analyzer
from tensorir.tir.arith.iter_divide import subspace_divide
from tensorir.tir.arith.iter_inverse import inverse_affine_iter_map
from tensorir.tir.arith.iter_map import (
    IterMapLevel,
    detect_iter_map,
    extent_of,
)
from tensorir.tir.buffer import Range
from tensorir.tir.expr import Expr, Var, as_expr, const
from tensorir.tir.visit import free_vars

from .brute import assignments, value

LEVELS = (IterMapLevel.SURJECTIVE, IterMapLevel.BIJECTIVE)


START = 2
"""Where the first loop of every nest starts; the others start at 0."""


def ranges_of(loops: dict[Var, int]) -> dict[Var, Range]:
    return {v: Range(const(START if i == 0 else 0), const(n)) for i, (v, n) in enumerate(loops.items())}


def domain(loops: dict[Var, int], predicate: Expr) -> list[dict[Var, int]]:
    box = {v: (r.min.value, r.min.value + r.extent.value - 1) for v, r in ranges_of(loops).items()}
    return [env for env in assignments(box) if value(predicate, env)]


def check(indices: Sequence[Expr], loops: dict[Var, int], predicate: Expr) -> list[bool]:
    """Whether each level is claimed; every claim is held against enumeration."""
    ranges = ranges_of(loops)
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

    def fresh(extent: int) -> Expr:
        var = Var(f"l{len(loops)}")
        loops[var] = extent
        return var - START if len(loops) == 1 else var

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


def check_inverse(case) -> None:
    """The inverse of a bijection gives back the loops."""
    indices, loops, predicate = case
    ranges = ranges_of(loops)
    an = Analyzer()
    result = detect_iter_map(indices, ranges, predicate, IterMapLevel.BIJECTIVE, an)
    outputs = [Var(f"o{i}") for i in range(len(indices))]
    back = inverse_affine_iter_map(result.indices, outputs, an)
    for env in domain(loops, predicate):
        at = {o: value(e, env) for o, e in zip(outputs, indices, strict=True)}
        for loop, n in loops.items():
            if n > 1:
                assert value(back[loop], at) == env[loop]


def check_division(case, chosen: list[bool]) -> bool:
    """Each index is `outer * inner_extent + inner`, over the loops of its side alone, in full."""
    indices, loops, predicate = case
    ranges = ranges_of(loops)
    inner = [v for v, c in zip(loops, itertools.cycle(chosen)) if c]
    divided = subspace_divide(indices, ranges, inner, predicate)
    if not divided:
        assert str(divided.error)
        return False
    points = domain(loops, predicate)
    for part, e in zip(divided.indices, indices, strict=True):
        outer, low = part.outer.to_expr(), part.inner.to_expr()
        assert not set(free_vars(outer)) & set(inner)
        assert set(free_vars(low)) <= set(inner)
        for env in points:
            assert value(outer, env) * part.inner_extent + value(low, env) == value(e, env)
        base = value(part.inner.base, {})
        assert {value(low, env) for env in points} == {base + k for k in range(part.inner_extent)}
    sides = divided.outer_predicate, divided.inner_predicate
    full = domain(loops, const(True))
    assert all(bool(value(sides[0], env) and value(sides[1], env)) == bool(value(predicate, env)) for env in full)
    return True


@given(scheduled())
@settings(max_examples=200, deadline=None)
def test_inverses_invert(case) -> None:
    check_inverse(case)


@given(scheduled(), st.lists(st.booleans(), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_divisions_divide(case, chosen) -> None:
    check_division(case, chosen)


def test_a_swizzle_is_divided_only_with_its_mask() -> None:
    i, j, k = (Var(name) for name in "ijk")
    loops = {v: Range(const(0), const(8)) for v in (i, j, k)}
    indices = [i, j ^ i, k]
    assert subspace_divide(indices, loops, [k])
    assert not subspace_divide(indices, loops, [j, k])
    assert subspace_divide(indices, loops, [i, j, k])


@pytest.mark.fuzz
@given(scheduled(), st.lists(st.booleans(), min_size=1, max_size=6))
@settings(max_examples=10_000, deadline=None, database=None)
def test_inverses_and_divisions_long(case, chosen) -> None:
    check_inverse(case)
    check_division(case, chosen)


@pytest.mark.fuzz
@given(junk())
@settings(max_examples=20_000, deadline=None, database=None)
def test_claims_hold_long(case) -> None:
    check(*case)


@pytest.mark.fuzz
@given(scheduled())
@settings(max_examples=5_000, deadline=None, database=None)
def test_schedules_are_seen_long(case) -> None:
    assert check(*case) == [True, True]
