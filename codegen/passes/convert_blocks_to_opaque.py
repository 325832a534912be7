"""Substitutes every block's iterators by the expressions they are bound to, which leaves blocks without iterators."""

from __future__ import annotations

from ...tir.function import PrimFunc
from ...tir.stmt import BlockRealize
from ...tir.visit import Substitute
from ..target import Target


def convert_blocks_to_opaque(func: PrimFunc, target: Target) -> PrimFunc:
    """Let every block speak of the loops around it instead of its own iterators."""
    return _Convert()(func)


class _Convert(Substitute):
    def __init__(self) -> None:
        self.bound: dict = {}
        super().__init__(self.bound)

    def visit_block_realize(self, node: BlockRealize) -> BlockRealize:
        if not node.block.iter_vars:
            return node.map_children(self)
        # An iterator is defined once and used only below, so the memo never holds a use made before this binding.
        self.bound |= {iv.var: self(value) for iv, value in zip(node.block.iter_vars, node.iter_values)}
        return BlockRealize((), self(node.predicate), self(node.block.replace(iter_vars=())))
