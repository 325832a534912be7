"""Gives every definition a variable of its own."""

from __future__ import annotations

from typing import Any

from ...tir.expr import Var
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, For, LetStmt
from ...tir.visit import Rewriter, fresh
from ..target import Target


def convert_ssa(func: PrimFunc, target: Target) -> PrimFunc:
    """Define variables of loops, lets and allocations that are defined in several places once for each."""
    return _Convert()(func)


class _Convert(Rewriter):
    def __init__(self) -> None:
        self.seen: set[Var] = set()

    def once(self, node: Any, var: Var) -> Any:
        if var in self.seen:
            node = fresh(node)
        else:
            self.seen.add(var)
        return node.map_children(self)

    def visit_for(self, node: For) -> Any:
        return self.once(node, node.loop_var)

    def visit_let_stmt(self, node: LetStmt) -> Any:
        return self.once(node, node.var)

    def visit_allocate(self, node: Allocate) -> Any:
        return self.once(node, node.buffer.data)
