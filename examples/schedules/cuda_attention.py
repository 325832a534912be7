"""Scaled dot-product attention of bfloat16 heads on tensor cores, in one kernel that never writes the scores.

The program is the online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): a warp's 32 queries
meet a few keys at a time, and where a greater score appears, what was summed before is scaled down. Scores, powers and
sums are matrices in registers, laid out as mma.sync leaves them: `held` says which dimensions number the lanes, 8 by 4
threads, so that all arithmetic on them is loops bound to threads, and a row's greatest score is a reduction across
four. The powers, rounded, have the layout of the second product's left operand already. Keys and values come by
cp.async, one step ahead, to shared memory that is permuted against bank conflicts.
"""

from typing import Any

import ml_dtypes
import numpy as np
from _cuda import main
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"heads": 16, "length": 4096, "width": 128},)
SMALL = {"heads": 1, "length": 256, "width": 64}
WARPS, QUERIES = 4, 32
"""Warps of a block, queries of a warp."""
KEYS = {64: 64, 128: 32}
"""Keys of a step, by the width of a head: what the registers of a thread leave room for."""
STAGES = 2
"""Steps whose keys and values are in shared memory at once."""


def program(heads: int, length: int, width: int) -> PrimFunc:
    keys = KEYS[width]
    scale = float(width**-0.5 * np.log2(np.e))

    @T.prim_func
    def main(
        Q: T.Buffer((heads, length, width), "bfloat16"),
        K: T.Buffer((heads, length, width), "bfloat16"),
        V: T.Buffer((heads, length, width), "bfloat16"),
        out: T.Buffer((heads, length, width), "bfloat16"),
    ):
        for h, group in T.grid(heads, length // QUERIES):
            with T.block("group"):
                vh, vg = T.axis.remap("SS", [h, group])
                mixed = T.alloc_buffer((QUERIES, width), "float32", scope="local")
                greatest = T.alloc_buffer((QUERIES,), "float32", scope="local")
                total = T.alloc_buffer((QUERIES,), "float32", scope="local")
                for i in range(QUERIES):
                    with T.block("start"):
                        vi = T.axis.spatial(QUERIES, i)
                        greatest[vi] = T.min_value("float32")
                        total[vi] = T.float32(0)
                for i, d in T.grid(QUERIES, width):
                    with T.block("mixed_init"):
                        vi, vd = T.axis.remap("SS", [i, d])
                        mixed[vi, vd] = T.float32(0)
                for step in range(length // keys):
                    with T.block("step"):
                        vs = T.axis.opaque(length // keys, step)
                        score = T.alloc_buffer((QUERIES, keys), "float32", scope="local")
                        highest = T.alloc_buffer((QUERIES,), "float32", scope="local")
                        shrink = T.alloc_buffer((QUERIES,), "float32", scope="local")
                        power = T.alloc_buffer((QUERIES, keys), "float32", scope="local")
                        rounded = T.alloc_buffer((QUERIES, keys), "bfloat16", scope="local")
                        gained = T.alloc_buffer((QUERIES,), "float32", scope="local")
                        for tile, i, j, d in T.grid(width // 16, QUERIES, keys, 16):
                            with T.block("score"):
                                vi, vj = T.axis.remap("SS", [i, j])
                                vd = T.axis.reduce(width, tile * 16 + d)
                                with T.init():
                                    score[vi, vj] = T.float32(0)
                                score[vi, vj] = score[vi, vj] + T.Cast(
                                    "float32", Q[vh, vg * QUERIES + vi, vd]
                                ) * T.Cast("float32", K[vh, vs * keys + vj, vd])
                        for i, j in T.grid(QUERIES, keys):
                            with T.block("highest"):
                                vi, vj = T.axis.remap("SR", [i, j])
                                with T.init():
                                    highest[vi] = T.min_value("float32")
                                highest[vi] = T.max(highest[vi], score[vi, vj])
                        for i in range(QUERIES):
                            with T.block("shrink"):
                                vi = T.axis.spatial(QUERIES, i)
                                highest[vi] = T.max(highest[vi] * T.float32(scale), greatest[vi])
                                shrink[vi] = T.exp2(greatest[vi] - highest[vi])
                                greatest[vi] = highest[vi]
                        for i, j in T.grid(QUERIES, keys):
                            with T.block("power"):
                                vi, vj = T.axis.remap("SS", [i, j])
                                power[vi, vj] = T.exp2(score[vi, vj] * T.float32(scale) - greatest[vi])
                        for i, j in T.grid(QUERIES, keys):
                            with T.block("gained"):
                                vi, vj = T.axis.remap("SR", [i, j])
                                with T.init():
                                    gained[vi] = T.float32(0)
                                gained[vi] = gained[vi] + power[vi, vj]
                        for i, j in T.grid(QUERIES, keys):
                            with T.block("rounded"):
                                vi, vj = T.axis.remap("SS", [i, j])
                                rounded[vi, vj] = T.Cast("bfloat16", power[vi, vj])
                        for i in range(QUERIES):
                            with T.block("total"):
                                vi = T.axis.spatial(QUERIES, i)
                                total[vi] = total[vi] * shrink[vi] + gained[vi]
                        for i, d in T.grid(QUERIES, width):
                            with T.block("shrunk"):
                                vi, vd = T.axis.remap("SS", [i, d])
                                mixed[vi, vd] = mixed[vi, vd] * shrink[vi]
                        for tile, i, d, j in T.grid(keys // 16, QUERIES, width, 16):
                            with T.block("mixed"):
                                vi, vd = T.axis.remap("SS", [i, d])
                                vj = T.axis.reduce(keys, tile * 16 + j)
                                mixed[vi, vd] = mixed[vi, vd] + T.Cast("float32", rounded[vi, vj]) * T.Cast(
                                    "float32", V[vh, vs * keys + vj, vd]
                                )
                for i, d in T.grid(QUERIES, width):
                    with T.block("out"):
                        vi, vd = T.axis.remap("SS", [i, d])
                        out[vh, vg * QUERIES + vi, vd] = T.Cast("bfloat16", mixed[vi, vd] / total[vi])

    return main


def held(i: Any, j: Any) -> tuple[Any, ...]:
    """Where a matrix's element is held: in which tile, by which lane, at which place."""
    return i // 16, j // 16, i % 8, j % 8 // 2, j % 16 // 8, i % 16 // 8, j % 2


def held_by_columns(k: Any, n: Any) -> tuple[Any, ...]:
    """Where an element of a right operand is held."""
    return k // 16, n // 16, n % 8, k % 8 // 2, n % 16 // 8, k % 16 // 8, k % 2


def in_head(layout: Any) -> Any:
    """The layout of a matrix of one of several heads."""
    return lambda h, i, j: (h, *layout(i, j))


def schedule(heads: int = 16, length: int = 4096, width: int = 128) -> Schedule:
    if width not in KEYS or length % (WARPS * QUERIES):
        raise ValueError(
            f"this schedule is for heads that are 64 or 128 wide and lengths that are multiples of {WARPS * QUERIES}, "
            f"not {length} by {width}"
        )
    sch = Schedule(program(heads, length, width))
    head, group = sch.get_loops("group")
    block, warp = sch.split(group, [None, WARPS])
    for loop, axis in ((head, "blockIdx.y"), (block, "blockIdx.x"), (warp, "threadIdx.z")):
        sch.bind(loop, axis)
    for name in ("score", "power", "rounded", "mixed_init"):
        sch.transform_layout(name, ("write", 0), held)
    queries = sch.cache_read("group", 0, "shared.dyn")
    sch.compute_at(queries, block)
    copied(sch, queries)
    product(sch, "score", {0: (held, "a"), 1: (lambda j, d: held_by_columns(d, j), "b_trans")})
    product(sch, "mixed", {2: (held_by_columns, "b")})
    for name in ("power", "rounded", "mixed_init", "score_init", "shrunk", "out"):
        by_lanes(sch, name)
    for name in ("highest", "gained"):
        *_, i, j = sch.get_loops(name)
        half_i, row = sch.split(i, [None, 8])
        tile_j, column, pair = sch.split(j, [None, 4, 2])
        sch.reorder(row, half_i, column, tile_j, pair)
        sch.bind(row, "threadIdx.y")
        sch.bind(column, "threadIdx.x")
    for name in ("start", "shrink", "total"):
        half, row = sch.split(sch.get_loops(name)[-1], [None, 8])
        sch.reorder(row, half)
        sch.bind(row, "threadIdx.y")
    steps = sch.get_loops("step")[-1]
    # Two copies and ten statements of arithmetic.
    sch.annotate(steps, "software_pipeline_stage", [0] * 2 + [STAGES - 1] * 10)
    sch.annotate(steps, "software_pipeline_order", list(range(12)))
    sch.annotate(steps, "software_pipeline_async_stages", [0])
    return sch


def product(sch: Schedule, name: str, operands: dict[int, Any]) -> None:
    """Let tensor cores multiply 16 by 16 by 16 numbers at a time, some operands coming from shared memory."""
    block = sch.get_block(name)
    step, i, j, _ = sch.get_loops(block)[-4:]
    tile_i, in_i = sch.split(i, [None, 16])
    tiles_j, tile_j, in_j = sch.split(j, [None, 2, 16])
    sch.reorder(tiles_j, tile_j, tile_i, in_i, in_j)
    for operand, (layout, side) in operands.items():
        if operand:
            copied(sch, sch.cache_read(block, operand, "shared.dyn"))
        fragment = sch.cache_read(block, operand, "local")
        sch.compute_at(fragment, tiles_j if operand else step)
        sch.transform_layout(fragment, ("write", 0), in_head(layout))
        *_, rows, columns = sch.get_loops(fragment)
        (rows, in_rows), (columns, in_columns) = sch.split(rows, [None, 16]), sch.split(columns, [None, 16])
        sch.reorder(rows, columns, in_rows, in_columns)
        sch.tensorize(in_rows, f"lanes_load_16x16x16_bf16_{side}_shared_dyn")
    if name == "score":
        sch.decompose_reduction(block, step)
    sch.tensorize(in_i, "lanes_sync_16x16x16_bf16bf16f32")


def copied(sch: Schedule, block: Any) -> None:
    """Let all threads of the block copy an operand to shared memory, 16 bytes at a time."""
    fused = sch.fuse(*sch.get_loops(block)[-2:])
    _, *threads, vector = sch.split(fused, [None, WARPS, 8, 4, 8])
    for loop, axis in zip(threads, "zyx"):
        sch.bind(loop, f"threadIdx.{axis}")
    sch.vectorize(vector)
    sch.annotate(block, "permuted_layout", True)


def by_lanes(sch: Schedule, name: str) -> None:
    """Let the lanes that hold a matrix's elements compute them."""
    i, j = sch.get_loops(name)[-2:]
    tile_i, half_i, row = sch.split(i, [None, 2, 8])
    tile_j, half_j, column, pair = sch.split(j, [None, 2, 4, 2])
    sch.reorder(row, column, tile_i, tile_j, half_j, half_i, pair)
    sch.bind(row, "threadIdx.y")
    sch.bind(column, "threadIdx.x")
    if name in ("rounded", "out"):
        sch.vectorize(pair)


def arrays(heads: int, length: int, width: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((heads, length, width), np.float32).astype(ml_dtypes.bfloat16) for _ in range(3))
    return [q, k, v, np.zeros((heads, length, width), ml_dtypes.bfloat16)]


def reference(q: np.ndarray, k: np.ndarray, v: np.ndarray, width: int, **shape: int) -> np.ndarray:
    q, k, v = (x.astype("float32") for x in (q, k, v))
    out = np.empty_like(q)
    for h in range(len(q)):
        score = q[h] @ k[h].T * np.float32(width**-0.5)
        power = np.exp(score - score.max(1, keepdims=True))
        out[h] = power @ v[h] / power.sum(1, keepdims=True)
    return out


def work(heads: int, length: int, width: int) -> tuple[int, int]:
    return 4 * heads * length * length * width, 4 * 2 * heads * length * width


if __name__ == "__main__":
    main()
