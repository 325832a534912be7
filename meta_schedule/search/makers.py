"""Processes that make candidates beside the tuner: replaying traces is most of what a search does, and is independent.

Each process is forked from the tuner, so it knows whatever the user declared, and keeps a pool of its own with the
states that its traces had in common. What is drawn at random is drawn by the tuner: candidates are the same however
many processes make them.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from .candidate import Pool

    Array = np.ndarray[Any, Any]

CHUNK = 3
"""Candidates asked of a process at a time."""
MOST = 8
"""Processes at most."""

_PDEATHSIG = 1


class Request(NamedTuple):
    """A candidate to be made: the number of its sketch, its decisions in order, and a seed to draw them anew."""

    sketch: int
    decisions: tuple[Any, ...]
    seed: int | None


class Made(NamedTuple):
    """What came of it: the decisions, the features and, where asked for, the analytical model's milliseconds."""

    decisions: tuple[Any, ...]
    features: Array
    predicted_ms: float | None


class Refusal(NamedTuple):
    """Why a candidate cannot be: the kind of the reason, and the reason in words, those of the first of its kind."""

    kind: str
    reason: str


class Told(NamedTuple):
    """What measuring a candidate takes: its trace as JSON, the key of it, and the program's text."""

    text: str
    key: str
    program: str


class Worker(NamedTuple):
    """One process, and the tuner's end of the pipe to it."""

    pid: int
    pipe: Connection


class Makers:
    """The processes; they are forked at the first call, and end with `close`, or with the tuner.

    Parameters
    ----------
    pool: what they make candidates with, as it is when they are forked.
    """

    def __init__(self, pool: Pool, count: int | None = None) -> None:
        self.pool = pool
        self.count = min(len(os.sched_getaffinity(0)), MOST) if count is None else count
        self.workers: list[Worker] = []

    def make(
        self, requests: Sequence[Request], predict: bool, over: Callable[[], bool]
    ) -> list[tuple[int, Made | Refusal] | None]:
        """For each request who made it and what came of it, or why it was refused; None where time was over before."""
        out: list[tuple[int, Made | Refusal] | None] = [None] * len(requests)
        chunks = [range(i, min(i + CHUNK, len(requests))) for i in range(0, len(requests), CHUNK)]

        def ask(chunk: range) -> tuple[str, Any]:
            return ("make", ([requests[i] for i in chunk], predict))

        for worker, chunk, answers in self._shared(chunks, ask, over):
            for i, answer in zip(chunk, answers):
                out[i] = (worker, answer)
        return out

    def tell(self, wanted: Sequence[tuple[int, Request]]) -> list[Told]:
        """What measuring takes of candidates, each asked of the process that made it."""
        self._start()
        by_worker: dict[int, list[int]] = {}
        for i, (worker, _) in enumerate(wanted):
            by_worker.setdefault(worker, []).append(i)
        out: list[Any] = [None] * len(wanted)
        try:
            for worker, places in by_worker.items():
                self._ask(worker, ("tell", [wanted[i][1] for i in places]))
            for worker, places in by_worker.items():
                for i, told in zip(places, self._answer(worker)):
                    out[i] = told
        except BaseException:
            self.close()
            raise
        return out

    def _shared(
        self, chunks: Sequence[range], ask: Callable[[range], tuple[str, Any]], over: Callable[[], bool]
    ) -> list[tuple[int, range, Any]]:
        """The answers to all chunks, whoever is free taking the next one."""
        self._start()
        waiting = list(chunks)
        busy: dict[int, range] = {}
        done: list[tuple[int, range, Any]] = []
        try:
            while waiting or busy:
                for number in range(len(self.workers)):
                    if waiting and number not in busy and not over():
                        busy[number] = waiting.pop(0)
                        self._ask(number, ask(busy[number]))
                if not busy:
                    break
                ready = wait([self.workers[n].pipe for n in busy])
                for number in [n for n in busy if self.workers[n].pipe in ready]:
                    done.append((number, busy.pop(number), self._answer(number)))
        except BaseException:
            self.close()  # whatever is under way would be taken for the answer to the next question
            raise
        return done

    def _ask(self, number: int, question: tuple[str, Any]) -> None:
        """Send a question; raises `Broken` where the process ended."""
        try:
            self.workers[number].pipe.send(question)
        except OSError:
            raise Broken("a process that makes candidates ended") from None

    def _answer(self, number: int) -> Any:
        """What a process answers.

        Raises
        ------
        Broken: it ended, or met what only the tuner can report.
        """
        try:
            answer = self.workers[number].pipe.recv()
        except (EOFError, OSError):
            raise Broken("a process that makes candidates ended") from None
        if isinstance(answer, str):
            raise Broken(answer)
        return answer

    def _start(self) -> None:
        if self.workers:
            return
        tuner = os.getpid()
        for _ in range(self.count):
            ours, theirs = Pipe()
            with warnings.catch_warnings():
                # The child runs nothing but our own Python code, whatever other threads were doing.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                try:
                    ours.close()
                    for worker in self.workers:
                        worker.pipe.close()
                    _serve(self.pool, theirs, tuner)
                finally:
                    os._exit(0)
            theirs.close()
            self.workers.append(Worker(pid, ours))

    def close(self) -> None:
        """End the processes; a later call forks others."""
        workers, self.workers = self.workers, []
        for worker in workers:
            worker.pipe.close()
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(worker.pid, 0)


class Broken(Exception):
    """Candidates could not be made in other processes; the tuner makes them itself."""


def _serve(pool: Pool, pipe: Connection, tuner: int) -> None:
    """Answer until there are no more questions."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != tuner:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the tuner's business
    gc.freeze()
    pool.makers = None
    with suppress(EOFError, OSError):
        while True:
            kind, what = pipe.recv()
            try:
                if kind == "make":
                    pipe.send([_made(pool, request, what[1]) for request in what[0]])
                else:
                    pipe.send([_told(pool, request) for request in what])
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001 - the tuner does it again and meets the same, to report it
                pipe.send(f"{type(error).__name__}: {error}")


def _made(pool: Pool, request: Request, predict: bool) -> Made | Refusal:
    candidate = pool.make(pool.wish(request))
    if candidate is None:
        assert pool.refusal is not None
        return pool.refusal
    return Made(candidate.chosen, candidate.features, candidate.predicted_ms if predict else None)


def _told(pool: Pool, request: Request) -> Told:
    candidate = pool.make(pool.wish(request))
    assert candidate is not None
    return Told(candidate.text, candidate.key, candidate.program)
