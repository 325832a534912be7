"""The rule that makes reductions wide: partial results side by side in a vector, and on several threads."""

from __future__ import annotations

from math import prod

from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef, LoopSRef
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV
from ...tir.errors import ScheduleError
from ...tir.stmt import IterType
from ..facts import constant, is_decided, is_plain_nest, is_reduction, loop_kinds, ref_of
from ..postprocs.nests import steps
from . import Context, rule
from .tiles import reuses_data

WIDEST = 4
"""Vector registers of partial results, enough to hide the latency of an addition."""

NARROW = 8
"""Partial results that are left when the last step begins, in which each waits for the one before."""

RFACTOR = "meta_schedule.rfactor"
"""Marks the blocks of a divided reduction, whose vectors a postproc makes innermost."""

LONG = 1 << 15
"""Iterations above which a reduction with too few results for all threads is cut into parts for them."""


@rule(kinds=("llvm", "c"))
def add_rfactor(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Reduce along a contiguous axis by partial results, a vector of them, which a last step reduces to one.

    Where there are fewer results than threads and much to reduce, the outermost reducing loop is cut into parts as
    well, which run in parallel.
    """
    ref = ref_of(sch, block)
    if is_decided(ref) or not is_reduction(ref) or not is_plain_nest(sch, ref) or reuses_data(sch, ref):
        return [sch]
    kinds = loop_kinds(sch, ref)
    loops = ref.loops()
    reducing = [i for i, kind in enumerate(kinds) if kind is IterType.REDUCE]
    results = prod(constant(loop.stmt.extent) or 1 for loop, kind in zip(loops, kinds) if kind is IterType.SPATIAL)
    turns = prod(constant(loops[i].stmt.extent) or 1 for i in reducing)
    threads = max(ctx.target.num_threads, 1)
    new = sch.copy()
    try:
        if results < 2 * threads and results * turns >= LONG:
            _parts(new, block, loops[reducing[0]], reducing[0], 8 * threads)
        else:
            last = _contiguous(sch, ref, [loops[i] for i in reducing])
            if last is None:
                return [sch]
            _lanes(new, block, loops.index(last), ctx)
    except ScheduleError:
        return [sch]  # a reducer whose order matters, or that has no identity, is reduced as it is written
    return [new]


def _contiguous(sch: Schedule, ref: BlockSRef, reducing: list[LoopSRef]) -> LoopSRef | None:
    """The reducing loop along which the elements of what it moves lie one after the other, if there is one."""
    written = {region.buffer for region in ref.stmt.writes}
    reads = [r for r in ref.stmt.reads if r.buffer not in written]
    for loop in reversed(reducing):
        moved = [steps(sch, ref, tuple(r.min for r in region.region), loop) for region in reads]
        moved = [by for by in moved if any(step != 0 for step in by)]
        if moved and all(last == 1 and not any(step != 0 for step in outer) for *outer, last in moved):
            return loop
    return None


def _lanes(sch: Schedule, block: BlockRV, number: int, ctx: Context) -> None:
    """Factor the inner part of a loop: `lanes` of it, or some registers full, that divide its extent."""
    loop = sch.get_loops(block)[number]
    extent = constant(sch.get(loop).extent)
    assert extent is not None
    stmt = ref_of(sch, block).stmt
    lanes = min(ctx.target.lanes(region.buffer.dtype.bits) for region in stmt.writes)
    widths = [d for d in divisors(extent) if 4 <= d <= WIDEST * lanes and d < extent] or [1]
    whole = [d for d in widths if d % lanes == 0]
    best = (whole or widths)[-1]
    if best == 1:
        return
    factors = sch.sample_perfect_tile(loop, 2, WIDEST * lanes, decision=[extent // best, best])
    _, inner = sch.split(loop, factors)
    _mark(sch, sch.rfactor(inner, -1))
    if best >= 2 * NARROW:
        # A sum of many lanes one after the other waits for each addition; so it is done by vectors, too.
        loop = sch.get_loops(block)[-1]
        factors = sch.sample_perfect_tile(loop, 2, lanes, decision=[best // NARROW, NARROW])
        _, inner = sch.split(loop, factors)
        _mark(sch, sch.rfactor(inner, -1))
    _mark(sch, block)


def _mark(sch: Schedule, block: BlockRV) -> None:
    sch.annotate(block, RFACTOR, 1)


def _parts(sch: Schedule, block: BlockRV, loop: LoopSRef, number: int, most: int) -> None:
    """Factor the outer part of a loop, in at most `most` parts."""
    handle = sch.get_loops(block)[number]
    extent = constant(loop.stmt.extent)
    assert extent is not None
    parts = [d for d in divisors(extent) if d <= most][-1]
    factors = sch.sample_perfect_tile(handle, 2, -1, decision=[parts, extent // parts])
    outer, _ = sch.split(handle, factors)
    sch.rfactor(outer, 0)
    _mark(sch, block)
