"""Replaces loops marked for unrolling by copies of their bodies."""

from __future__ import annotations

from ...tir.expr import IntImm, const
from ...tir.function import PrimFunc
from ...tir.stmt import AttrStmt, For, ForKind, Stmt, seq
from ...tir.visit import Rewriter, fresh, substitute, walk
from ..target import Target

MAX_STATEMENTS = 1 << 16
"""Above this many copies in all, a loop stays a loop."""


def unroll_loop(func: PrimFunc, target: Target) -> PrimFunc:
    """Copy out the bodies of `unroll` loops of constant extent, and of loops under `pragma_auto_unroll_max_step`.

    A loop of unknown extent, or too long to copy, becomes serial.
    """
    return _Unroll()(func)


class _Unroll(Rewriter):
    """Bodies are rewritten before they are copied, so the work is proportional to the result."""

    def __init__(self) -> None:
        self.auto_max_step = 0

    def visit_attr_stmt(self, node: AttrStmt) -> Stmt:
        if node.attr_key == "pragma_auto_unroll_max_step" and isinstance(node.value, IntImm):
            before, self.auto_max_step = self.auto_max_step, node.value.value
            body = self(node.body)
            self.auto_max_step = before
            return body
        return node.map_children(self)

    def visit_for(self, node: For) -> Stmt:
        before = self.auto_max_step
        step = node.annotations.get("pragma_auto_unroll_max_step")
        if step is not None:
            self.auto_max_step = int(getattr(step, "value", step))
            node = node.replace(annotations=node.annotations.without("pragma_auto_unroll_max_step"))
        body = self(node.body)
        limit = self.auto_max_step
        self.auto_max_step = before
        extent = node.extent.value if isinstance(node.extent, IntImm) else None
        if node.kind is ForKind.UNROLLED:
            if extent is not None and extent * _size(body) <= MAX_STATEMENTS:
                return _copies(node, body, extent)
            return node.replace(kind=ForKind.SERIAL, body=body)
        if node.kind is ForKind.SERIAL and extent is not None and limit and extent * _size(body) <= limit:
            return _copies(node, body, extent)
        return node if body is node.body else node.replace(body=body)


def _size(stmt: Stmt) -> int:
    return sum(isinstance(n, Stmt) for n in walk(stmt))


def _copies(node: For, body: Stmt, extent: int) -> Stmt:
    """The body for each value of the loop variable; definitions inside are made anew for each copy but the first."""
    copies = []
    for i in range(extent):
        copy = substitute(body, {node.loop_var: node.min + const(i, node.loop_var.dtype)})
        copies.append(fresh(copy) if i else copy)
    return seq(*copies)
