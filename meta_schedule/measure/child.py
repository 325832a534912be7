"""A candidate's life in its own process: build, wait for the turn, run and be checked, be timed, and end.

It reads commands and writes answers, one JSON object a line, on two pipes to the warden:

    (started)                              -> {"event": "built", "ms": ...}
    {"check": {"best": ms, ...}}           -> {"event": "running"}, {"event": "checked"}, then a result
    {"time": {"seconds": ..., ...}}        -> {"samples": [...]}
    {"reference": true}                    -> {"event": "running"}, a result; the expected values are stored

A result is {"status": ..., "samples": [...], "detail": ...}. Whatever fails ends the process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ...codegen.build import Module, build
from ...codegen.runtime.pool import set_num_threads
from ...codegen.saved import load
from ...codegen.target import Target
from ...script.parser import parse
from ...tir.errors import TensorIRError
from ...tir.function import as_module
from ...tir.stmt import Block
from ...tir.visit import walk_statements
from ..keys import MAIN
from .disturbance import Waits, undisturbed
from .outcome import Status

if TYPE_CHECKING:
    from .case import Prepared

R = TypeVar("R")
Clock = Callable[[], float]

WORSE = 1.3
"""A candidate this many times slower than the best in two runs is not timed further."""
NEAR = 1.15
"""Samples up to this many times the fastest one agree with it; others were disturbed by what else the machine does."""
PATIENCE = 3
"""How many times as long as wanted samples are taken that disagree, or during which others took a processor away."""
FLUSHED = 64 << 20
"""Bytes written to empty the caches, where there is no larger last-level cache."""


class Channel:
    """The child's end of the pipes."""

    def __init__(self, read: int, write: int) -> None:
        self.commands = os.fdopen(read, "r")
        self.write = write

    def send(self, **message: Any) -> None:
        """Write one line."""
        os.write(self.write, (json.dumps(message) + "\n").encode())

    def receive(self) -> dict[str, Any] | None:
        """The next command; None when there will be none."""
        line = self.commands.readline()
        return json.loads(line) if line else None


def live(
    channel: Channel, program: str, target: Target, prepared: Prepared, library: str, block_lines: int = 0
) -> None:
    """Build a program, or load the library that it was built to, and answer commands until there are no more."""
    begin = time.perf_counter()
    clock = clock_of(target)

    def made() -> Callable[..., Any]:
        if library:
            return load(library)[MAIN]
        module = built(program, target, block_lines)
        return module[module.entry_name]

    function = attempted(channel, made)
    if function is None:
        return None
    channel.send(event="built", ms=(time.perf_counter() - begin) * 1e3)
    arguments: list[Any] = []
    while (command := channel.receive()) is not None:
        try:
            if "time" in command:
                channel.send(samples=timed(function, arguments, clock=clock, **command["time"]))
            else:
                arguments = prepared.arguments()
                channel.send(event="running")
                first = _sample(function, arguments, 1, clock)
                if "reference" in command:
                    prepared.store_expected(arguments)
                    channel.send(status=Status.OK, samples=[first], detail="")
                    continue
                channel.send(event="checked", ms=first)
                wrong = prepared.difference(arguments)
                if wrong is not None:
                    return channel.send(status=Status.WRONG, detail=wrong)
                samples = judged(function, arguments, first, clock=clock, **command["check"])
                channel.send(status=Status.OK, samples=samples, detail="")
        except MemoryError as error:
            return channel.send(status=Status.MEMORY, detail=f"while running: {error}")
        except Exception as error:  # noqa: BLE001 - as above: a program's assert, an argument it does not take
            memory = "memory" in str(error)
            return channel.send(status=Status.MEMORY if memory else Status.CRASH, detail=describe(error))
    return None


def store(channel: Channel, program: str, target: Target, library: str, block_lines: int = 0) -> None:
    """Build a program into a file."""
    if attempted(channel, lambda: built(program, target, block_lines).save(library)) is not None:
        channel.send(status=Status.OK, samples=[], detail="")


