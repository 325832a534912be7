"""The postproc that rejects candidates in which a loop's extent came to depend on other loops."""

from __future__ import annotations

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import LoopSRef
from ...tir.errors import ScheduleError
from ...tir.expr import IntImm
from ...tir.visit import free_vars
from . import postproc


@postproc
def disallow_dynamic_loops(sch: Schedule, target: Target) -> None:
    """Reject a program with loops whose extents depend on loops; extents the caller gives are fixed for a call."""
    loops = [ref for ref in sch.state.srefs.values() if isinstance(ref, LoopSRef)]
    variables = {ref.stmt.loop_var for ref in loops}
    for ref in loops:
        extent = ref.stmt.extent
        if not isinstance(extent, IntImm) and variables & set(free_vars(extent)):
            raise ScheduleError("the extent of {0}, {1}, depends on another loop", ref.stmt, extent)
