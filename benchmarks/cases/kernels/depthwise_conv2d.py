"""A 3 x 3 convolution of each channel by itself, padded by one pixel."""

import numpy as np
import peers


def with_numpy(image, weight, out, size, **_):
    """Nine products of shifted images."""

    def run():
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        out[...] = 0
        for ky in range(3):
            for kx in range(3):
                out[...] += padded[:, ky : ky + size, kx : kx + size] * weight[:, ky, kx, None, None]

    return run


def with_torch(image, weight, out, channels, **_):
    """torch calls oneDNN."""
    import torch

    a, w, _ = peers.torch_tensors([image[None], weight[:, None], out])

    def run():
        with torch.inference_mode():
            return torch.nn.functional.conv2d(a, w, padding=1, groups=channels)

    return run


def with_halide(image, weight, out, channels, size):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
    source, w = peers.halide_input(image, "source"), peers.halide_input(weight, "weight")
    padded = hl.BoundaryConditions.constant_exterior(source, 0.0, [hl.Range(0, size), hl.Range(0, size)])
    result = hl.Func("result")
    taps = [padded[x + kx - 1, y + ky - 1, c] * w[kx, ky, c] for ky in range(3) for kx in range(3)]
    result[x, y, c] = sum(taps[1:], taps[0])
    return peers.halide_task(result, [(x, size), (y, size), (c, channels)], out)


PEERS = {"numpy": with_numpy, "torch": with_torch, "halide": with_halide}
