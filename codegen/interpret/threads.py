"""Threads that wait for each other: coroutines run in turns, from one meeting point to the next."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import Any

from ...tir.stmt import For, ForKind
from .scalars import Fault

WARP = 32
"""Threads of a warp."""

KINDS = {
    ForKind.PARALLEL: "parallel loop",
    ForKind.VECTORIZED: "vectorized loop",
    ForKind.THREAD_BINDING: "thread loop",
}


class Run:
    """One execution of a concurrent loop, whose iterations are not ordered.

    For threads it is what they do between two meetings, an iteration being a thread's number.
    """

    __slots__ = ("loop", "team")

    def __init__(self, loop: For, team: list[Thread] | None = None) -> None:
        self.loop = loop
        self.team = team

    @property
    def kind(self) -> str:
        """The loop in an error message."""
        if self.team is not None:
            return f"the threads ({', '.join(self.team[0].axes)})"
        return f"the {KINDS.get(self.loop.kind, 'loop')} `{self.loop.loop_var.name}`"

    def describe(self, iteration: int) -> str:
        """An iteration in an error message."""
        return _place(self.team[iteration]) if self.team is not None else f"{self.loop.loop_var.name} = {iteration}"


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
    body: Callable[[Thread], Generator[tuple[str, Any], Any, None]],
    axes: tuple[tuple[str, int], ...],
    path: tuple[Any, ...],
    loop: For,
) -> None:
    """Run `body` for every thread of the axes `(name, extent)`, meeting where they yield `(group, value)`.

    Each is sent what every thread of its group ("block" or "warp") gave, by number.

    Raises
    ------
    Fault: some threads of a group wait where others have ended or wait for something else.
    """
    names = tuple(name for name, _ in axes)
    order = sorted(range(len(axes)), key=lambda k: (names[k] not in _FASTEST, names[k]), reverse=True)
    team: list[Thread] = []
    for count, coordinates in enumerate(itertools.product(*(range(axes[k][1]) for k in order))):
        place = dict(zip(order, coordinates))
        team.append(Thread(names, tuple(place[k] for k in range(len(axes))), count))
    meeting = Run(loop, team)
    for thread in team:
        thread.path = (*path, meeting, thread.number)
        thread.team = team
        thread.running = body(thread)
    waiting: dict[int, tuple[str, Any]] = {}
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
    team: list[Thread], live: dict[int, None], waiting: dict[int, tuple[str, Any]], path: tuple[Any, ...], loop: For
) -> list[tuple[Thread, Any]]:
    """Let those go on whose whole group has arrived."""
    if not waiting:
        return []
    kinds = {kind for kind, _ in waiting.values()}
    if kinds == {"block"}:
        groups = [range(len(team))]
    else:
        groups = [range(k, min(k + WARP, len(team))) for k in range(0, len(team), WARP)]
    ready: list[tuple[Thread, Any]] = []
    for group in groups:
        there = [n for n in group if n in waiting and (kinds == {"block"} or waiting[n][0] == "warp")]
        if not there:
            continue
        gone = [n for n in group if n not in live]
        if "block" in {waiting[n][0] for n in there} and gone:
            axes = ", ".join(team[0].axes)
            raise Fault(
                f"a barrier is reached by thread {_place(team[there[0]])} of ({axes}) but not by thread "
                f"{_place(team[gone[0]])}, which has ended; every thread must reach it"
            )
        given = {n: waiting.pop(n)[1] for n in there}
        meeting = Run(loop, team)
        for n in there:
            # A warp's meeting orders its own threads only, so it does not end the block's run.
            if kinds == {"block"}:
                team[n].path = (*path, meeting, n)
            ready.append((team[n], given))
    return ready


def _place(thread: Thread) -> str:
    return f"({', '.join(map(str, thread.place))})"
