"""Expands mathematical functions into arithmetic, so that vectors compute them without a call for each lane."""

from __future__ import annotations

from ...tir.expr import Call, Expr
from ...tir.function import PrimFunc
from ...tir.visit import Rewriter
from ..target import Target
from ..vector_math import expand


def lower_intrin(func: PrimFunc, target: Target) -> PrimFunc:
    """Replace calls of functions such as `T.exp` by polynomials, where there is a rule for the type; a GPU has them."""
    return func if target.is_gpu else _Lower(target)(func)


class _Lower(Rewriter):
    def __init__(self, target: Target) -> None:
        self.fma = target.has_fma
        self.keeps_scalars = target.kind == "c"  # readable, and libm's

    def visit_call(self, node: Call) -> Expr:
        node = node.map_children(self)
        if self.keeps_scalars and node.dtype.lanes == 1:
            return node
        value = expand(node, self.fma)
        return node if value is None else value
