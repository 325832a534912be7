"""The postproc that rejects candidates a GPU cannot run."""

from __future__ import annotations

from ...codegen.lower import lower
from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import LoopSRef
from ...tir.analysis.cost import allocated_bytes
from ...tir.errors import ScheduleError, UserError
from . import postproc
from .nests import extent_of, outermost


@postproc(kinds=("cuda",))
def verify_gpu_resources(sch: Schedule, target: Target) -> None:
    """Reject more threads in a block, and more shared memory or memory of a thread, than the target has."""
    for _, nest in outermost(sch):
        found: dict[str, int] = {}
        for ref in sch.state.srefs.values():
            if isinstance(ref, LoopSRef) and (ref is nest or nest in ref.ancestors()):
                axis = ref.stmt.thread_binding
                if axis is not None and ref.stmt.bound_to == "threadIdx":
                    found[axis] = max(found.get(axis, 1), extent_of(ref) or 1)
        threads = 1
        for extent in found.values():
            threads *= extent
        if threads > target.max_threads_per_block:
            raise ScheduleError(
                "{0} runs in {1} threads, the target has at most {2} in a block",
                nest.stmt,
                threads,
                target.max_threads_per_block,
            )
    limits = {"shared": target.max_shared_memory_per_block, "local": target.max_local_memory_per_block}
    for name in sch.state.roots:
        try:
            memory = allocated_bytes(lower(sch.mod[name], target, until="compact_buffer_allocation"))
        except UserError:
            continue  # sizes that only a call gives cannot be checked
        for scope, most in limits.items():
            if memory.get(scope, 0) > most:
                raise ScheduleError(
                    "a block takes {0} bytes of {1} memory, the target has {2}", memory[scope], scope, most
                )
