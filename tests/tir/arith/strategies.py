"""Random problems for the analyzer: variables in small boxes, constraints, integer and bool expressions over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from hypothesis import strategies as st
from tensorir.tir.arith import Analyzer
from tensorir.tir.buffer import Range
from tensorir.tir.dtype import DType, dtype
from tensorir.tir.expr import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    Cast,
    Div,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Select,
    Sub,
    Var,
)
from tensorir.tir.op import call, if_then_else

from .brute import assignments, maybe, value

DRAW = Callable[[Any], Any]
COMPARISONS = (EQ, NE, LT, LE, GT, GE)


class Problem(NamedTuple):
    """Variables in intervals, ranges that depend on other variables, constraints, and what is asked about."""

    box: dict[Var, tuple[int, int]]
    ranges: dict[Var, Range]
    constraints: list[Expr]
    goal: Expr

    def analyzer(self, stack: ExitStack) -> Analyzer:
        """An analyzer that knows the problem."""
        an = Analyzer()
        for var, range_ in self.ranges.items():
            an.bind(var, range_)
        for condition in self.constraints:
            stack.enter_context(an.constraint(condition))
        return an

    def points(self) -> Iterator[dict[Var, int]]:
        """The assignments that satisfy ranges and constraints."""
        for env in assignments(self.box):
            if all(self._inside(var, range_, env) for var, range_ in self.ranges.items()) and all(
                maybe(value, c, env) for c in self.constraints
            ):
                yield env

    def _inside(self, var: Var, range_: Range, env: dict[Var, int]) -> bool:
        low, extent = value(range_.min, env), value(range_.extent, env)
        return low <= env[var] < low + extent


def numbers(draw: DRAW, type_: DType) -> IntImm:
    """A constant, most often small, sometimes as divisors and tile sizes are."""
    choices = st.one_of(st.integers(-6, 9), st.sampled_from((-16, -8, -1, 0, 1, 2, 4, 8, 12, 16, 32)))
    number = draw(choices)
    return IntImm(type_, abs(number) if type_.is_uint else number)


def integers(draw: DRAW, variables: list[Var], depth: int, type_: DType) -> Expr:
    """An integer expression."""
    kind = draw(st.integers(0, 18 if depth else 3))
    if kind <= 2:
        fitting = [v for v in variables if v.dtype == type_]
        return draw(st.sampled_from(fitting)) if fitting else numbers(draw, type_)
    if kind == 3:
        return numbers(draw, type_)

    def inner() -> Expr:
        return integers(draw, variables, depth - 1, type_)

    if kind <= 6:
        return Add(inner(), inner())
    if kind == 7:
        return Sub(inner(), inner())
    if kind <= 9:
        return Mul(inner(), numbers(draw, type_))
    if kind == 10:
        return Mul(inner(), inner())
    if kind <= 15:
        cls = (FloorDiv, FloorMod, FloorDiv, FloorMod, draw(st.sampled_from((Div, Mod))))[kind - 11]
        constant = draw(st.integers(0, 3))
        return cls(inner(), numbers(draw, type_) if constant else inner())
    if kind == 16:
        return draw(st.sampled_from((Min, Max)))(inner(), inner())
    if kind == 17:
        condition = bools(draw, variables, depth - 1, type_)
        build = draw(st.sampled_from((Select, if_then_else)))
        return build(condition, inner(), inner())
    return _odd(draw, variables, depth, type_)


def _odd(draw: DRAW, variables: list[Var], depth: int, type_: DType) -> Expr:
    """A cast, a bool as a number, a bitwise operation."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        other = dtype(draw(st.sampled_from(("int32", "int64", "int8", "uint8", "uint32"))))
        return Cast(type_, integers(draw, variables, depth - 1, other))
    if kind == 1:
        return Cast(type_, bools(draw, variables, depth - 1, type_))
    name = draw(st.sampled_from(("bitwise_and", "bitwise_xor", "bitwise_or", "shift_right", "shift_left")))
    a = integers(draw, variables, depth - 1, type_)
    if name.startswith("shift"):
        return call(name, a, IntImm(type_, draw(st.integers(0, 4))))
    return call(name, a, numbers(draw, type_) if kind < 4 else integers(draw, variables, depth - 1, type_))


def bools(draw: DRAW, variables: list[Var], depth: int, type_: DType) -> Expr:
    """A bool expression."""
    kind = draw(st.integers(0, 9 if depth > 0 else 5))
    if kind <= 5:
        a = integers(draw, variables, max(depth - 1, 0), type_)
        b = integers(draw, variables, max(depth - 1, 0), type_)
        return COMPARISONS[kind](a, b)
    if kind == 9:
        return Not(bools(draw, variables, depth - 1, type_))
    cls = And if kind < 8 else Or
    return cls(bools(draw, variables, depth - 1, type_), bools(draw, variables, depth - 1, type_))


@st.composite
def problems(draw: DRAW, goal: Callable[..., Expr], depth: int = 3) -> Problem:
    """A problem with one to three variables; `goal` is `integers` or `bools`."""
    type_ = dtype(draw(st.sampled_from(("int32", "int32", "int64", "int8", "uint8"))))
    box: dict[Var, tuple[int, int]] = {}
    ranges: dict[Var, Range] = {}
    for name in "xyz"[: draw(st.integers(1, 3))]:
        low = draw(st.integers(0 if type_.is_uint else -5, 6))
        extent = draw(st.sampled_from((0, 1, 1, 2, 3, 4, 4, 5)))
        var = Var(name, type_)
        if ranges and draw(st.integers(0, 2)) == 0:
            # The extent hangs on another variable, or is a multiple of one.
            other = draw(st.sampled_from(list(ranges)))
            symbolic: Expr = other if draw(st.booleans()) else Add(other, IntImm(type_, extent))
            ranges[var] = Range(IntImm(type_, low), symbolic)
            box[var] = (low, low + max(box[other][1] + extent, 0))
        else:
            ranges[var] = Range(IntImm(type_, low), IntImm(type_, extent))
            box[var] = (low, low + extent - 1)
    variables = list(box)
    constraints = [bools(draw, variables, 1, type_) for _ in range(draw(st.sampled_from((0, 0, 1, 2))))]
    return Problem(box, ranges, constraints, goal(draw, variables, depth, type_))
