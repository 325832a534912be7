"""The float32 matrix-vector product."""

import functools

import numpy as np
import peers


def with_numpy(a, x, y, **_):
    """numpy calls its BLAS."""
    return functools.partial(np.matmul, a, x, out=y)


def with_torch(*arrays, **_):
    """torch calls its BLAS."""
    import torch

    a, x, y = peers.torch_tensors(arrays)
    return functools.partial(torch.mv, a, x, out=y)


def with_halide(a, x, y, m, k):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    i, p = hl.Var("i"), hl.RDom([(0, k)])
    matrix, vector = peers.halide_input(a, "matrix"), peers.halide_input(x, "vector")
    product, out = hl.Func("product"), hl.Func("out")
    product[i] += matrix[p, i] * vector[p]
    out[i] = product[i]
    return peers.halide_task(out, [(i, m)], y)


PEERS = {"numpy": with_numpy, "torch": with_torch, "halide": with_halide}
