"""A call on three numpy arrays of sixteen elements: what stands between Python and the kernel."""

import functools

import numpy as np
import peers

N = 16


def inputs():
    """a, b, and their sum."""
    a, b = peers.random(N, N)
    return [a, b, peers.aligned(np.zeros(N, np.float32))]


def check(a, b, c):
    """One addition each."""
    np.testing.assert_array_equal(c, a + b)


def with_tensorir(*arrays):
    """On the numpy arrays themselves."""
    import tensorir
    from tensorir import T

    @T.prim_func
    def main(A: T.Buffer((N,), "float32"), B: T.Buffer((N,), "float32"), C: T.Buffer((N,), "float32")):
        for i in T.serial(N):
            with T.block("C"):
                vi = T.axis.spatial(N, i)
                C[vi] = A[vi] + B[vi]

    return functools.partial(tensorir.build(main, target="llvm"), *arrays)


def with_tvm(*arrays):
    """On the numpy arrays themselves, which it takes through DLPack."""
    import tvm
    from tvm.script import tirx as T

    @T.prim_func(s_tir=True)
    def main(A: T.Buffer((N,), "float32"), B: T.Buffer((N,), "float32"), C: T.Buffer((N,), "float32")):
        for i in range(N):
            with T.sblock("C"):
                vi = T.axis.spatial(N, i)
                C[vi] = A[vi] + B[vi]

    return functools.partial(tvm.compile(main, target=peers.tvm_target())["main"], *arrays)


def with_numpy(a, b, c):
    """The ufunc."""
    return functools.partial(np.add, a, b, c)


def with_torch(*arrays):
    """On torch's own tensors."""
    import torch

    a, b, c = peers.torch_tensors(arrays)
    return functools.partial(torch.add, a, b, out=c)


def with_halide(a, b, c):
    """`realize` into a buffer made before; the inputs are part of the pipeline."""
    import halide as hl

    x, out = hl.Var("x"), hl.Func("out")
    out[x] = hl.Buffer(a)[x] + hl.Buffer(b)[x]
    out.compile_jit()
    return functools.partial(out.realize, hl.Buffer(c))


PEERS = {
    "tensorir": with_tensorir,
    "numpy": with_numpy,
    "torch": with_torch,
    "tvm": with_tvm,
    "halide": with_halide,
}
