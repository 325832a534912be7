"""The product C = A Bᵀ of bfloat16 matrices on Hopper: copies by the copy engine, products by wgmma.

Two groups of four warps hold 64 by 256 of C each, 128 numbers a thread. The copy engine brings 128 rows of A and 256 of
B, 64 elements of each, to shared memory, permuted as wgmma reads them, three steps ahead; one thread asks it to, and a
barrier for each of four places tells that all bytes have come. Products go on for one step: when those of a step are
begun, those of the step before are done, so that all may go on and the copy engine may fill its place.
"""

import ml_dtypes
import numpy as np
from _cuda import main
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 8192, "n": 8192, "k": 8192},)
SMALL = {"m": 256, "n": 256, "k": 384}
ARCHS = ("sm_90a",)
BLOCK = (128, 256, 64)
"""What a block of threads computes at once: rows, columns, depth of a step."""
STAGES = 3


def program(m: int, n: int, k: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, k), "bfloat16"), B: T.Buffer((n, k), "bfloat16"), D: T.Buffer((m, n), "bfloat16")):
        C = T.alloc_buffer((m, n), "float32")
        for i, j, p in T.grid(m, n, k):
            with T.block("C"):
                vi, vj, vp = T.axis.remap("SSR", [i, j, p])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + T.Cast("float32", A[vi, vp]) * T.Cast("float32", B[vj, vp])
        for i, j in T.grid(m, n):
            with T.block("D"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = T.Cast("bfloat16", C[vi, vj])

    return main


def schedule(m: int = 8192, n: int = 8192, k: int = 8192) -> Schedule:
    sch = Schedule(program(m, n, k))
    product, rounded = sch.get_block("C"), sch.get_block("D")
    sch.set_scope(product, 0, "wgmma.accumulator")
    rows, columns, depth = BLOCK
    i, j, p = sch.get_loops(product)
    block_i, group, in_i = sch.split(i, [None, rows // 64, 64])
    block_j, in_j = sch.split(j, [None, columns])
    step, tile_p, in_p = sch.split(p, [None, depth // 16, 16])
    sch.reorder(block_i, block_j, group, step, tile_p, in_i, in_j, in_p)
    # Eight rows of blocks are computed together, so that they find operands in the second-level cache.
    outer, within = sch.split(block_i, [None, min(8, m // rows)])
    sch.reorder(outer, block_j, within)
    for loop, axis in zip((outer, block_j, within), "zyx"):
        sch.bind(loop, f"blockIdx.{axis}")
    sch.bind(group, "threadIdx.y")
    for operand in (0, 1):
        shared = sch.cache_read(product, operand, "shared.dyn")
        sch.compute_at(shared, step)
        sch.annotate(shared, "tma_copy", True)
    for name, value in (("stage", [0, 0, STAGES]), ("order", [0, 1, 2]), ("async_stages", [0])):
        sch.annotate(step, f"software_pipeline_{name}", value)
    sch.unroll(tile_p)
    sch.reverse_compute_at(rounded, group)
    sch.tensorize(sch.get_loops(rounded)[-2], "wgmma_store_64x256_f32_bf16_global")
    init = sch.decompose_reduction(product, step)
    sch.tensorize(sch.get_loops(init)[-2], "wgmma_fill_64x256_f32")
    sch.tensorize(in_i, "wgmma_m64n256k16_bf16bf16f32")
    return sch


def arrays(m: int, n: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, np.float32).astype(ml_dtypes.bfloat16) for shape in ((m, k), (n, k)))
    return [a, b, np.zeros((m, n), ml_dtypes.bfloat16)]


def reference(a: np.ndarray, b: np.ndarray, m: int, n: int, k: int) -> np.ndarray:
    return a.astype("float32") @ b.astype("float32").T


def work(m: int, n: int, k: int) -> tuple[int, int]:
    return 2 * m * n * k, 2 * (m * k + k * n + m * n)


if __name__ == "__main__":
    main()
