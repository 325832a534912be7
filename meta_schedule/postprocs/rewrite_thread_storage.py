"""The postproc that gives each thread of a GPU its own memory for what it alone makes and uses."""

from __future__ import annotations

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef, LoopSRef
from ...tir.buffer import Buffer
from ...tir.stmt import IterType
from ..facts import constant, loop_kinds, ref_of
from ..space import blocks_of
from . import postproc


@postproc(kinds=("cuda",))
def rewrite_thread_storage(sch: Schedule, target: Target) -> None:
    """Put buffers that are made and used below the same loops over threads into the threads' local memory.

    In global memory, threads that compute the same value, each for itself, would share one copy of it and race. What
    has no constant size for a thread stays there, as it has to.
    """
    for block in blocks_of(sch):
        for number, region in enumerate(ref_of(sch, block).stmt.writes):
            if region.buffer.scope == "global" and _is_private(sch, ref_of(sch, block), region.buffer):
                sch.set_scope(block, number, "local")


def _is_private(sch: Schedule, writer: BlockSRef, buffer: Buffer) -> bool:
    """Whether a buffer that the root block allocates is used by single threads, each of which makes what it uses."""
    if buffer not in writer.ancestors()[-1].stmt.alloc_buffers:
        return False
    users = [
        ref
        for ref in (ref_of(sch, block) for block in blocks_of(sch))
        if any(region.buffer is buffer for region in (*ref.stmt.reads, *ref.stmt.writes))
    ]
    threads = [_threads(ref) for ref in users]
    alone = bool(threads[0]) and all(mine == threads[0] for mine in threads)
    return alone and _is_constant(sch, writer, threads[0][0])


def _is_constant(sch: Schedule, writer: BlockSRef, thread: LoopSRef) -> bool:
    """Whether a thread makes a constant number of elements; memory of its own has to have a constant size."""
    loops = writer.loops()
    inside = loops[loops.index(thread) + 1 :] if thread in loops else loops
    kinds = loop_kinds(sch, writer)[len(loops) - len(inside) :]
    return all(constant(loop.stmt.extent) is not None or kind is IterType.REDUCE for loop, kind in zip(inside, kinds))


def _threads(ref: BlockSRef) -> list[LoopSRef]:
    """The loops over a block's threads around a block."""
    loops = [a for a in ref.ancestors() if isinstance(a, LoopSRef)]
    return [loop for loop in loops if loop.stmt.bound_to == "threadIdx"]
