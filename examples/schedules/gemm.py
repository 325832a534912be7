"""The float32 matrix product C = A B at the speed of the multiply-add units.

A register block of C, 8 rows by 32 columns, stays in 16 vector registers over the whole reduction: each step loads two
vectors of B, broadcasts eight numbers of A and does 16 multiply-adds, which is all that the units can do in the time.
Its accumulators are the cache that `cache_write` makes: the unrolled rows index it by constants, so it lives in
registers. B is packed, by `cache_read`, into a panel of 32 columns whose rows lie side by side: it is read in order,
needs few pages, and stays in the second-level cache while all rows of A pass by. Panels go to the threads. Where there
are few columns, the rows go to the threads instead, and all panels are packed first. Rows and columns that do not fill
a block are left to copies of the loops that the compiler makes for the last block, so no other block checks anything.
"""

import numpy as np
import tensorir
from _run import main
from tensorir import Schedule, T

SHAPES = (
    {"m": 1024, "n": 1024, "k": 1024},
    {"m": 128, "n": 768, "k": 2304},
    {"m": 17, "n": 513, "k": 1029},
    {"m": 4096, "n": 64, "k": 64},
)
BLOCKS = ((8, 32), (6, 64), (8, 48), (9, 48), (4, 64))
"""Rows and columns of register blocks that keep the units busy; the columns are vectors of 16, the best come first."""
ROWS_OF_A_THREAD = 64


def program(m: int, n: int, k: int) -> tensorir.PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, k), "float32"), B: T.Buffer((k, n), "float32"), C: T.Buffer((m, n), "float32")):
        for i, j, p in T.grid(m, n, k):
            with T.block("C"):
                vi, vj, vp = T.axis.remap("SSR", [i, j, p])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vp] * B[vp, vj]

    return main


def register_block(m: int, n: int) -> tuple[int, int]:
    """The block that covers C with the fewest elements outside of it."""
    return min(BLOCKS, key=lambda block: -(-m // block[0]) * block[0] * -(-n // block[1]) * block[1])


def schedule(m: int = 1024, n: int = 1024, k: int = 1024) -> Schedule:
    rows, columns = register_block(m, n)
    sch = Schedule(program(m, n, k))
    product = sch.get_block("C")
    i, j, p = sch.get_loops(product)
    panel, lane = sch.split(j, [None, columns])
    if n >= 4 * columns:
        block, row = sch.split(i, [None, rows])
        sch.reorder(panel, block, p, row, lane)
        sch.parallel(panel)
        packed = sch.cache_read(product, 1, "global")
        sch.compute_at(packed, panel)
    else:
        part, block, row = sch.split(i, [None, ROWS_OF_A_THREAD // rows, rows])
        sch.reorder(part, panel, block, p, row, lane)
        sch.parallel(part)
        packed = sch.cache_read(product, 1, "global")
        order = lambda p, j: (j // columns, p, j % columns)  # noqa: E731
        sch.transform_layout(packed, ("write", 0), order, assume_injective_transform=True)
        _, inner = sch.split(sch.get_loops(packed)[1], [None, columns])
    sch.vectorize(sch.get_loops(packed)[-1])
    sch.unroll(row)
    sch.vectorize(lane)
    accumulators = sch.cache_write(product, 0, "local")
    sch.reverse_compute_at(accumulators, block)
    *_, row, lane = sch.get_loops(accumulators)
    sch.unroll(row)
    sch.vectorize(lane)
    sch.decompose_reduction(product, p)
    return sch


def arrays(m: int, n: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((m, k), np.float32), rng.random((k, n), np.float32), np.zeros((m, n), np.float32)]


def reference(a: np.ndarray, b: np.ndarray, **_: int) -> np.ndarray:
    return a @ b


def work(m: int, n: int, k: int) -> tuple[int, int]:
    return 2 * m * n * k, 4 * (m * k + k * n + m * n)


if __name__ == "__main__":
    main()
