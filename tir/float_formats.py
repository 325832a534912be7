"""The binary float formats narrower than 32 bits: one table, from which every backend's conversions follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FloatFormat:
    """A sign, an exponent and a mantissa; of all patterns with the greatest exponent, some are no finite numbers.

    Attributes
    ----------
    exponent, mantissa: bits of each.
    bias: what is subtracted from the exponent.
    infinite: whether the greatest exponent is that of infinities and NaNs, as IEEE 754 has it. Without, it is that of
        finite numbers, and what is too great becomes NaN: all bits but the sign set, or what would be -0 if `fnuz`.
    fnuz: whether zero has no sign ("finite, NaN, unsigned zero").
    """

    exponent: int
    mantissa: int
    bias: int
    infinite: bool = True
    fnuz: bool = False

    @property
    def width(self) -> int:
        """Bits of a number."""
        return 1 + self.exponent + self.mantissa

    @property
    def dropped(self) -> int:
        """Bits of a 32-bit float's mantissa that the format has not."""
        return 23 - self.mantissa

    @property
    def magnitude(self) -> int:
        """The mask of all bits but the sign."""
        return (1 << (self.width - 1)) - 1

    @property
    def top(self) -> int:
        """The pattern of the greatest exponent and no mantissa: of infinity, where there is one."""
        return ((1 << self.exponent) - 1) << self.mantissa

    @property
    def nan(self) -> int:
        """The pattern that NaN becomes."""
        if self.fnuz:
            return 1 << (self.width - 1)
        return self.top | 1 << (self.mantissa - 1) if self.infinite else self.magnitude

    @property
    def overflow(self) -> int:
        """The pattern that what is too great becomes."""
        return self.top if self.infinite else self.nan

    @property
    def last(self) -> int:
        """The pattern of the greatest finite number."""
        return self.top - 1 if self.infinite else self.magnitude - (not self.fnuz)

    @property
    def greatest(self) -> float:
        """The greatest finite number."""
        exponent, mantissa = divmod(self.last, 1 << self.mantissa)
        return (1 + mantissa * 2.0**-self.mantissa) * 2.0 ** (exponent - self.bias)

    @property
    def least_normal(self) -> float:
        """The least number with all digits."""
        return 2.0 ** (1 - self.bias)


FORMATS: dict[str, FloatFormat] = {
    "float16": FloatFormat(5, 10, 15),
    "bfloat16": FloatFormat(8, 7, 127),
    "float8_e3m4": FloatFormat(3, 4, 3),
    "float8_e4m3": FloatFormat(4, 3, 7),
    "float8_e4m3b11fnuz": FloatFormat(4, 3, 11, infinite=False, fnuz=True),
    "float8_e4m3fn": FloatFormat(4, 3, 7, infinite=False),
    "float8_e4m3fnuz": FloatFormat(4, 3, 8, infinite=False, fnuz=True),
    "float8_e5m2": FloatFormat(5, 2, 15),
    "float8_e5m2fnuz": FloatFormat(5, 2, 16, infinite=False, fnuz=True),
}
"""The formats by the names of their types; those of 8 bits in the order of DLPack."""

FLOAT8 = tuple(name for name, form in FORMATS.items() if form.width == 8)
"""The names of those of 8 bits."""
