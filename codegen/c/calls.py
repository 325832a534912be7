"""Calls as C: libm's functions, a rule for each other intrinsic, and functions of the module or outside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...tir import expr as E
from ...tir import op
from ...tir.buffer import Buffer
from ...tir.dtype import DType
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, GlobalVar, IntImm, StringImm, Var, cast
from ...tir.function import IRModule, PrimFunc
from ..operands import element_of
from ..passes.flatten_buffer import strides_of
from ..runtime import codes
from ..signatures import kernel_params
from .names import identifier
from .types import is_narrow, memory_type, unsigned, value_type
from .writer import ADD, CHOICE, COMPARE, UNARY, Code

if TYPE_CHECKING:
    from .expr import ExprEmitter

LIBM = {
    name: f"{name}{{f}}({{0}})"
    for name in (
        "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh",
        "asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "floor", "ceil", "trunc", "round", "nearbyint",
    )
} | {name: f"{name}{{f}}({{0}}, {{1}})" for name in ("atan2", "hypot", "copysign", "fmod", "nextafter", "pow")} | {
    "exp10": "pow(10.0, {0})",
    "fma": "fma{f}({0}, {1}, {2})",
    "rsqrt": "1.0{f} / sqrt{f}({0})",
    "sigmoid": "1.0{f} / (1.0{f} + exp{f}(-({0})))",
    "abs": "fabs{f}({0})",
}  # fmt: skip
"""Functions of floats: the C text, `{f}` being "f" for `float`. Those narrower are computed in `double`."""

CLASSIFY = {"isnan": "{0} != {0}", "isinf": "isinf({0}) != 0", "isfinite": "isfinite({0}) != 0"}
BITWISE = {"bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^"}

Rule = Callable[["CallEmitter", Call], Code]


def symbol(name: str) -> str:
    """The exported C function of the module's function `name`."""
    return f"tir_{identifier(name)}"


