"""Threads that wait for each other: coroutines run in turns, from one meeting point to the next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator
from typing import Any

from ...tir.stmt import For, ForKind
from .scalars import Fault

WARP = 32
"""Threads of a warp."""

Meeting = tuple[str, Any, Any]
"""What a thread yields: who is to meet ("warp", "block" or "grid"), what it gives the others, the statement."""

Path = tuple[Any, ...]
"""Which concurrent iterations run, outermost first: run, iteration, run, iteration, ..."""

KINDS = {
    ForKind.PARALLEL: "parallel loop",
    ForKind.VECTORIZED: "vectorized loop",
    ForKind.THREAD_BINDING: "thread loop",
}


class Run:
    """One execution of a concurrent loop, whose iterations are not ordered.

    For threads it is what they do between two meetings: of all blocks, of a block's warps, of a warp's threads.

    team: the threads. number: how far behind the run's entry in a path the number of the thread stands.
    """

    __slots__ = ("loop", "number", "team")

    def __init__(self, loop: For, team: Team | None = None, number: int = 1) -> None:
        self.loop = loop
        self.team = team
        self.number = number

    @property
    def remedy(self) -> str:
        """What would order the iterations."""
        if self.team is not None:
            return "put a barrier between the accesses, T.tvm_storage_sync"
        if self.loop.kind is ForKind.THREAD_BINDING:
            return "do not bind the loop to threads, or let each iteration touch elements of its own"
        return "make the loop serial, or let each iteration touch elements of its own"

    @property
    def kind(self) -> str:
        """The loop in an error message."""
        if self.team is not None:
            return f"threads of {self.team.axes_text}"
        return f"iterations of the {KINDS.get(self.loop.kind, 'loop')} `{self.loop.loop_var.name}`"

    def describe(self, path: Path, at: int) -> str:
        """The iteration of this run, which stands at `at` in `path`, in an error message."""
        number = path[at + self.number]
        if self.team is not None:
            return f"thread {self.team.threads[number].text}"
        return f"{self.loop.loop_var.name} = {number}"


class Thread:
    """A running thread.

    Attributes
    ----------
    place: its coordinates, one an axis of the team.
    number: its number among all: threadIdx.x varies fastest, then y, z, then virtual threads, then blocks.
    path: which concurrent iterations run; new after every meeting.
    """

    __slots__ = ("number", "path", "place", "running", "team")

    def __init__(self, team: Team, place: tuple[int, ...], number: int) -> None:
        self.team, self.place, self.number = team, place, number
        self.path: Path = ()
        self.running: Generator[Meeting, Any, None]

    @property
    def block(self) -> int:
        """The number of its block."""
        return self.number // self.team.per_block

    @property
    def warp(self) -> int:
        """The number of its warp; virtual threads have warps of their own."""
        team = self.team
        return self.number // team.real * team.warps + self.number % team.real // WARP

    @property
    def lane(self) -> int:
        """Its number in its warp."""
        return self.number % self.team.real % WARP

    @property
    def text(self) -> str:
        """Its coordinates, as in an error message."""
        return f"({', '.join(map(str, self.place))})"

    def pick(self, given: dict[int, tuple[Any, ...]], kind: str, by: int, width: int) -> tuple[Any, ...]:
        """What a warp shuffle gives: the value of lane `by`, or of the lane `by` below or above within `width` lanes.

        A lane that is not there gives the thread's own value.
        """
        lane = self.lane
        base = lane // width * width
        other = {"": base + by % width, "-": lane - by, "+": lane + by}[kind]
        if not base <= other < base + width:
            other = lane
        return given.get(self.number - lane + other, given[self.number])

    def peers(self, given: dict[int, tuple[Any, Any]], axes: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """What the threads gave that differ from this one only along `axes`, those whose condition held, in order."""
        fixed = [k for k, axis in enumerate(self.team.axes) if axis not in axes]
        return [
            given[t.number][0]
            for t in self.team.threads
            if t.number in given and given[t.number][1] and all(t.place[k] == self.place[k] for k in fixed)
        ]

    def first_of(self, given: dict[int, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """What the lanes of the warp gave, for the one that goes on first; for the others nothing."""
        return [given[n] for n in sorted(given)] if self.number == min(given) else []

    def active_mask(self) -> int:
        """The bits of the warp's threads that are there."""
        return sum(1 << t.lane for t in self.team.threads if t.warp == self.warp)


_RANKS = {"threadIdx": 0, "vthread": 1, "blockIdx": 2}


