"""Loads and stores: addresses, vector accesses and their masks, and what is known about aliasing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import DType
from ...tir.errors import InternalError
from ...tir.expr import Broadcast, Expr, IntImm, Ramp, Var, const
from ...tir.stmt import BufferStore
from .forwarding import Access
from .function import FunctionBuilder
from .narrow import Narrow
from .strided import load_strided, reverse, step_of
from .transposed import load_column
from .types import is_narrow_float, memory_type, register_type, suffix, vector

if TYPE_CHECKING:
    from .expr import ExprEmitter


class Aliasing:
    """Metadata that tells accesses to different memory apart: one alias scope for each group of pointers.

    It holds in the functions that parallel loops are outlined to as well, where `noalias` parameters would be lost.
    """

    MAX_SCOPES = 64

    def __init__(self, fb: FunctionBuilder, name: str, groups: list[list[Var]]) -> None:
        self.texts: dict[Var, str] = {}
        self.group = {var: group[0] for group in groups for var in group}
        if not 2 <= len(groups) <= self.MAX_SCOPES:
            return
        module = fb.module
        domain = module.distinct(f"domain {name}", "")
        scopes = [module.distinct(f"scope {name} {i}", domain) for i, _ in enumerate(groups)]
        for i, group in enumerate(groups):
            own = module.node(f"scopes {name} {i}", f"!{{{scopes[i]}}}")
            others = module.node(f"others {name} {i}", f"!{{{', '.join(s for s in scopes if s is not scopes[i])}}}")
            self.texts.update(dict.fromkeys(group, f", !alias.scope {own}, !noalias {others}"))

    def __getitem__(self, var: Var) -> str:
        return self.texts.get(var, "")


class Memory:
    """Emits the accesses of one function.

    Attributes
    ----------
    past_caches: the stores that go past the caches here, and the bytes the address of each is a multiple of.
    """

    def __init__(self, fb: FunctionBuilder, exprs: ExprEmitter, aliasing: Aliasing) -> None:
        self.fb, self.exprs, self.aliasing = fb, exprs, aliasing
        self.scalar_loads = 0
        self.past_caches: Mapping[BufferStore, int] = {}

    def load(self, node: BufferLoad) -> str:
        """The value of a load."""
        buffer, index = node.buffer, _index(node)
        if node.predicate is None and isinstance(index, Broadcast):
            scalar = self.read(buffer, index.value, buffer.dtype)
            return self.exprs.broadcast(scalar, register_type(buffer.dtype), index.lanes)
        if node.predicate is None:
            return self.read(buffer, index, node.dtype)
        self.fb.known.load(self.access(buffer, None, node.dtype))
        return self.from_memory(self.raw_load(buffer, index, node.dtype, self.exprs(node.predicate)), node.dtype)

    def read(self, buffer: Buffer, index: Expr, dtype: DType) -> str:
        """The value of a load without a mask; what the code around has loaded or stored is not loaded again."""
        access = self.access(buffer, index, dtype)
        known = self.fb.known.load(access)
        if known is None and access.index is None and isinstance(index, Ramp) and index.base.dtype.lanes == 1:
            first = self.access(buffer, index.base, buffer.dtype)
            known = load_column(self, first, index, dtype) or load_strided(self, buffer, index, dtype)
        if known is not None:
            return known
        value = self.from_memory(self.raw_load(buffer, index, dtype, None), dtype)
        if access.index is not None:
            self.fb.known.loaded(access, value)
        return value

    def access(self, buffer: Buffer, index: Expr | None, dtype: DType) -> Access:
        """An access as `Forwarding` wants it described."""
        group = self.aliasing.group.get(buffer.data, buffer.data)
        lanes = buffer.dtype.lanes
        if index is not None:
            base, contiguous = _contiguous(index)
            index = base if contiguous and self.exprs.is_stable(base) else None
        return Access(group, buffer.data, index, dtype.lanes // lanes, buffer.dtype.bytes * lanes, dtype)

    def raw_load(self, buffer: Buffer, index: Expr, dtype: DType, mask: str | None) -> str:
        kind, alias = memory_type(dtype), self.aliasing[buffer.data]
        align = buffer.dtype.bytes
        base, contiguous = _contiguous(index)
        self.check_bounds(buffer, index, mask)
        if contiguous:
            at = self.address(buffer, base)
            if mask is None:
                if dtype.lanes == 1:
                    self.bound_scans()
                return self.fb.let(f"load {kind}, ptr {at}, align {align}{alias}")
            bits = vector("i1", dtype.lanes)
            name = self.fb.module.intrinsic(f"llvm.masked.load.{suffix(kind)}.p0", kind, "ptr", "i32", bits, kind)
            return self.fb.let(
                f"call {kind} @{name}(ptr {at}, i32 {align}, {bits} {mask}, {kind} zeroinitializer){alias}"
            )
        lanes = _gatherable(buffer, index)
        pointers, bits = vector("ptr", lanes), vector("i1", lanes)
        at = self.addresses(buffer, index)
        name = self.fb.module.intrinsic(
            f"llvm.masked.gather.{suffix(kind)}.{suffix(pointers)}", kind, pointers, "i32", bits, kind
        )
        return self.fb.let(
            f"call {kind} @{name}({pointers} {at}, i32 {align}, {bits} {mask or _all(lanes)}, "
            f"{kind} zeroinitializer){alias}"
        )

    def bound_scans(self) -> None:
        """Now and then emit a call that does nothing but be one.

        For each scalar load that is broadcast LLVM's VectorCombine looks through the whole block above it for another
        access to the address, up to the first call; in a block of thousands of loads that takes longer than all else.
        """
        self.scalar_loads += 1
        if self.scalar_loads % 64 == 0:
            module = self.fb.module
            scope = module.distinct("no scope", module.distinct("no domain", ""))
            module.declare("llvm.experimental.noalias.scope.decl", "void", "metadata")
            only = module.node("no scopes", f"!{{{scope}}}")
            self.fb.emit(f"call void @llvm.experimental.noalias.scope.decl(metadata {only})")

    def store(self, node: BufferStore, value: str) -> None:
        """Store `value`, a register of the type that `node` stores."""
        buffer, index, dtype = node.buffer, _index(node), node.value.dtype
        kind, align, known = memory_type(dtype), buffer.dtype.bytes, self.fb.known
        mask = None if node.predicate is None else self.exprs(node.predicate)
        if mask is None and step_of(index) == -1 and buffer.dtype.lanes == 1:
            assert isinstance(index, Ramp)
            first = index.base + const(1 - index.lanes, index.base.dtype)
            index, value = Ramp(first, const(1, first.dtype), index.lanes), reverse(self, value, dtype)
        stored = self.to_memory(value, dtype)
        base, contiguous = _contiguous(index)
        self.check_bounds(buffer, index, mask)
        if not contiguous and mask is None:
            known.store(self.access(buffer, None, dtype), value, 0)
            self.store_each(buffer, index, stored, kind)
            return
        if not contiguous or mask is not None:
            known.store(self.access(buffer, None, dtype), value, 0)
            self.store_lanes(buffer, index, f"{kind} {stored}", kind, mask or _all(dtype.lanes))
            return
        at = self.address(buffer, base)
        pointless = known.store(self.access(buffer, index, dtype), value, len(self.fb.lines))
        if pointless is not None:
            self.fb.lines[pointless] = ""
        aligned = self.past_caches.get(node)
        hint = "" if aligned is None else f", !nontemporal {self.fb.module.node('nontemporal', '!{i32 1}')}"
        self.fb.emit(f"store {kind} {stored}, ptr {at}, align {aligned or align}{hint}{self.aliasing[buffer.data]}")

    def store_each(self, buffer: Buffer, index: Expr, stored: str, kind: str) -> None:
        """Store the lanes one by one, in order: processors are no faster at scattering them."""
        element = memory_type(buffer.dtype)
        for lane, pointer in enumerate(self.address_of_each(buffer, index)):
            value = self.fb.let(f"extractelement {kind} {stored}, i64 {lane}")
            tail = f"align {buffer.dtype.bytes}{self.aliasing[buffer.data]}"
            self.fb.emit(f"store {element} {value}, ptr {pointer}, {tail}")

    def store_lanes(self, buffer: Buffer, index: Expr, stored: str, kind: str, mask: str) -> None:
        """Store the lanes of a vector that `mask` picks, to consecutive elements or to any."""
        align, alias, bits = buffer.dtype.bytes, self.aliasing[buffer.data], vector("i1", int(kind[1:].split()[0]))
        base, contiguous = _contiguous(index)
        if contiguous:
            at = self.address(buffer, base)
            name = self.fb.module.intrinsic(f"llvm.masked.store.{suffix(kind)}.p0", "void", kind, "ptr", "i32", bits)
            self.fb.emit(f"call void @{name}({stored}, ptr {at}, i32 {align}, {bits} {mask}){alias}")
            return
        pointers = vector("ptr", _gatherable(buffer, index))
        at = self.addresses(buffer, index)
        name = self.fb.module.intrinsic(
            f"llvm.masked.scatter.{suffix(kind)}.{suffix(pointers)}", "void", kind, pointers, "i32", bits
        )
        self.fb.emit(f"call void @{name}({stored}, {pointers} {at}, i32 {align}, {bits} {mask}){alias}")

    def check_bounds(self, buffer: Buffer, index: Expr, mask: str | None) -> None:
        """Leave with an error unless every active lane is inside the flat buffer.

        Done where that is not shown, and everywhere where the module is sanitized.
        """
        if not self.fb.module.sanitize and (buffer, index) not in self.fb.module.checked:
            return
        lanes = index.dtype.lanes
        size = self.exprs.index(buffer.shape[0]) if buffer.shape else "1"
        if lanes == 1:
            good = self.fb.let(f"icmp ult i64 {self.exprs.index(index)}, {size}")
        else:
            kind, wide, bits = register_type(index.dtype), vector("i64", lanes), vector("i1", lanes)
            extended = self.exprs(index)
            if kind != wide:
                extended = self.fb.let(f"sext {kind} {extended} to {wide}")
            good = self.fb.let(f"icmp ult {wide} {extended}, {self.exprs.broadcast(size, 'i64', lanes)}")
            if mask is not None:
                good = self.fb.let(f"select {bits} {mask}, {bits} {good}, {bits} {_all(lanes)}")
            good = self.exprs.all_lanes(good, lanes)
        message = f"an index is outside of buffer {buffer.name}"
        self.fb.fail_unless(good, self.fb.module.message(message))

    def address(self, buffer: Buffer, index: Expr) -> str:
        """The address of the element at a scalar index.

        Indices that differ by a constant share the address of their variable part, so that unrolled code addresses
        by constant displacements.
        """
        base = self.exprs.pointer(buffer.data)
        kind = memory_type(buffer.dtype)
        terms, constant = self.fb.known.form(index)
        if terms:
            key = ("address", buffer.data, kind, terms)
            known = self.fb.memo.get(key)
            if known is None:
                variable = self.exprs.index(self.fb.known.variable(index))
                known = self.fb.let(f"getelementptr inbounds {kind}, ptr {base}, i64 {variable}")
                if self.exprs.is_stable(index):
                    self.fb.remember(key, known)
            base = known
        return self.fb.let(f"getelementptr inbounds {kind}, ptr {base}, i64 {constant}") if constant else base

    def addresses(self, buffer: Buffer, index: Expr) -> str:
        """The addresses of the elements at a vector of indices."""
        base = self.exprs.pointer(buffer.data)
        return self.fb.let(
            f"getelementptr inbounds {memory_type(buffer.dtype)}, ptr {base}, "
            f"{register_type(index.dtype)} {self.exprs(index)}"
        )

    def address_of_each(self, buffer: Buffer, index: Expr) -> list[str]:
        """The address of each element at a vector of indices; a constant step becomes constant displacements."""
        step, lanes = step_of(index), range(_gatherable(buffer, index))
        if step is not None and isinstance(index, Ramp):
            return [self.address(buffer, index.base + const(lane * step, index.base.dtype)) for lane in lanes]
        at, kind = self.addresses(buffer, index), vector("ptr", len(lanes))
        return [self.fb.let(f"extractelement {kind} {at}, i64 {lane}") for lane in lanes]

    def from_memory(self, value: str, dtype: DType) -> str:
        """A value as it is in memory, brought to a register."""
        if dtype.is_bool:
            zero = "0" if dtype.lanes == 1 else "zeroinitializer"
            return self.fb.let(f"icmp ne {memory_type(dtype)} {value}, {zero}")
        return Narrow(self.fb, dtype).unpack(value) if is_narrow_float(dtype) else value

    def to_memory(self, value: str, dtype: DType) -> str:
        """A register's value as it is in memory."""
        if dtype.is_bool:
            return self.fb.let(f"zext {register_type(dtype)} {value} to {memory_type(dtype)}")
        return Narrow(self.fb, dtype).pack(value) if is_narrow_float(dtype) else value


def _index(node: BufferLoad | BufferStore) -> Expr:
    if len(node.indices) > 1:
        raise InternalError(f"an access of {len(node.indices)}-dimensional {node.buffer.name} reached the backend")
    return node.indices[0] if node.indices else const(0)


def _contiguous(index: Expr) -> tuple[Expr, bool]:
    """The first element's index, and whether the elements accessed lie side by side."""
    if isinstance(index, Ramp):
        return index.base, isinstance(index.stride, IntImm) and index.stride.value == 1 and index.base.dtype.lanes == 1
    return index, index.dtype.lanes == 1


def _gatherable(buffer: Buffer, index: Expr) -> int:
    if buffer.dtype.lanes > 1:
        raise InternalError(f"a gather of vectors ({buffer.dtype}) reached the backend")
    return index.dtype.lanes


def _all(lanes: int) -> str:
    return f"<{', '.join(['i1 true'] * lanes)}>"
