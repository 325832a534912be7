"""A 3 x 3 convolution of an image with many channels, channels first, padded by one pixel."""

import numpy as np
import peers


def with_numpy(image, weight, out, size, stride, **_):
    """A matrix product for each tap."""

    def run():
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        out[...] = 0
        for ky in range(3):
            for kx in range(3):
                moved = padded[:, ky : ky + size : stride, kx : kx + size : stride]
                out[...] += np.tensordot(weight[:, :, ky, kx], moved, 1)

    return run


def with_torch(image, weight, out, stride, **_):
    """torch calls oneDNN."""
    import torch

    a, w, _ = peers.torch_tensors([image[None], weight, out])

    def run():
        with torch.inference_mode():
            return torch.nn.functional.conv2d(a, w, padding=1, stride=stride)

    return run


def with_halide(image, weight, out, channels, size, stride):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    x, y, o = hl.Var("x"), hl.Var("y"), hl.Var("o")
    r = hl.RDom([(0, 3), (0, 3), (0, channels)])
    source, w = peers.halide_input(image, "source"), peers.halide_input(weight, "weight")
    padded = hl.BoundaryConditions.constant_exterior(source, 0.0, [hl.Range(0, size), hl.Range(0, size)])
    product, result = hl.Func("product"), hl.Func("result")
    product[x, y, o] += padded[x * stride + r[0] - 1, y * stride + r[1] - 1, r[2]] * w[r[0], r[1], r[2], o]
    result[x, y, o] = product[x, y, o]
    width = out.shape[2]
    return peers.halide_task(result, [(x, width), (y, width), (o, channels)], out)


PEERS = {"numpy": with_numpy, "torch": with_torch, "halide": with_halide}
