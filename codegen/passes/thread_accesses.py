"""What the threads of a block do to the memory they share: each access, with the loops and conditions around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from ...tir.arith import Analyzer
from ...tir.buffer import Buffer, BufferLoad, Range, decl_buffer
from ...tir.expr import Call, Expr, IntImm, Not, Or, Ramp, StringImm, Var, const
from ...tir.node import Node
from ...tir.op import Effect, Intrinsic
from ...tir.stmt import BufferStore, Evaluate, For, IfThenElse, LetStmt, Stmt, While
from ...tir.visit import free_vars, substitute, walk_unique
from ..fragments import LANE_LOAD, LOAD, STORE, WARP_OPERATIONS, Fragment, lane_axes, layout_of
from .kernels import ONCE, THREAD_AXES, WAITING, is_bound
from .lanes import scalar_of

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

    def is_own(self, other: Access, carried: Var | None) -> bool:
        """Whether both are under one execution of one loop for each axis, whose iterations touch memory of their own.

        So it is for global memory: the program says that iterations of a bound loop do not depend on each other.
        """
        if self.buffer.scope != "global" or other.buffer.scope != "global" or not self.nodes:
            return False
        return self.nodes.keys() == other.nodes.keys() and all(
            node is other.nodes[axis][0] and carried not in outside for axis, (node, outside) in self.nodes.items()
        )


@dataclass(frozen=True)
class Where:
    """What is around a statement: variables of thread axes by axis, loops, conditions.

    Attributes
    ----------
    threads: the variable and the extent of every thread axis of the kernel. under: the axes with a loop around.
    names: what each bound loop's variable is in terms of `threads`.
    diverges: whether threads of a block may differ in getting here. watched: pointers to memory of each thread's own
    that is looked at as well. loaded: variables let to be what a thread loaded. registers: of buffers that each thread
    has alone, the axes along which their values differ (`thread_values`).
    """

    threads: Mapping[str, tuple[Var, Expr]]
    under: frozenset[str] = frozenset()
    names: Mapping[Var, Expr] = field(default_factory=dict)
    loops: Mapping[Var, Range] = field(default_factory=dict)
    conditions: tuple[Expr, ...] = ()
    diverges: bool = False
    nodes: Mapping[str, tuple[For, frozenset[Var]]] = field(default_factory=dict)

    watched: frozenset[Var] = frozenset()
    loaded: frozenset[Var] = frozenset()
    registers: Mapping[Var, frozenset[str]] = field(default_factory=dict)

    def sees(self, buffer: Buffer) -> bool:
        """Whether accesses to a buffer are of interest: threads share it, or its pointer is among `watched`."""
        return not buffer.is_private or buffer.data in self.watched

    def inside(self, node: Stmt) -> Where:
        """What is around the body of a loop or let."""
        if isinstance(node, For) and is_bound(node):
            return self._bound(node)
        if isinstance(node, For):
            loops = {**self.loops, node.loop_var: Range(self.seen(node.min), self.seen(node.extent))}
            return replace(self, loops=loops, diverges=self.diverges or self.differs(node.extent, node.min))
        if isinstance(node, While):
            loops = {**self.loops, turn_of(node): Range(const(0), Var("turns"))}
            return replace(self, loops=loops, diverges=self.diverges or self.differs(node.condition))
        if isinstance(node, LetStmt):
            if _loads(node.value):
                return replace(self, loaded=self.loaded | {node.var})
            return replace(self, names={**self.names, node.var: self.seen(node.value)})
        return self

    def where(self, condition: Expr, *, holds: bool) -> Where:
        """What is around a branch."""
        known = self.seen(condition)
        conditions = (*self.conditions, known if holds else Not(known))
        return replace(self, conditions=conditions, diverges=self.diverges or self.differs(condition))

    def _bound(self, node: For) -> Where:
        axis = str(node.thread_binding)
        if axis not in self.threads:
            # All threads of a block are in one iteration.
            return replace(
                self, loops={**self.loops, node.loop_var: Range(self.seen(node.min), self.seen(node.extent))}
            )
        var, extent = self.threads[axis]
        here: Expr = var + self.seen(node.min)
        out = replace(
            self,
            under=self.under | {axis},
            names={**self.names, node.loop_var: here},
            nodes={**self.nodes, axis: (node, frozenset(self.loops))},
        )
        own = self.seen(node.extent)
        if own is extent or (isinstance(own, IntImm) and isinstance(extent, IntImm) and own.value == extent.value):
            return out
        return replace(out, conditions=(*self.conditions, var < own), diverges=True)

    def seen(self, e: Expr) -> Expr:
        """An expression in terms of the thread axes' variables."""
        out: Expr = substitute(e, self.names)
        return out

    def differs(self, *exprs: Expr) -> bool:
        """Whether the values may differ between threads of a block."""
        threads = {var for var, _ in self.threads.values()}
        for e in exprs:
            for n in _walk(self.seen(e)):
                if n in threads or n in self.loaded or isinstance(n, (BufferLoad, Call)):
                    return True
        return False


