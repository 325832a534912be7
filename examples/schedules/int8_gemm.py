"""The product of 8-bit matrices, unsigned times signed, into 32-bit sums, by the dot products of VNNI.

`vpdpbusd` multiplies four unsigned bytes by four signed ones in each of 16 lanes and adds the products to the lane's
32-bit sum: four times what a float32 multiply-add does. It wants the four bytes of a lane side by side, so `cache_read`
and `transform_layout` arrange B as panels of 64 columns by 4 rows, 256 bytes, while the bytes of A are consecutive
already. The schedule is that of gemm.py: panels in parallel, each packed where it is used; 4 by 64 sums in registers
over the whole reduction. Then `tensorize` puts the intrinsic in place of the innermost 16 x 4 loops, after checking
that they say the same. Extents that the block does not divide are rounded up by `pad_einsum`, which computes on copies
filled with zeros.
"""

import numpy as np
import tensorir
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"m": 1024, "n": 1024, "k": 1024},)
ROWS, COLUMNS, LANES, DEPTH = 4, 64, 16, 4


def program(m: int, n: int, k: int) -> tensorir.PrimFunc:
    require_sizes(m=m, n=n, k=k)

    @T.prim_func
    def main(A: T.Buffer((m, k), "uint8"), B: T.Buffer((k, n), "int8"), C: T.Buffer((m, n), "int32")):
        for i, j, p in T.grid(m, n, k):
            with T.block("C"):
                vi, vj, vp = T.axis.remap("SSR", [i, j, p])
                with T.init():
                    C[vi, vj] = 0
                C[vi, vj] = C[vi, vj] + T.Cast("int32", A[vi, vp]) * T.Cast("int32", B[vp, vj])

    return main


def schedule(m: int = 1024, n: int = 1024, k: int = 1024) -> Schedule:
    sch = Schedule(program(m, n, k))
    product = sch.get_block("C")
    if m % ROWS or n % COLUMNS or k % DEPTH:
        sch.pad_einsum(product, [ROWS, COLUMNS, DEPTH])
    i, j, p = sch.get_loops(product)
    block, row = sch.split(i, [None, ROWS])
    panel, vector, lane = sch.split(j, [None, COLUMNS // LANES, LANES])
    step, byte = sch.split(p, [None, DEPTH])
    sch.reorder(panel, block, step, row, vector, lane, byte)
    sch.parallel(panel)
    packed = sch.cache_read(product, 1, "global")
    sch.compute_at(packed, panel, preserve_unit_loops=True)
    order = lambda p, j: (j // COLUMNS, p // DEPTH, j % COLUMNS, p % DEPTH)  # noqa: E731
    sch.transform_layout(packed, ("write", 0), order)
    *_, from_p, from_j = sch.get_loops(packed)
    from_step, from_byte = sch.split(from_p, [None, DEPTH])
    sch.reorder(from_step, from_byte, from_j)
    sch.unroll(row)
    sch.unroll(vector)
    sums = sch.cache_write(product, 0, "global")
    sch.reverse_compute_at(sums, block)
    *_, to_row, to_lane = sch.get_loops(sums)
    sch.unroll(to_row)
    sch.vectorize(to_lane)
    init = sch.decompose_reduction(product, step)
    sch.vectorize(sch.get_loops(init)[-1])
    sch.tensorize(lane, "dot_16x4_vnni")
    return sch


def arrays(m: int, n: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (m, k), np.uint8), rng.integers(-128, 128, (k, n), np.int8)
    return [a, b, np.zeros((m, n), np.int32)]


def reference(a: np.ndarray, b: np.ndarray, **_: int) -> np.ndarray:
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int32)


def work(m: int, n: int, k: int) -> tuple[int, int]:
    return 2 * m * n * k, m * k + k * n + 4 * m * n


if __name__ == "__main__":
    main()
