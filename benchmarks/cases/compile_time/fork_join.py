"""What a parallel loop costs beside its work: one with an iteration for each thread, less one with a single iteration.

The loops follow each other at once, so the threads are awake. Each iteration is a chain of dependent multiply-adds,
which no compiler can shorten, and long enough that a thread which comes late shows: the caller would run both chains.
A pool that wakes its threads for the single iteration, too, comes off better than it is.
"""

import statistics
import time

import numpy as np
import peers

N = peers.threads()
CHAIN = 1 << 14
CALLS = 50


def inputs():
    """Where each chain's end is written."""
    return [peers.aligned(np.zeros(N, np.float32))]


def check(ends):
    """The chain x -> x / 2 + 1 tends to 2."""
    np.testing.assert_allclose(ends, 2)


def difference(parallel, serial):
    """A task that times calls of two functions in turns; what it gives is by how much the first takes longer, in ms."""

    def median(function):
        times = []
        for _ in range(CALLS):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        return 1e3 * statistics.median(times)

    return lambda: median(parallel) - median(serial)


def with_tensorir(ends):
    """Ours."""
    import tensorir
    from tensorir import T

    @T.prim_func
    def main(a: T.handle, n: T.int32):
        A = T.match_buffer(a, (n,), "float32")
        for i in T.parallel(n):
            for k in T.serial(CHAIN):
                with T.block("A"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    A[vi] = A[vi] * T.float32(0.5) + T.float32(1)

    function, one = tensorir.build(main, target="llvm"), ends[:1]
    return difference(lambda: function(ends, N), lambda: function(one, 1))


def with_tvm(ends):
    """TVM's thread pool."""
    from tvm.script import tirx as T

    @T.prim_func(s_tir=True)
    def main(a: T.handle):
        n = T.int32()
        A = T.match_buffer(a, (n,), "float32")
        for i in T.parallel(n):
            for k in T.serial(CHAIN):
                with T.sblock("A"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    A[vi] = A[vi] * T.float32(0.5) + T.float32(1)

    return difference(*(peers.tvm_task(main, [array]) for array in (ends, peers.aligned(ends[:1]))))


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm}
