"""A tuning task: one workload with its design space, its search, and everything measured of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..codegen.target import Target
from ..schedule.schedule import Schedule
from ..tir.errors import ScheduleError
from ..tir.function import PrimFunc
from . import keys
from .cost_model import CostModel
from .database import Database, Record, TaskKey
from .default import default_schedule
from .measure.outcome import Outcome
from .measure.runner import Job, Runner
from .search.candidate import Candidate, Pool
from .search.evolutionary import ELITE
from .search.inherited import inherited
from .search.strategy import Measured, find_strategy
from .space import design_space
from .task_scheduler import Progress

HEIRS = 4
"""Candidates of each other workload that are tried first, in what they come to here."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A measurement as the report tells it: when it was over (seconds from the start), and what came out.

    `number` is the candidate's in the database, `predicted` the model's score before, `round` counts from 0, the
    default schedule's.
    """

    number: int
    seconds: float
    outcome: Outcome
    predicted: float | None
    round: int
    model: str


class Task:
    """One workload while it is tuned.

    Parameters
    ----------
    names: of the module's functions that are this workload.
    function: the first of them. weight: how much its time counts. start: of the clock that trials are told by.

    Attributes
    ----------
    trials: of this run, in order. known: how many others the database has.
    reference_ms: milliseconds of the unscheduled program, 0 until it was run. default: the default schedule.
    """

    def __init__(
        self,
        names: Sequence[str],
        function: PrimFunc,
        target: Target,
        database: Database,
        *,
        weight: float = 1.0,
        start: float = 0.0,
    ) -> None:
        self.names, self.function, self.target = list(names), function, target
        self.mod = keys.workload(function)
        self.key = TaskKey.of(function, target)
        self.database, self.start = database, start
        self.progress = Progress(weight)
        self.trials: list[Trial] = []
        self.reference_ms = 0.0
        self.default: Schedule | None = None
        self._measured: dict[str, Measured] = {}
        self._first: Candidate | None = None
        self._met: set[str] = set()
        self.known = 0
        database.add_workload(function)

    @property
    def name(self) -> str:
        """What reports call the task."""
        return self.names[0]

    def open(self, model: CostModel, space: Any, strategy: str, seed: int, transfer: bool) -> None:
        """Make the design space (`space` as `design_space`'s `rules`) and take in what the database knows.

        Parameters
        ----------
        transfer: whether the fastest candidates of other workloads are tried first.
        """

        def generate(seed: int) -> list[Schedule]:
            return design_space(self.mod, self.target, rules=space, seed=seed)

        self.model = model
        self.pool = Pool(self.mod, self.target, generate(seed))
        self.search = find_strategy(strategy)(self.pool, model, self.key.workload, seed, generate)
        if transfer:
            self.search.inherited = inherited(self.pool, [r.trace for r in self.database.others(self.key, HEIRS)])
        self.synchronise()

    @property
    def tried(self) -> int:
        """Candidates measured, by this run and before."""
        return self.known + len(self.trials)

    @property
    def best(self) -> Measured | None:
        """The fastest candidate; None where none works."""
        working = [m for m in self._measured.values() if m.ms < float("inf")]
        return min(working, key=lambda m: m.ms, default=None)

    def finalists(self, count: int) -> list[Measured]:
        """The fastest candidates, the fastest first, those that are no more than a quarter slower than it.

        The default schedule is among them whatever it took: it is measured alone and first, so that a machine that
        was busy then would have it forgotten.
        """
        working = sorted((m for m in self._measured.values() if m.ms < float("inf")), key=lambda m: m.ms)
        chosen = [m for m in working[:count] if m.ms <= 1.25 * working[0].ms]
        return chosen + [m for m in working if m.candidate is self._first and m not in chosen]

    def first(self) -> Candidate | None:
        """The default schedule as a candidate; None if it was measured before or cannot be made."""
        self.default = default_schedule(self.mod, self.target)
        found = self.pool.recall(self.default.trace.dumps())
        if found is None or found.decisions in self.search.seen:
            return None
        self.search.seen.add(found.decisions)
        self._first = found
        return found

    def propose(self, count: int) -> list[Candidate]:
        """The next candidates to be measured."""
        self.synchronise()
        return self.search.propose(count, list(self._measured.values()))

    def measure(self, candidates: Sequence[Candidate], runner: Runner, round_: int) -> Iterator[Trial]:
        """Measure candidates that nobody else has or is at; each result is in the database before it is given."""
        self.pool.tell(candidates)
        by_key = {c.key: c for c in candidates}
        mine = self.database.claim(self.key, list(by_key))
        jobs = [Job(key, by_key[key].program) for key in mine]
        best = self.best
        named = getattr(self.model, "name", "")
        for key, outcome in runner.measure(self.key.workload, jobs, None if best is None else best.ms):
            candidate = by_key[key]
            number = self.database.add(
                self.key,
                key,
                candidate.text,
                outcome,
                predicted=candidate.score,
                features=candidate.features,
            )
            self._met.add(key)
            self._measured[key] = Measured(candidate, outcome.ms if outcome.ok else float("inf"))
            trial = Trial(number, time.perf_counter() - self.start, outcome, candidate.score, round_, named)
            self.trials.append(trial)
            yield trial

    def learn(self) -> None:
        """Train the model on all that is known of this task, and note the progress."""
        features, ms = self.database.learning(self.key.target).get(self.key.workload, (None, None))
        if features is not None and ms is not None:
            self.model.update(self.key.workload, features, ms)
        best = self.best
        self.progress.best.append(float("inf") if best is None else best.ms)
        self.progress.trials = self.tried

    def synchronise(self) -> None:
        """Take in measurements of former runs and of other tuners: none is proposed again, the fastest breed."""
        new = [r for r in self.database.records(self.key) if r.key not in self._met]
        for record in new:
            self._met.add(record.key)
            decisions = self.pool.decisions_of(record.trace)
            if decisions is not None:
                self.search.seen.add(decisions)
        self.known += len(new)
        for record in sorted((r for r in new if r.outcome.ok), key=lambda r: r.outcome.ms)[:ELITE]:
            self._remember(record)

    def _remember(self, record: Record) -> None:
        candidate = self.pool.recall(record.trace)
        if candidate is not None:
            self._measured[record.key] = Measured(candidate, record.outcome.ms)

    def close(self) -> None:
        """End the processes that make candidates."""
        if hasattr(self, "pool"):
            self.pool.close()

    def scheduled(self, candidate: Candidate | None) -> Schedule:
        """A schedule of the workload by a candidate's trace; without one the default, at worst the program as it is."""
        if candidate is not None:
            sch = Schedule(self.mod, seed=0)
            candidate.trace.apply_to(sch)
            return sch
        if self.default is None:
            try:
                self.default = default_schedule(self.mod, self.target)
            except ScheduleError:
                self.default = Schedule(self.mod, seed=0)
        return self.default
