"""What the sanitizer knows of memory: what was written, and which iterations touched an element last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tir.dtype import DType
from .memory import Memory, Pointer
from .scalars import Fault
from .threads import Path, Run

Touch = tuple[Path, Any, tuple[int, ...]]
"""An access: its path, the statement, the element's indices."""


WRITE_FIRST = "fresh memory holds garbage; write the element first, in a reduction with T.init"


def apart(a: Path, b: Path) -> int | None:
    """Where two paths first differ, if there it is two iterations of one run; None where the accesses are ordered.

    Accesses in different runs are ordered, since runs follow each other; so are one before a run and one in it.
    """
    for k in range(0, min(len(a), len(b)), 2):
        if a[k] is not b[k]:
            return None
        if a[k + 1] != b[k + 1]:
            return k
    return None


class Shadow:
    """The records of one memory, one entry for each `unit` bytes.

    Of the reads since the last write one is kept: the first that is not ordered before the latest. Iterations run in
    order, so a later write that races with any of the others races with it.
    """

    __slots__ = ("added", "read", "touched", "unit", "written")

    def __init__(self, size: int, unit: int, *, initialised: bool) -> None:
        count = -(-size // unit)
        self.unit = unit
        self.written = bytearray(b"\1" if initialised else b"\0") * count
        self.touched: list[Touch | None] = [None] * count
        self.read: list[Touch | None] = [None] * count
        self.added: list[Touch | None] = [None] * count


class ShadowView:
    """The records of a buffer: elements of `size` units from unit `start` on."""

    __slots__ = ("shadow", "size", "start")

    def __init__(self, shadow: Shadow, start: int, size: int) -> None:
        self.shadow, self.start, self.size = shadow, start, size

    def units(self, at: int, width: int) -> Sequence[int]:
        """The units of the `width` elements from `at` on."""
        begin = self.start + at * self.size
        end = begin + width * self.size
        if begin < 0 or end > len(self.shadow.written):
            held = len(self.shadow.written) * self.shadow.unit
            raise Fault(f"the buffer's element {at} lies outside its memory, which holds {held} bytes")
        return (begin,) if end - begin == 1 else range(begin, end)

    def load(self, name: str, at: int, width: int, path: Path, stmt: Any, index: tuple[int, ...]) -> None:
        """Note a read. Raises Fault: never written, or a race."""
        shadow = self.shadow
        now: Touch = (path, stmt, index)
        for unit in self.units(at, width):
            if not shadow.written[unit]:
                raise Fault(f"`{element(name, index)}` is read, but nothing has been written there", hint=WRITE_FIRST)
            if path:
                _compare(shadow.touched[unit], now, name, "writes", "reads")
                _compare(shadow.added[unit], now, name, "atomically adds to", "reads")
                before = shadow.read[unit]
                if before is None or apart(before[0], path) is None:
                    shadow.read[unit] = now

    def store(self, name: str, at: int, width: int, path: Path, stmt: Any, index: tuple[int, ...]) -> None:
        """Note a write. Raises Fault: a race."""
        shadow = self.shadow
        now: Touch = (path, stmt, index)
        for unit in self.units(at, width):
            shadow.written[unit] = 1
            if path:
                _compare(shadow.touched[unit], now, name, "writes", "writes")
                _compare(shadow.read[unit], now, name, "reads", "writes")
                _compare(shadow.added[unit], now, name, "atomically adds to", "writes")
                shadow.touched[unit] = now

    def add(self, name: str, at: int, width: int, path: Path, stmt: Any, index: tuple[int, ...]) -> None:
        """Note an atomic addition. Raises Fault: never written, or a race with what is not atomic."""
        shadow = self.shadow
        now: Touch = (path, stmt, index)
        for unit in self.units(at, width):
            if not shadow.written[unit]:
                raise Fault(
                    f"`{element(name, index)}` is added to, but nothing has been written there", hint=WRITE_FIRST
                )
            if path:
                _compare(shadow.touched[unit], now, name, "writes", "atomically adds to")
                _compare(shadow.read[unit], now, name, "reads", "atomically adds to")
                before = shadow.added[unit]
                if before is None or apart(before[0], path) is None:
                    shadow.added[unit] = now


def element(name: str, index: Sequence[int]) -> str:
    """An element as the program writes it."""
    return f"{name}[{', '.join(map(str, index))}]" if index else f"{name}[()]"


def _compare(before: Touch | None, now: Touch, name: str, did: str, does: str) -> None:
    if before is None:
        return
    at = apart(before[0], now[0])
    if at is None:
        return
    run: Run = now[0][at]
    first, second = run.describe(before[0], at), run.describe(now[0], at)
    raise Fault(
        f"{run.kind} race for `{element(name, now[2])}`: {first} {did} it, {second} {does} it",
        now[1],
        before[1],
        hint=run.remedy,
    )


def shadow_view(pointer: Pointer, element: DType, whole: bool) -> ShadowView | None:
    """The records of the elements from `pointer` on, or of the whole memory; None for the null pointer."""
    memory: Memory | None = pointer.memory
    if memory is None:
        return None
    shadow: Shadow = memory.shadow
    start = pointer.offset % element.bytes if whole else pointer.offset
    return ShadowView(shadow, start // shadow.unit, max(element.bytes // shadow.unit, 1))


def outside(kind: str, name: str, index: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raise Fault: an index is outside the buffer's shape."""
    extents = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
    raise Fault(f"`{element(name, index)}` is {PAST[kind]}, outside the buffer's shape {extents}")


def undeclared(kind: str, block: Any, name: str, index: tuple[int, ...]) -> None:
    """Raise Fault: a block touches what it does not declare."""
    what = "reads" if kind == "read" else "writes"
    raise Fault(
        f"block `{block.name_hint}` {what} `{element(name, index)}`, outside the regions it declares with T.{what}",
        hint=f"declare it, or leave T.{what}(...) out to have the regions found",
    )


PAST = {"read": "read", "write": "written", "atomic": "added to"}
