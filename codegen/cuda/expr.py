"""Expressions as CUDA C++: arithmetic, comparisons, conversions, choices; vectors lane by lane."""

from __future__ import annotations

from typing import Any

from ...tir import expr as E
from ...tir.arith import Analyzer
from ...tir.buffer import BufferLoad
from ...tir.dtype import DType
from ...tir.errors import InternalError, LowerError
from ...tir.expr import Broadcast, Call, Cast, Expr, FloatImm, IntImm, Let, Ramp, Select, Shuffle, Var
from ...tir.op import Effect, Intrinsic
from ...tir.visit import Visitor
from ..c.writer import ADD, AND, ATOM, CHOICE, COMPARE, MUL, OR, UNARY, Code, Writer
from ..lanes import lane_of
from . import casts
from .calls import CallEmitter
from .memory import Memory
from .source import TensorMap
from .types import constant, constructed, declaration, is_struct, scalar, vector

_SYMBOLS: dict[type[Expr], tuple[str, int]] = {
    E.Add: ("+", ADD), E.Sub: ("-", ADD), E.Mul: ("*", MUL), E.Div: ("/", MUL), E.Mod: ("%", MUL),
    E.EQ: ("==", COMPARE), E.NE: ("!=", COMPARE), E.LT: ("<", COMPARE), E.LE: ("<=", COMPARE), E.GT: (">", COMPARE),
    E.GE: (">=", COMPARE), E.And: ("&&", AND), E.Or: ("||", OR),
}  # fmt: skip
_ASSOCIATIVE = (E.And, E.Or)
SHARED_SIZE = 12
"""An expression of more nodes than this is computed once where it is used twice."""


def infix(cls: type[Expr], a: Code, b: Code, *, chained: bool = False) -> Code:
    """`a cls b`; `chained` where `a cls (b cls c)` may be written without parentheses."""
    symbol, level = _SYMBOLS[cls]
    return Code(f"{a.within(level)} {symbol} {b.within(level if chained else level + 1)}", level)


