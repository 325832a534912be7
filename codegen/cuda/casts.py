"""Conversions between scalar types: integers wrap, floats round once, float to integer truncates and saturates."""

from __future__ import annotations

from ...tir.dtype import DType
from ...tir.errors import LowerError
from ..c.writer import COMPARE, UNARY, Code
from .types import scalar

_NAMES = {("int", 32): "int", ("uint", 32): "uint", ("int", 64): "ll", ("uint", 64): "ull"}


def widened(x: Code, type_: DType) -> Code:
    """A narrow float as a `float`; others as they are."""
    return Code(f"float({x})") if type_.is_float and type_.bits < 32 else x


def to_float8(x: Code, type_: DType) -> Code:
    """A `float` or `double` rounded to an 8-bit float."""
    scalar(type_)  # refuses those that CUDA has not
    return Code(f"to_{type_.element}({x})")


def from_float(x: Code, type_: DType) -> Code:
    """A `float` rounded to a float type."""
    if type_.bits == 8:
        return to_float8(x, type_)
    return Code(f"{scalar(type_)}({x})") if type_.bits != 32 else x


def wrapped(x: Code, type_: DType) -> Code:
    """The result of integer arithmetic, which C++ does in `int` at least, in its type."""
    if not type_.is_integral or type_.bits >= 32:
        return x
    if type_.bits == 4:
        return Code(f"wrap_{type_.element}({x})")
    return Code(f"({scalar(type_)}){x.within(UNARY)}", UNARY)


def convert(x: Code, source: DType, target: DType) -> Code:
    """The scalar `x` of type `source` converted to `target`."""
    source, target = source.element, target.element
    if source == target:
        return x
    if source.is_handle or target.is_handle:
        if source.is_handle and target.is_handle:
            return x
        raise LowerError(f"a {source} cannot be converted to a {target} on a GPU")
    if target.is_bool:
        zero = "0" if source.bits >= 32 or not source.is_float else "0.0f"
        return Code(f"{widened(x, source).within(COMPARE + 1)} != {zero}", COMPARE)
    if source.is_float and target.is_integral:
        return _truncated(x, source, target)
    if target.is_integral:
        return wrapped(x, target) if target.bits < 32 else Code(f"({scalar(target)}){x.within(UNARY)}", UNARY)
    if target.bits == 8:
        if source.is_float:
            return to_float8(x if source.bits == 64 else widened(x, source), target)
        return to_float8(Code(f"double({x})"), target)
    if source.is_float and source.bits < 32 and target.bits < 32:
        x = widened(x, source)
    return Code(f"{scalar(target)}({x})")


def _truncated(x: Code, source: DType, target: DType) -> Code:
    x = widened(x, source)
    wide = "double" if source.bits == 64 else "float"
    if target.bits >= 32:
        return Code(f"__{wide}2{_NAMES[target.kind, target.bits]}_rz({x})")
    value = Code(f"__{wide}2int_rz({x})")
    return Code(f"({scalar(target)})min(max({value}, {int(target.min)}), {int(target.max)})", UNARY)
