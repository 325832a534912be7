"""How data types and constants are spelled in C, in variables and in memory.

A value of a narrow float type is the `float` it equals; in memory it is its bits, an integer. A bool is a byte, 0 or 1.
4-bit integers are bytes whose value is in range. A vector is one of GCC's, its lanes padded to a power of two.
"""

from __future__ import annotations

import math
from functools import lru_cache

from ...tir.dtype import FLOAT32, DType, dtype
from ...tir.expr import FloatImm, IntImm


def is_narrow(type_: DType) -> bool:
    """Whether arithmetic on the type happens in `float` and is rounded after each operation."""
    return type_.is_float and type_.bits < 32


@lru_cache(maxsize=1024)
def value_type(type_: DType) -> str:
    """The C type of a variable that holds a value of the type."""
    if type_.lanes > 1:
        return f"{vector_element(type_)}x{type_.lanes}"
    if type_.is_float:
        return "double" if type_.bits == 64 else "float"
    if type_.is_bool:
        return "bool"
    if type_.is_handle:
        return "void *"
    if type_.kind == "void":
        return "void"
    return f"{'u' if type_.is_uint else ''}int{max(8, type_.bits)}_t"


@lru_cache(maxsize=1024)
def memory_type(type_: DType) -> str:
    """The C type of one lane of the type in memory."""
    if is_narrow(type_):
        return f"uint{type_.bits}_t"
    return value_type(type_.element)


def vector_element(type_: DType) -> str:
    """How the name of a vector type calls its lanes."""
    if type_.is_bool:
        return "bool"
    if type_.is_float:
        return "float64" if type_.bits == 64 else "float32"
    return f"{type_.kind}{max(8, type_.bits)}"


def padded(lanes: int) -> int:
    """The number of lanes a vector of `lanes` has in C, which wants a power of two."""
    return 1 << (lanes - 1).bit_length()


def vector_typedef(type_: DType) -> str:
    """The declaration of a vector type, and of the same one where it may lie anywhere in memory."""
    name, lanes = value_type(type_), padded(type_.lanes)
    element = "uint8_t" if type_.is_bool else value_type(type_.element)
    size = 1 if type_.is_bool else (max(32, type_.bits) if type_.is_float else max(8, type_.bits)) // 8
    text = f"typedef {element} {name} __attribute__((vector_size({lanes * size})));"
    if lanes == type_.lanes:
        text += f"\ntypedef {name} {name}_at __attribute__((aligned({size}), may_alias));"
    return text


def unsigned(type_: DType) -> DType:
    """The unsigned integer type of the same width and lanes."""
    return dtype(f"uint{type_.bits}").with_lanes(type_.lanes)


def constant(node: IntImm | FloatImm) -> str:
    """A scalar constant, exactly."""
    type_, value = node.dtype, node.value
    if isinstance(node, FloatImm):
        return float_text(float(value), double=type_.bits == 64)
    if type_.is_bool:
        return "true" if value else "false"
    if type_.is_handle:
        return "NULL"
    if type_.is_int and value == type_.min and type_.bits >= 32:
        return f"INT{type_.bits}_MIN"
    suffix = {("int", 64): "LL", ("uint", 64): "ULL", ("uint", 32): "U"}.get((type_.kind, type_.bits), "")
    return f"{value}{suffix}"


def float_text(value: float, *, double: bool) -> str:
    """The shortest decimal that reads back as `value`."""
    if math.isnan(value):
        return "(double)NAN" if double else "NAN"
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}{'(double)' if double else ''}INFINITY"
    if double:
        return repr(value)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if FLOAT32.round(float(text)) == value:
            break
    return f"{text if any(c in text for c in '.en') else text + '.0'}f"
