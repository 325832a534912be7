"""Indices that tell points apart, against enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.tir.arith import Analyzer
from tensorir.tir.arith.injective import tells_apart
from tensorir.tir.buffer import Range
from tensorir.tir.expr import Expr, Var, as_expr, const

from .brute import value

i, j, k, n = (Var(name) for name in "ijkn")


def told(indices: list[Any], **extents: int) -> bool:
    loops = {v: Range(const(0), const(extents[v.name])) for v in (i, j, k) if v.name in extents}
    return tells_apart(Analyzer(loops), [as_expr(e) for e in indices], loops)


def is_so(indices: list[Any], **extents: int) -> bool:
    variables = [v for v in (i, j, k) if v.name in extents]
    points = itertools.product(*(range(extents[v.name]) for v in variables))
    images = [tuple(value(as_expr(e), dict(zip(variables, at)) | {n: 5}) for e in indices) for at in points]
    return len(set(images)) == len(images)


TOLD = [
    ([i * 32 + j, k], {"i": 4, "j": 32, "k": 3}),
    ([i * 40 + j], {"i": 4, "j": 32}),
    ([i // 32 * 32 + j, i % 32 * 8 + k], {"i": 100, "j": 32, "k": 8}),
    ([i % 4, i // 4 % 4, i // 16], {"i": 64}),
    ([j - i * 8 + n], {"i": 4, "j": 8}),
    ([i, 7], {"i": 5, "j": 1}),
]
UNTOLD = [
    ([i * 31 + j], {"i": 4, "j": 33}),
    ([i // 4, j], {"i": 8, "j": 4}),
    ([i % 4, i // 8], {"i": 64}),
    ([i], {"i": 4, "j": 2}),
    ([i + j], {"i": 4, "j": 4}),
]


@pytest.mark.parametrize("indices,extents", TOLD, ids=[str(row[0]) for row in TOLD])
def test_told(indices: list[Any], extents: dict[str, int]) -> None:
    assert is_so(indices, **extents)
    assert told(indices, **extents)


@pytest.mark.parametrize("indices,extents", UNTOLD, ids=[str(row[0]) for row in UNTOLD])
def test_untold(indices: list[Any], extents: dict[str, int]) -> None:
    assert not told(indices, **extents)


@st.composite
def maps(draw: Any) -> tuple[list[Expr], dict[str, int]]:
    extents = {name: draw(st.integers(1, 6)) for name in "ijk"[: draw(st.integers(1, 3))]}
    variables = [v for v in (i, j, k) if v.name in extents]

    def term() -> Expr:
        v = draw(st.sampled_from(variables))
        digit = draw(st.integers(0, 4))
        factor = draw(st.integers(2, 4))
        part = v if digit < 2 else v // factor if digit == 2 else v % factor if digit == 3 else v % 4 // 2
        return as_expr(part * draw(st.sampled_from((1, 1, 2, 3, 6, -1, 12))))

    out = []
    for _ in range(draw(st.integers(1, 3))):
        total = term()
        for _ in range(draw(st.integers(0, 2))):
            total = as_expr(total + term())
        out.append(as_expr(total + n) if draw(st.booleans()) else total)
    return out, extents


@given(maps())
@settings(max_examples=400, deadline=None)
def test_what_is_told_is_so(case: Any) -> None:
    indices, extents = case
    assert not told(indices, **extents) or is_so(indices, **extents)
