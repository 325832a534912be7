"""Tiles of a loop's turns: where accesses are said to be in different ones, they are, by enumeration."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.analysis.tiles import in_different_tiles
from tensorir.tir.arith import Analyzer
from tensorir.tir.buffer import Range
from tensorir.tir.expr import Expr, IntImm, Var, as_expr
from tensorir.tir.visit import substitute

TURN, OUTER, X, Y, TURNS, INNER = Var("v"), Var("o"), Var("x"), Var("y"), 8, 4
LOOPS = {inner: {inner: Range(as_expr(0), as_expr(INNER))} for inner in (X, Y)}


def apart(x: list[Range], y: list[Range]) -> bool:
    return in_different_tiles(TURN, x, LOOPS[X], y, LOOPS[Y])


def point(*indices: Expr) -> list[Range]:
    return [Range.point(index) for index in indices]


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (point(TURN * 4 + X), point(TURN * 4 + Y), True),
        (point(TURN * 4 + X), point(TURN * 4 + Y + 1), False),
        (point(TURN * 4 + X), point(TURN * 4 + Y + 4), False),
        (point(TURN * 4 + X + 4), point(TURN * 4 + Y + 4), True),
        (point(OUTER - TURN * 4 + X), point(OUTER - TURN * 4 + Y), True),
        (point(OUTER + TURN * 4 + X), point(TURN * 4 + Y), False),
        (point(TURN // 2 * 4 + X), point(TURN // 2 * 4 + Y), False),
        (point(TURN // 2 * 4 + X, TURN % 2), point(TURN // 2 * 4 + Y, TURN % 2), True),
        (point(TURN // 2 * 4 + X, TURN % 2 * 2 + X), point(TURN // 2 * 4 + Y, TURN % 2 * 2 + Y), False),
        ([Range(TURN * 4, as_expr(4))], point(TURN * 4 + Y), True),
        ([Range(TURN * 4, as_expr(5))], point(TURN * 4 + Y), False),
        (point(TURN * 2 + X // 2), point(TURN * 2 + Y % 2), True),
        (point((TURN * 4 + X) // 2), point((TURN * 4 + Y) // 2), False),
    ],
)
def test_tiles(x: list[Range], y: list[Range], expected: bool) -> None:
    assert apart(x, y) is expected


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[Range], list[Range]]:
    """Two accesses of two dimensions, alike or nearly so."""

    def index(inner: Var, digit: Expr, width: int) -> Range:
        rest = draw(st.sampled_from((inner, inner // 2, inner % 2, (inner + 2) // 4, as_expr(0))))
        extent = draw(st.sampled_from((1, 1, 1, 2)))
        factor, offset = draw(st.sampled_from((0, 1, 1, 2, -1))), draw(st.sampled_from((0, 0, 0, 0, 1, -2)))
        return Range(digit * width + rest * factor + offset, as_expr(extent))

    digits = [draw(st.sampled_from((TURN, TURN // 2, TURN % 2, TURN // 4, TURN % 4 // 2))) for _ in range(2)]
    widths = [draw(st.sampled_from((-4, 1, 2, 4))) for _ in range(2)]
    x, y = ([index(inner, d, w) for d, w in zip(digits, widths, strict=True)] for inner in (X, Y))
    return x, y


@given(pairs())
@settings(max_examples=300, deadline=None)
def test_what_is_said_to_be_apart_is(pair: tuple[list[Range], list[Range]]) -> None:
    if not apart(*pair):
        return
    an = Analyzer()
    touched: list[dict[tuple[int, ...], set[int]]] = [{}, {}]
    for region, inner, found in zip(pair, (X, Y), touched, strict=True):
        for turn, at in itertools.product(range(TURNS), range(INNER)):
            values = {TURN: IntImm(TURN.dtype, turn), inner: IntImm(inner.dtype, at)}
            lows = [an.simplify(substitute(r.min, values)).value for r in region]
            for element in itertools.product(*(range(low, low + r.extent.value) for low, r in zip(lows, region))):
                found.setdefault(element, set()).add(turn)
    for element, turns in touched[0].items():
        assert touched[1].get(element, turns) == turns
        assert len(turns) == 1
