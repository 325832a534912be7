"""Loads and stores as CUDA: elements, vectors of as many bytes as a thread moves at once, gathers and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import DType
from ...tir.errors import InternalError
from ...tir.expr import Add, Broadcast, Expr, FloatImm, Ramp, Sub, Var, const
from ...tir.stmt import BufferStore
from ..c.writer import CHOICE, UNARY, Code
from ..lanes import lane_of, places, width
from .types import CARRIERS, SCALARS, lane, scalar, vector

if TYPE_CHECKING:
    from .expr import Exprs

_LDG = frozenset(SCALARS) - {"bool", "float8_e4m3fn", "float8_e5m2", "handle", "void"}
"""Types that `__ldg` loads."""


class Memory:
    """Emits the accesses of one kernel.

    Attributes
    ----------
    kinds: the data type that each pointer in scope points to. read_only: pointers whose memory no thread writes.
    aligned: bytes that each pointer must be a multiple of, for the vectors moved through it.
    fragments: the buffers that are matrices in the registers of a warp, by their pointers.
    """

    def __init__(self, exprs: Exprs) -> None:
        self.exprs = exprs
        self.kinds: dict[Var, DType] = {}
        self.read_only: set[Var] = set()
        self.aligned: dict[Var, int] = {}
        self.views: dict[Buffer, Code] = {}
        self.fragments: dict[Var, Buffer] = {}

    def pointer(self, buffer: Buffer) -> Code:
        """The pointer to a buffer's memory, as one to its elements."""
        if buffer in self.views:
            return self.views[buffer]
        data: Code = self.exprs(buffer.data)
        kind = self.kinds.get(buffer.data)
        if kind is not None and scalar(kind) == scalar(buffer.dtype):
            return data
        return Code(f"(({scalar(buffer.dtype)}*){data})")

    def element(self, buffer: Buffer, at: Expr) -> Code:
        """An element as an lvalue."""
        return Code(f"{self.pointer(buffer)}[{self.exprs(self.exprs.analyzer.simplify(at))}]")

    def vector_at(self, buffer: Buffer, at: Expr, kind: str, size: int, *, const_: bool = False) -> Code:
        """So many bytes of a buffer from an element on, as a pointer to `kind`."""
        self.aligned[buffer.data] = max(self.aligned.get(buffer.data, 1), size)
        element = self.element(buffer, at)
        return Code(f"({'const ' if const_ else ''}{kind}*)&{element}", UNARY)

    def loaded(self, buffer: Buffer, at: Expr) -> Code:
        """The value of one element."""
        element = self.element(buffer, at)
        if buffer.data in self.read_only and str(buffer.dtype.element) in _LDG:
            return Code(f"__ldg(&{element})")
        return element

    def moved(self, buffer: Buffer, at: Expr, lanes: int) -> Code:
        """Neighbouring elements as one value of CUDA's vector types, or of what carries as many bytes."""
        type_ = buffer.dtype.element.with_lanes(lanes)
        size = lanes * type_.bytes
        kind = _mover(type_)
        pointer = self.vector_at(buffer, at, kind, size, const_=buffer.data in self.read_only)
        if buffer.data in self.read_only and kind != "__nv_bfloat162":
            return Code(f"__ldg({pointer})")
        return Code(f"*{pointer}", UNARY)

    def load(self, node: BufferLoad) -> Code:
        """The value of a scalar load."""
        return self.loaded(node.buffer, index_of(node))

    def load_lanes(self, node: BufferLoad) -> list[Code]:
        """The lanes of a vector load."""
        buffer, exprs = node.buffer, self.exprs
        if node.predicate is not None:
            return self.masked(node)
        index = index_of(node)
        if isinstance(index, Broadcast) and buffer.dtype.lanes == 1:
            value = exprs.name(self.loaded(buffer, index.value), buffer.dtype)
            return [value] * node.dtype.lanes
        at = places(scaled(buffer, index), exprs.analyzer)
        element = buffer.dtype.element
        step = width(at, element.bytes, exprs.analyzer)
        out: list[Code] = []
        for first in range(0, len(at), step):
            if step == 1:
                out.append(exprs.name(self.loaded(buffer, at[first]), element, buffer.name))
                continue
            type_ = element.with_lanes(step)
            name = self.vector_value(buffer, at[first], type_)
            out += [Code(lane(name, type_, k)) for k in range(step)]
        return out

    def vector_value(self, buffer: Buffer, at: Expr, type_: DType) -> Code:
        """A variable of the vector type `type_` loaded from memory."""
        exprs = self.exprs
        kind = exprs.kind(type_)
        if _mover(type_) == kind:
            value = self.moved(buffer, at, type_.lanes)
        else:
            size = type_.lanes * type_.bytes
            value = Code(f"*{self.vector_at(buffer, at, kind, size, const_=buffer.data in self.read_only)}")
        return exprs.w.let(kind, value, buffer.name)

    def masked(self, node: BufferLoad) -> list[Code]:
        """The lanes of a load under a mask: 0 where it does not hold."""
        assert node.predicate is not None
        exprs, buffer = self.exprs, node.buffer
        at = places(scaled(buffer, index_of(node)), exprs.analyzer)
        zero = exprs(_zero(buffer.dtype.element))
        out = []
        for k, place in enumerate(at):
            condition = exprs(lane_of(node.predicate, k))
            value = Code(f"{condition.within(CHOICE + 1)} ? {self.loaded(buffer, place)} : {zero}", CHOICE)
            out.append(exprs.w.let(scalar(buffer.dtype), value, buffer.name))
        return out

    def store(self, node: BufferStore) -> None:
        """Emit a store."""
        exprs, w, buffer = self.exprs, self.exprs.w, node.buffer
        index = index_of(node)
        lanes = node.value.dtype.lanes
        if lanes == 1:
            symbol, value = _update(node)
            w.line(f"{self.element(buffer, index)} {symbol} {exprs(value)};")
            return
        at = places(scaled(buffer, index), exprs.analyzer)
        element = buffer.dtype.element
        if node.predicate is not None:
            values = exprs.lanes(node.value)
            for k, place in enumerate(at):
                condition = exprs(lane_of(node.predicate, k))
                w.line(f"if ({condition}) {self.element(buffer, place)} = {values[k]};")
            return
        step = width(at, element.bytes, exprs.analyzer)
        if isinstance(node.value, BufferLoad) and node.value.predicate is None and self.copy(node, at, step):
            return
        values = exprs.lanes(node.value)
        for first in range(0, lanes, step):
            if step == 1:
                w.line(f"{self.element(buffer, at[first])} = {values[first]};")
                continue
            type_ = element.with_lanes(step)
            kind = exprs.kind(type_)
            target = self.vector_at(buffer, at[first], kind, step * element.bytes)
            w.line(f"*{target} = {exprs.made(type_, values[first : first + step])};")

    def copy(self, node: BufferStore, to: list[Expr], step: int) -> bool:
        """Move vectors from one buffer to another as they are; False where elements do not lie so."""
        load = node.value
        assert isinstance(load, BufferLoad)
        exprs, source, buffer = self.exprs, load.buffer, node.buffer
        element = buffer.dtype.element
        index = index_of(load)
        if isinstance(index, Broadcast) or source.dtype.element != element:
            return False
        at = places(scaled(source, index), exprs.analyzer)
        step = min(step, width(at, element.bytes, exprs.analyzer))
        if step == 1:
            return False
        type_ = element.with_lanes(step)
        for first in range(0, len(to), step):
            target = self.vector_at(buffer, to[first], _mover(type_), step * element.bytes)
            exprs.w.line(f"*{target} = {self.moved(source, at[first], step)};")
        return True

    def address(self, node: BufferLoad) -> Code:
        """The address of an element."""
        index = index_of(node)
        if index.dtype.lanes > 1:
            index = lane_of(index, 0)
        return Code(f"&{self.element(node.buffer, scaled(node.buffer, index))}", UNARY)


