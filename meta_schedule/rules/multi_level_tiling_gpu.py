"""The rule that tiles blocks which reuse data, for a GPU: blocks, virtual threads, threads, shared and local memory."""

from __future__ import annotations

from collections.abc import Sequence

from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV, LoopRV
from ...tir.errors import ScheduleError
from ...tir.expr import IntImm, Var
from ...tir.stmt import IterType
from ..facts import ref_of
from . import Context, rule
from .tiles import reuses_data, tile, write_stage

STRUCTURE = "SSSRRSRS"
BINDS = ("blockIdx.x", "vthread.x", "threadIdx.x")
FETCH = "meta_schedule.cooperative_fetch"
"""Marks a copy into shared memory that all threads make together; its value is how many elements each takes at once."""

VECTORS = (1, 2, 4)


@rule(kinds=("cuda",))
def multi_level_tiling_gpu(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Tile a reduction that reads elements several times in eight levels, SSSRRSRS.

    The outer three are blocks, virtual threads and threads. What a tile reads is copied to shared memory before each
    round of the outer reducing loops, its results are accumulated in registers, and stored by the elementwise stage
    that reads them, or by a copy.
    """
    ref = ref_of(sch, block)
    if not reuses_data(sch, ref):
        return [sch]
    new = sch.copy()
    try:
        stage = write_stage(new, block)
        values = new.state.realize(ref_of(new, block)).iter_values
        guesses = _guesses(ref_of(new, block), ctx)
        by_loop = {v: guess for v, guess in zip(values, guesses) if isinstance(v, Var)}
        levels = tile(new, block, STRUCTURE, guesses=by_loop)
        bound = [_bind(new, level, axis) for level, axis in zip(levels, BINDS)]
        new.reverse_compute_at(stage, bound[2])
        _fetch(new, block, levels[3][-1])
        new.annotate(block, "meta_schedule.tiling_structure", STRUCTURE)
    except ScheduleError:
        return [sch]  # a loop that cannot be cut, or a stage that cannot be moved
    return [new]


def _bind(sch: Schedule, loops: Sequence[LoopRV], axis: str) -> LoopRV:
    fused = sch.fuse(*loops) if len(loops) > 1 else loops[0]
    sch.bind(fused, axis)
    return fused


def _fetch(sch: Schedule, block: BlockRV, loop: LoopRV) -> None:
    """Copy each operand to shared memory at `loop`, to be cut among the threads by a postproc."""
    ref = ref_of(sch, block)
    written = {region.buffer for region in ref.stmt.writes}
    numbers = [i for i, region in enumerate(ref.stmt.reads) if region.buffer not in written]
    for number in numbers:
        dims = len(ref.stmt.reads[number].region)
        copy = sch.cache_read(block, number, "shared")
        sch.compute_at(copy, loop, preserve_unit_loops=True)
        sch.fuse(*sch.get_loops(copy)[-dims:])
        vector = sch.sample_categorical(list(VECTORS), [1 / len(VECTORS)] * len(VECTORS), decision=0)
        sch.annotate(copy, FETCH, vector)


def _guesses(ref: BlockSRef, ctx: Context) -> list[list[int]]:
    """Factors for each iterator: 4 × 4 results for a thread, up to 16 × 16 threads, 16 steps of a reduction at once."""
    spatial = [i for i, iv in enumerate(ref.stmt.iter_vars) if iv.iter_type is IterType.SPATIAL]
    out: list[list[int]] = []
    for i, iv in enumerate(ref.stmt.iter_vars):
        extent = iv.dom.extent.value if isinstance(iv.dom.extent, IntImm) else 1
        if i not in spatial:
            inner = max(d for d in divisors(extent) if d <= 16)
            out.append([extent // inner, inner, 1])
            continue
        wide = i in spatial[-2:]
        own = max(d for d in divisors(extent) if d <= (4 if wide else 1))
        threads = max(d for d in divisors(extent // own) if d <= (16 if wide else 1))
        out.append([extent // own // threads, 1, threads, own, 1])
    return out