_TURNS: WeakKeyDictionary[While, Var] = WeakKeyDictionary()


def turn_of(node: While) -> Var:
    """The variable that stands for the number of a `while`'s iteration."""
    return _TURNS.setdefault(node, Var("turn"))


def accesses(node: Stmt, where: Where) -> list[Access]:
    """What one statement by itself (a store, a call, the value of a let, a condition) does to shared memory."""
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


def repeated(node: BufferStore, where: Where) -> list[str]:
    """The axes whose threads would all store the same to one element of their block's memory: one store is enough.

    Memory allocated inside of a loop over threads is each iteration's in the program, but one piece on the GPU. A
    store there whose place, value and conditions do not depend on the thread is done by the first.
    """
    if not node.buffer.scope.startswith("shared"):
        return []
    parts = [where.seen(e) for e in (*node.indices, node.value, node.predicate) if e is not None]
    known = [e for r in where.loops.values() for e in (r.min, r.extent)]
    used = {v for e in (*parts, *known) for v in free_vars(e)}
    varying = _varying(where, *parts)
    if used & where.loaded:
        return []
    out = []
    for axis in where.nodes:
        if axis in varying:
            continue
        var, extent = where.threads[axis]
        first = {var: const(0, var.dtype)}
        held = [c for c in where.conditions if var in free_vars(c)]
        if var in used or (isinstance(extent, IntImm) and extent.value == 1):
            continue
        if all(Analyzer().prove(Or(Not(c), substitute(c, first))) for c in held):
            out.append(axis)
    return out


def _varying(where: Where, *exprs: Expr) -> set[str]:
    """The axes along which what expressions load from memory of a thread's own may differ."""
    read = {n.buffer for e in exprs for n in _walk(e) if isinstance(n, BufferLoad) and n.buffer.is_private}
    return {axis for buffer in read for axis in where.registers.get(buffer.data, ())}


def contested(node: BufferStore, where: Where) -> For | None:
    """A loop over threads each of which surely stores to the same element of their block's memory, and what depends on
    the thread or may differ between threads."""
    if not node.buffer.scope.startswith("shared"):
        return None
    place = [where.seen(e) for e in (*node.indices, node.predicate) if e is not None]
    known = [e for r in where.loops.values() for e in (r.min, r.extent)]
    fixed = {v for e in (*place, *known) for v in free_vars(e)}
    told, varying = free_vars(where.seen(node.value)), _varying(where, where.seen(node.value))
    if fixed & where.loaded:
        return None
    for axis, (loop, _) in where.nodes.items():
        var, extent = where.threads[axis]
        same = var not in told and axis not in varying
        if var in fixed or same or (isinstance(extent, IntImm) and extent.value == 1):
            continue
        both = [
            substitute(c, {var: const(n, var.dtype)}) for c in where.conditions if var in free_vars(c) for n in (0, 1)
        ]
        if all(map(Analyzer().prove, both)):
            return loop
    return None


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
        if _loads(index):
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


def _walk(e: Expr) -> Iterator[Node]:
    return walk_unique(e)


def _loads(e: Expr) -> bool:
    return any(
        isinstance(n, BufferLoad)
        or (isinstance(n, Call) and not (isinstance(n.op, Intrinsic) and n.op.effect is Effect.PURE))
        for n in _walk(e)
    )


def scope_of(node: Call) -> str:
    """The memory a barrier is for."""
    arg = node.args[0] if node.args else None
    return arg.value if isinstance(arg, StringImm) else "shared"
