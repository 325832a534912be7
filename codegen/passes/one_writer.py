"""Lets one thread store what all of a block would store alike, and refuses what each would store at one place."""

from __future__ import annotations

from ...tir.arith import Analyzer
from ...tir.buffer import BufferLoad
from ...tir.errors import LowerError
from ...tir.expr import Expr, IntImm, Not, Or, Var, all_of, const
from ...tir.function import PrimFunc
from ...tir.stmt import BufferStore, For, IfThenElse, LetStmt, Stmt, While
from ...tir.visit import Rewriter, Visitor, free_vars, substitute, walk_unique
from .kernels import is_bound
from .thread_where import Where


def repeated(node: BufferStore, where: Where) -> list[str]:
    """The axes whose threads would all store the same to one element of their block's memory: one store is enough.

    Memory allocated inside of a loop over threads is each iteration's in the program, but one piece on the GPU. A
    store there whose place, value and conditions do not depend on the thread is done by the first.
    """
    if not node.buffer.scope.startswith("shared"):
        return []
    parts = [where.seen(e) for e in (*node.indices, node.value, node.predicate) if e is not None]
    known = [e for r in where.loops.values() for e in (r.min, r.extent)]
    used = {v for e in (*parts, *known) for v in free_vars(e)}
    varying = _varying(where, *parts)
    if used & where.loaded:
        return []
    out = []
    for axis in where.nodes:
        if axis in varying:
            continue
        var, extent = where.threads[axis]
        first = {var: const(0, var.dtype)}
        held = [c for c in where.conditions if var in free_vars(c)]
        if var in used or (isinstance(extent, IntImm) and extent.value == 1):
            continue
        if all(Analyzer().prove(Or(Not(c), substitute(c, first))) for c in held):
            out.append(axis)
    return out


def _varying(where: Where, *exprs: Expr) -> set[str]:
    """The axes along which what expressions load from memory of a thread's own may differ."""
    read = {n.buffer for e in exprs for n in walk_unique(e) if isinstance(n, BufferLoad) and n.buffer.is_private}
    return {axis for buffer in read for axis in where.registers.get(buffer.data, ())}


def once(node: Stmt, where: Where) -> Stmt:
    """A statement, done by the first thread of the axes whose threads would all do the same."""
    axes = repeated(node, where) if isinstance(node, BufferStore) else []
    loops = [where.nodes[axis][0] for axis in axes]
    return IfThenElse(all_of(*(n.loop_var == n.min for n in loops)), node) if loops else node


class Once(Rewriter):
    """Copies of an asynchronous stage, begun by one thread where all would begin the same."""

    def __init__(self, where: Where) -> None:
        self.where = where

    def visit_for(self, node: For) -> Stmt:
        return self.below(node)

    def visit_let_stmt(self, node: LetStmt) -> Stmt:
        return self.below(node)

    def visit_if_then_else(self, node: IfThenElse) -> Stmt:
        outer = self.where
        self.where = outer.where(node.condition, holds=True)
        then = self(node.then_case)
        self.where = outer.where(node.condition, holds=False)
        other = None if node.else_case is None else self(node.else_case)
        self.where = outer
        same = then is node.then_case and other is node.else_case
        return node if same else node.replace(then_case=then, else_case=other)

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        return once(node, self.where)

    def below(self, node: Stmt) -> Stmt:
        outer, self.where = self.where, self.where.inside(node)
        out: Stmt = node.map_children(self)
        self.where = outer
        return out


def require_uncontested(func: PrimFunc, node: BufferStore, where: Where) -> None:
    """Require that threads do not each store a value of their own at one place."""
    loop = _contested(node, where)
    if loop is not None:
        raise LowerError(
            "each thread of {1} stores a value of its own at one place in {0}, in memory that the threads share",
            node,
            loop,
            root=func,
            hint=f"give {node.buffer.name} the scope 'local' (sch.set_scope), or each thread an element of its own",
        )


def _contested(node: BufferStore, where: Where) -> For | None:
    """A loop over threads each of which surely stores to the same element of their block's memory, and what depends on
    the thread or may differ between threads."""
    if not node.buffer.scope.startswith("shared"):
        return None
    place = [where.seen(e) for e in (*node.indices, node.predicate) if e is not None]
    known = [e for r in where.loops.values() for e in (r.min, r.extent)]
    fixed = {v for e in (*place, *known) for v in free_vars(e)}
    told, varying = free_vars(where.seen(node.value)), _varying(where, where.seen(node.value))
    if fixed & where.loaded:
        return None
    for axis, (loop, _) in where.nodes.items():
        var, extent = where.threads[axis]
        same = var not in told and axis not in varying
        if var in fixed or same or (isinstance(extent, IntImm) and extent.value == 1):
            continue
        both = [
            substitute(c, {var: const(n, var.dtype)}) for c in where.conditions if var in free_vars(c) for n in (0, 1)
        ]
        if all(map(Analyzer().prove, both)):
            return loop
    return None


def require_one_writer(func: PrimFunc, kernel: Stmt) -> None:
    """Require that threads do not all store to one element of global memory, which nothing would put in order.

    Raises
    ------
    LowerError: the place and the conditions of a store do not depend on a bound loop around it.
    """
    _Writers(func)(kernel)


class _Writers(Visitor):
    """Looks at each store to global memory; `means` has for each variable the bound loops that decide its value."""

    def __init__(self, func: PrimFunc) -> None:
        self.func = func
        self.bound: list[For] = []
        self.means: dict[Var, frozenset[For]] = {}
        self.conditions: frozenset[For] = frozenset()

    def decide(self, *exprs: Expr | None) -> frozenset[For]:
        """The bound loops that the values of expressions depend on; all of them where memory decides."""
        found: set[For] = set()
        for e in exprs:
            for n in walk_unique(e) if e is not None else ():
                if isinstance(n, BufferLoad):
                    return frozenset(self.bound)
                if isinstance(n, Var):
                    found |= self.means.get(n, frozenset())
        return frozenset(found)

    def visit_for(self, node: For) -> None:
        self.means[node.loop_var] = self.decide(node.min, node.extent)
        if not is_bound(node):
            return self(node.body)
        self.means[node.loop_var] |= {node}
        self.bound.append(node)
        self(node.body)
        self.bound.pop()

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.means[node.var] = self.decide(node.value)
        self(node.body)

    def visit_if_then_else(self, node: IfThenElse) -> None:
        outer = self.conditions
        self.conditions = outer | self.decide(node.condition)
        self(node.then_case)
        if node.else_case is not None:
            self(node.else_case)
        self.conditions = outer

    def visit_while(self, node: While) -> None:
        outer = self.conditions
        self.conditions = outer | self.decide(node.condition)
        self(node.body)
        self.conditions = outer

    def visit_buffer_store(self, node: BufferStore) -> None:
        if node.buffer.scope != "global":
            return
        told = self.conditions | self.decide(*node.indices, node.predicate)
        for loop in reversed(self.bound):
            if loop not in told and not (isinstance(loop.extent, IntImm) and loop.extent.value <= 1):
                own = not any(node.buffer.data is b.data for b in self.func.buffers)
                hint = "let the place depend on it, or store under a condition that one iteration fulfils"
                if own:
                    hint = f"give {node.buffer.name} the scope 'local' or 'shared' (sch.set_scope)"
                raise LowerError(
                    f"each iteration of {{1}}, which is bound to {loop.thread_binding}, stores to the same elements of "
                    f"{node.buffer.name} in {{0}}, in global memory, which has them once for all threads",
                    node,
                    loop,
                    root=self.func,
                    hint=hint,
                )
