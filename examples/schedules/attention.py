"""Scaled dot-product attention of several heads: two matrix products with a softmax between, in one pass.

The scores of a head are a matrix as large as the sequence squared. For 16 queries at a time they are 32 KB, which never
leave the cache: `compute_at` puts the product with the keys, the softmax and the product with the values under one
loop. Both products keep a register block, 8 queries by 32 keys or by 32 numbers of the values, over their whole
reduction (see gemm.py). The keys are packed once a head, turned so that the same number of 32 keys lies side by side,
tile by tile as in transpose.py; the values are read as they are. The softmax divides last, when only 64 numbers a query
are left to be divided. Heads go to the threads.
"""

import numpy as np
import tensorir
from _reduce import lanes_for, reduce_in_lanes
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"heads": 12, "length": 512, "width": 64},)
QUERIES = 16
ROWS, COLUMNS, TILE = 8, 32, 16


def program(heads: int, length: int, width: int) -> tensorir.PrimFunc:
    require_sizes(heads=heads, length=length, width=width)

    @T.prim_func
    def main(
        Q: T.Buffer((heads, length, width), "float32"),
        K: T.Buffer((heads, length, width), "float32"),
        V: T.Buffer((heads, length, width), "float32"),
        out: T.Buffer((heads, length, width), "float32"),
    ):
        score = T.alloc_buffer((heads, length, length), "float32")
        greatest = T.alloc_buffer((heads, length), "float32")
        power = T.alloc_buffer((heads, length, length), "float32")
        total = T.alloc_buffer((heads, length), "float32")
        mixed = T.alloc_buffer((heads, length, width), "float32")
        for h, i, j, d in T.grid(heads, length, length, width):
            with T.block("score"):
                vh, vi, vj, vd = T.axis.remap("SSSR", [h, i, j, d])
                with T.init():
                    score[vh, vi, vj] = T.float32(0)
                score[vh, vi, vj] = score[vh, vi, vj] + Q[vh, vi, vd] * K[vh, vj, vd]
        for h, i, j in T.grid(heads, length, length):
            with T.block("greatest"):
                vh, vi, vj = T.axis.remap("SSR", [h, i, j])
                with T.init():
                    greatest[vh, vi] = T.min_value("float32")
                greatest[vh, vi] = T.max(greatest[vh, vi], score[vh, vi, vj])
        for h, i, j in T.grid(heads, length, length):
            with T.block("power"):
                vh, vi, vj = T.axis.remap("SSS", [h, i, j])
                power[vh, vi, vj] = T.exp((score[vh, vi, vj] - greatest[vh, vi]) * T.float32(width**-0.5))
        for h, i, j in T.grid(heads, length, length):
            with T.block("total"):
                vh, vi, vj = T.axis.remap("SSR", [h, i, j])
                with T.init():
                    total[vh, vi] = T.float32(0)
                total[vh, vi] = total[vh, vi] + power[vh, vi, vj]
        for h, i, d, j in T.grid(heads, length, width, length):
            with T.block("mixed"):
                vh, vi, vd, vj = T.axis.remap("SSSR", [h, i, d, j])
                with T.init():
                    mixed[vh, vi, vd] = T.float32(0)
                mixed[vh, vi, vd] = mixed[vh, vi, vd] + power[vh, vi, vj] * V[vh, vj, vd]
        for h, i, d in T.grid(heads, length, width):
            with T.block("out"):
                vh, vi, vd = T.axis.remap("SSS", [h, i, d])
                out[vh, vi, vd] = mixed[vh, vi, vd] / total[vh, vi]

    return main


def product(sch: Schedule, name: str, m: int, n: int) -> None:
    """Give the product that makes an m x n matrix, its last loops rows, columns and the reduction, register blocks."""
    block = sch.get_block(name)
    *_, i, j, p = sch.get_loops(block)
    rows, row = sch.split(i, [None, min(ROWS, m)])
    panel, lane = sch.split(j, [None, min(COLUMNS, n)])
    sch.reorder(panel, rows, p, row, lane)
    sch.unroll(row)
    sch.vectorize(lane)
    accumulators = sch.cache_write(block, 0, "local")
    sch.reverse_compute_at(accumulators, rows)
    *_, row, lane = sch.get_loops(accumulators)
    sch.unroll(row)
    sch.vectorize(lane)
    sch.decompose_reduction(block, p)


def schedule(heads: int = 12, length: int = 512, width: int = 64) -> Schedule:
    sch = Schedule(program(heads, length, width))
    head, i, d = sch.get_loops("out")
    part, row = sch.split(i, [None, QUERIES])
    sch.parallel(head)
    sch.compute_at("mixed", part, preserve_unit_loops=True)
    reduce_in_lanes(sch, sch.get_block("total"), lanes_for(length), part)
    sch.compute_at("power", part, preserve_unit_loops=True)
    _, lane = sch.split(sch.get_loops("power")[-1], [None, 64])
    sch.vectorize(lane)
    reduce_in_lanes(sch, sch.get_block("greatest"), lanes_for(length), part)
    sch.compute_at("score", part, preserve_unit_loops=True)
    keys = sch.cache_read("score", 1, "global")
    sch.compute_at(keys, head, preserve_unit_loops=True)
    order = lambda h, j, d: (h, j // COLUMNS, d, j % COLUMNS)  # noqa: E731
    sch.transform_layout(keys, ("write", 0), order, assume_injective_transform=True)
    *_, from_j, from_d = sch.get_loops(keys)
    from_block, from_part, from_lane = sch.split(from_j, [None, COLUMNS // TILE, TILE])
    from_tile, from_number = sch.split(from_d, [None, TILE])
    sch.reorder(from_block, from_part, from_tile, from_number, from_lane)
    sch.unroll(from_number)
    sch.vectorize(from_lane)
    fetched = sch.cache_read(keys, 0, "local")
    sch.compute_at(fetched, from_tile)
    *_, row, lane = sch.get_loops(fetched)
    sch.unroll(row)
    sch.vectorize(lane)
    product(sch, "score", length, length)
    product(sch, "mixed", length, width)
    _, lane = sch.split(sch.get_loops("out")[-1], [None, 64])
    sch.vectorize(lane)
    return sch


def arrays(heads: int, length: int, width: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((heads, length, width), np.float32) for _ in range(3)] + [
        np.zeros((heads, length, width), np.float32)
    ]


def reference(q: np.ndarray, k: np.ndarray, v: np.ndarray, **_: int) -> np.ndarray:
    score = q.astype(np.float64) @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2])
    power = np.exp(score - score.max(axis=2, keepdims=True))
    return power @ v / power.sum(axis=2, keepdims=True)


def work(heads: int, length: int, width: int) -> tuple[int, int]:
    return 4 * heads * length**2 * width, 16 * heads * length * width


if __name__ == "__main__":
    main()
