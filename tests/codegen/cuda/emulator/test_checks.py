"""What the emulator must report, each with a twin that differs in one thing and is fine."""

import ctypes
import re
from functools import cache

import numpy as np
import pytest
from tensorir.codegen.cuda.emulator import EmulatorError, Program, emulate
from tensorir.codegen.cuda.emulator.program import Region

# Each kernel reads 64 floats, and a block writes 64, from B on; BAD is what makes it wrong. G is the first block's B.
TEXT = """
KERNEL missing_barrier(const float* A, float* B) {
  __shared__ float X[64];
  X[63 - threadIdx.x] = A[threadIdx.x];
  if (!BAD) __syncthreads();
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL write_after_read(const float* A, float* B) {
  __shared__ float X[64];
  X[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  float v = X[63 - threadIdx.x];
  if (!BAD) __syncthreads();
  X[threadIdx.x] = v;
  __syncthreads();
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL write_after_many_reads(const float* A, float* B) {
  __shared__ float X[64];
  X[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  float v = X[0] + X[1];
  if (!BAD) __syncthreads();
  if (threadIdx.x == 63) X[1] = v;
  B[threadIdx.x] = v;
}
KERNEL write_after_one_read(const float* A, float* B) {
  __shared__ float X[64];
  X[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  if (threadIdx.x > 60) B[threadIdx.x] = X[0];
  if (!BAD) __syncthreads();
  if (threadIdx.x == 0) X[0] = 1.0f;
}
KERNEL write_after_write(const float* A, float* B) {
  __shared__ float X[64];
  X[threadIdx.x / (BAD ? 2 : 1)] = A[threadIdx.x];
  __syncthreads();
  B[threadIdx.x] = X[threadIdx.x / 2];
}
KERNEL warp_needs_syncwarp(const float* A, float* B) {
  __shared__ float X[64];
  X[threadIdx.x] = A[threadIdx.x];
  if (!BAD) __syncwarp();
  B[threadIdx.x] = X[threadIdx.x ^ 1];
}
KERNEL syncwarp_is_of_one_warp(const float* A, float* B) {
  __shared__ float X[64];
  X[threadIdx.x] = A[threadIdx.x];
  if (BAD) __syncwarp(); else __syncthreads();
  B[threadIdx.x] = X[63 - threadIdx.x];
}
KERNEL shuffle_orders_nothing(const float* A, float* B) {
  __shared__ float X[64];
  X[threadIdx.x] = A[threadIdx.x];
  float v = __shfl_xor_sync(0xffffffff, A[threadIdx.x], 1);
  B[threadIdx.x] = BAD ? X[threadIdx.x ^ 1] : v;
}
KERNEL divergent_barrier(const float* A, float* B) {
  float v = A[threadIdx.x];
  if (!BAD || threadIdx.x < 40) __syncthreads();
  B[threadIdx.x] = v;
}
KERNEL different_barriers(const float* A, float* B) {
  if (BAD && threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  B[threadIdx.x] = A[threadIdx.x];
}
KERNEL more_barriers(const float* A, float* B) {
  for (int i = 0; i < (BAD && threadIdx.x == 7 ? 3 : 2); ++i) __syncthreads();
  B[threadIdx.x] = A[threadIdx.x];
}
KERNEL divergent_shuffle(const float* A, float* B) {
  float v = A[threadIdx.x];
  if (!BAD || threadIdx.x % 32 != 5) v = __shfl_down_sync(0xffffffff, v, 1);
  B[threadIdx.x] = v;
}
KERNEL shuffle_from_outside_the_mask(const float* A, float* B) {
  float v = A[threadIdx.x];
  if (threadIdx.x % 32 < 16) v = __shfl_sync(0xffff, v, BAD ? 20 : 10);
  B[threadIdx.x] = v;
}
KERNEL uninitialised(const float* A, float* B) {
  __shared__ float X[64];
  if (!BAD || threadIdx.x != 9) X[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL kept_from_another_block(const float* A, float* B) {
  __shared__ float X[64];
  if (!BAD || blockIdx.x == 0) X[threadIdx.x] = A[threadIdx.x];
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL shared_beyond_the_end(const float* A, float* B) {
  __shared__ float X[64];
  __shared__ float Y[64];
  Y[threadIdx.x] = A[threadIdx.x];
  X[threadIdx.x] = A[threadIdx.x];
  float* p = X + threadIdx.x;
  p[BAD && threadIdx.x == 63] = Y[threadIdx.x];
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL shared_vector_beyond_the_end(const float* A, float* B) {
  __shared__ float X[68];
  X[threadIdx.x] = A[threadIdx.x];
  if (threadIdx.x < 4) X[64 + threadIdx.x] = 0.0f;
  __syncthreads();
  float4 v = *(float4*)(X + threadIdx.x / 4 * 4 + (BAD ? 8 : 0));
  B[threadIdx.x] = v.x;
}
KERNEL misaligned(const float* A, float* B) {
  if (threadIdx.x < 15) *(float4*)(B + 4 * threadIdx.x + (BAD ? 1 : 0)) = make_float4(1.0f, 2.0f, 3.0f, A[0]);
}
KERNEL declared_index(const float* A, float* B) {
  __shared__ float X[8][8];
  int i = threadIdx.x / 8, j = threadIdx.x % 8;
  X[i][j] = A[threadIdx.x];
  __syncthreads();
  B[threadIdx.x] = X[i][(j + 1) % (BAD ? 9 : 8)];
}
KERNEL global_read(const float* A, float* B) { B[threadIdx.x] = A[threadIdx.x + BAD]; }
KERNEL global_write(const float* A, float* B) {
  B[(int)threadIdx.x - BAD] = A[threadIdx.x];
}
KERNEL cp_async_without_wait(const float* A, float* B) {
  __shared__ __align__(16) float X[64];
  if (threadIdx.x < 16) {
    tir::cp_async<16>(X + 4 * threadIdx.x, A + 4 * threadIdx.x);
    tir::cp_async_commit();
    if (!BAD) tir::cp_async_wait<0>();
  }
  __syncthreads();
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL cp_async_waits_for_too_few(const float* A, float* B) {
  __shared__ __align__(16) float X[2][64];
  for (int s = 0; s < 2; ++s) {
    if (threadIdx.x < 16) tir::cp_async<16>(X[s] + 4 * threadIdx.x, A + 4 * threadIdx.x);
    tir::cp_async_commit();
  }
  tir::cp_async_wait<1>();
  __syncthreads();
  B[threadIdx.x] = X[BAD][threadIdx.x];
}
KERNEL cp_async_wait_is_of_one_thread(const float* A, float* B) {
  __shared__ __align__(16) float X[64];
  if (threadIdx.x < 16) tir::cp_async<16>(X + 4 * threadIdx.x, A + 4 * threadIdx.x);
  tir::cp_async_commit();
  tir::cp_async_wait<0>();
  if (!BAD) __syncthreads();
  B[threadIdx.x] = X[63 - threadIdx.x];
}
KERNEL cp_async_into_what_is_read(const float* A, float* B) {
  __shared__ __align__(16) float X[64];
  X[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  B[threadIdx.x] = X[threadIdx.x];
  if (!BAD) __syncthreads();
  if (threadIdx.x >= 48) tir::cp_async<16>(X + 4 * (threadIdx.x - 48), A);
  tir::cp_async_commit();
  tir::cp_async_wait<0>();
}
KERNEL cp_async_from_what_is_written(const float* A, float* B) {
  __shared__ __align__(16) float X[64];
  B[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  if (threadIdx.x < 16) tir::cp_async<16>(X + 4 * threadIdx.x, B + 4 * threadIdx.x);
  tir::cp_async_commit();
  if (!BAD) tir::cp_async_wait<0>();
  __syncthreads();
  B[threadIdx.x] = 0.0f;
  tir::cp_async_wait<0>();
  __syncthreads();
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL cp_async_of_less_than_is_read(const float* A, float* B) {
  __shared__ __align__(16) float X[64];
  if (threadIdx.x < 16) tir::cp_async<BAD ? 8 : 16>(X + 4 * threadIdx.x, A + 4 * threadIdx.x);
  tir::cp_async_commit();
  tir::cp_async_wait<0>();
  __syncthreads();
  B[threadIdx.x] = X[threadIdx.x];
}
KERNEL atomics(const float* A, float* B) {
  __shared__ float X[1];
  if (threadIdx.x == 0) X[0] = 0.0f;
  __syncthreads();
  if (BAD) X[0] += A[threadIdx.x]; else atomicAdd(&X[0], A[threadIdx.x]);
  __syncthreads();
  B[threadIdx.x] = X[0];
}
KERNEL threads_write_one_element(const float* A, float* B) {
  B[threadIdx.x / (BAD ? 2 : 1)] = A[threadIdx.x];
}
KERNEL threads_read_what_others_write(const float* A, float* B) {
  B[threadIdx.x] = A[threadIdx.x];
  if (!BAD) __syncthreads();
  if (B[63 - threadIdx.x] < -1.0f) __trap();
}
KERNEL threads_write_what_others_read(const float* A, float* B) {
  float v = B[threadIdx.x ^ 1];
  if (!BAD) __syncthreads();
  B[threadIdx.x] = A[threadIdx.x] + v;
}
KERNEL blocks_write_one_element(const float* A, float* B) {
  (BAD ? G : B)[threadIdx.x] = A[threadIdx.x];
}
KERNEL blocks_read_what_others_write(const float* A, float* B) {
  B[threadIdx.x] = A[threadIdx.x];
  __syncthreads();
  if ((BAD ? G : B)[threadIdx.x] < -1.0f) __trap();
}
KERNEL blocks_write_what_others_read(const float* A, float* B) {
  float v = B[threadIdx.x];
  if (BAD ? blockIdx.x == 1 : true) (BAD ? G : B)[threadIdx.x] = v;
}
KERNEL blocks_add_to_one_element(const float* A, float* B) {
  if (BAD) G[0] += A[threadIdx.x]; else atomicAdd(&G[0], A[threadIdx.x]);
}
KERNEL blocks_read_what_others_add_to(const float* A, float* B) {
  if (BAD && blockIdx.x == 1) B[threadIdx.x] = G[0]; else atomicAdd(&G[0], A[threadIdx.x]);
}
KERNEL dynamic_memory(const float* A, float* B) {
  extern __shared__ float D[];
  D[threadIdx.x + (BAD ? 1 : 0)] = A[threadIdx.x];
  __syncthreads();
  B[threadIdx.x] = D[threadIdx.x + (BAD ? 1 : 0)];
}
"""

