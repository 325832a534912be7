"""Tensor core fragments in the emulator against numpy: every element type, every layout, straight and swizzled."""

from functools import cache

import ml_dtypes
import numpy as np
import pytest
from tensorir.codegen.cuda.emulator import EmulatorError, Program, emulate

HEADERS = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n#include <cuda_fp8.h>\n#include <mma.h>\n"
TYPES = {
    "half": np.dtype("float16"),
    "__nv_bfloat16": np.dtype(ml_dtypes.bfloat16),
    "__nv_fp8_e4m3": np.dtype(ml_dtypes.float8_e4m3fn),
    "__nv_fp8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "float": np.dtype("float32"),
    "signed char": np.dtype("int8"),
    "unsigned char": np.dtype("uint8"),
}
# Element type, depth of a tile, whether operands may be transposed while loaded.
MMA = [
    ("half", 16, True),
    ("__nv_bfloat16", 16, True),
    ("__nv_fp8_e4m3", 32, False),
    ("__nv_fp8_e5m2", 32, False),
    ("float", 8, False),
    ("signed char", 32, False),
    ("unsigned char", 32, False),
]
LAYOUTS = [(a, b) for a in ("row", "col") for b in ("row", "col")]
CASES = [(t, k, a, b) for t, k, free in MMA for a, b in LAYOUTS if free or (a, b) == ("row", "col")]

# One warp multiplies a tile that lies at row 16, column one tile in, of shared arrays with rows of `LD` elements.
KERNEL = """
extern "C" __global__ void {name}(const {t}* A, const {t}* B, {c}* C) {{
  __shared__ __align__(128) {t} SA[{rows} * {ld}];
  __shared__ __align__(128) {t} SB[{rows} * {ld}];
  for (int i = threadIdx.x; i < {rows} * {ld}; i += 32) {{
    SA[{s}::place(i)] = A[i];
    SB[{s}::place(i)] = B[i];
  }}
  __syncthreads();
  namespace mma = tir::mma;
  mma::fragment<mma::matrix_a, 16, 16, {k}, {p}, mma::{la}_major> a;
  mma::fragment<mma::matrix_b, 16, 16, {k}, {p}, mma::{lb}_major> b;
  mma::fragment<mma::accumulator, 16, 16, {k}, {c}> c;
  mma::fill_fragment(c, 1.0f);
  mma::load_matrix_sync<{s}>(a, SA, {oa}, {ld});
  mma::load_matrix_sync<{s}>(b, SB, {ob}, {ld});
  mma::mma_sync(c, a, b, c);
  mma::store_matrix_sync(C, 0, c, 16);
}}
"""


def kernel(n: int, t: str, k: int, la: str, lb: str, swizzled: bool) -> str:
    size = TYPES[t].itemsize
    ld = 128 // size
    s = f"tir::swizzle<{ld.bit_length() - 1}, 7, {(16 // size).bit_length() - 1}>" if swizzled else "tir::straight"
    return KERNEL.format(
        name=f"k{n}_{int(swizzled)}", t=t, p="mma::precision_tf32" if t == "float" else t, k=k, la=la, lb=lb, s=s,
        c="int" if "char" in t else "float", ld=ld, rows=48,
        oa=16 * ld + (k if la == "row" else 16), ob=16 * ld + (k if lb == "col" else 16),
    )  # fmt: skip


@cache
def program() -> Program:
    texts = [kernel(n, *case, swizzled) for n, case in enumerate(CASES) for swizzled in (False, True)]
    return emulate(HEADERS + "#include <tensorir/mma.cuh>\n" + "".join(texts))


def filled(rng: np.random.Generator, n: int, t: np.dtype) -> np.ndarray:
    """Small integers, which every type and every sum holds exactly."""
    return rng.integers(0 if t.kind == "u" else -4, 5, n).astype("float32").astype(t)


@pytest.mark.parametrize("swizzled", [False, True], ids=["straight", "swizzled"])
@pytest.mark.parametrize("n", range(len(CASES)), ids=["-".join(map(str, c)) for c in CASES])
def test_mma(n: int, swizzled: bool) -> None:
    t, k, la, lb = CASES[n]
    ld = 128 // TYPES[t].itemsize
    rng = np.random.default_rng(n)
    a, b = (filled(rng, 48 * ld, TYPES[t]).reshape(48, ld) for _ in range(2))
    c = np.zeros((16, 16), "int32" if "char" in t else "float32")
    program().launch(f"k{n}_{int(swizzled)}", (1,), (32,), [a, b, c])
    x, y = (m.astype("float64") for m in (a, b))
    left = x[16:32, k : 2 * k] if la == "row" else x[16 : 16 + k, 16:32].T
    right = y[16:32, k : 2 * k].T if lb == "col" else y[16 : 16 + k, 16:32]
    assert np.array_equal(c, left @ right + 1)


