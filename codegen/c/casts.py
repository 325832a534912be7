"""Conversions between scalar types: integers wrap, floats round once, float to integer truncates and saturates."""

from __future__ import annotations

from ...tir.dtype import DType
from ...tir.errors import LowerError
from .types import is_narrow, value_type
from .writer import COMPARE, UNARY, Code


def convert(x: Code, source: DType, target: DType) -> Code:
    """The scalar `x` of type `source` converted to `target`."""
    if source == target:
        return x
    kind = value_type(target)
    if source.is_handle or target.is_handle:
        return _pointer(x, source, target)
    if target.is_bool:
        return Code(f"{x.within(COMPARE + 1)} != 0", COMPARE)
    if source.is_float and target.is_integral:
        return Code(f"{target}_from_double({x})")
    if target.bits == 4 and target.is_integral:
        return x if source.is_bool else Code(f"wrap_{target}({Code(f'(int){x.within(UNARY)}')})")
    if not is_narrow(target):
        return Code(f"({kind}){x.within(UNARY)}", UNARY) if kind != value_type(source) else x
    if source.is_float:
        return Code(f"round_{'double_' if source.bits == 64 else ''}{target}({x})")
    if source.bits == 64:
        return Code(f"round_double_{target}(few_digits_{source}({x}))")
    return Code(f"round_double_{target}((double){x.within(UNARY)})")


def _pointer(x: Code, source: DType, target: DType) -> Code:
    if source.is_handle and target.is_integral and target.bits > 4:
        return Code(f"({value_type(target)})(uintptr_t){x.within(UNARY)}", UNARY)
    if target.is_handle and source.is_integral:
        return Code(f"(void *)(uintptr_t){x.within(UNARY)}", UNARY)
    raise LowerError(f"a {source} cannot be converted to a {target}")
