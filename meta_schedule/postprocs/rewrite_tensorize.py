"""The postproc that puts tensor intrinsics in place of the blocks that rules chose for them."""

from __future__ import annotations

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...tir.errors import ScheduleError
from ..facts import ref_of
from ..space import blocks_of
from . import postproc

TENSORIZE = "meta_schedule.auto_tensorize"


@postproc
def rewrite_tensorize(sch: Schedule, target: Target) -> None:
    """Tensorize each marked block by the intrinsic that its mark names; what starts its sum becomes vectors."""
    for block in [b for b in blocks_of(sch) if TENSORIZE in ref_of(sch, b).stmt.annotations]:
        mark = ref_of(sch, block).stmt.annotations[TENSORIZE]
        sch.unannotate(block, TENSORIZE)
        if ref_of(sch, block).stmt.reads:
            sch.tensorize(block, str(mark))
            continue
        for inner in sch.get_child_blocks(block):
            loops = sch.get_loops(inner)
            try:
                sch.vectorize(loops[-1])
            except ScheduleError:
                continue  # it starts element by element
