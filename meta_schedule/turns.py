"""What one turn of a store's innermost loop does: the loops inside of it are copied out, or are lanes of vectors."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from ..codegen.target import Target
from .analytical import LATENCY
from .guess import vector_registers
from .nest import OPS, StoreNest, Touch

CYCLES = {"add": 1, "mul": 1, "div": 10, "minmax": 1, "call": 14, "cast": 1}
"""Cycles for a full vector register, of functions those of `exp`. Conditions and indices mostly go out of loops."""

_OPERATIONS = [(OPS.index(name), cycles) for name, cycles in CYCLES.items()]
_ADD, _MUL = OPS.index("add"), OPS.index("mul")


@dataclass(frozen=True, slots=True)
class Turn:
    """The innermost loop that turns, and how long a turn of it takes on a CPU.

    Attributes
    ----------
    inner: how many loops there are from the outermost one to it.
    level: how many loops are around what a turn does: `inner`, or one less where compilers make vectors of that loop.
    lanes: values of a full register that are computed at a time. cycles: of one turn, all data in the nearest cache.
    """

    inner: int
    level: int
    lanes: int
    cycles: float

    @property
    def vectorised(self) -> bool:
        """Whether the loop itself becomes lanes, though nothing in the schedule says so."""
        return self.level < self.inner


def turn_of(nest: StoreNest, kinds: list[str], target: Target) -> Turn:
    """The innermost loop of a store that turns.

    Parameters
    ----------
    kinds: of its loops; see `features.KINDS`.
    """
    depth = len(kinds)
    inner = next((n + 1 for n in reversed(range(depth)) if kinds[n] not in ("vectorized", "unroll", "vthread")), 0)
    vector = depth - 1 if depth and kinds[-1] == "vectorized" else None
    level = inner
    if vector is None and inner and kinds[inner - 1] == "serial" and _in_lanes(nest, inner - 1):
        vector, level = inner - 1, inner - 1
    written = next(t for t in nest.touches if t.written)
    register = max(target.vector_bits // 8, 1)
    width = max(nest.store.value.dtype.lanes, 1) * (1 if vector is None else nest.extents[vector])
    lanes = max(1, min(width, register // max(written.element_bytes, 1)))
    return Turn(inner, level, lanes, _cycles(nest, level, vector, lanes, written, target))


def _in_lanes(nest: StoreNest, loop: int) -> bool:
    """Whether compilers make vectors of a loop: along it, stores are contiguous, and loads are so or do not move."""
    return all(t.strides[loop] == 1 if t.written else t.strides[loop] in (0, 1) for t in nest.touches)


def _cycles(nest: StoreNest, level: int, vector: int | None, lanes: int, written: Touch, target: Target) -> float:
    """Cycles of a turn: what takes longest of arithmetic, loads, stores, and the sum that the next turn waits for."""
    weight = max(1.0, lanes * written.element_bytes / 32)  # units are 32 bytes wide: a wider register takes them twice
    registers = ceil(prod(nest.extents[level:]) / lanes)
    ops = nest.ops
    each = max(sum(ops[n] * cycles for n, cycles in _OPERATIONS) - min(ops[_ADD], ops[_MUL]), 0)
    loads = stores = latency = 0.0
    for touch in nest.touches:
        moved = _moves(touch, level, vector, lanes)
        if touch.written and level and touch.strides[level - 1] == 0:
            held = written.elements[level] / lanes
            loads += 2 * max(held + 2 - vector_registers(target), 0)
            latency = LATENCY if touch.read else 0
        elif touch.written:
            stores += moved
            loads += moved if touch.read else 0
        else:
            loads += moved
    return max(registers * each * weight / 2, loads * weight / 2, stores * weight, latency) + 1


def _moves(touch: Touch, level: int, vector: int | None, lanes: int) -> float:
    """Loads or stores of a turn: one for each register of contiguous elements, otherwise one for each element."""
    elements = touch.elements[level]
    if vector is None or touch.strides[vector] == 0:
        return elements
    return elements / lanes if touch.strides[vector] == 1 else 2 * elements
