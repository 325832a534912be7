"""Makes every buffer one-dimensional: indices become one offset in elements from the buffer's pointer."""

from __future__ import annotations

from functools import reduce
from typing import Any

from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import INT64
from ...tir.expr import Expr, IntImm, cast, const
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, BufferStore, DeclBuffer, Stmt
from ...tir.visit import Rewriter, buffers_in
from ..target import Target
from .lanes import as_ramp

INT32_MAX = 2**31 - 1


def flatten_buffer(func: PrimFunc, target: Target) -> PrimFunc:
    """Replace every buffer by a flat view of its memory; views of the parameters are declared at the top."""
    flatten = _Flatten()
    body = flatten(func.body)
    used = buffers_in(body)
    for buffer in reversed(func.buffers):
        flat = flatten.flat.get(buffer)
        if flat is not None and flat is not buffer and flat in used:
            body = DeclBuffer(flat, body)
    return func.with_body(body)


def strides_of(buffer: Buffer) -> tuple[Expr, ...]:
    """The strides in elements, row-major where the buffer says none."""
    if buffer.strides or not buffer.shape:
        return buffer.strides
    strides = [const(1, buffer.shape[-1].dtype)]
    for extent in reversed(buffer.shape[1:]):
        strides.append(extent * strides[-1])
    return tuple(reversed(strides))


def offset_of(buffer: Buffer, indices: tuple[Expr, ...]) -> Expr:
    """The offset of `buffer[indices]` from the buffer's pointer, in elements; 64-bit where the buffer is that large."""
    strides = strides_of(buffer)
    wide = _needs_int64(buffer)
    terms = [i * s for i, s in zip(map(_widen, indices) if wide else indices, strides, strict=True)]
    if not (isinstance(buffer.elem_offset, IntImm) and buffer.elem_offset.value == 0):
        terms.append(buffer.elem_offset)
    return reduce(lambda a, b: a + b, terms) if terms else const(0)


def _widen(index: Expr) -> Expr:
    return cast(index, INT64.with_lanes(index.dtype.lanes))


def _needs_int64(buffer: Buffer) -> bool:
    if any(e.dtype == INT64 for e in buffer.layout()):
        return True
    extents = [e.value for e in buffer.shape if isinstance(e, IntImm)]
    strides = [s.value for s in buffer.strides if isinstance(s, IntImm)]
    size = reduce(lambda a, b: a * b, extents, 1)
    span = sum(abs(s) * e for s, e in zip(strides, extents)) if len(strides) == len(extents) else 0
    return max(size, span) > INT32_MAX


def _size(buffer: Buffer) -> Expr:
    """Elements from the buffer's pointer to the end of its last element."""
    if not buffer.shape:
        return buffer.elem_offset + 1
    if not buffer.strides:
        return reduce(lambda a, b: a * b, map(_widen, buffer.shape) if _needs_int64(buffer) else buffer.shape) + (
            buffer.elem_offset
        )
    return offset_of(buffer, tuple(e - 1 for e in buffer.shape)) + 1


class _Flatten(Rewriter):
    def __init__(self) -> None:
        self.flat: dict[Buffer, Buffer] = {}

    def visit_buffer(self, node: Buffer) -> Buffer:
        flat = self.flat.get(node)
        if flat is None:
            flat = self.flat[node] = self.flatten(node)
        return flat

    @staticmethod
    def flatten(buffer: Buffer) -> Buffer:
        zero = isinstance(buffer.elem_offset, IntImm) and buffer.elem_offset.value == 0
        if buffer.ndim == 1 and not buffer.strides and zero:
            return buffer
        return buffer.replace(shape=(_size(buffer),), strides=(), elem_offset=const(0), axis_separators=())

    def index(self, buffer: Buffer, indices: tuple[Any, ...]) -> tuple[Expr, ...]:
        indices = tuple(map(self, indices))
        return indices if self(buffer) is buffer else (as_ramp(offset_of(buffer, indices)),)

    def visit_buffer_load(self, node: BufferLoad) -> BufferLoad:
        predicate = None if node.predicate is None else self(node.predicate)
        return BufferLoad(self(node.buffer), self.index(node.buffer, node.indices), predicate)

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        predicate = None if node.predicate is None else self(node.predicate)
        indices = self.index(node.buffer, node.indices)
        return BufferStore(self(node.buffer), self(node.value), indices, predicate)

    def visit_allocate(self, node: Allocate) -> Stmt:
        # An allocation starts at its first element, whatever offset its buffer had in another's memory.
        return node.map_children(self)
