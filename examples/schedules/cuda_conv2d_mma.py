"""A 2-d convolution of bfloat16 images, NHWC by HWIO, on tensor cores, by a matrix that is never written out.

A row of the product's left matrix is what one output pixel sees, a column one tap and channel; `reindex` and
`transform_layout` make it of the image, as in cuda_conv2d.py, and it exists only as tiles in shared memory. These come
by cp.async, 16 bytes of neighbouring channels at a time, zeros where a tap lies outside of the image, two steps ahead
of the products; they lie permuted, so that ldmatrix meets no bank conflict. The rest is cuda_gemm_mma.py: four warps of
64 by 32 pixels and filters, mma.sync, sums rounded when they are stored.
"""

from typing import Any

import ml_dtypes
import numpy as np
from _cuda import main
from _cuda_mma import divide, fetch, finish, tiled
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"size": 56, "channels": 64, "filters": 64, "images": 32},)
SMALL = {"size": 8, "channels": 32, "filters": 64, "images": 2}
BLOCK = (128, 64, 32)
"""What a block of threads computes at once: pixels, filters, taps and channels of a step."""
WARP = (64, 32)
STAGES = 3


def program(size: int, channels: int, filters: int, images: int) -> PrimFunc:
    padded = size + 2

    @T.prim_func
    def main(
        X: T.Buffer((images, size, size, channels), "bfloat16"),
        W: T.Buffer((3, 3, channels, filters), "bfloat16"),
        Y: T.Buffer((images * size * size, filters), "bfloat16"),
    ):
        P = T.alloc_buffer((images, padded, padded, channels), "bfloat16")
        C = T.alloc_buffer((images * size * size, filters), "float32")
        for n, h, w, c in T.grid(images, padded, padded, channels):
            with T.block("P"):
                vn, vh, vw, vc = T.axis.remap("SSSS", [n, h, w, c])
                P[vn, vh, vw, vc] = T.if_then_else(
                    vh >= 1 and vh <= size and vw >= 1 and vw <= size, X[vn, vh - 1, vw - 1, vc], T.bfloat16(0)
                )
        for p, f, y, x, c in T.grid(images * size * size, filters, 3, 3, channels):
            with T.block("C"):
                vp, vf, vy, vx, vc = T.axis.remap("SSRRR", [p, f, y, x, c])
                with T.init():
                    C[vp, vf] = T.float32(0)
                C[vp, vf] = C[vp, vf] + T.Cast(
                    "float32", P[vp // (size * size), vp // size % size + vy, vp % size + vx, vc]
                ) * T.Cast("float32", W[vy, vx, vc, vf])
        for p, f in T.grid(images * size * size, filters):
            with T.block("Y"):
                vp, vf = T.axis.remap("SS", [p, f])
                Y[vp, vf] = T.Cast("bfloat16", C[vp, vf])

    return main


def schedule(size: int = 56, channels: int = 64, filters: int = 64, images: int = 32) -> Schedule:
    rows, columns, depth = BLOCK
    if images * size * size % rows or filters % columns or channels % depth:
        raise ValueError(
            f"this schedule is for multiples of {rows} pixels, {columns} filters and {depth} channels, not for "
            f"{images * size * size}, {filters} and {channels}"
        )

    def tap(y: Any, x: Any, c: Any) -> Any:
        return (y * 3 + x) * channels + c

    sch = Schedule(program(size, channels, filters, images))
    block, rounded = sch.get_block("C"), sch.get_block("Y")
    tiles = [sch.reindex(block, ("read", 0)), sch.reindex(block, ("read", 1))]
    sch.transform_block_layout(block, lambda p, f, y, x, c: (p, f, tap(y, x, c)))
    sch.transform_layout(block, ("read", 0), lambda p, y, x, c: (p, tap(y, x, c)))
    sch.transform_layout(block, ("read", 1), lambda f, y, x, c: (tap(y, x, c), f))
    sch.compute_inline("P")
    sch.set_scope(block, 0, "mma.accumulator")
    parts = divide(sch, block, BLOCK, WARP, depth=16, axes="xy")
    for operand, (tile, side) in enumerate(zip(tiles, "ab")):
        sch.set_scope(tile, 0, "shared.dyn")
        fragment = sch.cache_read(block, operand, f"mma.matrix_{side}")
        sch.compute_at(fragment, parts.tile)
        sch.compute_at(tile, parts.step)
        across, along = sch.get_loops(tile)[-2:]
        if side == "b":
            sch.reorder(along, across)
            across, along = along, across
        fetch(sch, parts, tile, sch.fuse(across, along), elements=8)
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


def arrays(size: int, channels: int, filters: int, images: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((images, size, size, channels), (3, 3, channels, filters))
    return [
        *(rng.standard_normal(s, np.float32).astype(ml_dtypes.bfloat16) for s in shapes),
        np.zeros((images * size * size, filters), ml_dtypes.bfloat16),
    ]


def reference(x: np.ndarray, w: np.ndarray, size: int, filters: int, **shape: int) -> np.ndarray:
    padded = np.pad(x.astype("float32"), ((0, 0), (1, 1), (1, 1), (0, 0)))
    weights = w.astype("float32")
    taps = [padded[:, i : i + size, j : j + size] @ weights[i, j] for i in range(3) for j in range(3)]
    return np.sum(taps, 0).reshape(-1, filters)


def work(size: int, channels: int, filters: int, images: int) -> tuple[int, int]:
    pixels = images * size * size
    return 2 * 9 * pixels * channels * filters, 2 * (pixels * (channels + filters) + 9 * channels * filters)


if __name__ == "__main__":
    main()
