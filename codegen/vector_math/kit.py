"""What the rules are written with: named intermediate values, constants of the type, fused multiply-add, bits."""

from __future__ import annotations

from collections.abc import Sequence

from ...tir import op
from ...tir.dtype import DType, dtype
from ...tir.expr import Add, Broadcast, Cast, Expr, Let, Mul, Select, Sub, Var, const


class Kit:
    """Builds one expression over values of one floating-point type, 32 or 64 bits wide, of any number of lanes.

    Attributes
    ----------
    type: the type. bits: its width. mantissa: explicit digits of its mantissa. bias: of its exponent.
    fma: whether `x * y + z` is rounded once (by hardware); otherwise it is a product and a sum.
    """

    def __init__(self, type_: DType, fma: bool) -> None:
        self.type, self.fma = type_, fma
        self.bits, self.lanes = type_.bits, type_.lanes
        self.mantissa, self.bias = (23, 127) if self.bits == 32 else (52, 1023)
        self.integer = dtype(f"int{self.bits}").with_lanes(self.lanes)
        self.bindings: list[tuple[Var, Expr]] = []

    def let(self, value: Expr, name: str = "t") -> Expr:
        """A name for a value that is used more than once."""
        if isinstance(value, Var):
            return value
        var = Var(name, value.dtype)
        self.bindings.append((var, value))
        return var

    def close(self, result: Expr) -> Expr:
        """`result` inside the definitions of the names."""
        for var, value in reversed(self.bindings):
            result = Let(var, value, result)
        return result

    def double(self) -> Kit:
        """A kit over 64-bit floats of as many lanes, whose names are this one's."""
        other = Kit(dtype("float64").with_lanes(self.lanes), self.fma)
        other.bindings = self.bindings
        return other

    def f(self, value: float) -> Expr:
        """A constant of the type."""
        return self.spread(const(value, self.type.element))

    def i(self, value: int) -> Expr:
        """A constant of the integer type as wide."""
        return self.spread(const(value, self.integer.element))

    def spread(self, scalar: Expr) -> Expr:
        return scalar if self.lanes == 1 else Broadcast(scalar, self.lanes)

    def mad(self, x: Expr, y: Expr, z: Expr) -> Expr:
        """`x * y + z`."""
        return op.call("fma", x, y, z) if self.fma else Add(Mul(x, y), z)

    def horner(self, x: Expr, coefficients: Sequence[float]) -> Expr:
        """The polynomial with these coefficients, the constant one first."""
        total = self.f(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            total = self.mad(total, x, self.f(c))
        return total

    def choose(self, condition: Expr, a: Expr, b: Expr) -> Expr:
        """`a` where `condition` holds, else `b`."""
        return Select(condition, a, b)

    def as_int(self, x: Expr) -> Expr:
        """The bits of a float."""
        return op.call("reinterpret", x, dtype_=self.integer)

    def as_float(self, x: Expr) -> Expr:
        """The float with these bits."""
        return op.call("reinterpret", x, dtype_=self.type)

    def power_of_two(self, n: Expr) -> Expr:
        """2 to the power of an integer whose result is a normal number."""
        return self.as_float(op.call("shift_left", Add(n, self.i(self.bias)), self.i(self.mantissa)))

    def nearest(self, x: Expr, scale: float) -> tuple[Expr, Expr]:
        """The integer nearest to `x * scale`, below 2^(mantissa - 2) in magnitude, as a float and as an integer."""
        # Adding 1.5 * 2^mantissa leaves no room for a fraction, and the integer in the lowest bits.
        magic = self.f(1.5 * 2.0**self.mantissa)
        shifted = self.let(self.mad(x, self.f(scale), magic))
        return self.let(Sub(shifted, magic), "n"), self.let(Sub(self.as_int(shifted), self.as_int(magic)), "k")

    def abs(self, x: Expr) -> Expr:
        """The magnitude."""
        return op.call("abs", x)

    def with_sign(self, magnitude: Expr, sign: Expr) -> Expr:
        """`magnitude` with the sign of `sign`."""
        return op.call("copysign", magnitude, sign)

    def call(self, name: str, *args: Expr) -> Expr:
        """An intrinsic that the processor has: sqrt, floor, ..."""
        return op.call(name, *args)

    def cast(self, x: Expr) -> Expr:
        """`x` converted to the type."""
        return x if x.dtype == self.type else Cast(self.type, x)
