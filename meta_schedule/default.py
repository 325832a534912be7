"""`default_schedule`: a good schedule without measuring, the analytical model's choice among a few candidates."""

from __future__ import annotations

import time

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule
from ..tir.errors import UserError
from ..tir.function import IRModule, PrimFunc
from .analytical import predict_ms
from .replay import Replayer
from .space import design_space


def default_schedule(mod: PrimFunc | IRModule, target: str | Target = "llvm", *, seconds: float = 0.7) -> Schedule:
    """The schedule that the analytical model thinks fastest, found in `seconds`; at worst the program as it is.

    Raises
    ------
    UserError: `mod` is no program, or none of its functions has blocks.
    """
    until = time.perf_counter() + seconds
    where = as_target(target)
    best = Schedule(mod, seed=0)
    least = predict_ms(best, where)
    make = Replayer(mod, where)
    for sketch in design_space(mod, where):
        try:
            found = make(sketch.trace)
        except UserError:
            continue
        expected = predict_ms(found, where)
        if expected < least:
            best, least = found, expected
        if time.perf_counter() > until:
            break
    return best
