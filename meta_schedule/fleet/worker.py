"""What the processes of a cluster do for a `FleetRunner`: build, run the reference, measure, race.

Each of these runs as a Ray task in a process that has a `LocalRunner` of its own, so candidates are guarded there just
as they are on one machine, and end with the node they are on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ...codegen.runtime.host import default_num_threads
from ...codegen.target import Target
from ..keys import target_of, target_text
from ..measure.limits import Limits
from ..measure.outcome import Outcome
from ..measure.runner import Job, LocalRunner


class Work(NamedTuple):
    """A task as it is sent to workers: its program's text, its target's, the seed of its inputs."""

    program: str
    target: str
    seed: int
    reference_seconds: float


Built = dict[str, bytes | Outcome]
"""What came of building, by candidate: the shared library, or how it failed."""

Outcomes = dict[str, Outcome]

_local: list[LocalRunner] = []


def _runner(limits: Limits | None) -> LocalRunner:
    """This process's runner; where no limits are given they are this machine's."""
    if not _local:
        os.environ["OMP_NUM_THREADS"] = str(default_num_threads())  # which Ray sets to 1
        _local.append(LocalRunner())
    _local[0].limits = limits or Limits()
    return _local[0]


def _prepared(work: Work, limits: Limits | None) -> tuple[LocalRunner, str]:
    runner, task = _runner(limits), repr(hash(work))
    runner.reference_seconds = work.reference_seconds
    runner.prepare(task, work.program, target_of(work.target), work.seed)
    return runner, task


def reference(work: Work) -> float:
    """Run the unscheduled program; its milliseconds."""
    runner, task = _prepared(work, None)
    return runner.ready(task)


def libraries(target: str, jobs: Sequence[Job], limits: Limits | None) -> Built:
    """Build candidates into shared libraries."""
    with tempfile.TemporaryDirectory(prefix="tensorir-") as folder:
        files = {job.id: Path(folder) / f"{n}.so" for n, job in enumerate(jobs)}
        wanted = [job._replace(library=str(files[job.id])) for job in jobs]
        outcomes = _runner(limits).compile(target_of(target), wanted)
        return {key: files[key].read_bytes() if outcome.ok else outcome for key, outcome in outcomes.items()}


def measure(work: Work, jobs: Sequence[Job], limits: Limits | None, best_ms: float | None, built: Built) -> Outcomes:
    """Measure candidates, those that were built elsewhere without building them again."""
    runner, task = _prepared(work, limits)
    with _unpacked(jobs, built) as (ready, outcomes):
        return {**outcomes, **dict(runner.measure(task, ready, best_ms))}


def race(
    work: Work, jobs: Sequence[Job], limits: Limits | None, rounds: int, seconds: float | None, built: Built
) -> Outcomes:
    """Time candidates in turns."""
    runner, task = _prepared(work, limits)
    with _unpacked(jobs, built) as (ready, outcomes):
        return {**outcomes, **runner.race(task, ready, rounds, seconds)}


@contextmanager
def _unpacked(jobs: Sequence[Job], built: Built) -> Iterator[tuple[list[Job], Outcomes]]:
    """The candidates that can run, their libraries in files; and the outcomes of those that could not be built."""
    with tempfile.TemporaryDirectory(prefix="tensorir-") as folder:
        failed: Outcomes = {}
        ready = []
        for n, job in enumerate(jobs):
            made = built.get(job.id)
            if isinstance(made, Outcome):
                failed[job.id] = made
            elif made is None:
                ready.append(job)
            else:
                path = Path(folder) / f"{n}.so"
                path.write_bytes(made)
                ready.append(job._replace(library=str(path)))
        yield ready, failed


def host_target(kind: str) -> str:
    """The target that describes this machine, as text."""
    return target_text(Target(kind))
