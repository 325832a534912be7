"""`default_schedule`: a good schedule without measuring, the analytical model's choice among a few candidates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from random import Random

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule
from ..tir.errors import UserError, said
from ..tir.function import IRModule, PrimFunc
from .analytical import predict_ms
from .mutators import mutate
from .replay import Replayer
from .space import design_space

CLOSE = 0.97
"""A sketch is taken if it is to need less than this part of the time of those before it, which rules prefer."""

BETTER = 0.5
"""A mutation is taken if it is to need less than this part of the time: the model's smaller differences mean little."""


def default_schedule(
    mod: PrimFunc | IRModule, target: str | Target = "llvm", *, seconds: float | None = 0.5
) -> Schedule:
    """A good schedule without measuring anything; at worst the program as it is, bound for a GPU.

    Of the sketches of the design space, with the decisions they come with, and then of mutations of the best, the one
    is taken that the analytical model thinks fastest.

    Parameters
    ----------
    seconds: after about so long no more candidates are tried; None tries all, so that the result is the same each time.

    Raises
    ------
    UserError: `mod` is no program, or none of its functions has blocks.
    """
    if not (seconds is None or isinstance(seconds, (int, float))):
        raise UserError(f"seconds is a number or None, got {said(seconds)}")
    until = inf if seconds is None else time.perf_counter() + seconds
    where = as_target(target)
    best = Schedule(mod, seed=0)
    try:
        least = inf if where.is_gpu else predict_ms(best, where)
        if where.is_gpu:
            best.bind_default()
        for candidate, part in _candidates(mod, where):
            expected = predict_ms(candidate, where)
            if expected < least * part:
                best, least = candidate, expected
            if time.perf_counter() > until:
                break
    except UserError:
        pass  # what the rules cannot work on stays as it is
    return best


def _candidates(mod: PrimFunc | IRModule, target: Target) -> Iterator[tuple[Schedule, float]]:
    """Candidates, each with the part of the best time so far that it has to beat."""
    make = Replayer(mod, target)
    found = []
    for sketch in design_space(mod, target):
        try:
            found.append(make(sketch.trace))
        except UserError:
            continue
        yield found[-1], CLOSE
    rng = Random(0)
    found.sort(key=lambda sch: predict_ms(sch, target))
    for sch in found[:3]:
        for _ in range(8):
            changed = mutate(sch.trace.without_postproc(), rng)
            if changed is None:
                break
            try:
                yield make(changed), BETTER
            except UserError:
                continue
