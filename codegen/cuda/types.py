"""How data types and constants are spelled in CUDA C++: scalars, and vectors of as many lanes as a register moves."""

from __future__ import annotations

import math
from functools import lru_cache

from ...tir.dtype import DType
from ...tir.errors import LowerError
from ...tir.expr import FloatImm, IntImm
from ..c.types import float_text
from ..lanes import WIDEST

SCALARS = {
    "float16": "half", "bfloat16": "__nv_bfloat16", "float8_e4m3fn": "__nv_fp8_e4m3", "float8_e5m2": "__nv_fp8_e5m2",
    "float32": "float", "float64": "double", "bool": "bool", "void": "void", "handle": "void*",
    "int4": "signed char", "uint4": "unsigned char", "int8": "signed char", "uint8": "unsigned char",
    "int16": "short", "uint16": "unsigned short", "int32": "int", "uint32": "unsigned int",
    "int64": "long long", "uint64": "unsigned long long",
}  # fmt: skip
"""The C++ type of a value of each data type."""

HEADERS = {
    "float16": "cuda_fp16.h",
    "bfloat16": "cuda_bf16.h",
    "float8_e4m3fn": "cuda_fp8.h",
    "float8_e5m2": "cuda_fp8.h",
}
"""The header that declares a type."""

_NATIVE = {
    "float32": ("float", (2, 3, 4)), "float64": ("double", (2,)), "int8": ("char", (2, 3, 4)),
    "uint8": ("uchar", (2, 3, 4)), "int16": ("short", (2, 3, 4)), "uint16": ("ushort", (2, 3, 4)),
    "int32": ("int", (2, 3, 4)), "uint32": ("uint", (2, 3, 4)), "int64": ("longlong", (2,)),
    "uint64": ("ulonglong", (2,)),
}  # fmt: skip
_PAIRS = {"float16": ("half2", "__halves2half2"), "bfloat16": ("__nv_bfloat162", "__halves2bfloat162")}
_SHORT = {"float16": "half", "float32": "float", "float64": "double"}

CARRIERS = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "uint2", 16: "uint4"}
"""The type that moves so many bytes at once."""


@lru_cache(maxsize=1024)
def scalar(type_: DType) -> str:
    """The C++ type of one lane.

    Raises
    ------
    LowerError: CUDA has no such type.
    """
    found = SCALARS.get(str(type_.element))
    if found is None:
        raise LowerError(f"{type_.element} has no code for the CUDA target", hint="cast it on the host")
    return found


@lru_cache(maxsize=1024)
def vector(type_: DType) -> str:
    """The C++ type of a vector: CUDA's own where it has one, else a struct of `declaration`."""
    element, lanes = str(type_.element), type_.lanes
    if lanes == 1:
        return scalar(type_)
    if lanes == 2 and element in _PAIRS:
        return _PAIRS[element][0]
    name, native = _NATIVE.get(element, ("", ()))
    if lanes in native:
        return f"{name}{lanes}"
    short = _SHORT.get(element, element)
    return f"{short}{lanes}" if short == "half" else f"{short}x{lanes}"


def is_struct(type_: DType) -> bool:
    """Whether the vector type is one that the text declares."""
    element, lanes = str(type_.element), type_.lanes
    return lanes > 1 and lanes not in _NATIVE.get(element, ("", ()))[1] and not (lanes == 2 and element in _PAIRS)


def declaration(type_: DType) -> str:
    """The struct of a vector type that CUDA does not have."""
    size = type_.lanes * type_.bytes
    align = min(WIDEST, size & -size)
    return f"struct __align__({align}) {vector(type_)} {{\n  {scalar(type_)} lane[{type_.lanes}];\n}};\n"


def lane(name: str, type_: DType, k: int) -> str:
    """Lane `k` of the vector variable `name`."""
    return f"{name}.lane[{k}]" if is_struct(type_) else f"{name}.{'xyzw'[k]}"


def constructed(type_: DType, lanes: list[str]) -> str:
    """A vector of the given lanes."""
    name = vector(type_)
    if is_struct(type_):
        return f"{name}{{{', '.join(lanes)}}}"
    maker = _PAIRS[str(type_.element)][1] if str(type_.element) in _PAIRS else f"make_{name}"
    return f"{maker}({', '.join(lanes)})"


def constant(node: IntImm | FloatImm) -> str:
    """A scalar constant, exactly."""
    type_, value = node.dtype, node.value
    if isinstance(node, FloatImm):
        return _float(type_, float(value))
    if type_.is_bool:
        return "true" if value else "false"
    if type_.is_handle:
        return "nullptr"
    if type_.is_int and value == type_.min and type_.bits >= 32:
        return f"(-{type_.max}{'LL' if type_.bits == 64 else ''} - 1)"
    suffix = {("int", 64): "LL", ("uint", 64): "ULL", ("uint", 32): "U"}.get((type_.kind, type_.bits), "")
    return f"{value}{suffix}"


def _float(type_: DType, value: float) -> str:
    if type_.bits == 64:
        return float_text(value, double=True)
    text = "NAN" if math.isnan(value) else float_text(value, double=False)
    if type_.bits == 32:
        return text
    if str(type_).startswith("float8"):
        return f"to_{type_}({text})"
    return f"{scalar(type_)}({text})"
