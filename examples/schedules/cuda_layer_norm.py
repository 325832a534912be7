"""Layer normalisation of the rows of a float32 matrix: memory is read once and written once.

A row to a block of 256 threads, which copy it into shared memory as float4s. The mean and then the variance, as the
mean square of the differences, are sums by all threads; the result is written as float4s.
"""

import numpy as np
from _cuda import main
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 16384, "n": 8192},)
SMALL = {"m": 3, "n": 2048}
THREADS, EPSILON = 256, 1e-5


def program(m: int, n: int) -> PrimFunc:
    @T.prim_func
    def main(
        X: T.Buffer((m, n), "float32"),
        gamma: T.Buffer((n,), "float32"),
        beta: T.Buffer((n,), "float32"),
        Y: T.Buffer((m, n), "float32"),
    ):
        row = T.alloc_buffer((m, n), "float32", scope="shared")
        total = T.alloc_buffer((m,), "float32", scope="shared")
        square = T.alloc_buffer((m,), "float32", scope="shared")
        for i, j in T.grid(m, n):
            with T.block("row"):
                vi, vj = T.axis.remap("SS", [i, j])
                row[vi, vj] = X[vi, vj]
        for i, j in T.grid(m, n):
            with T.block("total"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    total[vi] = T.float32(0)
                total[vi] = total[vi] + row[vi, vj]
        for i, j in T.grid(m, n):
            with T.block("square"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    square[vi] = T.float32(0)
                square[vi] = square[vi] + (row[vi, vj] - total[vi] / n) * (row[vi, vj] - total[vi] / n)
        for i, j in T.grid(m, n):
            with T.block("Y"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = (row[vi, vj] - total[vi] / n) * T.rsqrt(square[vi] / n + EPSILON) * gamma[vj] + beta[vj]

    return main


def schedule(m: int = 16384, n: int = 8192) -> Schedule:
    sch = Schedule(program(m, n))
    row, _ = sch.get_loops("Y")
    sch.bind(row, "blockIdx.x")
    for name in ("square", "total", "row"):
        sch.compute_at(name, row)
    for name in ("row", "Y"):
        _, thread, lanes = sch.split(sch.get_loops(name)[-1], [None, THREADS, 4])
        sch.bind(thread, "threadIdx.x")
        sch.vectorize(lanes)
    for name in ("total", "square"):
        steps, thread = sch.split(sch.get_loops(name)[-1], [None, THREADS])
        sch.bind(thread, "threadIdx.x")
        sch.annotate(steps, "pragma_unroll_factor", 8)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape, "float32") for shape in ((m, n), n, n)]
    return [*inputs, np.zeros((m, n), "float32")]


def reference(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, **shape: int) -> np.ndarray:
    mean, variance = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    return (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta


def work(m: int, n: int) -> tuple[int, int]:
    return 8 * m * n, 2 * 4 * m * n


if __name__ == "__main__":
    main()
