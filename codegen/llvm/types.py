"""How data types and constants are spelled in LLVM IR, in registers and in memory.

A value of a narrow float type lives in a register as the 32-bit float it equals; bool is `i1` in registers and a byte
in memory; 4-bit integers are bytes whose value is in range.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache

from ...tir.dtype import DType
from ...tir.float_formats import FLOAT8


@lru_cache(maxsize=1024)
def register_type(dtype: DType) -> str:
    """The LLVM type of a value of type `dtype`."""
    return _vector(_scalar(dtype.element), dtype.lanes)


@lru_cache(maxsize=1024)
def memory_type(dtype: DType) -> str:
    """The LLVM type that a value of type `dtype` has in memory."""
    element = dtype.element
    return _vector(_MEMORY.get(str(element)) or _scalar(element), dtype.lanes)


_MEMORY = {
    "bool": "i8",
    "float16": "half",
    "bfloat16": "i16",
    **dict.fromkeys(FLOAT8, "i8"),
}


def _scalar(dtype: DType) -> str:
    if dtype.is_float:
        return "double" if dtype.bits == 64 else "float"
    if dtype.is_bool:
        return "i1"
    if dtype.is_handle:
        return "ptr"
    return f"i{max(8, dtype.bits)}"


def _vector(element: str, lanes: int) -> str:
    return element if lanes == 1 else f"<{lanes} x {element}>"


def vector(element: str, lanes: int) -> str:
    """The LLVM type of `lanes` lanes of `element`."""
    return _vector(element, lanes)


def is_narrow_float(dtype: DType) -> bool:
    """Whether arithmetic on the type happens in 32-bit floats and is rounded after each operation."""
    return dtype.is_float and dtype.bits < 32


def suffix(llvm_type: str) -> str:
    """The name an overloaded intrinsic has for a type: "f32", "v16f32", "i64"."""
    if llvm_type.startswith("<"):
        lanes, _, element = llvm_type[1:-1].partition(" x ")
        return f"v{lanes}{suffix(element)}"
    return {"float": "f32", "double": "f64", "half": "f16", "ptr": "p0"}.get(llvm_type, llvm_type)


def float_text(value: float, double: bool) -> str:
    """A floating-point constant, exactly: LLVM spells both widths by the bits of the double."""
    if math.isnan(value):
        return "0x7FF8000000000000"
    number = value if double else _single(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _single(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def splat(value: str, llvm_type: str) -> str:
    """The constant `value` in every lane of the vector type `llvm_type`."""
    lanes, _, element = llvm_type[1:-1].partition(" x ")
    return f"<{', '.join([f'{element} {value}'] * int(lanes))}>"
