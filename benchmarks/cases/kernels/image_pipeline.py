"""An image made grey, blurred and sharpened."""

import numpy as np
import peers

GREY = (0.299, 0.587, 0.114)


def with_numpy(image, sharp, height, width):
    """Shifted views, as few arrays as can be."""
    weights = np.asarray(GREY, np.float32)

    def run():
        grey = np.tensordot(weights, image, 1)
        rows = grey[:, :-2] + grey[:, 1:-1]
        rows += grey[:, 2:]
        blur = rows[:-2] + rows[1:-1]
        blur += rows[2:]
        blur *= np.float32(1 / 9)
        np.multiply(grey[1:-1, 1:-1], np.float32(2), out=sharp)
        np.subtract(sharp, blur, out=sharp)
        np.clip(sharp, 0, 1, out=sharp)

    return run


def with_torch(image, sharp, **_):
    """The same with torch."""
    import torch

    source, out = peers.torch_tensors([image, sharp])

    def run():
        grey = source[0] * GREY[0]
        grey.add_(source[1], alpha=GREY[1]).add_(source[2], alpha=GREY[2])
        rows = grey[:, :-2] + grey[:, 1:-1]
        rows.add_(grey[:, 2:])
        blur = rows[:-2] + rows[1:-1]
        blur.add_(rows[2:])
        torch.mul(grey[1:-1, 1:-1], 2, out=out)
        out.sub_(blur, alpha=1 / 9).clamp_(0, 1)

    return run


def with_halide(image, sharp, height, width):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    x, y = hl.Var("x"), hl.Var("y")
    source = peers.halide_input(image, "source")
    grey, rows, blur, out = (hl.Func(name) for name in ("grey", "rows", "blur", "out"))
    grey[x, y] = sum(
        (hl.f32(w) * source[x, y, c] for c, w in enumerate(GREY[1:], 1)), hl.f32(GREY[0]) * source[x, y, 0]
    )
    rows[x, y] = grey[x, y] + grey[x + 1, y] + grey[x + 2, y]
    blur[x, y] = (rows[x, y] + rows[x, y + 1] + rows[x, y + 2]) * hl.f32(1 / 9)
    out[x, y] = hl.clamp(hl.f32(2) * grey[x + 1, y + 1] - blur[x, y], 0.0, 1.0)
    return peers.halide_task(out, [(x, width), (y, height)], sharp)


PEERS = {"numpy": with_numpy, "torch": with_torch, "halide": with_halide}
