"""Turns a reduction block's init into an `if` at the head of its body."""

from __future__ import annotations

from ...tir.expr import all_of
from ...tir.function import PrimFunc
from ...tir.stmt import Block, IfThenElse, IterType, seq
from ...tir.visit import Rewriter
from ..target import Target


def lower_init_block(func: PrimFunc, target: Target) -> PrimFunc:
    """Run each init where all the block's reduction iterators are at their first value."""
    return _LowerInit()(func)


class _LowerInit(Rewriter):
    def visit_block(self, node: Block) -> Block:
        node = node.map_children(self)
        if node.init is None:
            return node
        first = all_of(*(iv.var == iv.dom.min for iv in node.iter_vars if iv.iter_type is IterType.REDUCE))
        return node.replace(init=None, body=seq(IfThenElse(first, node.init), node.body))
