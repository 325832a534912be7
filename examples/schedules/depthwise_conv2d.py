"""A depthwise 3 x 3 convolution of a float32 image, each channel by itself, at the speed of memory.

Nine multiply-adds an element leave the units idle: the image's way through memory is what takes time. The padded image
is computed into a buffer for one channel (`compute_at` the loop over channels), 50 KB that stay in the cache close to
the thread. A row of results is made 16 at a time from nine vectors loaded, seven such vectors together, whose taps are
unrolled: the accumulators, made by `cache_write`, stay in registers, and the nine weights are broadcast once for all
seven. Channels go to the threads.
"""

import numpy as np
import tensorir
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"channels": 32, "size": 112},)
LANES = 64


def program(channels: int, size: int) -> tensorir.PrimFunc:
    require_sizes(channels=channels, size=size)

    @T.prim_func
    def main(
        image: T.Buffer((channels, size, size), "float32"),
        weight: T.Buffer((channels, 3, 3), "float32"),
        out: T.Buffer((channels, size, size), "float32"),
    ):
        padded = T.alloc_buffer((channels, size + 2, size + 2), "float32")
        for c, y, x in T.grid(channels, size + 2, size + 2):
            with T.block("padded"):
                vc, vy, vx = T.axis.remap("SSS", [c, y, x])
                padded[vc, vy, vx] = T.if_then_else(
                    vy >= 1 and vy <= size and vx >= 1 and vx <= size, image[vc, vy - 1, vx - 1], T.float32(0)
                )
        for c, y, x, ky, kx in T.grid(channels, size, size, 3, 3):
            with T.block("out"):
                vc, vy, vx, vky, vkx = T.axis.remap("SSSRR", [c, y, x, ky, kx])
                with T.init():
                    out[vc, vy, vx] = T.float32(0)
                out[vc, vy, vx] = out[vc, vy, vx] + padded[vc, vy + vky, vx + vkx] * weight[vc, vky, vkx]

    return main


def schedule(channels: int = 32, size: int = 112) -> Schedule:
    sch = Schedule(program(channels, size))
    out = sch.get_block("out")
    c, y, x, ky, kx = sch.get_loops(out)
    step, lane = sch.split(x, [None, LANES])
    sch.reorder(c, y, step, ky, kx, lane)
    sch.parallel(c)
    sch.unroll(ky)
    sch.unroll(kx)
    sch.vectorize(lane)
    accumulators = sch.cache_write(out, 0, "local")
    sch.reverse_compute_at(accumulators, step)
    sch.vectorize(sch.get_loops(accumulators)[-1])
    sch.decompose_reduction(out, ky)
    padded = sch.get_block("padded")
    sch.compute_at(padded, c)
    _, lane = sch.split(sch.get_loops(padded)[-1], [None, LANES])
    sch.vectorize(lane)
    return sch


def arrays(channels: int, size: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        rng.standard_normal((channels, size, size), np.float32),
        rng.standard_normal((channels, 3, 3), np.float32),
        np.zeros((channels, size, size), np.float32),
    ]


def reference(image: np.ndarray, weight: np.ndarray, **_: int) -> np.ndarray:
    size = image.shape[1]
    padded = np.pad(image.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    return sum(
        padded[:, ky : ky + size, kx : kx + size] * weight[:, ky, kx, None, None] for ky in range(3) for kx in range(3)
    )


def work(channels: int, size: int) -> tuple[int, int]:
    return 18 * channels * size * size, 8 * channels * size * size


if __name__ == "__main__":
    main()
