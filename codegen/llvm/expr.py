"""Expressions as LLVM instructions: arithmetic, comparisons, vectors and casts."""

from __future__ import annotations

from typing import Any

from ...tir import expr as E
from ...tir.buffer import BufferLoad
from ...tir.dtype import DType
from ...tir.errors import InternalError, LowerError
from ...tir.expr import Broadcast, Call, Cast, Expr, FloatImm, IntImm, Let, Ramp, Select, Shuffle, Var
from ...tir.op import Effect, Intrinsic
from ...tir.visit import Visitor
from . import casts
from .function import FunctionBuilder
from .intrinsics import CallEmitter
from .memory import Aliasing, Memory
from .narrow import Narrow
from .types import float_text, is_narrow_float, register_type, splat, suffix

_ARITH = {E.Add: "add", E.Sub: "sub", E.Mul: "mul"}
_COMPARE = {E.EQ: "eq", E.NE: "ne", E.LT: "lt", E.LE: "le", E.GT: "gt", E.GE: "ge"}
_DIVISIONS = (E.Div, E.Mod, E.FloorDiv, E.FloorMod)


class ExprEmitter(Visitor):
    """Emits expressions into one function; a call gives the operand (register or constant) that holds the value.

    Attributes
    ----------
    vars: the operand of each variable in scope. wide: the 64-bit operand of those integers that have one.
    """

    def __init__(self, fb: FunctionBuilder, aliasing: Aliasing) -> None:
        self.fb = fb
        self.vars: dict[Var, str] = {}
        self.wide: dict[Var, str] = {}
        self.stable: dict[Expr, bool] = {}
        self.memory = Memory(fb, self, aliasing)
        self.calls = CallEmitter(fb, self)

    def __call__(self, node: Any) -> Any:
        if type(node) is IntImm or type(node) is FloatImm:
            return constant(node)
        known = self.fb.memo.get(node)
        if known is not None:
            return known
        method = self.table.get(type(node))
        if method is None:
            raise LowerError(f"the backend has no code for a {type(node).__name__}", node)
        value = method(self, node)
        return self.fb.remember(node, value) if type(node) is not Var and self.is_stable(node) else value

    def is_stable(self, node: Expr) -> bool:
        """Whether computing the expression again gives the same value: it reads no memory and has no effects."""
        known = self.stable.get(node)
        if known is None:
            fixed = not isinstance(node, BufferLoad)
            if isinstance(node, Call):
                fixed = isinstance(node.op, Intrinsic) and node.op.effect is Effect.PURE
            known = self.stable[node] = fixed and all(map(self.is_stable, node.children()))
        return known

    def is_safe(self, node: Expr) -> bool:
        """Whether the expression may be computed where its value is not asked for: it cannot fault and is cheap."""
        if isinstance(node, (BufferLoad, Call)) or (isinstance(node, _DIVISIONS) and not node.dtype.is_float):
            return False
        return all(map(self.is_safe, node.children()))

    def pointer(self, data: Var) -> str:
        """The operand of a pointer."""
        found = self.vars.get(data)
        if found is None:
            raise InternalError(f"the pointer {data.name} reached the backend undefined")
        return found

    def index(self, node: Expr) -> str:
        """The value of a scalar integer expression as an i64 operand.

        Index arithmetic is done in 64 bits: an index whose exact value does not fit its type has no meaning, so the
        wider result is the same one, and addresses need no sign extension in between.
        """
        if isinstance(node, IntImm):
            return str(node.value)
        key = ("index", node)
        known = self.fb.memo.get(key)
        if known is not None:
            return known
        value = self.wide_value(node)
        return self.fb.remember(key, value) if self.is_stable(node) else value

    def wide_value(self, node: Any) -> str:
        if isinstance(node, Var) and node in self.wide:
            return self.wide[node]
        if node.dtype.is_index:
            cls = type(node)
            if cls in _ARITH:
                return self.fb.let(f"{_ARITH[cls]} nsw i64 {self.index(node.a)}, {self.index(node.b)}")
            if cls in _DIVISIONS:
                return self.integer_division(cls, "i64", True, self.index(node.a), self.index(node.b), node.b)
            if cls in (E.Min, E.Max):
                name = f"llvm.s{cls.__name__.lower()}.i64"
                self.fb.module.intrinsic(name, "i64", "i64", "i64")
                return self.fb.let(f"call i64 @{name}(i64 {self.index(node.a)}, i64 {self.index(node.b)})")
            if cls is Cast and node.value.dtype.is_index and node.dtype.bits >= node.value.dtype.bits:
                return self.index(node.value)
        value = self(node)
        dtype = node.dtype
        if dtype.is_int and dtype.bits == 4:
            return self.fb.let(f"sext i8 {value} to i64")
        if dtype.bits >= 64:
            return value
        return self.fb.let(f"{'sext' if dtype.is_int else 'zext'} {register_type(dtype)} {value} to i64")

    def visit_var(self, node: Var) -> str:
        found = self.vars.get(node)
        if found is not None:
            return found
        wide = self.wide.get(node)
        if wide is None:
            raise InternalError(f"the variable {node.name} reached the backend undefined")
        if node.dtype.bits == 64:
            return wide
        return self.fb.memo.get(node) or self.fb.remember(
            node, self.fb.let(f"trunc i64 {wide} to {register_type(node.dtype)}")
        )

    def visit_buffer_load(self, node: BufferLoad) -> str:
        return self.memory.load(node)

    def visit_add(self, node: E.Add) -> str:
        return self.arith(node)

    def visit_sub(self, node: E.Sub) -> str:
        return self.arith(node)

    def visit_mul(self, node: E.Mul) -> str:
        return self.arith(node)

    def arith(self, node: Any) -> str:
        name, dtype, kind = _ARITH[type(node)], node.dtype, register_type(node.dtype)
        a, b = self(node.a), self(node.b)
        if dtype.is_float:
            return self.rounded(self.fb.let(f"f{name}{self.flags(dtype)} {kind} {a}, {b}"), dtype)
        return self.wrapped(self.fb.let(f"{name} {kind} {a}, {b}"), dtype)

    @staticmethod
    def flags(dtype: DType) -> str:
        """Fast-math flags: a product and a sum of it may become one fused operation, nothing else."""
        return "" if is_narrow_float(dtype) else " contract"

    def rounded(self, value: str, dtype: DType) -> str:
        """The result of an operation in 32-bit floats, rounded if the type is narrower."""
        return Narrow(self.fb, dtype).round(value) if is_narrow_float(dtype) else value

    def wrapped(self, value: str, dtype: DType) -> str:
        """The result of an operation in bytes, wrapped to 4 bits if the type has them."""
        if dtype.bits != 4:
            return value
        kind = register_type(dtype)
        shift = self.constant_of(4, dtype)
        up = self.fb.let(f"shl {kind} {value}, {shift}")
        return self.fb.let(f"{'ashr' if dtype.is_int else 'lshr'} {kind} {up}, {shift}")

    def constant_of(self, value: int | float, dtype: DType) -> str:
        """A constant in every lane of `dtype`'s register."""
        scalar: str = self(E.const(value, dtype.element))
        return scalar if dtype.lanes == 1 else splat(scalar, register_type(dtype))

    def visit_div(self, node: E.Div) -> str:
        return self.division(node)

    def visit_mod(self, node: E.Mod) -> str:
        return self.division(node)

    def visit_floor_div(self, node: E.FloorDiv) -> str:
        return self.division(node)

    def visit_floor_mod(self, node: E.FloorMod) -> str:
        return self.division(node)

    def division(self, node: Any) -> str:
        dtype, kind = node.dtype, register_type(node.dtype)
        a, b = self(node.a), self(node.b)
        if dtype.is_float:
            return self.float_division(node, a, b)
        return self.wrapped(self.integer_division(type(node), kind, dtype.is_int, a, b, node.b), dtype)

    def float_division(self, node: Any, a: str, b: str) -> str:
        """The rounded quotient, its floor, C's fmod, or Python's `%`."""
        cls, dtype, kind = type(node), node.dtype, register_type(node.dtype)
        if cls in (E.Mod, E.FloorMod):
            remainder = self.calls.each_lane("fmod", dtype, [a, b])
            return remainder if cls is E.Mod else self.rounded(self.signed_as(remainder, b, dtype), dtype)
        quotient = self.rounded(self.fb.let(f"fdiv {kind} {a}, {b}"), dtype)
        return quotient if cls is E.Div else self.calls.overloaded("floor", kind, quotient)

    def signed_as(self, remainder: str, b: str, dtype: DType) -> str:
        """The remainder of a division by `b`, moved to the sign of `b`."""
        kind, bits = register_type(dtype), _bits(dtype)
        zero = "0.0" if dtype.lanes == 1 else "zeroinitializer"
        exact = self.fb.let(f"fcmp oeq {kind} {remainder}, {zero}")
        negative = [self.fb.let(f"fcmp olt {kind} {value}, {zero}") for value in (remainder, b)]
        crossed = self.fb.let(f"xor {bits} {negative[0]}, {negative[1]}")
        moved = self.fb.let(f"fadd {kind} {remainder}, {b}")
        adjusted = self.fb.let(f"select {bits} {crossed}, {kind} {moved}, {kind} {remainder}")
        signed_zero = self.calls.overloaded("copysign", kind, zero, b)
        return self.fb.let(f"select {bits} {exact}, {kind} {signed_zero}, {kind} {adjusted}")

    def integer_division(self, cls: type[Expr], kind: str, signed: bool, a: str, b: str, divisor: Expr) -> str:
        """A division that never traps: zero divisors leave with an error, the least integer over -1 wraps."""
        number = divisor.value if isinstance(divisor, Broadcast) else divisor
        known = number.value if isinstance(number, IntImm) else None
        lanes = kind.startswith("<")
        zero, one, minus = (splat(s, kind) if lanes else s for s in ("0", "1", "-1"))
        bits = f"<{kind[1:].split(' x ')[0]} x i1>" if lanes else "i1"
        if known is None or known == 0:
            good = self.all_lanes(self.fb.let(f"icmp ne {kind} {b}, {zero}"), divisor.dtype.lanes)
            self.fb.fail_unless(good, self.fb.module.message("division by zero"))
        quotient_wanted = cls in (E.Div, E.FloorDiv)
        floors = cls in (E.FloorDiv, E.FloorMod)
        if not signed:
            return self.fb.let(f"{'udiv' if quotient_wanted else 'urem'} {kind} {a}, {b}")
        if known is not None and known > 0 and floors and known & (known - 1) == 0:
            if quotient_wanted:
                shift = str(known.bit_length() - 1)
                return self.fb.let(f"ashr {kind} {a}, {splat(shift, kind) if lanes else shift}")
            mask = str(known - 1)
            return self.fb.let(f"and {kind} {a}, {splat(mask, kind) if lanes else mask}")
        flip = ""
        if known is None or known == -1:
            flip = self.fb.let(f"icmp eq {kind} {b}, {minus}")
            b_safe = self.fb.let(f"select {bits} {flip}, {kind} {one}, {kind} {b}")
        else:
            b_safe = b
        remainder = self.fb.let(f"srem {kind} {a}, {b_safe}")
        quotient = self.fb.let(f"sdiv {kind} {a}, {b_safe}") if quotient_wanted else ""
        if flip and quotient_wanted:
            negated = self.fb.let(f"sub {kind} {zero}, {a}")
            quotient = self.fb.let(f"select {bits} {flip}, {kind} {negated}, {kind} {quotient}")
        if not floors:
            return quotient if quotient_wanted else remainder
        inexact = self.fb.let(f"icmp ne {kind} {remainder}, {zero}")
        signs = self.fb.let(f"xor {kind} {remainder}, {b_safe}")
        crossed = self.fb.let(f"icmp slt {kind} {signs}, {zero}")
        below = self.fb.let(f"and {bits} {inexact}, {crossed}")
        if quotient_wanted:
            step = self.fb.let(f"sext {bits} {below} to {kind}")
            return self.fb.let(f"add {kind} {quotient}, {step}")
        moved = self.fb.let(f"add {kind} {remainder}, {b}")
        return self.fb.let(f"select {bits} {below}, {kind} {moved}, {kind} {remainder}")

    def all_lanes(self, condition: str, lanes: int) -> str:
        """Whether `condition` holds in every lane, an i1."""
        if lanes == 1:
            return condition
        bits = f"<{lanes} x i1>"
        callee = self.fb.module.intrinsic(f"llvm.vector.reduce.and.{suffix(bits)}", "i1", bits)
        return self.fb.let(f"call i1 @{callee}({bits} {condition})")

    def visit_min(self, node: E.Min) -> str:
        return self.extremum(node, "min")

    def visit_max(self, node: E.Max) -> str:
        return self.extremum(node, "max")

    def extremum(self, node: Any, name: str) -> str:
        dtype, kind = node.dtype, register_type(node.dtype)
        a, b = self(node.a), self(node.b)
        if dtype.is_bool:
            return self.fb.let(f"{'and' if name == 'min' else 'or'} {kind} {a}, {b}")
        if not dtype.is_float:
            intrinsic = f"llvm.{'s' if dtype.is_int else 'u'}{name}.{suffix(kind)}"
            self.fb.module.intrinsic(intrinsic, kind, kind, kind)
            return self.fb.let(f"call {kind} @{intrinsic}({kind} {a}, {kind} {b})")
        if _is_number(node.a):
            a, b = b, a
        relation = "olt" if name == "min" else "ogt"
        bits = _bits(dtype)
        if _is_number(node.a) or _is_number(node.b):
            # Where b is a number, "b where b < a, else a" gives NaN for a NaN a, in one instruction.
            better = self.fb.let(f"fcmp {relation} {kind} {b}, {a}")
            return self.fb.let(f"select {bits} {better}, {kind} {b}, {kind} {a}")
        intrinsic = f"llvm.{name}imum.{suffix(kind)}"
        self.fb.module.intrinsic(intrinsic, kind, kind, kind)
        return self.fb.let(f"call nsz {kind} @{intrinsic}({kind} {a}, {kind} {b})")

    def visit_cmp_op(self, node: Any) -> str:
        dtype: DType = node.a.dtype
        relation = _COMPARE[type(node)]
        if dtype.is_float:
            ordered = "une" if relation == "ne" else f"o{relation}"
            return self.fb.let(f"fcmp {ordered} {register_type(dtype)} {self(node.a)}, {self(node.b)}")
        if relation not in ("eq", "ne"):
            relation = ("s" if dtype.is_int else "u") + relation
        if dtype.is_index and dtype.lanes == 1 and self.is_stable(node):
            return self.fb.let(f"icmp {relation} i64 {self.index(node.a)}, {self.index(node.b)}")
        return self.fb.let(f"icmp {relation} {register_type(dtype)} {self(node.a)}, {self(node.b)}")

    def visit_and(self, node: E.And) -> str:
        return self.logic(node, "and")

    def visit_or(self, node: E.Or) -> str:
        return self.logic(node, "or")

    def logic(self, node: Any, name: str) -> str:
        kind = register_type(node.dtype)
        a = self(node.a)
        if node.dtype.lanes > 1 or self.is_safe(node.b):
            return self.fb.let(f"{name} {kind} {a}, {self(node.b)}")
        # The right operand is evaluated only where the left one does not decide.
        before, right, done = self.fb.label, self.fb.new_label("right"), self.fb.new_label("decided")
        first, second = (right, done) if name == "and" else (done, right)
        self.fb.branch_if(a, first, second)
        self.fb.start(right)
        with self.fb.region():
            b = self(node.b)
        end = self.fb.label
        self.fb.branch(done)
        self.fb.start(done)
        decided = "false" if name == "and" else "true"
        return self.fb.let(f"phi i1 [ {decided}, %{before} ], [ {b}, %{end} ]")

    def visit_not(self, node: E.Not) -> str:
        kind = register_type(node.dtype)
        ones = "true" if node.dtype.lanes == 1 else splat("true", kind)
        return self.fb.let(f"xor {kind} {self(node.a)}, {ones}")

    def visit_select(self, node: Select) -> str:
        kind = register_type(node.dtype)
        condition, a, b = self(node.condition), self(node.true_value), self(node.false_value)
        return self.fb.let(f"select {register_type(node.condition.dtype)} {condition}, {kind} {a}, {kind} {b}")

    def branch_value(self, condition: Expr, then: Expr, other: Expr) -> str:
        """`then` where the scalar `condition` holds, else `other`; only one of them is evaluated."""
        kind = register_type(then.dtype)
        c = self(condition)
        if self.is_safe(then) and self.is_safe(other):
            return self.fb.let(f"select i1 {c}, {kind} {self(then)}, {kind} {self(other)}")
        yes, no, done = (self.fb.new_label(hint) for hint in ("then", "else", "chosen"))
        self.fb.branch_if(c, yes, no)
        values = []
        for label, branch in ((yes, then), (no, other)):
            self.fb.start(label)
            with self.fb.region():
                value = self(branch)
            values.append(f"[ {value}, %{self.fb.label} ]")
            self.fb.branch(done)
        self.fb.start(done)
        return self.fb.let(f"phi {kind} {', '.join(values)}")

    def visit_ramp(self, node: Ramp) -> str:
        kind = register_type(node.dtype)
        element = register_type(node.base.dtype)
        if node.base.dtype.lanes > 1:
            raise LowerError("a ramp of vectors has no code", node)
        base = self.broadcast(self(node.base), element, node.lanes)
        steps = f"<{', '.join(f'{element} {i}' for i in range(node.lanes))}>"
        if isinstance(node.stride, IntImm):
            scaled = f"<{', '.join(f'{element} {i * node.stride.value}' for i in range(node.lanes))}>"
        else:
            stride = self.broadcast(self(node.stride), element, node.lanes)
            scaled = self.fb.let(f"mul {kind} {stride}, {steps}")
        if isinstance(node.base, IntImm) and node.base.value == 0:
            return scaled
        return self.fb.let(f"add {kind} {base}, {scaled}")

    def visit_broadcast(self, node: Broadcast) -> str:
        return self.broadcast(self(node.value), register_type(node.value.dtype), node.lanes)

    def broadcast(self, value: str, kind: str, lanes: int) -> str:
        """`value` of LLVM type `kind`, `lanes` times over."""
        if kind.startswith("<"):
            inner = int(kind[1:].split(" x ")[0])
            picks = f"<{', '.join(f'i32 {i % inner}' for i in range(inner * lanes))}>"
            return self.fb.let(f"shufflevector {kind} {value}, {kind} poison, <{inner * lanes} x i32> {picks}")
        full = f"<{lanes} x {kind}>"
        if value[0] != "%":
            return splat(value, full)
        one = self.fb.let(f"insertelement {full} poison, {kind} {value}, i64 0")
        return self.fb.let(f"shufflevector {full} {one}, {full} poison, <{lanes} x i32> zeroinitializer")

    def visit_shuffle(self, node: Shuffle) -> str:
        lanes: list[str] = []
        element = register_type(node.dtype.element)
        for part in node.vectors:
            value = self(part)
            if part.dtype.lanes == 1:
                lanes.append(value)
                continue
            kind = register_type(part.dtype)
            lanes += [self.fb.let(f"extractelement {kind} {value}, i64 {i}") for i in range(part.dtype.lanes)]
        picked = [lanes[index.value] for index in node.indices if isinstance(index, IntImm)]
        if len(picked) == 1:
            return picked[0]
        kind, out = register_type(node.dtype), "poison"
        for i, value in enumerate(picked):
            out = self.fb.let(f"insertelement {kind} {out}, {element} {value}, i64 {i}")
        return out

    def visit_cast(self, node: Cast) -> str:
        return casts.convert(self.fb, self(node.value), node.value.dtype, node.dtype)

    def visit_let(self, node: Let) -> str:
        self.vars[node.var] = self(node.value)
        return str(self(node.body))

    def visit_call(self, node: Call) -> str:
        return self.calls(node)


def constant(node: IntImm | FloatImm) -> str:
    """A scalar constant as an LLVM operand."""
    if isinstance(node, FloatImm):
        return float_text(node.value, node.dtype.bits == 64)
    if node.dtype.is_bool:
        return "true" if node.value else "false"
    if node.dtype.is_handle:
        return "null"
    return str(node.value)


def _bits(dtype: DType) -> str:
    return "i1" if dtype.lanes == 1 else f"<{dtype.lanes} x i1>"


def _is_number(node: Expr) -> bool:
    value = node.value if isinstance(node, Broadcast) else node
    return isinstance(value, FloatImm) and value.value == value.value