class CallEmitter:
    """Emits calls into one function."""

    module: IRModule

    def __init__(self, exprs: ExprEmitter) -> None:
        self.exprs = exprs
        self.declared: dict[Var, Buffer] = {}

    def __call__(self, node: Call) -> Code:
        if isinstance(node.op, GlobalVar):
            return self.call_function(node)
        name = node.op.name
        if node.dtype.is_float and name in LIBM:
            return self.exprs.lanewise(node.dtype, node.args, lambda *a: self.libm(name, node.dtype, a))
        rule = RULES.get(name)
        if rule is None:
            raise LowerError(f"T.{name} has no code for the C target", node)
        return rule(self, node)

    def libm(self, name: str, type_: DType, args: tuple[Code, ...]) -> Code:
        """A scalar function of floats."""
        if is_narrow(type_):
            if name in ("nextafter", "fma"):
                return Code(f"{name}_{type_.element}({', '.join(args)})")
            wide = [f"(double){a.within(UNARY)}" for a in args]
            return Code(f"round_double_{type_.element}({LIBM[name].format(*wide, f='')})")
        if name == "exp10":
            power = Code(LIBM[name].format(*args))
            return Code(f"(float){power}", UNARY) if type_.bits == 32 else power
        text = LIBM[name].format(*args, f="" if type_.bits == 64 else "f")
        return Code(text, ADD if name in ("rsqrt", "sigmoid") else 20)

    def classify(self, node: Call) -> Code:
        def test(x: Code) -> Code:
            named = self.exprs.name(x, node.args[0].dtype.element)
            return Code(CLASSIFY[node.op.name].format(named), COMPARE)

        return self.exprs.lanewise(node.dtype, node.args, test)

    def absolute(self, node: Call) -> Code:
        type_ = node.dtype.element
        kind = value_type(type_)
        if not type_.is_int:
            return self.exprs(node.args[0])

        def magnitude(x: Code) -> Code:
            x = self.exprs.name(x, type_)
            if type_.bits == 4:
                return Code(f"wrap_int4({x} < 0 ? -{x} : {x})")
            wide = f"uint{max(32, type_.bits)}_t"
            return Code(f"({kind})({x} < 0 ? 0 - ({wide}){x} : ({wide}){x})", UNARY)

        return self.exprs.lanewise(node.dtype, node.args, magnitude)

    def bitwise(self, node: Call) -> Code:
        return self.exprs.lanewise(node.dtype, node.args, lambda a, b: self.exprs.bits(BITWISE[node.op.name], a, b))

    def bitwise_not(self, node: Call) -> Code:
        type_ = node.dtype.element

        def flip(x: Code) -> Code:
            if type_.is_bool:
                return Code(f"!{x.within(UNARY)}", UNARY)
            flipped = Code(f"~{x.within(UNARY)}", UNARY)
            if type_.bits == 4:
                return Code(f"wrap_{type_}({flipped})")
            return Code(f"({value_type(type_)}){flipped}", UNARY)

        return self.exprs.lanewise(node.dtype, node.args, flip)

    def shift(self, node: Call) -> Code:
        type_ = node.dtype.element
        left = node.op.name == "shift_left"
        amount = node.args[1].value if isinstance(node.args[1], E.Broadcast) else node.args[1]
        checked = not isinstance(amount, IntImm)

        def shifted(a: Code, b: Code) -> Code:
            if checked:
                b = self.exprs.name(b, type_)
                code = self.exprs.w.shared.message(
                    f"a {type_.bits}-bit integer is shifted by less than 0 or too many bits"
                )
                low = f"{b} < 0 || " if type_.is_int else ""
                self.exprs.w.fail_if(f"{low}{b} >= {type_.bits}", code)
            if not left:
                return self.exprs.bits(">>", a, b)
            wide = f"uint{max(32, type_.bits)}_t"
            value = f"({wide}){a.within(UNARY)} << {b.within(UNARY)}"
            return Code(f"wrap_{type_}({value})") if type_.bits == 4 else Code(f"({value_type(type_)})({value})", UNARY)

        return self.exprs.lanewise(node.dtype, node.args, shifted)

    def popcount(self, node: Call) -> Code:
        return self.exprs.lanewise(
            node.dtype, node.args, lambda x: Code(f"__builtin_popcountll({self.pattern(x, node.dtype)})")
        )

    def clz(self, node: Call) -> Code:
        bits = node.dtype.bits

        def zeros(x: Code) -> Code:
            x = self.exprs.name(x, node.dtype.element)
            count = f"__builtin_clzll({self.pattern(x, node.dtype)}){f' - {64 - bits}' if bits < 64 else ''}"
            return Code(f"{x} == 0 ? {bits} : {count}", CHOICE)

        return self.exprs.lanewise(node.dtype, node.args, zeros)

    @staticmethod
    def pattern(x: Code, type_: DType) -> str:
        """The bits of an integer as an unsigned one."""
        if type_.bits == 4:
            return f"{x.within(UNARY)} & 15"
        return f"({value_type(unsigned(type_.element))}){x.within(UNARY)}"

    def mulhi(self, node: Call) -> Code:
        type_ = node.dtype.element
        wide = "int64_t" if type_.is_int else "uint64_t"

        def high(a: Code, b: Code) -> Code:
            if type_.bits == 64:
                return Code(f"mulhi_{type_}({a}, {b})")
            value = f"({wide}){a.within(UNARY)} * {b.within(UNARY)} >> {type_.bits}"
            return Code(f"wrap_{type_}({value})") if type_.bits == 4 else Code(f"({value_type(type_)})({value})", UNARY)

        return self.exprs.lanewise(node.dtype, node.args, high)

    def integer_pow(self, node: Call) -> Code:
        type_ = node.dtype.element

        def power(a: Code, b: Code) -> Code:
            if type_.is_int:
                a, b = self.exprs.name(a, type_), self.exprs.name(b, type_)
                code = self.exprs.w.shared.message("0 to a negative power has no value")
                self.exprs.w.fail_if(f"{a} == 0 && {b} < 0", code)
            value = Code(f"pow_{type_.kind}{max(8, type_.bits)}({a}, {b})")
            return Code(f"wrap_{type_}({value})") if type_.bits == 4 else value

        return self.exprs.lanewise(node.dtype, node.args, power)

    def reinterpret(self, node: Call) -> Code:
        source, target = node.args[0].dtype, node.dtype
        if source.bits * source.lanes != target.bits * target.lanes:
            raise LowerError(f"T.reinterpret from {source} to {target}: the widths differ", node)
        if source.lanes == target.lanes:
            return self.exprs.lanewise(target, node.args, lambda x: self.same_bits(x, source.element, target.element))
        for type_ in (source, target):
            if is_narrow(type_):
                bits = unsigned(type_.element).with_lanes(type_.lanes)
                return self.exprs(
                    op.raw_call("reinterpret", op.raw_call("reinterpret", *node.args, dtype_=bits), dtype_=target)
                )
        memory = self.exprs.memory
        if not all(t.lanes == 1 or memory.is_plain(t) for t in (source, target)) or 4 in (source.bits, target.bits):
            raise LowerError(f"T.reinterpret from {source} to {target} has no code for the C target", node)
        a, b = self.exprs.kind(source), self.exprs.kind(target)
        return Code(f"((union {{ {a} from; {b} to; }}){{.from = {self.exprs(node.args[0])}}}).to")

    def same_bits(self, x: Code, source: DType, target: DType) -> Code:
        """The bits of a scalar read as another type."""
        if source.bits == 4:
            return x if source == target else Code(f"wrap_{target}({x})")
        a, b = memory_type(source), memory_type(target)
        stored = self.exprs.memory.to_memory(x, source)
        bits = stored if a == b else Code(f"((union {{ {a} from; {b} to; }}){{.from = {stored}}}).to")
        return self.exprs.memory.from_memory(bits, target)

    def likely(self, node: Call) -> Code:
        return self.exprs(node.args[0])

    def if_then_else(self, node: Call) -> Code:
        condition, then, other = node.args
        if condition.dtype.lanes > 1:
            raise LowerError("T.if_then_else over lanes reached the backend", node)
        return self.exprs.branch_value(condition, then, other)

    def vector_reduce(self, node: Call) -> Code:
        (arg,) = node.args
        w, type_, name = self.exprs.w, node.dtype, node.op.name.removeprefix("vector_reduce_")
        value = self.exprs.vector(arg)
        total = Code(w.names.fresh(name if name != "add" else "sum"))
        w.line(f"{value_type(type_)} {total} = {value}[0];")
        with w.block(f"for (int lane = 1; lane < {arg.dtype.lanes}; ++lane)"):
            lane = Code(f"{value}[lane]")
            if name == "add":
                combined = self.exprs.wrapped(E.Add, total, lane, type_, False)
            else:
                combined = self.exprs.lesser(name, total, lane, type_)
            w.line(f"{total} = {combined};")
        return total

    def ldexp(self, node: Call) -> Code:
        type_ = node.dtype.element

        def scaled(x: Code, n: Code) -> Code:
            value = Code(f"ldexp{'' if type_.bits == 64 else 'f'}({x}, {n})")
            return Code(f"round_{type_}({value})") if is_narrow(type_) else value

        return self.exprs.lanewise(node.dtype, node.args, scaled)

    def is_null(self, node: Call) -> Code:
        return Code(f"{self.exprs(node.args[0]).within(COMPARE + 1)} == NULL", COMPARE)

    def undef(self, node: Call) -> Code:
        return self.exprs.each_lane(node.dtype, lambda: Code("0")) if node.dtype.lanes > 1 else Code("0")

    def vscale(self, node: Call) -> Code:
        return Code("1")

    def address_of(self, node: Call) -> Code:
        return self.exprs.memory.address(element_of(node))

    def access_ptr(self, node: Call) -> Code:
        annotation, data, offset = node.args[:3]
        at = self.exprs.index(offset)
        return Code(f"(({memory_type(annotation.dtype)} *)(void *){self.exprs(data)} + {at.within(ADD + 1)})")

    def atomic_add(self, node: Call) -> Code:
        load, type_, w = element_of(node), node.dtype, self.exprs.w
        if is_narrow(type_) or type_.bits < 8 or type_.lanes > 1:
            raise LowerError(f"T.atomic_add of {type_} has no code", node)
        kind = memory_type(unsigned(type_)) if type_.is_int else memory_type(type_)
        value = self.exprs.name(self.exprs(node.args[1]), type_)
        at = w.let(f"{kind} *", f"({kind} *){self.exprs.memory.address(load)}", "at")
        old = Code(w.names.fresh("old"))
        w.line(f"{kind} {old};")
        w.lines.append("#pragma omp atomic capture")
        w.line(f"{{ {old} = *{at}; *{at} += ({kind}){value}; }}")
        return Code(f"({value_type(type_)}){old}", UNARY) if type_.is_int else old

    def prefetch(self, node: Call) -> Code:
        given = [int(getattr(a, "value", 0)) for a in node.args[1:3]]
        write, locality = given if len(given) == 2 else (0, 3)
        return Code(f"__builtin_prefetch({self.exprs.memory.address(element_of(node))}, {write}, {locality})")

    def assume(self, node: Call) -> Code:
        """Checked in a sanitized module."""
        w = self.exprs.w
        if w.shared.sanitize:
            w.fail_if(f"!{self.exprs(node.args[0]).within(UNARY)}", w.shared.message(codes.ASSUMED))
        return Code("")

    def call_extern(self, node: Call) -> Code:
        name = node.args[0] if node.args else None
        if not isinstance(name, StringImm):
            raise LowerError(f"T.{node.op.name} takes the function's name first", node)
        if any(a.dtype.lanes > 1 for a in (node, *node.args[1:])):
            raise LowerError(f"{name.value!r} takes or gives a vector, which C functions here do not", node)
        if name.value != identifier(name.value):
            raise LowerError(f"{name.value!r} is no name of a C function", node)
        kinds = ", ".join(value_type(a.dtype) for a in node.args[1:]) or "void"
        self.exprs.w.shared.externs.setdefault(name.value, f"extern {value_type(node.dtype)} {name.value}({kinds});")
        call = Code(f"{name.value}({', '.join(self.exprs(a) for a in node.args[1:])})")
        if node.dtype.kind == "void" or not self.exprs.ordered:
            return call
        return self.exprs.w.let(value_type(node.dtype), call, "result")

    def call_function(self, node: Call) -> Code:
        """Call a function of the module; an error it returns is returned at once."""
        assert isinstance(node.op, GlobalVar)
        w, module = self.exprs.w, self.module
        if node.op.name not in module:
            names = ", ".join(map(repr, module))
            raise LowerError(f"the function {node.op.name!r} is called, but the module has only {names}", node)
        callee = module[node.op]
        if len(node.args) != len(callee.params):
            raise LowerError(f"{callee.name!r} takes {len(callee.params)} arguments, got {len(node.args)}", node)
        given = dict(zip(callee.params, node.args))
        operands: list[str] = []
        result = ""
        for i, param in enumerate(kernel_params(callee)):
            if i == len(callee.params) and callee.ret_type.kind != "void":
                result = self.result(callee, operands)
            arg = given[param] if param in given else self.extent(callee, given, param, node)
            if arg.dtype != param.dtype:
                raise LowerError(f"{callee.name!r} takes a {param.dtype} as {param.name!r}, got a {arg.dtype}", node)
            operands.append(f"(void *){self.exprs(arg).within(UNARY)}" if param.dtype.is_handle else self.exprs(arg))
        if callee.ret_type.kind != "void" and not result:
            result = self.result(callee, operands)
        code = w.let("int32_t", f"{symbol(node.op.name)}({', '.join(operands)})", "code")
        with w.block(f"if ({code} != 0)"):
            w.leave(code)
        return self.exprs.memory.from_memory(Code(result), callee.ret_type) if result else Code("")

    def result(self, callee: PrimFunc, operands: list[str]) -> str:
        """A variable for the callee to store its result in, passed as the next argument."""
        name = self.exprs.w.names.fresh("result")
        self.exprs.w.line(f"{memory_type(callee.ret_type)} {name};")
        operands.append(f"&{name}")
        return name

    def extent(self, callee: PrimFunc, given: Mapping[Var, Expr], symbol_: Var, node: Call) -> Expr:
        """What a symbol of the callee's buffers is, from the caller's buffer that is passed."""
        for param, arg in given.items():
            wanted = callee.buffer_map.get(param)
            have = self.declared.get(arg) if isinstance(arg, Var) else None
            if wanted is None or have is None or have.ndim != wanted.ndim:
                continue
            strides = strides_of(have) if wanted.strides else ()
            for part, value in zip(wanted.layout(), (*have.shape, *strides, have.elem_offset)):
                if part is symbol_:
                    return cast(value, symbol_.dtype)
        raise LowerError(
            f"{callee.name!r} takes its extent {symbol_.name!r} from the shape of an array, which this call does not "
            "tell",
            node,
            hint="pass a parameter of the calling function, or make the extent a parameter",
        )


