"""`tensorir.build(x, target="cuda-emulator")`: programs as kernels, run on the CPU."""

import gc
from pathlib import Path

import numpy as np
import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.codegen.cuda.emulator import EmulatorError

SAXPY = """
@T.prim_func
def main(a: T.handle, b: T.handle, k: T.float32):
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    for i in T.thread_binding((n + 63) // 64, thread="blockIdx.x"):
        for j in T.thread_binding(64, thread="threadIdx.x"):
            with T.block("B"):
                v = T.axis.spatial(n, i * 64 + j)
                T.where(i * 64 + j < n)
                B[v] = A[v] * k + B[v]
"""

REVERSED = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    S = T.alloc_buffer((64,), "float32", scope="shared")
    for j in T.thread_binding(64, thread="threadIdx.x"):
        S[j] = A[j]
        {barrier}
        B[j] = S[63 - j]
"""


@pytest.mark.parametrize("flags", [(), ("unchecked",)])
@pytest.mark.parametrize("n", [1, 64, 200])
def test_dynamic_shapes(n: int, flags: tuple[str, ...]) -> None:
    func = tensorir.parse(SAXPY)
    mod = tensorir.build(func, "cuda-emulator", flags=flags)
    rng = np.random.default_rng(n)
    a, b = (rng.random(n, dtype="float32") for _ in range(2))
    expected = b.copy()
    interpreter.run(func, a, expected, 2.5)
    mod(a, b, 2.5)
    assert np.array_equal(b, expected)


def test_arguments_are_checked() -> None:
    mod = tensorir.build(tensorir.parse(SAXPY), "cuda-emulator")
    with pytest.raises(tensorir.CallError, match="`B` has shape"):
        mod(np.zeros(4, "float32"), np.zeros(5, "float32"), 1.0)
    with pytest.raises(tensorir.CallError, match="must hold float32"):
        mod(np.zeros(4), np.zeros(4, "float32"), 1.0)


def test_nothing_is_left_over() -> None:
    """The stacks of a launch's threads are two mappings each, of which a process may have some ten thousands."""
    mod = tensorir.build(tensorir.parse(SAXPY), "cuda-emulator", flags=("unchecked",))
    mappings = Path("/proc/self/maps")
    before = len(mappings.read_text().splitlines())
    mod(np.zeros(64, "float32"), np.zeros(64, "float32"), 1.0)
    assert len(mappings.read_text().splitlines()) < before + 64
    libraries = mappings.read_text().count("kernels.so")
    del mod
    gc.collect()
    assert mappings.read_text().count("kernels.so") < libraries


def test_source_is_the_text_that_ran() -> None:
    mod = tensorir.build(tensorir.parse(SAXPY), "cuda-emulator")
    assert "__global__" in mod.source() and mod.source() == mod.source("cuda")


def test_barriers_matter() -> None:
    a, b = np.arange(64, dtype="float32"), np.zeros(64, "float32")
    mod = tensorir.build(tensorir.parse(REVERSED.format(barrier='T.tvm_storage_sync("shared")')), "cuda-emulator")
    mod(a, b)
    assert np.array_equal(b, a[::-1])
    text = mod.source()
    assert text.count("__syncthreads();") == 1
    from tensorir.codegen.cuda.emulator import emulate

    with pytest.raises(EmulatorError, match=r"S\[63\] .* in line"):
        emulate(text.replace("__syncthreads();", "")).launch("main_kernel", (1,), (64,), [a, b])


def test_flags_are_known() -> None:
    with pytest.raises(tensorir.BuildError, match="has no flag '-O3'"):
        tensorir.build(tensorir.parse(SAXPY), "cuda-emulator", flags=["-O3"])


def test_an_access_of_one_thread_in_a_loop_is_not_taken_for_one_of_all() -> None:
    from tensorir.codegen.cuda.emulator import emulate

    text = """extern "C" __global__ void __launch_bounds__(2) main_kernel(const float* X, float* B, int n) {
      const int t = threadIdx.x;
      __shared__ float S[1], C[2];
      if (t == 0) { S[0] = 0.0f; C[0] = X[0]; C[1] = X[1]; }
      for (int k = 0; k < n; ++k) {
        if (t == 0) { S[0] += C[1] * C[1]; }
      }
      __syncthreads();
      B[t] = S[0];
    }
    """
    b = np.zeros(2, "float32")
    emulate(text).launch("main_kernel", (1,), (2,), [np.full(2, 2, "float32"), b, np.int32(5)])
    assert np.array_equal(b, [20, 20])
