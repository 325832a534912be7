"""Calls as CUDA C++: mathematical functions, bits, what threads exchange, atomics, functions from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...tir.dtype import DType
from ...tir.errors import LowerError
from ...tir.expr import Call, GlobalVar, IntImm, StringImm
from ...tir.op import Effect, Intrinsic
from ..c.writer import ADD, BITS, COMPARE, UNARY, Code
from ..operands import element_of
from . import casts, fragments
from .types import scalar

if TYPE_CHECKING:
    from .expr import Exprs

MATH = {
    name: f"{name}{{f}}({{0}})"
    for name in (
        "exp", "exp2", "exp10", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "sinh",
        "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "floor", "ceil", "trunc", "round",
    )
} | {name: f"{name}{{f}}({{0}}, {{1}})" for name in ("atan2", "hypot", "copysign", "fmod", "nextafter", "pow")} | {
    "fma": "fma{f}({0}, {1}, {2})",
    "nearbyint": "rint{f}({0})",
    "sigmoid": "1.0{f} / (1.0{f} + exp{f}(-({0})))",
    "abs": "fabs{f}({0})",
}  # fmt: skip
"""Functions of floats: the text, `{f}` being "f" for `float`. Those narrower are computed in `float`."""

CLASSIFY = {"isnan": "{0} != {0}", "isinf": "isinf({0})", "isfinite": "isfinite({0})"}
BITWISE = {"bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^"}
SHUFFLES = {"tvm_warp_shuffle": "", "tvm_warp_shuffle_up": "_up", "tvm_warp_shuffle_down": "_down"}
BARRIERS = {"shared": "__syncthreads()", "shared.dyn": "__syncthreads()", "warp": "__syncwarp()"}

Rule = Callable[["CallEmitter", Call], Code]


class CallEmitter:
    """Emits calls into one kernel."""

    def __init__(self, exprs: Exprs) -> None:
        self.exprs = exprs

    def __call__(self, node: Call) -> Code:
        if isinstance(node.op, GlobalVar):
            raise LowerError(f"a kernel cannot call the function {node.op.name!r} of the module", node)
        name = node.op.name
        if node.dtype.is_float and name in MATH:
            return self.math(name, node.dtype, [self.exprs(a) for a in node.args])
        rule = RULES.get(name)
        if rule is None:
            raise LowerError(f"T.{name} has no code for the CUDA target", node)
        return rule(self, node)

    def lanes(self, node: Call) -> list[Code]:
        """The lanes of a call that gives a vector."""
        exprs, count = self.exprs, node.dtype.lanes
        name = str(node.op.name)
        if name in ("if_then_else",):
            if node.args[0].dtype.lanes == 1:
                value = exprs.name(exprs.branch_value(*node.args), node.dtype)
                from .types import lane

                return [Code(lane(value, node.dtype, k)) for k in range(count)]
            split = [exprs.lanes(a) for a in node.args]
            return [exprs.choice(c, a, b) for c, a, b in zip(*split)]
        if name == "reinterpret" and node.args[0].dtype.lanes != count:
            raise LowerError("T.reinterpret between different numbers of lanes has no code for the CUDA target", node)
        if not isinstance(node.op, Intrinsic) or (node.op.effect is not Effect.PURE and name not in SHUFFLES):
            raise LowerError(f"T.{name} gives a vector, which has no code for the CUDA target", node)
        split = [exprs.lanes(a) if a.dtype.lanes > 1 else exprs.lanes(a) * count for a in node.args]
        return [exprs.with_operands(node, [lanes[k] for lanes in split]) for k in range(count)]

    def math(self, name: str, type_: DType, args: list[Code]) -> Code:
        """A scalar function of floats."""
        if type_.bits < 32:
            if name == "nextafter":
                raise LowerError(f"T.nextafter of {type_} has no code for the CUDA target")
            if name == "abs" and type_.bits == 16:
                return Code(f"__habs({args[0]})")
            if name == "fma" and type_.bits == 16:
                return Code(f"__hfma({', '.join(args)})")
            args = [casts.widened(a, type_) for a in args]
            return casts.from_float(Code(MATH[name].format(*args, f="f")), type_)
        text = MATH[name].format(*args, f="" if type_.bits == 64 else "f")
        return Code(text, ADD if name == "sigmoid" else 20)

    def classify(self, node: Call) -> Code:
        type_ = node.args[0].dtype
        x = self.exprs.name(casts.widened(self.exprs(node.args[0]), type_), _float(type_))
        return Code(CLASSIFY[node.op.name].format(x), COMPARE)

    def absolute(self, node: Call) -> Code:
        type_ = node.dtype
        x = self.exprs(node.args[0])
        return x if type_.is_uint else casts.wrapped(Code(f"abs({x})"), type_)

    def bitwise(self, node: Call) -> Code:
        a, b = (self.exprs(x) for x in node.args)
        return Code(f"{a.within(UNARY)} {BITWISE[node.op.name]} {b.within(UNARY)}", BITS)

    def bitwise_not(self, node: Call) -> Code:
        x = self.exprs(node.args[0]).within(UNARY)
        return Code(f"!{x}", UNARY) if node.dtype.is_bool else casts.wrapped(Code(f"~{x}", UNARY), node.dtype)

    def shift(self, node: Call) -> Code:
        a, b = (self.exprs(x).within(UNARY) for x in node.args)
        if node.op.name == "shift_right":
            return Code(f"{a} >> {b}", BITS)
        return casts.wrapped(Code(f"{a} << {b}", BITS), node.dtype)

    def bits(self, node: Call) -> Code:
        """popcount and clz, of the bits that the type has."""
        type_, x = node.dtype, self.exprs(node.args[0])
        name = {"popcount": "popc", "clz": "clz"}[node.op.name]
        if type_.bits == 64:
            return Code(f"({scalar(type_)})__{name}ll({x})", UNARY)
        pattern = x if type_.bits == 32 else Code(f"{x.within(UNARY)} & {(1 << type_.bits) - 1}", BITS)
        value = Code(f"__{name}({pattern})")
        return value if type_.bits == 32 or name == "popc" else Code(f"{value} - {32 - type_.bits}", ADD)

    def mulhi(self, node: Call) -> Code:
        type_ = node.dtype
        a, b = (self.exprs(x) for x in node.args)
        if type_.bits < 32:
            return casts.wrapped(Code(f"{a.within(12)} * {b.within(13)} >> {type_.bits}", BITS), type_)
        return Code(f"__{'u' if type_.is_uint else ''}mul{'64' if type_.bits == 64 else ''}hi({a}, {b})")

    def power(self, node: Call) -> Code:
        a, b = (self.exprs(x) for x in node.args)
        return casts.wrapped(Code(f"powi<{scalar(node.dtype)}>({a}, {b})"), node.dtype)

    def dot(self, node: Call) -> Code:
        """The instruction for four products, of factors of one type."""
        kind = "unsigned int" if node.args[0].dtype.is_uint else "int"
        a, b, total = (self.exprs(x) for x in node.args)
        value = Code(f"__dp4a(bitcast<{kind}>({a}), bitcast<{kind}>({b}), ({kind}){total.within(UNARY)})")
        return value if kind == "int" else Code(f"(int){value}", UNARY)

    def reinterpret(self, node: Call) -> Code:
        source, target = node.args[0].dtype, node.dtype
        x = self.exprs(node.args[0])
        if source.bits * source.lanes != target.bits * target.lanes:
            raise LowerError(f"T.reinterpret from {source} to {target}: the widths differ", node)
        named = {("float32", "int32"): "__float_as_int", ("int32", "float32"): "__int_as_float"}
        known = named.get((str(source), str(target)))
        return Code(f"{known}({x})") if known else Code(f"bitcast<{self.exprs.kind(target)}>({x})")

    def likely(self, node: Call) -> Code:
        return self.exprs(node.args[0])

    def if_then_else(self, node: Call) -> Code:
        return self.exprs.branch_value(*node.args)

    def vector_reduce(self, node: Call) -> Code:
        from ...tir import expr as E

        cls = {"add": E.Add, "min": E.Min, "max": E.Max}[node.op.name.removeprefix("vector_reduce_")]
        lanes = self.exprs.lanes(node.args[0])
        from ...tir.expr import Var

        total = self.exprs.name(lanes[0], node.dtype)
        for other in lanes[1:]:
            a, b = Var("a", node.dtype), Var("b", node.dtype)
            self.exprs.vars |= {a: total, b: other}
            total = self.exprs.name(self.exprs(cls(a, b)), node.dtype)
        return total

    def ldexp(self, node: Call) -> Code:
        """In `float` for what is narrower: its products are exact wherever they are not rounded to 0 or an infinity."""
        x, n = (self.exprs(a) for a in node.args)
        type_ = node.dtype
        if type_.bits == 64:
            return Code(f"ldexp({x}, {n})")
        return casts.from_float(Code(f"ldexpf({casts.widened(x, type_)}, {n})"), type_)

    def is_null(self, node: Call) -> Code:
        return Code(f"{self.exprs(node.args[0]).within(COMPARE + 1)} == nullptr", COMPARE)

    def undef(self, node: Call) -> Code:
        return Code(f"{self.exprs.kind(node.dtype)}()")

    def sync(self, node: Call) -> Code:
        scope = node.args[0].value if isinstance(node.args[0], StringImm) else ""
        if scope not in BARRIERS:
            raise LowerError(
                f"a barrier over {scope!r} memory has no code: the blocks of a grid cannot wait for each other",
                node,
                hint="end the kernel there: bind the loops before and after it separately",
            )
        return Code(BARRIERS[scope])

    def shuffle(self, node: Call) -> Code:
        mask, value, lane, width, _ = node.args
        type_ = value.dtype
        x = self.exprs(value)
        given = x if type_.bits >= 32 or str(type_) in ("float16", "bfloat16") else self.as_int(x, type_)
        last = "" if isinstance(width, IntImm) and width.value == 32 else f", {self.exprs(width)}"
        mask_text = f"{mask.value & 0xFFFFFFFF:#x}" if isinstance(mask, IntImm) else self.exprs(mask)
        got = Code(f"__shfl{SHUFFLES[node.op.name]}_sync({mask_text}, {given}, {self.exprs(lane)}{last})")
        if given is x:
            return got
        if type_.is_float:
            return Code(f"bitcast<{scalar(type_)}>((unsigned char){got})")
        return Code(f"({scalar(type_)}){got}", UNARY)

    @staticmethod
    def as_int(x: Code, type_: DType) -> Code:
        return Code(f"(int)bitcast<unsigned char>({x})" if type_.is_float else f"(int){x.within(UNARY)}")

    def activemask(self, node: Call) -> Code:
        return Code("__activemask()")

    def address_of(self, node: Call) -> Code:
        return self.exprs.memory.address(element_of(node))

    def access_ptr(self, node: Call) -> Code:
        annotation, data, offset = node.args[:3]
        kind, pointer = annotation.dtype, self.exprs(data)
        known = self.exprs.memory.kinds.get(data)  # type: ignore[call-overload]
        if known is None or scalar(known) != scalar(kind):
            pointer = Code(f"(({scalar(kind)}*){pointer})")
        return Code(f"&{pointer}[{self.exprs(offset)}]", UNARY)

    def atomic_add(self, node: Call) -> Code:
        type_ = node.dtype
        if type_.lanes > 1 or (type_.is_integral and type_.bits < 32) or (type_.is_float and type_.bits < 16):
            raise LowerError(f"T.atomic_add of {type_} has no code for the CUDA target", node)
        address, value = self.exprs.memory.address(element_of(node)), self.exprs(node.args[1])
        if type_.is_int and type_.bits == 64:
            return Code(f"(long long)atomicAdd((unsigned long long*){address}, (unsigned long long){value.within(15)})")
        return Code(f"atomicAdd({address}, {value})")

    def prefetch(self, node: Call) -> Code:
        return Code(f'asm volatile("prefetch.global.L2 [%0];" ::"l"({self.exprs.memory.address(element_of(node))}))')

    def nothing(self, node: Call) -> Code:
        return Code("")

    def trap(self, node: Call) -> Code:
        return Code("__trap()")

    def call_extern(self, node: Call) -> Code:
        name = node.args[0] if node.args else None
        if not isinstance(name, StringImm) or not name.value.replace("::", "").isidentifier():
            raise LowerError(f"T.{node.op.name} takes the name of a function of CUDA's first", node)
        return Code(f"{name.value}({', '.join(self.exprs(a) for a in node.args[1:])})")


def _float(type_: DType) -> DType:
    from ...tir.dtype import FLOAT32

    return FLOAT32 if type_.bits < 32 else type_.element


RULES: dict[str, Rule] = {
    **dict.fromkeys(CLASSIFY, CallEmitter.classify),
    "abs": CallEmitter.absolute,
    "pow": CallEmitter.power,
    **dict.fromkeys(BITWISE, CallEmitter.bitwise),
    "bitwise_not": CallEmitter.bitwise_not,
    **dict.fromkeys(("shift_left", "shift_right"), CallEmitter.shift),
    **dict.fromkeys(("popcount", "clz"), CallEmitter.bits),
    "mulhi": CallEmitter.mulhi,
    "dp4a": CallEmitter.dot,
    "reinterpret": CallEmitter.reinterpret,
    "likely": CallEmitter.likely,
    "if_then_else": CallEmitter.if_then_else,
    **dict.fromkeys((f"vector_reduce_{n}" for n in ("add", "min", "max")), CallEmitter.vector_reduce),
    "ldexp": CallEmitter.ldexp,
    "isnullptr": CallEmitter.is_null,
    "undef": CallEmitter.undef,
    "vscale": lambda self, node: Code("1"),
    "tvm_storage_sync": CallEmitter.sync,
    **dict.fromkeys(SHUFFLES, CallEmitter.shuffle),
    "tvm_warp_activemask": CallEmitter.activemask,
    "address_of": CallEmitter.address_of,
    "tvm_access_ptr": CallEmitter.access_ptr,
    "atomic_add": CallEmitter.atomic_add,
    "prefetch": CallEmitter.prefetch,
    "assume": CallEmitter.nothing,
    "trap": CallEmitter.trap,
    **dict.fromkeys(("call_extern", "call_pure_extern"), CallEmitter.call_extern),
    **fragments.RULES,
}
"""The code of each intrinsic that is not a plain function of floats."""
