"""`Schedule.bind_default`: binds to a GPU's threads whatever is bound to none, by primitives that the trace records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tir.errors import ScheduleError
from ..tir.expr import IntImm
from ..tir.stmt import Block, BlockRealize, For, ForKind, IterType, Stmt
from ..tir.visit import free_vars, walk

if TYPE_CHECKING:
    from .schedule import Schedule


def bind_default(sch: Schedule, max_threads: int) -> None:
    """Bind the blocks of the function worked on; those that are bound already stay as they are."""
    for block in sch.get_child_blocks(sch.get_block("root")):
        _bind_block(sch, block, max_threads)


def _bind_block(sch: Schedule, block: Any, max_threads: int) -> None:
    loops = sch.get_loops(block)
    if any(sch.get(loop).kind is ForKind.THREAD_BINDING for loop in loops):
        return
    if any(isinstance(n, For) and n.kind is ForKind.THREAD_BINDING for n in walk(sch.get(block))):
        for child in sch.get_child_blocks(block):
            _bind_block(sch, child, max_threads)
        return
    outer = _independent([(loop, sch.get(loop)) for loop in loops])
    if not outer:
        sch.bind(sch.add_unit_loop(loops[0] if loops else block), "threadIdx.x")
        return
    fused = _fused(sch, outer)
    extent = sch.get(fused).extent
    if isinstance(extent, IntImm) and extent.value <= max_threads:
        sch.bind(fused, "threadIdx.x")
        return
    over, inner = sch.split(fused, [None, max_threads])
    sch.bind(over, "blockIdx.x")
    sch.bind(inner, "threadIdx.x")


def _fused(sch: Schedule, loops: list[Any]) -> Any:
    """The loops as one, as far as they can be fused."""
    while len(loops) > 1:
        try:
            return sch.fuse(*loops)
        except ScheduleError:
            loops = loops[:-1]
    return loops[0]


def _independent(loops: list[tuple[Any, For]]) -> list[Any]:
    """The outermost loops, perfectly nested, that every block below has as its data-parallel iterators alone."""
    out: list[Any] = []
    for k, (handle, loop) in enumerate(loops):
        if loop.kind not in (ForKind.SERIAL, ForKind.PARALLEL) or not _is_parallel(loop, loop.body):
            break
        out.append(handle)
        if k + 1 == len(loops) or loop.body is not loops[k + 1][1]:
            break
    return out


def _is_parallel(loop: For, stmt: Stmt) -> bool:
    for realize in _realizes(stmt):
        uses = [
            iv.iter_type
            for iv, value in zip(realize.block.iter_vars, realize.iter_values)
            if loop.loop_var in free_vars(value)
        ]
        if not uses or any(t is not IterType.SPATIAL for t in uses):
            return False
    return True


def _realizes(stmt: Any) -> list[BlockRealize]:
    """The blocks below a statement that no other block lies between."""
    if isinstance(stmt, BlockRealize):
        return [stmt]
    if isinstance(stmt, Block):
        return []
    return [r for child in stmt.children() if isinstance(child, Stmt) for r in _realizes(child)]
