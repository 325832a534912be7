"""A photograph made grey, blurred and sharpened, in three stages that never wait for memory.

Grey takes three numbers a pixel, the blur 3 x 3 grey pixels, the sharpening a pixel of both. Stage by stage, both
intermediate images would go to memory and back. `compute_at` has each band of 16 rows of the result computed together
with the rows of grey and blur that it needs: they stay in the second-level cache, at the price of two rows of grey that
two bands compute. The blur is separable, but nine additions from registers are cheaper than another image. Rows are
vectors of 64 pixels; bands go to the threads.
"""

import numpy as np
import tensorir
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"height": 1536, "width": 2560},)
LANES = 64


def program(height: int, width: int) -> tensorir.PrimFunc:
    require_sizes(height=height, width=width)

    @T.prim_func
    def main(
        image: T.Buffer((3, height + 2, width + 2), "float32"),
        sharp: T.Buffer((height, width), "float32"),
    ):
        grey = T.alloc_buffer((height + 2, width + 2), "float32")
        blur = T.alloc_buffer((height, width), "float32")
        for y, x in T.grid(height + 2, width + 2):
            with T.block("grey"):
                vy, vx = T.axis.remap("SS", [y, x])
                grey[vy, vx] = (
                    T.float32(0.299) * image[0, vy, vx]
                    + T.float32(0.587) * image[1, vy, vx]
                    + T.float32(0.114) * image[2, vy, vx]
                )
        for y, x in T.grid(height, width):
            with T.block("blur"):
                vy, vx = T.axis.remap("SS", [y, x])
                blur[vy, vx] = sum(grey[vy + dy, vx + dx] for dy in range(3) for dx in range(3)) * T.float32(1 / 9)
        for y, x in T.grid(height, width):
            with T.block("sharp"):
                vy, vx = T.axis.remap("SS", [y, x])
                sharp[vy, vx] = T.min(
                    T.max(T.float32(2) * grey[vy + 1, vx + 1] - blur[vy, vx], T.float32(0)), T.float32(1)
                )

    return main


def schedule(height: int = 1536, width: int = 2560) -> Schedule:
    sch = Schedule(program(height, width))
    y, x = sch.get_loops("sharp")
    band, _ = sch.split(y, [None, min(height & -height, 16)])
    sch.compute_inline("blur")
    sch.compute_at("grey", band)
    sch.parallel(band)
    for block in ("grey", "sharp"):
        _, lane = sch.split(sch.get_loops(block)[-1], [None, LANES])
        sch.vectorize(lane)
    return sch


def arrays(height: int, width: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((3, height + 2, width + 2), np.float32), np.zeros((height, width), np.float32)]


def reference(image: np.ndarray, **_: int) -> np.ndarray:
    grey = np.tensordot([0.299, 0.587, 0.114], image.astype(np.float64), 1)
    height, width = grey.shape[0] - 2, grey.shape[1] - 2
    blur = sum(grey[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)) / 9
    return np.clip(2 * grey[1:-1, 1:-1] - blur, 0, 1)


def work(height: int, width: int) -> tuple[int, int]:
    return 19 * height * width, 4 * (3 * (height + 2) * (width + 2) + height * width)


if __name__ == "__main__":
    main()
