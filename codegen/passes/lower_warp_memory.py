"""Gives each thread its part of a warp's memory: stores go to registers, loads ask the lane that has the element."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ...tir.arith import Analyzer
from ...tir.buffer import Buffer, BufferLoad, Range, decl_buffer
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Var, cast, const
from ...tir.function import PrimFunc
from ...tir.node import DELETE
from ...tir.op import OPS
from ...tir.stmt import Allocate, BufferStore, Evaluate, For, IfThenElse, Stmt, While
from ...tir.visit import Rewriter, free_vars, substitute, walk
from ..target import Target
from .barriers import WARP, barrier_of

ALL_LANES = 0xFFFFFFFF


def lower_warp_memory(func: PrimFunc, target: Target) -> PrimFunc:
    """Turn buffers of scope "warp" into "local" ones and warp shuffles, as Apache TVM's pass of this name does.

    Where stores are to `m * lane + i` with `0 <= i < m` and multiples of `m * width` added, element `e` is the lane's
    `e // m % width`, its `e // (m * width) * m + e % m`-th. A load of it is a shuffle from that lane,
    for which lanes wait by themselves: the barriers of warps below the allocation go.

    Raises
    ------
    LowerError: a store to an element that is another lane's; a load whose place in its lane differs between lanes, or
        where not all of them come; a size or a number of threads that does not fit.
    """
    if not target.is_gpu or not any(_is_warp(n) for n in walk(func.body)):
        return func
    return _Lower(func, target.thread_warp_size)(func)


def _is_warp(node: object) -> bool:
    return isinstance(node, Allocate) and node.buffer.scope == "warp"


class _Lower(Rewriter):
    def __init__(self, func: PrimFunc, warp: int) -> None:
        self.func, self.warp = func, warp
        self.lanes: For | None = None
        self.threads: list[Var] = []
        self.guarded: list[Stmt] = []
        self.parts: dict[Var, tuple[Buffer, Buffer, int]] = {}
        """The buffers of warps by their pointers: the buffer, each thread's part, how many neighbours a lane has."""
        self.analyzer = Analyzer()

    def visit_for(self, node: For) -> Stmt:
        self.analyzer.bind(node.loop_var, Range(node.min, node.extent), allow_override=True)
        if node.bound_to == "threadIdx":
            self.threads.append(node.loop_var)
            if node.thread_binding == "threadIdx.x":
                self.lanes = node
        return node.map_children(self)

    def visit_if_then_else(self, node: IfThenElse) -> Stmt:
        return self.below(node, node.condition)

    def visit_while(self, node: While) -> Stmt:
        return self.below(node, node.condition)

    def below(self, node: Stmt, condition: Expr) -> Stmt:
        if not free_vars(condition).keys() & set(self.threads) and not any(
            isinstance(n, BufferLoad) for n in walk(condition)
        ):
            return node.map_children(self)
        self.guarded.append(node)
        out = node.map_children(self)
        self.guarded.pop()
        return out

    def visit_allocate(self, node: Allocate) -> Stmt:
        if not _is_warp(node):
            return node.map_children(self)
        buffer, width = node.buffer, self.width(node)
        size = math.prod(e.value if isinstance(e, IntImm) else 0 for e in buffer.shape)
        step = self.neighbours(node, width)
        if size == 0 or size % (step * width):
            raise LowerError(
                f"{buffer.name} is in 'warp' memory of {buffer.shape} elements, which {width} lanes with {step} "
                "neighbours each cannot divide evenly",
                node, root=self.func, hint="make its size a constant multiple of both",
            )  # fmt: skip
        own = decl_buffer((size // width,), buffer.dtype, buffer.name, scope="local")
        self.parts[buffer.data] = buffer, own, step
        return Allocate(own, self(node.body))

    def width(self, node: Stmt) -> int:
        """The lanes that share a warp's memory."""
        extent = self.lanes.extent.value if self.lanes and isinstance(self.lanes.extent, IntImm) else 0
        if extent == 0 or (extent % self.warp and self.warp % extent) or (extent < self.warp and len(self.threads) > 1):
            raise LowerError(
                f"{{0}} is memory of a warp, but threadIdx.x has {extent or 'no constant number of'} threads",
                node, root=self.func, hint=f"bind a multiple of {self.warp} threads to threadIdx.x",
            )  # fmt: skip
        return min(extent, self.warp)

    def lane(self, width: int) -> Expr:
        assert self.lanes is not None
        var = cast(self.lanes.loop_var, "int32")
        return var % width

    def neighbours(self, node: Allocate, width: int) -> int:
        """How many neighbouring elements a lane has, by the first store: what its place grows by from lane to lane."""
        assert self.lanes is not None
        var = self.lanes.loop_var
        for n in walk(node.body):
            if isinstance(n, BufferStore) and n.buffer.data is node.buffer.data:
                (index,) = n.indices
                grown = substitute(index, {var: const(1, var.dtype)}) - substitute(index, {var: const(0, var.dtype)})
                step = self.analyzer.simplify(grown)
                if isinstance(step, IntImm) and step.value > 0:
                    return step.value
                raise LowerError(
                    f"a store to {node.buffer.name}, in 'warp' memory, must be to a place that grows with threadIdx.x",
                    n, root=self.func, hint="give it the scope 'shared'",
                )  # fmt: skip
        return 1

    def place(self, buffer: Buffer, index: Expr) -> tuple[Expr, Expr]:
        """The lane that has an element, and which of its elements that is."""
        _, own, step = self.parts[buffer.data]
        width = math.prod(e.value for e in buffer.shape) // math.prod(e.value for e in own.shape)  # type: ignore[attr-defined]
        at = self.analyzer.simplify(index + buffer.elem_offset)
        return (
            self.analyzer.simplify(at // step % width),
            self.analyzer.simplify(at // (step * width) * step + at % step),
        )

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        out = node.map_children(self)
        if node.buffer.data not in self.parts:
            return out
        buffer, own, _ = self.parts[node.buffer.data]
        self.require_scalar(node.indices, node)
        lane, place = self.place(node.buffer, out.indices[0])
        width = self.width(node)
        if not self.analyzer.prove(lane == self.lane(width)):
            raise LowerError(
                f"{{0}} writes an element of {buffer.name} that is another lane's: of 'warp' memory each lane may "
                "write its own only",
                node, root=self.func, hint="give it the scope 'shared'",
            )  # fmt: skip
        return out.replace(buffer=own, indices=(place,))

    def visit_buffer_load(self, node: BufferLoad) -> Expr:
        out = node.map_children(self)
        if node.buffer.data not in self.parts:
            return out
        buffer, own, _ = self.parts[node.buffer.data]
        self.require_scalar(node.indices, node)
        lane, place = self.place(node.buffer, out.indices[0])
        load = BufferLoad(own, (place,))
        width = self.width(Evaluate(const(0)))
        if self.analyzer.prove(lane == self.lane(width)):
            return load
        differs = set(self.threads) & free_vars(place).keys()
        if differs or any(isinstance(n, BufferLoad) for n in walk(place)) or self.guarded:
            why = "under a condition in which they differ" if self.guarded else f"but each at another place (`{place}`)"
            raise LowerError(
                f"lanes read what others have of {buffer.name}, in 'warp' memory, {why}; they can only exchange what "
                "all of them give",
                *self.guarded[-1:], root=self.func, hint="give it the scope 'shared'",
            )  # fmt: skip
        mask = const(ALL_LANES if width == self.warp else (1 << width) - 1, "uint32")
        args = (mask, load, lane, const(width), const(self.warp))
        return Call(node.dtype, OPS["tvm_warp_shuffle"], args)

    def visit_evaluate(self, node: Evaluate) -> Any:
        if self.parts and barrier_of(node) == WARP:
            return DELETE
        return node.map_children(self)

    def require_scalar(self, indices: Iterable[Expr], node: object) -> None:
        if any(i.dtype.lanes > 1 for i in indices):
            raise LowerError(
                "vectors cannot be moved in 'warp' memory, as lanes exchange one element at a time",
                root=self.func, hint="do not vectorize the loops that store to it or load from it",
            )  # fmt: skip
