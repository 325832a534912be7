"""What the operations on fragments compute: each thread of a warp does them on whole matrices of its own.

A fragment holds its matrix as memory does from which it is loaded: by columns where the layout is "col_major".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tir.dtype import DType
from .memory import Pointer

Shape = tuple[int, int]


def elements(pointer: Pointer, t: DType) -> np.ndarray:
    """The memory from where the pointer points on."""
    assert pointer.memory is not None
    size = t.bytes
    count = (len(pointer.memory.bytes) - pointer.offset) // size
    raw: np.ndarray = np.frombuffer(pointer.memory.bytes, np.uint8, count * size, pointer.offset)
    return raw.view(t.numpy)


def _tile(pointer: Pointer, t: DType, shape: Shape, index: int) -> np.ndarray:
    size = shape[0] * shape[1]
    return elements(pointer, t)[index * size : (index + 1) * size].reshape(shape)


def places(shape: Shape, stride: int, swizzle: tuple[int, ...], first: int) -> Any:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    places = first + rows * stride + cols
    if swizzle:
        shift, mask, vector = swizzle
        places = places ^ ((places >> shift & mask) << vector)
    return places


def fill(f: Pointer, t: DType, shape: Shape, index: int, value: Any) -> None:
    """Set every element of a fragment."""
    _tile(f, t, shape, index)[...] = value


def load(
    f: Pointer, t: DType, shape: Shape, index: int, memory: Pointer, first: int, stride: int,
    swizzle: tuple[int, ...],
) -> None:  # fmt: skip
    """Copy a matrix from memory, where it begins at element `first`, into a fragment."""
    source = elements(memory, memory.element or t)
    _tile(f, t, shape, index)[...] = source[places(shape, stride, swizzle, first)].astype(t.numpy)


def store(
    f: Pointer, t: DType, shape: Shape, index: int, memory: Pointer, first: int, stride: int,
    swizzle: tuple[int, ...],
) -> None:  # fmt: skip
    """Copy a fragment to memory, rounding to the memory's type."""
    target = elements(memory, memory.element or t)
    with np.errstate(over="ignore"):
        tile = _tile(f, t, shape, index).astype(target.dtype)
    target[places(shape, stride, swizzle, first)] = tile


def multiply(
    d: Pointer, di: int, a: Pointer, ai: int, b: Pointer, bi: int, c: Pointer, ci: int,
    types: tuple[DType, DType, DType], dims: tuple[int, int, int], turned: tuple[bool, bool],
) -> None:  # fmt: skip
    """D = A @ B + C; `turned` says which of A and B are held by columns."""
    (ta, tb, tc), (m, n, k) = types, dims
    wide = np.float64 if tc.is_float else np.int64
    x = _tile(a, ta, (k, m), ai).T if turned[0] else _tile(a, ta, (m, k), ai)
    y = _tile(b, tb, (n, k), bi).T if turned[1] else _tile(b, tb, (k, n), bi)
    with np.errstate(over="ignore"):
        _tile(d, tc, (m, n), di)[...] = (
            x.astype(wide) @ y.astype(wide) + _tile(c, tc, (m, n), ci).astype(wide)
        ).astype(tc.numpy)


def copy(to: Pointer, source: Pointer | None, size: int) -> None:
    """Copy bytes, zeros where there is no source: what cp.async has done when it is waited for."""
    assert to.memory is not None
    if source is None:
        to.memory.bytes[to.offset : to.offset + size] = bytes(size)
        return
    assert source.memory is not None
    to.memory.bytes[to.offset : to.offset + size] = source.memory.bytes[source.offset : source.offset + size]


PERMUTED = 128
"""Bytes of a row of a tile that wgmma reads and the copy engine writes, permuted in groups of eight rows."""


def _rows(pointer: Pointer, first: int, rows: int, columns: int) -> tuple[np.ndarray, Any]:
    """The memory and the places in it of a piece of a permuted tile."""
    element = pointer.element
    assert element is not None
    width = PERMUTED // element.bytes
    piece = 16 // element.bytes
    swizzle = (width.bit_length() - 1, 7, piece.bit_length() - 1)
    return elements(pointer, element), places((rows, columns), width, swizzle, first)


def multiply_permuted(
    c: Pointer, t: DType, dims: tuple[int, int, int], index: int, a: Pointer, a_first: int, b: Pointer, b_first: int
) -> None:
    """C += A @ B.T of permuted tiles."""
    m, n, k = dims
    x, y = (memory[places].astype(np.float64) for memory, places in (_rows(a, a_first, m, k), _rows(b, b_first, n, k)))
    _tile(c, t, (m, n), index)[...] += (x @ y.T).astype(t.numpy)


def copy_box(
    to: Pointer, first: int, source: Pointer, rows: int, columns: int, box_rows: int, box_columns: int, row: int,
    column: int,
) -> None:  # fmt: skip
    """Copy a box of a matrix to a permuted tile; what lies outside of the matrix is 0."""
    element = to.element
    assert element is not None
    matrix = elements(source, element)[: rows * columns].reshape(rows, columns)
    target, places = _rows(to, first, box_rows, box_columns)
    box = np.zeros((box_rows, box_columns), matrix.dtype)
    inside = matrix[row : row + box_rows, column : column + box_columns]
    box[: inside.shape[0], : inside.shape[1]] = inside
    target[places] = box
