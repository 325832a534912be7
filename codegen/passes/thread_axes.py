"""Refuses programs that bind two loops around one computation to one thread axis."""

from __future__ import annotations

from ...tir.errors import LowerError
from ...tir.expr import Var
from ...tir.function import PrimFunc
from ...tir.stmt import BlockRealize, BufferStore, Evaluate, For, Stmt
from ...tir.visit import free_vars
from .kernels import is_bound


def require_distinct_axes(func: PrimFunc) -> None:
    """Require that nothing depends on two loops, one in the other, that are bound to one thread axis.

    A thread has one coordinate along an axis. That a loop bound to an axis stands in another is fine where what is
    inside depends on the inner one only: as when all threads fetch what each of them needs.

    Raises
    ------
    LowerError: something does; it names both loops.
    """
    _visit(func, func.body, [])


def _visit(func: PrimFunc, node: Stmt, loops: list[For]) -> None:
    if isinstance(node, For) and is_bound(node):
        loops = [*loops, node]
    elif isinstance(node, BlockRealize) and node.iter_values:
        used = {v for e in (*node.iter_values, node.predicate) for v in free_vars(e)}
        _require(func, node.block, loops, used)
        loops = []
    elif isinstance(node, (BufferStore, Evaluate)):
        _require(func, node, loops, set(free_vars(node)))
    for child in node.children():
        if isinstance(child, Stmt):
            _visit(func, child, loops)


def _require(func: PrimFunc, what: Stmt, loops: list[For], used: set[Var]) -> None:
    known: dict[str, For] = {}
    for loop in loops:
        if loop.loop_var not in used:
            continue
        axis = str(loop.thread_binding)
        if axis in known:
            raise LowerError(
                f"{{2}} depends on {{0}} and {{1}}, which are both bound to {axis}: a thread has one place along it",
                known[axis],
                loop,
                what,
                root=func,
                hint="bind one of them to another axis",
            )
        known[axis] = loop
