"""Refuses programs whose threads pass values by memory of which each has its own, or blocks by that of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...tir.buffer import Buffer, BufferLoad
from ...tir.errors import LowerError
from ...tir.expr import Expr, Var
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, BufferStore, For, IfThenElse, Stmt
from ...tir.visit import free_vars, walk, walk_unique
from .kernels import BLOCK_AXES, is_bound
from .thread_accesses import Access, accesses
from .thread_conflicts import Order, conflict
from .thread_values import differing
from .thread_where import Where


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
        varying = [axis for axis in threads if axis in a.nodes and not _stores_alike(a, axis, threads, registers)]
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


def _bound_around(node: Stmt, loops: frozenset[For]) -> Iterator[tuple[Var, frozenset[For]]]:
    """The pointer of each allocation, with the bound loops around it."""
    if isinstance(node, Allocate):
        yield node.buffer.data, loops
    if isinstance(node, For) and is_bound(node):
        loops |= {node}
    for child in node.children():
        if isinstance(child, Stmt):
            yield from _bound_around(child, loops)


def _stores_alike(
    a: Access, axis: str, threads: Mapping[str, tuple[Var, Expr]], registers: Mapping[Var, frozenset[str]]
) -> bool:
    """Whether all threads of an axis store one value at one place: from registers that hold the same in all of them."""
    if not isinstance(a.stmt, BufferStore) or a.index is None:
        return False
    loop = a.nodes[axis][0].loop_var
    used = {*free_vars(a.index), *(v for c in a.conditions for v in free_vars(c))}
    loads = [n for n in walk_unique(a.stmt.value) if isinstance(n, BufferLoad)]
    same = all(n.buffer.is_private and axis not in registers.get(n.buffer.data, ()) for n in loads)
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