EXPECTED = {
    "missing_barrier": "written",
    "write_after_read": "nothing orders the two",
    "write_after_many_reads": "nothing orders the two",
    "write_after_one_read": r"writes 4 bytes at X\[0\] \(byte 0\) in line \d+, which thread .* reads in line",
    "write_after_write": r"writes 4 bytes at X\[0\] .* in line \d+, which thread \(0, 0, 0\) writes in line",
    "warp_needs_syncwarp": r"at X\[1\] \(byte 4\)",
    "syncwarp_is_of_one_warp": r"at X\[.* in line",
    "shuffle_orders_nothing": "nothing orders the two",
    "divergent_barrier": r"waits at a barrier \(line \d+\), which thread \(40, 0, 0\) ended without reaching",
    "different_barriers": r"waits at the barrier in line \d+, thread \(32, 0, 0\) at the one in line",
    "more_barriers": "ended without reaching",
    "divergent_shuffle": r"waits at __shfl_down_sync \(line \d+\), which thread \(5, 0, 0\) ended without reaching",
    "shuffle_from_outside_the_mask": "not in its mask",
    "uninitialised": r"thread \(9, 0, 0\) .* reads 4 bytes at X\[9\] \(byte 36\) .*, which nothing has written",
    "kept_from_another_block": r"of block \(1, 0, 0\) reads .*, which nothing has written",
    "shared_beyond_the_end": "writes 4 bytes just beyond the end of X",
    "shared_vector_beyond_the_end": "reads 4 bytes just beyond the end of X",
    "misaligned": r"uses an address that is no multiple of 16 as one of type '(struct )?float4' \(line \d+\)",
    "declared_index": "takes element 8 of an array of type 'float",
    "global_read": r"thread \(63, 0, 0\) .* reads 4 bytes just beyond the end of A",
    "global_write": r"thread \(0, 0, 0\) .* writes 4 bytes 4 bytes before the beginning of B",
    "cp_async_without_wait": "nobody has waited for it",
    "cp_async_waits_for_too_few": "nobody has waited for it",
    "cp_async_wait_is_of_one_thread": "nobody has waited for it|nothing orders|nothing has written",
    "cp_async_into_what_is_read": "nothing orders the two",
    "cp_async_from_what_is_written": r"writes 4 bytes at B\[\d+\] .*, which an asynchronous copy is still to read",
    "cp_async_of_less_than_is_read": r"reads 4 bytes at X\[63\] .*, which nothing has written",
    "atomics": "nothing orders the two",
    "threads_write_one_element": r"thread \(1, 0, 0\) of block \(0, 0, 0\) writes 4 bytes at B\[0\] .* line \d+, "
    r"which thread \(0, 0, 0\) writes in line \d+: nothing orders",
    "threads_read_what_others_write": r"4 bytes at B\[\d+\] .*, which thread \(\d+, 0, 0\) (reads|writes) in",
    "threads_write_what_others_read": r"4 bytes at B\[\d+\] .*, which thread \(\d+, 0, 0\) (reads|writes) in",
    "blocks_write_one_element": r"thread \(0, 0, 0\) of block \(1, 0, 0\) writes 4 bytes at B\[0\] .*, "
    r"which thread \(0, 0, 0\) of block \(0, 0, 0\) writes in line \d+: nothing orders",
    "blocks_read_what_others_write": r"of block \(1, 0, 0\) reads 4 bytes at B\[\d+\] .*of block \(0, 0, 0\) writes",
    "blocks_write_what_others_read": r"of block \(1, 0, 0\) writes 4 bytes at B\[0\] .*of block \(0, 0, 0\) reads",
    "blocks_add_to_one_element": r"of block \(0, 0, 0\) reads 4 bytes at B\[0\] .*nothing orders",
    "blocks_read_what_others_add_to": r"of block \(1, 0, 0\) reads .*B\[0\].*of block \(0, 0, 0\) writes",
    "dynamic_memory": "beyond the shared memory that the launch asks for",
}


