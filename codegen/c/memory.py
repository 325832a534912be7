"""Loads and stores as C: elements, vectors of neighbouring elements, gathers, masks, and what is narrow in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import DType
from ...tir.errors import InternalError
from ...tir.expr import Broadcast, Expr, IntImm, Ramp, Var, const
from ...tir.stmt import BufferStore
from .types import is_narrow, memory_type, padded
from .writer import ADD, ATOM, MUL, UNARY, Code

if TYPE_CHECKING:
    from .expr import ExprEmitter


class Memory:
    """Emits the accesses of one function.

    Attributes
    ----------
    kinds: the C type that each pointer in scope points to; "" where it is a bare one.
    past_caches: the stores that go past the caches here, and the bytes the address of each is a multiple of.
    """

    def __init__(self, exprs: ExprEmitter) -> None:
        self.exprs = exprs
        self.kinds: dict[Var, str] = {}
        self.past_caches: Mapping[BufferStore, int] = {}

    def pointer(self, buffer: Buffer) -> Code:
        """The pointer to a buffer's memory as one to its elements."""
        data = self.exprs(buffer.data)
        kind = memory_type(buffer.dtype)
        if self.kinds.get(buffer.data) == kind:
            return data
        alias = f"{kind.removesuffix('_t').replace(' *', '_pointer')}_alias"
        self.exprs.w.shared.vectors.setdefault(alias, f"typedef {kind} {alias} __attribute__((may_alias));")
        return Code(f"(({alias} *){data})")

    def element(self, buffer: Buffer, index: Code) -> Code:
        """The element of a buffer at an index counted in its scalar lanes."""
        return Code(f"{self.pointer(buffer)}[{index}]")

    def load(self, node: BufferLoad) -> Code:
        """The value of a load."""
        buffer, index, type_ = node.buffer, _index(node), node.dtype
        exprs = self.exprs
        if type_.lanes == 1:
            return self.from_memory(self.element(buffer, self.checked(buffer, index, exprs.index(index))), type_)
        if isinstance(index, Broadcast) and node.predicate is None and buffer.dtype.lanes == 1:
            at = self.checked(buffer, index, exprs.index(index.value))
            scalar = self.from_memory(self.element(buffer, at), buffer.dtype)
            lane = exprs.name(scalar, buffer.dtype)
            return exprs.each_lane(type_, lambda: lane)
        start = self.start(buffer, index)
        if start is not None and node.predicate is None and self.is_plain(type_) and not self.is_checked(buffer, index):
            kind = exprs.kind(type_)
            return exprs.w.let(kind, f"*(const {kind}_at *)({self.pointer(buffer)} + {start.within(ADD)})", "v")
        at = self.lane(buffer, index, start)
        mask = None if node.predicate is None else exprs.lane_of(node.predicate)

        def lane_value() -> Code:
            value = self.from_memory(self.element(buffer, self.checked(buffer, index, at, mask)), type_.element)
            return value if mask is None else exprs.choice(mask, value, Code("0"))

        return exprs.each_lane(type_, lane_value)

    def store(self, node: BufferStore) -> None:
        """Emit a store."""
        buffer, index, exprs, w = node.buffer, _index(node), self.exprs, self.exprs.w
        type_ = node.value.dtype
        if type_.lanes == 1:
            value = self.to_memory(exprs(node.value), type_)
            w.line(f"{self.element(buffer, self.checked(buffer, index, exprs.index(index)))} = {value};")
            return
        start = self.start(buffer, index)
        if start is not None and node.predicate is None and self.is_plain(type_) and not self.is_checked(buffer, index):
            value = exprs(node.value)
            aligned = self.past_caches.get(node)
            if aligned is not None:
                held = exprs.name(value, type_)
                to = f"{self.pointer(buffer)} + {start.within(ADD)}"
                w.line(f"tir_stream({to}, &{held}, sizeof {held}, {aligned});")
                return
            w.line(f"*({exprs.kind(type_)}_at *)({self.pointer(buffer)} + {start.within(ADD)}) = {value};")
            return
        lane = exprs.lane_of(node.value)
        at = self.lane(buffer, index, start)
        mask = None if node.predicate is None else exprs.lane_of(node.predicate)
        with w.block(f"for (int lane = 0; lane < {type_.lanes}; ++lane)"):
            guard = "" if mask is None else f"if ({mask}) "
            element = self.element(buffer, self.checked(buffer, index, at, mask))
            w.line(f"{guard}{element} = {self.to_memory(lane, type_.element)};")

    def is_checked(self, buffer: Buffer, index: Expr) -> bool:
        """Whether an access is checked: where it is not shown to be inside, and everywhere in a sanitized module."""
        shared = self.exprs.w.shared
        return shared.sanitize or (buffer, index) in shared.checked

    def checked(self, buffer: Buffer, whole: Expr, index: Code, mask: Code | None = None) -> Code:
        """The scalar `index`, a lane of `whole`; where it is checked, leave with an error unless it is inside."""
        w = self.exprs.w
        if not self.is_checked(buffer, whole):
            return index
        size = self.exprs.index(buffer.shape[0]) if buffer.shape else Code("1")
        lanes = f" * {buffer.dtype.lanes}" if buffer.dtype.lanes > 1 else ""
        index = w.let("int64_t", index, "at")
        outside = f"{index} < 0 || {index} >= {size.within(MUL)}{lanes}"
        code = w.shared.message(f"an index is outside of buffer {buffer.name}")
        w.fail_if(outside if mask is None else f"{mask} && ({outside})", code)
        return index

    def start(self, buffer: Buffer, index: Expr) -> Code | None:
        """The scalar index where an access of neighbouring elements begins; None for one of scattered elements."""
        per = buffer.dtype.lanes
        if isinstance(index, Ramp):
            if not (isinstance(index.stride, IntImm) and index.stride.value == 1 and index.base.dtype.lanes == 1):
                return None
            index = index.base
        if index.dtype.lanes > 1:
            return None
        first = self.exprs.index(index)
        return first if per == 1 else Code(f"{first.within(MUL)} * {per}", MUL)

    def lane(self, buffer: Buffer, index: Expr, start: Code | None) -> Code:
        """The scalar index of lane number `lane`."""
        if start is not None:
            base = self.exprs.name(start, index.dtype.element, "base")
            return Code(f"{base} + lane", ADD)
        if buffer.dtype.lanes > 1:
            raise InternalError(f"a gather of vectors ({buffer.dtype}) reached the backend")
        return self.exprs.lane_of(index)

    @staticmethod
    def is_plain(type_: DType) -> bool:
        """Whether a vector is in memory what it is in a variable."""
        return not is_narrow(type_) and not type_.is_bool and padded(type_.lanes) == type_.lanes

    @staticmethod
    def from_memory(value: Code, type_: DType) -> Code:
        """A scalar as it is in memory, as a value."""
        if is_narrow(type_):
            return Code(f"unpack_{type_.element}({value})")
        return value

    @staticmethod
    def to_memory(value: Code, type_: DType) -> Code:
        """A scalar value as it is in memory."""
        return Code(f"pack_{type_.element}({value})") if is_narrow(type_) else value

    def address(self, load: BufferLoad) -> Code:
        """The address of an element."""
        index = self.exprs.index(_index(load)).within(UNARY)
        per = load.buffer.dtype.lanes
        return Code(f"({self.pointer(load.buffer)} + {index}{f' * {per}' if per > 1 else ''})", ATOM)


def _index(node: BufferLoad | BufferStore) -> Expr:
    if len(node.indices) > 1:
        raise InternalError(f"an access of {len(node.indices)}-dimensional {node.buffer.name} reached the backend")
    return node.indices[0] if node.indices else const(0)
