"""Every workload bound by `bind_default`: right after every pass, in the emulator, and accepted by NVRTC."""

from __future__ import annotations

import numpy as np
import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.codegen.cuda import nvrtc

from ...ready_workloads import CASES, NARROW, REGISTRY, Case
from .stages import GPU, arguments, close, every_stage

SMALL = (*(next(case for case in CASES if case.name == name) for name in REGISTRY), *NARROW)
ALL = (*CASES, *NARROW)
ARCHS = ("sm_80", "sm_90a")


def bound(case: Case, threads: int = 32) -> tuple[tensorir.PrimFunc, tensorir.Schedule]:
    func = case.func()
    sch = tensorir.Schedule(func)
    sch.bind_default(max_threads=threads)
    return func, sch


def emulated(case: Case, threads: int = 32) -> None:
    """The emulator gives what the interpreter does, and numpy in double precision."""
    func, sch = bound(case, threads)
    got = arguments(func)
    count = len(got) - (2 if case.name == "argmax" else 1)
    exact = case.results(*got[:count])
    want = [a.copy() for a in got]
    interpreter.run(func, *want)
    tensorir.build(sch, tensorir.Target("cuda-emulator", arch="sm_90a"))(*got)
    close(want, got)
    close([e.astype(g.dtype) for e, g in zip(exact, got[count:])], got[count:], "numpy")


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_every_stage(case: Case) -> None:
    func, sch = bound(case)
    every_stage(sch.func, func)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_the_emulator(case: Case) -> None:
    emulated(case)


@pytest.mark.fuzz
@pytest.mark.parametrize("threads", [3, 64, 256])
@pytest.mark.parametrize("case", ALL, ids=str)
def test_more_shapes_and_threads(case: Case, threads: int) -> None:
    func, sch = bound(case, threads)
    every_stage(sch.func, func)
    emulated(case, threads)


@pytest.mark.skipif(not nvrtc.available(), reason=nvrtc.MISSING)
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("case", SMALL, ids=str)
def test_nvrtc(case: Case, arch: str) -> None:
    compiled(case, arch, 32)


@pytest.mark.fuzz
@pytest.mark.skipif(not nvrtc.available(), reason=nvrtc.MISSING)
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("case", ALL, ids=str)
def test_nvrtc_of_more_shapes(case: Case, arch: str) -> None:
    compiled(case, arch, 256)


def compiled(case: Case, arch: str, threads: int) -> None:
    _, sch = bound(case, threads)
    module = tensorir.build(sch, tensorir.Target("cuda", arch=arch))
    assert module.resources().keys() == module.cuda.kernels.keys()


def test_symbolic_shapes():
    func = tensorir.parse(
        """
@T.prim_func
def main(a: T.handle, b: T.handle):
    m = T.int32()
    n = T.int32()
    A = T.match_buffer(a, (m, n), "float32")
    B = T.match_buffer(b, (m,), "float32")
    for i, k in T.grid(m, n):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]
"""
    )
    sch = tensorir.Schedule(func)
    sch.bind_default(max_threads=32)
    module = tensorir.build(sch, "cuda-emulator")
    for m, n in ((1, 1), (32, 5), (100, 3)):
        a, b = np.random.default_rng(m).standard_normal((m, n), "float32"), np.zeros(m, "float32")
        module(a, b)
        np.testing.assert_allclose(b, a.sum(1), 1e-5, 1e-5)
    if nvrtc.available():
        assert tensorir.build(sch, GPU).resources()
