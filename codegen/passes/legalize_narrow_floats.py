"""Replaces float types that a target has no arithmetic or no memory for by 32-bit floats and unsigned integers."""

from __future__ import annotations

from typing import Any

from ...tir import expr as ex
from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import FLOAT32, FLOAT64, HANDLE, DType
from ...tir.errors import LowerError
from ...tir.expr import BinaryOp, Broadcast, Call, Cast, Expr, FloatImm, GlobalVar, Let, Select, Shuffle, Var
from ...tir.float_formats import FORMATS
from ...tir.function import PrimFunc
from ...tir.op import Domain, Intrinsic, intrinsic
from ...tir.stmt import Allocate, BufferStore, DeclBuffer, LetStmt, Stmt
from ...tir.visit import Rewriter
from ..target import Target
from .narrow_floats import bits_of, from_double, from_integer, packed, rounded, unpacked

NARROW = frozenset(FORMATS)
"""The types that may have to go."""

FIRST_SM = {"float16": 53, "bfloat16": 80, "float8_e4m3fn": 89, "float8_e5m2": 89}
"""The compute capability from which on CUDA has a type."""


def legalize_narrow_floats(func: PrimFunc, target: Target) -> PrimFunc:
    """Compute in 32-bit floats, rounded after every operation, and keep the numbers in memory as their bits.

    For `+ - * /` and sqrt the result is that of one rounding, bit for bit. Parameters keep their types: the body sees
    them through views of unsigned integers.

    Raises
    ------
    LowerError: an atomic update, or a call of an external function, with such a type.
    """
    types = missing(target)
    return legalize(func, types) if types else func


def missing(target: Target) -> frozenset[str]:
    """The narrow float types that a target does not have. The LLVM and C backends expand all of them themselves."""
    if not target.is_gpu:
        return frozenset()
    number = int("".join(filter(str.isdigit, target.arch)) or 0)
    return frozenset(name for name, first in FIRST_SM.items() if number < first)


def legalize(func: PrimFunc, types: frozenset[str]) -> PrimFunc:
    """The pass itself, for the given types."""
    rewriter = _Legalize(func, types)
    body = rewriter(func.body)
    for buffer in reversed(func.buffers):
        view = rewriter.buffers.get(buffer)
        if view is not None and view is not buffer:
            body = DeclBuffer(view, body)
    return func.with_body(body)


