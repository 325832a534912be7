"""Expressions in signatures: their values, and how they read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorir.codegen.runtime import dims

leaves = st.one_of(st.integers(-9, 9), st.sampled_from(["n", "m"]))
expressions = st.recursive(
    leaves, lambda inner: st.tuples(st.sampled_from([*dims.OPERATORS]), inner, inner), max_leaves=8
)


@given(dim=expressions, n=st.integers(-5, 5), m=st.integers(-5, 5))
def test_the_text_means_the_value(dim: dims.Dim, n: int, m: int) -> None:
    try:
        expected = eval(dims.text(dim), {"n": n, "m": m, "min": min, "max": max})
    except ZeroDivisionError:
        expected = None
    assert dims.value(dim, {"n": n, "m": m}) == expected


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (3, "3"),
        ("n", "n"),
        (("*", ("+", "n", 1), 2), "(n + 1) * 2"),
        (("+", ("*", "n", 2), 1), "n * 2 + 1"),
        (("-", "n", ("-", "m", 1)), "n - (m - 1)"),
        (("-", ("-", "n", "m"), 1), "n - m - 1"),
        (("//", ("+", "n", 7), 8), "(n + 7) // 8"),
        (("%", "n", ("*", 2, "m")), "n % (2 * m)"),
        (("min", ("+", "n", 1), "m"), "min(n + 1, m)"),
        (("*", ("max", "n", 0), 2), "max(n, 0) * 2"),
    ],
)
def test_text(dim: dims.Dim, text: str) -> None:
    assert dims.text(dim) == text


def test_what_does_not_fit_64_bits_has_no_value() -> None:
    most = (1 << 63) - 1
    assert dims.value(("+", "n", 1), {"n": most}) is None
    assert dims.value(("*", "n", "n"), {"n": 1 << 32}) is None
    assert dims.value(("-", ("+", "n", 1), 1), {"n": most}) is None
    assert dims.value(("//", "n", -1), {"n": -most - 1}) is None
    assert dims.value(("+", "n", 0), {"n": most}) == most


def test_names_come_in_order() -> None:
    assert list(dims.names(("+", ("*", "m", 2), ("min", "n", "m")))) == ["m", "n", "m"]
