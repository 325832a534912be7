"""The rule that computes cheap stages where they are used."""

from __future__ import annotations

from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef
from ...schedule.trace import BlockRV
from ...tir.buffer import Buffer, BufferLoad
from ...tir.errors import ScheduleError
from ...tir.expr import FloorDiv, FloorMod
from ...tir.visit import walk
from ..facts import consumers, count_ops, has_branch, instances, is_costly, is_output, is_spatial, one_store, ref_of
from . import Context, rule


@rule
def auto_inline(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Inline an elementwise stage where that repeats no costly work.

    Each value is computed once for every instance that reads it. Where those are more than twice as many as the values,
    only copies and single operations are inlined; where they are more than the values, nothing that takes a series to
    compute. On GPUs branches count as cheap, as padding is to be.
    """
    ref = ref_of(sch, block)
    store = one_store(ref)
    readers = consumers(sch, ref)
    if store is None or not readers or is_output(sch, ref) or not is_spatial(ref):
        return [sch]
    times = sum(instances(b.stmt) * _loads(b, store.buffer) for b in readers) / max(instances(ref.stmt), 1)
    branch = has_branch(store.value)
    costly = is_costly(store.value) and not (branch and ctx.target.is_gpu)
    if times > 1 and costly:
        return [sch]
    if times > 2 and not ctx.target.is_gpu and count_ops(store.value) > 1:
        return [sch]
    if times > 8 and not ctx.target.is_gpu and not _regular(ref):
        return [sch]
    try:
        sch.compute_inline(block)
    except ScheduleError:
        return [sch]  # an output, an order of stores, or an access that inlining cannot follow: the stage stays
    return [sch]


def _loads(reader: BlockSRef, buffer: Buffer) -> int:
    """How many different elements of a buffer an instance of a block loads."""
    found = {n.indices for n in walk(reader.stmt) if isinstance(n, BufferLoad) and n.buffer is buffer}
    return max(len(found), 1)


def _regular(ref: BlockSRef) -> bool:
    """Whether a stage's indices are worth computing again and again."""
    return not any(isinstance(n, (FloorDiv, FloorMod)) for n in walk(ref.stmt.body))
