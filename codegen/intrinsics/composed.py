"""Intrinsics that stand for an expression of others, which takes their place where a target has nothing better."""

from __future__ import annotations

from collections.abc import Callable

from ...tir import op
from ...tir.dtype import FLOAT32, FLOAT64, INT64, DType
from ...tir.expr import LT, Add, Call, Cast, Expr, Let, Max, Min, Mul, Select, Sub, Var, const
from ...tir.mixed import constant_of
from ..target import Target
from ..vector_math.kit import Kit
from .instructions import dots


def ldexp(x: Expr, n: Expr) -> Expr:
    """`x * 2**n`, rounded once: by a product with a power of two that is exact in a wider type where there is one.

    In 64 bits there are three products. Only the last rounds, since each of the first two moves by less than the
    exponents that are left, and of those that become denormal early what is kept suffices (as musl's scalbn does).
    """
    type_, lanes = x.dtype, x.dtype.lanes
    if type_.bits < 32:
        return Cast(type_, ldexp(Cast(FLOAT32.with_lanes(lanes), x), n))
    kit = Kit(FLOAT64.with_lanes(lanes), fma=False)
    left = kit.let(Cast(kit.integer, n), "n")
    if type_.bits == 32:
        # From the least denormal to past the greatest number are 277 steps, within which the product is exact.
        bounded = Max(kit.i(-300), Min(kit.i(300), left))
        return Cast(type_, kit.close(Mul(kit.cast(x), kit.power_of_two(bounded))))
    value = kit.let(x, "x")
    for _ in range(2):
        above, below = LT(kit.i(1023), left), LT(left, kit.i(-1022))
        step = kit.let(Select(above, kit.i(1023), Select(below, kit.i(-969), kit.i(0))), "step")
        value, left = kit.let(Mul(value, kit.power_of_two(step)), "x"), kit.let(Sub(left, step), "n")
    bounded = Max(kit.i(-1022), Min(kit.i(1023), left))
    return kit.close(Mul(value, kit.power_of_two(bounded)))


def q_multiply_shift(x: Expr, y: Expr, q: Expr, s: Expr) -> Expr:
    """`x * y * 2**(s - q)` of fixed-point numbers, in 64 bits, halves rounded up."""
    by, zero = constant_of(s), const(0, s.dtype)
    left, right = (
        (Max(s, zero), Max(Sub(zero, s), zero)) if by is None else (const(max(v, 0), s.dtype) for v in (by, -by))
    )
    return _shifted_product(x, y, left, _sum(q, right))


def q_multiply_shift_per_axis(x: Expr, y: Expr, ls: Expr, rs: Expr, q: Expr, left: Expr, right: Expr) -> Expr:
    """`q_multiply_shift` by `ls` bits to the left and `rs` to the right; `left` and `right` tell which are required."""
    return _shifted_product(
        x, y, ls if constant_of(left) else const(0, ls.dtype), _sum(q, rs) if constant_of(right) else q
    )


def _shifted_product(x: Expr, y: Expr, left: Expr, right: Expr) -> Expr:
    """`((x << left) * y + (1 << right - 1)) >> right` in 64 bits, wrapping, of operands and a result of 32."""
    result, wide = x.dtype, INT64.with_lanes(x.dtype.lanes)
    x, y = Cast(wide, x), Cast(wide, y)
    if constant_of(left) != 0:
        x = op.call("shift_left", x, _amount(left, wide))
    by, one = _amount(right, wide), const(1, wide)
    known = constant_of(by)
    if known is not None:
        return Cast(result, op.call("shift_right", Add(Mul(x, y), const(1 << known - 1, wide)), by))
    held = Var("by", wide)
    half = op.call("shift_left", one, Sub(held, one))
    return Let(held, by, Cast(result, op.call("shift_right", Add(Mul(x, y), half), held)))


def _amount(e: Expr, wide: DType) -> Expr:
    known = constant_of(e)
    return Cast(wide, e) if known is None else const(known, wide)


def _sum(a: Expr, b: Expr) -> Expr:
    known = constant_of(a), constant_of(b)
    return Add(a, b) if None in known else const(sum(filter(None, known)), a.dtype)


def dp4a(vec1: Expr, vec2: Expr, acc: Expr) -> Expr:
    """`acc` plus the sum of the products of the lanes, wrapping."""
    return dots(vec1.dtype.element, vec2.dtype.element, 4)(acc, vec1, vec2)


COMPOSED: dict[str, Callable[..., Expr]] = {
    "ldexp": ldexp,
    "q_multiply_shift": q_multiply_shift,
    "q_multiply_shift_per_axis": q_multiply_shift_per_axis,
    "dp4a": dp4a,
}
"""The expression that a call stands for, of its operands."""


def is_native(call: Call, target: Target) -> bool:
    """Whether the target has code of its own for a call of one of `COMPOSED`."""
    if call.op.name == "ldexp":
        return target.is_gpu or (target.kind == "c" and call.dtype.lanes == 1)
    return call.op.name == "dp4a" and target.is_gpu and call.args[0].dtype == call.args[1].dtype
