"""The analytical model: how long a scheduled program takes, by its operations, its memory traffic and the machine."""

from __future__ import annotations

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule
from ..tir.analysis.cost import store_costs
from ..tir.function import IRModule, PrimFunc, as_module
from ..tir.stmt import ForKind

GHZ = 3.0
"""The clock that is assumed: absolute times are rough, their order is what matters."""


def predict_ms(program: Schedule | IRModule | PrimFunc, target: str | Target) -> float:
    """The time of one call in milliseconds, as a roofline: the slower of arithmetic and memory, for each store."""
    where = as_target(target)
    mod = program.mod if isinstance(program, Schedule) else as_module(program)
    cycles = 0.0
    for function in mod.functions.values():
        for cost in store_costs(function):
            parallel = vector = 1
            for loop in cost.loops:
                extent = getattr(loop.extent, "value", 1)
                if loop.kind is ForKind.PARALLEL:
                    parallel *= extent
                elif loop.kind is ForKind.VECTORIZED:
                    vector *= extent
            lanes = min(vector, where.lanes(cost.store.value.dtype.bits))
            arithmetic = cost.runs * max(cost.flops, 1) / lanes / 2
            memory = cost.runs * sum(a.bytes[-1] for a in cost.accesses) / 64 / min(lanes, 4)
            cycles += max(arithmetic, memory) / max(1, min(parallel, where.num_threads or 1))
    return cycles / (GHZ * 1e6)
