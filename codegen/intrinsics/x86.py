"""Tensor intrinsics of x86-64: int8 dot products of VNNI, bfloat16 ones, and register-tile products by FMA."""

from __future__ import annotations

import re

from . import gemm
from .dots import Dot

DOTS: dict[str, Dot] = {
    "dot_16x4_vnni": Dot("uint8", "int8", "int32", 16, 4, "llvm.x86.avx512.vpdpbusd.512"),
    "dot_8x4_vnni": Dot("uint8", "int8", "int32", 8, 4, "llvm.x86.avx512.vpdpbusd.256"),
    "dot_16x2_bf16": Dot("bfloat16", "bfloat16", "float32", 16, 2, "llvm.x86.avx512bf16.dpbf16ps.512"),
    "dot_8x2_bf16": Dot("bfloat16", "bfloat16", "float32", 8, 2, "llvm.x86.avx512bf16.dpbf16ps.256"),
}
"""Dot products by name. `C[i] += sum(A[k] * B[i, k])`: u8 times s8 to s32, bfloat16 to float32."""

_GEMM = re.compile(r"gemm_(\d+)x(\d+)x(\d+)_(f32|f64)_(avx2|avx512)")
_TYPES = {"f32": "float32", "f64": "float64"}
_BITS = {"avx2": 256, "avx512": 512}

NAMES = (*DOTS, "gemm_8x32x64_f32_avx512", "gemm_6x16x64_f32_avx2", "gemm_8x16x64_f64_avx512", "gemm_6x8x64_f64_avx2")
"""Of "gemm_MxNxK_TYPE_ISA" these are examples: a tile of M by N fits 30 vectors of AVX-512, or 14 of AVX2."""


def texts(name: str) -> tuple[str, str] | None:
    """Description and implementation of the intrinsic `name`, None where there is none."""
    if name in DOTS:
        return DOTS[name].texts(name)
    found = _GEMM.fullmatch(name)
    if found is None:
        return None
    m, n, k = map(int, found.groups()[:3])
    return gemm.texts(name, m, n, k, _TYPES[found[4]], _BITS[found[5]])
