"""`default_schedule`: a good schedule without measuring, the analytical model's choice among a few candidates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from random import Random

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule
from ..schedule.trace import Trace
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


STEPS = 800
"""Steps of traces that are made in all, after which no more candidates are tried: some 0.3 s of work, more on large
programs. It is a count, so that the result does not depend on the machine."""

DRAWS = 4
"""Random decisions that are tried for a sketch whose own ones do not fit the target."""


def default_schedule(
    mod: PrimFunc | IRModule, target: str | Target = "llvm", *, seconds: float | None = 5.0
) -> Schedule:
    """A good schedule without measuring anything; at worst the program as it is, bound for a GPU.

    Of the sketches of the design space, with the decisions they come with, and then of mutations of the best, the one
    is taken that the analytical model thinks fastest. It is the same each time; `STEPS` bounds how many are tried.

    Parameters
    ----------
    seconds: after about so long no more are tried either, for programs of which a single candidate takes long; only
        then the result depends on the machine. None waits.

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
    left = STEPS

    def made(trace: Trace, rng: Random | None = None) -> Schedule | None:
        nonlocal left
        try:
            sch = make(trace, rng=rng)
        except UserError:
            left -= len(trace)
            return None
        left -= len(sch.trace)
        return sch

    for sketch in design_space(mod, target):
        draws = (None, *(Random(seed) for seed in range(DRAWS)))
        sch = next((sch for rng in draws if left > 0 and (sch := made(sketch.trace, rng)) is not None), None)
        if sch is not None:
            found.append(sch)
            yield sch, CLOSE
    rng = Random(0)
    found.sort(key=lambda sch: predict_ms(sch, target))
    for first in found[:3]:
        for _ in range(8):
            changed = mutate(first.trace.without_postproc(), rng) if left > 0 else None
            if changed is None:
                break
            if (sch := made(changed)) is not None:
                yield sch, BETTER
