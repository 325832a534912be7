"""Every workload bound by `bind_default`: right after every pass, in the emulator, and accepted by NVRTC."""

from __future__ import annotations

import numpy as np
import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.codegen.cuda import nvrtc
from tensorir.script import workloads

from .stages import GPU, arguments, close, every_stage

CASES = {
    "matmul": (9, 7, 10),
    "matmul float16": (8, 8, 8, "float16"),
    "matmul bfloat16": (8, 8, 8, "bfloat16"),
    "matmul int8": (8, 8, 8, "int8", "int32"),
    "matmul_relu": (8, 8, 8),
    "batch_matmul": (2, 5, 4, 3),
    "dense": (5, 7, 9),
    "conv1d_nlc": (1, 8, 3, 4, 3),
    "conv2d_nhwc": (1, 6, 6, 3, 4, 3),
    "conv2d_nchw": (1, 3, 6, 6, 4, 3),
    "softmax": (5, 17),
    "layer_norm": (4, 10),
    "rms_norm": (4, 10),
    "relu": (13, 7),
    "gelu": (7, 9),
    "row_sum": (6, 20),
    "argmax": (6, 20),
    "transpose": (9, 13),
    "attention": (1, 2, 6, 4),
}


def bound(name):
    func = getattr(workloads, name.split()[0])(*CASES[name])
    sch = tensorir.Schedule(func)
    sch.bind_default(max_threads=32)
    return func, sch


@pytest.mark.parametrize("name", CASES)
def test_every_stage(name):
    func, sch = bound(name)
    every_stage(sch.func, func)


@pytest.mark.parametrize("name", CASES)
def test_the_emulator(name):
    func, sch = bound(name)
    arrays = arguments(func)
    want = [a.copy() for a in arrays]
    interpreter.run(func, *want)
    tensorir.build(sch, tensorir.Target("cuda-emulator", arch="sm_90a"))(*arrays)
    close(want, arrays)


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("arch", ["sm_80", "sm_90a"])
@pytest.mark.parametrize("name", CASES)
def test_nvrtc(name, arch):
    _, sch = bound(name)
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
