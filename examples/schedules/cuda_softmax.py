"""The softmax of each row of a float32 matrix: memory is read once and written once.

A row to a block of 256 threads, which copy it into shared memory as float4s. The greatest element and the sum are found
by all threads (shuffles, and shared memory between warps); the exponentials replace the row in shared memory, each
thread touching its own elements only, so that barriers stand around the reductions alone.
"""

import numpy as np
from _cuda import main
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 16384, "n": 8192},)
SMALL = {"m": 3, "n": 2048}
THREADS = 256


def program(m: int, n: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, n), "float32"), B: T.Buffer((m, n), "float32")):
        row = T.alloc_buffer((m, n), "float32", scope="shared")
        greatest = T.alloc_buffer((m,), "float32", scope="shared")
        power = T.alloc_buffer((m, n), "float32", scope="shared")
        total = T.alloc_buffer((m,), "float32", scope="shared")
        for i, j in T.grid(m, n):
            with T.block("row"):
                vi, vj = T.axis.remap("SS", [i, j])
                row[vi, vj] = A[vi, vj]
        for i, j in T.grid(m, n):
            with T.block("greatest"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    greatest[vi] = T.min_value("float32")
                greatest[vi] = T.max(greatest[vi], row[vi, vj])
        for i, j in T.grid(m, n):
            with T.block("power"):
                vi, vj = T.axis.remap("SS", [i, j])
                power[vi, vj] = T.exp(row[vi, vj] - greatest[vi])
        for i, j in T.grid(m, n):
            with T.block("total"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    total[vi] = T.float32(0)
                total[vi] = total[vi] + power[vi, vj]
        for i, j in T.grid(m, n):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = power[vi, vj] / total[vi]

    return main


def schedule(m: int = 16384, n: int = 8192) -> Schedule:
    sch = Schedule(program(m, n))
    row, _ = sch.get_loops("B")
    sch.bind(row, "blockIdx.x")
    for name in ("total", "power", "greatest", "row"):
        sch.compute_at(name, row)
    for name in ("row", "B"):
        _, thread, lanes = sch.split(sch.get_loops(name)[-1], [None, THREADS, 4])
        sch.bind(thread, "threadIdx.x")
        sch.vectorize(lanes)
    for name in ("greatest", "power", "total"):
        steps, thread = sch.split(sch.get_loops(name)[-1], [None, THREADS])
        sch.bind(thread, "threadIdx.x")
        sch.annotate(steps, "pragma_unroll_factor", 8)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    return [np.random.default_rng(0).standard_normal((m, n), "float32"), np.zeros((m, n), "float32")]


def reference(a: np.ndarray, **shape: int) -> np.ndarray:
    power = np.exp(a - a.max(1, keepdims=True))
    return power / power.sum(1, keepdims=True)


def work(m: int, n: int) -> tuple[int, int]:
    return 5 * m * n, 2 * 4 * m * n


if __name__ == "__main__":
    main()
