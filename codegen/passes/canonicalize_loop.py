"""Lets every loop start at 0."""

from __future__ import annotations

from typing import Any

from ...tir.expr import IntImm, Var, const
from ...tir.function import PrimFunc
from ...tir.stmt import For
from ...tir.visit import Rewriter, substitute
from ..target import Target


def canonicalize_loop(func: PrimFunc, target: Target) -> PrimFunc:
    """Rewrite `for i in range(a, b)` to `for i in range(b - a)` with `i + a` in place of `i`."""
    return _Canonicalize()(func)


class _Canonicalize(Rewriter):
    def visit_for(self, node: For) -> Any:
        node = node.map_children(self)
        if isinstance(node.min, IntImm) and node.min.value == 0:
            return node
        var = Var(node.loop_var.name, node.loop_var.dtype)
        body = substitute(node.body, {node.loop_var: var + node.min})
        return node.replace(loop_var=var, min=const(0, var.dtype), body=body)
