"""Removes blocks: predicates become ifs, allocations statements, annotations attributes, unit loops vanish."""

from __future__ import annotations

from ...tir.expr import TRUE, Expr, IntImm, Var, as_expr
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, AttrStmt, Block, BlockRealize, For, ForKind, IfThenElse, Stmt
from ...tir.visit import Substitute
from ..streaming import asks
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
        for key, value in _pragmas(block):
            body = AttrStmt(None, key, value, body)
        for buffer in reversed(block.alloc_buffers):
            body = Allocate(self(buffer), body)
        predicate = self(node.predicate)
        return body if predicate is TRUE else IfThenElse(predicate, body)

    def visit_for(self, node: For) -> Stmt:
        pragmas = _pragmas(node)
        if pragmas:
            out = self(node.replace(annotations=node.annotations.without(*(key for key, _ in pragmas))))
            for key, value in pragmas:
                out = AttrStmt(None, key, value, out)
            return out
        unit = isinstance(node.extent, IntImm) and node.extent.value == 1
        if unit and node.kind is not ForKind.THREAD_BINDING and not node.annotations and not leaves_loop(node.body):
            self.unit[node.loop_var] = self(node.min)
            return self(node.body)
        out = node.map_children(self)
        if asks(out.body):
            # One statement under the pragma instead of one for each iteration: code for it is chosen when it begins.
            return out.body.replace(body=out.replace(body=out.body.body))
        return out


def _pragmas(node: Block | For) -> list[tuple[str, Expr]]:
    """Annotations for the compiler: attributes of the statement from here on."""
    items = node.annotations.items()
    return [(k, as_expr(v)) for k, v in items if k.startswith("pragma_") and isinstance(v, (int, str, Expr))]
