"""The Gaussian error linear unit; numpy has no error function."""

import peers


def with_torch(*arrays, **_):
    """torch's own kernel."""
    import torch

    a, b = peers.torch_tensors(arrays)

    def run():
        with torch.inference_mode():
            torch.ops.aten.gelu.out(a, out=b)

    return run


def with_halide(a, b, m, n):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    x, y = hl.Var("x"), hl.Var("y")
    source, out = peers.halide_input(a, "source"), hl.Func("out")
    value = source[x, y]
    out[x, y] = value * (hl.f32(0.5) + hl.f32(0.5) * hl.erf(value * hl.f32(0.5**0.5)))
    return peers.halide_task(out, [(x, n), (y, m)], b)


PEERS = {"torch": with_torch, "halide": with_halide}
