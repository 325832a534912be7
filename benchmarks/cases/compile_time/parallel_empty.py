"""A parallel loop that does next to nothing, an iteration per thread, called again and again: fork, join and call."""

import functools

import numpy as np
import peers

N = peers.threads()


def inputs():
    """What the iterations write."""
    return [peers.aligned(np.zeros(N, np.int32))]


def check(done):
    """Every iteration ran."""
    np.testing.assert_array_equal(done, np.arange(1, N + 1))


def with_tensorir(*arrays):
    """Ours."""
    import tensorir
    from tensorir import T

    @T.prim_func
    def main(A: T.Buffer((N,), "int32")):
        for i in T.parallel(N):
            with T.block("A"):
                vi = T.axis.spatial(N, i)
                A[vi] = vi + 1

    return functools.partial(tensorir.build(main, target="llvm"), *arrays)


def with_tvm(*arrays):
    """TVM's thread pool."""
    from tvm.script import tirx as T

    @T.prim_func(s_tir=True)
    def main(A: T.Buffer((N,), "int32")):
        for i in T.parallel(N):
            with T.sblock("A"):
                vi = T.axis.spatial(N, i)
                A[vi] = vi + 1

    return peers.tvm_task(main, arrays)


def with_halide(done):
    """Halide's thread pool."""
    import halide as hl

    x, out = hl.Var("x"), hl.Func("out")
    out[x] = x + 1
    out.bound(x, 0, N).parallel(x)
    out.compile_jit()
    return functools.partial(out.realize, hl.Buffer(done))


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm, "halide": with_halide}
