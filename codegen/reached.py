"""Walks over a program with what is known at each place: the ranges of loops, conditions that hold, values of lets."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..tir.arith import Analyzer
from ..tir.arith.stmt import conjuncts, is_lasting
from ..tir.buffer import Buffer, BufferLoad, Range
from ..tir.expr import And, Broadcast, Call, Expr, IntImm, Let, Not, Or, Ramp, Var, const
from ..tir.stmt import AssertStmt, BufferStore, For, IfThenElse, LetStmt, SeqStmt
from ..tir.visit import Visitor
from .passes.lanes import scalar_of


class Reached(Visitor, ABC):
    """Calls `access` for every load and store, with the analyzer knowing what holds there."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.an = analyzer

    @abstractmethod
    def access(self, node: BufferLoad | BufferStore) -> None:
        """Look at a load or a store."""

    def visit_buffer_load(self, node: BufferLoad) -> None:
        self.descend(node)
        self.access(node)

    def visit_buffer_store(self, node: BufferStore) -> None:
        self.descend(node)
        self.access(node)

    def visit_buffer(self, node: Buffer) -> None:
        """A buffer's layout is not run."""

    def inside(self, index: Expr, size: Expr, predicate: Expr | None = None) -> bool:
        """Whether every lane of `index` that `predicate` picks is shown to be at least 0 and below `size`."""
        if index.dtype.lanes == 1:
            return self.between(index, index, size)
        if predicate is None:
            if isinstance(index, Broadcast):
                return self.inside(index.value, size)
            if isinstance(index, Ramp) and isinstance(index.stride, IntImm) and index.base.dtype.lanes == 1:
                last = index.base + index.stride * (index.lanes - 1)
                low, high = (index.base, last) if index.stride.value >= 0 else (last, index.base)
                return self.between(low, high, size)
        lane = Var("lane", index.dtype.element)
        value = scalar_of(index, lane)
        if value is None:
            return False
        with self.an.scope():
            self.an.bind(lane, Range(const(0, lane.dtype), const(index.dtype.lanes, lane.dtype)))
            picked = None if predicate is None else scalar_of(predicate, lane)
            if picked is not None:
                self.assume(picked)
            return self.between(value, value, size)

    def between(self, low: Expr, high: Expr, size: Expr) -> bool:
        """Whether 0 <= low and high < size."""
        if isinstance(low, IntImm) and isinstance(high, IntImm) and isinstance(size, IntImm):
            return low.value >= 0 and high.value < size.value
        if isinstance(size, IntImm):
            if self.an.const_int_bound(low)[0] >= 0 and self.an.const_int_bound(high)[1] < size.value:
                return True
        return self.an.prove(low >= 0) and self.an.prove(high < size)

    def assume(self, condition: Expr) -> None:
        """Take what of a condition no store can change to hold in this scope."""
        for part in conjuncts(condition):
            if is_lasting(part) and part.dtype.lanes == 1:
                self.an.assume(part)

    def under(self, condition: Expr, node: Expr) -> None:
        """Visit an expression that is evaluated where `condition` holds."""
        with self.an.scope():
            self.assume(condition)
            self(node)

    def define(self, var: Var, value: Expr) -> None:
        """Note what a variable is."""
        if not value.dtype.is_integral or value.dtype.lanes > 1:
            return
        if is_lasting(value):
            self.an.bind(var, value, allow_override=True)
            return
        low, high = self.an.const_int_bound(value)
        if value.dtype.min <= low <= high <= value.dtype.max and high - low < value.dtype.max:
            bounds = Range(const(low, value.dtype), const(high - low + 1, value.dtype))
            self.an.bind(var, bounds, allow_override=True)

    def visit_for(self, node: For) -> None:
        self(node.min)
        self(node.extent)
        with self.an.scope():
            self.an.bind(node.loop_var, node.range, allow_override=True)
            self(node.body)

    def visit_let_stmt(self, node: LetStmt) -> None:
        self(node.value)
        with self.an.scope():
            self.define(node.var, node.value)
            self(node.body)

    def visit_let(self, node: Let) -> None:
        self(node.value)
        with self.an.scope():
            self.define(node.var, node.value)
            self(node.body)

    def visit_if_then_else(self, node: IfThenElse) -> None:
        self(node.condition)
        for condition, part in ((node.condition, node.then_case), (Not(node.condition), node.else_case)):
            if part is not None:
                with self.an.scope():
                    self.assume(condition)
                    self(part)

    def visit_seq_stmt(self, node: SeqStmt) -> None:
        with self.an.scope():
            for part in node.seq:
                self(part)
                if isinstance(part, AssertStmt):
                    self.assume(part.condition)

    def visit_and(self, node: And) -> None:
        self(node.a)
        self.under(node.a, node.b)

    def visit_or(self, node: Or) -> None:
        self(node.a)
        self.under(Not(node.a), node.b)

    def visit_call(self, node: Call) -> None:
        if node.op.name == "if_then_else" and node.args[0].dtype.lanes == 1:
            condition, then, other = node.args
            self(condition)
            self.under(condition, then)
            self.under(Not(condition), other)
        else:
            self.descend(node)
