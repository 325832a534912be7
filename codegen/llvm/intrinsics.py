"""Calls as LLVM instructions: a rule for each intrinsic, and calls of functions in the module or outside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...tir.dtype import DType, dtype
from ...tir.errors import LowerError
from ...tir.expr import Broadcast, Call, Expr, GlobalVar, IntImm, const
from ..operands import element_of
from ..runtime import codes
from .function import FunctionBuilder
from .narrow import Narrow, round_double_to_odd
from .types import is_narrow_float, memory_type, register_type, splat, suffix, vector

if TYPE_CHECKING:
    from .expr import ExprEmitter

# Intrinsics that LLVM has under another or the same name, for floats of any number of lanes.
_LLVM_FLOAT = {
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "trunc": "trunc",
    "round": "round",
    "nearbyint": "roundeven",
    "copysign": "copysign",
    "exp": "exp",
    "exp2": "exp2",
    "exp10": "exp10",
    "log": "log",
    "log2": "log2",
    "log10": "log10",
    "sin": "sin",
    "cos": "cos",
    "pow": "pow",
}

# Intrinsics that the C library has, called lane by lane.
_LIBM = {
    name: name
    for name in (
        "expm1", "log1p", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2",
        "hypot", "nextafter", "fmod", "erf",
    )
}  # fmt: skip

_BITWISE = {"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor"}

Rule = Callable[["CallEmitter", Call], str]


class CallEmitter:
    """Emits calls into one function."""

    def __init__(self, fb: FunctionBuilder, exprs: ExprEmitter) -> None:
        self.fb, self.exprs = fb, exprs

    def __call__(self, node: Call) -> str:
        if isinstance(node.op, GlobalVar):
            return self.call_function(node)
        name = node.op.name
        if node.dtype.is_float and (name in _LLVM_FLOAT or name in _LIBM):
            return self.float_function(name, node)
        rule = RULES.get(name)
        if rule is None:
            raise LowerError(f"T.{name} has no code for this target", node)
        return rule(self, node)

    def args(self, node: Call) -> list[str]:
        return [self.exprs(arg) for arg in node.args]

    def overloaded(self, name: str, kind: str, *args: str, flags: str = "") -> str:
        """A call of the LLVM intrinsic `name` on operands of one type."""
        callee = self.fb.module.intrinsic(f"llvm.{name}.{suffix(kind)}", kind, *([kind] * len(args)))
        return self.fb.let(f"call {flags}{kind} @{callee}({', '.join(f'{kind} {a}' for a in args)})")

    def float_function(self, name: str, node: Call) -> str:
        kind, args = register_type(node.dtype), self.args(node)
        if name == "nextafter" and is_narrow_float(node.dtype):
            return Narrow(self.fb, node.dtype).next(*args)
        if name in _LLVM_FLOAT:
            value = self.overloaded(_LLVM_FLOAT[name], kind, *args)
        else:
            value = self.each_lane(_LIBM[name], node.dtype, args)
        return self.exprs.rounded(value, node.dtype)

    def each_lane(self, name: str, type_: DType, args: list[str]) -> str:
        """The C function `name` applied lane by lane."""
        kind, element = register_type(type_), register_type(type_.element)
        callee = name if element == "double" else f"{name}f"
        self.fb.module.declare(callee, element, ", ".join([element] * len(args)), " nounwind willreturn memory(none)")
        if type_.lanes == 1:
            return self.fb.let(f"call {element} @{callee}({', '.join(f'{element} {a}' for a in args)})")
        out = "poison"
        for i in range(type_.lanes):
            lane = [self.fb.let(f"extractelement {kind} {a}, i64 {i}") for a in args]
            value = self.fb.let(f"call {element} @{callee}({', '.join(f'{element} {a}' for a in lane)})")
            out = self.fb.let(f"insertelement {kind} {out}, {element} {value}, i64 {i}")
        return out

    def one(self, type_: DType) -> str:
        return self.exprs.constant_of(1.0, type_ if type_.bits == 64 else dtype("float32").with_lanes(type_.lanes))

    def rsqrt(self, node: Call) -> str:
        kind = register_type(node.dtype)
        root = self.overloaded("sqrt", kind, *self.args(node))
        return self.exprs.rounded(self.fb.let(f"fdiv {kind} {self.one(node.dtype)}, {root}"), node.dtype)

    def sigmoid(self, node: Call) -> str:
        kind = register_type(node.dtype)
        negated = self.fb.let(f"fneg {kind} {self.args(node)[0]}")
        power = self.overloaded("exp", kind, negated)
        below = self.fb.let(f"fadd {kind} {power}, {self.one(node.dtype)}")
        return self.exprs.rounded(self.fb.let(f"fdiv {kind} {self.one(node.dtype)}, {below}"), node.dtype)

    def fma(self, node: Call) -> str:
        a, b, c = self.args(node)
        kind = register_type(node.dtype)
        if not is_narrow_float(node.dtype):
            return self.overloaded("fma", kind, a, b, c)
        # The product is exact in double. The sum is rounded to odd, so that rounding it again is rounding once.
        lanes = node.dtype.lanes
        f64, i64, i1 = vector("double", lanes), vector("i64", lanes), vector("i1", lanes)
        a, b, c = (self.fb.let(f"fpext {kind} {v} to {f64}") for v in (a, b, c))
        product = self.fb.let(f"fmul {f64} {a}, {b}")
        total = self.fb.let(f"fadd {f64} {product}, {c}")
        part = self.fb.let(f"fsub {f64} {total}, {product}")
        rest = self.fb.let(f"fsub {f64} {total}, {part}")
        error = self.fb.let(
            f"fadd {f64} {self.fb.let(f'fsub {f64} {product}, {rest}')}, {self.fb.let(f'fsub {f64} {c}, {part}')}"
        )
        zero = "0.0" if lanes == 1 else "zeroinitializer"
        inexact = self.fb.let(f"fcmp one {f64} {error}, {zero}")
        bits = self.fb.let(f"bitcast {f64} {total} to {i64}")
        # Rounded away from zero: the error has the other sign than the sum.
        signs = self.fb.let(f"xor {i64} {bits}, {self.fb.let(f'bitcast {f64} {error} to {i64}')}")
        away = self.fb.let(f"icmp slt {i64} {signs}, {'0' if lanes == 1 else 'zeroinitializer'}")
        down = self.fb.let(f"sub {i64} {bits}, {self.fb.let(f'zext {i1} {away} to {i64}')}")
        odd = self.fb.let(f"or {i64} {down}, {'1' if lanes == 1 else splat('1', i64)}")
        chosen = self.fb.let(f"select {i1} {inexact}, {i64} {odd}, {i64} {bits}")
        wide = self.fb.let(f"bitcast {i64} {chosen} to {f64}")
        return Narrow(self.fb, node.dtype).round(round_double_to_odd(self.fb, wide, lanes))

    def classify(self, node: Call) -> str:
        name = node.op.name
        kind = register_type(node.args[0].dtype)
        (value,) = self.args(node)
        if name == "isnan":
            return self.fb.let(f"fcmp uno {kind} {value}, {value}")
        magnitude = self.overloaded("fabs", kind, value)
        infinity = "0x7FF0000000000000"
        infinity = splat(infinity, kind) if kind.startswith("<") else infinity
        return self.fb.let(f"fcmp {'oeq' if name == 'isinf' else 'olt'} {kind} {magnitude}, {infinity}")

    def absolute(self, node: Call) -> str:
        kind = register_type(node.dtype)
        (value,) = self.args(node)
        if node.dtype.is_float:
            return self.overloaded("fabs", kind, value)
        if not node.dtype.is_int:
            return value
        callee = self.fb.module.intrinsic(f"llvm.abs.{suffix(kind)}", kind, kind, "i1")
        return self.exprs.wrapped(self.fb.let(f"call {kind} @{callee}({kind} {value}, i1 false)"), node.dtype)

    def bitwise(self, node: Call) -> str:
        a, b = self.args(node)
        return self.fb.let(f"{_BITWISE[node.op.name]} {register_type(node.dtype)} {a}, {b}")

    def bitwise_not(self, node: Call) -> str:
        (value,) = self.args(node)
        kind = register_type(node.dtype)
        ones = splat("-1", kind) if node.dtype.lanes > 1 else ("true" if node.dtype.is_bool else "-1")
        return self.exprs.wrapped(self.fb.let(f"xor {kind} {value}, {ones}"), node.dtype)

    def shift(self, node: Call) -> str:
        a, b = self.args(node)
        kind, type_ = register_type(node.dtype), node.dtype
        if not isinstance(node.args[1], IntImm):
            good = self.fb.let(f"icmp ult {kind} {b}, {self.exprs.constant_of(min(type_.bits, type_.max), type_)}")
            message = self.fb.module.message(f"a {type_.bits}-bit integer is shifted by less than 0 or too many bits")
            self.fb.fail_unless(self.exprs.all_lanes(good, type_.lanes), message)
        if node.op.name == "shift_left":
            return self.exprs.wrapped(self.fb.let(f"shl {kind} {a}, {b}"), type_)
        return self.fb.let(f"{'ashr' if type_.is_int else 'lshr'} {kind} {a}, {b}")

    def popcount(self, node: Call) -> str:
        return self.overloaded("ctpop", register_type(node.dtype), self.unsigned_bits(node))

    def clz(self, node: Call) -> str:
        kind = register_type(node.dtype)
        callee = self.fb.module.intrinsic(f"llvm.ctlz.{suffix(kind)}", kind, kind, "i1")
        zeros = self.fb.let(f"call {kind} @{callee}({kind} {self.unsigned_bits(node)}, i1 false)")
        if node.dtype.bits == 4:
            return self.fb.let(f"sub {kind} {zeros}, {self.exprs.constant_of(4, node.dtype)}")
        return zeros

    def unsigned_bits(self, node: Call) -> str:
        (value,) = self.args(node)
        if node.dtype.bits != 4:
            return value
        kind = register_type(node.dtype)
        return self.fb.let(f"and {kind} {value}, {'15' if node.dtype.lanes == 1 else splat('15', kind)}")

    def mulhi(self, node: Call) -> str:
        bits, lanes = node.dtype.bits, node.dtype.lanes
        kind, wide = register_type(node.dtype), vector(f"i{2 * max(8, bits)}", lanes)
        extend = "sext" if node.dtype.is_int else "zext"
        a, b = (self.fb.let(f"{extend} {kind} {v} to {wide}") for v in self.args(node))
        product = self.fb.let(f"mul {wide} {a}, {b}")
        amount = str(bits) if lanes == 1 else splat(str(bits), wide)
        high = self.fb.let(f"{'ashr' if node.dtype.is_int else 'lshr'} {wide} {product}, {amount}")
        return self.exprs.wrapped(self.fb.let(f"trunc {wide} {high} to {kind}"), node.dtype)

    def integer_pow(self, node: Call) -> str:
        a, b = self.args(node)
        type_, lanes = node.dtype, node.dtype.lanes
        kind, element = register_type(type_), register_type(type_.element)
        if type_.is_int and not _at_least_zero(node.args[1]):
            zero, bits = self.exprs.constant_of(0, type_), vector("i1", lanes)
            base, power = self.fb.let(f"icmp ne {kind} {a}, {zero}"), self.fb.let(f"icmp sge {kind} {b}, {zero}")
            good = self.exprs.all_lanes(self.fb.let(f"or {bits} {base}, {power}"), lanes)
            self.fb.fail_unless(good, self.fb.module.message("0 to a negative power has no value"))
        callee = _define_integer_pow(self.fb, element, type_.is_int)
        if lanes == 1:
            return self.exprs.wrapped(self.fb.let(f"call {element} {callee}({element} {a}, {element} {b})"), type_)
        out = "poison"
        for i in range(lanes):
            x, y = (self.fb.let(f"extractelement {kind} {v}, i64 {i}") for v in (a, b))
            value = self.fb.let(f"call {element} {callee}({element} {x}, {element} {y})")
            out = self.fb.let(f"insertelement {kind} {out}, {element} {value}, i64 {i}")
        return self.exprs.wrapped(out, type_)

    def reinterpret(self, node: Call) -> str:
        (arg,) = node.args
        memory = self.exprs.memory
        stored = memory.to_memory(self.exprs(arg), arg.dtype)
        a, b = memory_type(arg.dtype), memory_type(node.dtype)
        if arg.dtype.bits * arg.dtype.lanes != node.dtype.bits * node.dtype.lanes:
            raise LowerError(f"T.reinterpret from {arg.dtype} to {node.dtype}: the widths differ", node)
        cast = "inttoptr" if b == "ptr" and a != "ptr" else "ptrtoint" if a == "ptr" and b != "ptr" else "bitcast"
        bits = stored if a == b else self.fb.let(f"{cast} {a} {stored} to {b}")
        return memory.from_memory(bits, node.dtype)

    def likely(self, node: Call) -> str:
        return str(self.exprs(node.args[0]))

    def if_then_else(self, node: Call) -> str:
        condition, then, other = node.args
        if condition.dtype.lanes > 1:
            raise LowerError("T.if_then_else over lanes reached the backend", node)
        return self.exprs.branch_value(condition, then, other)

    def vector_reduce(self, node: Call) -> str:
        (arg,) = node.args
        kind, element = register_type(arg.dtype), register_type(node.dtype)
        value, name = self.exprs(arg), node.op.name.removeprefix("vector_reduce_")
        if node.dtype.is_float:
            if name == "add":
                callee = self.fb.module.intrinsic(f"llvm.vector.reduce.fadd.{suffix(kind)}", element, element, kind)
                total = self.fb.let(f"call reassoc {element} @{callee}({element} -0.0, {kind} {value})")
                return self.exprs.rounded(total, node.dtype)
            name = f"f{name}imum"
        elif name != "add":
            name = ("s" if node.dtype.is_int else "u") + name
        callee = self.fb.module.intrinsic(f"llvm.vector.reduce.{name}.{suffix(kind)}", element, kind)
        return self.exprs.wrapped(self.fb.let(f"call {element} @{callee}({kind} {value})"), node.dtype)

    def is_null(self, node: Call) -> str:
        return self.fb.let(f"icmp eq ptr {self.exprs(node.args[0])}, null")

    def undef(self, node: Call) -> str:
        return "zeroinitializer" if node.dtype.lanes > 1 else self.exprs.constant_of(0, node.dtype)

    def address_of(self, node: Call) -> str:
        load = element_of(node)
        return self.exprs.memory.address(load.buffer, load.indices[0] if load.indices else const(0))

    def access_ptr(self, node: Call) -> str:
        annotation, data, offset = node.args[:3]
        return self.fb.let(
            f"getelementptr {memory_type(annotation.dtype.element)}, ptr {self.exprs(data)}, "
            f"i64 {self.exprs.index(offset)}"
        )

    def atomic_add(self, node: Call) -> str:
        load, value, type_ = element_of(node), node.args[1], node.dtype
        if is_narrow_float(type_) or type_.bits < 8 or type_.lanes > 1:
            raise LowerError(f"T.atomic_add of {type_} has no code", node)
        at = self.exprs.memory.address(load.buffer, load.indices[0] if load.indices else const(0))
        self.fb.known.forget()
        operation = "fadd" if type_.is_float else "add"
        return self.fb.let(f"atomicrmw {operation} ptr {at}, {register_type(type_)} {self.exprs(value)} monotonic")

    def prefetch(self, node: Call) -> str:
        load = element_of(node)
        write, locality = (int(getattr(a, "value", 0)) for a in (*node.args[1:3], *[const(0), const(3)])[:2])
        at = self.exprs.memory.address(load.buffer, load.indices[0] if load.indices else const(0))
        callee = self.fb.module.intrinsic("llvm.prefetch.p0", "void", "ptr", "i32", "i32", "i32")
        self.fb.emit(f"call void @{callee}(ptr {at}, i32 {write}, i32 {locality}, i32 1)")
        return ""

    def assume(self, node: Call) -> str:
        """Checked in a sanitized module. LLVM is not told: were it wrong, the program could do anything."""
        if self.fb.module.sanitize:
            self.fb.fail_unless(self.exprs(node.args[0]), self.fb.module.message(codes.ASSUMED))
        return ""

    def call_foreign(self, node: Call) -> str:
        from .foreign import call_foreign

        return call_foreign(self.fb, self.exprs, node)

    def call_function(self, node: Call) -> str:
        from .calls import call_in_module

        return call_in_module(self.fb, self.exprs, node)


def _at_least_zero(node: Expr) -> bool:
    number = node.value if isinstance(node, Broadcast) else node
    return isinstance(number, IntImm) and number.value >= 0


def _define_integer_pow(fb: FunctionBuilder, kind: str, signed: bool) -> str:
    """The module's function that raises one integer to the power of another, by squaring, wrapping.

    A negative power of a signed base gives what the fraction 1 / base^n is truncated: 1, -1 or 0.
    """
    name = f"@tir.pow.{'s' if signed else 'u'}{kind}"
    negative = f"""  %below = icmp slt {kind} %power, 0
  br i1 %below, label %inverse, label %loop
