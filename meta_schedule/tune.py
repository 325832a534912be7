"""`tune`: search the schedules of a module's functions by measuring, within a time or a number of trials."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..codegen.target import Target, as_target
from ..tir.errors import UserError, said
from ..tir.function import IRModule, PrimFunc, as_module
from .cost_model import AnalyticalModel, CostModel, LightGBMModel, RandomModel, default_model
from .database import Database
from .keys import workload_hash
from .measure.case import symbolic
from .measure.limits import Limits
from .measure.outcome import Outcome
from .measure.runner import Job, LocalRunner, Runner, RunnerError
from .result import Finalist, TaskReport, TuningResult, failures_of
from .task import Task
from .task_scheduler import find_task_scheduler

TRIALS = 64
"""Candidates measured where neither trials nor seconds are given."""
BATCH = 16
"""Candidates that are proposed at a time."""
FINALISTS = 4
ROUNDS = 11
"""Turns of the final race."""

Watch = Callable[["Tuning"], None]


def tune(
    mod: PrimFunc | IRModule,
    target: str | Target = "llvm",
    *,
    trials: int | None = None,
    seconds: float | None = None,
    database: str | os.PathLike[str] | Database | None = None,
    seed: int = 0,
    space: Any = None,
    strategy: str = "evolutionary",
    cost_model: str | os.PathLike[str] | CostModel = "lightgbm",
    transfer: bool = True,
    task_scheduler: str = "gradient",
    weights: Mapping[str, float] | None = None,
    batch: int | None = None,
    default_first: bool = True,
    limits: Limits | None = None,
    runner: Runner | None = None,
    watch: Watch | None = None,
) -> TuningResult:
    """Search for the fastest schedules of a module's functions by measuring candidates.

    Every candidate is built, checked on random inputs against the unscheduled program, and timed in a process of its
    own; whatever it does is recorded, nothing it does ends the search. Ctrl-C ends it early and keeps everything.
    Candidates that the database knows for a workload, target and version are not measured again, and count.

    Parameters
    ----------
    trials: how many candidates to measure for each function, those the database knows included.
    seconds: how long to take, final race included. The first bound that is reached ends the search; without either
        64 candidates are measured.
    database: the file that keeps the measurements, or an open database; None keeps them in a temporary file.
    seed: of the search. The same seed and the same measurements give the same candidates.
    space: rules (see `design_space`), or a function `space(sch)` with sampling calls; None takes the target's rules.
    strategy: "evolutionary", "annealing", "replay-trace", "replay-func", "random" or "grid".
    cost_model: "lightgbm", "analytical", "random", a file that `LightGBMModel.save` wrote, or a model.
    transfer: whether to start from other workloads in the database: LightGBM learns from them first, and the fastest
        traces of those that have the same steps are tried first, fitted to this one's extents.
    task_scheduler: "gradient" or "round-robin": how functions share the time.
    weights: how much the time of each function counts, by name; 1 where nothing is said.
    batch: candidates proposed at a time, between which the model learns; by default 16, or more where the runner
        measures more at a time.
    default_first: whether the default schedule is measured before all others, which then breed from it, too.
    limits: what each candidate may take. runner: measures candidates; by default a `LocalRunner` with these limits.
    watch: called after every measurement with the state of the tuning.

    Returns
    -------
    A `TuningResult`, whose module is always correct: where no candidate works, it has the default schedule.

    Raises
    ------
    UserError: the module has nothing to tune, its unscheduled program fails, an argument makes no sense, or the
        database cannot be used.
    """
    if trials is None and seconds is None:
        trials = TRIALS
    for name, bound in (("trials", trials), ("seconds", seconds), ("batch", batch)):
        if bound is not None and not (isinstance(bound, (int, float)) and bound > 0):
            raise UserError(f"{name} is a positive number, got {said(bound)}")
    start = time.perf_counter()
    where = as_target(target)
    opened = database if isinstance(database, Database) else Database(database or _temporary())
    used = runner or LocalRunner(limits or Limits())
    warnings: list[str] = []
    tuning = Tuning(
        as_module(mod),
        where,
        opened,
        used,
        start,
        trials,
        seconds,
        batch or max(BATCH, used.together),
        default_first,
        watch,
        warnings,
    )
    try:
        tuning.prepare(seed, weights or {})
        tuning.open(_model(cost_model, seed, warnings.append), space, strategy, seed, transfer)
        tuning.run(find_task_scheduler(task_scheduler))
        return tuning.finish()
    finally:
        tuning.close()
        if used is not runner:
            used.close()
        if opened is not database:
            opened.close()


class Tuning:
    """A tuning while it runs, which `watch` is shown.

    Attributes
    ----------
    tasks: one for each different workload. start: when it began (`time.perf_counter`).
    doing: what is being done now, in a word or two. interrupted: whether Ctrl-C ended it. lost: whether the runner did.
    """

    def __init__(
        self,
        mod: IRModule,
        target: Target,
        database: Database,
        runner: Runner,
        start: float,
        trials: int | None,
        seconds: float | None,
        batch: int,
        default_first: bool,
        watch: Watch | None,
        warnings: list[str],
    ) -> None:
        self.mod, self.target, self.database, self.runner = mod, target, database, runner
        self.start, self.trials, self.seconds, self.batch = start, trials, seconds, batch
        self._default_first = default_first
        self._watch, self.warnings = watch, warnings
        self.tasks: list[Task] = []
        self.doing = "starting"
        self.interrupted = self.lost = False
        self.per_trial = 0.2
        self.finals: dict[str, list[Finalist]] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    @property
    def left(self) -> float:
        """Seconds until the search has to end, so that there is time for the final race."""
        if self.seconds is None:
            return float("inf")
        reserved = min(max(0.06 * self.seconds, 0.5), 6.0) * max(len(self.tasks), 1)
        return self.seconds - min(reserved, 0.3 * self.seconds) - self.elapsed

    def prepare(self, seed: int, weights: Mapping[str, float]) -> None:
        """Find the tasks, and start to compute their expected results."""
        groups: dict[str, list[str]] = {}
        for name, function in self.mod.items():
            if function.root is not None:
                groups.setdefault(workload_hash(function), []).append(name)
        if not groups:
            raise UserError("nothing to tune: no function of the module has blocks (`with T.block(...)`)")
        unknown = [name for name in weights if name not in self.mod]
        if unknown:
            raise UserError(f"there is a weight for {unknown[0]!r}; the functions are {', '.join(self.mod)}")
        for names in groups.values():
            function = self.mod[names[0]]
            if symbols := symbolic(function):
                raise UserError(
                    f"{names[0]} has the symbolic extent {symbols[0]}, so there is nothing to measure; give it a number"
                )
            weight = sum(weights.get(name, 1.0) for name in names)
            task = Task(names, function, self.target, self.database, weight=weight, start=self.start)
            self.tasks.append(task)
            self.runner.prepare(task.key.workload, task.mod.script(), self.target, seed)

    def open(self, model: CostModel, space: Any, strategy: str, seed: int, transfer: bool) -> None:
        """Make the design spaces, and let the model learn from other workloads that the database knows."""
        if transfer and isinstance(model, LightGBMModel) and not model.prior:
            own = {task.key.workload for task in self.tasks}
            known = self.database.learning(self.tasks[0].key.target)
            model.train_prior({key: data for key, data in known.items() if key not in own})
        for task in self.tasks:
            self.tell("making the design space")
            task.open(model, space, strategy, seed, transfer)
            task.search.over = lambda: self.left <= 0

    def run(self, choose: Callable[[Sequence[Any]], int]) -> None:
        """Search until a bound is reached, every space is exhausted, or Ctrl-C."""
        try:
            for task in self.tasks:
                self._default(task)
            while self.left > 0 and any(not task.progress.done for task in self.tasks):
                self._round(self.tasks[choose([task.progress for task in self.tasks])])
        except KeyboardInterrupt:
            self.interrupted = True
        except RunnerError as error:
            self._lost(error)

    def _lost(self, error: RunnerError) -> None:
        """Go on to the end without a runner."""
        self.lost = True
        self.warnings.append(f"the search ended early: {error}")

    def _default(self, task: Task) -> None:
        """Measure the default schedule, with which every other candidate is compared."""
        first = task.first() if self._default_first and not self._exhausted(task) else None
        self.tell("computing the expected results")
        task.reference_ms = self.runner.ready(task.key.workload)
        if first is not None:
            self._measure(task, [first])
        task.learn()

    def _round(self, task: Task) -> None:
        begin = time.perf_counter()
        wanted = self.batch if self.trials is None else min(self.batch, self.trials - task.tried)
        if self.seconds is not None:
            wanted = min(wanted, max(1, int(self.left / self.per_trial)))
        self.tell("searching")
        candidates = task.propose(wanted) if wanted > 0 else []
        if not candidates:
            task.progress.done = True
            return
        before = len(task.trials)
        self._measure(task, candidates)
        self.tell("learning")
        task.learn()
        task.progress.done = self._exhausted(task)
        made = len(task.trials) - before
        if made:
            self.per_trial = 0.5 * self.per_trial + 0.5 * (time.perf_counter() - begin) / made

    def _exhausted(self, task: Task) -> bool:
        return self.trials is not None and task.tried >= self.trials

    def _measure(self, task: Task, candidates: Sequence[Any]) -> None:
        together = self.runner.together
        for first in range(0, len(candidates), together):
            if self.left <= 0 and task.trials:
                return
            self.tell("building")
            for _ in task.measure(candidates[first : first + together], self.runner, len(task.progress.best)):
                self.tell("measuring")

    def close(self) -> None:
        """End the processes that make candidates."""
        for task in self.tasks:
            task.close()

    def tell(self, doing: str) -> None:
        """Say what is being done."""
        self.doing = doing
        if self._watch is not None:
            self._watch(self)

    def finish(self) -> TuningResult:
        """Race the finalists of each task and put the winners into the module."""
        for task in self.tasks:
            try:
                self.finals[task.key.workload] = self._race(task)
            except KeyboardInterrupt:
                self.interrupted = True
            except RunnerError as error:
                self._lost(error)
        module = self.mod
        schedules = {}
        reports = []
        for task in self.tasks:
            finalists = self.finals.get(task.key.workload) or _unraced(task)
            schedule = task.scheduled(finalists[0].candidate if finalists else None)
            for name in task.names:
                schedules[name] = schedule
                module = module.with_function(name, schedule.mod["main"].with_name(self.mod[name].name))
            reports.append(TaskReport(task, task.names, finalists, failures_of(task, self.database.path)))
        return TuningResult(
            module,
            {name: schedules[name] for name in self.mod if name in schedules},
            reports,
            self.elapsed,
            self.interrupted,
            self.database.path,
            repr(self.target),
            self.warnings,
        )

    def _race(self, task: Task) -> list[Finalist]:
        """The fastest candidates measured again, in turns, the winner first."""
        chosen = task.finalists(FINALISTS)
        if not chosen or self.interrupted or self.lost:
            return []
        self.tell("racing the fastest")
        by_key = {m.candidate.key: m.candidate for m in chosen}
        jobs = [Job(key, candidate.program) for key, candidate in by_key.items()]
        rounds, seconds = ROUNDS, None
        if self.seconds is not None:
            after = len(self.tasks) - self.tasks.index(task)  # the races that are left, this one included
            rounds, seconds = 2 * ROUNDS, max((self.seconds - self.elapsed) / after, 0.0)
        raced = self.runner.race(task.key.workload, jobs, rounds, seconds)
        working = sorted((o.ms, key) for key, o in raced.items() if o.ok)
        if not working:
            return []
        winner = raced[working[0][1]]
        return [
            Finalist(by_key[key], raced[key], key != working[0][1] and _tied(winner, raced[key])) for _, key in working
        ]


def _tied(winner: Outcome, other: Outcome) -> bool:
    """Whether the other may be as fast: in more than a tenth of the turns it was, or the medians' intervals overlap."""
    pairs = list(zip(winner.samples, other.samples))
    wins = sum(o <= w for w, o in pairs)
    return wins > 0.1 * len(pairs) and other.interval[0] <= winner.interval[1]


def _unraced(task: Task) -> list[Finalist]:
    """The fastest candidate as it was measured, where there was no time for a race."""
    best = task.best
    if best is None:
        return []
    samples = next((t.outcome for t in task.trials if t.outcome.ok and t.outcome.ms == best.ms), None)
    outcome = samples or task.database.top_k(task.key, 1)[0].outcome
    return [Finalist(best.candidate, outcome, False)]


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="tensorir-")) / "tuning.db"


def _model(given: str | os.PathLike[str] | CostModel, seed: int, warn: Callable[[str], None]) -> CostModel:
    if not isinstance(given, (str, os.PathLike)):
        return given
    makers: dict[str, Callable[[], CostModel]] = {
        "lightgbm": lambda: default_model(seed, warn),
        "analytical": lambda: AnalyticalModel(),
        "random": lambda: RandomModel(seed),
    }
    if str(given) in makers:
        return makers[str(given)]()
    if not Path(given).is_file():
        raise UserError(f"there is no cost model {str(given)!r}: no file, and none of {', '.join(makers)}")
    return LightGBMModel.load(given, seed=seed, fallback=AnalyticalModel())
