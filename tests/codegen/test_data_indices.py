"""Indices that data decide are checked in compiled code: what would leave its buffer is an error, never a crash."""

import numpy as np
import pytest
from tensorir import PrimFunc, RunError, Schedule, T, build
from tensorir.codegen.interpreter import run


@T.prim_func
def gather(A: T.Buffer((8,), "float32"), I: T.Buffer((16,), "int32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[I[vi]]


@T.prim_func
def scatter(A: T.Buffer((16,), "float32"), I: T.Buffer((16,), "int32"), B: T.Buffer((8,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.opaque(16, i)
            B[I[vi]] = A[vi]


@T.prim_func
def rows(starts: T.Buffer((5,), "int32"), values: T.Buffer((12,), "float32"), S: T.Buffer((4,), "float32")):
    for i in range(4):
        S[i] = T.float32(0)
        for k in range(starts[i], starts[i + 1]):
            S[i] = S[i] + values[k]


@T.prim_func
def picked(A: T.Buffer((8,), "float32"), B: T.Buffer((1,), "float32"), at: T.int32):
    B[0] = A[at]


@T.prim_func
def through_let(A: T.Buffer((8,), "float32"), I: T.Buffer((1,), "int64"), B: T.Buffer((1,), "float32")):
    k = I[0] + T.int64(1)
    B[0] = A[k]


def vectorized_gather() -> PrimFunc:
    """The gather, by vectors of eight."""
    sch = Schedule(gather)
    sch.vectorize(sch.split(sch.get_loops("B")[0], [None, 8])[1])
    return sch.func


WILD = [10**9, -1, 8, -(2**31), 2**31 - 1]


@pytest.mark.parametrize("target", ["llvm", "c"])
@pytest.mark.parametrize("function", [gather, vectorized_gather(), scatter])
def test_gather_and_scatter(function: PrimFunc, target: str) -> None:
    kernel = build(function, target)
    sizes = [buffer.shape[0].value for buffer in function.buffers]
    a, index, b = np.arange(sizes[0], dtype="float32"), np.arange(16, dtype="int32") % 8, np.zeros(sizes[2], "float32")
    expected = b.copy()
    run(function, a, index, expected)
    kernel(a, index, b)
    np.testing.assert_array_equal(b, expected)
    for wild in WILD:
        bad = index.copy()
        bad[13] = wild
        with pytest.raises(RunError, match=f"an index is outside of buffer {'B' if function is scatter else 'A'}"):
            kernel(a, bad, b)


def test_loops_whose_range_data_decide() -> None:
    kernel = build(rows)
    values, sums = np.arange(12, dtype="float32"), np.zeros(4, "float32")
    kernel(np.array([0, 3, 3, 7, 12], "int32"), values, sums)
    assert sums.tolist() == [3, 0, 18, 45]
    with pytest.raises(RunError, match="an index is outside of buffer values"):
        kernel(np.array([0, 3, 3, 7, 10**9], "int32"), values, sums)


@pytest.mark.parametrize("wild", WILD)
def test_scalars_and_lets(wild: int) -> None:
    a, b = np.arange(8, dtype="float32"), np.zeros(1, "float32")
    kernel = build(picked)
    kernel(a, b, 5)
    assert b[0] == 5
    with pytest.raises(RunError, match="an index is outside of buffer A"):
        kernel(a, b, wild)
    kernel = build(through_let)
    kernel(a, np.array([2], "int64"), b)
    assert b[0] == 3
    with pytest.raises(RunError, match="an index is outside of buffer A"):
        kernel(a, np.array([wild - 1]), b)


def test_what_the_program_decides_costs_nothing() -> None:
    @T.prim_func
    def affine(a: T.handle, b: T.handle, n: T.int32):
        A = T.match_buffer(a, (n, 4), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            k = i * 2
            B[i] = A[i, k - i * 2]

    assert "outside of buffer" not in str(build(affine)["affine"].__self__.signature.messages)
