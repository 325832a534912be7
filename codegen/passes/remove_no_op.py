"""Removes statements that do nothing: values nobody uses, empty loops and branches, stores of what is there already."""

from __future__ import annotations

from typing import Any

from ...tir.expr import FALSE, TRUE, Call, Div, Expr, FloorDiv, FloorMod, IntImm, Mod, const
from ...tir.function import PrimFunc
from ...tir.node import DELETE, Node
from ...tir.op import Effect, Intrinsic
from ...tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    IfThenElse,
    LetStmt,
    seq,
)
from ...tir.visit import Rewriter, free_vars, walk_unique
from ..target import Target


def remove_no_op(func: PrimFunc, target: Target) -> PrimFunc:
    """Drop what has no effect. What may stop the program, such as a division by a variable, stays."""
    return _Remove()(func)


class _Remove(Rewriter):
    def visit_evaluate(self, node: Evaluate) -> Any:
        return node if has_effect(node.value) else DELETE

    def visit_buffer_store(self, node: BufferStore) -> Any:
        value, same = node.value, node.indices
        stays = getattr(value, "buffer", None) is node.buffer and getattr(value, "indices", ()) == same
        return DELETE if stays and not any(map(has_effect, same)) else node

    def visit_for(self, node: For) -> Any:
        body = self(node.body)
        if isinstance(node.extent, IntImm) and node.extent.value <= 0:
            return DELETE
        if body is DELETE:
            return self.only(node.min, node.extent)
        return node if body is node.body else node.replace(body=body)

    def visit_if_then_else(self, node: IfThenElse) -> Any:
        then = self(node.then_case)
        other = DELETE if node.else_case is None else self(node.else_case)
        if node.condition in (TRUE, FALSE):
            return then if node.condition is TRUE else other
        if then is DELETE and other is DELETE:
            return self.only(node.condition)
        if then is DELETE:
            then = Evaluate(const(0))
        return node.replace(then_case=then, else_case=None if other is DELETE else other)

    def visit_let_stmt(self, node: LetStmt) -> Any:
        body = self(node.body)
        if body is DELETE:
            return self.only(node.value)
        if node.var not in free_vars(body) and not has_effect(node.value):
            return body
        return node if body is node.body else node.replace(body=body)

    def visit_assert_stmt(self, node: AssertStmt) -> Any:
        return DELETE if node.condition is TRUE else node

    def around(self, node: Allocate | AttrStmt | DeclBuffer) -> Any:
        """A statement that is nothing without its body."""
        body = self(node.body)
        if body is DELETE:
            return DELETE
        return node if body is node.body else node.replace(body=body)

    visit_allocate = visit_attr_stmt = visit_decl_buffer = around

    @staticmethod
    def only(*values: Expr) -> Any:
        """What is left where only the evaluation of some values has an effect."""
        left = [Evaluate(v) for v in values if has_effect(v)]
        return seq(*left) if left else DELETE


_MAY_STOP = (Div, Mod, FloorDiv, FloorMod)
_CHECKED = frozenset({"pow", "shift_left", "shift_right"})


def has_effect(e: Expr) -> bool:
    """Whether evaluating an expression may do more than give a value: call something, or stop the program."""
    return any(_stops(n) for n in walk_unique(e))


def _stops(n: Node) -> bool:
    if isinstance(n, Call):
        if not isinstance(n.op, Intrinsic) or n.op.effect not in (Effect.PURE, Effect.READ):
            return True
        return n.op.name in _CHECKED and n.dtype.is_integral and not isinstance(n.args[1], IntImm)
    if isinstance(n, _MAY_STOP) and n.dtype.is_integral:
        return not isinstance(n.b, IntImm) or n.b.value == 0
    return False
