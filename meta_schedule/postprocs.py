"""Postprocs: what finishes a candidate after its decisions are made, or rejects it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule

Apply = Callable[[Schedule, Target], None]


@dataclass(frozen=True)
class Postproc:
    """A step that finishes a candidate; `apply` raises `ScheduleError` to reject it. `kinds` of targets, () for all."""

    apply: Apply
    kinds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.apply.__name__

    def __call__(self, sch: Schedule, target: Target) -> None:
        """Finish the schedule, or raise; see `apply`."""
        self.apply(sch, target)


POSTPROCS: dict[str, Postproc] = {}
"""The postprocs by name, in the order in which they are applied."""


def postproc(apply: Any = None, *, kinds: Sequence[str] = ()) -> Any:
    """Declare the decorated function a postproc, applied after those declared before it."""

    def declare(function: Apply) -> Postproc:
        POSTPROCS[function.__name__] = Postproc(function, tuple(kinds))
        return POSTPROCS[function.__name__]

    return declare if apply is None else declare(apply)


def apply_postprocs(sch: Schedule, target: str | Target) -> None:
    """Finish a candidate for a target: every postproc of its kind, in order.

    Raises
    ------
    ScheduleError: one of them rejects it.
    """
    where = as_target(target)
    sch.enter_postproc()
    for each in POSTPROCS.values():
        if not each.kinds or where.kind in each.kinds:
            each(sch, where)
