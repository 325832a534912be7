"""Turns stores of asynchronous stages into copies from global to shared memory that go on beside the program."""

from __future__ import annotations

from ...tir.arith import Analyzer
from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import VOID
from ...tir.expr import Broadcast, Call, Expr, FloatImm, IntImm, Ramp, const
from ...tir.function import PrimFunc
from ...tir.op import OPS, raw_call
from ...tir.stmt import AttrStmt, BufferStore, Evaluate, Stmt
from ...tir.visit import Rewriter
from ..target import Target

SIZES = (4, 8, 16)
"""Bytes that one instruction copies."""


def inject_ptx_async_copy(func: PrimFunc, target: Target) -> PrimFunc:
    """Make `T.ptx_cp_async` of what moves 4, 8 or 16 neighbouring bytes under "async_scope"; the rest stays a store.

    A store that stays is done when its thread goes on, so the waits around it are right for it, too.
    """
    return _Inject()(func) if target.is_gpu else func


class _Inject(Rewriter):
    inside = False

    def visit_attr_stmt(self, node: AttrStmt) -> Stmt:
        if node.attr_key != "async_scope":
            rebuilt: Stmt = node.map_children(self)
            return rebuilt
        before, self.inside = self.inside, True
        body: Stmt = self(node.body)
        self.inside = before
        return body

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        load, condition = _chosen(node.value)
        if not self.inside or not isinstance(load, BufferLoad) or node.predicate is not None or load.predicate:
            return node
        if not node.buffer.scope.startswith("shared") or load.buffer.scope != "global":
            return node
        to, source = (_first(x.buffer, x.indices) for x in (node, load))
        element = node.buffer.dtype.element
        size = element.bytes * load.dtype.lanes
        if to is None or source is None or element != load.buffer.dtype.element or size not in SIZES:
            return node
        analyzer = Analyzer()
        if any(analyzer.modular_set(e).coeff % load.dtype.lanes for e in (to, source)):
            return node
        lanes = const(load.dtype.lanes)
        pointers = (_pointer(node.buffer, to, lanes, 2), _pointer(load.buffer, source, lanes, 1))
        return Evaluate(Call(VOID, OPS["ptx_cp_async"], (*pointers, const(size), *condition)))


def _chosen(value: Expr) -> tuple[Expr, tuple[Expr, ...]]:
    """What is loaded, and the condition for it, where there are zeros otherwise, as in an image's padding."""
    if isinstance(value, Call) and value.op.name == "if_then_else" and value.args[0].dtype.lanes == 1:
        condition, load, other = value.args
        zero = other.value if isinstance(other, Broadcast) else other
        if isinstance(zero, (IntImm, FloatImm)) and zero.value == 0:
            return load, (condition,)
    return value, ()


def _first(buffer: Buffer, indices: tuple[Expr, ...]) -> Expr | None:
    """The index of the first of neighbouring elements; None where they are not that."""
    (index,) = indices if len(indices) == 1 else (None,)
    if index is None or buffer.dtype.lanes > 1:
        return None
    if isinstance(index, Ramp):
        return index.base if isinstance(index.stride, IntImm) and index.stride.value == 1 else None
    return index if index.dtype.lanes == 1 else None


def _pointer(buffer: Buffer, at: Expr, lanes: Expr, mask: int) -> Expr:
    element = raw_call("type_annotation", dtype_=buffer.dtype)
    return raw_call("tvm_access_ptr", element, buffer.data, at + buffer.elem_offset, lanes, const(mask))
