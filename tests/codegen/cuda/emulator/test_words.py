"""CUDA's words in the emulator against results computed by hand or by numpy."""

from functools import cache

import ml_dtypes
import numpy as np
import pytest
from tensorir.codegen.cuda.emulator import Program, emulate
from tensorir.tir.errors import BuildError

ALL = "0xffffffffu"

# Each expression of the lane number `i` and the float `a` of 32 lanes, and what it gives for all lanes.
I = np.arange(32)
A = np.linspace(-3, 5, 32).astype("float32")
EXPRESSIONS = {
    f"__shfl_sync({ALL}, i, 7)": np.full(32, 7),
    f"__shfl_sync({ALL}, i, 3, 8)": I // 8 * 8 + 3,
    f"__shfl_sync({ALL}, i, i + 1)": (I + 1) % 32,
    f"__shfl_up_sync({ALL}, i, 3)": np.where(I < 3, I, I - 3),
    f"__shfl_down_sync({ALL}, i, 5, 16)": np.where(I % 16 < 11, I + 5, I),
    f"__shfl_xor_sync({ALL}, i, 12)": I ^ 12,
    f"__shfl_xor_sync({ALL}, a, 1)": A[I ^ 1],
    "(i < 16 ? __shfl_xor_sync(0xffffu, i, 8) : __shfl_xor_sync(0xffff0000u, i, 1))": np.where(I < 16, I ^ 8, I ^ 1),
    f"__ballot_sync({ALL}, i % 3 == 0)": np.full(32, sum(1 << k for k in range(0, 32, 3)), "uint32"),
    f"__any_sync({ALL}, i == 31)": np.ones(32),
    f"__all_sync({ALL}, i != 31)": np.zeros(32),
    f"__reduce_add_sync({ALL}, i)": np.full(32, 496),
    f"__reduce_max_sync({ALL}, i * 7 % 32)": np.full(32, 31),
    f"__reduce_min_sync({ALL}, i - 9)": np.full(32, -9),
    "min(i, 4) + max(i, 20)": np.minimum(I, 4) + np.maximum(I, 20),
    "max(a, 0.5f)": np.maximum(A, np.float32(0.5)),
    "__popc(i) + __clz(i) + __ffs(i)": [k.bit_count() + 32 - k.bit_length() + (k & -k).bit_length() for k in range(32)],
    "__mulhi(i << 28, 16)": [(((k << 28) + 2**31) % 2**32 - 2**31) * 16 >> 32 for k in range(32)],
    "__dp4a(0x01ff0203, i, 5)": [5 + 3 * k for k in range(32)],
    "__float_as_int(a)": A.view("int32"),
    "rsqrtf(a * a + 1.0f)": (1 / np.sqrt((A * A + 1).astype("float64"))).astype("float32"),
    "__half2float(__float2half(a))": A.astype("float16").astype("float32"),
    "float(half(a) * half(a) + half(1.0f))": (
        (A.astype("float16") * A.astype("float16")).astype("float16") + np.float16(1)
    ).astype("float32"),
    "__half22float2(__hmul2(__floats2half2_rn(a, a), __floats2half2_rn(2.0f, 3.0f))).y": (
        A.astype("float16") * np.float16(3)
    ).astype("float32"),
    "__bfloat162float(__float2bfloat16(a))": A.astype(ml_dtypes.bfloat16).astype("float32"),
    "float(__nv_fp8_e4m3(a))": A.astype(ml_dtypes.float8_e4m3fn).astype("float32"),
    "float(__nv_fp8_e5m2(a))": A.astype(ml_dtypes.float8_e5m2).astype("float32"),
    "float(__nv_fp8_e4m3(a * 1000.0f))": np.clip(A * 1000, -448, 448).astype(ml_dtypes.float8_e4m3fn).astype("float32"),
}


@cache
def program() -> Program:
    lines = "".join(
        f'extern "C" __global__ void k{n}(const float* A, double* B) {{\n'
        f"  int i = threadIdx.x; float a = A[i];\n  B[i] = static_cast<double>({e});\n}}\n"
        for n, e in enumerate(EXPRESSIONS)
    )
    return emulate("#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n#include <cuda_fp8.h>\n" + lines)


@pytest.mark.parametrize("n", range(len(EXPRESSIONS)), ids=list(EXPRESSIONS))
def test_expression(n: int) -> None:
    got = np.zeros(32)
    program().launch(f"k{n}", (1,), (32,), [A, got])
    assert np.array_equal(got, np.asarray(list(EXPRESSIONS.values())[n], "float64"))


