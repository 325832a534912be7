"""A float32 matrix times a vector: as fast as the matrix is read.

A row to a warp, eight warps to a block. Each lane multiplies every 32nd float4 of the row by the vector's, which the
caches hold, four of them on their way at a time; the lanes' sums are added by shuffles.
"""

import numpy as np
from _cuda import main
from _cuda_rows import reduce_by_threads
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 16384, "k": 16384},)
SMALL = {"m": 16, "k": 1024}


def program(m: int, k: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, k), "float32"), x: T.Buffer((k,), "float32"), y: T.Buffer((m,), "float32")):
        for i, j in T.grid(m, k):
            with T.block("y"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    y[vi] = T.float32(0)
                y[vi] = y[vi] + A[vi, vj] * x[vj]

    return main


def schedule(m: int = 16384, k: int = 16384) -> Schedule:
    sch = Schedule(program(m, k))
    sch.split(sch.get_loops("y")[0], [None, 8])
    reduce_by_threads(sch, "y", 32, unrolled=4)
    over, row = sch.get_loops("y")[:2]
    sch.bind(over, "blockIdx.x")
    sch.bind(row, "threadIdx.y")
    return sch


def arrays(m: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((m, k), "float32"), rng.standard_normal(k, "float32"), np.zeros(m, "float32")]


def reference(a: np.ndarray, x: np.ndarray, **shape: int) -> np.ndarray:
    return a @ x


def work(m: int, k: int) -> tuple[int, int]:
    return 2 * m * k, 4 * m * k


if __name__ == "__main__":
    main()
