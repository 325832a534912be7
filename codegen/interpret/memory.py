"""Memory as interpreted programs see it: bytes, typed views of them, and pointers into them."""

from __future__ import annotations

import ctypes
from typing import Any

from ...tir.dtype import DType
from ...tir.float_formats import FLOAT8
from .scalars import Fault, decode_table, encoder

FORMATS: dict[str, Any] = {
    "float64": "d",
    "float32": "f",
    "float16": "H",
    "bfloat16": "H",
    **dict.fromkeys(FLOAT8, "B"),
    "int64": "q",
    "int32": "i",
    "int16": "h",
    "int8": "b",
    "int4": "b",
    "uint64": "Q",
    "uint32": "I",
    "uint16": "H",
    "uint8": "B",
    "uint4": "B",
    "bool": "?",
}
"""The `memoryview` format under which each element type is kept. Floats below 32 bits are kept as their bits."""

POISON = b"\xff"
"""What fresh memory is filled with: NaN in every floating-point type, -1 in the signed integers."""


def is_coded(element: DType) -> bool:
    """Whether elements are kept as bits that are decoded at loads and encoded at stores."""
    return element.is_float and element.bits < 32


class Codec:
    """How a coded element type goes between bits in memory and Python floats."""

    __slots__ = ("decode", "encode")

    def __init__(self, element: DType) -> None:
        self.decode = decode_table(str(element))
        self.encode = encoder(str(element))

    def round(self, value: float) -> float:
        """The number of the type nearest to `value`, ties to even."""
        return self.decode[self.encode(value)]


_codecs: dict[str, Codec] = {}


def codec(element: DType) -> Codec:
    """The codec of a coded element type."""
    found = _codecs.get(str(element))
    if found is None:
        found = _codecs[str(element)] = Codec(element)
    return found


class Memory:
    """One allocation, or one argument's memory.

    Attributes
    ----------
    bytes: the memory as a writable view of unsigned bytes.
    name: the buffer it was made for, as the user named it.
    address: where an argument's memory lies; 0 for memory of the program's own.
    shadow: what the sanitizer knows about it; None outside the sanitizer.
    """

    __slots__ = ("_views", "address", "bytes", "name", "shadow")

    def __init__(self, data: Any, name: str, address: int = 0) -> None:
        self.bytes = memoryview(data).cast("B")
        self.address = address
        self.name = name
        self.shadow: Any = None
        self._views: dict[tuple[str, int], memoryview] = {}

    def view(self, element: DType, offset: int = 0) -> memoryview:
        """The memory from byte `offset` on as elements; what does not fill an element at the end is left out."""
        key = (FORMATS[element], offset)
        found = self._views.get(key)
        if found is None:
            size = element.bytes
            end = offset + (len(self.bytes) - offset) // size * size
            part = self.bytes[offset:end]
            # A view of nothing cannot be cast.
            found = part.cast(key[0]) if len(part) else memoryview(bytearray(0)).cast(key[0])
            self._views[key] = found
        return found


class Pointer:
    """An address: `offset` bytes into `memory`; None as memory is the null pointer.

    `shape` is that of the array the pointer stands for, where it stands for one.
    """

    __slots__ = ("element", "memory", "offset", "shape")

    def __init__(
        self, memory: Memory | None, offset: int = 0, shape: tuple[int, ...] | None = None, element: DType | None = None
    ) -> None:
        self.memory = memory
        self.offset = offset
        self.shape = shape
        self.element = element

    def view(self, element: DType) -> memoryview:
        """The elements from here on."""
        if self.memory is None:
            raise Fault("the null pointer is accessed")
        return self.memory.view(element, self.offset)

    def whole(self, element: DType) -> memoryview:
        """All of the memory as elements, the one pointed to being number `index`."""
        if self.memory is None:
            raise Fault("the null pointer is accessed")
        return self.memory.view(element, self.offset % element.bytes)

    def index(self, element: DType) -> int:
        """Which element of `whole` is pointed to."""
        return self.offset // element.bytes

    def at(self, elements: int, element: DType) -> Pointer:
        """The pointer `elements` elements further on."""
        return Pointer(self.memory, self.offset + elements * element.bytes, None, element)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pointer) and self.memory is other.memory and self.offset == other.offset

    def __hash__(self) -> int:
        return hash((id(self.memory), self.offset))


NULL = Pointer(None)


def allocate(size: int, name: str) -> Memory:
    """Fresh memory of `size` bytes, poisoned."""
    return Memory(bytearray(POISON) * size, name)


def foreign(address: int, size: int, name: str) -> Memory:
    """`size` bytes of memory somebody else owns and keeps alive."""
    return Memory((ctypes.c_char * size).from_address(address) if size else bytearray(0), name, address)
