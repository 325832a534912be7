"""The float32 matrix product C = A B at the speed of the multiply-add units.

A register block of C, 6 rows by 64 columns, stays in 24 vector registers over the whole reduction: each step loads four
vectors of B, broadcasts six numbers of A and does 24 multiply-adds, which is all that the units can do in the time. Its
accumulators are the cache that `cache_write` makes: the unrolled rows index it by constants, so it lives in registers.
B is packed, by `cache_read`, into a panel of 64 columns whose rows lie side by side: it is read in order, needs few
pages, and stays in the second-level cache while all rows of A pass by; where these are few, it is not worth it. Panels
go to the threads. Where there are few columns, the rows go to the threads instead, and all panels are packed first.
Rows and columns that do not fill a block are left to copies of the loops that the compiler makes for the last block, so
no other block checks anything.
"""

import numpy as np
import tensorir
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = (
    {"m": 1024, "n": 1024, "k": 1024},
    {"m": 128, "n": 768, "k": 2304},
    {"m": 17, "n": 513, "k": 1029},
    {"m": 4096, "n": 64, "k": 64},
)
ROWS, COLUMNS = 6, 64
PANELS = 4
"""With fewer than these, threads take rows."""
BLOCKS_OF_A_THREAD = 10
PACKED_ROWS = 256
"""With fewer rows of A, B is read where it is."""


def program(m: int, n: int, k: int) -> tensorir.PrimFunc:
    require_sizes(m=m, n=n, k=k)

    @T.prim_func
    def main(A: T.Buffer((m, k), "float32"), B: T.Buffer((k, n), "float32"), C: T.Buffer((m, n), "float32")):
        for i, j, p in T.grid(m, n, k):
            with T.block("C"):
                vi, vj, vp = T.axis.remap("SSR", [i, j, p])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vp] * B[vp, vj]

    return main


def schedule(m: int = 1024, n: int = 1024, k: int = 1024) -> Schedule:
    sch = Schedule(program(m, n, k))
    product = sch.get_block("C")
    i, j, p = sch.get_loops(product)
    panel, lane = sch.split(j, [None, COLUMNS])
    by_panels = n >= PANELS * COLUMNS
    if by_panels:
        block, row = sch.split(i, [None, ROWS])
        sch.reorder(panel, block, p, row, lane)
        sch.parallel(panel)
    else:
        part, block, row = sch.split(i, [None, min(BLOCKS_OF_A_THREAD, -(-m // ROWS)), ROWS])
        sch.reorder(part, panel, block, p, row, lane)
        sch.parallel(part)
    if m >= PACKED_ROWS:
        packed = sch.cache_read(product, 1, "global")
        if by_panels:
            sch.compute_at(packed, panel)
        else:
            order = lambda p, j: (j // COLUMNS, p, j % COLUMNS)  # noqa: E731
            sch.transform_layout(packed, ("write", 0), order, assume_injective_transform=True)
            sch.split(sch.get_loops(packed)[1], [None, COLUMNS])
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
