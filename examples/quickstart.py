"""The whole way through: write two programs as blocks, schedule them, build, run, verify, time them; tune a third.

Run it by `make demo`, or `python examples/quickstart.py [OUTPUT_FOLDER]`.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorir
from PIL import Image
from scipy import ndimage, special
from sklearn.datasets import load_sample_image
from tensorir import Schedule, T
from tensorir.script import workloads

N = 1024


@T.prim_func
def matmul(A: T.Buffer((N, N), "float32"), B: T.Buffer((N, N), "float32"), C: T.Buffer((N, N), "float32")):
    for i, j, k in T.grid(N, N, N):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


def schedule_matmul() -> Schedule:
    """Tiles of 4 by 64 stay in vector registers while k runs; the columns of tiles go to the threads."""
    sch = Schedule(matmul)
    block = sch.get_block("C")
    i, j, k = sch.get_loops(block)
    i_tile, i_row = sch.split(i, [None, 4])
    j_tile, j_lane = sch.split(j, [None, 64])
    sch.reorder(j_tile, i_tile, k, i_row, j_lane)
    sch.parallel(j_tile)
    sch.unroll(i_row)
    sch.vectorize(j_lane)
    sch.decompose_reduction(block, k)
    return sch


HEIGHT, WIDTH = 427, 640 * 3
WEIGHTS = [0.06136, 0.24477, 0.38774, 0.24477, 0.06136]


@T.prim_func
def blur(A: T.Buffer((HEIGHT, WIDTH), "float32"), C: T.Buffer((HEIGHT, WIDTH - 12), "float32")):
    B = T.alloc_buffer((HEIGHT, WIDTH), "float32")
    for i, j in T.grid(HEIGHT, WIDTH):
        with T.block("rows"):
            y, x = T.axis.remap("SS", [i, j])
            B[y, x] = sum(T.float32(WEIGHTS[k]) * A[T.min(T.max(y + k - 2, 0), HEIGHT - 1), x] for k in range(5))
    for i, j in T.grid(HEIGHT, WIDTH - 12):
        with T.block("columns"):
            y, x = T.axis.remap("SS", [i, j])
            C[y, x] = sum(T.float32(WEIGHTS[k]) * B[y, x + 3 * k] for k in range(5))


def schedule_blur() -> Schedule:
    """Each thread blurs bands of rows; a band's first stage is computed just before its second, still in the cache."""
    sch = Schedule(blur)
    i, j = sch.get_loops("columns")
    band, row = sch.split(i, [None, 8])
    sch.compute_at("rows", row)
    sch.parallel(band)
    for block in ("rows", "columns"):
        *_, column = sch.get_loops(block)
        _, lane = sch.split(column, [None, 64])
        sch.vectorize(lane)
    return sch


def milliseconds(run: Callable[[], object], repeats: int = 15) -> float:
    """The median time of `run`."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2] * 1e3


def demo_matmul() -> None:
    """Schedule, build, check and time the matrix product."""
    print(f"matmul, {N} x {N} x {N}, float32")
    sch = schedule_matmul()
    print(f"  scheduled in {len(sch.trace)} steps; the program now:\n")
    print("\n".join("    " + line for line in sch.func.script().splitlines()), end="\n\n")
    start = time.perf_counter()
    kernel = tensorir.build(sch.mod, target="llvm")
    print(f"  built for this machine in {(time.perf_counter() - start) * 1e3:.0f} ms")
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((N, N), dtype=np.float32) for _ in range(2))
    c = np.full((N, N), np.nan, np.float32)
    kernel(a, b, c)
    expected = a @ b
    np.testing.assert_allclose(c, expected, rtol=1e-3, atol=1e-3)
    print(f"  equal to numpy's product (greatest difference {np.abs(c - expected).max():.1e})")
    ours, theirs = milliseconds(lambda: kernel(a, b, c)), milliseconds(lambda: np.matmul(a, b, out=c))
    print(f"  {ours:6.2f} ms, {2 * N**3 / ours / 1e6:4.0f} GFLOP/s")
    print(f"  {theirs:6.2f} ms, {2 * N**3 / theirs / 1e6:4.0f} GFLOP/s: numpy ({theirs / ours:.2f}x)\n")


def demo_blur(folder: Path) -> None:
    """Blur a photograph in two stages, check it against scipy, and write it to a PNG."""
    photo = load_sample_image("china.jpg")
    print(f"blur, 5 x 5 Gaussian in two stages, on a photograph of {photo.shape[1]} x {photo.shape[0]}")
    sch = schedule_blur()
    sch.verify(trials=1)
    print(f"  scheduled in {len(sch.trace)} steps; verified against the unscheduled program on random inputs")
    kernel = tensorir.build(sch.mod, target="llvm")
    image = np.ascontiguousarray(photo.reshape(HEIGHT, WIDTH).astype(np.float32))
    out = np.full((HEIGHT, WIDTH - 12), np.nan, np.float32)
    kernel(image, out)
    expected = reference_blur(image)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-3)
    print(f"  equal to scipy's (greatest difference {np.abs(out - expected).max():.1e} of 255)")
    ours, theirs = milliseconds(lambda: kernel(image, out)), milliseconds(lambda: reference_blur(image))
    print(f"  {ours:6.3f} ms\n  {theirs:6.3f} ms: scipy ({theirs / ours:.0f}x)")
    folder.mkdir(parents=True, exist_ok=True)
    pixels = out.round().clip(0, 255).astype(np.uint8).reshape(HEIGHT, -1, 3)
    Image.fromarray(photo).save(folder / "photo.png")
    Image.fromarray(pixels).save(folder / "blurred.png")
    print(f"  written to {folder / 'blurred.png'} (the photograph as it was: {folder / 'photo.png'})\n")


def demo_tune(seconds: float = 12.0) -> None:
    """Let the tuner schedule a softmax, and compare it with scipy's."""
    rows = columns = 1024
    program = workloads.softmax(rows, columns)
    print(f"softmax, {rows} x {columns}, float32, scheduled by the tuner in {seconds:.0f} s")
    result = tensorir.tune(program, seconds=seconds)
    print("\n".join("  " + line for line in result.report.splitlines()))
    kernel = tensorir.build(result.module)
    x = np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)
    y = np.full_like(x, np.nan)
    kernel(x, y)
    np.testing.assert_allclose(y, special.softmax(x, axis=1), rtol=1e-4, atol=1e-6)
    ours, theirs = milliseconds(lambda: kernel(x, y)), milliseconds(lambda: special.softmax(x, axis=1))
    print(f"  {ours:6.3f} ms\n  {theirs:6.3f} ms: scipy ({theirs / ours:.0f}x)\n")


def reference_blur(image: np.ndarray) -> np.ndarray:
    """The same blur by scipy: rows with the edge repeated, then columns, whose margin of two pixels is cut off."""
    rows = ndimage.correlate1d(image, WEIGHTS, axis=0, mode="nearest")
    pixels = rows.reshape(HEIGHT, -1, 3)
    return ndimage.correlate1d(pixels, WEIGHTS, axis=1)[:, 2:-2].reshape(HEIGHT, -1)


def main() -> None:
    """Run the demonstrations."""
    demo_matmul()
    demo_blur(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
    demo_tune()


if __name__ == "__main__":
    main()
