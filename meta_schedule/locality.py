"""Where a store finds its data: what passed since another store touched them, and so which caches hold them still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..tir.buffer import Buffer
from ..tir.stmt import For
from .nest import StoreNest, Touch


@dataclass(frozen=True, slots=True)
class Since:
    """What lies between a store's touch of a buffer and the last touch by another store.

    Attributes
    ----------
    level: how many loops the two stores share. passed: bytes touched in one run of what is inside of these loops, from
        the other store on. again: whether the other store comes earlier in the same run of the program, and not at the
        end of the run before.
    """

    level: int
    passed: float
    again: bool


def footprint(nest: StoreNest) -> list[float]:
    """Bytes touched by one run of the loops from each level inwards."""
    sizes = [0.0] * (len(nest.extents) + 1)
    for touch in nest.touches:
        sizes = [total + count * touch.element_bytes for total, count in zip(sizes, touch.elements)]
    return sizes


def since(found: Sequence[StoreNest], footprints: Sequence[Sequence[float]]) -> list[list[Since]]:
    """For each touch of each store of a program, in program order.

    What no store touched before was touched by the run before: programs are measured by running them again and again.
    """
    biggest: dict[Buffer, float] = {}
    for nest in found:
        for touch in nest.touches:
            biggest[touch.buffer] = max(biggest.get(touch.buffer, 0.0), touch.elements[0] * touch.element_bytes)
    first = Since(0, sum(biggest.values()), False)
    last: dict[Buffer, int] = {}
    out: list[list[Since]] = []
    for n, nest in enumerate(found):
        row = []
        for touch in nest.touches:
            before = last.get(touch.buffer)
            if before is None:
                row.append(first)
            else:
                level = _shared(found[before].loops, nest.loops)
                row.append(Since(level, sum(footprints[m][level] for m in range(before, n)), True))
        out.append(row)
        for touch in nest.touches:
            last[touch.buffer] = n
    return out


def fetched(touch: Touch, level: int, extents: Sequence[int], cache: int, past: Since) -> float:
    """Bytes of a buffer brought into a cache by a store.

    Parameters
    ----------
    level: the outermost loop from which on everything the store touches fits the cache: what the loop around it does
        not move stays there. past: what was touched so short a time before that the cache holds it is not fetched.
    """
    total = _passes(touch, level, extents)
    if past.passed <= cache:
        total = max(total - _passes(touch, min(past.level, level), extents), 0.0)
    return total


def _passes(touch: Touch, level: int, extents: Sequence[int]) -> float:
    """Bytes touched inside of a loop, as often as the loops around move them."""
    times = 1.0
    moving = False
    for n in reversed(range(level)):
        moving = moving or touch.strides[n] != 0 or touch.anywhere
        if moving:
            times *= extents[n]
    return times * touch.elements[level] * touch.element_bytes


def _shared(mine: Sequence[For], theirs: Sequence[For]) -> int:
    """How many outer loops two stores have in common."""
    count = 0
    for a, b in zip(mine, theirs):
        if a is not b:
            break
        count += 1
    return count
