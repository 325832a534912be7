"""Turns vectorized loops into vector statements: the loop variable becomes a ramp, conditions become masks."""

from __future__ import annotations

from operator import is_
from typing import Any

from ...tir.buffer import Buffer, BufferLoad
from ...tir.errors import LowerError
from ...tir.expr import (
    Add,
    And,
    BinaryOp,
    Broadcast,
    Call,
    Cast,
    Div,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Mod,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Shuffle,
    Sub,
    Var,
    arith,
    cast,
    const,
)
from ...tir.function import PrimFunc
from ...tir.op import OPS, Effect, Intrinsic, Result
from ...tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    Stmt,
    While,
    seq,
)
from ...tir.visit import Rewriter, fresh, substitute, walk
from ..target import Target
from .control import leaves_loop

MAX_REGISTERS = 4
"""A vectorized loop longer than this many vector registers becomes a loop over vectors."""


def vectorize_loop(func: PrimFunc, target: Target) -> PrimFunc:
    """Replace every vectorized loop by statements on vectors.

    Iterations of a vectorized loop are independent, so a statement may run in all lanes before the next one starts.
    Where the body holds something that has no vector form (a reduction into one element, a call with effects,
    a condition of a `while` that differs between lanes) the loop becomes serial.

    Raises
    ------
    LowerError: the extent is not a constant.
    """
    return _VectorizeLoops(func, target)(func)


class _NoVectorForm(Exception):
    """The statement at hand must run one lane after the other."""


class _VectorizeLoops(Rewriter):
    def __init__(self, func: PrimFunc, target: Target) -> None:
        self.func, self.target = func, target

    def visit_for(self, node: For) -> Stmt:
        node = node.map_children(self)
        if node.kind is not ForKind.VECTORIZED:
            return node
        if not isinstance(node.extent, IntImm):
            raise LowerError(
                "{0} is vectorized, but its extent is not a constant",
                node,
                root=self.func,
                hint="split it by a constant factor and vectorize the inner loop",
            )
        return self.vectorize(node, node.extent.value)

    def vectorize(self, node: For, extent: int) -> Stmt:
        if extent <= 0:
            return Evaluate(const(0))
        if leaves_loop(node.body):
            return node.replace(kind=ForKind.SERIAL)
        longest = MAX_REGISTERS * self.target.lanes(_widest(node))
        whole, rest = divmod(extent, longest)
        index = Var(node.loop_var.name, node.loop_var.dtype)
        stmts: list[Stmt] = []
        try:
            if whole == 1:
                stmts.append(_lanes(node, node.min, longest))
            elif whole:
                main = _lanes(node, node.min + index * const(longest, index.dtype), longest)
                stmts.append(For(index, const(0, index.dtype), const(whole, index.dtype), ForKind.SERIAL, main))
            begin = whole * longest
            for lanes in _pieces(rest):
                part = _lanes(node, node.min + const(begin, index.dtype), lanes)
                stmts.append(fresh(part) if stmts else part)
                begin += lanes
            return seq(*stmts)
        except _NoVectorForm:
            return node.replace(kind=ForKind.SERIAL)


def _pieces(rest: int) -> list[int]:
    """Lanes of the vectors that cover `rest` iterations. All are powers of two: LLVM handles others badly."""
    return [1 << bit for bit in reversed(range(rest.bit_length())) if rest >> bit & 1]


def _widest(node: For) -> int:
    """Bits of the widest element the loop stores."""
    return max((n.buffer.dtype.bits for n in walk(node) if isinstance(n, BufferStore)), default=32)


def _lanes(node: For, begin: Expr, lanes: int) -> Stmt:
    if lanes == 1:
        return substitute(node.body, {node.loop_var: begin})
    return _Vectorizer(node, begin, lanes)(node.body)


