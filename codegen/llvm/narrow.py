"""Narrow floats by bit arithmetic on 32-bit floats: rounding to them, packing them for memory and reading them back.

Rounding is to nearest, ties to even, as `ml_dtypes` does it: beyond the range formats that have infinities give one,
and those that have none NaN. A vector of lanes is handled like a scalar throughout.
"""

from __future__ import annotations

from ...tir.dtype import DType
from ...tir.float_formats import FORMATS, FloatFormat
from .function import FunctionBuilder
from .types import float_text, splat, suffix, vector


class Narrow:
    """Emits the conversions for values of `lanes` lanes."""

    def __init__(self, fb: FunctionBuilder, dtype: DType) -> None:
        self.fb, self.name, self.lanes = fb, str(dtype.element), dtype.lanes
        self.f32, self.i32 = vector("float", self.lanes), vector("i32", self.lanes)

    def round(self, value: str) -> str:
        """The 32-bit float equal to `value` rounded to the type."""
        if self.name == "float16":
            half = vector("half", self.lanes)
            return self.fb.let(f"fpext {half} {self.fb.let(f'fptrunc {self.f32} {value} to {half}')} to {self.f32}")
        if self.name == "bfloat16":
            bits = self.bits(value)
            return self.select_nan(value, self.float(self.op("and", self.nearest(bits, 16), -0x10000)))
        return self.round_small(value, FORMATS[self.name])

    def pack(self, value: str) -> str:
        """The bits of a value already rounded to the type, in the type it has in memory."""
        if self.name == "float16":
            return self.fb.let(f"fptrunc {self.f32} {value} to {vector('half', self.lanes)}")
        bits = self.bits(value)
        if self.name == "bfloat16":
            return self.trunc(self.op("lshr", bits, 16), "i16")
        form = FORMATS[self.name]
        # Scaled down by the difference of the biases, the value's bits are the packed ones, a mantissa further up,
        # subnormals included: the product is exact.
        magnitude = self.op("and", bits, 0x7FFFFFFF)
        scaled = self.bits(self.fop("fmul", self.float(magnitude), self.f(2.0 ** (form.bias - 127))))
        packed = self.op("lshr", scaled, 23 - form.mantissa)
        special = self.fb.let(f"fcmp uno {self.f32} {value}, {value}")
        packed = self.choose(special, self.i(form.nan), packed, self.i32)
        if form.infinite:
            infinity = self.fb.let(f"icmp eq {self.i32} {magnitude}, {self.i(0x7F800000)}")
            packed = self.choose(infinity, self.i(form.top), packed, self.i32)
        sign = self.op("and", self.op("lshr", bits, 32 - form.width), 1 << (form.width - 1))
        if form.fnuz:
            # A zero has no sign, and NaN is what would be -0.
            signed = self.fb.let(f"fcmp one {self.f32} {value}, {self.f(0.0)}")
            sign = self.choose(signed, sign, self.i(0), self.i32)
        return self.trunc(self.op("or", packed, sign), "i8")

    def unpack(self, stored: str) -> str:
        """The 32-bit float that the bits in memory stand for."""
        if self.name == "float16":
            return self.fb.let(f"fpext {vector('half', self.lanes)} {stored} to {self.f32}")
        narrow = "i16" if self.name == "bfloat16" else "i8"
        bits = self.fb.let(f"zext {vector(narrow, self.lanes)} {stored} to {self.i32}")
        if self.name == "bfloat16":
            return self.float(self.op("shl", bits, 16))
        form = FORMATS[self.name]
        magnitude = self.op("and", bits, form.magnitude)
        shifted = self.float(self.op("shl", magnitude, 23 - form.mantissa))
        value = self.bits(self.fop("fmul", shifted, self.f(2.0 ** (127 - form.bias))))
        if form.infinite:
            special = self.fb.let(f"icmp uge {self.i32} {magnitude}, {self.i(form.top)}")
            mantissa = self.op("shl", self.op("and", magnitude, (1 << form.mantissa) - 1), 23 - form.mantissa)
            value = self.choose(special, self.op("or", mantissa, 0x7F800000), value, self.i32)
        else:
            special = self.fb.let(f"icmp eq {self.i32} {bits if form.fnuz else magnitude}, {self.i(form.nan)}")
            value = self.choose(special, self.i(0x7FC00000), value, self.i32)
        sign = self.op("shl", self.op("and", bits, 1 << (form.width - 1)), 32 - form.width)
        return self.float(self.op("or", value, sign))

    def round_small(self, value: str, form: FloatFormat) -> str:
        bits = self.bits(value)
        magnitude = self.op("and", bits, 0x7FFFFFFF)
        normal = self.op("and", self.nearest(magnitude, 23 - form.mantissa), -(1 << (23 - form.mantissa)))
        # Adding 2^23 units of the least subnormal rounds to a multiple of it.
        shift = self.f(2.0**23 * form.least_normal * 2.0**-form.mantissa)
        absolute = self.float(magnitude)
        small = self.fop("fsub", self.fop("fadd", absolute, shift), shift)
        tiny = self.fb.let(f"fcmp olt {self.f32} {absolute}, {self.f(form.least_normal)}")
        rounded = self.choose(tiny, small, self.float(normal), self.f32)
        beyond = self.fb.let(f"fcmp ogt {self.f32} {rounded}, {self.f(form.greatest)}")
        limit = self.float(self.i(0x7F800000 if form.infinite else 0x7FC00000))
        rounded = self.choose(beyond, limit, rounded, self.f32)
        sign = self.op("and", bits, -(1 << 31))
        if form.fnuz:
            zero = self.fb.let(f"fcmp oeq {self.f32} {rounded}, {self.f(0.0)}")
            sign = self.choose(zero, self.i(0), sign, self.i32)
        return self.select_nan(value, self.float(self.op("or", self.bits(rounded), sign)))

    def next(self, value: str, towards: str) -> str:
        """The next number of the type after `value` in the direction of `towards`."""
        narrow = vector("i8" if self.name.startswith("float8") else "i16", self.lanes)
        stored = self.pack(value)
        if self.name == "float16":
            stored = self.fb.let(f"bitcast {vector('half', self.lanes)} {stored} to {narrow}")
        bits = self.fb.let(f"zext {narrow} {stored} to {self.i32}")
        width = 8 if self.name.startswith("float8") else 16
        # Patterns of one sign are ordered as the numbers are; one step away from zero adds 1, one towards it takes 1.
        grows = self.fb.let(f"fcmp olt {self.f32} {value}, {towards}")
        negative = self.fb.let(f"fcmp olt {self.f32} {value}, {self.f(0.0)}")
        i1 = vector("i1", self.lanes)
        step = self.choose(self.fb.let(f"xor {i1} {grows}, {negative}"), self.i(1), self.i(-1), self.i32)
        stepped = self.fb.let(f"add {self.i32} {bits}, {step}")
        zero = self.fb.let(f"fcmp oeq {self.f32} {value}, {self.f(0.0)}")
        least = self.choose(grows, self.i(1), self.i(1 << (width - 1) | 1), self.i32)
        moved = self.trunc(self.choose(zero, least, stepped, self.i32), f"i{width}")
        if self.name == "float16":
            moved = self.fb.let(f"bitcast {narrow} {moved} to {vector('half', self.lanes)}")
        unpacked = self.unpack(moved)
        if self.name in FORMATS and FORMATS[self.name].fnuz:
            # From the least negative number on goes 0, whose pattern with a sign is NaN's.
            last = self.fb.let(f"icmp eq {self.i32} {bits}, {self.i(1 << (width - 1) | 1)}")
            ends = self.fb.let(f"and {i1} {last}, {grows}")
            unpacked = self.choose(ends, self.f(0.0), unpacked, self.f32)
        equal = self.fb.let(f"fcmp oeq {self.f32} {value}, {towards}")
        unordered = self.fb.let(f"fcmp uno {self.f32} {value}, {towards}")
        nan = self.fop("fadd", value, towards)
        return self.choose(unordered, nan, self.choose(equal, towards, unpacked, self.f32), self.f32)

    def nearest(self, bits: str, dropped: int) -> str:
        """`bits` plus what makes truncating the lowest `dropped` bits round to nearest, ties to even."""
        odd = self.op("and", self.op("lshr", bits, dropped), 1)
        return self.fb.let(
            f"add {self.i32} {self.fb.let(f'add {self.i32} {bits}, {odd}')}, {self.i((1 << (dropped - 1)) - 1)}"
        )

    def select_nan(self, value: str, otherwise: str) -> str:
        nan = self.fb.let(f"fcmp uno {self.f32} {value}, {value}")
        quiet = self.op("or", self.op("and", self.bits(value), -(1 << 31)), 0x7FC00000)
        return self.choose(nan, self.float(quiet), otherwise, self.f32)

    def i(self, value: int) -> str:
        return str(value) if self.lanes == 1 else splat(str(value), self.i32)

    def f(self, value: float) -> str:
        text = float_text(value, double=False)
        return text if self.lanes == 1 else splat(text, self.f32)

    def op(self, name: str, a: str, b: str | int) -> str:
        return self.fb.let(f"{name} {self.i32} {a}, {b if isinstance(b, str) else self.i(b)}")

    def fop(self, name: str, a: str, b: str) -> str:
        return self.fb.let(f"{name} {self.f32} {a}, {b}")

    def bits(self, value: str) -> str:
        return self.fb.let(f"bitcast {self.f32} {value} to {self.i32}")

    def float(self, bits: str) -> str:
        return self.fb.let(f"bitcast {self.i32} {bits} to {self.f32}")

    def trunc(self, bits: str, narrow: str) -> str:
        return self.fb.let(f"trunc {self.i32} {bits} to {vector(narrow, self.lanes)}")

    def choose(self, condition: str, a: str, b: str, llvm_type: str) -> str:
        return self.fb.let(f"select {vector('i1', self.lanes)} {condition}, {llvm_type} {a}, {llvm_type} {b}")


