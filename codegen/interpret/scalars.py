"""What scalar operations mean where Python's own differ: rounding, division, shifts, conversions."""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ...tir.dtype import dtype
from ...tir.expr import wrap
from ...tir.float_formats import FORMATS
from ...tir.meanings import sticky

_SINGLE = struct.Struct("<f")
_BITS = struct.Struct("<I")
_HALF = struct.Struct("<e")
_SHORT = struct.Struct("<H")


class Fault(Exception):
    """A program did something wrong. The interpreter turns it into a RunError, which adds where and with which values.

    nodes: what to underline instead of the statement that failed.
    hint: what would be legal.
    """

    def __init__(self, message: str, *nodes: Any, hint: str = "") -> None:
        super().__init__(message)
        self.nodes = nodes
        self.hint = hint


@lru_cache(maxsize=16)
def decode_table(name: str) -> list[float]:
    """The number each bit pattern of a float type of at most 16 bits stands for."""
    import numpy as np

    element = dtype(name)
    bits = np.arange(1 << element.bits, dtype=f"uint{element.bits}")
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return bits.view(element.numpy).astype(np.float64).tolist()


@lru_cache(maxsize=16)
def encoder(name: str) -> Callable[[float], int]:
    """The function from a double to the bits of the nearest number of a float type, ties to even."""
    return {"float16": encode_half, "bfloat16": encode_bfloat}.get(name) or _small_encoder(name)


def encode_half(x: float) -> int:
    """The bits of the float16 nearest to `x`, ties to even, beyond the range an infinity."""
    try:
        return _SHORT.unpack(_HALF.pack(x))[0]
    except OverflowError:
        return 0x7C00 if x > 0 else 0xFC00


def encode_bfloat(x: float) -> int:
    """The bits of the bfloat16 nearest to `x`, ties to even, beyond the range an infinity."""
    if x != x:
        return 0x7FC0
    try:
        packed = _SINGLE.pack(x)
    except OverflowError:
        return 0x7F80 if x > 0 else 0xFF80
    (bits,) = _BITS.unpack(packed)
    (near,) = _SINGLE.unpack(packed)
    if near != x:
        # Rounding twice goes wrong where the first lands on a tie; truncating with a sticky last bit cannot.
        if abs(near) > abs(x):
            bits -= 1
        bits |= 1
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def _small_encoder(name: str) -> Callable[[float], int]:
    """For a float type of 8 bits: by bisection among its 128 non-negative patterns."""
    table = decode_table(name)
    finite = [x for x in table[:128] if math.isfinite(x)]
    step = finite[-1] - finite[-2]
    form = FORMATS[name]
    midpoints = [(a + b) / 2 for a, b in zip(finite, [*finite[1:], finite[-1] + step])]

    def encode(x: float) -> int:
        if x != x:
            return form.nan
        sign = 0x80 if math.copysign(1.0, x) < 0 else 0
        magnitude = abs(x)
        above = bisect_right(midpoints, magnitude)
        if above and midpoints[above - 1] == magnitude and (above - 1) % 2 == 0:
            above -= 1
        if above >= len(finite):
            return form.overflow if form.fnuz else sign | form.overflow
        return above if form.fnuz and not above else sign | above

    return encode


def truncdiv(x: int, y: int) -> int:
    """The quotient rounded towards zero. Raises ZeroDivisionError."""
    return x // y if (x < 0) == (y < 0) else -(-x // y)


def truncmod(x: int, y: int) -> int:
    """The remainder of `truncdiv`, with the sign of `x`. Raises ZeroDivisionError."""
    return x - y * truncdiv(x, y)


def divide(x: float, y: float) -> float:
    """The quotient of doubles as IEEE 754 has it, division by zero included."""
    if y:
        return x / y
    if x != x or y != y or not x:
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def float_mod(x: float, y: float) -> float:
    """C's fmod: the remainder with the sign of `x`; NaN where there is none."""
    if not y or x != x or y != y or math.isinf(x):
        return math.nan
    return math.fmod(x, y)


def float_floormod(x: float, y: float) -> float:
    """The remainder with the sign of `y`, as Python's `%` has it; NaN where there is none."""
    if not y or x != x or y != y or math.isinf(x):
        return math.nan
    return x % y


def floor(x: float) -> float:
    """The greatest integer not above `x`, as a float; infinities and NaN as they are."""
    return math.copysign(float(math.floor(x)), x) if math.isfinite(x) else x


def shift_left(x: int, y: int, bits: int) -> int:
    """`x << y` before wrapping. Raises Fault unless 0 <= y < bits."""
    if 0 <= y < bits:
        return x << y
    raise Fault(f"an integer of {bits} bits is shifted left by {y} bits; 0 to {bits - 1} are legal")


def shift_right(x: int, y: int, bits: int) -> int:
    """`x >> y`. Raises Fault unless 0 <= y < bits."""
    if 0 <= y < bits:
        return x >> y
    raise Fault(f"an integer of {bits} bits is shifted right by {y} bits; 0 to {bits - 1} are legal")


def float_to_int(x: float, low: int, high: int) -> int:
    """`x` truncated and saturated to `low` ... `high`; 0 for NaN."""
    if x != x:
        return 0
    if x <= low:
        return low
    return high if x >= high else int(x)


def int_to_float(x: int, target: str) -> float:
    """The number of a float type nearest to an integer beyond 2**53, rounded once.

    The result is a double that rounding to the type leaves alone or rounds correctly.
    """
    return float(x) if target == "float64" else sticky(x)


def wrap_to(x: int, target: str) -> int:
    """The integer congruent to `x` that fits the integer type `target`."""
    return wrap(x, dtype(target))


def fail(message: str) -> None:
    """Raise Fault with `message`."""
    raise Fault(message)


def missing(name: str) -> None:
    """Raise Fault: there is no implementation of the C function `name`."""
    raise Fault(
        f"the interpreter has no implementation of the external function {name!r}",
        hint="give it one with tensorir.codegen.interpreter.register_extern",
    )


class Return(Exception):
    """Leaves a function; `args[0]` is its value."""


@lru_cache(maxsize=64)
def reinterpreter(source: str, target: str) -> Callable[[tuple[Any, ...]], list[Any]]:
    """The function that reads the bits of numbers of type `source` as numbers of type `target`."""
    import numpy as np

    old, new = dtype(source), dtype(target)

    def reinterpret(values: tuple[Any, ...]) -> list[Any]:
        with np.errstate(all="ignore"):
            bits = np.array(values, dtype=np.float64 if old.is_float else old.numpy).astype(old.numpy)
            out = bits.view(new.numpy)
            return (out.astype(np.float64) if new.is_float else out).tolist()

    return reinterpret
