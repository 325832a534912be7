"""Every row of the rule table against enumeration: where the condition holds, pattern and result are equal."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
from tensorir.tir.arith import Analyzer
from tensorir.tir.arith.pattern import compile_rule, compiled
from tensorir.tir.arith.rules import BITS, FLOATS, LOGIC, RULES, VECTORS
from tensorir.tir.expr import Broadcast, Expr, FloatImm, IntImm, Ramp, Var, const

from .brute import value

LANES = 3
FLOAT_VALUES = (0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan)


def lanes_of(e: Expr, env: dict[Var, int]) -> tuple[int, ...]:
    """The value of a vector expression, lane by lane."""
    return tuple(value(lane(e, i), env) for i in range(e.dtype.lanes))


def lane(e: Expr, i: int) -> Expr:
    """One lane of a vector expression, as a scalar one."""
    if e.dtype.lanes == 1:
        return e
    if isinstance(e, Ramp):
        return e.base + e.stride * i
    if isinstance(e, Broadcast):
        return e.value
    parts = [lane(child, i) for child in e.children()]
    return type(e)(*parts)


def names_of(text: str) -> list[str]:
    """The pattern names of a row, constants and lanes apart."""
    found = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    return sorted(n for n in found if len(n) == 1 and n not in "cdl")


def constants_of(text: str) -> list[str]:
    return sorted({n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name) and n.id in ("c", "d")})


def instances(row: tuple[str, str, str], dtype: str) -> Iterator[tuple[Expr, Expr, Any, dict[Var, int]]]:
    """(pattern, result, condition, variables) for every choice of constants; names stand for variables."""
    pattern, result, condition = row
    logic = row in LOGIC
    selected = {"z"} if "select(broadcast(z" in pattern else set()
    bools = set(names_of(pattern)) if logic and "select" not in pattern else selected
    if logic and "select" in pattern:
        bools = {"x", *(n for n in "yz" if result in ("x & y", "x | y"))}
    if "~" in pattern or " & " in pattern or " | " in pattern:
        bools = set(names_of(pattern)) if "select" not in pattern else bools
    variables = {n: Var(n, Var("b").dtype if n not in bools else const(True).dtype) for n in names_of(pattern)}
    for numbers in itertools.product(range(-3, 9), repeat=len(constants_of(pattern))):
        bound: dict[str, Any] = {**variables, "l": LANES}
        bound.update({n: const(v) for n, v in zip(constants_of(pattern), numbers, strict=True)})
        built = compile_rule(("x & x", pattern, condition))
        wanted = compile_rule(("x & x", result, condition))
        yield built.result(bound), wanted.result(bound), built.condition and built.condition(bound), bound


@pytest.mark.parametrize("row", [*VECTORS, *BITS, *LOGIC], ids=lambda row: row[0])
def test_rows_hold(row: tuple[str, str, str]) -> None:
    tried = 0
    for pattern, result, condition, bound in instances(row, "int32"):
        variables = [v for v in bound.values() if isinstance(v, Var)]
        spans = [range(2) if v.dtype.is_bool else range(-2, 4) for v in variables]
        for point in itertools.product(*spans):
            env = dict(zip(variables, point, strict=True))
            try:
                if condition is not None and not value(condition, env):
                    continue
                expected = lanes_of(pattern, env)
            except ArithmeticError:
                continue
            except Exception as error:
                if type(error).__name__ != "Meaningless":
                    raise
                continue
            assert lanes_of(result, env) == expected, env
            assert result.dtype == pattern.dtype
            tried += 1
    assert tried


@pytest.mark.parametrize("row", FLOATS, ids=lambda row: row[0])
def test_rows_of_floats_hold_for_every_value(row: tuple[str, str, str]) -> None:
    functions = {"min": _fmin, "max": _fmax}
    for x in FLOAT_VALUES:
        before, after = (eval(text, {"__builtins__": {}, **functions}, {"x": x}) for text in row[:2])
        assert before.hex() == after.hex() if not math.isnan(x) else math.isnan(before) and math.isnan(after)


def _fmin(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)


def _fmax(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else max(a, b)


def test_zeros_are_told_apart() -> None:
    x = Var("x", const(0.0).dtype)
    an = Analyzer()
    plus, minus = FloatImm(x.dtype, 0.0), FloatImm(x.dtype, -0.0)
    assert an.simplify(x - plus) is x
    assert an.simplify(x - minus) is not x
    assert isinstance(an.simplify(IntImm(const(1).dtype, 3) + 0), IntImm)


def test_every_row_is_compiled() -> None:
    assert sum(map(len, compiled().values())) == len(RULES)
