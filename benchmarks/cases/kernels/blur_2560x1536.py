"""A 3 x 3 box blur in two separable stages on a float32 image of 2560 x 1536 pixels, borders left out."""

import functools

import numpy as np
import peers

HEIGHT, WIDTH = 1536, 2560
ROWS, LANES = 32, 16


def inputs():
    """The image with a border of one pixel, and the result."""
    (image,) = peers.random((HEIGHT + 2, WIDTH + 2))
    return [image, peers.aligned(np.zeros((HEIGHT, WIDTH), np.float32))]


def check(image, blurred):
    """Against the nine shifted images, in float64."""
    wide = image.astype(np.float64)
    total = sum(wide[dy : dy + HEIGHT, dx : dx + WIDTH] for dy in range(3) for dx in range(3))
    np.testing.assert_allclose(blurred, total / 9, rtol=1e-5)


def schedule(sch, across, down):
    """Recompute the first stage where it is used: rows in parallel, columns in vectors."""
    sch.compute_inline(across)
    y, x = sch.get_loops(down)
    y0, _ = sch.split(y, [None, ROWS])
    _, x1 = sch.split(x, [None, LANES])
    sch.parallel(y0)
    sch.vectorize(x1)


def with_tensorir(*arrays):
    """Ours."""
    import tensorir
    from tensorir import T

    @T.prim_func
    def main(A: T.Buffer((HEIGHT + 2, WIDTH + 2), "float32"), C: T.Buffer((HEIGHT, WIDTH), "float32")):
        B = T.alloc_buffer((HEIGHT + 2, WIDTH), "float32")
        for y, x in T.grid(HEIGHT + 2, WIDTH):
            with T.block("across"):
                vy, vx = T.axis.remap("SS", [y, x])
                B[vy, vx] = A[vy, vx] + A[vy, vx + 1] + A[vy, vx + 2]
        for y, x in T.grid(HEIGHT, WIDTH):
            with T.block("down"):
                vy, vx = T.axis.remap("SS", [y, x])
                C[vy, vx] = (B[vy, vx] + B[vy + 1, vx] + B[vy + 2, vx]) * T.float32(1 / 9)

    sch = tensorir.Schedule(main)
    schedule(sch, sch.get_block("across"), sch.get_block("down"))
    return functools.partial(tensorir.build(sch.mod, target="llvm"), *arrays)


def with_tvm(*arrays):
    """TVM, scheduled alike."""
    from tvm import s_tir
    from tvm.script import tirx as T

    @T.prim_func(s_tir=True)
    def main(A: T.Buffer((HEIGHT + 2, WIDTH + 2), "float32"), C: T.Buffer((HEIGHT, WIDTH), "float32")):
        T.func_attr({"tirx.noalias": True})
        B = T.sblock_alloc_buffer((HEIGHT + 2, WIDTH), "float32")
        for y, x in T.grid(HEIGHT + 2, WIDTH):
            with T.sblock("across"):
                vy, vx = T.axis.remap("SS", [y, x])
                B[vy, vx] = A[vy, vx] + A[vy, vx + 1] + A[vy, vx + 2]
        for y, x in T.grid(HEIGHT, WIDTH):
            with T.sblock("down"):
                vy, vx = T.axis.remap("SS", [y, x])
                C[vy, vx] = (B[vy, vx] + B[vy + 1, vx] + B[vy + 2, vx]) * T.float32(1 / 9)

    sch = s_tir.Schedule(main)
    schedule(sch, sch.get_sblock("across"), sch.get_sblock("down"))
    return peers.tvm_task(sch.mod, arrays)


def with_numpy(image, blurred):
    """Shifted views, with the intermediate allocated once."""
    across = np.empty((HEIGHT + 2, WIDTH), np.float32)

    def run():
        np.add(image[:, :-2], image[:, 1:-1], out=across)
        np.add(across, image[:, 2:], out=across)
        np.add(across[:-2], across[1:-1], out=blurred)
        np.add(blurred, across[2:], out=blurred)
        np.multiply(blurred, np.float32(1 / 9), out=blurred)

    return run


def with_torch(*arrays):
    """Shifted views as well: they are faster than torch's pooling here."""
    import torch

    image, blurred = peers.torch_tensors(arrays)
    across = torch.empty((HEIGHT + 2, WIDTH))

    def run():
        torch.add(image[:, :-2], image[:, 1:-1], out=across)
        across.add_(image[:, 2:])
        torch.add(across[:-2], across[1:-1], out=blurred)
        blurred.add_(across[2:]).mul_(1 / 9)

    return run


def with_halide(image, blurred):
    """Halide with its classic schedule: the first stage slides down inside a strip of rows."""
    import halide as hl

    x, y, yi = hl.Var("x"), hl.Var("y"), hl.Var("yi")
    source = hl.Buffer(image, "source")
    across, down = hl.Func("across"), hl.Func("down")
    across[x, y] = source[x, y] + source[x + 1, y] + source[x + 2, y]
    down[x, y] = (across[x, y] + across[x, y + 1] + across[x, y + 2]) * hl.f32(1 / 9)
    down.bound(x, 0, WIDTH).bound(y, 0, HEIGHT).split(y, y, yi, ROWS).parallel(y).vectorize(x, LANES)
    across.store_at(down, y).compute_at(down, yi).vectorize(x, LANES)
    down.compile_jit()
    return functools.partial(down.realize, hl.Buffer(blurred))


PEERS = {
    "tensorir": with_tensorir,
    "numpy": with_numpy,
    "torch": with_torch,
    "tvm": with_tvm,
    "halide": with_halide,
}
