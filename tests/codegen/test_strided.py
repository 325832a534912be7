"""Vector accesses with constant steps: every step, scalar type and length, by what numpy's slices give."""

from __future__ import annotations

import numpy as np
import pytest
from tensorir import build, parse

TEXT = """
@T.prim_func
def main(A: T.Buffer(({size},), "{dtype}"), B: T.Buffer(({size},), "{dtype}")):
    for i in T.vectorized({lanes}):
        B[{base} + i * ({step})] = A[{base} + i * ({step})]
"""


@pytest.mark.parametrize("dtype", ("float32", "int8", "float16", "bool"))
@pytest.mark.parametrize("step", (-3, -2, -1, 1, 2, 3, 4, 5))
def test_steps(step, dtype):
    for lanes in (2, 7, 16):
        size = (lanes - 1) * abs(step) + 1
        base = 0 if step > 0 else size - 1
        program = parse(TEXT.format(size=size, dtype=dtype, lanes=lanes, base=base, step=step))
        a, b = (np.arange(size) % 5 % 2 + np.arange(size)).astype(dtype), np.zeros(size, dtype)
        # An access beyond the ends of the arrays would be out of bounds: their first and last elements are accessed.
        build(program, sanitize=True)(a, b)
        want = np.zeros(size, dtype)
        want[:: abs(step)] = a[:: abs(step)]
        np.testing.assert_array_equal(b, want)
        build(program, opt=1)(a, c := np.zeros(size, dtype))
        np.testing.assert_array_equal(c, want)


@pytest.mark.parametrize("step", (-1, 2, 3, 4))
def test_no_gathers(step):
    llvm = build(parse(TEXT.format(size=64, dtype="float32", lanes=16, base=0 if step > 0 else 15, step=step))).source()
    assert "gather" not in llvm and "scatter" not in llvm and "shufflevector" in llvm


def test_stores_far_apart_address_by_displacements():
    llvm = build(parse(TEXT.format(size=1024, dtype="float32", lanes=8, base=0, step=100))).source()
    assert "getelementptr inbounds float, ptr" in llvm and "extractelement <8 x ptr>" not in llvm
