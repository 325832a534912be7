"""What loads and products of matrices compute whose elements the lanes of a warp hold, each in memory of its own."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...tir.dtype import DType
from ...tir.expr import Call, Expr
from ..fragments import Fragment, is_whole, lane_and_register, layout_of, matrices
from .fragments import elements, places
from .memory import Pointer
from .scalars import Fault
from .source import number

if TYPE_CHECKING:
    from .expression import Lanes
    from .intrinsic import Calls

Own = tuple[Pointer, int]
"""Where a lane's elements begin: a pointer, and the number of the element there."""


@functools.cache
def _layout(rows: int, cols: int, bits: int, use: str) -> tuple[np.ndarray, np.ndarray]:
    """The lane and the place among what it holds, of each element of a matrix."""
    per = 2 if use == "accumulator" else 32 // bits
    right = use == "matrix_b"
    found = [
        [lane_and_register(*((j, i) if right else (i, j)), per, rows_first=not right) for j in range(cols)]
        for i in range(rows)
    ]
    both = np.array(found)
    return both[..., 0], both[..., 1]


def _at(given: list[Own], t: DType, shape: tuple[int, int], use: str, together: bool) -> Iterator[tuple[Any, ...]]:
    """For each lane its memory, and which elements of it hold which elements of the matrix: rows, columns, places."""
    lanes, registers = _layout(*shape, t.bits, use)
    width = shape[0] * shape[1] // 32
    for lane, (pointer, at) in enumerate(given):
        rows, cols = np.nonzero(lanes == lane)
        held = at + registers[rows, cols] + (lane * width if together else 0)
        yield elements(pointer, t), rows, cols, held


def _matrix(given: list[Own], t: DType, shape: tuple[int, int], use: str, together: bool) -> np.ndarray:
    out = np.zeros(shape, t.numpy)
    for memory, rows, cols, held in _at(given, t, shape, use, together):
        out[rows, cols] = memory[held]
    return out


def _require_warp(given: Sequence[Any]) -> None:
    if len(given) != 32:
        raise Fault(f"a matrix is held by the 32 lanes of a warp, and {len(given)} come")


def load(
    given: list[tuple[Own]], types: tuple[DType], together: bool, shape: tuple[int, int], use: str, order: str,
    memory: Pointer, first: int, stride: int, swizzle: tuple[int, ...],
) -> None:  # fmt: skip
    """Copy an operand from memory, where it begins at element `first`, to the lanes."""
    if not given:
        return
    _require_warp(given)
    turned = order == "col_major"
    there = places(shape[::-1] if turned else shape, stride, swizzle, first)
    matrix = elements(memory, types[0])[there.T if turned else there]
    for own, rows, cols, held in _at([own for (own,) in given], types[0], shape, use, together):
        own[held] = matrix[rows, cols]


def multiply(
    given: list[tuple[Own, Own, Own]], types: tuple[DType, DType, DType], together: bool,
    dims: tuple[int, int, int],
) -> None:  # fmt: skip
    """C += A @ B."""
    if not given:
        return
    c, a, b = ([lane[k] for lane in given] for k in range(3))
    _require_warp(c)
    (tc, ta, tb), (m, n, k) = types, dims
    x = _matrix(a, ta, (m, k), "matrix_a", together).astype(np.float64)
    y = _matrix(b, tb, (k, n), "matrix_b", together).astype(np.float64)
    total = (x @ y + _matrix(c, tc, (m, n), "accumulator", together)).astype(tc.numpy)
    for own, rows, cols, held in _at(c, tc, (m, n), "accumulator", together):
        own[held] = total[rows, cols]


def load_matrix(calls: Calls, e: Call) -> Lanes:
    """The lines for `lane_load_matrix`."""
    _, m, n, k, offset, pointer, stride, layout, operand, _ = e.args
    head = _given(calls, e, (offset,))
    use, (order, swizzle) = getattr(operand, "value", ""), layout_of(layout)
    rows, cols, depth = (calls.index(x).constant or 0 for x in (m, n, k))
    shape = Fragment(rows, cols, depth, "").shape(use)
    source = f"{calls.whole(pointer)}, {calls.index(stride).src}, {swizzle}"
    calls.line(f"{calls.constant(load)}({head}, {shape}, {use!r}, {order!r}, {source})")
    return [number(0)]


def multiply_add(calls: Calls, e: Call) -> Lanes:
    """The lines for `lane_mma`."""
    head = _given(calls, e, e.args[1:6:2])
    dims = tuple(calls.index(x).constant for x in e.args[6:9])
    calls.line(f"{calls.constant(multiply)}({head}, {dims})")
    return [number(0)]


def _given(calls: Calls, e: Call, offsets: Sequence[Expr]) -> str:
    """The first arguments: what the lanes give, for the one that comes first, who does it for all; types; is_whole."""
    pointers = [data for data, _ in matrices(e)]
    own = "".join(f"({calls.value(p).src}, {calls.index(at).src}), " for p, at in zip(pointers, offsets))
    given = f"[({own})] * 32"
    if calls.thread:
        group = calls.exchange("warp", f"({own})")
        given = f"{calls.thread}.first_of({group})"
    elif not is_whole(e):
        raise Fault(f"T.{e.op.name} needs the 32 threads of a warp")
    types = tuple(next((b.dtype.element for b in calls.views if b.data is p), None) for p in pointers)
    if None in types:
        raise Fault(f"T.{e.op.name} takes the pointers of buffers")
    return f"{given}, {calls.constant(types)}, {is_whole(e)}"
