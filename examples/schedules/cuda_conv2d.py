"""A 2-d convolution, NHWC by HWIO, as a matrix product that is never written out (implicit gemm).

`reindex` and `transform_layout` make the product's matrices of the image and the filter: a row for each output pixel, a
column for each tap and channel. The image's matrix exists only as tiles in shared memory, which threads fetch with the
padding decided element by element. The product is scheduled as in cuda_gemm.py, in tiles of 64 x 64: threads of 4 x 4.
"""

from typing import Any

import numpy as np
from _cuda import main
from tensorir import Schedule, T
from tensorir.tir.function import PrimFunc

SHAPES = ({"size": 56, "channels": 64, "filters": 64, "images": 32},)
SMALL = {"size": 8, "channels": 16, "filters": 64, "images": 1}
AXES = ("blockIdx.y", "blockIdx.x", "threadIdx.y", "threadIdx.x")


def program(size: int, channels: int, filters: int, images: int) -> PrimFunc:
    padded = size + 2

    @T.prim_func
    def main(
        X: T.Buffer((images, size, size, channels), "float32"),
        W: T.Buffer((3, 3, channels, filters), "float32"),
        Y: T.Buffer((images, size, size, filters), "float32"),
    ):
        P = T.alloc_buffer((images, padded, padded, channels), "float32")
        for n, h, w, c in T.grid(images, padded, padded, channels):
            with T.block("P"):
                vn, vh, vw, vc = T.axis.remap("SSSS", [n, h, w, c])
                P[vn, vh, vw, vc] = T.if_then_else(
                    vh >= 1 and vh <= size and vw >= 1 and vw <= size, X[vn, vh - 1, vw - 1, vc], T.float32(0)
                )
        for n, h, w, f, y, x, c in T.grid(images, size, size, filters, 3, 3, channels):
            with T.block("Y"):
                vn, vh, vw, vf, vy, vx, vc = T.axis.remap("SSSSRRR", [n, h, w, f, y, x, c])
                with T.init():
                    Y[vn, vh, vw, vf] = T.float32(0)
                Y[vn, vh, vw, vf] = Y[vn, vh, vw, vf] + P[vn, vh + vy, vw + vx, vc] * W[vy, vx, vc, vf]

    return main


def schedule(size: int = 56, channels: int = 64, filters: int = 64, images: int = 32) -> Schedule:
    def pixel(n: Any, h: Any, w: Any) -> Any:
        return (n * size + h) * size + w

    def tap(y: Any, x: Any, c: Any) -> Any:
        return (y * 3 + x) * channels + c

    sch = Schedule(program(size, channels, filters, images))
    block = sch.get_block("Y")
    tiles = [sch.reindex(block, ("read", 0)), sch.reindex(block, ("read", 1))]
    result = sch.reindex(block, ("write", 0))
    sch.transform_block_layout(block, lambda n, h, w, f, y, x, c: (pixel(n, h, w), f, tap(y, x, c)))
    sch.transform_block_layout(result, lambda n, h, w, f: (pixel(n, h, w), f))
    sch.transform_layout(block, ("read", 0), lambda n, h, w, y, x, c: (pixel(n, h, w), tap(y, x, c)))
    sch.transform_layout(block, ("read", 1), lambda f, y, x, c: (tap(y, x, c), f))
    sch.transform_layout(block, ("write", 0), lambda n, h, w, f: (pixel(n, h, w), f))
    sch.compute_inline("P")
    sch.set_scope(block, 0, "local")
    i, j, r = sch.get_loops(block)
    i0, i1, i2 = sch.split(i, [None, 16, 4])
    j0, j1, j2 = sch.split(j, [None, 16, 4])
    r0, r1 = sch.split(r, [None, 16])
    sch.reorder(i0, j0, i1, j1, r0, r1, i2, j2)
    for loop, axis in zip((i0, j0, i1, j1), AXES):
        sch.bind(loop, axis)
    sch.reverse_compute_at(result, j1)
    for tile in tiles:
        sch.set_scope(tile, 0, "shared")
        sch.compute_at(tile, r0)
        _, y, x = sch.split(sch.fuse(*sch.get_loops(tile)[-2:]), [None, 16, 16])
        sch.bind(y, "threadIdx.y")
        sch.bind(x, "threadIdx.x")
    for loop in (r1, i2, j2):
        sch.unroll(loop)
    sch.decompose_reduction(block, r0)
    return sch


def arrays(size: int, channels: int, filters: int, images: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((images, size, size, channels), (3, 3, channels, filters))
    return [
        *(rng.standard_normal(s, "float32") for s in shapes),
        np.zeros((images, size, size, filters), "float32"),
    ]


def reference(x: np.ndarray, w: np.ndarray, size: int, **shape: int) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [padded[:, i : i + size, j : j + size] @ w[i, j] for i in range(3) for j in range(3)]
    return np.sum(taps, 0)


def work(size: int, channels: int, filters: int, images: int) -> tuple[int, int]:
    pixels = images * size * size
    return 2 * 9 * pixels * channels * filters, 4 * (pixels * (channels + filters) + 9 * channels * filters)


if __name__ == "__main__":
    main()