def source() -> str:
    """Every kernel twice, with and without what makes it wrong."""
    out = "#include <tensorir/cp_async.cuh>\n"
    for word, value in (("bad", "1"), ("good", "0")):
        head = rf'extern "C" __global__ void __launch_bounds__(64) \1_{word}(\2) {{ float* G = B; B += 64 * blockIdx.x;'
        text = re.sub(r"KERNEL (\w+)\((.*?)\) \{", head, TEXT)
        out += re.sub(r"\bBAD\b", value, text)
    return out


@cache
def program() -> Program:
    return emulate(source())


def launch(name: str) -> np.ndarray:
    # Arrays with room around them, so that a kernel that is not stopped harms nobody.
    a, b = np.zeros(192, "float32")[64:128], np.zeros(256, "float32")[64:192]
    a[:] = np.arange(64)
    program().launch(name, (2,), (64,), [a, b], names=["A", "B"], shared_bytes=256)
    return b[:64]


@pytest.mark.parametrize("name", EXPECTED)
def test_reported(name: str) -> None:
    with pytest.raises(EmulatorError, match=EXPECTED[name]) as caught:
        launch(f"{name}_bad")
    assert caught.value.kernel == f"{name}_bad"
    for line in caught.value.lines:
        # The lines named are those of the kernel's own text.
        before = source()[: source().index(f" {name}_bad(")].count("\n") + 1
        assert before <= line <= before + 16


