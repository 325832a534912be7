"""The float32 matrix product."""

import functools

import numpy as np
import peers


def with_numpy(a, b, c, **_):
    """numpy calls its BLAS."""
    return functools.partial(np.matmul, a, b, out=c)


def with_torch(*arrays, **_):
    """torch calls its BLAS."""
    import torch

    a, b, c = peers.torch_tensors(arrays)
    return functools.partial(torch.mm, a, b, out=c)


def with_halide(a, b, c, m, n, k):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    x, y, p = hl.Var("x"), hl.Var("y"), hl.RDom([(0, k)])
    left, right = peers.halide_input(a, "left"), peers.halide_input(b, "right")
    product, out = hl.Func("product"), hl.Func("out")
    product[x, y] += left[p, y] * right[x, p]
    out[x, y] = product[x, y]
    return peers.halide_task(out, [(x, n), (y, m)], c)


PEERS = {"numpy": with_numpy, "torch": with_torch, "halide": with_halide}
