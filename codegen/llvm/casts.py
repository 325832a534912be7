"""Conversions between data types: integers wrap, floats round, float to integer truncates and saturates, NaN to 0."""

from __future__ import annotations

from ...tir.dtype import DType, dtype
from ...tir.errors import LowerError
from .function import FunctionBuilder
from .narrow import Narrow, round_double_to_odd
from .types import is_narrow_float, register_type, splat, suffix, vector


def convert(fb: FunctionBuilder, value: str, source: DType, target: DType) -> str:
    """`value` of type `source` converted to `target`; both have the same number of lanes."""
    a, b = register_type(source), register_type(target)
    lanes = source.lanes
    if source == target:
        return value
    if source.is_handle or target.is_handle:
        return _pointer(fb, value, source, target)
    if target.is_bool:
        zero = "zeroinitializer" if lanes > 1 else ("0.0" if source.is_float else "0")
        return fb.let(f"{'fcmp une' if source.is_float else 'icmp ne'} {a} {value}, {zero}")
    if source.is_float:
        return _from_float(fb, value, source, target)
    signed = source.is_int
    if target.is_float:
        convert_to = f"{'si' if signed else 'ui'}tofp"
        if is_narrow_float(target) and source.bits >= 32:
            wide = vector("double", lanes)
            exact = _few_digits(fb, value, source) if source.bits == 64 else value
            double = fb.let(f"{convert_to} {a} {exact} to {wide}")
            return Narrow(fb, target).round(round_double_to_odd(fb, double, lanes))
        converted = fb.let(f"{convert_to} {a} {value} to {b}")
        return Narrow(fb, target).round(converted) if is_narrow_float(target) else converted
    width, wanted = (1 if source.is_bool else max(8, source.bits)), max(8, target.bits)
    if wanted > width:
        value = fb.let(f"{'sext' if signed else 'zext'} {a} {value} to {b}")
    elif wanted < width:
        value = fb.let(f"trunc {a} {value} to {b}")
    if target.bits == 4 and not source.is_bool:
        shift = "4" if lanes == 1 else splat("4", b)
        value = fb.let(f"shl {b} {value}, {shift}")
        value = fb.let(f"{'ashr' if target.is_int else 'lshr'} {b} {value}, {shift}")
    return value


def _few_digits(fb: FunctionBuilder, value: str, source: DType) -> str:
    """A 64-bit integer of at most 53 digits that rounds to any narrow float as `value` does.

    Where it has more, the lowest 12 bits become one that says whether any of them was set.
    """
    a, i1, lanes = register_type(source), vector("i1", source.lanes), source.lanes

    def constant(number: int) -> str:
        return str(number) if lanes == 1 else splat(str(number), a)

    low = fb.let(f"and {a} {value}, {constant(0xFFF)}")
    some = fb.let(f"icmp ne {a} {low}, {constant(0)}")
    sticky = fb.let(f"select {i1} {some}, {a} {constant(0x800)}, {a} {constant(0)}")
    rounded = fb.let(f"or {a} {fb.let(f'and {a} {value}, {constant(-0x1000)}')}, {sticky}")
    shifted = fb.let(f"add {a} {value}, {constant(1 << 52)}") if source.is_int else value
    large = fb.let(f"icmp ugt {a} {shifted}, {constant(1 << 53)}")
    return fb.let(f"select {i1} {large}, {a} {rounded}, {a} {value}")


def _from_float(fb: FunctionBuilder, value: str, source: DType, target: DType) -> str:
    a, b, lanes = register_type(source), register_type(target), source.lanes
    if target.is_float:
        if is_narrow_float(target):
            single = value
            if source.bits == 64:
                single = round_double_to_odd(fb, value, lanes)
            return Narrow(fb, target).round(single)
        if source.bits == 64:
            return fb.let(f"fptrunc {a} {value} to {b}")
        return fb.let(f"fpext {a} {value} to {b}") if target.bits == 64 else value
    sign = "s" if target.is_int else "u"
    name = fb.module.intrinsic(f"llvm.fpto{sign}i.sat.{suffix(b)}.{suffix(a)}", b, a)
    out = fb.let(f"call {b} @{name}({a} {value})")
    if target.bits == 4:
        for bound, limit in (("max", target.min), ("min", target.max)):
            clamp = fb.module.intrinsic(f"llvm.{sign}{bound}.{suffix(b)}", b, b, b)
            edge = str(int(limit)) if lanes == 1 else splat(str(int(limit)), b)
            out = fb.let(f"call {b} @{clamp}({b} {out}, {b} {edge})")
    return out


def _pointer(fb: FunctionBuilder, value: str, source: DType, target: DType) -> str:
    if source.is_handle and target.is_integral:
        return convert(fb, fb.let(f"ptrtoint ptr {value} to i64"), dtype("uint64"), target)
    if target.is_handle and source.is_integral:
        wide = convert(fb, value, source, dtype("uint64"))
        return fb.let(f"inttoptr i64 {wide} to ptr")
    raise LowerError(f"a {source} cannot be converted to a {target}")
