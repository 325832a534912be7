"""The rule for reductions that reuse nothing, such as pooling: results side by side in a vector, reduced together."""

from __future__ import annotations

from ...schedule.schedule import Schedule
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV
from ...tir.errors import ScheduleError
from ...tir.expr import IntImm, Var
from ...tir.stmt import IterType
from ..facts import consumers, is_decided, is_plain_nest, is_reduction, ref_of
from . import Context, rule
from .tiles import tile


@rule(kinds=("llvm", "c"))
def tile_reduction(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Reduce a vector of neighbouring results at a time, in a local buffer that is copied out at the end."""
    ref = ref_of(sch, block)
    if is_decided(ref) or not is_reduction(ref) or not is_plain_nest(sch, ref) or len(ref.stmt.writes) != 1:
        return [sch]
    if any(is_decided(reader) for reader in consumers(sch, ref)):
        return [sch]
    region = ref.stmt.writes[0]
    axes = {iv.var: value for iv, value in zip(ref.stmt.iter_vars, sch.state.realize(ref).iter_values)}
    last = region.region[-1].min if region.region else None
    extent = region.buffer.shape[-1] if region.region else None
    if not isinstance(last, Var) or last not in axes or not isinstance(extent, IntImm) or extent.value < 4:
        return [sch]
    lanes = ctx.target.lanes(region.buffer.dtype.bits)
    width = max(d for d in divisors(extent.value) if d <= 4 * lanes)
    new = sch.copy()
    try:
        vector = next(loop for loop in new.get_loops(block) if new.get_sref(loop).stmt.loop_var is axes[last])
        guesses: dict[Var, list[int]] = {}
        for iv in ref.stmt.iter_vars:
            if iv.iter_type is IterType.SPATIAL and isinstance(iv.dom.extent, IntImm):
                inner = width if iv.var is last else 1
                guesses[axes[iv.var]] = [iv.dom.extent.value // inner, inner]  # type: ignore[index]
        stage = new.cache_write(block, 0, "local")
        levels = tile(new, block, "SRS", vector, guesses)
        new.reverse_compute_at(stage, levels[0][-1])
        new.annotate(block, "meta_schedule.tiling_structure", "SRS")
    except ScheduleError:
        return [sch]  # loops that cannot be reordered: the block stays as it is written
    return [new]