class Exprs(Visitor):
    """Emits expressions into one kernel; a call gives the C++ text of a value.

    Attributes
    ----------
    vars: the text of each variable in scope. used: the variables that were asked for.
    analyzer: knows the ranges of loops. types: the data types that occur. structs: the vector types to declare.
    """

    def __init__(self, writer: Writer, *, arch: int) -> None:
        self.w, self.arch = writer, arch
        self.vars: dict[Var, Code] = {}
        self.used: set[Var] = set()
        self.types: set[str] = set()
        self.structs: dict[str, str] = {}
        self.maps: dict[tuple[Var, TensorMap], str] = {}
        self.analyzer = Analyzer()
        self.shared: set[Expr] = set()
        self.memory = Memory(self)
        self.calls = CallEmitter(self)

    def tensor_map(self, data: Var, extents: tuple[Expr, Expr], box: tuple[int, int]) -> str:
        """The name of the parameter that describes a matrix to the copy engine."""
        rows, columns = (e.value if isinstance(e, IntImm) else 0 for e in extents)
        if not rows or not columns:
            raise LowerError("the copy engine is told constant extents of a matrix", *extents)
        known = TensorMap(rows, columns, *box)
        if (data, known) not in self.maps:
            self.maps[data, known] = self.w.names.fresh(f"{self(data)}_map")
        return self.maps[data, known]

    def root(self, *nodes: Expr | None) -> None:
        """Look at the expressions of one statement: large ones that are used twice are computed once."""
        counts: dict[Expr, int] = {}
        order: list[Expr] = []
        effects = False
        stack = [n for n in nodes if n is not None]
        while stack:
            node = stack.pop()
            counts[node] = counts.get(node, 0) + 1
            if counts[node] > 1:
                continue
            order.append(node)
            effects = effects or _has_effect(node)
            stack.extend(c for c in node.children() if isinstance(c, Expr))
        twice = [n for n in order if counts[n] > 1 and not isinstance(n, (IntImm, FloatImm, Var))]
        self.shared = set() if effects else {n for n in twice if n.dtype.lanes == 1 and _large(n)}
        self.w.memo = {}

    def __call__(self, node: Any) -> Any:
        if isinstance(node, (IntImm, FloatImm)):
            self.types.add(str(node.dtype.element))
            text = constant(node)
            return Code(text, UNARY if text[0] == "-" else ATOM)
        known = self.w.memo.get(node)
        if known is not None:
            return known
        self.types.add(str(node.dtype.element))
        if node.dtype.lanes > 1 and not isinstance(node, Var):
            return self.made(node.dtype, self.lanes(node))
        method = self.table.get(type(node))
        if method is None:
            raise LowerError(f"CUDA has no code for a {type(node).__name__}", node)
        value: Code = method(self, node)
        if node in self.shared:
            value = self.name(value, node.dtype)
            self.w.memo[node] = value
        return value

    def kind(self, type_: DType) -> str:
        """The C++ type of a value; a vector's is declared in the file where CUDA has none."""
        self.types.add(str(type_.element))
        if is_struct(type_):
            self.structs.setdefault(vector(type_), declaration(type_))
        return vector(type_)

    def made(self, type_: DType, lanes: list[Code]) -> Code:
        """A vector of the given lanes."""
        self.kind(type_)
        return Code(constructed(type_, list(map(str, lanes))))

    def name(self, value: Code, type_: DType, hint: str = "t") -> Code:
        """`value` in a variable, unless it is one or a constant already."""
        if str(value).replace(".", "").isidentifier() or str(value)[:1].isdigit():
            return value
        return self.w.let(self.kind(type_), value, hint)

    def lanes(self, node: Expr) -> list[Code]:
        """The lanes of a value, each the text of a scalar; what is loaded together is loaded first."""
        count = node.dtype.lanes
        if count == 1:
            return [self(node)]
        known = self.w.memo.get(("lanes", node))
        if known is not None:
            return known  # type: ignore[return-value]
        out = self._lanes(node, count)
        self.w.memo["lanes", node] = out  # type: ignore[assignment]
        return out

    def _lanes(self, node: Expr, count: int) -> list[Code]:
        if isinstance(node, BufferLoad):
            return self.memory.load_lanes(node)
        if isinstance(node, Broadcast):
            if node.value.dtype.lanes > 1:
                return self.lanes(node.value) * (count // node.value.dtype.lanes)
            return [self.name(self(node.value), node.value.dtype)] * count
        if isinstance(node, Shuffle):
            return [self.picked(node, k) for k in range(count)]
        if isinstance(node, Ramp):
            return [self(lane_of(node, k)) for k in range(count)]
        if isinstance(node, Var):
            return [Code(text) for text in self.vector_lanes(node)]
        if isinstance(node, Let):
            self.define(node)
            return self.lanes(node.body)
        if isinstance(node, Call):
            return self.calls.lanes(node)
        operands = [c for c in node.children() if isinstance(c, Expr)]
        split = [self.lanes(c) if c.dtype.lanes > 1 else self.lanes(c) * count for c in operands]
        return [self.with_operands(node, [lanes[k] for lanes in split]) for k in range(count)]

    def vector_lanes(self, node: Var) -> list[str]:
        """The lanes of a vector variable."""
        from .types import lane

        return [lane(self.visit_var(node), node.dtype, k) for k in range(node.dtype.lanes)]

    def with_operands(self, node: Expr, given: list[Code]) -> Code:
        """The scalar operation of `node` on operands that are text already."""
        scalars = [Var(f"x{k}", c.dtype.element) for k, c in enumerate(c for c in node.children() if _is_expr(c))]
        self.vars.update(zip(scalars, given))
        iterator = iter(scalars)
        if isinstance(node, Cast):
            changed: Expr = Cast(node.dtype.element, next(iterator))
        elif isinstance(node, Call):
            changed = Call(node.dtype.element, node.op, tuple(scalars))
        else:
            changed = node.map_children(lambda c: next(iterator) if _is_expr(c) else c)
        out: Code = self(changed)
        for var in scalars:
            del self.vars[var]
        return out

    def visit_var(self, node: Var) -> Code:
        found = self.vars.get(node)
        if found is None:
            raise InternalError(f"the variable {node.name} reached the backend undefined")
        self.used.add(node)
        return found

    def visit_buffer_load(self, node: BufferLoad) -> Code:
        return self.memory.load(node)

    def visit_shuffle(self, node: Shuffle) -> Code:
        return self.picked(node, 0)

    def picked(self, node: Shuffle, k: int) -> Code:
        """Lane `k` of a shuffle."""
        lanes = [(part, i) for part in node.vectors for i in range(part.dtype.lanes)]
        part, i = lanes[node.indices[k].value]  # type: ignore[attr-defined]
        return self.lanes(part)[i]

    def visit_add(self, node: E.Add) -> Code:
        return self.arith(node)

    def visit_sub(self, node: E.Sub) -> Code:
        return self.arith(node)

    def visit_mul(self, node: E.Mul) -> Code:
        return self.arith(node)

    def arith(self, node: Any) -> Code:
        type_, cls = node.dtype, type(node)
        a, b = self(node.a), self(node.b)
        if str(type_).startswith("float8"):
            return casts.to_float8(infix(cls, casts.widened(a, type_), casts.widened(b, type_)), type_)
        value = infix(cls, a, b, chained=type_.is_integral and cls is not E.Sub)
        return casts.wrapped(value, type_)

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
        a, b = self(node.a), self(node.b)
        if type_.is_float:
            return self.float_division(cls, a, b, type_)
        floors = cls in (E.FloorDiv, E.FloorMod)
        plain = E.Div if cls in (E.Div, E.FloorDiv) else E.Mod
        if not floors or type_.is_uint or self.is_natural(node.a, node.b):
            return casts.wrapped(infix(plain, a, b), type_)
        name = "floordiv" if plain is E.Div else "floormod"
        kind = scalar(type_)
        same = all(isinstance(x, IntImm) or x.dtype == type_ for x in (node.a, node.b))
        return Code(f"{name}{'' if same and type_.bits == 32 else f'<{kind}>'}({a}, {b})")

    def is_natural(self, a: Expr, b: Expr) -> bool:
        """Whether truncating division of the two rounds down, neither of them being negative."""
        low = self.analyzer.const_int_bound(b).min_value
        return (self.analyzer.const_int_bound(a).min_value >= 0 and low > 0) or self.analyzer.prove(
            E.And(a >= 0, b > 0)
        )

    def float_division(self, cls: type[Expr], a: Code, b: Code, type_: DType) -> Code:
        if type_.bits >= 32:
            return self.wide_division(cls, a, b, type_)
        if cls is E.Div and type_.bits == 16:
            return infix(cls, a, b)
        wide = self.wide_division(cls, casts.widened(a, type_), casts.widened(b, type_), E.const(0.0, "float32").dtype)
        return casts.from_float(wide, type_)

    @staticmethod
    def wide_division(cls: type[Expr], a: Code, b: Code, type_: DType) -> Code:
        f = "" if type_.bits == 64 else "f"
        if cls is E.Mod:
            return Code(f"fmod{f}({a}, {b})")
        if cls is E.FloorMod:
            return Code(f"floormod({a}, {b})")
        quotient = infix(E.Div, a, b)
        return quotient if cls is E.Div else Code(f"floor{f}({quotient})")

    def visit_min(self, node: E.Min) -> Code:
        return self.extremum(node, "min", "<")

    def visit_max(self, node: E.Max) -> Code:
        return self.extremum(node, "max", ">")

    def extremum(self, node: Any, name: str, sign: str) -> Code:
        type_ = node.dtype
        a, b = self(node.a), self(node.b)
        if type_.is_bool:
            return Code(f"({a.within(UNARY)} {'&' if name == 'min' else '|'} {b.within(UNARY)})")
        if not type_.is_float:
            return casts.wrapped(Code(f"{name}({a}, {b})"), type_)
        if type_.bits >= 32:
            return Code(f"{name}_nan({a}, {b})")
        if type_.bits == 16 and self.arch >= 80:
            return Code(f"__h{name}_nan({a}, {b})")
        return casts.from_float(Code(f"{name}_nan({casts.widened(a, type_)}, {casts.widened(b, type_)})"), type_)

    def visit_cmp_op(self, node: Any) -> Code:
        a, b = self(node.a), self(node.b)
        if str(node.a.dtype.element).startswith("float8"):
            a, b = casts.widened(a, node.a.dtype), casts.widened(b, node.b.dtype)
        return infix(type(node), a, b)

    def visit_and(self, node: E.And) -> Code:
        return self.logic(node)

    def visit_or(self, node: E.Or) -> Code:
        return self.logic(node)

    def logic(self, node: Any) -> Code:
        a = self(node.a)
        with self.w.aside() as lines:
            b = self(node.b)
        if not lines:
            # Compilers warn about && among || without parentheses, and readers are glad of them.
            parts = (
                Code(f"({x})") if x.level in (AND, OR) and x.level != _SYMBOLS[type(node)][1] else x for x in (a, b)
            )
            return infix(type(node), *parts, chained=True)
        out = self.w.names.fresh("both" if isinstance(node, E.And) else "either")
        self.w.line(f"bool {out} = {a};")
        with self.w.block(f"if ({out if isinstance(node, E.And) else f'!{out}'})"):
            self.w.lines += lines
            self.w.line(f"{out} = {b};")
        return Code(out)

    def visit_not(self, node: E.Not) -> Code:
        return Code(f"!{self(node.a).within(UNARY)}", UNARY)

    def visit_select(self, node: Select) -> Code:
        return self.choice(self(node.condition), self(node.true_value), self(node.false_value))

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
        if not any(branches):
            return self.choice(c, *values)
        out = self.w.names.fresh("chosen")
        self.w.line(f"{self.kind(then.dtype)} {out};")
        for header, lines, value in zip((f"if ({c})", "else"), branches, values):
            with self.w.block(header):
                self.w.lines += lines
                self.w.line(f"{out} = {value};")
        return Code(out)

    def visit_cast(self, node: Cast) -> Code:
        return casts.convert(self(node.value), node.value.dtype, node.dtype)

    def visit_let(self, node: Let) -> Code:
        self.define(node)
        out: Code = self(node.body)
        return out

    def define(self, node: Let) -> None:
        """Give the variable of a let its value."""
        self.vars[node.var] = self.w.let(self.kind(node.var.dtype), self(node.value), node.var.name)

    def visit_call(self, node: Call) -> Code:
        return self.calls(node)


def _is_expr(c: Any) -> bool:
    return isinstance(c, Expr)


def _has_effect(node: Expr) -> bool:
    if not isinstance(node, Call):
        return False
    return not isinstance(node.op, Intrinsic) or node.op.effect in (Effect.UPDATE, Effect.CONTROL)


def _large(node: Expr) -> bool:
    """Whether the expression, written out as a tree, has more than `SHARED_SIZE` nodes."""
    count, stack = 0, [node]
    while stack and count <= SHARED_SIZE:
        count += 1
        stack.extend(c for c in stack.pop().children() if isinstance(c, Expr))
    return count > SHARED_SIZE
