"""Constants and conversions: Python values as expressions, and expressions of one type as expressions of another."""

from __future__ import annotations

from typing import Any

from .dtype import BOOL, DType, dtype
from .errors import UserError, said
from .expr import Broadcast, Cast, Expr, FloatImm, IntImm, StringImm


def const(value: Any, dtype_: Any = None) -> Expr:
    """The constant `value` of type `dtype_` (default: bool, int32 or float32 by the value; int64 if too big).

    A vector type gives the broadcast constant. Floats are rounded to the type.

    Raises
    ------
    UserError: the value does not fit the type.
    """
    if type(value) is int and type(dtype_) is DType and dtype_.is_integral and dtype_.lanes == 1:
        if dtype_.min <= value <= dtype_.max:
            return IntImm(dtype_, value)
    if dtype_ is None:
        if isinstance(value, bool):
            dtype_ = "bool"
        elif isinstance(value, int):
            dtype_ = "int32" if -(2**31) <= value < 2**31 else "int64"
        else:
            dtype_ = getattr(value, "dtype", "float32")
    target = dtype(dtype_)
    if target.lanes > 1:
        return Broadcast(const(value, target.element), target.lanes)
    if target.is_float:
        return FloatImm(target, target.round(value))
    if target.is_bool:
        return IntImm(target, int(bool(value)))
    if target.is_integral:
        if isinstance(value, float) and not value.is_integer():
            raise UserError(
                f"the constant {value!r} is not an integer, as {target} asks; write T.cast or T.float32(...)"
            )
        if not target.min <= value <= target.max:
            raise UserError(f"the constant {value!r} does not fit {target}, which holds {target.min} to {target.max}")
        return IntImm(target, int(value))
    if target.is_handle and value in (0, None):
        return IntImm(target, 0)
    raise UserError(f"there is no constant of type {target}")


def as_expr(value: Any, like: DType | None = None) -> Expr:
    """`value` as an expression; a Python number takes the type `like` where it can be exact in it.

    Raises
    ------
    UserError: `value` is neither an expression nor a number.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool):
        return const(value, BOOL)
    if isinstance(value, int):
        element = like.element if like is not None else None
        if element is not None and (element.is_float or element.is_integral):
            return const(value, element)
        return const(value)
    if isinstance(value, float):
        return const(value, like.element if like is not None and like.is_float else None)
    if isinstance(value, str):
        return StringImm(value)
    if hasattr(value, "to_expr"):
        return value.to_expr()
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return const(value.item(), str(value.dtype))
    raise UserError(f"expected an expression or a number, got {said(value)}")


def cast(value: Any, target: Any) -> Expr:
    """`value` converted to the type `target`, with constants folded; a scalar cast to a vector type is broadcast."""
    value = as_expr(value)
    target = dtype(target)
    if value.dtype == target:
        return value
    if target.lanes > 1 and value.dtype.lanes == 1:
        return Broadcast(cast(value, target.element), target.lanes)
    if value.dtype.lanes != target.lanes:
        raise UserError(f"cannot cast {value.dtype} to {target}: the numbers of lanes differ")
    if isinstance(value, IntImm) and (target.is_float or target.is_bool or target.is_integral):
        number = value.value
        if target.is_integral and not target.min <= number <= target.max:
            number = wrap(number, target)
        return const(number, target)
    if isinstance(value, FloatImm) and target.is_float:
        return const(value.value, target)
    return Cast(target, value)


def wrap(value: int, target: DType) -> int:
    """The integer congruent to `value` that fits the integer type `target` (two's complement)."""
    value &= (1 << target.bits) - 1
    return value - (1 << target.bits) if target.is_int and value >> (target.bits - 1) else value


TRUE = const(True, BOOL)
FALSE = const(False, BOOL)
