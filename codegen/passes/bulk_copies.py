"""Copies of boxes of a matrix by the tensor memory accelerator, and products by wgmma, as stages of a pipeline."""

from __future__ import annotations

from typing import Any

from ...tir.arith import Analyzer
from ...tir.buffer import Buffer, BufferLoad, decl_buffer
from ...tir.dtype import VOID
from ...tir.expr import TRUE, Call, Expr, IntImm, const
from ...tir.op import OPS, raw_call
from ...tir.stmt import Block, BlockRealize, BufferStore, Evaluate, For, Stmt, seq
from ...tir.visit import Rewriter, substitute, walk
from ..fragments import WGMMA

ANNOTATION = "tma_copy"
"""Of a block that fills shared memory from a global matrix: true to let the copy engine do it."""

ROW = 128
"""Bytes of a row of a box: they are permuted in groups of eight rows, as wgmma reads them."""


def is_bulk(stmt: Stmt) -> bool:
    """Whether a statement is a copy for the copy engine."""
    blocks = (n for n in walk(stmt) if isinstance(n, Block))
    return any(getattr(v := b.annotations.get(ANNOTATION), "value", v) for b in blocks)


def barriers(count: int) -> Buffer:
    """Barriers in shared memory, one for each version of what is copied."""
    return decl_buffer((count,), "uint64", "full_barrier", scope="shared.dyn")


def op(name: str, *args: Any) -> Stmt:
    """A statement that calls an intrinsic."""
    return Evaluate(Call(VOID, OPS[name], tuple(a if isinstance(a, Expr) else const(a) for a in args)))


def at(buffer: Buffer, index: Expr | int) -> Expr:
    """The address of a barrier."""
    element = raw_call("type_annotation", dtype_=buffer.dtype)
    place = index if isinstance(index, Expr) else const(index)
    return raw_call("tvm_access_ptr", element, buffer.data, place, const(1), const(3))


class Box:
    """A copy statement understood: `to[..., i, j] = source[row + i, column + j]` for a whole box.

    Attributes
    ----------
    problem: why it cannot be done by the copy engine, "" where it can.
    """

    def __init__(self, stmt: Stmt) -> None:
        self.problem = ""
        loops: list[For] = []
        while not isinstance(stmt, BufferStore):
            if isinstance(stmt, For):
                loops.append(stmt)
                stmt = stmt.body
            elif isinstance(stmt, BlockRealize) and stmt.predicate is TRUE and not stmt.block.alloc_buffers:
                stmt = stmt.block.body
            else:
                self.problem = "it is no plain copy of a box"
                return
        load = stmt.value
        if not isinstance(load, BufferLoad) or load.buffer.scope != "global" or load.buffer.ndim != 2:
            self.problem = "its source is no matrix in global memory"
            return
        self.to, self.source = stmt.buffer, load.buffer
        loops = [x for x in loops if not (isinstance(x.extent, IntImm) and x.extent.value == 1)]
        if len(loops) != 2 or not all(isinstance(x.extent, IntImm) for x in loops):
            self.problem = "it is not two loops over rows and columns of constant extents"
            return
        self.rows, self.columns = (x.extent.value for x in loops)  # type: ignore[attr-defined]
        analyzer = Analyzer()
        zero = {x.loop_var: x.min for x in loops}
        first = [analyzer.simplify(substitute(i, zero)) for i in stmt.indices]
        self.version = first[:-2]
        self.row, self.column = (analyzer.simplify(substitute(i, zero)) for i in load.indices)
        moves = zip((*stmt.indices[-2:], *load.indices), (*first[-2:], self.row, self.column), (*loops, *loops))
        whole = [analyzer.prove(i - start == x.loop_var - x.min) for i, start, x in moves]
        extents = zip(stmt.buffer.shape[-2:], (self.rows, self.columns))
        fills = all(isinstance(e, IntImm) and e.value == n for e, n in extents)
        width = self.columns * self.to.dtype.bytes
        if not all(whole) or not fills or not all(isinstance(e, IntImm) and e.value == 0 for e in first[-2:]):
            self.problem = "it does not copy neighbouring elements to the whole of the shared buffer"
        elif width != ROW or self.rows % 8 or self.rows > 256:
            self.problem = f"a box has 8, 16, ... 256 rows of {ROW} bytes, not {self.rows} of {width}"
        elif self.source.strides or not all(isinstance(e, IntImm) for e in self.source.shape):
            self.problem = f"the shape of {self.source.name} is not constant"
        elif self.to.dtype != self.source.dtype:
            self.problem = "it converts elements"

    @property
    def bytes(self) -> int:
        """What the box holds."""
        return int(self.rows * self.columns * self.to.dtype.bytes)

    def copy(self, barrier: Expr) -> Stmt:
        """The copy by the engine, whose bytes count for the barrier."""
        offset: Expr = self.version[0] if self.version else const(0)
        offset = offset * (self.rows * self.columns)
        element = raw_call("type_annotation", dtype_=self.to.dtype)
        to = raw_call("tvm_access_ptr", element, self.to.data, offset, const(self.rows * self.columns), const(2))
        extents = (*self.source.shape, self.rows, self.columns, self.row, self.column)
        return op("ptx_cp_async_bulk_tensor", to, self.source.data, barrier, *extents)


def multiplies(stmt: Stmt) -> bool:
    """Whether a statement begins products by wgmma."""
    return any(isinstance(n, Call) and n.op.name == WGMMA for n in walk(stmt))


def overlapped(stmt: Stmt) -> Stmt:
    """The products of `stmt` as one group that goes on beside what follows."""
    body: Stmt = _Later()(stmt)
    return seq(op("ptx_wgmma_fence"), body, op("ptx_wgmma_commit_group"))


class _Later(Rewriter):
    def visit_call(self, node: Call) -> Any:
        if node.op.name == WGMMA:
            return node.replace(args=(*node.args[:7], const(True)))
        return node.map_children(self)