RULES: dict[str, Rule] = {
    **dict.fromkeys(CLASSIFY, CallEmitter.classify),
    "abs": CallEmitter.absolute,
    "pow": CallEmitter.integer_pow,
    **dict.fromkeys(BITWISE, CallEmitter.bitwise),
    "bitwise_not": CallEmitter.bitwise_not,
    **dict.fromkeys(("shift_left", "shift_right"), CallEmitter.shift),
    "popcount": CallEmitter.popcount,
    "clz": CallEmitter.clz,
    "mulhi": CallEmitter.mulhi,
    "reinterpret": CallEmitter.reinterpret,
    "likely": CallEmitter.likely,
    "if_then_else": CallEmitter.if_then_else,
    **dict.fromkeys((f"vector_reduce_{n}" for n in ("add", "min", "max")), CallEmitter.vector_reduce),
    "ldexp": CallEmitter.ldexp,
    "isnullptr": CallEmitter.is_null,
    "undef": CallEmitter.undef,
    "vscale": CallEmitter.vscale,
    "address_of": CallEmitter.address_of,
    "tvm_access_ptr": CallEmitter.access_ptr,
    "atomic_add": CallEmitter.atomic_add,
    "prefetch": CallEmitter.prefetch,
    "assume": CallEmitter.assume,
    **dict.fromkeys(("call_extern", "call_pure_extern"), CallEmitter.call_extern),
}
"""The code of each intrinsic that is not a plain function of floats."""
