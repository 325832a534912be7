"""The postproc that cuts copies into shared memory among the threads of a block."""

from __future__ import annotations

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import LoopSRef
from ...tir.errors import ScheduleError
from ..facts import constant, ref_of
from . import postproc
from .nests import leaves

FETCH = "meta_schedule.cooperative_fetch"


@postproc(kinds=("cuda",))
def rewrite_cooperative_fetch(sch: Schedule, target: Target) -> None:
    """Let the threads around each copy that is marked fetch neighbouring elements, as many at once as the mark says."""
    for block in leaves(sch):
        ref = ref_of(sch, block)
        mark = ref.stmt.annotations.get(FETCH)
        if mark is None:
            continue
        vector = int(getattr(mark, "value", mark))
        sch.unannotate(block, FETCH)
        around = [a for a in ref.ancestors() if isinstance(a, LoopSRef) and a.stmt.thread_binding == "threadIdx.x"]
        threads = constant(around[0].stmt.extent) if around else None
        if threads is None:
            continue
        loop = sch.get_loops(block)[-1]
        _, inner, *lanes = sch.split(loop, [None, threads, vector] if vector > 1 else [None, threads])
        sch.bind(inner, "threadIdx.x")
        if lanes:
            try:
                sch.vectorize(lanes[0])
            except ScheduleError:
                continue  # elements that do not lie side by side are fetched one after the other
