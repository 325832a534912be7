"""What the pure intrinsics mean: their values on Python numbers."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from .dtype import INT64, DType
from .errors import UserError
from .expr import wrap


def total(f: Callable[..., float], *, pole: Callable[..., float] | None = None) -> Callable[..., float]:
    """`f` with IEEE results where Python's math raises: NaN outside the domain, an infinity on overflow."""

    def evaluate(*args: float) -> float:
        if any(math.isnan(a) for a in args):
            return math.nan
        try:
            return f(*args)
        except ValueError:
            return pole(*args) if pole else math.nan
        except (OverflowError, ZeroDivisionError):
            return pole(*args) if pole else math.inf

    return evaluate


def log_pole(x: float) -> float:
    """A logarithm where it has no finite value."""
    return -math.inf if x == 0 else math.nan


def odd_overflow(x: float) -> float:
    """What an odd function that overflows gives."""
    return math.copysign(math.inf, x)


def atanh_pole(x: float) -> float:
    """The inverse hyperbolic tangent outside (-1, 1)."""
    return math.copysign(math.inf, x) if abs(x) == 1 else math.nan


def power(x: float, y: float) -> float:
    """x to the power y, in double arithmetic."""
    import numpy as np

    with np.errstate(all="ignore"):
        return float(np.power(np.float64(x), np.float64(y)))


def round_away(x: float) -> float:
    """The nearest integer, halves away from zero."""
    return x if not math.isfinite(x) else math.copysign(math.floor(abs(x) + 0.5) if abs(x) < 2**52 else abs(x), x)


def keep_sign(f: Callable[[float], int]) -> Callable[[float], float]:
    """A rounding whose zeros keep the sign of what is rounded, and that leaves NaN and infinities as they are."""
    return lambda x: math.copysign(float(f(x)), x) if math.isfinite(x) else x


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow on the way."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def rsqrt(x: float) -> float:
    """1 / sqrt(x), an infinity of the sign of a zero."""
    return math.copysign(math.inf, x) if x == 0 else 1.0 / math.sqrt(x)


def q_multiply_shift(x: int, y: int, q: int, s: int) -> int:
    """x * y * 2**(s - q) in 64-bit arithmetic, halves rounded up; x is shifted left, or the product right."""
    return q_multiply_shift_per_axis(x, y, max(s, 0), max(-s, 0), q, True, True)


def q_multiply_shift_per_axis(x: int, y: int, ls: int, rs: int, q: int, left: bool, right: bool) -> int:
    """x * y * 2**(ls - rs - q) in 64-bit arithmetic, halves rounded up, with those of the shifts that are asked for."""
    ls, rs = ls if left else 0, q + (rs if right else 0)
    if not (0 <= ls <= 63 and 1 <= rs <= 63):
        raise UserError(f"a product of 64 bits is shifted to the left by {ls} and to the right by {rs} bits")
    return wrap(wrap((x << ls) * y, INT64) + (1 << (rs - 1)), INT64) >> rs


def _bits(result: DType, x: int) -> int:
    return int(x) & ((1 << result.bits) - 1)


def _next(result: DType, x: float, y: float) -> float:
    import numpy as np

    with np.errstate(all="ignore"):
        return float(np.nextafter(result.numpy.type(x), result.numpy.type(y)))


def _fma(result: DType, x: float, y: float, z: float) -> float:
    from fractions import Fraction

    if not all(map(math.isfinite, (x, y, z))):
        return x * y + z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact == 0:
        return x * y + z
    return _round_fraction(exact, result)


def _round_fraction(exact: Any, result: DType) -> float:
    """The float of type `result` nearest to a rational, ties to even."""
    if abs(exact) > 2**1100:
        return math.copysign(math.inf, exact)
    if result.bits == 64:
        try:
            return float(exact)
        except OverflowError:
            return math.copysign(math.inf, exact)
    return result.round(sticky(exact))


def sticky(exact: Any) -> float:
    """A double beside a rational or an integer, from which rounding to a narrower type gives what rounding it would.

    Where the nearest double is not exact its last bit is odd, so that the second rounding cannot tie.
    """
    near = float(exact)
    if near != exact:
        (pattern,) = struct.unpack("<q", struct.pack("<d", near))
        if not pattern & 1:
            near = math.nextafter(near, math.inf if exact > near else -math.inf)
    return near


def _power_of_type(result: DType, x: Any, y: Any) -> Any:
    if result.is_float:
        return result.round(power(x, y))
    if y >= 0:
        return wrap(pow(x, y, 1 << result.bits), result)
    if x == 0:
        raise UserError("T.pow of 0 to a negative power has no value")
    return (-1 if x < 0 and y % 2 else 1) if abs(x) == 1 else 0


BY_TYPE: dict[str, Callable[..., Any]] = {
    "nextafter": _next,
    "fma": _fma,
    "popcount": lambda result, x: _bits(result, x).bit_count(),
    "clz": lambda result, x: result.bits - _bits(result, x).bit_length(),
    "mulhi": lambda result, x, y: wrap((x * y) >> result.bits, result),
    "pow": _power_of_type,
}
"""Meanings that depend on the type."""
