"""The warden: a process with everything loaded that forks a child for each candidate and reports how it fared.

It is started by `LocalRunner` as `python -m tensorir.meta_schedule.measure.warden` and speaks JSON lines:

    {"prepare": {"task", "program", "target", "seed", "seconds"}}
        -> {"ready": task, "ms": ...}, or {"ready": task, "error": ..., "status": ...}
    {"batch": [{"id", "program", "library"}, ...], "task": ..., "limits": ...}
        -> {"id": ..., <outcome>} for each, then {"done": true}
    {"race": [{"id", "program", "library"}, ...], "rounds": ..., "seconds": ..., "task": ..., "limits": ...}
        -> the same
    {"compile": [{"id", "program", "library"}, ...], "target": ..., "limits": ...}
        -> the same, without times; what was built is in the file `library`

The limits are those of `Limits`. When its standard input ends, it ends with all its children.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ...codegen.build import build
from ...codegen.target import Target
from ...script.parser import parse
from ...tir.errors import UserError
from ...tir.function import as_module
from ..keys import MAIN, target_of
from .case import Prepared
from .child import Channel, live, store
from .limits import Limits
from .outcome import Outcome, Status

HOPELESS = 1000.0
"""A candidate given up after this many times the best is taken to hang, rather than to be slow."""

TURN = 0.3
"""How much shorter a turn of a race is than other measurements."""

FIRST_TURNS = 5
"""Turns of a race that are made however little time is left."""

_PDEATHSIG = 1
_WARM = """
@T.prim_func
def warm(A: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("A"):
            v = T.axis.spatial(8, i)
            A[v] = T.float32(1)
"""


@dataclass
class Child:
    """A candidate's process as the warden sees it."""

    id: str
    pid: int
    read: int
    write: int
    begun: float = field(default_factory=time.monotonic)
    buffer: bytes = b""
    build_ms: float = 0.0
    over: bool = False

    def send(self, **message: Any) -> None:
        """Write a command; that a child is gone is found out when it is listened to."""
        with suppress(BrokenPipeError):
            os.write(self.write, (json.dumps(message) + "\n").encode())

    def resident(self) -> int:
        """Bytes of memory in use."""
        try:
            with open(f"/proc/{self.pid}/statm") as file:
                return int(file.read().split()[1]) * resource.getpagesize()
        except (OSError, IndexError):
            return 0

    def kill(self) -> None:
        """End the process and forget it."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.reap()

    def reap(self) -> int:
        """Wait for the end of the process; gives its wait status."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.read)
        os.close(self.write)
        self.pid = 0
        return status


class Warden:
    """The state between requests: the tasks that candidates may belong to, and what is worked on.

    `task` has the inputs to run on, None where nothing is run, and the target.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, tuple[Prepared, Target]] = {}
        self.task: tuple[Prepared | None, Target] = None, Target()

    def prepare(self, task: str, program: str, target: str, seed: int, seconds: float) -> dict[str, Any]:
        """Draw inputs for a task and compute what candidates are to give, by the unscheduled program."""
        self.tasks[task] = self.task = Prepared(as_module(parse(program))[MAIN], seed), target_of(target)
        limits = Limits(run_seconds=seconds, slow_factor=0.0, block_lines=0)
        child = self.fork({"id": "reference", "program": program}, limits)
        result = self.listen(child, limits.build_seconds, limits)
        if "event" in result:
            child.send(reference=True)
            result = self.listen(child, limits.build_seconds, limits)
            if "event" in result:
                result = self.listen(child, seconds, limits)
        if child.pid:
            child.kill()
        if result["status"] != Status.OK:
            return {"ready": task, "error": result["detail"], "status": result["status"]}
        return {"ready": task, "ms": result["samples"][0]}

    def batch(self, candidates: list[dict[str, str]], limits: Limits) -> Iterator[dict[str, Any]]:
        """Build all, some at a time, then measure one after the other; outcomes come as they are known."""
        best = limits.best_ms
        with ExitStack() as stack:
            for child, failure in self.built(candidates, limits, stack):
                result = failure or self.measured(child, limits, best)
                if result["status"] == Status.OK:
                    best = min(best or float("inf"), median(result["samples"]))
                yield self.verdict(child, result)

    def compile(self, candidates: list[dict[str, str]], limits: Limits) -> Iterator[dict[str, Any]]:
        """Build all into files, some at a time."""
        with ExitStack() as stack:
            for child, result in self.built(candidates, limits, stack):
                assert result is not None  # a child that only builds ends with it
                yield self.verdict(child, result)

    def race(
        self, candidates: list[dict[str, str]], rounds: int, seconds: float | None, limits: Limits
    ) -> Iterator[dict[str, Any]]:
        """Measure all in turns, so that whatever else the machine does meets all alike; see `Runner.race`."""
        end = time.monotonic() + (float("inf") if seconds is None else seconds)
        samples: dict[str, list[float]] = {}
        with ExitStack() as stack:
            racing = []
            for child, failure in self.built(candidates, limits, stack):
                result = failure or self.measured(child, limits, None)
                if result["status"] == Status.OK:
                    racing.append(child)
                    samples[child.id] = []
                else:
                    yield self.verdict(child, result)
            for turn in range(rounds):
                if turn >= FIRST_TURNS and time.monotonic() > end:
                    break
                first = turn % max(1, len(racing))
                for child in racing[first:] + racing[:first]:
                    child.send(time={"seconds": TURN * limits.sample_seconds, "flush": limits.flush})
                    result = self.listen(child, limits.run_seconds + 4 * limits.sample_seconds, limits)
                    if "status" not in result:
                        samples[child.id].append(median(result["samples"]))
                        continue
                    racing = [c for c in racing if c is not child]
                    yield self.verdict(child, result)
            for child in racing:
                yield self.verdict(child, {"status": Status.OK, "samples": samples[child.id], "detail": ""})

    def built(
        self, candidates: list[dict[str, str]], limits: Limits, stack: ExitStack
    ) -> list[tuple[Child, dict[str, Any] | None]]:
        """Every candidate, waiting to run or with its failure, in order; `stack` ends their processes.

        All have been built when this returns, so that nothing runs beside a measurement.
        """
        waiting = list(candidates)
        building: list[Child] = []
        done: list[tuple[Child, dict[str, Any] | None]] = []
        order = {item["id"]: n for n, item in enumerate(candidates)}
        while waiting or building:
            while waiting and len(building) < limits.builders:
                item = waiting.pop(0)
                building.append(self.fork(item, limits))
                stack.callback(building[-1].kill)
            ready = select.select([child.read for child in building], [], [], 0.05)[0]
            for child in list(building):
                left = limits.build_seconds - (time.monotonic() - child.begun)
                if child.read in ready or left <= 0 or child.resident() > limits.memory_bytes:
                    result = self.listen(child, max(left, 0.0), limits, "building")
                    building.remove(child)
                    child.build_ms = result.get("ms", 0.0)
                    done.append((child, None if "event" in result else result))
        return sorted(done, key=lambda pair: order[pair[0].id])

    def measured(self, child: Child, limits: Limits, best: float | None) -> dict[str, Any]:
        """Let a built child run, check itself, and take its times."""
        child.send(check={"best": best, "seconds": limits.sample_seconds, "flush": limits.flush})
        result = self.listen(child, limits.run_seconds, limits)
        if result.get("event") != "running":
            return result
        patience, slow = limits.run_seconds, False
        if best is not None and limits.slow_factor:
            patience = min(patience, max(limits.slow_seconds, limits.slow_factor * best * 1e-3))
            slow = patience * 1e3 < HOPELESS * best
        result = self.listen(child, patience, limits)
        if result.get("event") == "checked":
            return self.listen(child, limits.run_seconds + 4 * limits.sample_seconds, limits)
        if slow and result["status"] == Status.TIMEOUT:
            return {"status": Status.SLOW, "samples": [patience * 1e3], "detail": f"ran for over {patience:.2g} s"}
        return result

    def fork(self, item: dict[str, str], limits: Limits) -> Child:
        """A child that builds a program, or loads what was built of it."""
        prepared, target = self.task
        from_child, child_writes = os.pipe()
        child_reads, to_child = os.pipe()
        warden = os.getpid()
        pid = os.fork()
        if pid:
            os.close(child_writes)
            os.close(child_reads)
            return Child(item["id"], pid, from_child, to_child)
        status = 1
        try:
            os.close(from_child)
            os.close(to_child)
            confine(limits, warden, gpu=target.is_gpu)
            channel, program, library = Channel(child_reads, child_writes), item["program"], item.get("library", "")
            if prepared is None:
                store(channel, program, target, library, limits.block_lines)
            else:
                live(channel, program, target, prepared, library, limits.block_lines)
            status = 0
        finally:
            os._exit(status)

    def listen(self, child: Child, seconds: float, limits: Limits, doing: str = "running") -> dict[str, Any]:
        """The child's next message, or what ended it; a child that takes too long or too much is killed."""
        end = time.monotonic() + seconds
        while b"\n" not in child.buffer and not child.over:
            left = end - time.monotonic()
            if select.select([child.read], [], [], min(max(left, 0.0), 0.1))[0]:
                data = os.read(child.read, 1 << 16)
                child.buffer += data
                child.over = not data
            elif left <= 0:
                child.kill()
                return {"status": Status.TIMEOUT, "samples": [], "detail": f"{doing} took over {seconds:.3g} s"}
            elif child.resident() > limits.memory_bytes:
                child.kill()
                used = f"{doing} took over {limits.memory_bytes >> 20} MiB of memory"
                return {"status": Status.MEMORY, "samples": [], "detail": used}
        line, _, child.buffer = child.buffer.partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError:
            return self.died(child, doing)
        if "status" in message:
            message.setdefault("samples", [])
        return dict(message)

    def died(self, child: Child, doing: str) -> dict[str, Any]:
        """What a child's end says."""
        status = child.reap()
        if os.WIFSIGNALED(status):
            what = signal.Signals(os.WTERMSIG(status)).name
            outside = os.WTERMSIG(status) == signal.SIGKILL
            kind = Status.MEMORY if outside else Status.CRASH
            return {"status": kind, "samples": [], "detail": f"ended by {what} while {doing}"}
        code = os.WEXITSTATUS(status)
        return {"status": Status.CRASH, "samples": [], "detail": f"the process ended with {code} while {doing}"}

    def verdict(self, child: Child, result: dict[str, Any]) -> dict[str, Any]:
        """The line that reports a candidate; its process ends."""
        child.kill()
        total = (time.monotonic() - child.begun) * 1e3
        outcome = Outcome(Status(result["status"]), tuple(result["samples"]), result["detail"], child.build_ms, total)
        return {"id": child.id, **outcome.as_json()}


def confine(limits: Limits, warden: int, *, gpu: bool) -> None:
    """Bound what this process may take, and let it end with the warden."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != warden:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not gpu:  # drivers of GPUs reserve address space by the terabyte; there, memory in use is watched alone
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        bound = used + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    with open(os.devnull, "r+") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)


def main() -> None:
    """Answer requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what anything prints does not disturb the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the tuner's business
    build(parse(_WARM))  # everything that builds need is loaded before the first fork
    gc.collect()
    gc.freeze()  # children share this memory as long as nothing writes to it
    warden = Warden()

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            try:
                reply(warden.prepare(**request["prepare"]))
            except UserError as error:
                reply({"ready": request["prepare"]["task"], "error": str(error), "status": Status.BUILD})
            continue
        limits = Limits(**request["limits"])
        if "compile" in request:
            warden.task = None, target_of(request["target"])
            outcomes = warden.compile(request["compile"], limits)
        else:
            warden.task = warden.tasks[request["task"]]
            outcomes = (
                warden.batch(request["batch"], limits)
                if "batch" in request
                else warden.race(request["race"], request["rounds"], request["seconds"], limits)
            )
        for outcome in outcomes:
            reply(outcome)
        reply({"done": True})


if __name__ == "__main__":
    main()