def test_a_swizzle_keeps_rows_apart_in_the_banks() -> None:
    # Eight rows of a column of 16-byte pieces, 128 bytes apart, fall into different banks.
    place = [e ^ ((e >> 6 & 7) << 3) for e in range(64 * 8)]
    assert sorted(place) == list(range(64 * 8))
    for col in range(0, 64, 8):
        assert len({place[row * 64 + col] * 2 // 16 % 8 for row in range(8)}) == 8


def test_ldmatrix_is_of_shared_memory() -> None:
    text = """#include <tensorir/ptx_mma.cuh>
extern "C" __global__ void k(const unsigned* A, unsigned* B) {
  unsigned x[4];
  tir::ptx::ldmatrix_x4(x, A + 4 * threadIdx.x);
  B[threadIdx.x] = x[0];
}"""
    a = np.zeros(128, "uint32")
    with pytest.raises(EmulatorError, match="from shared memory only"):
        emulate(text).launch("k", (1,), (32,), [a, a.copy()])


def test_ldmatrix_reads_what_is_there() -> None:
    text = """#include <tensorir/ptx_mma.cuh>
extern "C" __global__ void k(const unsigned* A, unsigned* B) {
  __shared__ __align__(16) unsigned S[128];
  for (int i = 0; i < (threadIdx.x == 31 ? 3 : 4); ++i) S[4 * threadIdx.x + i] = A[4 * threadIdx.x + i];
  __syncwarp();
  unsigned x[4];
  tir::ptx::ldmatrix_x4(x, S + 4 * threadIdx.x);
  B[threadIdx.x] = x[0];
}"""
    a = np.zeros(128, "uint32")
    with pytest.raises(EmulatorError, match="of S in line 7, which nothing has written"):
        emulate(text).launch("k", (1,), (32,), [a, a.copy()])


WMMA = """
extern "C" __global__ void {name}(const {t}* A, const {t}* B, {c}* C) {{
  using namespace nvcuda;
  wmma::fragment<wmma::matrix_a, {m}, {n}, {k}, {p}, wmma::{la}_major> a;
  wmma::fragment<wmma::matrix_b, {m}, {n}, {k}, {p}, wmma::{lb}_major> b;
  wmma::fragment<wmma::accumulator, {m}, {n}, {k}, {c}> c;
  wmma::fill_fragment(c, 2.0f);
  wmma::load_matrix_sync(a, A, {lda});
  wmma::load_matrix_sync(b, B, {ldb});
  wmma::mma_sync(c, a, b, c);
  wmma::store_matrix_sync(C, c, {n}, wmma::mem_row_major);
}}
"""
WMMAS = [
    (t, c, shape, la, lb)
    for t, c in (("half", "float"), ("half", "half"), ("__nv_bfloat16", "float"), ("signed char", "int"))
    for shape in ((16, 16, 16), (32, 8, 16), (8, 32, 16))
    for la, lb in LAYOUTS
] + [("float", "float", (16, 16, 8), la, lb) for la, lb in LAYOUTS]


@cache
def wmma_program() -> Program:
    texts = []
    for i, (t, c, (m, n, k), la, lb) in enumerate(WMMAS):
        texts.append(
            WMMA.format(
                name=f"w{i}", t=t, c=c, m=m, n=n, k=k, la=la, lb=lb, lda=k if la == "row" else m,
                ldb=n if lb == "row" else k, p="wmma::precision::tf32" if t == "float" else t,
            )
        )  # fmt: skip
    return emulate(HEADERS + "".join(texts))


@pytest.mark.parametrize("i", range(len(WMMAS)), ids=["-".join(map(str, c)) for c in WMMAS])
def test_wmma(i: int) -> None:
    t, c, (m, n, k), la, lb = WMMAS[i]
    rng = np.random.default_rng(i)
    a, b = filled(rng, m * k, TYPES[t]), filled(rng, k * n, TYPES[t])
    out = np.zeros((m, n), {"int": "int32"}.get(c, TYPES.get(c)))
    wmma_program().launch(f"w{i}", (1,), (32,), [a, b, out])
    x = a.reshape(m, k) if la == "row" else a.reshape(k, m).T
    y = b.reshape(k, n) if lb == "row" else b.reshape(n, k).T
    assert np.array_equal(out, x.astype("float64") @ y.astype("float64") + 2)