class _Legalize(Rewriter):
    """An expression of a type to go comes back as one of 32-bit floats whose value is a number of that type."""

    def __init__(self, func: PrimFunc, types: frozenset[str]) -> None:
        self.func, self.types = func, types
        self.buffers: dict[Buffer, Buffer] = {}
        self.vars: dict[Var, Var] = {}
        self.params = set(func.params)
        self.own: set[Buffer] = set()

    def goes(self, t: DType) -> bool:
        """Whether a type is one of those to go."""
        return str(t.element) in self.types

    def refuse(self, what: str, node: Expr) -> None:
        raise LowerError(
            f"{what} of type {node.dtype} has no legal form for this target: {{0}}",
            node,
            root=self.func,
            hint="cast to float32 first",
        )

    def visit_buffer(self, node: Buffer) -> Buffer:
        found = self.buffers.get(node)
        if found is None:
            found = node
            data = self.vars.get(node.data, node.data)
            if self.goes(node.dtype):
                bits = bits_of(str(node.dtype.element)).with_lanes(node.dtype.lanes)
                found = node.replace(dtype=bits, data=data)
            elif data is not node.data:
                found = node.replace(data=data)
            self.buffers[node] = found
        return found

    def visit_allocate(self, node: Allocate) -> Stmt:
        data = node.buffer.data
        if self.goes(node.buffer.dtype):
            element = bits_of(str(node.buffer.dtype.element))
            self.vars[data] = Var(data.name, HANDLE, element, data.scope)
        return node.map_children(self)

    def visit_buffer_load(self, node: BufferLoad) -> Any:
        out = node.map_children(self)
        return unpacked(out, str(node.dtype.element)) if self.goes(node.dtype) else out

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        if not self.goes(node.value.dtype):
            return node.map_children(self)
        predicate = None if node.predicate is None else self(node.predicate)
        value = packed(self(node.value), str(node.value.dtype.element))
        return BufferStore(self(node.buffer), value, tuple(map(self, node.indices)), predicate)

    def visit_var(self, node: Var) -> Expr:
        if node in self.params and self.goes(node.dtype):
            return Cast(FLOAT32, node)
        return self.vars.get(node, node)

    def define(self, var: Var) -> Var:
        if self.goes(var.dtype):
            self.vars[var] = var.replace(dtype=FLOAT32.with_lanes(var.dtype.lanes))
        return self.vars.get(var, var)

    def visit_let(self, node: Let) -> Expr:
        value = self(node.value)
        return Let(self.define(node.var), value, self(node.body))

    def visit_let_stmt(self, node: LetStmt) -> Stmt:
        value = self(node.value)
        return LetStmt(self.define(node.var), value, self(node.body))

    def visit_float_imm(self, node: FloatImm) -> Expr:
        return FloatImm(FLOAT32, node.value) if self.goes(node.dtype) else node

    def visit_binary_op(self, node: BinaryOp) -> Any:
        out = node.map_children(self)
        exact = (ex.CmpOp, ex.Min, ex.Max, ex.And, ex.Or)
        return rounded(out, str(node.dtype.element)) if self.goes(node.dtype) and not isinstance(node, exact) else out

    def visit_cast(self, node: Cast) -> Any:
        value, source = self(node.value), node.value.dtype
        if not self.goes(node.dtype):
            return value if value.dtype == node.dtype else Cast(node.dtype, value)
        if self.goes(source):
            return value if source.element == node.dtype.element else rounded(value, str(node.dtype.element))
        if source.element == FLOAT64:
            value = from_double(value)
        elif not source.is_float:
            value = from_integer(value)
        return rounded(value, str(node.dtype.element))

    def visit_select(self, node: Select) -> Any:
        return Select(self(node.condition), self(node.true_value), self(node.false_value))

    def visit_broadcast(self, node: Broadcast) -> Any:
        return Broadcast(self(node.value), node.lanes)

    def visit_shuffle(self, node: Shuffle) -> Any:
        return Shuffle(tuple(map(self, node.vectors)), node.indices)

    def visit_call(self, node: Call) -> Any:
        op = node.op
        touched = self.goes(node.dtype) or any(self.goes(a.dtype) for a in node.args)
        if not touched or op.name in ("address_of", "prefetch"):
            return self.addresses(node) if op.name in ("address_of", "prefetch") else node.map_children(self)
        if op.name == "reinterpret":
            return self.reinterpret(node)
        if isinstance(op, GlobalVar) or op.name == "atomic_add" or "call" in op.name:
            self.refuse("a call", node)
        args = tuple(map(self, node.args))
        if not self.goes(node.dtype):
            return node.replace(args=args)
        wide = FLOAT32.with_lanes(node.dtype.lanes)
        out = Call(wide, op, args)
        moves = isinstance(op, Intrinsic) and op.domain is Domain.ANY and not op.name.endswith("reduce_add")
        return out if moves else rounded(out, str(node.dtype.element))

    def addresses(self, node: Call) -> Expr:
        """A call about where elements lie rather than what they are."""
        load = node.args[0]
        if not isinstance(load, BufferLoad):
            return node.map_children(self)
        place = BufferLoad(self(load.buffer), tuple(map(self, load.indices)))
        return node.replace(args=(place, *map(self, node.args[1:])))

    def reinterpret(self, node: Call) -> Expr:
        """Bits read as another type: packed where a type to go is read, unpacked where one results."""
        (arg,) = node.args
        value = self(arg)
        if self.goes(arg.dtype):
            value = packed(value, str(arg.dtype.element))
        if self.goes(node.dtype):
            bits = bits_of(str(node.dtype.element)).with_lanes(node.dtype.lanes)
            same = value if value.dtype == bits else Call(bits, intrinsic("reinterpret"), (value,))
            return unpacked(same, str(node.dtype.element))
        return value if value.dtype == node.dtype else node.replace(args=(value,))
