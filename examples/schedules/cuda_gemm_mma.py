"""The product C = A B of bfloat16 matrices by mma.sync, for every GPU from compute capability 8.0 on.

Each of eight warps holds 64 by 64 of C in registers, 128 numbers a thread, and multiplies tiles of 16 by 16 by 16:
for a step of 16 along the reduction it loads four tiles of each operand, which ldmatrix does with one instruction a
tile, and issues 32 mma.sync. The operands come to shared memory by cp.async, three steps of the pipeline ahead, and
lie there permuted, so that neither the copies nor ldmatrix meet in a bank. A step waits once: for its copies, and for
all warps to be done with the memory that the next copies overwrite.
"""

import ml_dtypes
import numpy as np
from _cuda import main
from _cuda_mma import divide, fetch, finish, tiled
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 8192, "n": 8192, "k": 8192},)
SMALL = {"m": 128, "n": 256, "k": 160}
BLOCK = (128, 256, 32)
"""What a block of threads computes at once: rows, columns, depth of a step."""
WARP = (64, 64)
STAGES = 4


def program(m: int, n: int, k: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, k), "bfloat16"), B: T.Buffer((k, n), "bfloat16"), D: T.Buffer((m, n), "bfloat16")):
        C = T.alloc_buffer((m, n), "float32")
        for i, j, p in T.grid(m, n, k):
            with T.block("C"):
                vi, vj, vp = T.axis.remap("SSR", [i, j, p])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + T.Cast("float32", A[vi, vp]) * T.Cast("float32", B[vp, vj])
        for i, j in T.grid(m, n):
            with T.block("D"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = T.Cast("bfloat16", C[vi, vj])

    return main


def schedule(m: int = 8192, n: int = 8192, k: int = 8192) -> Schedule:
    sch = Schedule(program(m, n, k))
    product, rounded = sch.get_block("C"), sch.get_block("D")
    sch.set_scope(product, 0, "mma.accumulator")
    parts = divide(sch, product, BLOCK, WARP, depth=16)
    for operand, side in enumerate("ab"):
        shared = sch.cache_read(product, operand, "shared.dyn")
        fragment = sch.cache_read(product, operand, f"mma.matrix_{side}")
        sch.compute_at(fragment, parts.tile)
        sch.compute_at(shared, parts.step)
        fetch(sch, parts, shared, sch.fuse(*sch.get_loops(shared)[-2:]), elements=8)
        tiled(sch, fragment, f"mma_load_16x16x16_bf16_{side}_shared_dyn")
    finish(
        sch,
        parts,
        rounded,
        STAGES,
        store="mma_store_16x16x16_f32_bf16_global",
        fill="mma_fill_16x16x16_f32",
        multiply="mma_sync_16x16x16_bf16bf16f32",
    )
    return sch


def arrays(m: int, n: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, np.float32).astype(ml_dtypes.bfloat16) for shape in ((m, k), (k, n)))
    return [a, b, np.zeros((m, n), ml_dtypes.bfloat16)]


def reference(a: np.ndarray, b: np.ndarray, m: int, n: int, k: int) -> np.ndarray:
    return a.astype("float32") @ b.astype("float32")


def work(m: int, n: int, k: int) -> tuple[int, int]:
    return 2 * m * n * k, 2 * (m * k + k * n + m * n)


if __name__ == "__main__":
    main()
