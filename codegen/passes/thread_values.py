"""Along which thread axes of a kernel values in registers may differ, for each buffer that threads have alone."""

from __future__ import annotations

from ...tir.buffer import BufferLoad
from ...tir.expr import Call, Expr, Var
from ...tir.stmt import AttrStmt, BufferStore, Evaluate, For, IfThenElse, LetStmt, Stmt, While
from ...tir.visit import Visitor, walk_unique
from .kernels import THREAD_AXES, WAITING, is_bound
from .thread_reductions import ALLREDUCE, SCOPE, Allreduce, is_for_first

EXCHANGES = WAITING - {"tvm_storage_sync", ALLREDUCE} | {"tvm_warp_activemask"}
"""Intrinsics whose results differ from lane to lane whatever they are given."""

NOWHERE: frozenset[str] = frozenset()


def differing(kernel: Stmt) -> dict[Var, frozenset[str]]:
    """The thread axes along which what is in a buffer of a thread's own may differ, by the buffer's pointer."""
    return Values.of_kernel(kernel).registers


class Values(Visitor):
    """Along which axes values differ: of variables, and of what is in registers at any time."""

    @staticmethod
    def of_kernel(kernel: Stmt) -> Values:
        """What is known once nothing is added any more."""
        found = Values()
        size = -1
        while size != (size := sum(map(len, found.registers.values()))):
            found(kernel)
        return found

    def __init__(self) -> None:
        self.registers: dict[Var, frozenset[str]] = {}
        self.variables: dict[Var, frozenset[str]] = {}
        self.conditions = NOWHERE
        self.scope: AttrStmt | None = None

    def of(self, *exprs: Expr | None) -> frozenset[str]:
        """The axes along which values of expressions differ."""
        out: set[str] = set()
        for e in exprs:
            for n in walk_unique(e) if e is not None else ():
                if isinstance(n, Var):
                    out |= self.variables.get(n, NOWHERE)
                elif isinstance(n, BufferLoad) and n.buffer.is_private:
                    out |= self.registers.get(n.buffer.data, NOWHERE)
                elif isinstance(n, Call) and n.op.name in EXCHANGES:
                    out |= set(THREAD_AXES)
        return frozenset(out)

    def visit_for(self, node: For) -> None:
        own = frozenset([str(node.thread_binding)]) if is_bound(node) else NOWHERE
        self.variables[node.loop_var] = own | self.of(node.min, node.extent)
        self.under(self.of(node.min, node.extent), node.body)

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.variables[node.var] = self.of(node.value)
        self(node.body)

    def visit_if_then_else(self, node: IfThenElse) -> None:
        self.under(self.of(node.condition), node.then_case, node.else_case)

    def visit_while(self, node: While) -> None:
        self.under(self.of(node.condition), node.body)

    def under(self, axes: frozenset[str], *bodies: Stmt | None) -> None:
        outer, self.conditions = self.conditions, self.conditions | axes
        for body in bodies:
            if body is not None:
                self(body)
        self.conditions = outer

    def visit_buffer_store(self, node: BufferStore) -> None:
        self.change(node.buffer.data, self.of(node.value, *node.indices, node.predicate))

    def visit_attr_stmt(self, node: AttrStmt) -> None:
        outer, self.scope = self.scope, node if node.attr_key == SCOPE else self.scope
        self(node.body)
        self.scope = outer

    def total(self, call: Allreduce) -> None:
        """Threads that reduce together have the same, if all of them get it."""
        axes, given = self.of(*call.axes), self.of(*call.values, call.condition)
        found = given | axes if self.scope is not None and is_for_first(self.scope) else given - axes
        for result in call.results:
            data = result.buffer.data if isinstance(result, BufferLoad) else result
            if isinstance(data, Var):
                self.change(data, found)

    def visit_evaluate(self, node: Evaluate) -> None:
        call = Allreduce.of(node)
        if call is not None:
            return self.total(call)
        axes = self.of(node.value)
        for n in walk_unique(node.value):
            if isinstance(n, BufferLoad) and n.buffer.is_private:
                self.change(n.buffer.data, axes)
            elif isinstance(n, Var) and n.dtype.is_handle:
                self.change(n, axes)

    def change(self, data: Var, axes: frozenset[str]) -> None:
        self.registers[data] = self.registers.get(data, NOWHERE) | axes | self.conditions
