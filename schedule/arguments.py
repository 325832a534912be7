"""How primitives name a buffer of a block: by its number among the regions, by its name, or by itself."""

from __future__ import annotations

from typing import Any

from ..tir.buffer import Buffer, BufferRegion
from ..tir.errors import said
from .errors import refusal, require
from .sref import BlockSRef
from .state import State

BufferIndex = int | str | Buffer
"""The number of a block's read or written region, the name of its buffer, or the buffer."""

BufferArgument = tuple[str, int] | str | Buffer
"""("read", number) or ("write", number), or the name of a buffer that the block accesses, or the buffer."""


def region_number(block: BlockSRef, kind: str, index: Any) -> int:
    """The number of the region that `index` names among those that `block` reads or writes (`kind`).

    Raises
    ------
    ScheduleError: there is no such region, or several of that name.
    """
    regions = block.stmt.reads if kind == "read" else block.stmt.writes
    known = ", ".join(f"{i} (`{r.buffer.name}`)" for i, r in enumerate(regions)) or "none"
    verb = "reads" if kind == "read" else "writes"
    if isinstance(index, int) and not isinstance(index, bool):
        require(
            0 <= index < len(regions), f"{{0}} {verb} no region number {index}", block, hint=f"its regions are {known}"
        )
        return index
    if isinstance(index, Buffer):
        found = [i for i, r in enumerate(regions) if r.buffer is index]
    elif isinstance(index, str):
        found = [i for i, r in enumerate(regions) if r.buffer.name == index]
    else:
        raise refusal(f"a buffer is named by a number, by its name, or by itself, got {said(index)}")
    name = index if isinstance(index, str) else index.name
    require(len(found) > 0, f"{{0}} {verb} no buffer `{name}`", block, hint=f"its regions are {known}")
    require(len(found) == 1, f"{{0}} {verb} several regions of `{name}`", block, hint=f"give one by number: {known}")
    return found[0]


def numbered(parameter: str, kind: str) -> Any:
    """The `prepare` of a primitive whose `parameter` names one of its block's regions."""

    def prepare(s: State, given: dict[str, Any]) -> dict[str, Any]:
        return {parameter: region_number(given["block"], kind, given[parameter])}

    return prepare


def region_pair(block: BlockSRef, buffer: Any) -> tuple[str, int]:
    """("read" | "write", number) of the region that a `BufferArgument` names; a buffer read and written is "read".

    Raises
    ------
    ScheduleError: the block accesses no such buffer.
    """
    if isinstance(buffer, (tuple, list)):
        require(
            len(buffer) == 2 and buffer[0] in ("read", "write"),
            f"a buffer is given as ('read', number) or ('write', number), got {said(tuple(buffer))}",
        )
        return str(buffer[0]), region_number(block, buffer[0], buffer[1])
    for kind, regions in (("read", block.stmt.reads), ("write", block.stmt.writes)):
        if any(r.buffer is buffer or (isinstance(buffer, str) and r.buffer.name == buffer) for r in regions):
            return kind, region_number(block, kind, buffer)
    wanted = buffer.name if isinstance(buffer, Buffer) else buffer if isinstance(buffer, str) else None
    require(wanted is not None, f"a buffer is given by its name, by itself or by a pair, got {said(buffer)}")
    known = ", ".join(dict.fromkeys(f"`{r.buffer.name}`" for r in (*block.stmt.reads, *block.stmt.writes))) or "none"
    raise refusal(f"{{0}} accesses no buffer `{wanted}`", block, hint=f"it accesses {known}")


def paired(s: State, given: dict[str, Any]) -> dict[str, Any]:
    """The `prepare` of a primitive whose parameter `buffer` is a `BufferArgument`."""
    return {"buffer": region_pair(given["block"], given["buffer"])}


def region_at(block: BlockSRef, kind: str, number: int) -> BufferRegion:
    """The region that a block reads or writes under a number."""
    return (block.stmt.reads if kind == "read" else block.stmt.writes)[number]