inverse:
  %last = and {kind} %power, 1
  %even = icmp eq {kind} %last, 0
  %up = add {kind} %base, 1
  %unit = icmp ult {kind} %up, 3
  %kept = select i1 %unit, {kind} %base, {kind} 0
  %square1 = mul {kind} %kept, %kept
  %inverted = select i1 %even, {kind} %square1, {kind} %kept
  ret {kind} %inverted
"""
    text = f"""define internal {kind} {name}({kind} %base, {kind} %power) nounwind memory(none) {{
entry:
{negative if signed else "  br label %loop"}
loop:
  %square = phi {kind} [ %base, %entry ], [ %squared, %loop ]
  %left = phi {kind} [ %power, %entry ], [ %halved, %loop ]
  %product = phi {kind} [ 1, %entry ], [ %next, %loop ]
  %odd = trunc {kind} %left to i1
  %more = mul {kind} %product, %square
  %next = select i1 %odd, {kind} %more, {kind} %product
  %squared = mul {kind} %square, %square
  %halved = lshr {kind} %left, 1
  %done = icmp eq {kind} %halved, 0
  br i1 %done, label %out, label %loop
out:
  ret {kind} %next
}}"""
    if text not in fb.module.functions:
        fb.module.functions.append(text)
    return name


RULES: dict[str, Rule] = {
    "rsqrt": CallEmitter.rsqrt,
    "sigmoid": CallEmitter.sigmoid,
    "fma": CallEmitter.fma,
    **dict.fromkeys(("isnan", "isinf", "isfinite"), CallEmitter.classify),
    "abs": CallEmitter.absolute,
    "pow": CallEmitter.integer_pow,
    **dict.fromkeys(_BITWISE, CallEmitter.bitwise),
    "bitwise_not": CallEmitter.bitwise_not,
    **dict.fromkeys(("shift_left", "shift_right"), CallEmitter.shift),
    "popcount": CallEmitter.popcount,
    "clz": CallEmitter.clz,
    "mulhi": CallEmitter.mulhi,
    "reinterpret": CallEmitter.reinterpret,
    "likely": CallEmitter.likely,
    "if_then_else": CallEmitter.if_then_else,
    **dict.fromkeys((f"vector_reduce_{n}" for n in ("add", "min", "max")), CallEmitter.vector_reduce),
    "isnullptr": CallEmitter.is_null,
    "undef": CallEmitter.undef,
    "address_of": CallEmitter.address_of,
    "tvm_access_ptr": CallEmitter.access_ptr,
    "atomic_add": CallEmitter.atomic_add,
    "prefetch": CallEmitter.prefetch,
    "assume": CallEmitter.assume,
    **dict.fromkeys(
        ("call_extern", "call_pure_extern", "call_llvm_intrin", "call_llvm_pure_intrin"), CallEmitter.call_foreign
    ),
}
"""The code of each intrinsic that is not a plain function of floats."""
