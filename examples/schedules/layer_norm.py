"""Layer normalisation of each row of a float32 matrix, with a scale and a shift for each column, at memory's speed.

The sums of a row's elements and of their squares are taken first, then the row is normalised: `compute_at` puts all
under one loop over rows, so that the second reading of a row comes from the first-level cache. Both sums are kept in 64
lanes (see row_sums.py). The squares are those of the differences to the mean, as rounding has it that the square of the
mean must not be subtracted from the mean of squares: a third reading, from the cache, costs less than a wrong digit.
Rows go to the threads.
"""

import numpy as np
import tensorir
from _reduce import lanes_for, reduce_in_lanes
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"m": 512, "n": 4096},)
EPSILON = 1e-5


def program(m: int, n: int) -> tensorir.PrimFunc:
    require_sizes(m=m, n=n)

    @T.prim_func
    def main(
        A: T.Buffer((m, n), "float32"),
        scale: T.Buffer((n,), "float32"),
        shift: T.Buffer((n,), "float32"),
        B: T.Buffer((m, n), "float32"),
    ):
        total = T.alloc_buffer((m,), "float32")
        mean = T.alloc_buffer((m,), "float32")
        squares = T.alloc_buffer((m,), "float32")
        factor = T.alloc_buffer((m,), "float32")
        for i, j in T.grid(m, n):
            with T.block("total"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    total[vi] = T.float32(0)
                total[vi] = total[vi] + A[vi, vj]
        for i in range(m):
            with T.block("mean"):
                vi = T.axis.spatial(m, i)
                mean[vi] = total[vi] * T.float32(1 / n)
        for i, j in T.grid(m, n):
            with T.block("squares"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    squares[vi] = T.float32(0)
                squares[vi] = squares[vi] + (A[vi, vj] - mean[vi]) * (A[vi, vj] - mean[vi])
        for i in range(m):
            with T.block("factor"):
                vi = T.axis.spatial(m, i)
                factor[vi] = T.rsqrt(squares[vi] * T.float32(1 / n) + T.float32(EPSILON))
        for i, j in T.grid(m, n):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = (A[vi, vj] - mean[vi]) * factor[vi] * scale[vj] + shift[vj]

    return main


def schedule(m: int = 512, n: int = 4096) -> Schedule:
    sch = Schedule(program(m, n))
    lanes = lanes_for(n)
    row, j = sch.get_loops("B")
    _, lane = sch.split(j, [None, 64])
    sch.vectorize(lane)
    sch.parallel(row)
    sch.compute_at("factor", row)
    reduce_in_lanes(sch, sch.get_block("squares"), lanes, row)
    sch.compute_at("mean", row)
    reduce_in_lanes(sch, sch.get_block("total"), lanes, row)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        rng.standard_normal((m, n), np.float32) * 3 + 1,
        rng.random(n, np.float32),
        rng.random(n, np.float32),
        np.zeros((m, n), np.float32),
    ]


def reference(a: np.ndarray, scale: np.ndarray, shift: np.ndarray, **_: int) -> np.ndarray:
    wide = a.astype(np.float64)
    variance = wide.var(axis=1, keepdims=True)
    return (wide - wide.mean(axis=1, keepdims=True)) / np.sqrt(variance + EPSILON) * scale + shift


def work(m: int, n: int) -> tuple[int, int]:
    return 8 * m * n, 8 * m * n


if __name__ == "__main__":
    main()
