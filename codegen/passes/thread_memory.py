"""Refuses memory that does not fit its threads: each has its own but passes values by it, or many write one element."""

from __future__ import annotations

from collections.abc import Iterator

from ...tir.buffer import Buffer, BufferLoad
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Var
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, BufferStore, For, IfThenElse, LetStmt, Stmt, While
from ...tir.visit import Visitor, free_vars, walk, walk_unique
from .kernels import BLOCK_AXES, is_bound
from .thread_accesses import Access, Where, accesses
from .thread_conflicts import Order, conflict
from .thread_values import differing


def require_private(func: PrimFunc, kernel: Stmt, threads: dict[str, tuple[Var, Expr]]) -> None:
    """Require that what a thread reads of its own memory it has written itself, and a block of a block's.

    Memory allocated outside of a loop that is bound to threads is one piece in the program, one for each thread on the
    GPU. That is the same if every thread touches elements of its own.

    Raises
    ------
    LowerError: it is not.
    """
    allocations = [n for n in walk(kernel) if isinstance(n, Allocate) and n.buffer.scope != "global"]
    outside = [n for n in allocations if any(is_bound(inner) for inner in walk(n.body))]
    for node in outside:
        _require_one_block(func, node)
    own = {n.buffer.data for n in outside if n.buffer.is_private}
    around = dict(_bound_around(kernel, frozenset()))
    totals = _totals(kernel)
    if not own or not threads:
        return
    registers = differing(kernel)
    found: list[Access] = []
    _collect(kernel, Where(threads, watched=frozenset(own)), found)

    def inside(access: Access, axis: str) -> bool:
        """Whether a loop over an axis's threads is around an access and not around the allocation."""
        return axis in access.nodes and access.nodes[axis][0] not in around[access.buffer.data]

    for a in (x for x in found if x.written and x.buffer.data in own):
        # Where a thread's loop is not around the writing, all threads write the same, each for itself.
        varying = [axis for axis in threads if axis in a.nodes and not _stores_alike(a, axis, threads, totals)]
        for b in (x for x in found if x.buffer.data is a.buffer.data):
            # Under no other loop over threads than one around the allocation, each has its own in the program, too.
            axes = {
                axis: threads[axis]
                for axis in varying
                if inside(a, axis) or (inside(b, axis) and axis in registers.get(a.buffer.data, ()))
            }
            if axes and not _same_nodes(a, b) and conflict(a, b, Order(), axes):
                raise LowerError(
                    f"{a.buffer.name} is in {a.buffer.scope!r} memory, of which each thread has its own, but what one "
                    "thread writes in {0} another touches in {1}",
                    a.stmt,
                    b.stmt,
                    root=func,
                    hint="give it the scope 'shared', or compute it inside of the loops bound to threads",
                )


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
        for loop in self.bound:
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


def _bound_around(node: Stmt, loops: frozenset[For]) -> Iterator[tuple[Var, frozenset[For]]]:
    """The pointer of each allocation, with the bound loops around it."""
    if isinstance(node, Allocate):
        yield node.buffer.data, loops
    if isinstance(node, For) and is_bound(node):
        loops |= {node}
    for child in node.children():
        if isinstance(child, Stmt):
            yield from _bound_around(child, loops)


def _totals(kernel: Stmt) -> dict[Var, set[str]]:
    """The pointers of what reductions across threads leave with each, and the axes whose threads have the same."""
    bound = {n.loop_var: str(n.thread_binding) for n in walk(kernel) if isinstance(n, For) and is_bound(n)}
    found: dict[Var, set[str]] = {}
    for n in walk(kernel):
        if isinstance(n, Call) and n.op.name == "tvm_thread_allreduce" and isinstance(n.args[0], IntImm):
            count = n.args[0].value
            axes = {bound[v] for v in n.args[2 + 2 * count :] if isinstance(v, Var) and v in bound}
            for result in n.args[2 + count : 2 + 2 * count]:
                if isinstance(result, BufferLoad):
                    found[result.buffer.data] = axes
    return found


def _stores_alike(a: Access, axis: str, threads: dict[str, tuple[Var, Expr]], totals: dict[Var, set[str]]) -> bool:
    """Whether all threads of an axis store one value at one place: a total of theirs, or what does not vary."""
    if not isinstance(a.stmt, BufferStore) or a.index is None:
        return False
    loop = a.nodes[axis][0].loop_var
    used = {*free_vars(a.index), *(v for c in a.conditions for v in free_vars(c))}
    loads = [n for n in walk_unique(a.stmt.value) if isinstance(n, BufferLoad)]
    same = all(axis in totals.get(n.buffer.data, ()) for n in loads)
    return same and threads[axis][0] not in used and loop not in free_vars(a.stmt.value)


def _same_nodes(a: Access, b: Access) -> bool:
    """Whether both are under the same loop for every axis, so that a thread touches what its iteration does."""
    return a.nodes.keys() == b.nodes.keys() and all(a.nodes[x][0] is b.nodes[x][0] for x in a.nodes)


def _collect(node: Stmt, where: Where, out: list[Access]) -> None:
    out += accesses(node, where)
    if isinstance(node, IfThenElse):
        _collect(node.then_case, where.where(node.condition, holds=True), out)
        if node.else_case is not None:
            _collect(node.else_case, where.where(node.condition, holds=False), out)
        return
    inner = where.inside(node)
    for child in node.children():
        if isinstance(child, Stmt):
            _collect(child, inner, out)


def _require_one_block(func: PrimFunc, node: Allocate) -> None:
    """Require that all accesses to a block's memory are under one loop over blocks, or none is."""
    around: dict[For | None, Stmt] = {}

    def visit(stmt: Stmt, loop: For | None) -> None:
        if isinstance(stmt, For) and is_bound(stmt) and stmt.thread_binding in BLOCK_AXES and loop is None:
            loop = stmt
        children = [c for c in stmt.children() if isinstance(c, Stmt)]
        if not children and _touches(stmt, node.buffer):
            around.setdefault(loop, stmt)
        for child in children:
            visit(child, loop)

    visit(node.body, None)
    if len(around) > 1:
        first, second = list(around.values())[:2]
        raise LowerError(
            f"{node.buffer.name} is in {node.buffer.scope!r} memory, of which each block of threads has its own, but "
            "{0} and {1} are not under one loop over blocks",
            first,
            second,
            root=func,
            hint="give it the scope 'global', or compute it inside of the loop bound to blockIdx",
        )


def _touches(stmt: Stmt, buffer: Buffer) -> bool:
    return any(
        n is buffer.data or (isinstance(n, (BufferLoad, BufferStore)) and n.buffer.data is buffer.data)
        for n in walk_unique(stmt)
    )
