"""One kernel in a peer's process: its arguments read, the peer's way of computing it made, run once and checked.

A case is a file of `cases/kernels`, called like the example it is about, with `PEERS`: a maker by peer, which takes the
arrays, the result's last, and the shape by name, and gives a task. A task writes the result, or gives it back.
`WITHOUT` names compilers that cannot take the program. We and TVM run the same scheduled program; "peak" is how long
the machine would take that did nothing but multiply and add, or nothing but copy as many bytes, whichever is longer.
"""

import functools
import json
import time
from pathlib import Path

import numpy as np
import peers

LEAST_OPERATIONS = 1 << 24
"""Fewer than these are too short to time; they take a tenth of a millisecond."""


def load(peer, case, shape, folder):
    """(task, arrays, {"build_ms": ...} for compilers) of `peer`; (None, [], {}) when the case has nothing for it."""
    maker = COMPILERS.get(peer) or case.PEERS.get(peer)
    if maker is None or peer in getattr(case, "WITHOUT", ()):
        return None, [], {}
    stored = np.load(Path(folder) / "arrays.npz")
    arrays = [peers.aligned(stored[str(i)]) for i in range(len(stored.files) - 1)]
    facts = {}
    if peer in COMPILERS:
        task = maker(arrays, Path(folder), facts)
    else:
        task = maker(*arrays, **shape)
    got = task()
    if peer != "peak":
        check(arrays[-1] if got is None else np.asarray(got).reshape(arrays[-1].shape), stored["expected"])
    return task, arrays, facts


def check(got, expected):
    """Integers agree exactly, floats within 1e-4 of the greatest magnitude."""
    if got.dtype.kind in "iu":
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * float(np.abs(expected).max()))


def timed_build(build, facts):
    """What `build` gives; how long it takes is noted the second time, as the first sets a process up for all others."""
    build()
    start = time.perf_counter()
    built = build()
    facts["build_ms"] = 1e3 * (time.perf_counter() - start)
    return built


def with_tensorir(arrays, folder, facts):
    """Ours."""
    import tensorir

    program = tensorir.parse((folder / "program.py").read_text())
    return functools.partial(timed_build(lambda: tensorir.build(program, target="llvm")["main"], facts), *arrays)


def with_tvm(arrays, folder, facts):
    """The same program built by TVM."""
    import tvm
    from tvm.script import from_source

    program = tvm.IRModule({"main": from_source((folder / "program_tvm.py").read_text())})
    return timed_build(lambda: peers.tvm_task(program, arrays), facts)


def with_peak(_arrays, folder, _facts):
    """The longer of two times: to multiply and add as often as the kernel does, and to copy as many bytes."""
    work = json.loads((folder / "work.json").read_text())
    compute, copy = multiply_add_task(work["operations"]), copy_task(work["bytes"])
    return compute if min(compute() for _ in range(20)) > min(copy() for _ in range(20)) else copy


def multiply_add_task(operations):
    """A task that says how many milliseconds so many float32 operations take, by doing them.

    It does 16 vectors at a time, which covers any latency. It takes as long as the kernel would at best: a shorter one
    would not see how far the processor can keep its clock up, nor what interrupts cost.
    """
    import tensorir
    from tensorir import T

    threads = peers.threads()
    steps = -(-max(operations, LEAST_OPERATIONS) // (2 * 16 * 16 * threads))

    @T.prim_func
    def main(A: T.Buffer((threads, 16, 16), "float32")):
        for t in T.parallel(threads):
            with T.block("t"):
                vt = T.axis.spatial(threads, t)
                sums = T.alloc_buffer((16, 16), "float32", scope="local")
                for i in T.unroll(16):
                    for l in T.vectorized(16):
                        sums[i, l] = A[vt, i, l]
                for _ in range(steps):
                    for i in T.unroll(16):
                        for l in T.vectorized(16):
                            sums[i, l] = sums[i, l] * T.float32(0.5) + T.float32(1)
                for i in T.unroll(16):
                    for l in T.vectorized(16):
                        A[vt, i, l] = sums[i, l]

    run = tensorir.build(main)["main"]
    array = peers.aligned(np.zeros((threads, 16, 16), np.float32))
    done = 2 * 16 * 16 * steps * threads

    def task():
        start = time.perf_counter()
        run(array)
        return 1e3 * (time.perf_counter() - start) * operations / done

    return task


def copy_task(size):
    """A task that copies half of `size` bytes, so that it reads and writes `size`, and says how many milliseconds."""
    import tensorir
    from tensorir import T

    rows = max(1, size // (2 * 4 * 1024))

    @T.prim_func
    def main(A: T.Buffer((rows, 1024), "float32"), B: T.Buffer((rows, 1024), "float32")):
        for i in T.parallel(rows):
            for j in T.vectorized(1024):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj]

    run = tensorir.build(main)["main"]
    source, target = (peers.aligned(np.zeros((rows, 1024), np.float32)) for _ in range(2))

    def task():
        start = time.perf_counter()
        run(source, target)
        return 1e3 * (time.perf_counter() - start)

    return task


COMPILERS = {"tensorir": with_tensorir, "tvm": with_tvm, "peak": with_peak}
