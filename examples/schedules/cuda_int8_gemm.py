"""The product C = A Bᵀ of int8 matrices, summed in int32, by mma.sync, from compute capability 8.0 on.

As for bfloat16 (`cuda_gemm_mma`), with tiles of 16 by 16 by 32: a row of a tile has 32 bytes as well. B is held by
columns, rows of Bᵀ, since ldmatrix transposes elements of 16 bits only.
"""

import numpy as np
from _cuda import main
from _cuda_mma import divide, fetch, finish, tiled
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 8192, "n": 8192, "k": 8192},)
SMALL = {"m": 128, "n": 256, "k": 320}
BLOCK = (128, 256, 64)
"""What a block of threads computes at once: rows, columns, depth of a step."""
WARP = (64, 64)
STAGES = 4


def program(m: int, n: int, k: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, k), "int8"), B: T.Buffer((n, k), "int8"), C: T.Buffer((m, n), "int32")):
        for i, j, p in T.grid(m, n, k):
            with T.block("C"):
                vi, vj, vp = T.axis.remap("SSR", [i, j, p])
                with T.init():
                    C[vi, vj] = T.int32(0)
                C[vi, vj] = C[vi, vj] + T.Cast("int32", A[vi, vp]) * T.Cast("int32", B[vj, vp])

    return main


def schedule(m: int = 8192, n: int = 8192, k: int = 8192) -> Schedule:
    sch = Schedule(program(m, n, k))
    product = sch.get_block("C")
    result = sch.cache_write(product, 0, "mma.accumulator")
    parts = divide(sch, product, BLOCK, WARP, depth=32)
    for operand, side in enumerate("ab"):
        shared = sch.cache_read(product, operand, "shared.dyn")
        fragment = sch.cache_read(product, operand, f"mma.matrix_{side}")
        sch.compute_at(fragment, parts.tile)
        sch.compute_at(shared, parts.step)
        fetch(sch, parts, shared, sch.fuse(*sch.get_loops(shared)[-2:]), elements=16)
        tiled(sch, fragment, f"mma_load_16x16x32_s8_{side}{'_trans' * operand}_shared_dyn", columns=32)
    finish(
        sch,
        parts,
        result,
        STAGES,
        store="mma_store_16x16x32_s32_global",
        fill="mma_fill_16x16x32_s32",
        multiply="mma_sync_16x16x32_s8s8s32_trans",
    )
    return sch


def arrays(m: int, n: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(-128, 128, s, np.int8) for s in ((m, k), (n, k))] + [np.zeros((m, n), np.int32)]


def reference(a: np.ndarray, b: np.ndarray, m: int, n: int, k: int) -> np.ndarray:
    return (a.astype("float64") @ b.astype("float64").T).astype("int32")


def work(m: int, n: int, k: int) -> tuple[int, int]:
    return 2 * m * n * k, m * k + k * n + 4 * m * n


if __name__ == "__main__":
    main()
