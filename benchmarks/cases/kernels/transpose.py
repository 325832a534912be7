"""The transpose of a matrix."""

import functools

import numpy as np
import peers


def with_numpy(a, b, **_):
    """A copy of the transposed view."""
    return functools.partial(np.copyto, b, a.T)


def with_torch(*arrays, **_):
    """A copy of the transposed view."""
    a, b = peers.torch_tensors(arrays)
    return functools.partial(b.copy_, a.t())


def with_halide(a, b, m, n):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    x, y = hl.Var("x"), hl.Var("y")
    source, out = peers.halide_input(a, "source"), hl.Func("out")
    out[x, y] = source[y, x]
    return peers.halide_task(out, [(x, m), (y, n)], b)


PEERS = {"numpy": with_numpy, "torch": with_torch, "halide": with_halide}
