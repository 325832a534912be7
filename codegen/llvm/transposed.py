"""Columns of a tile whose rows are in registers: loads with a step, as shuffles that all columns share.

A tile of n by n takes n log2(n) shuffles of two registers. Each round interleaves what it has of one half of the rows
with what it has of the other, until a register holds one element of each row: a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...tir.dtype import DType
from ...tir.expr import Ramp
from .forwarding import Access
from .strided import step_of
from .types import register_type

if TYPE_CHECKING:
    from .memory import Memory

LEAST, MOST = 4, 64
"""Lanes of the columns that are made so."""


def load_column(memory: Memory, access: Access, index: Ramp, dtype: DType) -> str | None:
    """The value of a load whose elements are one of each of as many registers as it has lanes, at the same place in
    each; None for any other load.

    Parameters
    ----------
    access: of the first element.
    """
    step, lanes = step_of(index), dtype.lanes
    if step is None or access.index is None or not LEAST <= lanes <= MOST or lanes & (lanes - 1):
        return None
    rows, columns = [], set()
    for lane in range(lanes):
        found = memory.fb.known.element(access, lane * step)
        if found is None or found[0].type != dtype:
            return None
        rows.append(found[0].value)
        columns.add(found[1])
    if len(columns) > 1:
        return None
    return _interleaved(memory, tuple(rows), columns.pop(), register_type(dtype), lanes)


def _interleaved(memory: Memory, rows: tuple[str, ...], part: int, kind: str, lanes: int) -> str:
    """Of `rows`, the `part`-th group of as many columns as fit one register, one column after the other."""
    if len(rows) == 1:
        return rows[0]
    key = ("interleaved", rows, part)
    known = memory.fb.memo.get(key)
    if known is None:
        half = len(rows) // 2
        first, second = (_interleaved(memory, r, part // 2, kind, lanes) for r in (rows[:half], rows[half:]))
        # Each half has `half` elements of a column side by side; this part of its columns starts in the middle or not.
        begin = part % 2 * lanes // 2
        picks = [
            begin + lane // len(rows) * half + lane % half + lanes * (lane % len(rows) // half) for lane in range(lanes)
        ]
        mask = ", ".join(f"i32 {p}" for p in picks)
        value = memory.fb.let(f"shufflevector {kind} {first}, {kind} {second}, <{lanes} x i32> <{mask}>")
        known = memory.fb.remember(key, value)
    return known
