"""Operators of a script: nodes as they are written, and Python's own results on plain numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..tir import expr as nodes
from ..tir import op
from ..tir.buffer import Buffer, BufferRegion
from ..tir.dtype import BOOL
from ..tir.errors import UserError
from ..tir.expr import Expr, binary, const
from .lang.construct import Rejected, describe, expression, typed
from .reader import Reader
from .syntax import Tree, text_of

BINARY: dict[str, tuple[type[Any], Callable[[Any, Any], Any], str]] = {
    "add": (nodes.Add, operator.add, "+"),
    "sub": (nodes.Sub, operator.sub, "-"),
    "mul": (nodes.Mul, operator.mul, "*"),
    "div": (nodes.Div, operator.truediv, "/"),
    "floordiv": (nodes.FloorDiv, operator.floordiv, "//"),
    "floormod": (nodes.FloorMod, operator.mod, "%"),
    "==": (nodes.EQ, operator.eq, "=="),
    "!=": (nodes.NE, operator.ne, "!="),
    "<": (nodes.LT, operator.lt, "<"),
    "<=": (nodes.LE, operator.le, "<="),
    ">": (nodes.GT, operator.gt, ">"),
    ">=": (nodes.GE, operator.ge, ">="),
}
"""Operators that are nodes: the node, Python's meaning on plain numbers, the spelling."""

CALLS: dict[str, tuple[str, Callable[[Any, Any], Any], str, type[Any] | None]] = {
    "bit_and": ("bitwise_and", operator.and_, "&", nodes.And),
    "bit_or": ("bitwise_or", operator.or_, "|", nodes.Or),
    "bit_xor": ("bitwise_xor", operator.xor, "^", nodes.NE),
    "shift_left": ("shift_left", operator.lshift, "<<", None),
    "shift_right": ("shift_right", operator.rshift, ">>", None),
    "pow": ("pow", operator.pow, "**", None),
}
"""Operators that are calls: the intrinsic, Python's meaning, the spelling, the node where the operands are bools."""

AUGMENTED = {symbol + "=": kind for kind, (_, _, symbol) in BINARY.items() if kind.isalpha()} | {
    row[2] + "=": kind for kind, row in CALLS.items()
}
"""The operator of each augmented assignment."""


