"""Tiles turned in registers: columns are shuffles of the rows, and hold what they should."""

import numpy as np
import pytest
from tensorir import PrimFunc, Schedule, T, build


def transpose(n: int, width: int, dtype: str, first: int, step: int) -> PrimFunc:
    """B[i, j] = A[j, first + step * i], of a matrix with rows of `width`."""

    @T.prim_func
    def main(A: T.Buffer((n, width), dtype), B: T.Buffer((n, n), dtype)):
        tile = T.alloc_buffer((n, width), dtype)
        for i in T.unroll(n):
            for j in T.vectorized(width):
                with T.block("tile"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    tile[vi, vj] = A[vi, vj]
        for i in T.unroll(n):
            for j in T.vectorized(n):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = tile[vj, first + vi * step]

    return main


@pytest.mark.parametrize(
    "n, width, dtype, first, step",
    [
        (4, 4, "float64", 0, 1),
        (8, 8, "float64", 0, 1),
        (8, 8, "float32", 0, 1),
        (8, 8, "float32", 7, -1),
        (16, 16, "float32", 0, 1),
        (16, 16, "int32", 0, 1),
        (16, 16, "int8", 3, 0),
        (16, 16, "float16", 0, 1),
        (16, 16, "bool", 0, 1),
        (32, 32, "int16", 0, 1),
        (8, 16, "float32", 1, 2),
        (12, 12, "float32", 0, 1),
        (16, 31, "float32", 15, 1),
    ],
)
def test_columns_of_a_tile(n, width, dtype, first, step):
    rng = np.random.default_rng(0)
    numbers = rng.permutation(n * width).reshape(n, width)
    a = (numbers % 2).astype(bool) if dtype == "bool" else numbers.astype(dtype)
    b = np.zeros((n, n), a.dtype)
    build(transpose(n, width, dtype, first, step))(a, b)
    np.testing.assert_array_equal(b, a[:, first + np.arange(n) * step].T)


def test_all_columns_share_their_shuffles():
    text = build(transpose(16, 16, "float32", 0, 1)).source("llvm")
    assert text.count("shufflevector") == 16 * 4
    assert "gather" not in text


def test_rows_stored_again_are_seen():
    """A store between the fetching of a tile and its columns changes them."""

    @T.prim_func
    def main(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4,), "float32")):
        for i in T.unroll(4):
            for j in T.vectorized(4):
                with T.block("double"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    A[vi, vj] = A[vi, vj] * T.float32(2)
        with T.block("one"):
            A[2, 1] = T.float32(100)
        for j in T.vectorized(4):
            with T.block("B"):
                vj = T.axis.spatial(4, j)
                B[vj] = A[vj, 1]

    a, b = np.arange(16, dtype=np.float32).reshape(4, 4), np.zeros(4, np.float32)
    build(main)(a, b)
    np.testing.assert_array_equal(b, [2, 10, 100, 26])


def test_a_scheduled_transpose_with_a_rest():
    @T.prim_func
    def main(A: T.Buffer((21, 19), "float32"), B: T.Buffer((19, 21), "float32")):
        for i, j in T.grid(19, 21):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vj, vi]

    sch = Schedule(main)
    i, j = sch.get_loops("B")
    band, row = sch.split(i, [None, 8])
    tile, lane = sch.split(j, [None, 8])
    sch.reorder(band, tile, row, lane)
    fetched = sch.cache_read("B", 0, "local")
    sch.compute_at(fetched, tile)
    *_, from_row, from_lane = sch.get_loops(fetched)
    sch.vectorize(from_lane)
    sch.unroll(from_row)
    sch.unroll(row)
    sch.vectorize(lane)
    a = np.arange(21 * 19, dtype=np.float32).reshape(21, 19)
    b = np.zeros((19, 21), np.float32)
    build(sch.mod)(a, b)
    np.testing.assert_array_equal(b, a.T)
