"""A float32 matrix product without tensor cores, C = A B.

A block of 16 x 16 threads computes a tile of 128 x 128, each thread 8 x 8 of it in registers: four pieces of 4 x 4,
half a tile apart (virtual threads), so that the float4s that the threads of a warp read from shared memory follow
each other and no bank is asked twice. Tiles of A and B of depth 16 are in shared memory twice
(`software_pipeline_*`): the next is fetched while this one is multiplied, which needs one barrier a tile. Rows of A
have 4 floats of padding (`storage_align`): the two rows a warp reads at once lie in other banks. Of A each thread
takes 8 rows by 4 steps of k, of B 8 columns by one, all as float4: 16 loads for 256 multiply-adds.
`min_blocks_per_sm` keeps registers to 128, so that a second block computes while one waits.
"""

import numpy as np
from _cuda import main
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"m": 4096, "n": 4096, "k": 4096},)
SMALL = {"m": 128, "n": 256, "k": 48}
AXES = ("blockIdx.y", "blockIdx.x", "vthread.y", "vthread.x", "threadIdx.y", "threadIdx.x")


def program(m: int, n: int, k: int) -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((m, k), "float32"), B: T.Buffer((k, n), "float32"), C: T.Buffer((m, n), "float32")):
        for i, j, r in T.grid(m, n, k):
            with T.block("C"):
                vi, vj, vr = T.axis.remap("SSR", [i, j, r])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vr] * B[vr, vj]

    return main


def schedule(m: int = 4096, n: int = 4096, k: int = 4096) -> Schedule:
    sch = Schedule(program(m, n, k))
    block = sch.get_block("C")
    result = sch.cache_write(block, 0, "local")
    i, j, r = sch.get_loops(block)
    i0, i1, i2, i3 = sch.split(i, [None, 2, 16, 4])
    j0, j1, j2, j3 = sch.split(j, [None, 2, 16, 4])
    r0, r1, r2 = sch.split(r, [None, 4, 4])
    sch.reorder(i0, j0, i1, j1, i2, j2, r0, r1, r2, i3, j3)
    for loop, axis in zip((i0, j0, i1, j1, i2, j2), AXES):
        sch.bind(loop, axis)
    sch.annotate(i0, "min_blocks_per_sm", 2)
    sch.reverse_compute_at(result, j2, preserve_unit_loops=True)
    sch.vectorize(sch.get_loops(result)[-1])
    for operand, at in ((0, r1), (1, r2)):
        tile = sch.cache_read(block, operand, "shared.dyn")
        registers = sch.cache_read(block, operand, "local")
        sch.compute_at(registers, at, preserve_unit_loops=True)
        sch.vectorize(sch.get_loops(registers)[-1])
        sch.compute_at(tile, r0, preserve_unit_loops=True)
        _, y, x, lanes = sch.split(sch.fuse(*sch.get_loops(tile)[-2:]), [None, 16, 16, 4])
        sch.bind(y, "threadIdx.y")
        sch.bind(x, "threadIdx.x")
        sch.vectorize(lanes)
        if operand == 0:
            sch.storage_align(tile, 0, -2, factor=8, offset=4)
    for loop in (r1, r2, i3, j3):
        sch.unroll(loop)
    sch.decompose_reduction(block, r0)
    sch.annotate(r0, "software_pipeline_stage", [0, 0, 1])
    sch.annotate(r0, "software_pipeline_order", [0, 1, 2])
    sch.annotate(r0, "software_pipeline_async_stages", [0])
    return sch


def arrays(m: int, n: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((m, k), (k, n))
    return [*(rng.standard_normal(s, "float32") for s in shapes), np.zeros((m, n), "float32")]


def reference(a: np.ndarray, b: np.ndarray, **shape: int) -> np.ndarray:
    return a @ b


def work(m: int, n: int, k: int) -> tuple[int, int]:
    return 2 * m * n * k, 4 * (m * k + k * n + m * n)


if __name__ == "__main__":
    main()
