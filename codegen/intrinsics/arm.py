"""Tensor intrinsics of AArch64: int8 dot products of the dot-product and i8mm extensions, register tiles by FMA."""

from __future__ import annotations

import re

from . import gemm
from .dots import Dot

DOTS: dict[str, Dot] = {
    "dot_4x4_i8i8s32_sdot": Dot("int8", "int8", "int32", 4, 4, "llvm.aarch64.neon.sdot.v4i32.v16i8"),
    "dot_4x4_u8u8u32_udot": Dot("uint8", "uint8", "uint32", 4, 4, "llvm.aarch64.neon.udot.v4i32.v16i8"),
    "dot_4x4_u8i8s32_usdot": Dot("uint8", "int8", "int32", 4, 4, "llvm.aarch64.neon.usdot.v4i32.v16i8"),
}
"""Dot products by name, `C[i] += sum(A[k] * B[i, k])`."""

_GEMM = re.compile(r"gemm_(\d+)x(\d+)x(\d+)_(f32|f64)_neon")

NAMES = (*DOTS, "gemm_8x12x64_f32_neon")
"""Of "gemm_MxNxK_TYPE_neon" this is an example: a tile of M by N fits 30 vectors of 128 bits."""


def texts(name: str) -> tuple[str, str] | None:
    """Description and implementation of the intrinsic `name`, None where there is none."""
    if name in DOTS:
        return DOTS[name].texts(name)
    found = _GEMM.fullmatch(name)
    if found is None:
        return None
    m, n, k = map(int, found.groups()[:3])
    return gemm.texts(name, m, n, k, f"float{found[4][1:]}", 128)
