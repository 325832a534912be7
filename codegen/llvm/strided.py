"""Vector accesses whose elements are a constant step apart, by consecutive ones and shuffles: gathers are slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...tir.buffer import Buffer
from ...tir.dtype import DType
from ...tir.expr import Expr, IntImm, Ramp, const
from .types import register_type

if TYPE_CHECKING:
    from .memory import Memory

MAX_STEP = 4
"""The widest step for which as many consecutive loads, and the shuffles between them, are faster than a gather."""


def step_of(index: Expr) -> int | None:
    """The constant step of a ramp of scalars."""
    if isinstance(index, Ramp) and isinstance(index.stride, IntImm) and index.base.dtype.lanes == 1:
        return index.stride.value
    return None


def load_strided(memory: Memory, buffer: Buffer, index: Expr, dtype: DType) -> str | None:
    """The value of a load with a step of -1 or 2 to `MAX_STEP`; None for another one.

    No element is touched that lies outside of the first and the last one loaded.
    """
    step, lanes = step_of(index), dtype.lanes
    if step is None or buffer.dtype.lanes > 1 or not (step == -1 or 2 <= step <= MAX_STEP):
        return None
    assert isinstance(index, Ramp)
    if step == -1:
        whole = _consecutive(memory, buffer, index.base, 1 - lanes, dtype)
        return reverse(memory, whole, dtype)
    # Part k holds elements k * lanes, ..., the last part the last ones, and each lane is picked from one of them.
    last = (lanes - 1) * step
    starts = [min(k * lanes, last + 1 - lanes) for k in range(step)]
    parts = [_consecutive(memory, buffer, index.base, start, dtype) for start in starts]
    kind = register_type(dtype)
    value = parts[0]
    for k in range(1, step):
        picks = []
        for lane in range(lanes):
            home = min(lane * step // lanes, step - 1)
            place = lane if home < k and k > 1 else lane * step
            picks.append(place if home < k else lanes + lane * step - starts[k] if home == k else -1)
        mask = ", ".join("i32 poison" if p < 0 else f"i32 {p}" for p in picks)
        value = memory.fb.let(f"shufflevector {kind} {value}, {kind} {parts[k]}, <{lanes} x i32> <{mask}>")
    return value


def reverse(memory: Memory, value: str, dtype: DType) -> str:
    """The lanes of a register in the opposite order."""
    kind, lanes = register_type(dtype), dtype.lanes
    mask = ", ".join(f"i32 {lane}" for lane in reversed(range(lanes)))
    return memory.fb.let(f"shufflevector {kind} {value}, {kind} poison, <{lanes} x i32> <{mask}>")


def _consecutive(memory: Memory, buffer: Buffer, base: Expr, offset: int, dtype: DType) -> str:
    first = base + const(offset, base.dtype)
    return memory.read(buffer, Ramp(first, const(1, base.dtype), dtype.lanes), dtype)
