"""A parallel loop of a few microseconds per thread, called after a pause: do the sleeping threads come in time to help?

Each iteration is a chain of 4096 dependent multiply-adds, which no compiler can shorten.
"""

import time

import numpy as np
import peers

N = peers.threads()
CHAIN = 4096
PAUSE_SECONDS = 1e-3


def inputs():
    """Where each chain's end is written."""
    return [peers.aligned(np.zeros(N, np.float32))]


def check(ends):
    """The chain x -> x / 2 + 1 tends to 2."""
    np.testing.assert_allclose(ends, 2)


def paused(function):
    """A task that lets the threads go to sleep before each call, and times the call alone."""

    def run():
        time.sleep(PAUSE_SECONDS)
        start = time.perf_counter()
        function()
        return 1e3 * (time.perf_counter() - start)

    return run


def with_tensorir(ends):
    """Ours."""
    import tensorir
    from tensorir import T

    @T.prim_func
    def main(A: T.Buffer((N,), "float32")):
        for i in T.parallel(N):
            for k in T.serial(CHAIN):
                with T.block("A"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    A[vi] = A[vi] * T.float32(0.5) + T.float32(1)

    function = tensorir.build(main, target="llvm")
    return paused(lambda: function(ends))


def with_tvm(*arrays):
    """TVM's thread pool."""
    from tvm.script import tirx as T

    @T.prim_func(s_tir=True)
    def main(A: T.Buffer((N,), "float32")):
        for i in T.parallel(N):
            for k in T.serial(CHAIN):
                with T.sblock("A"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    A[vi] = A[vi] * T.float32(0.5) + T.float32(1)

    return paused(peers.tvm_task(main, arrays))


def with_halide(ends):
    """Halide's thread pool."""
    import halide as hl

    x, chain, out = hl.Var("x"), hl.Func("chain"), hl.Func("out")
    k = hl.RDom([(0, CHAIN)])
    chain[x] = hl.f32(0)
    chain[x] = chain[x] * hl.f32(0.5) + hl.f32(1) + hl.f32(0) * k  # an update must mention its reduction domain
    out[x] = chain[x]
    out.bound(x, 0, N).parallel(x)
    chain.compute_at(out, x)
    out.compile_jit()
    buffer = hl.Buffer(ends)
    return paused(lambda: out.realize(buffer))


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm, "halide": with_halide}