class Team:
    """The threads that run together.

    Attributes
    ----------
    axes: the names of their axes.
    real: threads of a block, virtual ones counted once. per_block: all of them. warps: warps of the real ones.
    """

    def __init__(self, axes: tuple[tuple[str, int], ...], path: Path, loop: For) -> None:
        self.axes = tuple(name for name, _ in axes)
        self.path, self.loop = path, loop
        order = sorted(range(len(axes)), key=lambda k: (_RANKS[self.axes[k].split(".")[0]], self.axes[k]), reverse=True)
        sizes = {rank: math.prod(n for name, n in axes if name.startswith(rank)) for rank in _RANKS}
        self.real, self.per_block = max(sizes["threadIdx"], 1), max(sizes["threadIdx"] * sizes["vthread"], 1)
        self.warps = -(-self.real // WARP)
        self.threads: list[Thread] = []
        for coordinates in itertools.product(*(range(axes[k][1]) for k in order)):
            place = dict(zip(order, coordinates))
            self.threads.append(Thread(self, tuple(place[k] for k in range(len(axes))), len(self.threads)))
        self.waiting: dict[int, Meeting] = {}
        self.live = dict.fromkeys(range(len(self.threads)))
        self.part("grid", list(self.live))

    @property
    def axes_text(self) -> str:
        """The axes, as in an error message."""
        return f"({', '.join(self.axes)})"

    def run(self, body: Callable[[Thread], Generator[Meeting, Any, None]]) -> None:
        """Run `body` for every thread."""
        for thread in self.threads:
            thread.running = body(thread)
        ready: list[tuple[int, Any]] = [(n, None) for n in self.live]
        while ready:
            for n, answer in ready:
                try:
                    self.waiting[n] = self.threads[n].running.send(answer)
                except StopIteration:
                    del self.live[n]
            ready = self.meet()

    def meet(self) -> list[tuple[int, Any]]:
        """Let go on those who have met, each with what the others gave, by number.

        Threads of a warp meet at one statement. Where none of a block's waits for its warp, the block meets, and where
        none of any waits for less, all blocks do.
        """
        groups: dict[tuple[Any, ...], list[int]] = {}
        blocks: dict[int, list[int]] = {}
        for n, (kind, _, stmt) in self.waiting.items():
            thread = self.threads[n]
            blocks.setdefault(thread.block, []).append(n)
            if kind == "warp":
                groups.setdefault(("warp", thread.warp, stmt), []).append(n)
        busy = {self.threads[members[0]].block for members in groups.values()}
        for block, members in blocks.items():
            if block not in busy and any(self.waiting[n][0] == "block" for n in members):
                self.check(members, range(block * self.per_block, (block + 1) * self.per_block))
                groups["block", block] = members
        if not groups and self.waiting:
            self.check(list(self.waiting), range(len(self.threads)))
            groups["grid",] = list(self.waiting)
        ready: list[tuple[int, Any]] = []
        for (kind, *_), members in groups.items():
            given = {n: self.waiting.pop(n)[1] for n in members}
            ready += [(n, given) for n in members]
            self.part(kind, members)
        return ready

    def part(self, kind: str, members: list[int]) -> None:
        """Give those who have met new paths: what they do from now on comes after all they did."""
        around = len(self.path)
        keep = around + {"grid": 0, "block": 2, "warp": 4}[kind]
        grid = Run(self.loop, self, 5)
        blocks: dict[int, Run] = {}
        warps: dict[int, Run] = {}
        for n in members:
            thread = self.threads[n]
            block = blocks.setdefault(thread.block, Run(self.loop, self, 3))
            warp = warps.setdefault(thread.warp, Run(self.loop, self, 1))
            path = (*self.path, grid, thread.block, block, thread.warp, warp, n)
            thread.path = (*self.path, *thread.path[around:keep], *path[keep:])

    def check(self, there: list[int], group: range) -> None:
        """Raise Fault unless every thread of a group waits, at one statement."""
        first = min(there)
        where = f"thread {self.threads[first].text} of {self.axes_text} waits at"
        hint = "every thread must come to the same barrier; take it out of conditions that differ between threads"
        stmt = self.waiting[first][2]
        for n in group:
            thread = self.threads[n]
            if n not in self.live:
                raise Fault(f"{where} a barrier, thread {thread.text} has ended", stmt, hint=hint)
            if self.waiting[n][2] is not stmt:
                nodes = (stmt, self.waiting[n][2])
                raise Fault(f"{where} one barrier, thread {thread.text} at another", *nodes, hint=hint)


def launch(
    body: Callable[[Thread], Generator[Meeting, Any, None]], axes: tuple[tuple[str, int], ...], path: Path, loop: For
) -> None:
    """Run `body` for every thread of the axes `(name, extent)`, meeting where they yield.

    Raises
    ------
    Fault: some threads wait at a barrier that others do not reach.
    """
    Team(axes, path, loop).run(body)
