"""The transpose of a float32 matrix: as fast as memory copies.

Tiles of 64 x 64 pass through shared memory, so that rows are read and rows are written, both as float4 by neighbouring
threads. A tile's rows are 65 floats apart (`storage_align`): a column of it, which a row of the result is, lies in
different banks.
"""

import numpy as np
from _cuda import main
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 16384, "n": 16384},)
SMALL = {"m": 192, "n": 128}


def program(m: int, n: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, n), "float32"), B: T.Buffer((n, m), "float32")):
        for j, i in T.grid(n, m):
            with T.block("B"):
                vj, vi = T.axis.remap("SS", [j, i])
                B[vj, vi] = A[vi, vj]

    return main


def schedule(m: int = 16384, n: int = 16384) -> Schedule:
    sch = Schedule(program(m, n))
    j, i = sch.get_loops("B")
    j0, j1 = sch.split(j, [None, 64])
    i0, i1 = sch.split(i, [None, 64])
    sch.reorder(j0, i0, j1, i1)
    sch.bind(j0, "blockIdx.y")
    sch.bind(i0, "blockIdx.x")
    tile = sch.cache_read("B", 0, "shared")
    sch.compute_at(tile, i0)
    sch.storage_align(tile, 0, -2, factor=64, offset=1)
    for block in (tile, sch.get_block("B")):
        fused = sch.fuse(*sch.get_loops(block)[-2:])
        rows, thread, lanes = sch.split(fused, [None, 256, 4])
        sch.bind(thread, "threadIdx.x")
        sch.unroll(rows)
        sch.vectorize(lanes)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    a = np.random.default_rng(0).standard_normal((m, n), "float32")
    return [a, np.zeros((n, m), "float32")]


def reference(a: np.ndarray, **shape: int) -> np.ndarray:
    return a.T


def work(m: int, n: int) -> tuple[int, int]:
    return 0, 2 * 4 * m * n


if __name__ == "__main__":
    main()