class Arithmetic(Reader):
    """Evaluates operators."""

    def binary(self, tree: Tree) -> Any:
        left, right = tree.parts
        return self.operate(tree, tree.kind, self.evaluate(left), self.evaluate(right))

    def operate(self, tree: Tree, kind: str, a: Any, b: Any) -> Any:
        """The value of `a <kind> b`: a node as written, or Python's own value of plain numbers."""
        if isinstance(a, (Expr, BufferRegion, Buffer)) or isinstance(b, (Expr, BufferRegion, Buffer)):
            try:
                return _program_operation(kind, a, b)
            except UserError as e:
                self.rethrow(tree, e)
        compute, symbol = (BINARY if kind in BINARY else CALLS)[kind][1:3]
        return self.env.compute(self, tree, symbol, compute, a, b)

    def negative(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if not isinstance(value, (Expr, BufferRegion, Buffer)):
            return self.env.compute(self, tree, "-", lambda _, x: -x, 0, value)
        try:
            value = expression(value)
            if value.dtype.is_float:
                return binary(nodes.Mul, value, const(-1.0, value.dtype))
            return binary(nodes.Sub, const(0, value.dtype), value)
        except UserError as e:
            self.rethrow(tree, e)

    def positive(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if isinstance(value, (bool, int, float, Expr)):
            return +value
        self.fail(tree, f"`+` does not apply to {describe(value)}")

    def invert(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if not isinstance(value, (Expr, BufferRegion, Buffer)):
            return self.env.compute(self, tree, "~", lambda _, x: ~x, 0, value)
        try:
            value = expression(value)
            return nodes.Not(value) if value.dtype.is_bool else op.raw_call("bitwise_not", value)
        except UserError as e:
            self.rethrow(tree, e)

    def not_(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if not isinstance(value, (Expr, BufferRegion, Buffer)):
            return not self.env.truth(self, tree, value)
        return nodes.Not(self.condition(tree.parts[0], value, "`not`"))

    def condition(self, tree: Tree, value: Any, where: str) -> Expr:
        """`value` as a bool of the program."""
        try:
            value = expression(value)
        except UserError as e:
            self.rethrow(tree, e)
        if not value.dtype.is_bool:
            text = text_of(self.source, tree)
            hint = f"compare it with something, as in `{'x' if text == '...' else text} != 0`"
            self.fail(tree, f"{where} takes a bool, and this is {typed(value.dtype)}", hint)
        return value

    def logical(self, tree: Tree) -> Any:
        cls, word, stops = (nodes.And, "and", False) if tree.kind == "and_" else (nodes.Or, "or", True)
        left, right = tree.parts
        a = self.evaluate(left)
        if not isinstance(a, (Expr, BufferRegion, Buffer)):
            # A literal is part of the program's text; a value of Python decides what is read at all.
            if left.kind not in ("true", "false") and self.env.truth(self, left, a) is stops:
                return a
            b = self.evaluate(right)
            if not isinstance(b, (Expr, BufferRegion, Buffer)):
                return (a or b) if stops else (a and b)
            a = const(bool(a), BOOL)
        else:
            b = self.evaluate(right)
        if isinstance(b, bool):
            b = const(b, BOOL)
        return cls(self.condition(left, a, f"`{word}`"), self.condition(right, b, f"`{word}`"))

    def compare(self, tree: Tree) -> Any:
        parts = tree.parts
        left = self.evaluate(parts[0])
        out: Any = None
        at = 1
        while at < len(parts):
            symbol = parts[at]
            at += 1
            while not isinstance(parts[at], Tree):
                symbol += " " + parts[at]
                at += 1
            right = self.evaluate(parts[at])
            at += 1
            step = (
                self.operate(tree, symbol, left, right)
                if symbol in BINARY
                else self.env.identity(self, tree, symbol, left, right)
            )
            if out is None:
                out = step
            elif isinstance(out, Expr) or isinstance(step, Expr):
                out = nodes.And(*(const(x, BOOL) if isinstance(x, bool) else x for x in (out, step)))
            else:
                out = out and step
            left = right
        return out

    def conditional(self, tree: Tree) -> Any:
        then, condition, otherwise = tree.parts
        chosen = self.evaluate(condition)
        if not isinstance(chosen, (Expr, BufferRegion, Buffer)):
            return self.evaluate(then if self.env.truth(self, condition, chosen) else otherwise)
        test = self.condition(condition, chosen, "`if`")
        try:
            a, b = nodes.match_types(expression(self.evaluate(then)), self.evaluate(otherwise))
        except UserError as e:
            self.rethrow(tree, e)
        return nodes.Call(a.dtype, op.OPS["if_then_else"], (test, a, b))


def _program_operation(kind: str, a: Any, b: Any) -> Expr:
    """The node of `a <kind> b`, at least one of them a value of the program."""
    if not isinstance(a, (Expr, bool, int, float)):
        a = expression(a)
    if not isinstance(b, (Expr, bool, int, float)):
        b = expression(b)
    row = BINARY.get(kind)
    if any(isinstance(x, Expr) and x.dtype.is_handle for x in (a, b)) and kind not in ("==", "!="):
        symbol = (BINARY.get(kind) or CALLS[kind])[2]
        hint = "T.address_of(A[i]) is the address of an element"
        raise Rejected(None, f"`{symbol}` does not apply to a pointer", hint)
    if row is not None:
        if kind == "div":
            a, b = nodes.match_types(a, b)
            if not a.dtype.is_float:
                raise Rejected(
                    None,
                    f"`/` of two integers ({a.dtype}) is ambiguous",
                    "write `//` to round down, T.truncdiv to truncate, or convert an operand to a float type",
                )
        return binary(row[0], a, b)
    name, _, symbol, logical = CALLS[kind]
    a, b = nodes.match_types(a, b)
    if a.dtype.is_float and kind != "pow":
        raise UserError(f"`{symbol}` takes integers{' or bools' * (logical is not None)}, and these are {a.dtype}")
    if logical is not None and a.dtype.is_bool:
        return logical(a, b)
    return op.raw_call(name, a, b)
