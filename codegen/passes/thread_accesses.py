"""What the threads of a block do to the memory they share: each access, with the loops and conditions around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ...tir.buffer import Buffer, BufferLoad, Range, decl_buffer
from ...tir.expr import Call, Expr, IntImm, Ramp, Var, const
from ...tir.stmt import BufferStore, Evaluate, For, IfThenElse, LetStmt, Stmt, While
from ..fragments import LANE_LOAD, LOAD, STORE, WARP_OPERATIONS, Fragment, lane_axes, layout_of
from .kernels import ONCE, THREAD_AXES, WAITING
from .lanes import scalar_of
from .one_writer import repeated
from .thread_where import Where, loads_memory

ORDERED = ONCE | {"ptx_wait_barrier"}
"""Intrinsics whose accesses a pipeline puts in order."""

READS, WRITES = 1, 2
"""The bits of `tvm_access_ptr`'s mask."""


@dataclass(frozen=True)
class Access:
    """A statement's access to memory, for every thread and iteration that reaches it.

    Attributes
    ----------
    index: in elements of the buffer's scalar type, a vector for several; None where it is not known.
    loops: the serial loops around it inside of the kernel, outermost first, by variable.
    conditions: what holds where it happens; that each thread axis has its own variable is understood.
    written: whether memory changes. atomic: whether in one step, so that two such need no order.
    nodes: of each thread axis, the loop bound to it that the access is under, with the serial loops around that.
    """

    buffer: Buffer
    index: Expr | None
    loops: Mapping[Var, Range]
    conditions: tuple[Expr, ...]
    written: bool
    atomic: bool
    nodes: Mapping[str, tuple[For, frozenset[Var]]]
    stmt: Stmt

    @cached_property
    def touches(self) -> tuple[Any, ...]:
        """What decides where the access is, by which threads and when, apart from the memory itself."""
        nodes = tuple((axis, node) for axis, (node, _) in self.nodes.items())
        where = (self.buffer.dtype, self.buffer.elem_offset, self.buffer.scope, self.index, nodes)
        return (*where, tuple(self.loops), self.conditions, self.written, self.atomic)

    def is_own(self, other: Access, carried: Var | None) -> bool:
        """Whether both are under one execution of one loop for each axis, whose iterations touch memory of their own.

        So it is for global memory: the program says that iterations of a bound loop do not depend on each other.
        """
        if self.buffer.scope != "global" or other.buffer.scope != "global" or not self.nodes:
            return False
        return self.nodes.keys() == other.nodes.keys() and all(
            node is other.nodes[axis][0] and carried not in outside for axis, (node, outside) in self.nodes.items()
        )


def accesses(node: Stmt, where: Where) -> list[Access]:
    """What a statement itself (a store, a call, the value of a let, a condition) does to shared memory, each once."""
    return list({(a.buffer.data, a.touches): a for a in _accesses(node, where)}.values())


def _accesses(node: Stmt, where: Where) -> list[Access]:
    if isinstance(node, BufferStore):
        place = where if node.buffer.is_private else _alone(_first(where, repeated(node, where)))
        out = [a for e in (node.value, *node.indices, node.predicate) if e is not None for a in _in(e, place, node)]
        if where.sees(node.buffer):
            out.append(_access(node.buffer, node.indices, place, node, mask=node.predicate, written=True))
        return out
    if isinstance(node, Evaluate):
        if isinstance(node.value, Call) and node.value.op.name in ORDERED:
            return []
        if isinstance(node.value, Call) and node.value.op.name in WARP_OPERATIONS:
            together = lane_axes({axis: extent for axis, (_, extent) in where.threads.items()})
            return list(_matrices(node.value, _alone(where, together), node))
        changes = isinstance(node.value, Call) and node.value.op.name not in WAITING
        return list(_in(node.value, _alone(where) if changes else where, node))
    if isinstance(node, LetStmt):
        return list(_in(node.value, where, node))
    if isinstance(node, (IfThenElse, While)):
        return list(_in(node.condition, where, node))
    if isinstance(node, For):
        return [a for e in (node.min, node.extent) for a in _in(e, where, node)]
    return []


def _first(where: Where, axes: Sequence[str]) -> Where:
    """The first thread of each of `axes`."""
    found = [where.threads[axis][0] for axis in axes]
    return replace(where, conditions=(*where.conditions, *(v == const(0, v.dtype) for v in found)))


def _alone(where: Where, together: Collection[str] = ()) -> Where:
    """The thread that does what stands under no loop of some axis: the first; all those of the axes `together`."""
    axes = [a for a in THREAD_AXES if a in where.threads and a not in where.under and a not in together]
    return _first(where, axes)


