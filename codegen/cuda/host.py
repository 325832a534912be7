"""Runs the host's part of a function: loops, conditions and allocations around the launches of kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...tir.arith.evaluate import NoValue, value_of
from ...tir.errors import CallError, LowerError, RunError
from ...tir.expr import Call, Expr, FloatImm, GlobalVar, IntImm, Var
from ...tir.function import PrimFunc
from ...tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    DeclBuffer,
    Evaluate,
    For,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
)
from ...tir.visit import Visitor
from .source import CudaSource, Kernel

Launch = Callable[[Kernel, tuple[int, int, int], tuple[int, int, int], int, Sequence[Any]], None]
"""Runs a kernel: the kernel, grid, block, bytes of dynamic shared memory, and a pointer or number for each of its
`params`, in their order."""

Alloc = Callable[[int, str], Any]
"""Gives a pointer to so many bytes of global memory, for a buffer of that name, until the function is done."""


class Host(Visitor):
    """Runs one function of a `CudaSource`.

    Parameters
    ----------
    values: pointers and numbers by the function's parameters and the symbols of its buffers.
    """

    def __init__(self, source: CudaSource, func: PrimFunc, values: Mapping[Var, Any], launch: Launch, alloc: Alloc):
        self.source, self.func, self.launch, self.alloc = source, func, launch, alloc
        self.values = dict(values)
        for param, buffer in func.buffer_map.items():
            self.values[buffer.data] = self.values[param]

    def __call__(self, node: Any) -> None:
        method = self.table.get(type(node))
        if method is None:
            raise LowerError(f"the host has no code for a {type(node).__name__}", node, root=self.func)
        method(self, node)

    def number(self, e: Expr) -> Any:
        """The value of an expression of the host's."""
        if isinstance(e, FloatImm):
            return e.value
        if isinstance(e, Var):
            return self.values[e]
        try:
            return value_of(e, self.values)
        except NoValue:
            raise CallError(f"`{self.func.name}`: the host cannot compute `{e}`") from None

    def visit_seq_stmt(self, node: SeqStmt) -> None:
        for stmt in node.seq:
            self(stmt)

    def visit_for(self, node: For) -> None:
        low = self.number(node.min)
        for i in range(low, low + self.number(node.extent)):
            self.values[node.loop_var] = i
            self(node.body)

    def visit_while(self, node: While) -> None:
        while self.number(node.condition):
            self(node.body)

    def visit_if_then_else(self, node: IfThenElse) -> None:
        chosen = node.then_case if self.number(node.condition) else node.else_case
        if chosen is not None:
            self(chosen)

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.values[node.var] = self.number(node.value)
        self(node.body)

    def visit_attr_stmt(self, node: AttrStmt) -> None:
        self(node.body)

    def visit_decl_buffer(self, node: DeclBuffer) -> None:
        self(node.body)

    def visit_assert_stmt(self, node: AssertStmt) -> None:
        if not self.number(node.condition):
            raise RunError(node.message, node, root=self.func)

    def visit_allocate(self, node: Allocate) -> None:
        size = node.buffer.dtype.bytes * node.buffer.dtype.lanes
        for extent in node.buffer.shape:
            size *= self.number(extent)
        self.values[node.buffer.data] = self.alloc(size, node.buffer.name)
        self(node.body)

    def visit_evaluate(self, node: Evaluate) -> None:
        call = node.value
        if isinstance(call, IntImm):
            return
        if not isinstance(call, Call) or not isinstance(call.op, GlobalVar):
            raise LowerError("the host runs nothing but kernels, not {0}", node, root=self.func)
        given = [self.number(a) for a in call.args]
        kernel = self.source.kernels.get(call.op.name)
        if kernel is None:
            self.call(call.op.name, given)
            return
        at = dict(zip(kernel.vars, given))
        grid, block = (tuple(_size(e, at) for e in extents) for extents in (kernel.grid, kernel.block))
        if all(grid) and all(block):
            shared = value_of(kernel.shared_bytes, at)
            self.launch(kernel, grid, block, shared, [given[p.index] for p in kernel.params])  # type: ignore[arg-type]

    def call(self, name: str, given: Sequence[Any]) -> None:
        """Run another host function."""
        func = self.source.host[name]
        run(self.source, func, dict(zip(func.params, given)), self.launch, self.alloc)


def _size(e: Expr, at: Mapping[Var, Any]) -> int:
    return max(0, value_of(e, at))


def run(source: CudaSource, func: PrimFunc, values: Mapping[Var, Any], launch: Launch, alloc: Alloc) -> None:
    """Run a host function: `launch` is called for each kernel, in order.

    Parameters
    ----------
    values: a pointer for each handle among the parameters, a number for each scalar and for each symbol that the
        buffers' layouts bind.
    """
    body: Stmt = func.body
    Host(source, func, values, launch, alloc)(body)
