"""Removes what threads of a GPU keep in registers and nobody reads, with what is computed for it alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...tir.buffer import BufferLoad
from ...tir.expr import Expr, Var
from ...tir.function import PrimFunc
from ...tir.node import DELETE, Node
from ...tir.stmt import Allocate, AttrStmt, BufferStore, Evaluate, Stmt
from ...tir.visit import Rewriter, walk, walk_unique
from ..target import Target
from .remove_no_op import has_effect, remove_no_op
from .thread_reductions import Allreduce


def remove_unread(func: PrimFunc, target: Target) -> PrimFunc:
    """Drop stores to "local" memory that no load can see, and reductions across threads into it.

    Where a loop has been cut, its last part may be left with the sums that only the others store. The compiler drops
    arithmetic by itself, but no barriers and shuffles.
    """
    if not target.is_gpu:
        return func
    own = {n.buffer.data for n in walk(func.body) if isinstance(n, Allocate) and n.buffer.scope == "local"}
    unread = own - _read(func.body, own)
    return remove_no_op(_Drop(unread)(func), target) if unread else func


def _read(body: Stmt, own: set[Var]) -> set[Var]:
    """The memory among `own` that is read for anything but what is kept in memory nobody reads."""
    fed: dict[Var, set[Var]] = {data: set() for data in own}
    live: set[Var] = set()
    for stmt in walk(body):
        if not isinstance(stmt, Stmt):
            continue
        targets, values = _kept(stmt, own)
        read = {data for e in values for data in _memory(e)} & own
        if targets:
            for data in targets:
                fed[data] |= read
        else:
            live |= read
    todo = list(live)
    while todo:
        fresh = fed[todo.pop()] - live
        live |= fresh
        todo += fresh
    return live


def _kept(stmt: Stmt, own: set[Var]) -> tuple[list[Var], list[Node]]:
    """The memory among `own` that a statement does no more than to store to, and the expressions it evaluates."""
    parts = [e for e in stmt.children() if isinstance(e, Expr)]
    if isinstance(stmt, BufferStore):
        values = [e for e in (stmt.value, *stmt.indices, stmt.predicate) if e is not None]
        if any(map(has_effect, values)):
            # It stays, and so does the memory it stores to.
            return [], [stmt.buffer.data, *values]
        return [stmt.buffer.data] if stmt.buffer.data in own else [], list(values)
    if isinstance(stmt, AttrStmt):
        return [], [*parts, *([stmt.node] if isinstance(stmt.node, Node) else [])]
    call = Allreduce.of(stmt)
    if call is not None and all(isinstance(r, BufferLoad) and r.buffer.data in own for r in call.results):
        indices = [i for r in call.results if isinstance(r, BufferLoad) for i in r.indices]
        values = [*call.values, call.condition, *indices]
        if not any(map(has_effect, values)):
            return [r.buffer.data for r in call.results if isinstance(r, BufferLoad)], list(values)
    return [], list(parts)


def _memory(node: Node) -> Iterator[Var]:
    """The memory that an expression names."""
    for n in walk_unique(node):
        if isinstance(n, BufferLoad):
            yield n.buffer.data
        elif isinstance(n, Var) and n.dtype.is_handle:
            yield n


class _Drop(Rewriter):
    def __init__(self, unread: set[Var]) -> None:
        self.unread = unread

    def visit_allocate(self, node: Allocate) -> Any:
        return self(node.body) if node.buffer.data in self.unread else node.map_children(self)

    def visit_buffer_store(self, node: BufferStore) -> Any:
        return DELETE if node.buffer.data in self.unread else node

    def visit_evaluate(self, node: Evaluate) -> Any:
        call = Allreduce.of(node)
        unread = call is not None and all(set(_memory(r)) <= self.unread for r in call.results)
        return DELETE if unread else node
