"""Leaves each thread the elements it uses of memory that the program allocates for several threads at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...tir.arith import Analyzer
from ...tir.arith.solve import detect_linear_equation
from ...tir.buffer import Buffer, BufferLoad, Range
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Ramp, Var, const
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, BufferStore, For, Stmt
from ...tir.visit import Rewriter, substitute, walk
from ..fragments import LANE_LOAD, LANE_OPERATIONS, lane_axes, matrices

Threads = Mapping[str, tuple[Var, Expr]]


def own_registers(func: PrimFunc, body: Stmt, threads: Threads) -> Stmt:
    """Shrink "local" memory inside of the loops over threads, where each thread has its own, to what a thread uses.

    Where the threads of some axes use pieces of `width` elements in turn, thread t those at
    `(n * threads + t) * width`, the elements of each become neighbours: `e` moves to
    `e // (threads * width) * width + e % width`. So a matrix that the lanes of a warp hold together (`T.lane_mma`)
    becomes a few registers of each.

    Raises
    ------
    LowerError: lanes use other elements of such a matrix than the instructions leave with them.
    """
    allocations = {n.buffer: n for n in walk(body) if isinstance(n, Allocate) and n.buffer.scope == "local"}
    if not allocations or not threads:
        return body
    analyzer = Analyzer()
    for n in walk(body):
        if isinstance(n, For):
            analyzer.bind(n.loop_var, Range(n.min, n.extent), allow_override=True)
    for var, extent in threads.values():
        analyzer.bind(var, Range(const(0, var.dtype), extent), allow_override=True)
    found = {buffer.data: turns for buffer in allocations if (turns := _turns(buffer, body, threads, analyzer))}
    used = {n.buffer.data for n in walk(body) if isinstance(n, (BufferLoad, BufferStore))}
    lanes = tuple(sorted(lane_axes({axis: extent for axis, (_, extent) in threads.items()})))
    for n in walk(body):
        if isinstance(n, Call) and n.op.name in LANE_OPERATIONS:
            found |= {data: _Turns(pieces, 32, lanes) for data, pieces in matrices(n) if data not in used}
            _require_lanes(func, n, found, lanes)
    return _Shrink(found, {var: const(0, var.dtype) for var, _ in threads.values()}, analyzer)(body) if found else body


@dataclass(frozen=True)
class _Turns:
    """How threads share memory: in pieces of `width` elements, the threads of `axes` in turn, so many of them."""

    width: int
    threads: int
    axes: tuple[str, ...]


def _turns(buffer: Buffer, body: Stmt, threads: Threads, analyzer: Analyzer) -> _Turns | None:
    """How the threads share a buffer; None where they do not."""
    uses = [_first(n) for n in walk(body) if isinstance(n, (BufferLoad, BufferStore)) and n.buffer.data is buffer.data]
    variables = [var for var, _ in threads.values()]
    steps: set[tuple[int, ...]] = set()
    for index in uses:
        parts = None if index is None else detect_linear_equation(index, variables)
        factors = [c.value for c in (parts or ())[:-1] if isinstance(c, IntImm)]
        if not parts or len(factors) != len(variables):
            return None
        steps.add(tuple(factors))
    if len(steps) != 1:
        return None
    sharing = sorted((step, axis) for axis, step in zip(threads, steps.pop()) if step)
    if not sharing:
        return None
    width = total = sharing[0][0]
    for step, axis in sharing:
        extent = threads[axis][1]
        if step != total or not isinstance(extent, IntImm):
            return None
        total *= extent.value
    number = sum((threads[axis][0] * (step // width) for step, axis in sharing), start=const(0))
    if not all(analyzer.prove(index // width % (total // width) == number) for index in uses if index is not None):
        return None
    (size,) = (e.value if isinstance(e, IntImm) else 0 for e in buffer.shape)
    return _Turns(width, total // width, tuple(axis for _, axis in sharing)) if size and size % total == 0 else None


def _first(node: BufferLoad | BufferStore) -> Expr | None:
    """The index of the first element of an access of flat memory."""
    (index,) = node.indices if len(node.indices) == 1 else (None,)
    return index.base if isinstance(index, Ramp) else index


def _require_lanes(func: PrimFunc, node: Call, found: Mapping[Var, _Turns], lanes: tuple[str, ...]) -> None:
    """Require that the memory of each matrix is shared by the 32 lanes, in pieces of what a lane holds of a tile."""
    for data, pieces in matrices(node):
        turns = found.get(data)
        if turns is None or turns.threads != 32 or tuple(sorted(turns.axes)) != lanes or pieces != turns.width:
            raise LowerError(
                f"lanes of a warp hold {data.name} together for {{0}}, {pieces} elements of a tile each, but the "
                "program does not use it so",
                node,
                root=func,
                hint=f"bind the loops over dimensions that number lanes to {' and '.join(lanes)}, 32 threads in all, "
                "and let the last dimensions be what a lane holds",
            )


class _Shrink(Rewriter):
    def __init__(self, found: Mapping[Var, _Turns], first: Mapping[Var, Expr], analyzer: Analyzer) -> None:
        self.found, self.first, self.analyzer = found, first, analyzer
        self.made: dict[Buffer, Buffer] = {}

    def moved(self, data: Expr, index: Expr) -> Expr:
        """Where a thread's element lies among its own."""
        turns = self.found.get(data)  # type: ignore[call-overload]
        if turns is None:
            return index
        if isinstance(index, Ramp):
            return index.replace(base=self.moved(data, index.base))
        e = substitute(index, self.first)
        return self.analyzer.simplify(e // (turns.threads * turns.width) * turns.width + e % turns.width)

    def visit_allocate(self, node: Allocate) -> Stmt:
        out = node.map_children(self)
        return out.replace(buffer=self.visit_buffer(node.buffer))

    def visit_buffer(self, node: Buffer) -> Buffer:
        turns = self.found.get(node.data)
        if turns is None:
            return node
        if node not in self.made:
            (size,) = node.shape
            self.made[node] = node.replace(shape=(const(size.value // turns.threads, size.dtype),))  # type: ignore[attr-defined]
        return self.made[node]

    def visit_buffer_load(self, node: BufferLoad) -> BufferLoad:
        out = node.map_children(self)
        return out.replace(indices=tuple(self.moved(node.buffer.data, i) for i in out.indices))

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        out = node.map_children(self)
        return out.replace(indices=tuple(self.moved(node.buffer.data, i) for i in out.indices))

    def visit_call(self, node: Call) -> Expr:
        out = node.map_children(self)
        if node.op.name not in LANE_OPERATIONS:
            return out
        args = list(out.args)
        for at in (0,) if node.op.name == LANE_LOAD else (0, 2, 4):
            place = 4 if node.op.name == LANE_LOAD else at + 1
            args[place] = self.moved(node.args[at], args[place])
        args[-1] = const(False)
        return out.replace(args=tuple(args))
