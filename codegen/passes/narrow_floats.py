"""Narrow floats in terms of 32-bit ones: rounding, packing and unpacking as expressions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...tir import expr as ex
from ...tir.dtype import FLOAT32, FLOAT64, DType, dtype
from ...tir.expr import Call, Cast, Expr, FloatImm, Let, Select, Var, const
from ...tir.float_formats import FORMATS
from ...tir.op import intrinsic

UINT32 = dtype("uint32")
INFINITY, QUIET, SIGN = 0x7F800000, 0x7FC00000, 0x80000000
"""Bit patterns of 32-bit floats: infinity, a quiet NaN, the sign."""


def bits_of(name: str) -> DType:
    """The unsigned integer type as wide as a narrow float type."""
    return dtype(f"uint{FORMATS[name].width}")


def named(value: Expr, body: Callable[[Any], Expr]) -> Expr:
    """`body` of a value that it uses more than once."""
    if isinstance(value, (Var, FloatImm)):
        return body(value)
    var = Var("x", value.dtype)
    return Let(var, value, body(var))


def _op(name: str, *args: Expr) -> Expr:
    return Call(args[0].dtype, intrinsic(name), args)


def _and(a: Expr, mask: int) -> Expr:
    return _op("bitwise_and", a, const(mask, a.dtype))


def _or(a: Expr, b: Expr | int) -> Expr:
    return _op("bitwise_or", a, const(b, a.dtype) if isinstance(b, int) else b)


def _shift(a: Expr, by: int) -> Expr:
    """Shifted left, or right where `by` is negative."""
    return _op("shift_left" if by > 0 else "shift_right", a, const(abs(by), a.dtype)) if by else a


def _bits(x: Expr) -> Expr:
    return Call(UINT32.with_lanes(x.dtype.lanes), intrinsic("reinterpret"), (x,))


def _float(bits: Expr) -> Expr:
    return Call(FLOAT32.with_lanes(bits.dtype.lanes), intrinsic("reinterpret"), (bits,))


def rounded(value: Expr, name: str) -> Expr:
    """The 32-bit float that a 32-bit float is rounded to in the type `name`, ties to even."""
    form = FORMATS[name]

    def of(x: Expr) -> Expr:
        sign = _and(_bits(x), SIGN)
        if form.fnuz:
            return Select(
                ex.NE(x, x), _float(_or(sign, QUIET)), named(named(magnitude(x), limited), partial(signed, sign))
            )
        return Select(ex.NE(x, x), _float(_or(sign, QUIET)), _float(_or(_bits(named(magnitude(x), limited)), sign)))

    def signed(sign: Expr, near: Expr) -> Expr:
        return Select(ex.EQ(near, const(0, near.dtype)), near, _float(_or(_bits(near), sign)))

    def magnitude(x: Expr) -> Expr:
        return _float(_and(_bits(x), SIGN - 1))

    def limited(x: Expr) -> Expr:
        # Adding half of the last place kept, less one where that place is even, makes truncation round to nearest.
        bits = _bits(x)
        odd = _and(_shift(bits, -form.dropped), 1)
        sum_ = ex.Add(ex.Add(bits, odd), const((1 << (form.dropped - 1)) - 1, bits.dtype))
        near = _float(_and(sum_, (1 << 32) - (1 << form.dropped)))
        if form.bias < 127:
            # Below the normal range, adding 2**23 units of the least subnormal rounds to a multiple of it.
            least = form.least_normal
            unit = const(2.0**23 * least * 2.0**-form.mantissa, x.dtype)
            near = Select(ex.LT(x, const(least, x.dtype)), ex.Sub(ex.Add(x, unit), unit), near)
            limit = _float(const(INFINITY if form.infinite else QUIET, bits.dtype))
            return named(near, lambda y: Select(ex.GT(y, const(form.greatest, x.dtype)), limit, y))
        return near

    return named(value, of)


def packed(value: Expr, name: str) -> Expr:
    """The bits in the type `name` of a 32-bit float that is one of its numbers."""
    form = FORMATS[name]
    target = bits_of(name).with_lanes(value.dtype.lanes)
    if form.bias == 127:
        return Cast(target, _shift(_bits(value), -form.dropped))

    def of(x: Expr) -> Expr:
        bits = _bits(x)
        magnitude = _and(bits, SIGN - 1)
        # Scaled by the difference of the biases the number has the packed bits, a mantissa further up: subnormals too.
        scaled = ex.Mul(_float(magnitude), const(2.0 ** (form.bias - 127), x.dtype))
        inner = _shift(_bits(scaled), -form.dropped)
        if form.infinite:
            infinite = ex.EQ(magnitude, const(INFINITY, bits.dtype))
            inner = Select(infinite, const(form.top, bits.dtype), inner)
        inner = Select(ex.NE(x, x), const(form.nan, bits.dtype), inner)
        sign = _and(_shift(bits, form.width - 32), 1 << (form.width - 1))
        if form.fnuz:
            sign = Select(ex.And(ex.GT(magnitude, const(0, bits.dtype)), ex.EQ(x, x)), sign, const(0, bits.dtype))
        return Cast(target, _or(inner, sign))

    return named(value, of)


def unpacked(stored: Expr, name: str) -> Expr:
    """The 32-bit float that bits of the type `name` stand for."""
    form = FORMATS[name]
    wide = UINT32.with_lanes(stored.dtype.lanes)
    if form.bias == 127:
        return _float(_shift(Cast(wide, stored), form.dropped))

    def of(bits: Expr) -> Expr:
        magnitude = _and(bits, form.magnitude)
        lifted = _float(_shift(magnitude, form.dropped))
        value = _bits(ex.Mul(lifted, const(2.0 ** (127 - form.bias), lifted.dtype)))
        if form.infinite:
            mantissa = _shift(_and(bits, (1 << form.mantissa) - 1), form.dropped)
            value = Select(ex.GE(magnitude, const(form.top, bits.dtype)), _or(mantissa, INFINITY), value)
        else:
            known = bits if form.fnuz else magnitude
            value = Select(ex.EQ(known, const(form.nan, bits.dtype)), const(QUIET, bits.dtype), value)
        sign = _shift(_and(bits, 1 << (form.width - 1)), 32 - form.width)
        return _float(_or(value, sign))

    return named(Cast(wide, stored), of)


def from_double(value: Expr) -> Expr:
    """A 64-bit float as a 32-bit one, rounded to odd: rounding that once more to a narrower type rounds correctly."""

    def of(x: Expr) -> Expr:
        return named(Cast(FLOAT32.with_lanes(x.dtype.lanes), x), lambda near: odd(x, near))

    def odd(x: Expr, near: Expr) -> Expr:
        back = Cast(x.dtype, near)
        over = ex.GT(_op("abs", back), _op("abs", x))
        down = ex.Sub(_bits(near), Cast(UINT32.with_lanes(x.dtype.lanes), over))
        # A number beyond all finite ones, or NaN, has no last place to make odd.
        inexact = ex.And(ex.NE(back, x), ex.EQ(x, x))
        return Select(inexact, _float(_or(down, 1)), near)

    return named(value, of)


def from_integer(value: Expr) -> Expr:
    """An integer as a 32-bit float that rounds to any narrower type correctly."""
    t = value.dtype
    wide = FLOAT64.with_lanes(t.lanes)
    if t.is_bool or t.bits <= 16:
        return Cast(FLOAT32.with_lanes(t.lanes), value)
    if t.bits <= 32:
        return from_double(Cast(wide, value))

    def of(x: Expr) -> Expr:
        # More digits than a double has: the lowest 11 become one that tells whether any of them is set.
        rest = ex.NE(_and(x, 0x7FF), const(0, t))
        high = _or(_shift(x, -11), Cast(t, rest))
        return Select(small(x), Cast(wide, x), ex.Mul(Cast(wide, high), const(2048.0, wide)))

    def small(x: Expr) -> Expr:
        below = ex.LT(x, const(1 << 53, t))
        return below if t.is_uint else ex.And(below, ex.GT(x, const(-(1 << 53), t)))

    return from_double(named(value, of))
