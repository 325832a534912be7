"""A 3 x 3 convolution of a float32 image with many channels, channels first in and out.

For each tap and input channel, a vector of output channels takes one number of the image: so 32 output channels and a
run of pixels of a row form a register block as in gemm.py, with the weights as B, and nothing is wasted, whatever the
width. `cache_read` arranges the weights so that a step's 32 lie side by side; the taps' loops stay around the block's,
inside the loop over input channels. The accumulators are a `cache_write`, whose copy out turns them back to channels
first: a store a number, one in 18 of the time. Each thread takes a half of the output channels, packs their weights and
pads what it needs of the image, seven rows at a time, by itself (`compute_at`): so all that it reads again and again is
in its own cache and never in the other thread's. With fewer channels than that the rows go to the threads.
"""

import numpy as np
import tensorir
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = (
    {"channels": 64, "size": 56, "stride": 1},
    {"channels": 64, "size": 56, "stride": 2},
    {"channels": 128, "size": 28, "stride": 1},
    {"channels": 128, "size": 28, "stride": 2},
)
COLUMNS = 32
RUNS = (14, 8, 7)
"""Pixels of a register block, the most first; two vectors of channels for each are accumulators."""
SHARES = 2
"""Into which the output channels are divided."""
PARTS = (7, 8, 6, 5, 4, 3, 2, 1)
"""Rows of the result that are padded and computed together, the best first."""


def program(channels: int, size: int, stride: int) -> tensorir.PrimFunc:
    require_sizes(channels=channels, size=size, stride=stride)
    out_size = (size - 1) // stride + 1

    @T.prim_func
    def main(
        image: T.Buffer((channels, size, size), "float32"),
        weight: T.Buffer((channels, channels, 3, 3), "float32"),
        out: T.Buffer((channels, out_size, out_size), "float32"),
    ):
        padded = T.alloc_buffer((channels, size + 2, size + 2), "float32")
        for c, y, x in T.grid(channels, size + 2, size + 2):
            with T.block("padded"):
                vc, vy, vx = T.axis.remap("SSS", [c, y, x])
                padded[vc, vy, vx] = T.if_then_else(
                    vy >= 1 and vy <= size and vx >= 1 and vx <= size, image[vc, vy - 1, vx - 1], T.float32(0)
                )
        for o, y, x, c, ky, kx in T.grid(channels, out_size, out_size, channels, 3, 3):
            with T.block("out"):
                vo, vy, vx, vc, vky, vkx = T.axis.remap("SSSRRR", [o, y, x, c, ky, kx])
                with T.init():
                    out[vo, vy, vx] = T.float32(0)
                out[vo, vy, vx] = (
                    out[vo, vy, vx] + padded[vc, vy * stride + vky, vx * stride + vkx] * weight[vo, vc, vky, vkx]
                )

    return main


def schedule(channels: int = 64, size: int = 56, stride: int = 1) -> Schedule:
    sch = Schedule(program(channels, size, stride))
    width = (size - 1) // stride + 1
    run = min(RUNS, key=lambda run: (-(-width // run) * run, -run))
    out = sch.get_block("out")
    o, y, x, c, ky, kx = sch.get_loops(out)
    share, group, lane = sch.split(o, [min(SHARES, -(-channels // COLUMNS)), None, COLUMNS])
    step, pixel = sch.split(x, [None, run])
    part, y = sch.split(y, [None, next(rows for rows in PARTS if width % rows == 0)])
    sch.reorder(share, part, y, group, step, c, ky, kx, pixel, lane)
    sch.unroll(pixel)
    sch.vectorize(lane)
    weights = sch.cache_read(out, 1, "global")
    order = lambda o, c, ky, kx: (o // COLUMNS, c, ky, kx, o % COLUMNS)  # noqa: E731
    sch.compute_at(weights, share, preserve_unit_loops=True)
    sch.transform_layout(weights, ("write", 0), order, assume_injective_transform=True)
    *_, from_o, from_c, from_ky, from_kx = sch.get_loops(weights)
    from_group, from_lane = sch.split(from_o, [None, COLUMNS])
    sch.reorder(from_group, from_c, from_ky, from_kx, from_lane)
    sch.vectorize(from_lane)
    accumulators = sch.cache_write(out, 0, "local")
    sch.transform_layout(accumulators, ("read", 0), lambda o, y, x: (y, x, o))
    sch.reverse_compute_at(accumulators, step)
    sch.decompose_reduction(out, c)
    padded = sch.get_block("padded")
    sch.compute_at(padded, part, preserve_unit_loops=True)
    sch.parallel(share if channels > COLUMNS else part)
    _, lane = sch.split(sch.get_loops(padded)[-1], [None, 64])
    sch.vectorize(lane)
    return sch


def arrays(channels: int, size: int, stride: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    out_size = (size - 1) // stride + 1
    return [
        rng.standard_normal((channels, size, size), np.float32),
        rng.standard_normal((channels, channels, 3, 3), np.float32),
        np.zeros((channels, out_size, out_size), np.float32),
    ]


def reference(image: np.ndarray, weight: np.ndarray, stride: int, **_: int) -> np.ndarray:
    size = image.shape[1]
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    taps = ((ky, kx) for ky in range(3) for kx in range(3))
    return sum(
        np.tensordot(weight[:, :, ky, kx], padded[:, ky : ky + size : stride, kx : kx + size : stride], 1)
        for ky, kx in taps
    )


def work(channels: int, size: int, stride: int) -> tuple[int, int]:
    out_size = (size - 1) // stride + 1
    return 18 * channels**2 * out_size**2, 4 * channels * (size**2 + out_size**2 + 9 * channels)


if __name__ == "__main__":
    main()
