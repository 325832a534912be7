"""Rules compiled: a row of text becomes a matcher on nodes and functions that build its result and condition."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from .. import op
from ..expr import (
    EQ,
    FALSE,
    GE,
    GT,
    LE,
    LT,
    NE,
    TRUE,
    Add,
    And,
    Broadcast,
    Call,
    Div,
    Expr,
    FloatImm,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Sub,
    as_expr,
    same_expr,
)
from .rules import RULES, Row

Bound = dict[str, Any]
"""What the names of a pattern stand for."""

Match = Callable[[Any, Bound], bool]
"""Whether something is of the form, noting what names stand for."""


class Rule(NamedTuple):
    """A compiled row; `root` is what its pattern is looked up by."""

    row: Row
    root: Any
    match: Match
    result: Callable[[Bound], Any]
    condition: Callable[[Bound], Any] | None


_BINARY: dict[type[ast.operator], type[Expr]] = {
    ast.Add: Add,
    ast.Sub: Sub,
    ast.Mult: Mul,
    ast.Div: Div,
    ast.FloorDiv: FloorDiv,
    ast.Mod: FloorMod,
    ast.BitAnd: And,
    ast.BitOr: Or,
}
_COMPARE: dict[type[ast.cmpop], type[Expr]] = {
    ast.Lt: LT,
    ast.LtE: LE,
    ast.Gt: GT,
    ast.GtE: GE,
    ast.Eq: EQ,
    ast.NotEq: NE,
}
_NODES: dict[str, type[Expr]] = {"min": Min, "max": Max, "select": Select, "ramp": Ramp, "broadcast": Broadcast}
_FUNCTIONS: dict[str, Any] = {
    "min": op.minimum,
    "max": op.maximum,
    "select": Select,
    "ramp": lambda base, stride, lanes: Ramp(base, as_expr(stride, base.dtype), lanes),
    "broadcast": lambda value, lanes: Broadcast(as_expr(value), lanes),
    "true": TRUE,
    "false": FALSE,
    **{name: lambda *args, _name=name: op.call(_name, *args) for name in op.OPS if name.startswith("bitwise")},
}


def compile_rule(row: Row) -> Rule:
    """The rule of a row."""
    pattern, result, condition = row
    tree = ast.parse(pattern, mode="eval").body
    root, match = _node(tree)
    return Rule(row, root, match, _builder(result), _builder(condition) if condition else None)


def _builder(text: str) -> Callable[[Bound], Any]:
    code = compile(text, "<rule>", "eval")
    return lambda bound: eval(code, {"__builtins__": {}, **_FUNCTIONS}, bound)


def _node(tree: ast.expr) -> tuple[Any, Match]:
    """(what the node is looked up by, its matcher)."""
    if isinstance(tree, ast.BinOp):
        return _fields(_BINARY[type(tree.op)], [tree.left, tree.right])
    if isinstance(tree, ast.Compare):
        return _fields(_COMPARE[type(tree.ops[0])], [tree.left, tree.comparators[0]])
    if isinstance(tree, ast.UnaryOp):
        return _fields(Not, [tree.operand])
    assert isinstance(tree, ast.Call), ast.dump(tree)
    assert isinstance(tree.func, ast.Name), ast.dump(tree)
    if tree.func.id in _NODES:
        return _fields(_NODES[tree.func.id], tree.args)
    return _call(op.OPS[tree.func.id], tree.args)


def _fields(cls: type[Expr], parts: list[ast.expr]) -> tuple[Any, Match]:
    names = cls.fields[: len(parts)]
    matchers = [_part(part) for part in parts]

    def match(e: Any, bound: Bound) -> bool:
        return type(e) is cls and all(m(getattr(e, name), bound) for name, m in zip(names, matchers, strict=True))

    return cls, match


def _call(row: Any, parts: list[ast.expr]) -> tuple[Any, Match]:
    matchers = [_part(part) for part in parts]

    def match(e: Any, bound: Bound) -> bool:
        return type(e) is Call and e.op is row and all(m(a, bound) for a, m in zip(e.args, matchers, strict=True))

    return row, match


def _part(tree: ast.expr) -> Match:
    if isinstance(tree, ast.Constant):
        return _constant(tree.value)
    if isinstance(tree, ast.Name):
        if tree.id in ("true", "false"):
            truth = _FUNCTIONS[tree.id]
            return lambda e, bound: e is truth
        return _name(tree.id)
    return _node(tree)[1]


def _constant(value: Any) -> Match:
    if isinstance(value, float):
        sign = math.copysign(1.0, value)
        return lambda e, bound: type(e) is FloatImm and e.value == value and math.copysign(1.0, e.value) == sign
    return lambda e, bound: type(e) is IntImm and e.value == value


def _name(name: str) -> Match:
    constant = name in "cd"

    def match(e: Any, bound: Bound) -> bool:
        if constant and type(e) is not IntImm:
            return False
        if name in bound:
            known = bound[name]
            return e is known or (isinstance(e, Expr) and same_expr(e, known)) or (isinstance(e, int) and e == known)
        bound[name] = e
        return True

    return match


@cache
def compiled() -> dict[Any, list[Rule]]:
    """The rules of the table by the class of their root, or by the intrinsic it calls."""
    table: dict[Any, list[Rule]] = {}
    for row in RULES:
        rule = compile_rule(row)
        table.setdefault(rule.root, []).append(rule)
    return table
