"""The rule that lets the threads of a GPU's block reduce together."""

from __future__ import annotations

from ...schedule.schedule import Schedule
from ...schedule.trace import BlockRV
from ...tir.errors import ScheduleError
from ...tir.stmt import IterType
from ..facts import is_decided, is_plain_nest, is_reduction, loop_kinds, ref_of
from . import Context, rule
from .tiles import reuses_data

EXTENTS = (4, 8, 16, 32, 64, 128, 256, 512)


@rule(kinds=("cuda",))
def cross_thread_reduction(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Reduce what reuses nothing by threads that each take a part; the other sketch leaves each result to one thread.

    Such a reduction has one result for each block of threads.
    """
    ref = ref_of(sch, block)
    if is_decided(ref) or not is_reduction(ref) or not is_plain_nest(sch, ref) or reuses_data(sch, ref):
        return [sch]
    kinds = loop_kinds(sch, ref)
    new = sch.copy()
    try:
        loops = new.get_loops(block)
        spatial = [loop for loop, kind in zip(loops, kinds) if kind is IterType.SPATIAL]
        reducing = [loop for loop, kind in zip(loops, kinds) if kind is IterType.REDUCE]
        new.reorder(*spatial, *reducing)
        fused = new.fuse(*reducing) if len(reducing) > 1 else reducing[0]
        legal = [n for n in EXTENTS if n <= ctx.target.max_threads_per_block]
        threads = new.sample_categorical(legal, [1 / len(legal)] * len(legal), decision=legal.index(32))
        _, inner = new.split(fused, [None, threads])
        new.bind(inner, "threadIdx.x")
        new.annotate(block, "meta_schedule.cross_thread", 1)
    except ScheduleError:
        return [sch]  # a reducer without an identity, or loops that cannot be fused
    return [new, sch]
