"""Threads that wait for each other: coroutines run in turns, from one meeting point to the next."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import Any

from ...tir.stmt import For, ForKind
from .scalars import Fault

WARP = 32
"""Threads of a warp."""

Meeting = tuple[str, Any, Any]
"""What a thread yields: the group that is to meet, what it gives the others, the statement."""

KINDS = {
    ForKind.PARALLEL: "parallel loop",
    ForKind.VECTORIZED: "vectorized loop",
    ForKind.THREAD_BINDING: "thread loop",
}


class Run:
    """One execution of a concurrent loop, whose iterations are not ordered.

    For threads it is what they do between two meetings: of a team's warps between two barriers, and of a warp's
    threads between two meetings of the warp.

    team: the threads. number: how far behind the run's entry in a path the number of the thread stands.
    """

    __slots__ = ("loop", "number", "team")

    def __init__(self, loop: For, team: list[Thread] | None = None, number: int = 1) -> None:
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
            return f"threads of ({', '.join(self.team[0].axes)})"
        return f"iterations of the {KINDS.get(self.loop.kind, 'loop')} `{self.loop.loop_var.name}`"

    def describe(self, path: tuple[Any, ...], at: int) -> str:
        """The iteration of this run, which stands at `at` in `path`, in an error message."""
        number = path[at + self.number]
        if self.team is not None:
            return f"thread {_place(self.team[number])}"
        return f"{self.loop.loop_var.name} = {number}"


class Thread:
    """A running thread.

    Attributes
    ----------
    place: its coordinates, one an axis.
    axes: the axes' names.
    number: its number among all: threadIdx.x varies fastest, then y, z, then virtual threads.
    path: which concurrent iterations run; new after every meeting.
    """

    __slots__ = ("axes", "number", "path", "place", "running", "team")

    def __init__(self, axes: tuple[str, ...], place: tuple[int, ...], order: int) -> None:
        self.axes, self.place, self.number = axes, place, order
        self.path: Any = ()
        self.running: Any = None
        self.team: list[Thread] = []

    def pick(self, given: dict[int, tuple[Any, ...]], kind: str, by: int, width: int) -> tuple[Any, ...]:
        """What a warp shuffle gives: the value of lane `by`, or of the lane `by` below or above within `width` lanes.

        A lane that is not there gives the thread's own value.
        """
        lane = self.number % WARP
        base = lane // width * width
        other = {"": base + by % width, "-": lane - by, "+": lane + by}[kind]
        if not base <= other < base + width:
            other = lane
        return given[self.number - lane + other] if self.number - lane + other in given else given[self.number]

    def peers(self, given: dict[int, tuple[Any, Any]], axes: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """What the threads gave that differ from this one only along `axes`, those whose condition held, in order."""
        fixed = [k for k, axis in enumerate(self.axes) if axis not in axes]
        return [
            given[t.number][0]
            for t in self.team
            if t.number in given and given[t.number][1] and all(t.place[k] == self.place[k] for k in fixed)
        ]

    def active_mask(self) -> int:
        """The bits of the warp's threads that are there."""
        first = self.number // WARP * WARP
        return sum(1 << (t.number - first) for t in self.team if first <= t.number < first + WARP)


_FASTEST = ("threadIdx.x", "threadIdx.y", "threadIdx.z")


def launch(
    body: Callable[[Thread], Generator[Meeting, Any, None]],
    axes: tuple[tuple[str, int], ...],
    path: tuple[Any, ...],
    loop: For,
) -> None:
    """Run `body` for every thread of the axes `(name, extent)`, meeting where they yield.

    Each is sent what every thread of its group ("block" or "warp") gave, by number.

    Raises
    ------
    Fault: some threads wait at a barrier that others do not reach.
    """
    names = tuple(name for name, _ in axes)
    order = sorted(range(len(axes)), key=lambda k: (names[k] not in _FASTEST, names[k]), reverse=True)
    team: list[Thread] = []
    for count, coordinates in enumerate(itertools.product(*(range(axes[k][1]) for k in order))):
        place = dict(zip(order, coordinates))
        team.append(Thread(names, tuple(place[k] for k in range(len(axes))), count))
    _begin(team, path, loop)
    for thread in team:
        thread.team = team
        thread.running = body(thread)
    waiting: dict[int, Meeting] = {}
    ready: list[tuple[Thread, Any]] = [(thread, None) for thread in team]
    live = dict.fromkeys(range(len(team)))
    while ready:
        for thread, answer in ready:
            try:
                waiting[thread.number] = thread.running.send(answer)
            except StopIteration:
                del live[thread.number]
        ready = _meet(team, live, waiting, path, loop)


def _meet(
    team: list[Thread], live: dict[int, None], waiting: dict[int, Meeting], path: tuple[Any, ...], loop: For
) -> list[tuple[Thread, Any]]:
    """Let go on those who have met: threads of a warp at one statement, or, where none waits for its warp, all."""
    groups: dict[Any, list[int]] = {}
    for n, (kind, _, stmt) in waiting.items():
        if kind == "warp":
            groups.setdefault((n // WARP, stmt), []).append(n)
    everyone = not groups and bool(waiting)
    if everyone:
        _check_barrier(team, live, waiting)
        groups[None] = list(waiting)
    ready: list[tuple[Thread, Any]] = []
    for group in groups.values():
        given = {n: waiting.pop(n)[1] for n in group}
        meeting = Run(loop, team)
        for n in group:
            team[n].path = (*team[n].path[:-2], meeting, n)
            ready.append((team[n], given))
    if everyone:
        _begin(team, path, loop)
    return ready


def _begin(team: list[Thread], path: tuple[Any, ...], loop: For) -> None:
    """Give every thread its path after all have met."""
    warps = Run(loop, team, 3)
    threads: dict[int, Run] = {}
    for thread in team:
        warp = thread.number // WARP
        inner = threads.setdefault(warp, Run(loop, team))
        thread.path = (*path, warps, warp, inner, thread.number)


def _check_barrier(team: list[Thread], live: dict[int, None], waiting: dict[int, Meeting]) -> None:
    """Raise Fault unless every thread waits, at one statement."""
    first = min(waiting)
    where = f"thread {_place(team[first])} of ({', '.join(team[0].axes)}) waits at"
    hint = "every thread must come to the same barrier; take it out of conditions that differ between threads"
    for thread in team:
        n = thread.number
        if n not in live:
            raise Fault(f"{where} a barrier, thread {_place(thread)} has ended", waiting[first][2], hint=hint)
        if waiting[n][2] is not waiting[first][2]:
            nodes = (waiting[first][2], waiting[n][2])
            raise Fault(f"{where} one barrier, thread {_place(thread)} at another", *nodes, hint=hint)


def _place(thread: Thread) -> str:
    return f"({', '.join(map(str, thread.place))})"
