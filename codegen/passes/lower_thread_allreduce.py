"""Gives reductions across threads their code: warp shuffles, and shared memory between warps."""

from __future__ import annotations

from ...tir.errors import LowerError
from ...tir.expr import CommReducer, Expr, Var
from ...tir.function import PrimFunc
from ...tir.stmt import AttrStmt, Evaluate, For, IfThenElse, Stmt, While
from ...tir.visit import Rewriter
from ..target import Target
from .barriers import Plan
from .kernels import THREAD_AXES, is_bound
from .thread_reductions import SCOPE, Allreduce
from .thread_values import Values


def lower_thread_allreduce(func: PrimFunc, target: Target) -> PrimFunc:
    """Give `T.tvm_thread_allreduce` its code. The threads' loops stand around the kernel (`unify_thread_binding`).

    `reduction` says what the code is. The barriers inside of it are placed here; those that it needs before it or after
    it, `thread_sync` has placed, which knew the code.

    Raises
    ------
    LowerError: a number of threads that is not a constant; a reduction where not all threads come.
    """
    return _Lower(func, target)(func) if target.is_gpu else func


class _Lower(Rewriter):
    def __init__(self, func: PrimFunc, target: Target) -> None:
        self.func, self.warp = func, target.thread_warp_size
        self.axes: dict[str, tuple[Var, Expr]] = {}
        self.reduces: AttrStmt | None = None
        self.guarded: list[Stmt] = []
        self.values = Values()

    def visit_for(self, node: For) -> Stmt:
        if is_bound(node) and node.thread_binding in THREAD_AXES:
            if not self.axes:
                self.values = Values.of_kernel(node)
            self.axes[str(node.thread_binding)] = node.loop_var, node.extent
            out = node.map_children(self)
            del self.axes[str(node.thread_binding)]
            return out
        return self.below(node, node.min, node.extent)

    def visit_while(self, node: While) -> Stmt:
        return self.below(node, node.condition)

    def visit_if_then_else(self, node: IfThenElse) -> Stmt:
        return self.below(node, node.condition)

    def below(self, node: Stmt, *decides: Expr) -> Stmt:
        """A statement with a body, which threads may differ in running."""
        if not self.values.of(*decides):
            return node.map_children(self)
        self.guarded.append(node)
        out = node.map_children(self)
        self.guarded.pop()
        return out

    def visit_attr_stmt(self, node: AttrStmt) -> Stmt:
        if node.attr_key != SCOPE or not isinstance(node.node, CommReducer):
            return node.map_children(self)
        outer, self.reduces = self.reduces, node
        out = self(node.body)
        self.reduces = outer
        return out

    def visit_evaluate(self, node: Evaluate) -> Stmt:
        if Allreduce.of(node) is None:
            return node
        if self.guarded:
            raise LowerError(
                "threads reduce together in {1}, under {0}, where not all of them come",
                self.guarded[-1],
                node,
                root=self.func,
                hint="let all threads take part, and give the condition to the values: T.Select(condition, x, unit)",
            )
        bound = {var: axis for axis, (var, _) in self.axes.items()}
        return Plan(self.func, self.axes, self.warp).code(node, self.reduces, bound)
