"""Expressions as C text: arithmetic, comparisons, conversions, choices.

A scalar is an expression; a vector is a variable, or what stands for it lane by lane. An operation that GCC does not
have for vectors is a loop over the lanes around the scalar one, so that both have one meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ...tir import expr as E
from ...tir.buffer import BufferLoad
from ...tir.dtype import DType
from ...tir.errors import InternalError, LowerError
from ...tir.expr import Broadcast, Call, Cast, Expr, FloatImm, IntImm, Let, Ramp, Select, Shuffle, Var
from ...tir.op import Effect, Intrinsic
from ...tir.visit import Visitor
from . import casts
from .calls import CallEmitter
from .memory import Memory
from .ranges import Range, combine, fits, interval
from .types import constant, is_narrow, unsigned, value_type, vector_typedef
from .writer import ADD, AND, ATOM, BITS, CHOICE, COMPARE, MUL, OR, UNARY, Code, Writer

LANE = Code("lane")
_SYMBOLS: dict[type[Expr], tuple[str, int]] = {
    E.Add: ("+", ADD), E.Sub: ("-", ADD), E.Mul: ("*", MUL), E.Div: ("/", MUL), E.Mod: ("%", MUL),
    E.EQ: ("==", COMPARE), E.NE: ("!=", COMPARE), E.LT: ("<", COMPARE), E.LE: ("<=", COMPARE), E.GT: (">", COMPARE),
    E.GE: (">=", COMPARE),
}  # fmt: skip
_DIVISIONS: dict[type[Expr], str] = {E.Div: "div", E.Mod: "mod", E.FloorDiv: "floordiv", E.FloorMod: "floormod"}
_LEAVES = (IntImm, FloatImm, Var)
_PLAIN = re.compile(r"[A-Za-z_][\w.]*|\d[\w.]*([eEpP][+-]\w+)?")
"""A name or a number, which may be written many times."""
SHARED_SIZE = 6
"""An expression of more nodes than this is computed once where it is used twice."""


def infix(cls: type[Expr], a: Code, b: Code) -> Code:
    """`a cls b`."""
    symbol, level = _SYMBOLS[cls]
    return Code(f"{a.within(level)} {symbol} {b.within(level + 1)}", level)


class ExprEmitter(Visitor):
    """Emits expressions into one function; a call gives the C text of the value.

    Attributes
    ----------
    vars: the text of each variable in scope. ranges: the values that loop variables take.
    """

    def __init__(self, writer: Writer) -> None:
        self.w = writer
        self.vars: dict[Var, Code] = {}
        self.ranges: dict[Var, Range] = {}
        self.shared: set[Expr] = set()
        self.ordered = False
        self.memory = Memory(self)
        self.calls = CallEmitter(self)

    def root(self, *nodes: Expr | None) -> None:
        """Look at the expressions of one statement: which are used twice, and whether the order of loads matters."""
        counts: dict[Expr, int] = {}
        order: list[Expr] = []
        self.ordered = False
        stack = [n for n in nodes if n is not None]
        while stack:
            node = stack.pop()
            counts[node] = counts.get(node, 0) + 1
            if counts[node] > 1:
                continue
            order.append(node)
            if _has_effect(node):
                self.ordered = True
            stack.extend(c for c in node.children() if isinstance(c, Expr))
        twice = [n for n in order if counts[n] > 1 and not isinstance(n, _LEAVES)]
        self.shared = set() if self.ordered else {n for n in twice if n.dtype.lanes > 1 or _large(n)}
        self.w.memo = {}

    def __call__(self, node: Any) -> Any:
        if isinstance(node, (IntImm, FloatImm)):
            text = constant(node)
            return Code(text, UNARY if text[0] in "-(" else ATOM)
        known = self.w.memo.get(node)
        if known is not None:
            return known
        method = self.table.get(type(node))
        if method is None:
            raise LowerError(f"the C backend has no code for a {type(node).__name__}", node)
        value: Code = method(self, node)
        if node in self.shared:
            value = self.name(value, node.dtype)
            self.w.memo[node] = value
        return value

    def kind(self, type_: DType) -> str:
        """The C type of a value; a vector's is declared in the file."""
        name = value_type(type_)
        if type_.lanes > 1:
            self.w.shared.vectors.setdefault(name, vector_typedef(type_))
        return name

    def name(self, value: Code, type_: DType, hint: str = "t") -> Code:
        """`value` in a variable, unless it is one or a constant already."""
        if _PLAIN.fullmatch(value):
            return value
        return self.w.let(self.kind(type_), value, hint)

    def lane_of(self, node: Expr) -> Code:
        """What stands for lane number `lane` of a vector; no load is left to be done."""
        if isinstance(node, Broadcast) and node.value.dtype.lanes == 1:
            return self.name(self(node.value), node.value.dtype)
        if isinstance(node, Ramp) and isinstance(node.stride, IntImm) and node.dtype.element.is_index:
            base = self.name(self(node.base), node.base.dtype, "base")
            step = LANE if node.stride.value == 1 else Code(f"lane * {node.stride.value}", MUL)
            if isinstance(node.base, IntImm) and node.base.value == 0:
                return step
            return Code(f"{base.within(ADD)} + {step}", ADD)
        if node.dtype.lanes == 1:
            return self.name(self(node), node.dtype)
        return Code(f"{self(node)}[lane]")

    def lanewise(self, type_: DType, operands: Sequence[Expr], f: Callable[..., Code]) -> Code:
        """`f` of the operands' texts; for vectors, lane by lane into a variable."""
        if type_.lanes == 1:
            return f(*(self(e) for e in operands))
        return self.each_lane(type_, f, *(self.lane_of(e) for e in operands))

    def each_lane(self, type_: DType, f: Callable[..., Code], *lanes: Code) -> Code:
        """A variable whose lane number `lane` is `f(*lanes)`."""
        out = self.w.names.fresh("v")
        self.w.line(f"{self.kind(type_)} {out} = {{0}};")
        with self.w.block(f"for (int lane = 0; lane < {type_.lanes}; ++lane)"):
            self.w.line(f"{out}[lane] = {f(*lanes)};")
        return Code(out)

    def visit_var(self, node: Var) -> Code:
        found = self.vars.get(node)
        if found is None:
            raise InternalError(f"the variable {node.name} reached the backend undefined")
        return found

    def visit_buffer_load(self, node: BufferLoad) -> Code:
        value = self.memory.load(node)
        return self.name(value, node.dtype) if self.ordered else value

    def visit_add(self, node: E.Add) -> Code:
        return self.arith(node)

    def visit_sub(self, node: E.Sub) -> Code:
        return self.arith(node)

    def visit_mul(self, node: E.Mul) -> Code:
        return self.arith(node)

    def arith(self, node: Any) -> Code:
        type_ = node.dtype
        if type_.lanes > 1 and not is_narrow(type_) and type_.bits != 4:
            a, b = self.operands(node)
            if type_.is_int:
                kind, other = self.kind(type_), self.kind(unsigned(type_))
                a, b = (
                    Code(f"({value_type(unsigned(type_.element)) if scalar else other}){x.within(UNARY)}", UNARY)
                    for x, scalar in ((a, _is_splat(node.a)), (b, _is_splat(node.b) and not _is_splat(node.a)))
                )
                wide = infix(type(node), a, b)
                return self.w.let(kind, f"({kind})({wide})", "v")
            return self.w.let(self.kind(type_), infix(type(node), a, b), "v")
        plain = self.exact(node)
        return self.lanewise(type_, (node.a, node.b), lambda a, b: self.wrapped(type(node), a, b, type_, plain))

    def operands(self, node: E.BinaryOp) -> tuple[Code, Code]:
        """The operands of a vector operation of GCC's, one of which may be a scalar that stands for all lanes."""
        a = self.scalar(node.a) if _is_splat(node.a) else self.vector(node.a)
        b = self.scalar(node.b) if _is_splat(node.b) and not _is_splat(node.a) else self.vector(node.b)
        return a, b

    def scalar(self, node: Any) -> Code:
        """The value in all lanes of a broadcast."""
        return self.name(self(node.value), node.value.dtype)

    def vector(self, node: Expr) -> Code:
        """A vector value as a variable."""
        value = self(node)
        return value if value.isidentifier() else self.w.let(self.kind(node.dtype), value, "v")

    def exact(self, node: Expr) -> bool:
        """Whether a scalar operation on integers cannot leave its type."""
        if node.dtype.lanes > 1 or not isinstance(node, E.BinaryOp):
            return False
        a, b = interval(node.a, self.ranges), interval(node.b, self.ranges)
        found = combine(type(node), a, b) if a and b else None
        return found is not None and fits(found, node.dtype)

    def wrapped(self, cls: type[Expr], a: Code, b: Code, type_: DType, plain: bool) -> Code:
        """A scalar sum, difference or product in the meaning of its type."""
        value = infix(cls, a, b)
        if type_.is_float:
            return self.rounded(value, type_)
        if plain or (type_.is_uint and type_.bits >= 32):
            return value
        kind = value_type(type_.element)
        if type_.bits == 4:
            return Code(f"wrap_{type_.element}({value})")
        if type_.bits == 8:
            return Code(f"({kind})({value})", UNARY)
        wide = f"uint{max(32, type_.bits)}_t"
        value = infix(cls, Code(f"({wide}){a.within(UNARY)}", UNARY), Code(f"({wide}){b.within(UNARY)}", UNARY))
        return Code(f"({kind})({value})", UNARY)

    @staticmethod
    def rounded(value: Code, type_: DType) -> Code:
        """The result of an operation in `float`, rounded if the type is narrower."""
        return Code(f"round_{type_.element}({value})") if is_narrow(type_) else value

    def index(self, node: Expr) -> Code:
        """An index as C's own arithmetic: one whose exact value does not fit its type has no meaning."""
        cls = type(node)
        if node.dtype.is_index and cls in (E.Add, E.Sub, E.Mul) and node not in self.w.memo:
            assert isinstance(node, E.BinaryOp)
            return infix(cls, self.index(node.a), self.index(node.b))
        return self(node)

    def visit_div(self, node: E.Div) -> Code:
        return self.division(node)

    def visit_mod(self, node: E.Mod) -> Code:
        return self.division(node)

    def visit_floor_div(self, node: E.FloorDiv) -> Code:
        return self.division(node)

    def visit_floor_mod(self, node: E.FloorMod) -> Code:
        return self.division(node)

    def division(self, node: Any) -> Code:
        cls, type_ = type(node), node.dtype
        if type_.is_float:
            if cls is E.Div and type_.lanes > 1 and not is_narrow(type_):
                return self.w.let(self.kind(type_), infix(cls, *self.operands(node)), "v")
            return self.lanewise(type_, (node.a, node.b), lambda a, b: self.float_division(cls, a, b, type_))
        divisor = node.b.value if isinstance(node.b, Broadcast) else node.b
        known = divisor.value if isinstance(divisor, IntImm) else None
        low = interval(node.a, self.ranges)
        positive = low is not None and low[0] >= 0 and known is not None and known > 0

        def divide(a: Code, b: Code) -> Code:
            if known is None or known == 0:
                b = self.name(b, type_.element)
                code = self.w.shared.message("division by zero")
                self.w.fail_if(f"{b} == 0", code)
            return self.integer_division(cls, a, b, type_.element, known, positive)

        return self.lanewise(type_, (node.a, node.b), divide)

    def integer_division(
        self, cls: type[Expr], a: Code, b: Code, type_: DType, known: int | None, positive: bool
    ) -> Code:
        truncates = cls in (E.Div, E.Mod)
        if type_.is_uint or positive or (truncates and known not in (None, -1)):
            value = infix(E.Div if cls in (E.Div, E.FloorDiv) else E.Mod, a, b)
            return value if type_.bits >= 32 or positive else Code(f"({value_type(type_)})({value})", UNARY)
        value = Code(f"{_DIVISIONS[cls]}_int{max(8, type_.bits)}({a}, {b})")
        return Code(f"wrap_{type_}({value})") if type_.bits == 4 else value

    def float_division(self, cls: type[Expr], a: Code, b: Code, type_: DType) -> Code:
        name, f = ("float64", "") if type_.bits == 64 else ("float32", "f")
        if cls is E.Mod:
            return Code(f"fmod{f}({a}, {b})")
        if cls is E.FloorMod:
            return self.rounded(Code(f"floormod_{name}({a}, {b})"), type_)
        quotient = self.rounded(infix(E.Div, a, b), type_)
        return quotient if cls is E.Div else Code(f"floor{f}({quotient})")

    def visit_min(self, node: E.Min) -> Code:
        return self.extremum(node, "min")

    def visit_max(self, node: E.Max) -> Code:
        return self.extremum(node, "max")

    def extremum(self, node: Any, name: str) -> Code:
        type_ = node.dtype
        return self.lanewise(type_, (node.a, node.b), lambda a, b: self.lesser(name, a, b, type_))

    @staticmethod
    def lesser(name: str, a: Code, b: Code, type_: DType) -> Code:
        """The lesser ("min") or greater ("max") of two scalars."""
        if type_.is_bool:
            return Code(f"({a} {'&' if name == 'min' else '|'} {b})")
        if type_.is_float:
            return Code(f"{name}_{'float64' if type_.bits == 64 else 'float32'}({a}, {b})")
        return Code(f"{name}_{type_.kind}{max(8, type_.bits)}({a}, {b})")

    def visit_cmp_op(self, node: Any) -> Code:
        return self.lanewise(node.dtype, (node.a, node.b), lambda a, b: infix(type(node), a, b))

    def visit_and(self, node: E.And) -> Code:
        return self.logic(node, "&&", "&", AND)

    def visit_or(self, node: E.Or) -> Code:
        return self.logic(node, "||", "|", OR)

    def logic(self, node: Any, symbol: str, bitwise: str, level: int) -> Code:
        if node.dtype.lanes > 1:
            a, b = self.vector(node.a), self.vector(node.b)
            return self.w.let(self.kind(node.dtype), f"{a} {bitwise} {b}", "v")
        a = self(node.a)
        with self.w.aside() as lines:
            b = self(node.b)
        if not lines:
            return Code(f"{a.within(COMPARE)} {symbol} {b.within(COMPARE)}", level)
        out = self.w.names.fresh("both" if symbol == "&&" else "either")
        self.w.line(f"bool {out} = {a};")
        with self.w.block(f"if ({out if symbol == '&&' else f'!{out}'})"):
            self.w.lines += lines
            self.w.line(f"{out} = {b};")
        return Code(out)

    def visit_not(self, node: E.Not) -> Code:
        return self.lanewise(node.dtype, (node.a,), lambda a: Code(f"!{a.within(UNARY)}", UNARY))

    def visit_select(self, node: Select) -> Code:
        operands = (node.condition, node.true_value, node.false_value)
        if node.dtype.lanes == 1:
            return self.choice(*(self(e) for e in operands))
        return self.lanewise(node.dtype, operands, self.choice)

    @staticmethod
    def choice(condition: Code, then: Code, other: Code) -> Code:
        """`then` where the condition holds, else `other`."""
        return Code(f"{condition.within(AND)} ? {then.within(AND)} : {other.within(CHOICE)}", CHOICE)

    def branch_value(self, condition: Expr, then: Expr, other: Expr) -> Code:
        """`then` where the scalar `condition` holds, else `other`; only one of them is evaluated."""
        c = self(condition)
        branches, values = [], []
        for branch in (then, other):
            with self.w.aside() as lines:
                values.append(self(branch))
            branches.append(lines)
        if then.dtype.lanes == 1 and not any(branches):
            return self.choice(c, *values)
        out = self.w.names.fresh("chosen")
        self.w.line(f"{self.kind(then.dtype)} {out};")
        for header, lines, value in zip((f"if ({c})", "else"), branches, values):
            with self.w.block(header):
                self.w.lines += lines
                self.w.line(f"{out} = {value};")
        return Code(out)

    def visit_ramp(self, node: Ramp) -> Code:
        if node.base.dtype.lanes > 1:
            raise LowerError("a ramp of vectors has no code", node)
        element = node.dtype.element

        def step(base: Code, stride: Code) -> Code:
            scaled = self.wrapped(E.Mul, Code(f"({value_type(element)})lane", UNARY), stride, element, False)
            return self.wrapped(E.Add, base, scaled, element, False)

        parts = (self.name(self(e), element) for e in (node.base, node.stride))
        return self.each_lane(node.dtype, step, *parts)

    def visit_broadcast(self, node: Broadcast) -> Code:
        inner = node.value.dtype
        value = self.name(self(node.value), inner)
        if isinstance(node.value, (IntImm, FloatImm)) and not inner.is_bool:
            value_of = node.value.value
            if node.lanes <= 8 or (value_of == 0 and str(value_of)[0] != "-"):
                lanes = [value] if value_of == 0 else [value] * node.lanes
                return self.w.let(self.kind(node.dtype), f"{{{', '.join(lanes)}}}", "v")
        lane = value if inner.lanes == 1 else Code(f"{value}[lane % {inner.lanes}]")
        return self.each_lane(node.dtype, lambda: lane)

    def visit_shuffle(self, node: Shuffle) -> Code:
        lanes: list[Code] = []
        for part in node.vectors:
            value = self.name(self(part), part.dtype)
            lanes += [Code(f"{value}[{i}]") for i in range(part.dtype.lanes)] if part.dtype.lanes > 1 else [value]
        picked = [lanes[index.value] for index in node.indices if isinstance(index, IntImm)]
        if len(picked) == 1:
            return picked[0]
        return self.w.let(self.kind(node.dtype), f"{{{', '.join(picked)}}}", "v")

    def visit_cast(self, node: Cast) -> Code:
        source = node.value.dtype
        return self.lanewise(node.dtype, (node.value,), lambda x: casts.convert(x, source.element, node.dtype.element))

    def visit_let(self, node: Let) -> Code:
        self.vars[node.var] = self.name(self(node.value), node.var.dtype, node.var.name)
        return self(node.body)

    def visit_call(self, node: Call) -> Code:
        return self.calls(node)

    def bits(self, symbol: str, a: Code, b: Code) -> Code:
        """A bitwise operation, in parentheses wherever it meets another operator."""
        return Code(f"{a.within(UNARY)} {symbol} {b.within(UNARY)}", BITS)


def _has_effect(node: Expr) -> bool:
    if not isinstance(node, Call):
        return False
    return not isinstance(node.op, Intrinsic) or node.op.effect in (Effect.UPDATE, Effect.CONTROL)


def _is_splat(node: Expr) -> bool:
    return isinstance(node, Broadcast) and node.value.dtype.lanes == 1


def _large(node: Expr) -> bool:
    """Whether the expression, written out as a tree, has more than `SHARED_SIZE` nodes."""
    count, stack = 0, [node]
    while stack and count <= SHARED_SIZE:
        count += 1
        stack.extend(c for c in stack.pop().children() if isinstance(c, Expr))
    return count > SHARED_SIZE