class _Vectorizer(Rewriter):
    """Rewrites the body of one loop. An expression without the loop variable stays scalar; `wide` broadcasts it.

    mask: the lanes that are active, a vector of bool; None means all.
    """

    def __init__(self, loop: For, begin: Expr, lanes: int) -> None:
        self.lanes = lanes
        self.mask: Expr | None = None
        self.lets: dict[Var, Expr] = {loop.loop_var: Ramp(begin, const(1, begin.dtype), lanes)}
        self.loaded = {n.buffer.data for n in walk(loop.body) if isinstance(n, BufferLoad)}
        self.private: dict[Buffer, Buffer] = {}
        self.private_data: set[Var] = set()

    def wide(self, value: Expr) -> Expr:
        return value if value.dtype.lanes > 1 else Broadcast(value, self.lanes)

    def under(self, mask: Expr, node: Any) -> Any:
        """`node` rewritten where only the lanes of `mask`, among those active here, are."""
        before = self.mask
        self.mask = mask if before is None else And(before, mask)
        out = self(node)
        self.mask = before
        return out

    def visit_var(self, node: Var) -> Expr:
        if node in self.private_data:
            raise _NoVectorForm
        return self.lets.get(node, node)

    def visit_ramp(self, node: Ramp) -> Expr:
        return self.unchanged(node)

    def visit_broadcast(self, node: Broadcast) -> Expr:
        return self.unchanged(node)

    def visit_shuffle(self, node: Shuffle) -> Expr:
        return self.unchanged(node)

    def unchanged(self, node: Any) -> Any:
        out = node.map_children(self)
        if out is not node:
            raise _NoVectorForm
        return out

    def visit_binary_op(self, node: BinaryOp) -> Expr:
        a = self(node.a)
        if isinstance(node, (And, Or)) and a.dtype.lanes > 1 and not _is_free(node.b):
            held = Var("mask", a.dtype)
            b = self.under(held if isinstance(node, And) else Not(held), node.b)
            return Let(held, a, type(node)(held, self.wide(b)))
        b = self(node.b)
        if a is node.a and b is node.b and not (self.mask is not None and _may_trap(node)):
            return node
        cls: Any = type(node)
        if cls in (Add, Sub, Mul):
            linear = _linear(cls, a, b)
            if linear is not None:
                return linear
        a, b = self.wide(a), self.wide(b)
        if a.dtype.lanes != b.dtype.lanes:
            raise _NoVectorForm
        if self.mask is not None and _may_trap(node):
            b = Select(self.mask, b, const(1, b.dtype))
        return cls(a, b)

    def visit_not(self, node: Not) -> Expr:
        return node.map_children(self)

    def visit_cast(self, node: Cast) -> Expr:
        value = self(node.value)
        if value is node.value:
            return node
        if isinstance(value, Ramp) and node.dtype.is_index:
            return Ramp(cast(value.base, node.dtype), cast(value.stride, node.dtype), value.lanes)
        return Cast(node.dtype.with_lanes(value.dtype.lanes), value)

    def visit_select(self, node: Select) -> Expr:
        parts = [self(node.condition), self(node.true_value), self(node.false_value)]
        if all(new is old for new, old in zip(parts, node.children())):
            return node
        return Select(*map(self.wide, parts))

    def visit_let(self, node: Let) -> Expr:
        value = self(node.value)
        if value is node.value:
            return node.map_children(self)
        return Let(self.bind(node.var, value), value, self(node.body))

    def bind(self, var: Var, value: Expr) -> Var:
        new = Var(var.name, value.dtype)
        self.lets[var] = new
        return new

    def visit_buffer_load(self, node: BufferLoad) -> Expr:
        indices, predicate = self.access(node)
        same = all(map(is_, indices, node.indices)) and predicate is None
        return node if same else BufferLoad(self.private.get(node.buffer, node.buffer), indices, predicate)

    def access(self, node: BufferLoad | BufferStore) -> tuple[tuple[Expr, ...], Expr | None]:
        """The rewritten indices and the mask of an access."""
        if node.predicate is not None or any(index.dtype.lanes > 1 for index in node.indices):
            raise _NoVectorForm
        indices = tuple(map(self, node.indices))
        if len(indices) == 1:
            indices = (self.flat(node.buffer, indices[0]),)
        elif node.buffer in self.private:
            raise _NoVectorForm
        if self.mask is not None:
            indices = (*indices[:-1], self.wide(indices[-1])) if indices else indices
        return indices, self.mask

    def flat(self, buffer: Buffer, index: Expr) -> Expr:
        """An index of a one-dimensional buffer, in the lanes' own part of it if there is one."""
        if buffer in self.private:
            # Each lane has its own copy of an allocation inside the loop; copies of an element lie side by side.
            one = const(1, index.dtype.element)
            lane = Ramp(const(0, one.dtype), one, self.lanes)
            if index.dtype.lanes == 1:
                index = Ramp(index * self.lanes, one, self.lanes)
            else:
                index = Add(Mul(index, const(self.lanes, index.dtype)), lane)
        return index

    def visit_call(self, node: Call) -> Expr:
        op = node.op
        name = op.name
        if name == "if_then_else":
            return self.if_then_else(node)
        args = tuple(map(self, node.args))
        changed = any(new is not old for new, old in zip(args, node.args))
        pure = isinstance(op, Intrinsic) and op.effect is Effect.PURE
        if not pure:
            raise _NoVectorForm
        if not changed:
            return node
        if isinstance(op, Intrinsic) and (op.result in (Result.SAME, Result.BOOL) or name in ("reinterpret", "likely")):
            return Call(node.dtype.with_lanes(self.lanes), op, tuple(map(self.wide, args)))
        raise _NoVectorForm

    def if_then_else(self, node: Call) -> Expr:
        condition = self(node.args[0])
        if condition.dtype.lanes == 1:
            values = [self(arg) for arg in node.args[1:]]
            if any(v.dtype.lanes > 1 for v in values):
                values = [self.wide(v) for v in values]
            return Call(values[0].dtype, OPS["if_then_else"], (condition, *values))
        held = Var("mask", condition.dtype)
        then = self.under(held, node.args[1])
        other = self.under(Not(held), node.args[2])
        return Let(held, condition, Select(held, self.wide(then), self.wide(other)))

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        indices, predicate = self.access(node)
        value = self(node.value)
        if all(index.dtype.lanes == 1 for index in indices):
            # One element for all lanes: storing it once will do if it is a value all lanes agree on.
            if value.dtype.lanes > 1 or any(isinstance(n, BufferLoad) for n in walk(value)):
                raise _NoVectorForm
            return node if value is node.value else node.replace(value=value)
        if node.buffer not in self.private and node.buffer.data in self.loaded and not any(map(_distinct, indices)):
            # Lanes that share an element must see each other's stores, as when they reduce into it.
            raise _NoVectorForm
        return BufferStore(self.private.get(node.buffer, node.buffer), self.wide(value), indices, predicate)

    def visit_if_then_else(self, node: IfThenElse) -> Stmt:
        condition = self(node.condition)
        if condition.dtype.lanes == 1:
            other = None if node.else_case is None else self(node.else_case)
            return IfThenElse(condition, self(node.then_case), other)
        # Evaluated once: the branches may change what the condition read.
        held = Var("mask", condition.dtype)
        then = self.under(held, node.then_case)
        other = None if node.else_case is None else self.under(Not(held), node.else_case)
        return LetStmt(held, condition, seq(then, other))

    def visit_let_stmt(self, node: LetStmt) -> Stmt:
        value = self(node.value)
        if value is node.value:
            return node.map_children(self)
        return LetStmt(self.bind(node.var, value), value, self(node.body))

    def visit_for(self, node: For) -> Stmt:
        begin, extent = self(node.min), self(node.extent)
        if begin.dtype.lanes > 1 or extent.dtype.lanes > 1:
            raise _NoVectorForm
        return node.replace(min=begin, extent=extent, body=self(node.body))

    def visit_while(self, node: While) -> Stmt:
        condition = self(node.condition)
        if condition.dtype.lanes > 1 or self.mask is not None:
            raise _NoVectorForm
        return While(condition, self(node.body))

    def visit_allocate(self, node: Allocate) -> Stmt:
        old = node.buffer
        data = old.data.replace()
        new = old.replace(data=data, shape=tuple(e * self.lanes for e in old.shape))
        self.private[old] = new
        self.private_data.add(old.data)
        return Allocate(new, self(node.body), node.annotations)

    def visit_decl_buffer(self, node: DeclBuffer) -> Stmt:
        return self.unchanged(node)

    def visit_assert_stmt(self, node: AssertStmt) -> Stmt:
        return self.uniform(node)

    def visit_evaluate(self, node: Evaluate) -> Stmt:
        return self.uniform(node)

    def uniform(self, node: Stmt) -> Any:
        """A statement all lanes agree on, which then happens once."""
        out = node.map_children(self)
        if self.mask is not None or any(c.dtype.lanes > 1 for c in out.children()):
            raise _NoVectorForm
        return out

    def visit_attr_stmt(self, node: AttrStmt) -> Stmt:
        return node.replace(body=self(node.body))


