"""The softmax of each row of a float32 matrix: exponentials at full vector width, everything else beside them.

Four blocks: the greatest element of a row, the exponentials of the differences to it, their sum, the quotients. All are
computed row by row (`compute_at`), so that a row of 16 KB stays in the first-level cache for the three times it is read
and written, and only its first reading and last writing reach memory. Maximum and sum are taken in 64 lanes (see
row_sums.py). The exponential is a polynomial of the compiler's, as wide as the vector that asks for it. The division
by the sum is one division a row and a product for each element. Rows go to the threads.
"""

import numpy as np
import tensorir
from _reduce import lanes_for, reduce_in_lanes
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"m": 512, "n": 4096},)


def program(m: int, n: int) -> tensorir.PrimFunc:
    require_sizes(m=m, n=n)

    @T.prim_func
    def main(A: T.Buffer((m, n), "float32"), B: T.Buffer((m, n), "float32")):
        greatest = T.alloc_buffer((m,), "float32")
        power = T.alloc_buffer((m, n), "float32")
        total = T.alloc_buffer((m,), "float32")
        inverse = T.alloc_buffer((m,), "float32")
        for i, j in T.grid(m, n):
            with T.block("greatest"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    greatest[vi] = T.min_value("float32")
                greatest[vi] = T.max(greatest[vi], A[vi, vj])
        for i, j in T.grid(m, n):
            with T.block("power"):
                vi, vj = T.axis.remap("SS", [i, j])
                power[vi, vj] = T.exp(A[vi, vj] - greatest[vi])
        for i, j in T.grid(m, n):
            with T.block("total"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    total[vi] = T.float32(0)
                total[vi] = total[vi] + power[vi, vj]
        for i in range(m):
            with T.block("inverse"):
                vi = T.axis.spatial(m, i)
                inverse[vi] = T.float32(1) / total[vi]
        for i, j in T.grid(m, n):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = power[vi, vj] * inverse[vi]

    return main


def schedule(m: int = 512, n: int = 4096) -> Schedule:
    sch = Schedule(program(m, n))
    lanes = lanes_for(n)
    row, j = sch.get_loops("B")
    sch.parallel(row)
    sch.compute_at("inverse", row)
    reduce_in_lanes(sch, sch.get_block("total"), lanes, row)
    sch.compute_at("power", row, preserve_unit_loops=True)
    reduce_in_lanes(sch, sch.get_block("greatest"), lanes, row)
    for block in ("power", "B"):
        _, lane = sch.split(sch.get_loops(block)[-1], [None, 64])
        sch.vectorize(lane)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    return [np.random.default_rng(0).standard_normal((m, n), np.float32), np.zeros((m, n), np.float32)]


def reference(a: np.ndarray, **_: int) -> np.ndarray:
    power = np.exp(a.astype(np.float64) - a.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def work(m: int, n: int) -> tuple[int, int]:
    return 5 * m * n, 8 * m * n


if __name__ == "__main__":
    main()
