"""Postprocs: what finishes a candidate after its decisions are made, or rejects it, and their order for each target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from ...codegen.target import Target, as_target
from ...schedule.schedule import Schedule

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


def postproc(apply: Any = None, *, kinds: Sequence[str] = ()) -> Any:
    """Declare the decorated function a postproc, for the kinds of targets named (() for all)."""
    return (lambda f: Postproc(f, tuple(kinds))) if apply is None else Postproc(apply, tuple(kinds))


_CPU = (
    "disallow_dynamic_loops",
    "rewrite_layout",
    "rewrite_parallel_vectorize_unroll",
    "rewrite_reduction_block",
    "rewrite_tensorize",
)

_GPU = (
    "disallow_dynamic_loops",
    "rewrite_cooperative_fetch",
    "rewrite_unbound_block",
    "rewrite_thread_storage",
    "rewrite_reduction_block",
    "verify_gpu_resources",
)

DEFAULTS: dict[str, tuple[str, ...]] = {"llvm": _CPU, "c": _CPU, "cuda": _GPU}
"""The postprocs for each kind of target, in order; a postproc is a function in the file of its name."""


@cache
def default_postprocs(kind: str) -> tuple[Postproc, ...]:
    """The postprocs for a kind of target, in order."""
    return tuple(getattr(import_module(f".{name}", __name__), name) for name in DEFAULTS[kind])


def apply_postprocs(sch: Schedule, target: str | Target, postprocs: Sequence[Postproc] | None = None) -> None:
    """Finish a candidate for a target: every postproc of its kind, in order.

    Parameters
    ----------
    postprocs: those to apply; by default those of the target's kind.

    Raises
    ------
    ScheduleError: one of them rejects it.
    """
    where = as_target(target)
    sch.enter_postproc()
    for each in default_postprocs(where.kind) if postprocs is None else postprocs:
        if not each.kinds or where.kind in each.kinds:
            each(sch, where)
