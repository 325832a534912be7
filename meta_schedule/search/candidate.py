"""Candidates, and the pool they come from: sampled from sketches, mutated, crossed, never made twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.trace import Trace
from ...tir.errors import ScheduleError, UserError
from ...tir.function import IRModule
from ..features import program_features
from ..keys import trace_key
from ..mutators import mutate
from ..replay import Replayer

if TYPE_CHECKING:
    import numpy as np

Decisions = tuple[str, ...]

REMEMBERED = 2048
"""Candidates that a pool remembers."""


class Candidate:
    """A scheduled program with the trace that makes it.

    Attributes
    ----------
    source: the sketch's steps with this candidate's decisions; steps are shared among candidates of a sketch.
    trace: all steps as they were made, postprocessing included.
    sketch: which sketch it belongs to; -1 for none.
    score: what the cost model said of it last.
    """

    def __init__(self, source: Trace, sch: Schedule, sketch: int, target: Target) -> None:
        self.source, self.trace, self.mod = source, Trace(sch.trace.insts), sch.mod
        self.sketch, self.target = sketch, target
        self.score: float | None = None

    mod: IRModule

    @cached_property
    def features(self) -> np.ndarray[Any, Any]:
        """See `features.program_features`."""
        return program_features(self.mod, self.target)

    @cached_property
    def decisions(self) -> Decisions:
        """What tells candidates apart; see `decisions_in`."""
        return decisions_in(self.source, self.sketch)

    @cached_property
    def key(self) -> str:
        """What the database knows the candidate by."""
        return trace_key(self.trace)

    @cached_property
    def program(self) -> str:
        """The scheduled program's text."""
        return self.mod.script()


class Pool:
    """Makes the candidates of a task.

    Parameters
    ----------
    mod: the workload. sketches: its design space.

    Attributes
    ----------
    refused: how often making a candidate failed, by the reason.
    """

    def __init__(self, mod: IRModule, target: Target, sketches: Sequence[Schedule]) -> None:
        self.mod, self.target = mod, target
        self.sketches = [sketch.trace.without_postproc() for sketch in sketches]
        self.replay = Replayer(mod, target)
        self.refused: Counter[str] = Counter()
        self._recent: dict[Decisions, Candidate | None] = {}
        self._skeletons = {_skeleton(trace): n for n, trace in enumerate(self.sketches)}

    @property
    def fixed(self) -> bool:
        """Whether the space holds no decision, so that each sketch is one candidate."""
        return not any(inst.primitive.samples for trace in self.sketches for inst in trace.insts)

    def sample(self, rng: Random) -> Candidate | None:
        """A sketch with decisions drawn at random; None if it is refused."""
        sketch = rng.randrange(len(self.sketches))
        return self.make(self.sketches[sketch], sketch, rng=rng)

    def mutated(self, parent: Candidate, rng: Random) -> Candidate | None:
        """A candidate with one decision changed; None if that is refused or nothing is there to change."""
        changed = mutate(parent.source, rng)
        return None if changed is None else self.make(changed, parent.sketch)

    def crossed(self, parent: Candidate, other: Candidate, rng: Random) -> Candidate | None:
        """A candidate of the parents' sketch that takes each decision from one of them; None if it is refused."""
        if parent.sketch != other.sketch or len(parent.source) != len(other.source):
            return None
        steps = [
            mine._replace(decision=theirs.decision) if mine.primitive.samples and rng.random() < 0.5 else mine
            for mine, theirs in zip(parent.source.insts, other.source.insts)
        ]
        return self.make(Trace(steps), parent.sketch)

    def make(self, source: Trace, sketch: int = -1, *, rng: Random | None = None) -> Candidate | None:
        """The candidate that a trace makes, its decisions drawn anew by `rng`; None if it is refused.

        The latest ones are remembered, so that coming upon one again costs nothing.
        """
        if rng is not None or any(i.primitive.samples and i.decision is None for i in source.insts):
            return self._made(source, sketch, rng)
        asked = decisions_in(source, sketch)
        if asked not in self._recent:
            if len(self._recent) >= REMEMBERED:
                del self._recent[next(iter(self._recent))]
            self._recent[asked] = self._made(source, sketch, None)
        return self._recent[asked]

    def _made(self, source: Trace, sketch: int, rng: Random | None) -> Candidate | None:
        try:
            sch = self.replay(source, rng=rng)
        except ScheduleError as error:
            self.refused[f"{error.primitive}: {error.template}" if error.primitive else error.template] += 1
            return None
        made = sch.trace.insts
        steps = [
            step._replace(decision=done.decision) if step.primitive.samples else step
            for step, done in zip(source.insts, made)
        ]
        return Candidate(Trace(steps), sch, sketch, self.target)

    def recall(self, text: str) -> Candidate | None:
        """The candidate whose trace was written to a database; None where it no longer applies."""
        read = self._read(text)
        return None if read is None else self.make(*read)

    def decisions_of(self, text: str) -> Decisions | None:
        """The decisions of such a candidate, without making it; None for a trace that cannot be read."""
        read = self._read(text)
        return None if read is None else decisions_in(*read)

    def _read(self, text: str) -> tuple[Trace, int] | None:
        try:
            trace = Trace.from_json(text).without_postproc()
        except UserError as error:
            self.refused[str(error)] += 1
            return None
        sketch = self._skeletons.get(_skeleton(trace), -1)
        if sketch >= 0:  # on the steps of the sketch, which others share
            steps = zip(self.sketches[sketch].insts, trace.insts)
            trace = Trace([own._replace(decision=read.decision) for own, read in steps])
        return trace, sketch


def decisions_in(trace: Trace, sketch: int) -> Decisions:
    """What tells candidates apart: of a sketch the decisions, of none (-1) the whole trace."""
    if sketch < 0:
        return ("", trace_key(trace))
    return (str(sketch), *(str(inst.decision) for inst in trace.insts if inst.primitive.samples))


def _skeleton(trace: Trace) -> str:
    """The steps without their decisions."""
    return json.dumps([step[:5] for step in trace.as_json()])
