"""Expressions as Python source: every operation rounded or wrapped to its own type, vectors lane by lane."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from ...tir import expr as ex
from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import INT64, DType
from ...tir.expr import BinaryOp, Expr, Var
from ...tir.float_formats import FORMATS
from . import scalars
from .memory import codec, is_coded
from .source import LONG, Source, Val, number

Lanes = list[Val]

Interval = Callable[[int, int, int, int], tuple[int, int]]


def _product(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    corners = (a * c, a * d, b * c, b * d)
    return min(corners), max(corners)


_RING: dict[type[BinaryOp], tuple[str, Interval]] = {
    ex.Add: ("{} + {}", lambda a, b, c, d: (a + c, b + d)),
    ex.Sub: ("{} - {}", lambda a, b, c, d: (a - d, b - c)),
    ex.Mul: ("{} * {}", _product),
}
"""Operations whose wrapped result follows from unwrapped operands, and the bounds of the result."""

_COMPARE: dict[type[BinaryOp], str] = {
    ex.EQ: "{} == {}",
    ex.NE: "{} != {}",
    ex.LT: "{} < {}",
    ex.LE: "{} <= {}",
    ex.GT: "{} > {}",
    ex.GE: "{} >= {}",
}

_DIVISION: dict[type[Expr], tuple[str, str]] = {
    ex.FloorDiv: ("{} // {}", "{} // {}"),
    ex.FloorMod: ("{} % {}", "{} % {}"),
    ex.Div: ("{} // {}", "truncdiv({}, {})"),
    ex.Mod: ("{} % {}", "truncmod({}, {})"),
}
"""Integer divisions: for operands that are not negative, and for any."""

RUNTIME: dict[str, Any] = {
    "truncdiv": scalars.truncdiv,
    "truncmod": scalars.truncmod,
    "divide": scalars.divide,
    "float_mod": scalars.float_mod,
    "float_floormod": scalars.float_floormod,
    "floor": scalars.floor,
    "shift_left": scalars.shift_left,
    "shift_right": scalars.shift_right,
    "float_to_int": scalars.float_to_int,
    "int_to_float": scalars.int_to_float,
    "wrap_to": scalars.wrap_to,
    "inf": math.inf,
    "nan": math.nan,
}
"""What every generated function may call."""


class Expressions(Source, ABC):
    """Turns expressions into values; statements and memory are its subclasses' business."""

    table: dict[type[Expr], Callable[[Any, Any], Lanes]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.vars: dict[Var, Lanes] = {}
        self.indexing = False

    def lanes(self, e: Expr) -> Lanes:
        """The value of `e`, one `Val` a lane, possibly raw."""
        method = self.table.get(type(e))
        if method is None:
            raise scalars.Fault(f"an expression of class {type(e).__name__} has no value")
        return [v if len(v.src) <= LONG else self.atom(v) for v in method(self, e)]

    def values(self, e: Expr) -> Lanes:
        """The lanes of `e`, rounded or wrapped to its type."""
        return [self.exact(v, e.dtype.element) for v in self.lanes(e)]

    def value(self, e: Expr) -> Val:
        """The value of a scalar expression, rounded or wrapped to its type."""
        (out,) = self.values(e)
        return out

    def index(self, e: Expr) -> Val:
        """The value of a scalar index, in exact arithmetic."""
        (out,) = self.indices(e)
        return out

    def indices(self, e: Expr) -> Lanes:
        """The lanes of an index, in exact arithmetic."""
        outer, self.indexing = self.indexing, True
        out = self.lanes(e)
        self.indexing = outer
        return out

    def exact(self, v: Val, element: DType) -> Val:
        """`v` rounded or wrapped to its type."""
        if not v.raw:
            return v
        if element.is_float:
            return self.rounded(v, element)
        if self.indexing and element.is_index:
            return Val(v.src, v.level, v.atomic, v.lo, v.hi)
        low, high = int(element.min), int(element.max)
        if low <= v.bounds[0] and v.bounds[1] <= high:
            return Val(v.src, v.level, v.atomic, v.lo, v.hi)
        mask = (1 << element.bits) - 1
        if element.is_uint:
            return self.combine(f"{{}} & {mask}", v, lo=low, hi=high)
        return self.combine(f"({{}} + {-low} & {mask}) - {-low}", v, lo=low, hi=high)

    def rounded(self, v: Val, element: DType) -> Val:
        """The double `v` rounded to a float type."""
        if element.bits == 64:
            return Val(v.src, v.level, v.atomic)
        if is_coded(element):
            return self.atom(Val(f"{self.constant(codec(element).round)}({v.src})", self.depth))
        # A store into an array of C floats and a load from it is the cheapest rounding CPython has.
        slot = f"S[{self.slots}]"
        self.slots += 1
        self.used_slots = max(self.used_slots, self.slots)
        self.line(f"{slot} = {v.src}")
        return Val(slot, self.depth, True)

    def settle(self, v: Val) -> Val:
        """`v` under a name that is valid from here on; a new one is defined in a scope of its own."""
        return self.settle_all([v])[0]

    def settle_all(self, values: Sequence[Val]) -> Lanes:
        """`values` under names that are valid from here on; those that are not yet, in one scope of their own."""
        values = [self.hoist(v) for v in values]
        if all(v.stable for v in values):
            return values
        names = []
        for v in values:
            names.append(v.src)
            if not v.atomic or v.src.startswith("S["):
                names[-1] = self.fresh()
                self.line(f"{names[-1]} = {v.src}")
        self.open_scope()
        return [
            v if v.stable else Val(name, self.depth, True, v.lo, v.hi, stable=True) for v, name in zip(values, names)
        ]

    def bind(self, var: Var, lanes: Sequence[Val]) -> None:
        """Let `var` stand for `lanes`, which are exact, from here on."""
        self.vars[var] = self.settle_all(lanes)

    def visit_var(self, e: Var) -> Lanes:
        return self.vars[e]

    def visit_int_imm(self, e: ex.IntImm) -> Lanes:
        if e.dtype.is_handle:
            return [Val("NULL", 0, True)]
        return [number(e.value)]

    def visit_float_imm(self, e: ex.FloatImm) -> Lanes:
        text = repr(e.value)
        return [Val(f"({text})" if text.startswith("-") else text, 0, True)]

    def visit_string_imm(self, e: ex.StringImm) -> Lanes:
        return [Val(repr(e.value), 0, True)]

    def operands(self, e: BinaryOp) -> tuple[Lanes, Lanes]:
        return self.values(e.a), self.values(e.b)

    def visit_ring(self, e: BinaryOp) -> Lanes:
        template, interval = _RING[type(e)]
        if e.dtype.is_float:
            return [self.combine(template, a, b, raw=True) for a, b in zip(*self.operands(e))]
        return [self.ring(type(e), template, interval, a, b, e.dtype) for a, b in zip(self.lanes(e.a), self.lanes(e.b))]

    def ring(self, cls: type[BinaryOp], template: str, interval: Interval, a: Val, b: Val, t: DType) -> Val:
        lo, hi = interval(*a.bounds, *b.bounds)
        if max(-lo, hi) >= 1 << 160:
            # Products of unwrapped operands grow without end; wrap them before they are long.
            a, b = self.exact(a, t.element), self.exact(b, t.element)
            lo, hi = interval(*a.bounds, *b.bounds)
        if lo == hi:
            return self._literal(lo)
        return self.combine(template, a, b, lo=lo, hi=hi, raw=True)

    def _literal(self, value: int) -> Val:
        out = number(value)
        out.raw = True
        return out

    def visit_compare(self, e: BinaryOp) -> Lanes:
        return [self.combine(_COMPARE[type(e)], a, b, lo=0, hi=1) for a, b in zip(*self.operands(e))]

    def visit_division(self, e: BinaryOp) -> Lanes:
        if e.dtype.is_float:
            return [self.float_division(type(e), e.dtype.element, a, b) for a, b in zip(*self.operands(e))]
        return [self.int_division(type(e), a, b) for a, b in zip(*self.operands(e))]

    def float_division(self, cls: type[Expr], element: DType, a: Val, b: Val) -> Val:
        if cls in (ex.Mod, ex.FloorMod):
            name = "float_mod" if cls is ex.Mod else "float_floormod"
            return Val(f"{name}({a.src}, {b.src})", self.depth, raw=True)
        a, b = self.atom(a), self.atom(b)
        safe = b.level == 0 and b.src[:1].isdigit() and float(b.src) != 0
        test = "" if safe else f" if {b.src} else divide({a.src}, {b.src})"
        quotient = Val(f"{a.src} / {b.src}{test}", max(a.level, b.level), raw=True)
        if cls is ex.Div:
            return quotient
        return Val(f"floor({self.exact(quotient, element).src})", self.depth)

    def int_division(self, cls: type[Expr], a: Val, b: Val) -> Val:
        (a_lo, _), (b_lo, b_hi) = a.bounds, b.bounds
        template = _DIVISION[cls][0 if a_lo >= 0 and b_lo > 0 else 1]
        lo, hi = _division_bounds(cls, a, b)
        if b_lo <= 0 <= b_hi:
            # It may fail, so it must not be evaluated before its turn.
            a, b = self.hoist(a), self.hoist(b)
            value = Val(template.format(a.text, b.text), self.depth, False, lo, hi, True)
            return self.atom(value)
        return self.combine(template, a, b, lo=lo, hi=hi, raw=cls in (ex.FloorDiv, ex.Div))

    def visit_min_max(self, e: BinaryOp) -> Lanes:
        return [v for a, b in zip(*self.operands(e)) for v in self.lesser_or_greater(type(e), e.dtype, a, b)]

    def lesser_or_greater(self, cls: type[Expr], t: DType, a: Val, b: Val) -> Lanes:
        """The lesser (Min) or greater (Max) of two exact values; NaN if either is NaN."""
        sign, pick = ("<", min) if cls is ex.Min else (">", max)
        a, b = self.atom(a), self.atom(b)
        level = max(a.level, b.level)
        if t.is_float:
            test = f"{a.src} {sign} {b.src} or {a.src} != {a.src}"
            return [Val(f"{a.src} if {test} else {b.src}", level)]
        (a_lo, a_hi), (b_lo, b_hi) = a.bounds, b.bounds
        src = f"{a.src} if {a.src} {sign} {b.src} else {b.src}"
        return [Val(src, level, False, pick(a_lo, b_lo), pick(a_hi, b_hi))]

    def visit_and_or(self, e: BinaryOp) -> Lanes:
        word = "and" if type(e) is ex.And else "or"
        if e.dtype.lanes > 1:
            return [self.combine(f"{{}} {word} {{}}", a, b, lo=0, hi=1) for a, b in zip(*self.operands(e))]
        a = self.value(e.a)
        (b,), lines = self.apart(lambda: self.values(e.b))
        if not lines:
            return [self.combine(f"{{}} {word} {{}}", a, b, lo=0, hi=1)]
        # The second operand takes statements, which must not run unless it is needed.
        name = self.fresh()
        self.line(f"{name} = {a.src}")
        self.line(f"if {name}:" if type(e) is ex.And else f"if not {name}:")
        self.out += lines
        self.line(f" {name} = {b.src}")
        return [Val(name, self.depth, True, 0, 1)]

    def apart(self, evaluate: Callable[[], Lanes]) -> tuple[Lanes, list[Any]]:
        """What `evaluate` gives, and the lines it takes, indented once more, not yet part of the function."""
        outer, self.out = self.out, []
        self.indent += 1
        lanes = evaluate()
        lines, self.out = self.out, outer
        self.indent -= 1
        return lanes, lines

    def visit_not(self, e: ex.Not) -> Lanes:
        return [self.combine("not {}", v, lo=0, hi=1) for v in self.values(e.a)]

    def choose(self, condition: Val, true_lanes: Callable[[], Lanes], false_lanes: Callable[[], Lanes]) -> Lanes:
        """The lanes of the branch that `condition` takes; the other is not evaluated."""
        if condition.constant is not None:
            return true_lanes() if condition.constant else false_lanes()
        ours, lines = self.apart(true_lanes)
        theirs, other_lines = self.apart(false_lanes)
        if not lines and not other_lines and len(ours) == 1:
            picked = self.combine("{1} if {0} else {2}", condition, ours[0], theirs[0])
            return [_join(ours[0], theirs[0], picked.src, picked.level, picked.atomic)]
        names = [self.fresh() for _ in ours]
        for header, part, lanes in ((f"if {condition.src}:", lines, ours), ("else:", other_lines, theirs)):
            self.line(header)
            self.out += part
            for name, v in zip(names, lanes):
                self.line(f" {name} = {v.src}")
        return [_join(a, b, name, self.depth) for a, b, name in zip(ours, theirs, names)]

    def visit_select(self, e: ex.Select) -> Lanes:
        conditions = self.values(e.condition)
        out = []
        if len(conditions) == 1:
            conditions = [self.atom(conditions[0])] * e.dtype.lanes
        for c, a, b in zip(conditions, self.values(e.true_value), self.values(e.false_value)):
            picked = self.combine("{1} if {0} else {2}", c, a, b)
            out.append(_join(a, b, picked.src, picked.level, picked.atomic))
        return out

    def visit_cast(self, e: ex.Cast) -> Lanes:
        source, target = e.value.dtype.element, e.dtype.element
        if source.is_handle or target.is_handle:
            if source.is_handle and target.is_handle:
                return self.values(e.value)
            raise scalars.Fault(f"a cast from {source} to {target} has no meaning; pointers are not numbers here")
        return [self.convert(v, source, target) for v in self.values(e.value)]

    def convert(self, v: Val, source: DType, target: DType) -> Val:
        """An exact value of type `source` as one of type `target`, possibly raw."""
        if target.is_bool:
            return v if source.is_bool else self.combine("{} != 0", v, lo=0, hi=1)
        if target.is_float:
            if source.is_float:
                return Val(v.src, v.level, v.atomic, raw=not _holds(target, source))
            lo, hi = v.bounds
            if max(-lo, hi) > 1 << 53:
                return Val(f"int_to_float({v.src}, {str(target)!r})", self.depth, raw=target.bits != 64)
            exact = max(-lo, hi) <= 1 << _MANTISSA[target]
            return self.combine("float({})", v, raw=not exact)
        if source.is_float:
            return Val(f"float_to_int({v.src}, {target.min}, {target.max})", self.depth, False, *_bounds(target))
        if source.is_bool:
            return self.combine("int({})", v, lo=0, hi=1)
        return Val(v.src, v.level, v.atomic, v.lo, v.hi, raw=True)

    def visit_ramp(self, e: ex.Ramp) -> Lanes:
        base, (stride,) = self.lanes(e.base), self.lanes(e.stride)
        out = []
        for lane in range(e.lanes):
            step = self.times(stride, number(lane))
            out += [self.plus(b, step) for b in base]
        return out

    def times(self, a: Val, b: Val) -> Val:
        """The product of integers, unwrapped."""
        for one, other in ((a, b), (b, a)):
            if one.constant == 1:
                return other
        return self.ring(ex.Mul, *_RING[ex.Mul], a, b, INT64)

    def plus(self, a: Val, b: Val) -> Val:
        """The sum of integers, unwrapped."""
        for one, other in ((a, b), (b, a)):
            if one.constant == 0:
                return other
        return self.ring(ex.Add, *_RING[ex.Add], a, b, INT64)

    def minus(self, a: Val, b: Val) -> Val:
        """The difference of integers, unwrapped."""
        return a if b.constant == 0 else self.ring(ex.Sub, *_RING[ex.Sub], a, b, INT64)

    def visit_broadcast(self, e: ex.Broadcast) -> Lanes:
        lanes = self.values(e.value)
        return [self.atom(v) for v in lanes] * e.lanes if e.lanes > 1 else lanes

    def visit_shuffle(self, e: ex.Shuffle) -> Lanes:
        pool = [self.atom(v) for vector in e.vectors for v in self.values(vector)]
        picks = [self.value(i).constant for i in e.indices]
        if any(p is None or not 0 <= p < len(pool) for p in picks):
            raise scalars.Fault(f"a shuffle's indices are constants from 0 to {len(pool) - 1}")
        return [pool[p] for p in picks if p is not None]

    def visit_let(self, e: ex.Let) -> Lanes:
        depth = self.depth
        self.bind(e.var, self.values(e.value))
        out = [self.atom(v) if v.level > depth else v for v in self.lanes(e.body)]
        self.close_scopes(depth)
        return [Val(v.src, min(v.level, depth), v.atomic, v.lo, v.hi, v.raw) for v in out]

    @abstractmethod
    def visit_buffer_load(self, e: BufferLoad) -> Lanes:
        """What a load gives."""

    @abstractmethod
    def visit_call(self, e: ex.Call) -> Lanes:
        """What a call gives."""

    @abstractmethod
    def view_of(self, buffer: Buffer) -> Any:
        """The memory of a buffer."""


def _bounds(t: DType) -> tuple[int, int]:
    return int(t.min), int(t.max)


def typed(src: str, t: DType, level: int, atomic: bool = False) -> Val:
    """An expression about which only its type is known."""
    if t.is_integral:
        return Val(src, level, atomic, *_bounds(t))
    return Val(src, level, atomic, 0, 1) if t.is_bool else Val(src, level, atomic)


def _join(a: Val, b: Val, src: str, level: int, atomic: bool = True) -> Val:
    if a.lo is None or a.hi is None or b.lo is None or b.hi is None:
        return Val(src, level, atomic, raw=a.raw or b.raw)
    return Val(src, level, atomic, min(a.lo, b.lo), max(a.hi, b.hi), a.raw or b.raw)


def _division_bounds(cls: type[Expr], a: Val, b: Val) -> tuple[int, int]:
    (a_lo, a_hi), (b_lo, b_hi) = a.bounds, b.bounds
    reach = max(abs(a_lo), abs(a_hi))
    widest = max(abs(b_lo), abs(b_hi), 1) - 1
    if cls is ex.FloorMod:
        lo, hi = (0 if b_lo >= 0 else -widest), (0 if b_hi <= 0 else widest)
        return (lo, min(hi, a_hi)) if a_lo >= 0 and b_lo > 0 else (lo, hi)
    if cls is ex.Mod:
        top = min(reach, widest)
        return (0 if a_lo >= 0 else -top), (0 if a_hi <= 0 else top)
    if b_lo > 0:
        divide: Callable[[int, int], int] = (lambda x, y: x // y) if cls is ex.FloorDiv else scalars.truncdiv
        corners = [divide(x, y) for x in (a_lo, a_hi) for y in (b_lo, b_hi)]
        return min(corners), max(corners)
    return -reach - 1, reach + 1


_MANTISSA = {"float64": 53, "float32": 24} | {name: form.mantissa + 1 for name, form in FORMATS.items()}
"""Up to which power of two every integer is a number of the type."""


def _holds(target: DType, source: DType) -> bool:
    """Whether every number of the float type `source` is one of `target`."""
    return target == source or target.bits == 64 or (target.bits == 32 and source.bits < 32)


Expressions.table = {
    Var: Expressions.visit_var,
    ex.IntImm: Expressions.visit_int_imm,
    ex.FloatImm: Expressions.visit_float_imm,
    ex.StringImm: Expressions.visit_string_imm,
    **dict.fromkeys(_RING, Expressions.visit_ring),
    **dict.fromkeys(_COMPARE, Expressions.visit_compare),
    **dict.fromkeys(_DIVISION, Expressions.visit_division),
    **dict.fromkeys((ex.Min, ex.Max), Expressions.visit_min_max),
    **dict.fromkeys((ex.And, ex.Or), Expressions.visit_and_or),
    ex.Not: Expressions.visit_not,
    ex.Select: Expressions.visit_select,
    ex.Cast: Expressions.visit_cast,
    ex.Ramp: Expressions.visit_ramp,
    ex.Broadcast: Expressions.visit_broadcast,
    ex.Shuffle: Expressions.visit_shuffle,
    ex.Let: Expressions.visit_let,
}