def _access(
    buffer: Buffer,
    indices: tuple[Expr, ...],
    where: Where,
    stmt: Stmt,
    *,
    written: bool,
    atomic: bool = False,
    mask: Expr | None = None,
) -> Access:
    index: Expr | None = indices[0] if indices else const(0)
    if len(indices) > 1:
        index = None
    else:
        per = buffer.dtype.lanes
        if per > 1 and index is not None:
            index = None if index.dtype.lanes > 1 else Ramp(index * per, const(1, index.dtype), per)
    if index is not None:
        index = where.seen(index)
        if loads_memory(index):
            index = None
    if index is not None and mask is not None:
        index, where = _masked(index, where.seen(mask), where)
    return Access(buffer, index, where.loops, where.conditions, written, atomic, where.nodes, stmt)


def _masked(index: Expr, mask: Expr, where: Where) -> tuple[Expr, Where]:
    """A vector of which a mask chooses lanes, as a loop over the lanes with a condition."""
    lane = Var("lane", index.dtype.element)
    place, chosen = scalar_of(index, lane), scalar_of(mask, lane)
    if place is None or chosen is None:
        return index, where
    lanes = Range(const(0, lane.dtype), const(index.dtype.lanes, lane.dtype))
    return place, replace(where, loops={**where.loops, lane: lanes}, conditions=(*where.conditions, chosen))


def _in(e: Expr, where: Where, stmt: Stmt) -> Iterator[Access]:
    """The accesses of an expression."""
    if isinstance(e, BufferLoad):
        if where.sees(e.buffer):
            yield _access(e.buffer, e.indices, where, stmt, mask=e.predicate, written=False)
        for part in (*e.indices, e.predicate):
            if part is not None:
                yield from _in(part, where, stmt)
        return
    if isinstance(e, Call) and e.op.name in ("address_of", "atomic_add") and isinstance(e.args[0], BufferLoad):
        load = e.args[0]
        if where.sees(load.buffer):
            known = e.op.name == "atomic_add"
            found = _access(load.buffer, load.indices, where, stmt, written=True, atomic=known)
            yield found if known else replace(found, index=None)
        for arg in (*load.indices, *e.args[1:]):
            yield from _in(arg, where, stmt)
        return
    if isinstance(e, Call) and e.op.name == "tvm_access_ptr":
        yield from _pointed(e, where, stmt)
        return
    if isinstance(e, Call) and e.op.name == "if_then_else":
        yield from _in(e.args[0], where, stmt)
        yield from _in(e.args[1], where.where(e.args[0], holds=True), stmt)
        yield from _in(e.args[2], where.where(e.args[0], holds=False), stmt)
        return
    for child in e.children():
        if isinstance(child, Expr):
            yield from _in(child, where, stmt)


def _matrices(e: Call, where: Where, stmt: Stmt) -> Iterator[Access]:
    """What a warp touches that loads or stores a matrix: each row, as every thread's."""
    for arg in e.args:
        if not isinstance(arg, Call) or arg.op.name != "tvm_access_ptr":
            continue
        if e.op.name not in (LOAD, STORE, LANE_LOAD):
            yield from _pointed(arg, where, stmt)
            continue
        annotation, data, offset, _, mask = arg.args
        stride = e.args[6]
        rows, cols = _extents(e)
        if layout_of(e.args[7])[1]:
            # Of permuted memory, which keeps to its rows, whole rows are taken to be touched.
            offset, cols = offset // stride * stride, stride.value if isinstance(stride, IntImm) else 0
        for row in range(rows):
            yield from _pointed(
                arg.replace(args=(annotation, data, offset + stride * row, const(cols), mask)), where, stmt
            )


def _extents(e: Call) -> tuple[int, int]:
    """Rows and columns in memory of the matrix that a load or store moves."""
    m, n, k = (x.value if isinstance(x, IntImm) else 1 for x in e.args[1:4])
    scope = getattr(e.args[8], "value", "") if e.op.name == LANE_LOAD else getattr(e.args[0], "scope", "") or ""
    rows, cols = Fragment(m, n, k, "").shape(scope)
    return (cols, rows) if layout_of(e.args[7])[0] == "col_major" else (rows, cols)


def _pointed(e: Call, where: Where, stmt: Stmt) -> Iterator[Access]:
    """What is reached through a pointer that is passed on."""
    annotation, data, offset, extent, mask = e.args
    if not isinstance(data, Var):
        return
    buffer = decl_buffer((1,), annotation.dtype, data.name, data=data, scope=data.scope or "global")
    if not where.sees(buffer):
        return
    bits = mask.value if isinstance(mask, IntImm) else READS | WRITES
    index: Expr | None = None
    if isinstance(extent, IntImm) and 1 <= extent.value <= 1 << 12:
        index = offset if extent.value == 1 else Ramp(offset, const(1, offset.dtype), extent.value)
    for bit in (READS, WRITES):
        if bits & bit:
            found = _access(buffer, (const(0),), where, stmt, written=bit == WRITES)
            yield replace(found, index=None if index is None else where.seen(index))
