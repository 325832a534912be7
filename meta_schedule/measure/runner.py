"""`LocalRunner` measures candidates on this machine, in processes watched by a warden."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ...codegen.target import Target
from ...tir.errors import UserError
from ..keys import target_text
from .limits import Limits
from .outcome import Outcome, Status


class Job(NamedTuple):
    """A candidate to be measured: a name for it, its program's text, and the file it was built to, if it was."""

    id: str
    program: str
    library: str = ""


class RunnerError(UserError):
    """There is nothing left to measure on; what was measured stays."""


class Runner(Protocol):
    """What measures candidates: `LocalRunner`, a `FleetRunner`, a log of former measurements.

    Attributes
    ----------
    together: candidates that it likes to be given at a time.
    """

    @property
    def together(self) -> int: ...

    def prepare(self, task: str, program: str, target: Target, seed: int) -> None:
        """Begin with a task: draw inputs and compute the expected results, while the caller goes on."""

    def ready(self, task: str) -> float:
        """Wait for that; milliseconds the unscheduled program took.

        Raises
        ------
        UserError: the unscheduled program cannot be built, or fails by itself.
        """

    def measure(self, task: str, jobs: Sequence[Job], best_ms: float | None) -> Iterator[tuple[str, Outcome]]:
        """The outcomes of candidates of a task, as they are known."""

    def race(self, task: str, jobs: Sequence[Job], rounds: int, seconds: float | None = None) -> dict[str, Outcome]:
        """The outcomes of candidates that are timed in turns, a sample for each round.

        Parameters
        ----------
        rounds: at most. seconds: after which no more rounds are begun, beyond the first few; None to make all.
        """

    def close(self) -> None:
        """End all processes."""


class LocalRunner:
    """Measures on this machine; see `Runner` for the methods.

    Parameters
    ----------
    limits: what each candidate may take.
    reference_seconds: how long the unscheduled program may run, which gives the expected results.
    """

    together = 8

    def __init__(self, limits: Limits | None = None, reference_seconds: float = 120.0) -> None:
        self.limits = limits or Limits()
        self.reference_seconds = reference_seconds
        self._process: subprocess.Popen[str] | None = None
        self._tasks: dict[str, dict[str, Any]] = {}
        self._sent: set[str] = set()
        self._references: dict[str, float] = {}

    def prepare(self, task: str, program: str, target: Target, seed: int) -> None:
        """Begin with a task; see `Runner.prepare`."""
        given = {"program": program, "target": target_text(target), "seed": seed, "seconds": self.reference_seconds}
        self._tasks[task] = {"task": task, **given}
        self._begin(task)

    def ready(self, task: str) -> float:
        """Wait until the expected results are there; see `Runner.ready`."""
        if task not in self._tasks:
            raise UserError(f"the runner knows no task {task!r}: prepare() comes first")
        self._begin(task)
        while task not in self._references:
            reply = self._reply()
            if reply is None:
                raise UserError("the process that was to run the unscheduled program ended")
            if "error" in reply:
                raise UserError(f"the unscheduled program fails ({reply['status']}): {reply['error']}")
            self._references[reply["ready"]] = float(reply["ms"])
        return self._references[task]

    def measure(self, task: str, jobs: Sequence[Job], best_ms: float | None) -> Iterator[tuple[str, Outcome]]:
        """Outcomes as they are known; see `Runner.measure`."""
        limits = replace(self.limits, best_ms=best_ms)
        yield from self._stream(jobs, "batch", {"task": task, "limits": limits.as_json()})

    def race(self, task: str, jobs: Sequence[Job], rounds: int, seconds: float | None = None) -> dict[str, Outcome]:
        """Outcomes of candidates timed in turns; see `Runner.race`."""
        request = {"task": task, "rounds": rounds, "seconds": seconds, "limits": self.limits.as_json()}
        return dict(self._stream(jobs, "race", request))

    def compile(self, target: Target, jobs: Sequence[Job]) -> dict[str, Outcome]:
        """Build candidates into the files that they name as their `library`, and run nothing."""
        limits = self.limits.as_json()
        return dict(self._stream(jobs, "compile", {"target": target_text(target), "limits": limits}))

    def _stream(self, jobs: Sequence[Job], kind: str, request: dict[str, Any]) -> Iterator[tuple[str, Outcome]]:
        """Ask for the outcomes of all jobs; what a warden that died leaves open is asked of its successor, once."""
        left = {job.id: job for job in jobs}
        for _ in range(2):
            if not left:
                return
            if "task" in request:
                self.ready(request["task"])
            self._start()
            self._send({kind: [job._asdict() for job in left.values()], **request})
            while (reply := self._reply()) is not None and "done" not in reply:
                identity = reply.pop("id")
                if left.pop(identity, None) is not None:
                    yield identity, Outcome.from_json(reply)
        for identity in left:
            yield identity, Outcome(Status.CRASH, detail="the measuring process ended, twice")

    def _start(self) -> None:
        """Have a warden."""
        if self._process is not None:
            return
        package = Path(__file__).resolve().parents[2]
        path = [str(package.parent)] if package.name == "tensorir" else []
        inherited = [p for p in (os.environ.get("PYTHONPATH", ""),) if p]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tensorir.meta_schedule.measure.warden"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*path, *inherited])},
            start_new_session=True,  # Ctrl-C is for the tuner, which ends the warden itself
        )

    def _begin(self, task: str) -> None:
        """Have a warden that was told of a task."""
        self._start()
        if task not in self._sent:
            self._sent.add(task)
            self._send({"prepare": self._tasks[task]})

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # its end is seen by whoever reads the reply
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _reply(self) -> dict[str, Any] | None:
        """The next line of the warden; None when it is gone."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            reply: dict[str, Any] = json.loads(line)
            return reply
        self.close()
        return None

    def close(self) -> None:
        """End the warden and its children; a later call starts another."""
        process, self._process = self._process, None
        self._sent.clear()
        self._references.clear()
        if process is not None:
            process.kill()
            process.communicate()

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