def built(program: str, target: Target, block_lines: int) -> Module:
    """The module of a program in text; see `Limits.block_lines`."""
    module = as_module(parse(program))
    blocks = 1 + sum(isinstance(n, Block) for f in module.functions.values() for n in walk_statements(f.body))
    return build(module, target, most_lines=block_lines * blocks if block_lines else None)


def attempted(channel: Channel, work: Callable[[], R]) -> R | None:
    """What building gives; None where it failed, which is told."""
    try:
        return work()
    except MemoryError as error:
        channel.send(status=Status.MEMORY, detail=f"while building: {error}")
    except Exception as error:  # noqa: BLE001 - any failure of the compiler is the candidate's, and is recorded
        channel.send(status=Status.BUILD, detail=describe(error))
    return None


def describe(error: Exception) -> str:
    """An error in one paragraph, without the program it may show."""
    text = str(getattr(error, "message", "") or error)
    kind = "" if isinstance(error, TensorIRError) else f"{type(error).__name__}: "
    return (kind + text).strip()[:2000]


def clock_of(target: Target) -> Clock:
    """What a program for a target is timed by, which is told how many threads it may have.

    One thread is timed by its own processor time, so that nothing else the machine does counts.
    """
    if target.is_gpu or not target.num_threads:
        return time.perf_counter
    set_num_threads(target.num_threads)
    return time.thread_time if target.num_threads == 1 else time.perf_counter


def judged(
    function: Callable[..., Any],
    arguments: list[Any],
    first: float,
    best: float | None,
    seconds: float,
    flush: bool,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Milliseconds of several runs, or of few where these show the candidate to be slower than the best."""
    if best is not None and first > WORSE * best:
        again = timed(function, arguments, 0.1 * seconds, flush, least=1, clock=clock)
        if min(again) > WORSE * best:
            return again
    return timed(function, arguments, seconds, flush, clock=clock)


def timed(
    function: Callable[..., Any],
    arguments: list[Any],
    seconds: float,
    flush: bool,
    least: int = 3,
    most: int = 200,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Milliseconds per call, sampled for `seconds`, and up to `PATIENCE` times as long while the samples are poor.

    A sample lasts 50 us at least, by repeating the call where one is shorter (but for flushed caches). Samples during
    which threads waited for a processor that others had are left out where there are `least` others; and where a third
    of the rest agree with the fastest one, those alone are given.
    """
    inner = 1
    while not flush and (once := _sample(function, arguments, inner, clock)) < 0.05 and inner < 1 << 14:
        inner = min(1 << 14, max(2 * inner, int(inner * 0.06 / max(once, 1e-4))))
    samples: list[float] = []
    with Waits(clock is time.perf_counter) as waits:  # the other clocks stand still while others run
        waited = [waits.ms()]
        begin = clock()
        while len(samples) < most:
            if flush:
                _flush()
            samples.append(_sample(function, arguments, inner, clock))
            waited.append(waits.ms())
            spent = clock() - begin
            if spent < seconds or len(samples) < least:
                continue
            alone = undisturbed(samples, waited)
            if spent >= PATIENCE * seconds or (len(alone) >= least and _agree(alone)):
                break
    alone = undisturbed(samples, waited)
    used = alone if len(alone) >= least else samples
    near = [sample for sample in used if sample <= NEAR * min(used)]
    return [sample / inner for sample in (near if len(near) >= max(least, len(used) / 3) else used)]


def _agree(samples: list[float]) -> bool:
    """Whether half of the samples lie within 2 % of each other, and near the fastest one."""
    ranked = sorted(samples)
    n = len(ranked)
    return ranked[(3 * n) // 4] - ranked[n // 4] <= 0.02 * ranked[n // 2] and ranked[n // 2] <= NEAR * ranked[0]


def _sample(function: Callable[..., Any], arguments: list[Any], times: int, clock: Clock) -> float:
    begin = clock()
    for _ in range(times):
        function(*arguments)
    return (clock() - begin) * 1e3


_flushing: list[Any] = []


def _flush() -> None:
    """Fill the caches with other data."""
    import numpy as np

    if not _flushing:
        _flushing.append(np.zeros(FLUSHED // 8))
    _flushing[0] += 1.0