def round_double_to_odd(fb: FunctionBuilder, value: str, lanes: int) -> str:
    """A double as a 32-bit float, rounded to odd: rounding that once more to a narrower type rounds correctly."""
    f32, f64, i32 = vector("float", lanes), vector("double", lanes), vector("i32", lanes)
    i1 = vector("i1", lanes)

    def i(number: int) -> str:
        return str(number) if lanes == 1 else splat(str(number), i32)

    near = fb.let(f"fptrunc {f64} {value} to {f32}")
    back = fb.let(f"fpext {f32} {near} to {f64}")
    inexact = fb.let(f"fcmp one {f64} {back}, {value}")
    bits = fb.let(f"bitcast {f32} {near} to {i32}")
    fabs = fb.module.intrinsic(f"llvm.fabs.{suffix(f64)}", f64, f64)
    over = fb.let(
        f"fcmp ogt {f64} {fb.let(f'call {f64} @{fabs}({f64} {back})')}, {fb.let(f'call {f64} @{fabs}({f64} {value})')}"
    )
    down = fb.let(f"sub {i32} {bits}, {fb.let(f'zext {i1} {over} to {i32}')}")
    odd = fb.let(f"or {i32} {down}, {i(1)}")
    chosen = fb.let(f"select {i1} {inexact}, {i32} {odd}, {i32} {bits}")
    return fb.let(f"bitcast {i32} {chosen} to {f32}")
