"""Selects whose branches cannot both be evaluated become choices; the others stay, since vectors want them."""

import numpy as np
import pytest
from tensorir import build, parse
from tensorir.codegen.interpreter import run
from tensorir.codegen.passes.rewrite_unsafe_select import rewrite_unsafe_select

from .checks import apply

TEXT = """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), I: T.Buffer((16,), "int32"), B: T.Buffer((16,), "float32")):
    for i in {loop}:
        B[i] = {value}
"""

UNSAFE = {
    "T.Select(i < 15, A[i + 1], A[0])": 1,
    "T.Select(I[i] < 16, A[I[i]], A[0])": 1,
    "T.Select(i > 0, T.Select(i < 15, A[i + 1], A[i - 1]), A[i])": 2,
    "T.max(T.Select(i < 15, A[i + 1], A[0]), T.Select(i < 8, A[i], A[0]))": 1,
    "T.Select(i < 15, A[T.min(i + 1, 15)], A[0])": 0,
    "T.if_then_else(i < 15, T.Select(i > 4, A[i + 1], A[i]), A[0])": 0,
    "T.Select(i < 8, A[i], T.Cast('float32', I[15 - i]))": 0,
}


@pytest.mark.parametrize("loop", ("range(16)", "T.vectorized(16)"))
@pytest.mark.parametrize("value", UNSAFE)
def test_selects(value, loop):
    func = parse(TEXT.format(value=value, loop=loop))
    arrays = [np.arange(16, dtype="f4"), np.arange(16, dtype="i4")[::-1].copy() * 2, np.zeros(16, "f4")]
    out = apply(rewrite_unsafe_select, func, arrays)
    text, before = out.script(), func.script()
    assert before.count("T.Select") - text.count("T.Select") == UNSAFE[value]
    assert (out is func) == (UNSAFE[value] == 0)
    want = [a.copy() for a in arrays]
    run(func, *want)
    build(func)(*arrays)
    np.testing.assert_array_equal(arrays[2], want[2])
