"""`FleetRunner` measures candidates on the machines of a Ray cluster, several at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...codegen.target import Target
from ...tir.errors import UserError
from ..keys import target_of, target_text
from ..measure.limits import Limits
from ..measure.outcome import Outcome, Status
from ..measure.runner import Job
from . import worker
from .cluster import BUILDER, RUNNER, FleetError, builders, check_kind, connect, ray, slots
from .worker import Outcomes, Work

TOGETHER = 4
"""Candidates that a machine is sent at a time."""
LOSSES = 3
"""After so many workers that were lost while they had a candidate, it is taken to be its fault."""
PATIENCE = 60.0
"""Seconds without any machine of the kind, after which there is nothing to wait for."""


@dataclass
class Batch:
    """Candidates that go to one machine, the number of machines lost with them, and why the last one was."""

    jobs: Sequence[Job]
    losses: int = 0
    reason: str = ""


class FleetRunner:
    """Measures on the machines of a Ray cluster; takes the place of a `LocalRunner`: `tune(..., runner=...)`.

    Candidates are spread over all machines of one kind; each machine measures one at a time, whoever asks, so several
    tunings may share a cluster. Where a machine is lost, what it had is measured by another. If the cluster has
    machines that build, candidates are built there, so that those that measure need not.

    Parameters
    ----------
    kind: of device to measure on, as machines call themselves when they join; see `cluster`.
    address: of the cluster's head; "auto" is the cluster that this machine is part of.
    limits: what each candidate may take; where left out, each machine's own.
    reference_seconds: how long the unscheduled program may run.
    patience: seconds to wait for a machine of the kind when there is none left.

    Raises
    ------
    FleetError: there is no such cluster, or no machine of the kind.
    """

    def __init__(
        self,
        kind: str,
        address: str = "auto",
        limits: Limits | None = None,
        reference_seconds: float = 120.0,
        patience: float = PATIENCE,
    ) -> None:
        self.kind, self.limits, self.patience = kind, limits, patience
        self.reference_seconds = reference_seconds
        self._joined = connect(address)
        self._works: dict[str, Work] = {}
        self._references: dict[str, Any] = {}
        try:
            check_kind(kind)
        except FleetError:
            self.close()
            raise

    @property
    def together(self) -> int:
        """Candidates for all machines of the kind."""
        return TOGETHER * max(1, slots(self.kind))

    def target(self, kind: str = "llvm") -> Target:
        """The target that describes the machine that measures, to be tuned for."""
        return target_of(self._ask(partial(self._run, worker.host_target, kind)))

    def prepare(self, task: str, program: str, target: Target, seed: int) -> None:
        """Begin with a task; see `Runner.prepare`."""
        self._works[task] = Work(program, target_text(target), seed, self.reference_seconds)
        self._references.pop(task, None)
        self._references[task] = self._run(worker.reference, self._works[task])

    def ready(self, task: str) -> float:
        """Wait until a machine has run the unscheduled program; see `Runner.ready`."""
        if task not in self._works:
            raise UserError(f"the runner knows no task {task!r}: prepare() comes first")
        if not isinstance(self._references[task], float):
            again = partial(self._run, worker.reference, self._works[task])
            self._references[task] = float(self._ask(again, begun=self._references[task]))
        ms: float = self._references[task]
        return ms

    def measure(self, task: str, jobs: Sequence[Job], best_ms: float | None) -> Iterator[tuple[str, Outcome]]:
        """Outcomes as they are known, in any order; see `Runner.measure`."""
        work = self._works[task]

        def submit(batch: Batch) -> Any:
            return self._run(worker.measure, work, batch.jobs, self.limits, best_ms, self._built(work, batch.jobs))

        size = max(1, min(TOGETHER, math.ceil(len(jobs) / max(1, slots(self.kind)))))
        batches = [Batch(jobs[first : first + size]) for first in range(0, len(jobs), size)]
        for outcomes in self._gather(batches, submit):
            yield from outcomes.items()

    def race(self, task: str, jobs: Sequence[Job], rounds: int, seconds: float | None = None) -> dict[str, Outcome]:
        """Outcomes of candidates timed in turns, all on one machine; see `Runner.race`."""
        work = self._works[task]

        def submit() -> Any:
            return self._run(worker.race, work, jobs, self.limits, rounds, seconds, self._built(work, jobs))

        outcomes: Outcomes = self._ask(submit)
        return outcomes

    def close(self) -> None:
        """Leave the cluster, if this runner joined it; what it still had there ends."""
        if self._joined:
            ray().shutdown()
            self._joined = False

    def __enter__(self) -> FleetRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function on a machine of the kind; gives Ray's reference to its result."""
        gpus = 1 if args and isinstance(args[0], Work) and target_of(args[0].target).kind == "cuda" else 0
        return _remote(function, {RUNNER + self.kind: 1}, gpus).remote(*args)

    def _built(self, work: Work, jobs: Sequence[Job]) -> Any:
        """What machines that build make of candidates; nothing where there are none, or the target has no files."""
        if target_of(work.target).kind != "llvm" or not builders():
            return {}
        return _remote(worker.libraries, {BUILDER: 1}, 0).remote(work.target, jobs, self.limits)

    def _ask(self, submit: Callable[[], Any], begun: Any = None) -> Any:
        """One answer, asked for again where a machine is lost.

        Raises
        ------
        FleetError: machine after machine was lost, or there is none left. UserError: the task says so.
        """
        batch = Batch(())
        while batch.losses < LOSSES:
            _, answer = self._settle({begun or submit(): batch})
            if answer is not None:
                return answer
            begun = None
        raise FleetError(f"{LOSSES} machines of the kind {self.kind!r} were lost, the last one: {batch.reason}")

    def _gather(self, batches: Sequence[Batch], submit: Callable[[Batch], Any]) -> Iterator[Outcomes]:
        """The outcomes of all batches; what a lost machine had is measured by another, at last one by one."""
        running = {submit(batch): batch for batch in batches}
        while running:
            batch, outcomes = self._settle(running)
            if outcomes is not None:
                yield outcomes
            elif batch.losses >= LOSSES:
                detail = f"{batch.losses} machines were lost while they had it, the last one: {batch.reason}"
                yield {job.id: Outcome(Status.CRASH, detail=detail) for job in batch.jobs}
            else:
                last = batch.losses == LOSSES - 1
                for again in [Batch([job], batch.losses) for job in batch.jobs] if last else [batch]:
                    running[submit(again)] = again

    def _settle(self, running: dict[Any, Batch]) -> tuple[Batch, Any]:
        """The next batch that is over, taken out of `running`, and its answer; None where its machine was lost."""
        begin = time.monotonic()
        while not (done := ray().wait(list(running), num_returns=1, timeout=1.0)[0]):
            if slots(self.kind):
                begin = time.monotonic()
            elif time.monotonic() - begin > self.patience:
                for reference in running:
                    ray().cancel(reference)
                raise FleetError(f"no machine of the kind {self.kind!r} is left in the cluster")
        batch = running.pop(done[0])
        errors = ray().exceptions
        try:
            return batch, ray().get(done[0])
        except errors.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            batch.reason = f"{type(error.cause).__name__}: {error.cause}"
        except errors.RayError as error:
            batch.reason = str(error).strip().partition("\n")[0] or type(error).__name__
        batch.losses += 1
        return batch, None


def _remote(function: Callable[..., Any], resources: dict[str, float], gpus: int) -> Any:
    """A function as Ray runs it: without Ray's own retries, since a candidate that is lost is counted here."""
    return ray().remote(num_cpus=0, num_gpus=gpus, resources=resources, max_retries=0)(function)
