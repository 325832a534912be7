"""Which of several tasks is worked on next: in turns, or where it promises to save most time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..tir.errors import UserError

WINDOW = 3
"""Rounds over which the latest progress of a task is judged."""
BACKWARD = 0.3
"""The weight of that progress; the rest is what progress of the past lets hope for."""


@dataclass
class Progress:
    """How a task fares: its weight (how often it is run), and the best milliseconds after each round."""

    weight: float
    best: list[float] = field(default_factory=list)
    trials: int = 0
    done: bool = False


Choose = Callable[[Sequence[Progress]], int]


def round_robin(tasks: Sequence[Progress]) -> int:
    """The task that had fewest rounds so far, the first of these."""
    open_tasks = [n for n, task in enumerate(tasks) if not task.done]
    return min(open_tasks, key=lambda n: (len(tasks[n].best), n))


def gradient(tasks: Sequence[Progress]) -> int:
    """The task whose next round is expected to save most of the weighted sum of times (Ansor, section 6).

    The expected gain of a task is a mean of its latest progress per round and of what an optimist hopes: that each
    round saves its share of the whole time. Every task has two rounds first.
    """
    open_tasks = [n for n, task in enumerate(tasks) if not task.done]
    young = [n for n in open_tasks if len(tasks[n].best) < 2]
    if young:
        return min(young, key=lambda n: (len(tasks[n].best), n))
    return max(open_tasks, key=lambda n: (_gain(tasks[n]), -n))


def _gain(task: Progress) -> float:
    now = task.best[-1]
    if now == float("inf"):
        return float("inf")  # nothing works yet
    rounds = len(task.best)
    window = min(WINDOW, rounds - 1)
    before = task.best[-1 - window]
    backward = (before - now) / window if before < float("inf") else now
    forward = now / rounds
    return task.weight * (BACKWARD * backward + (1 - BACKWARD) * forward)


TASK_SCHEDULERS: Mapping[str, Choose] = {"gradient": gradient, "round-robin": round_robin}
"""The ways to choose, by name."""


def find_task_scheduler(name: str) -> Choose:
    """The way to choose that is called `name`.

    Raises
    ------
    UserError: there is none.
    """
    if name not in TASK_SCHEDULERS:
        raise UserError(f"there is no task scheduler {name!r}; there are {', '.join(map(repr, TASK_SCHEDULERS))}")
    return TASK_SCHEDULERS[name]