@pytest.mark.parametrize("name", EXPECTED)
def test_twin_is_fine(name: str) -> None:
    launch(f"{name}_good")


def test_values_after_checks() -> None:
    assert np.array_equal(launch("missing_barrier_good"), np.arange(64)[::-1])
    assert np.array_equal(launch("atomics_good"), np.full(64, 64 * 63 / 2))
    assert np.array_equal(launch("cp_async_waits_for_too_few_good"), np.arange(64))


def test_memory_that_nothing_has_written() -> None:
    a, b = np.zeros(64, "float32"), np.zeros(64, "float32")
    fresh = np.ones(a.nbytes, np.uint8)
    a_pointer, b_pointer = (ctypes.c_void_p(x.ctypes.data) for x in (a, b))
    memory = [Region("A", a.ctypes.data, a.nbytes, 4, fresh), Region("B", b.ctypes.data, b.nbytes, 4)]
    name = "threads_write_one_element_good"
    with pytest.raises(
        EmulatorError, match=r"thread \(0, 0, 0\) .* reads 4 bytes at A\[0\] .*, which nothing has written"
    ):
        program().launch(name, (1,), (64,), [a_pointer, b_pointer], memory=memory, written=[b.ctypes.data])
    program().launch(name, (1,), (64,), [b_pointer, a_pointer], memory=memory, written=[a.ctypes.data])
    assert not fresh.any()
    program().launch(name, (1,), (64,), [a_pointer, b_pointer], memory=memory, written=[b.ctypes.data])


def test_a_launch_after_a_report_starts_anew() -> None:
    with pytest.raises(EmulatorError):
        launch("uninitialised_bad")
    assert np.array_equal(launch("uninitialised_good"), np.arange(64))
