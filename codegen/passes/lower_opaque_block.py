"""Removes blocks: predicates become ifs, allocations statements, annotations attributes, unit loops vanish."""

from __future__ import annotations

from ...tir.expr import TRUE, Expr, IntImm, Var, as_expr
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, AttrStmt, BlockRealize, For, ForKind, IfThenElse, Stmt
from ...tir.visit import Substitute
from ..target import Target
from .control import leaves_loop


def lower_opaque_block(func: PrimFunc, target: Target) -> PrimFunc:
    """Leave loops, ifs and allocations where there were blocks without iterators."""
    return _Lower()(func)


class _Lower(Substitute):
    def __init__(self) -> None:
        self.unit: dict[Var, Expr] = {}
        super().__init__(self.unit)

    def visit_block_realize(self, node: BlockRealize) -> Stmt:
        block = node.block
        body = self(block.body)
        for key, value in block.annotations.items():
            if key.startswith("pragma_") and isinstance(value, (int, str, Expr)):
                body = AttrStmt(None, key, as_expr(value), body)
        for buffer in reversed(block.alloc_buffers):
            body = Allocate(self(buffer), body)
        predicate = self(node.predicate)
        return body if predicate is TRUE else IfThenElse(predicate, body)

    def visit_for(self, node: For) -> Stmt:
        unit = isinstance(node.extent, IntImm) and node.extent.value == 1
        if unit and node.kind is not ForKind.THREAD_BINDING and not node.annotations and not leaves_loop(node.body):
            self.unit[node.loop_var] = self(node.min)
            return self(node.body)
        return node.map_children(self)