ROUND = """
#include <cuda_fp16.h>
#include <cuda_bf16.h>
#include <cuda_fp8.h>
extern "C" __global__ void narrow(const float* X, unsigned short* H, unsigned short* B, unsigned char* E,
                                  unsigned char* F, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  H[i] = half(X[i]).__x;
  B[i] = nv_bfloat16(X[i]).__x;
  E[i] = __nv_fp8_e4m3(X[i]).__x;
  F[i] = __nv_fp8_e5m2(X[i]).__x;
}
extern "C" __global__ void widen(const half* H, const nv_bfloat16* B, const __nv_fp8_e4m3* E, const __nv_fp8_e5m2* F,
                                 float* X) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  X[i] = H[i];
  X[65536 + i] = B[i];
  if (i < 256) X[131072 + i] = float(E[i]);
  if (i < 256) X[131072 + 256 + i] = float(F[i]);
}
"""
TYPES = ("float16", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)


def test_every_narrow_float_is_read_as_numpy_reads_it() -> None:
    bits = [np.arange(65536, dtype="uint16")] * 2 + [np.arange(256, dtype="uint8")] * 2
    got = np.zeros(2 * 65536 + 512, "float32")
    emulate(ROUND, check=False).launch("widen", (256,), (256,), [*bits, got])
    expected = np.concatenate([b.view(t).astype("float32") for b, t in zip(bits, TYPES)])
    assert np.array_equal(got, expected, equal_nan=True)


def test_floats_are_rounded_as_numpy_rounds_them() -> None:
    rng = np.random.default_rng(0)
    halves = np.arange(65536, dtype="uint16").view("float16")
    near = np.concatenate([halves[np.isfinite(halves)], np.array([6e4, 7e4, 1e-8, 3e-8], "float32")])
    near = near[np.isfinite(near)].astype("float32")
    x = np.concatenate(
        [near, (near[:-1] + near[1:]) / 2, rng.integers(0, 2**32, 20000, dtype="uint32").view("float32")]
    )
    x = np.ascontiguousarray(x[~np.isnan(x)])
    out = [np.zeros(len(x), "uint16"), np.zeros(len(x), "uint16"), np.zeros(len(x), "uint8"), np.zeros(len(x), "uint8")]
    emulate(ROUND, check=False).launch("narrow", (-(-len(x) // 256),), (256,), [x, *out, np.int32(len(x))])
    with np.errstate(over="ignore", invalid="ignore"):
        for got, kind in zip(out, TYPES):
            info = ml_dtypes.finfo(kind)
            # CUDA's conversions to 8 bits saturate, numpy's do not.
            limited = np.clip(x, float(info.min), float(info.max)) if np.dtype(kind).itemsize == 1 else x
            assert np.array_equal(got, limited.astype(kind).view(got.dtype)), kind


def test_launch_shapes_and_index_order() -> None:
    text = """
extern "C" __global__ void k(int* B) {
  int t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  int b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  __shared__ int first;
  if (t == 0) first = b;
  __syncthreads();
  B[b * 24 + t] = first * 100 + __shfl_sync(__activemask(), t, 5);
}
"""
    out = np.zeros(12 * 24, "int32")
    emulate(text).launch("k", (3, 2, 2), (4, 3, 2), [out])
    assert np.array_equal(out.reshape(12, 24), np.repeat(np.arange(12) * 100 + 5, 24).reshape(12, 24))


def test_scalars_of_every_width_are_passed() -> None:
    text = """#include <cuda_fp16.h>
extern "C" __global__ void k(double* B, signed char a, short b, int c, long long d, float e, double f, half g, bool h) {
  B[0] = a; B[1] = b; B[2] = c; B[3] = d; B[4] = e; B[5] = f; B[6] = float(g); B[7] = h;
}
"""
    out = np.zeros(8)
    values = [np.int8(-3), np.int16(300), np.int32(-70000), np.int64(2**40), np.float32(1.5), 2.25, np.float16(0.5)]
    emulate(text).launch("k", (1,), (1,), [out, *values[:5], np.float64(2.25), values[6], np.bool_(True)])
    assert out.tolist() == [-3, 300, -70000, 2**40, 1.5, 2.25, 0.5, 1]


def test_text_that_is_not_cpp_is_refused() -> None:
    with pytest.raises(BuildError, match="refuses the CUDA text"):
        emulate('extern "C" __global__ void k(int* B) { B[0] = nonsense; }')
