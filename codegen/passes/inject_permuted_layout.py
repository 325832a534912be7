"""Spreads rows of shared memory over its banks: exchanges the 16-byte pieces of a row by bits of the row's number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...tir.buffer import Buffer, BufferLoad
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, StringImm, Var, const
from ...tir.function import PrimFunc
from ...tir.op import OPS
from ...tir.stmt import Block, BufferStore
from ...tir.visit import Rewriter, walk
from ..fragments import LANE_LOAD, LOAD, STORE, layout_of, swizzled
from ..target import Target

ANNOTATION = "permuted_layout"
"""Of the block that fills the memory: true to permute it."""

PIECE, LINE = 16, 128
"""Bytes that ldmatrix takes of a row, and bytes of a row of all banks."""


def inject_permuted_layout(func: PrimFunc, target: Target) -> PrimFunc:
    """Permute the shared buffers that blocks annotated with "permuted_layout" write.

    Element (i, j) moves to column `j ^ (r << log2(v))`, where v elements are 16 bytes and r is `i % 8` for rows of 128
    bytes or more; of shorter rows, as many as make 128 bytes count as one. So eight pieces below each other lie in
    different banks: the scheme of CUTLASS' swizzles. What loads and stores matrices is told in its layout.

    Raises
    ------
    LowerError: rows are no power of two of bytes from 32 on; a pointer into the buffer is passed elsewhere.
    """
    found = _permuted(func) if target.is_gpu else {}
    return _Permute(func, found)(func) if found else func


def _permuted(func: PrimFunc) -> dict[Var, tuple[int, int, int]]:
    """Shift s, mask m and vector v of each permuted buffer, by its pointer: e moves to `e ^ ((e >> s & m) << v)`."""
    marked = {
        region.buffer.data
        for block in walk(func.body)
        if isinstance(block, Block) and getattr(v := block.annotations.get(ANNOTATION), "value", v)
        for region in block.writes
    }
    out = {}
    for buffer in {n for n in walk(func.body) if isinstance(n, Buffer) and n.data in marked}:
        extents = [e.value if isinstance(e, IntImm) else 0 for e in buffer.shape[-2:]]
        row = extents[-1] * buffer.dtype.bytes
        rows = extents[0] if len(extents) == 2 else 0
        if buffer.strides or row < 2 * PIECE or row & (row - 1) or rows % 8 or not rows:
            raise LowerError(
                f"{buffer.name} cannot be permuted: its rows must be 32, 64, 128, ... bytes long, their number a "
                f"multiple of 8; it has {rows} rows of {row} bytes",
                root=func,
                hint=f"choose another tile, or leave out the annotation {ANNOTATION!r}",
            )
        line = max(row, LINE) // buffer.dtype.bytes
        mask = min(row // PIECE, LINE // PIECE) - 1
        out[buffer.data] = (line.bit_length() - 1, mask, (PIECE // buffer.dtype.bytes).bit_length() - 1)
    return out


class _Permute(Rewriter):
    def __init__(self, func: PrimFunc, found: Mapping[Var, tuple[int, int, int]]) -> None:
        self.func, self.found = func, found
        self.buffers: dict[Buffer, Buffer] = {}

    def visit_buffer(self, node: Buffer) -> Buffer:
        """The buffer where it starts at a row from which rows are counted, wherever it is placed in a larger piece."""
        numbers = self.found.get(node.data)
        if numbers is None:
            return node
        shift, mask, _ = numbers
        return self.buffers.setdefault(
            node, node.replace(data_alignment=max(node.data_alignment, ((mask + 1) << shift) * node.dtype.bytes))
        )

    def moved(self, buffer: Buffer, indices: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Where an element lies."""
        numbers = self.found.get(buffer.data)
        if numbers is None:
            return indices
        shift, mask, vector = numbers
        *lead, i, j = indices
        extent = buffer.shape[-1]
        assert isinstance(extent, IntImm)
        t = j.dtype
        rows = const((1 << shift) // extent.value, t)
        turn = i // rows % const(mask + 1, t)
        piece = const(1 << vector, t)
        exchanged = Call(t, OPS["bitwise_xor"], (j // piece, turn))
        return (*lead, i, exchanged * piece + j % piece)

    def visit_buffer_load(self, node: BufferLoad) -> Any:
        out = node.map_children(self)
        return out.replace(indices=self.moved(node.buffer, out.indices))

    def visit_buffer_store(self, node: BufferStore) -> Any:
        out = node.map_children(self)
        return out.replace(indices=self.moved(node.buffer, out.indices))

    def visit_call(self, node: Call) -> Any:
        if node.op.name in (LOAD, STORE, LANE_LOAD) and isinstance(node.args[5], Call):
            numbers = self.found.get(node.args[5].args[1])  # type: ignore[call-overload]
            if numbers is not None:
                layout = StringImm(swizzled(layout_of(node.args[7])[0], numbers))
                return node.replace(args=(*node.args[:7], layout, *node.args[8:]))
        elif node.op.name == "tvm_access_ptr" and node.args[1] in self.found:
            raise LowerError("{0} points into permuted memory", node, root=self.func, hint="load it by matrices")
        return node.map_children(self)