def _is_free(node: Expr) -> bool:
    """Whether evaluating the expression where it is not asked for does no harm: it loads nothing and cannot trap."""
    return not any(isinstance(n, (BufferLoad, Call)) or _may_trap(n) for n in walk(node))


def _may_trap(node: Any) -> bool:
    """Whether the node divides integers by something that might be zero."""
    if not isinstance(node, (Div, Mod, FloorDiv, FloorMod)) or node.dtype.is_float:
        return False
    divisor = node.b.value if isinstance(node.b, Broadcast) else node.b
    return not (isinstance(divisor, IntImm) and divisor.value != 0)


def _distinct(index: Expr) -> bool:
    """Whether the lanes of an index are known to differ."""
    return isinstance(index, Ramp) and isinstance(index.stride, IntImm) and index.stride.value != 0


def _linear(cls: type[Any], a: Expr, b: Expr) -> Expr | None:
    """The ramp that `a + b`, `a - b` or `a * b` is, or None."""
    if cls is Mul:
        if isinstance(b, Ramp) and a.dtype.lanes == 1:
            a, b = b, a
        if isinstance(a, Ramp) and b.dtype.lanes == 1:
            return Ramp(arith(Mul, a.base, b), arith(Mul, a.stride, b), a.lanes)
        return None
    if isinstance(a, Ramp) and isinstance(b, Ramp) and a.lanes == b.lanes:
        stride = arith(cls, a.stride, b.stride)
        if isinstance(stride, IntImm) and stride.value == 0:
            return Broadcast(arith(cls, a.base, b.base), a.lanes)
        return Ramp(arith(cls, a.base, b.base), stride, a.lanes)
    if isinstance(a, Ramp) and b.dtype.lanes == 1:
        return Ramp(arith(cls, a.base, b), a.stride, a.lanes)
    if isinstance(b, Ramp) and a.dtype.lanes == 1:
        stride = b.stride if cls is Add else const(0, b.stride.dtype) - b.stride
        return Ramp(arith(cls, a, b.base), stride, b.lanes)
    return None
