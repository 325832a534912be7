"""The postproc that takes the start of each reduction out of its loops."""

from __future__ import annotations

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...tir.errors import ScheduleError
from ...tir.stmt import IterType
from ..facts import ref_of
from ..space import blocks_of
from . import postproc
from .nests import drives_of


@postproc
def rewrite_reduction_block(sch: Schedule, target: Target) -> None:
    """Decompose each reduction at its outermost reducing loop, so that no iteration asks whether it is the first."""
    for block in blocks_of(sch):
        ref = ref_of(sch, block)
        if ref.stmt.init is None:
            continue
        loops = sch.get_loops(block)
        for i, loop in enumerate(ref.loops()):
            if IterType.REDUCE in drives_of(sch, ref, loop.stmt.loop_var):
                try:
                    sch.decompose_reduction(block, loops[i])
                except ScheduleError:
                    pass  # the block keeps its init, which lowering puts under a condition
                break
