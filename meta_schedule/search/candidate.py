"""Candidates, and the pool they come from: sampled from sketches, mutated, crossed, never made twice."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.trace import Trace
from ...tir.errors import ScheduleError, UserError
from ...tir.function import IRModule
from ..analytical import predict_ms
from ..features import program_features
from ..keys import trace_key
from ..mutators import mutate
from ..replay import Replayer
from .makers import Broken, Made, Makers, Refusal, Request

if TYPE_CHECKING:
    import numpy as np

Decisions = tuple[str, ...]

REMEMBERED = 2048
"""Candidates that a pool remembers."""
FEW = 6
"""Candidates that are made here: fewer are not worth asking other processes."""


class Wish(NamedTuple):
    """A candidate before it is made: a sketch's steps with decisions, the sketch's number, a seed to draw them anew."""

    source: Trace
    sketch: int = -1
    seed: int | None = None


class Candidate:
    """A scheduled program with the trace that makes it.

    What another process made is made again here only where the program itself is asked for.

    Attributes
    ----------
    source: the sketch's steps with this candidate's decisions; steps are shared among candidates of a sketch.
    sketch: which sketch it belongs to; -1 for none.
    score: what the cost model said of it last.
    maker: the number of the process that made it; None for this one.
    """

    def __init__(self, source: Trace, sketch: int, replay: Replayer, sch: Schedule | None = None) -> None:
        self.source, self.sketch, self._replay = source, sketch, replay
        self.score: float | None = None
        self.maker: int | None = None
        if sch is not None:
            self.made = Trace(sch.trace.insts), sch.mod

    @cached_property
    def made(self) -> tuple[Trace, IRModule]:
        """All steps as they were made, and the program."""
        sch = self._replay(self.source)
        return Trace(sch.trace.insts), sch.mod

    @property
    def trace(self) -> Trace:
        """All steps as they were made, postprocessing included."""
        return self.made[0]

    @property
    def mod(self) -> IRModule:
        """The scheduled program."""
        return self.made[1]

    @cached_property
    def features(self) -> np.ndarray[Any, Any]:
        """See `features.program_features`."""
        return program_features(self.mod, self._replay.target)

    @cached_property
    def predicted_ms(self) -> float:
        """See `analytical.predict_ms`."""
        return predict_ms(self.mod, self._replay.target)

    @property
    def chosen(self) -> tuple[Any, ...]:
        """The decisions in order."""
        return tuple(inst.decision for inst in self.source.insts if inst.primitive.samples)

    @cached_property
    def decisions(self) -> Decisions:
        """What tells candidates apart; see `decisions_in`."""
        return decisions_in(self.source, self.sketch)

    @cached_property
    def text(self) -> str:
        """The trace as JSON."""
        return self.trace.dumps()

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
    refused: how often making a candidate failed, by the reason as it was first told. refusal: the last one.
    makers: the processes that make many candidates; None to make all in this one.
    """

    def __init__(self, mod: IRModule, target: Target, sketches: Sequence[Schedule]) -> None:
        self.mod, self.target = mod, target
        self.sketches = [sketch.trace.without_postproc() for sketch in sketches]
        self.replay = Replayer(mod, target)
        self.refused: Counter[str] = Counter()
        self.refusal: Refusal | None = None
        self._reasons: dict[str, str] = {}
        self.makers: Makers | None = Makers(self) if hasattr(os, "fork") else None
        self._recent: dict[Decisions, Candidate | None] = {}
        self._skeletons = {_skeleton(trace): n for n, trace in enumerate(self.sketches)}

    @property
    def fixed(self) -> bool:
        """Whether the space holds no decision, so that each sketch is one candidate."""
        return not any(inst.primitive.samples for trace in self.sketches for inst in trace.insts)

    def sample(self, rng: Random) -> Wish:
        """A sketch with decisions to be drawn at random."""
        sketch = rng.randrange(len(self.sketches))
        return Wish(self.sketches[sketch], sketch, rng.randrange(1 << 30))

    def mutated(self, parent: Candidate, rng: Random) -> Wish | None:
        """A candidate with one decision changed; None if nothing is there to change."""
        changed = mutate(parent.source, rng)
        return None if changed is None else Wish(changed, parent.sketch)

    def crossed(self, parent: Candidate, other: Candidate, rng: Random) -> Wish | None:
        """A candidate of the parents' sketch that takes each decision from one of them; None if they have none."""
        if parent.sketch != other.sketch or len(parent.source) != len(other.source):
            return None
        steps = [
            mine._replace(decision=theirs.decision) if mine.primitive.samples and rng.random() < 0.5 else mine
            for mine, theirs in zip(parent.source.insts, other.source.insts)
        ]
        return Wish(Trace(steps), parent.sketch)

    def make(self, wish: Wish) -> Candidate | None:
        """The candidate that was wished for; None if it is refused.

        The latest ones are remembered, so that coming upon one again costs nothing.
        """
        if wish.seed is not None or any(i.primitive.samples and i.decision is None for i in wish.source.insts):
            made = self._made(wish, Random(wish.seed))
            if made is not None:
                self._remember(made.decisions, made)
            return made
        asked = decisions_in(wish.source, wish.sketch)
        if asked not in self._recent:
            self._remember(asked, self._made(wish, None))
        return self._recent[asked]

    def make_all(
        self, wishes: Sequence[Wish], *, predict: bool = False, over: Callable[[], bool] = lambda: False
    ) -> list[Candidate | None]:
        """The candidates that were wished for, in order; None for those refused, and for the rest once time is `over`.

        Many are made side by side by other processes.

        Parameters
        ----------
        predict: whether the analytical model will be asked about them.
        """
        new = [
            n
            for n, wish in enumerate(wishes)
            if wish.sketch >= 0
            and (wish.seed is not None or decisions_in(wish.source, wish.sketch) not in self._recent)
        ]
        out: list[Candidate | None] = [None] * len(wishes)
        apart = set(new if len(new) >= FEW and self.makers is not None and self.makers.count > 1 else ())
        if apart and self.makers is not None:
            try:
                asked = [self.request(wishes[n]) for n in new]
                for n, found in zip(new, self.makers.make(asked, predict, over)):
                    out[n] = None if found is None else self._taken(wishes[n], *found)
            except Broken:
                self.makers, apart = None, set()
        for n, wish in enumerate(wishes):
            if n not in apart and not over():
                out[n] = self.make(wish)
        return out

    def tell(self, candidates: Sequence[Candidate]) -> None:
        """Have what measuring these candidates takes, from the processes that made them."""
        wanted = [(c, c.maker) for c in candidates if c.maker is not None and "program" not in vars(c)]
        if not wanted or self.makers is None:
            return
        try:
            requests = [(maker, self.request(Wish(c.source, c.sketch))) for c, maker in wanted]
            for (candidate, _), told in zip(wanted, self.makers.tell(requests)):
                candidate.text, candidate.key, candidate.program = told
        except Broken:
            self.makers = None

    def request(self, wish: Wish) -> Request:
        """A wish on a sketch as plain data."""
        decisions = tuple(i.decision for i in wish.source.insts if i.primitive.samples)
        return Request(wish.sketch, decisions, wish.seed)

    def wish(self, request: Request) -> Wish:
        """The wish that `request` made plain data of."""
        return Wish(self.with_decisions(request.sketch, request.decisions), request.sketch, request.seed)

    def close(self) -> None:
        """End the processes that make candidates."""
        if self.makers is not None:
            self.makers.close()

    def with_decisions(self, sketch: int, decisions: Sequence[Any]) -> Trace:
        """A sketch's steps with other decisions, in order."""
        left = iter(decisions)
        steps = self.sketches[sketch].insts
        return Trace([step._replace(decision=next(left)) if step.primitive.samples else step for step in steps])

    def _taken(self, wish: Wish, maker: int, found: Made | Refusal) -> Candidate | None:
        """What another process made."""
        if isinstance(found, Refusal):
            self._refuse(found.kind, found.reason)
            if wish.seed is None:
                self._remember(decisions_in(wish.source, wish.sketch), None)
            return None
        made = Candidate(self.with_decisions(wish.sketch, found.decisions), wish.sketch, self.replay)
        made.features, made.maker = found.features, maker
        if found.predicted_ms is not None:
            made.predicted_ms = found.predicted_ms
        self._remember(made.decisions if wish.seed is not None else decisions_in(wish.source, wish.sketch), made)
        return made

    def _remember(self, decisions: Decisions, made: Candidate | None) -> None:
        if len(self._recent) >= REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self._recent[decisions] = made

    def _refuse(self, kind: str, why: UserError | str) -> None:
        """Count a refusal. Only the first one of each kind is put into words, which takes longer than making it."""
        if kind not in self._reasons:
            self._reasons[kind] = why if isinstance(why, str) else _in_words(why)
        self.refusal = Refusal(kind, self._reasons[kind])
        self.refused[self._reasons[kind]] += 1

    def _made(self, wish: Wish, rng: Random | None) -> Candidate | None:
        try:
            sch = self.replay(wish.source, rng=rng)
        except ScheduleError as error:
            self._refuse(f"{error.primitive}: {error.template}", error)
            return None
        made = sch.trace.insts
        steps = [
            step._replace(decision=done.decision) if step.primitive.samples else step
            for step, done in zip(wish.source.insts, made)
        ]
        return Candidate(Trace(steps), wish.sketch, self.replay, sch)

    def recall(self, text: str) -> Candidate | None:
        """The candidate whose trace was written to a database; None where it no longer applies."""
        read = self.read(text)
        return None if read is None else self.make(Wish(*read))

    def decisions_of(self, text: str) -> Decisions | None:
        """The decisions of such a candidate, without making it; None for a trace that cannot be read."""
        read = self.read(text)
        return None if read is None else decisions_in(*read)

    def read(self, text: str) -> tuple[Trace, int] | None:
        """A trace from a database, and the sketch whose steps it has, -1 if none; None where it cannot be read."""
        try:
            trace = Trace.from_json(text).without_postproc()
        except UserError as error:
            self._refuse(str(error), error)
            return None
        sketch = self._skeletons.get(_skeleton(trace), -1)
        if sketch >= 0:  # on the steps of the sketch, which others share
            steps = zip(self.sketches[sketch].insts, trace.insts)
            trace = Trace([own._replace(decision=read.decision) for own, read in steps])
        return trace, sketch


def _in_words(error: UserError) -> str:
    """The first line of an error, with the primitive that refused."""
    text = str(getattr(error, "message", error)).splitlines()[0]
    primitive = getattr(error, "primitive", "")
    return f"{primitive}: {text}" if primitive else text


def decisions_in(trace: Trace, sketch: int) -> Decisions:
    """What tells candidates apart: of a sketch the decisions, of none (-1) the whole trace."""
    if sketch < 0:
        return ("", trace_key(trace))
    return (str(sketch), *(str(inst.decision) for inst in trace.insts if inst.primitive.samples))


def _skeleton(trace: Trace) -> str:
    """The steps without their decisions."""
    return json.dumps([step[:5] for step in trace.as_json()])
