"""Moves conditions and lets that a loop does not change out of it, so that they are decided once."""

from __future__ import annotations

from ...tir.arith import Analyzer
from ...tir.expr import FALSE, TRUE, Expr, Var
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, AttrStmt, BufferStore, DeclBuffer, For, ForKind, IfThenElse, LetStmt, Stmt
from ...tir.visit import Rewriter, fresh, walk, walk_statements
from ..target import Target
from .conditions import Conditions, Decide, extents_known, size_of, variables
from .kernels import THREAD_AXES, is_bound, waits

MAX_GROWTH = 1 << 9
"""Statements that copies may add to a function, unrolled loops counted in full."""


def hoist_if_then_else(func: PrimFunc, target: Target) -> PrimFunc:
    """Turn `for i: if c: A else: B` with `c` free of `i` into `if c: for i: A else: for i: B`; likewise for lets.

    A condition beside other statements, or inside an expression, makes two copies of the loop, within limits.
    Conditions that read memory stay, since a store may change them, and so do those that could fault. Where threads of
    a GPU share memory in a loop, so that they may have to wait for each other, what they differ in stays inside.
    """
    hoist = _Hoist(extents_known(func))
    body = hoist(func.body)
    return func if body is func.body else extents_known(func).simplify_stmt(func.with_body(body))


class _Hoist(Rewriter):
    """Works from the inside out, so that a condition leaves as many loops as it can."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self.growth = 0
        self.differing: set[Var] = set()
        """Variables in which threads of a block differ."""

    def visit_let_stmt(self, node: LetStmt) -> Stmt:
        if self.differs(node.value):
            self.differing.add(node.var)
        out: Stmt = node.map_children(self)
        return out

    def differs(self, *exprs: Expr) -> bool:
        return any(variables(e) & self.differing for e in exprs)

    def visit_for(self, node: For) -> Stmt:
        if node.thread_binding in THREAD_AXES or self.differs(node.min, node.extent):
            self.differing.add(node.loop_var)
        node = node.map_children(self)
        if node.kind is ForKind.THREAD_BINDING:
            return node
        inside = _Defined(node)
        lets = []
        for let in inside.lets:
            if self.is_free(let.value, inside.variables):
                lets.append(let)
                inside.variables.discard(let.var)
        if lets:
            node = node.replace(body=_Drop({let.var for let in lets})(node.body))
        out: Stmt = self.unswitched(node, inside.variables)
        for let in reversed(lets):
            out = LetStmt(let.var, let.value, out)
        return out

    def is_free(self, e: Expr, inside: set[Var]) -> bool:
        return not variables(e) & inside and self.analyzer.is_total(e)

    def unswitched(self, node: For, inside: set[Var]) -> Stmt:
        finder = Conditions()
        finder(node.body)
        together = bool(self.differing) and _is_done_together(node)
        for condition in finder.found:
            if not self.is_free(condition, inside):
                continue
            alone = _is_all(node.body, condition)
            if together and not alone and self.differs(condition):
                continue
            cost = 0 if alone else size_of(node)
            if self.growth + cost > MAX_GROWTH:
                continue
            self.growth += cost
            if alone and isinstance(alone, IfThenElse) and alone.else_case is None:
                return IfThenElse(condition, Decide({condition: TRUE})(node))
            other = fresh(Decide({condition: FALSE})(node))
            return IfThenElse(
                condition,
                self.unswitched(Decide({condition: TRUE})(node), inside),
                self.unswitched(other, _Defined(other).variables),
            )
        return node


class _Defined:
    """What a loop defines: variables, its own among them, and its lets, outermost first."""

    def __init__(self, loop: For) -> None:
        self.variables: set[Var] = set()
        self.lets: list[LetStmt] = []
        for node in walk_statements(loop):
            if isinstance(node, For):
                self.variables.add(node.loop_var)
            elif isinstance(node, LetStmt):
                self.variables.add(node.var)
                self.lets.append(node)
            elif isinstance(node, Allocate):
                self.variables.add(node.buffer.data)


class _Drop(Rewriter):
    """Removes lets, keeping their bodies."""

    def __init__(self, dropped: set[Var]) -> None:
        self.dropped = dropped

    def visit_let_stmt(self, node: LetStmt) -> Stmt:
        return self(node.body) if node.var in self.dropped else node.map_children(self)


def _is_done_together(loop: For) -> bool:
    """Whether threads of a block may meet in a loop: in memory that they share, or in what they all have to come to."""
    return any(
        is_bound(n) or (isinstance(n, BufferStore) and n.buffer.scope.startswith("shared")) for n in walk(loop)
    ) or waits(loop)


def _is_all(stmt: Stmt, condition: Expr) -> Stmt | None:
    """The `if` on `condition` alone that a body consists of; None if there is more to it."""
    while isinstance(stmt, (AttrStmt, LetStmt, DeclBuffer, For)):
        stmt = stmt.body
    return stmt if isinstance(stmt, IfThenElse) and stmt.condition is condition else None