_UPDATES: dict[type[Expr], str] = {Add: "+=", Sub: "-="}


def _update(node: BufferStore) -> tuple[str, Expr]:
    """How a scalar store is written: `=` and the value, or `+=` and what is added to the element."""
    value = node.value
    if type(value) in _UPDATES and str(value.dtype) in ("float32", "float64", "int32", "int64"):
        assert isinstance(value, (Add, Sub))
        old = value.a
        if isinstance(old, BufferLoad) and old.buffer is node.buffer and old.predicate is None:
            if len(old.indices) == len(node.indices) and all(a is b for a, b in zip(old.indices, node.indices)):
                return _UPDATES[type(value)], value.b
    return "=", value


def _mover(type_: DType) -> str:
    """The type that moves a vector through memory: CUDA's own, else the one of as many bytes."""
    from .types import is_struct

    return CARRIERS[type_.lanes * type_.bytes] if is_struct(type_) or type_.bits == 4 else vector(type_)


def _zero(type_: DType) -> Expr:
    return FloatImm(type_, 0.0) if type_.is_float else const(0, type_)


def scaled(buffer: Buffer, index: Expr) -> Expr:
    """An index in elements of the buffer's type as one in its scalar lanes."""
    per = buffer.dtype.lanes
    if per == 1:
        return index
    if index.dtype.lanes > 1:
        raise InternalError(f"a gather of vectors ({buffer.dtype}) reached the backend")
    return Ramp(index * per, const(1, index.dtype), per)


def index_of(node: BufferLoad | BufferStore) -> Expr:
    """The one index of an access of flat memory."""
    if len(node.indices) > 1:
        raise InternalError(f"an access of {len(node.indices)}-dimensional {node.buffer.name} reached the backend")
    return node.indices[0] if node.indices else const(0)
