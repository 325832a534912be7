"""Expands functions into arithmetic: mathematical ones, so that vectors need no call for each lane, words that are made
of others, and instructions of processors that the target lacks."""

from __future__ import annotations

from ...tir.expr import Call, Expr
from ...tir.function import PrimFunc
from ...tir.visit import Rewriter
from ..intrinsics.composed import COMPOSED, is_native
from ..intrinsics.instructions import instruction, meaning
from ..target import Target
from ..vector_math import expand


def lower_intrin(func: PrimFunc, target: Target) -> PrimFunc:
    """Replace calls of functions such as `T.exp` by polynomials, where there is a rule for the type; a GPU has them.
    `T.q_multiply_shift` and what else stands for an expression becomes it where the target has nothing better.

    Raises
    ------
    LowerError: an instruction that the target lacks is called with operands that it does not take.
    """
    return _Lower(target)(func)


_FOREIGN = ("call_llvm_intrin", "call_llvm_pure_intrin")


class _Lower(Rewriter):
    def __init__(self, target: Target) -> None:
        self.target, self.fma = target, target.has_fma
        self.keeps_scalars = target.kind == "c"  # readable, and libm's

    def visit_call(self, node: Call) -> Expr:
        node = node.map_children(self)
        if node.op.name in COMPOSED and not is_native(node, self.target):
            return COMPOSED[node.op.name](*node.args)
        if self.target.is_gpu:
            return node
        if node.op.name in _FOREIGN:
            row = instruction(node)
            value = meaning(node) if row and not self.target.has_any(row.features) else None
            return node if value is None else value
        if self.keeps_scalars and node.dtype.lanes == 1:
            return node
        value = expand(node, self.fma)
        return node if value is None else value
