"""Replaces loops marked for unrolling by copies of their bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...tir.expr import IntImm, const
from ...tir.function import PrimFunc
from ...tir.stmt import AttrStmt, For, ForKind, Stmt, seq
from ...tir.visit import Rewriter, fresh, substitute
from ..target import Target
from .control import leaves_loop

MAX_STATEMENTS = 1 << 16
"""Above this many copies in all, a loop stays a loop."""


def unroll_loop(func: PrimFunc, target: Target) -> PrimFunc:
    """Copy out the bodies of `unroll` loops of constant extent, and of loops under `pragma_auto_unroll_max_step`.

    A loop of unknown extent, or too long to copy, or that is left before its end, becomes serial. Under
    `pragma_unroll_explicit` = 0, and for a GPU unless it is 1, nothing is copied out: loops that would be stay
    `unroll` loops, which tells the compiler of the generated code to unroll them. The pragmas are annotations of
    loops, or of blocks, around those they are for.
    """
    return _Unroll(explicit=not target.is_gpu)(func)


AUTO, EXPLICIT = "pragma_auto_unroll_max_step", "pragma_unroll_explicit"


class _Unroll(Rewriter):
    """Bodies are rewritten before they are copied, so the work is proportional to the result."""

    def __init__(self, *, explicit: bool) -> None:
        self.pragmas = {AUTO: 0, EXPLICIT: int(explicit)}

    def under(self, pragmas: Mapping[str, int], node: Stmt) -> Stmt:
        """`node` rewritten where `pragmas` hold too."""
        before = self.pragmas
        self.pragmas = {**before, **pragmas}
        out: Stmt = self(node)
        self.pragmas = before
        return out

    def visit_attr_stmt(self, node: AttrStmt) -> Any:
        if node.attr_key in self.pragmas and isinstance(node.value, IntImm):
            return self.under({node.attr_key: node.value.value}, node.body)
        return node.map_children(self)

    def visit_for(self, node: For) -> Stmt:
        given = {key: int(getattr(v, "value", v)) for key, v in node.annotations.items() if key in self.pragmas}
        if given:
            node = node.replace(annotations=node.annotations.without(*given))
        pragmas = {**self.pragmas, **given}
        body = self.under(given, node.body)
        extent = node.extent.value if isinstance(node.extent, IntImm) else None
        asked = node.kind is ForKind.UNROLLED or (node.kind is ForKind.SERIAL and pragmas[AUTO] > 0)
        copies = extent * _size(body) if asked and extent is not None else MAX_STATEMENTS + 1
        wanted = node.kind is ForKind.UNROLLED or (node.kind is ForKind.SERIAL and copies <= pragmas[AUTO])
        if wanted and leaves_loop(body):
            return node.replace(kind=ForKind.SERIAL, body=body)
        if wanted and not pragmas[EXPLICIT]:
            return node.replace(kind=ForKind.UNROLLED, body=body)
        if wanted and extent is not None and copies <= MAX_STATEMENTS:
            return _copies(node, body, extent)
        if wanted:
            return node.replace(kind=ForKind.SERIAL, body=body)
        return node if body is node.body else node.replace(body=body)


def _size(stmt: Stmt) -> int:
    return 1 + sum(_size(child) for child in stmt.children() if isinstance(child, Stmt))


def _copies(node: For, body: Stmt, extent: int) -> Stmt:
    """The body for each value of the loop variable; definitions inside are made anew for each copy but the first."""
    copies = []
    for i in range(extent):
        copy = substitute(body, {node.loop_var: node.min + const(i, node.loop_var.dtype)})
        copies.append(fresh(copy) if i else copy)
    return seq(*copies)
