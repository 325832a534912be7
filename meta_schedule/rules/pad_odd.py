"""The rule that pads products whose extents no register tile divides."""

from __future__ import annotations

from ...schedule.schedule import Schedule
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV
from ...tir.errors import ScheduleError
from ...tir.expr import IntImm
from ...tir.stmt import IterType
from ..facts import consumers, is_output, producers, ref_of
from . import Context, rule
from .tiles import reuses_data

ROWS = 8
"""What the axis that is not the vectors' is padded to a multiple of."""

LARGE = 64
"""Extents below which padding costs more than uneven tiles."""


@rule(kinds=("llvm", "c"))
def pad_odd(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Pad a reduction that reuses data to multiples of a register tile, where its extents have no such divisors.

    The padded copies of the operands take the place of packed ones. Both ways are sketches.
    """
    ref = ref_of(sch, block)
    if not reuses_data(sch, ref) or producers(sch, ref) or consumers(sch, ref) or not is_output(sch, ref):
        return [sch]
    region = ref.stmt.writes[0]
    lanes = ctx.target.lanes(region.buffer.dtype.bits)
    last = region.region[-1].min
    rows = [r.min for r in region.region[:-1]][-1:]
    padding = []
    for iv in ref.stmt.iter_vars:
        extent = iv.dom.extent.value if isinstance(iv.dom.extent, IntImm) else 0
        wanted = 1
        if iv.iter_type is IterType.SPATIAL and extent >= LARGE:
            if iv.var is last and not any(d % lanes == 0 for d in divisors(extent)):
                wanted = 2 * lanes
            elif any(iv.var is row for row in rows) and not any(4 <= d <= ROWS for d in divisors(extent)):
                wanted = ROWS
        padding.append(wanted)
    if all(p == 1 for p in padding):
        return [sch]
    padded = sch.copy()
    try:
        padded.pad_einsum(block, padding)
    except ScheduleError:
        return [sch]  # what the padding holds would reach the results
    return [padded, sch]
