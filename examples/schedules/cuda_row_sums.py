"""The sums of the rows of a float32 matrix: as fast as memory is read.

A row to a block of 256 threads. Each thread adds up every 256th float4, four of which are on their way at a time, into
a register (`rfactor`); the threads' sums are added by shuffles in each warp, and between warps through shared memory.
"""

import numpy as np
from _cuda import main
from _cuda_rows import reduce_by_threads
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 16384, "n": 16384},)
SMALL = {"m": 3, "n": 8192}


def program(m: int, n: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, n), "float32"), B: T.Buffer((m,), "float32")):
        for i, j in T.grid(m, n):
            with T.block("B"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vj]

    return main


def schedule(m: int = 16384, n: int = 16384) -> Schedule:
    sch = Schedule(program(m, n))
    reduce_by_threads(sch, "B", 256, unrolled=4)
    sch.bind(sch.get_loops("B")[0], "blockIdx.x")
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    return [np.random.default_rng(0).standard_normal((m, n), "float32"), np.zeros(m, "float32")]


def reference(a: np.ndarray, **shape: int) -> np.ndarray:
    return a.sum(1, dtype="float64").astype("float32")


def work(m: int, n: int) -> tuple[int, int]:
    return m * n, 4 * m * n


if __name__ == "__main__":
    main()
