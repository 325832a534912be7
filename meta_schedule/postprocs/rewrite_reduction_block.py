"""The postproc that takes the start of each reduction out of its loops."""

from __future__ import annotations

from ...codegen.target import Target
from ...schedule.rewrite import bind_loops
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef
from ...tir.arith.analyzer import Analyzer
from ...tir.arith.stmt import conjuncts
from ...tir.errors import ScheduleError
from ...tir.stmt import IterType
from ...tir.visit import free_vars, substitute
from ..facts import is_reduction, ref_of
from ..space import blocks_of
from . import postproc
from .nests import drives_of


def _starts(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether a block surely runs in the first iteration of its reducing loops, so that its init does."""
    loops = ref.loops()
    an = bind_loops(Analyzer(), ref)
    first = {
        loop.stmt.loop_var: loop.stmt.min
        for loop in loops
        if IterType.REDUCE in drives_of(sch, ref, loop.stmt.loop_var)
    }
    conditions = [c for c in conjuncts(sch.state.realize(ref).predicate) if first.keys() & free_vars(c).keys()]
    return all(an.prove(substitute(c, first)) for c in conditions)


@postproc
def rewrite_reduction_block(sch: Schedule, target: Target) -> None:
    """Decompose each reduction at its outermost reducing loop, so that no iteration asks whether it is the first."""
    for block in blocks_of(sch):
        ref = ref_of(sch, block)
        if not is_reduction(ref) or not _starts(sch, ref):
            continue
        loops = sch.get_loops(block)
        for i, loop in enumerate(ref.loops()):
            if IterType.REDUCE in drives_of(sch, ref, loop.stmt.loop_var):
                try:
                    sch.decompose_reduction(block, loops[i])
                except ScheduleError:
                    pass  # the block keeps its init, which lowering puts under a condition
                break
