"""What tuning gives back: the fastest program with how sure that is, and an account of everything that was tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..schedule.schedule import Schedule
from ..tir.function import IRModule
from .measure.outcome import MEANING, Outcome, Status
from .task import Task, Trial

if TYPE_CHECKING:
    from .search.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Failure:
    """A way in which candidates failed.

    Attributes
    ----------
    count: how many did. detail: what happened to the first. command: does it again, "" where nothing was built.
    """

    status: Status
    count: int
    detail: str
    command: str

    def __str__(self) -> str:
        again = f"\n    again: {self.command}" if self.command else ""
        return f"{self.status.value} ({MEANING[self.status]}): {self.count}\n    first: {self.detail}{again}"


@dataclass(frozen=True, slots=True)
class Finalist:
    """A candidate of the final race; `tied` with the winner where the difference may be chance."""

    candidate: Candidate
    outcome: Outcome
    tied: bool


@dataclass
class TaskReport:
    """What came of one task.

    Attributes
    ----------
    names: of the module's functions with this workload.
    finalists: the fastest candidates, raced in turns, the winner first; empty if none works.
    """

    task: Task
    names: list[str]
    finalists: list[Finalist]
    failures: list[Failure]

    @property
    def trials(self) -> list[Trial]:
        """The measurements of this run."""
        return self.task.trials

    @property
    def best_ms(self) -> float:
        """Milliseconds of the winner; infinite where nothing works."""
        return self.finalists[0].outcome.ms if self.finalists else float("inf")

    @property
    def interval(self) -> tuple[float, float]:
        """A 95 % confidence interval of `best_ms`."""
        return self.finalists[0].outcome.interval if self.finalists else (float("inf"), float("inf"))

    @property
    def ties(self) -> int:
        """How many other finalists may be as fast as the winner."""
        return sum(f.tied for f in self.finalists[1:])


@dataclass
class TuningResult:
    """What `tune` returns.

    Attributes
    ----------
    module: the module with each function scheduled by its winner; by the default schedule where nothing works.
    schedules: the winning schedule of each function (of the workload, whose function is called "main").
    seconds: how long it took. interrupted: whether it was ended by Ctrl-C. database: where everything is kept.
    warnings: what could not be had, one line each.
    """

    module: IRModule
    schedules: Mapping[str, Schedule]
    tasks: list[TaskReport]
    seconds: float
    interrupted: bool
    database: str
    target: str
    warnings: list[str] = field(default_factory=list)

    @property
    def schedule(self) -> Schedule:
        """The winning schedule of the first function."""
        return next(iter(self.schedules.values()))

    @property
    def ok(self) -> bool:
        """Whether a candidate of every task works."""
        return all(task.finalists for task in self.tasks)

    @property
    def best_ms(self) -> float:
        """Milliseconds of the winners, summed over the tasks by their weights."""
        return sum(t.task.progress.weight * t.best_ms for t in self.tasks)

    @property
    def interval(self) -> tuple[float, float]:
        """A 95 % confidence interval of `best_ms` (the sum of the tasks' intervals, which is wider)."""
        bounds = [(t.task.progress.weight * t.interval[0], t.task.progress.weight * t.interval[1]) for t in self.tasks]
        return sum(low for low, _ in bounds), sum(high for _, high in bounds)

    @property
    def failures(self) -> list[Failure]:
        """How candidates of all tasks failed."""
        return [failure for task in self.tasks for failure in task.failures]

    @property
    def report(self) -> str:
        """The account as text; `html()` gives it with plots."""
        from .report import text

        return text(self)

    def html(self) -> str:
        """The account as one self-contained page of HTML."""
        from .page import page

        return page(self)

    def save_html(self, path: str | Path) -> Path:
        """Write the page to a file."""
        Path(path).write_text(self.html())
        return Path(path)

    def __repr__(self) -> str:
        low, high = self.interval
        return f"<TuningResult: {self.best_ms:.4g} ms ({low:.4g} to {high:.4g}), {len(self.tasks)} tasks>"


def failures_of(task: Task, database: str) -> list[Failure]:
    """The failures of a task by kind, those that came first being told."""
    by_kind: dict[Status, list[Trial]] = {}
    for trial in task.trials:
        if trial.outcome.failed:
            by_kind.setdefault(trial.outcome.status, []).append(trial)
    found = [
        Failure(
            status,
            len(trials),
            trials[0].outcome.detail.splitlines()[0] if trials[0].outcome.detail else "",
            f"python -m tensorir reproduce {database} {trials[0].number}",
        )
        for status, trials in by_kind.items()
    ]
    refused: Counter[str] = task.pool.refused
    if refused:
        reason, _ = refused.most_common(1)[0]
        found.append(Failure(Status.SCHEDULE, sum(refused.values()), f"{reason} (most often)", ""))
    return sorted(found, key=lambda f: -f.count)
