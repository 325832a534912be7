"""The transpose of a float32 matrix, at the speed of memory.

Read by rows, a matrix is written by columns, one element of a cache line at a time, and each from another page. Tiles
of 16 by 16 read whole lines and write whole lines: `cache_read` fetches the rows of a tile as 16 vectors, and as all
loops of a tile are unrolled, the compiler knows each column to be one element of each of 16 registers, which takes 64
shuffles for all of them. Tiles are grouped in blocks of 128 by 128, so that a page is used eight times when it is
used, and what is fetched beside a line is not in vain. Bands of blocks go to the threads.
"""

import numpy as np
import tensorir
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"m": 2048, "n": 2048},)
BLOCK, TILE = 128, 16


def program(m: int, n: int) -> tensorir.PrimFunc:
    require_sizes(m=m, n=n)

    @T.prim_func
    def main(A: T.Buffer((m, n), "float32"), B: T.Buffer((n, m), "float32")):
        for i, j in T.grid(n, m):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vj, vi]

    return main


def schedule(m: int = 2048, n: int = 2048) -> Schedule:
    sch = Schedule(program(m, n))
    transposed = sch.get_block("B")
    i, j = sch.get_loops(transposed)
    band, low_row, row = sch.split(i, [None, BLOCK // TILE, TILE])
    block, low_lane, lane = sch.split(j, [None, BLOCK // TILE, TILE])
    sch.reorder(band, block, low_lane, low_row, row, lane)
    sch.parallel(band)
    fetched = sch.cache_read(transposed, 0, "local")
    sch.compute_at(fetched, low_row)
    *_, from_row, from_lane = sch.get_loops(fetched)
    sch.vectorize(from_lane)
    sch.unroll(from_row)
    sch.unroll(row)
    sch.vectorize(lane)
    sch.annotate(transposed, "pragma_nontemporal", 1)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    return [np.random.default_rng(0).random((m, n), np.float32), np.zeros((n, m), np.float32)]


def reference(a: np.ndarray, **_: int) -> np.ndarray:
    return a.T


def work(m: int, n: int) -> tuple[int, int]:
    return 0, 8 * m * n


if __name__ == "__main__":
    main()
