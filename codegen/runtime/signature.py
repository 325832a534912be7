"""What a compiled function takes: its parameters in order, what each must be, and how the kernel receives them.

A kernel is a C function `i32 kernel(...)`. It receives, in the order of `Signature.params`, a pointer for every buffer
and a number for every scalar, then the values of `Signature.symbols` in their order; it returns a code of `codes.py`.
The types of numbers are `dtypes.KINDS[dtype].llvm`. What a kernel may take for granted is what the entry checks:

- a buffer's pointer p is where its element 0 lies if offset is 0 (p + offset elements otherwise), is a multiple of its
  alignment, and is not null; extents and strides are the declared ones; symbols are not negative and fit their type;
- a written buffer is writable, shares no memory with any other buffer, and no two of its elements share memory;
- a buffer with an extent of 0 has a pointer that is aligned but must not be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ...tir.errors import InternalError
from . import dims
from .dims import Dim
from .dtypes import Kind, kind

MAX_ALIGN = 4096
"""The strictest alignment a buffer can ask for, in bytes."""


@dataclass(frozen=True, slots=True)
class BufferParam:
    """A parameter that takes an array.

    Attributes
    ----------
    name: as errors and keyword arguments spell it.
    dtype: the data type of the elements.
    shape: an extent per dimension. A symbol's first plain occurrence binds it; expressions are only checked.
    strides: in elements, per dimension; None for compact row-major. The stride of an extent up to 1 is not checked.
    offset: where in elements, counted from the pointer the kernel gets, the array's first element lies. A symbol that
        occurs nowhere but as an offset is 0.
    align: what the kernel's pointer is a multiple of, in bytes; 0 for the size of an element.
    written: whether the kernel writes the array.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...]
    strides: tuple[Dim, ...] | None = None
    offset: Dim = 0
    align: int = 0
    written: bool = False

    @property
    def kind(self) -> Kind:
        """What the runtime knows of the data type."""
        return kind(self.dtype)

    @property
    def alignment(self) -> int:
        """The alignment in bytes, always at least 1."""
        return self.align or self.kind.bytes

    def __str__(self) -> str:
        shape = ", ".join(map(dims.text, self.shape))
        layout = "" if self.strides is None else f", strides=[{', '.join(map(dims.text, self.strides))}]"
        return f"{self.name}: {'written ' if self.written else ''}{self.dtype}[{shape}{layout}]"


@dataclass(frozen=True, slots=True)
class ScalarParam:
    """A parameter that takes a number; where its name is that of a symbol in a shape, it binds that symbol."""

    name: str
    dtype: str

    @property
    def kind(self) -> Kind:
        """What the runtime knows of the data type."""
        return kind(self.dtype)

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}"


Param = BufferParam | ScalarParam


@dataclass(frozen=True)
class Signature:
    """A compiled function's interface.

    Attributes
    ----------
    name: the function's name, as errors show it.
    params: its parameters, in order.
    symbols: the names in shapes and strides that are not scalar parameters, each with its integer data type, in the
        order in which the kernel takes their values.
    messages: what to say when the kernel returns `codes.message(i)`.
    release_gil: let other Python threads run meanwhile; worth its 25 ns for kernels that run for some microseconds.

    Raises
    ------
    InternalError: the description contradicts itself, or a symbol is bound nowhere.
    """

    name: str
    params: tuple[Param, ...]
    symbols: tuple[tuple[str, str], ...] = ()
    messages: tuple[str, ...] = ()
    release_gil: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.params))})"

    @cached_property
    def buffers(self) -> tuple[BufferParam, ...]:
        """The parameters that take arrays, in order."""
        return tuple(param for param in self.params if isinstance(param, BufferParam))

    @cached_property
    def integers(self) -> dict[str, ScalarParam]:
        """The integer parameters by name, which shapes may mention."""
        return {p.name: p for p in self.params if isinstance(p, ScalarParam) and p.kind.kind in ("int", "uint")}

    @cached_property
    def bindings(self) -> dict[str, Binding]:
        """Where every symbol gets its value; insertion order is the order of binding."""
        found = {name: Binding(name) for name in self.integers}
        for what in ("shape", "stride"):  # a shape says more about a symbol than a stride does
            for buffer in self.buffers:
                for axis, dim in enumerate(_listed(buffer, what)):
                    if isinstance(dim, str) and dim not in found:
                        found[dim] = Binding(buffer.name, what, axis)
        for buffer in self.buffers:
            if isinstance(buffer.offset, str) and buffer.offset not in found:
                found[buffer.offset] = Binding(buffer.name, "offset")
        return found

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """The names that occur in shapes, strides and offsets."""
        return frozenset(name for dim in _all_dims(self) for name in dims.names(dim))

    @property
    def kernel_types(self) -> str:
        """The kernel's parameter types in LLVM, with what the calling convention wants: "ptr, ptr, i8 signext"."""
        numbers = [kind(dtype) for _, dtype in self.symbols]
        types = ["ptr" if isinstance(p, BufferParam) else f"{p.kind.llvm} {p.kind.extend}" for p in self.params]
        return ", ".join(t.strip() for t in (*types, *(f"{k.llvm} {k.extend}" for k in numbers)))


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a symbol's value comes from: parameter `param` itself, or its shape, stride (of an axis) or offset."""

    param: str
    what: str = "value"
    axis: int = 0

    def __str__(self) -> str:
        part = {"value": "", "offset": ".offset"}.get(self.what, f".{self.what}[{self.axis}]")
        return f"`{self.param}{part}`"


def _listed(buffer: BufferParam, what: str) -> tuple[Dim, ...]:
    return buffer.shape if what == "shape" else buffer.strides or ()


def _all_dims(signature: Signature) -> Iterator[Dim]:
    for buffer in signature.buffers:
        yield from (*buffer.shape, *(buffer.strides or ()), buffer.offset)


def _check(signature: Signature) -> None:
    def require(condition: bool, message: str) -> None:
        if not condition:
            raise InternalError(f"signature of {signature.name}: {message}")

    declared = [p.name for p in signature.params]
    require(len(set(declared)) == len(declared), "two parameters have the same name")
    for buffer in signature.buffers:
        layout = (*buffer.shape, *(buffer.strides or ()))
        require(all(d >= 0 for d in layout if isinstance(d, int)), f"`{buffer.name}` has a negative extent or stride")
        if buffer.strides is not None:
            require(len(buffer.strides) == len(buffer.shape), f"`{buffer.name}` needs a stride for each dimension")
        align = buffer.alignment
        require(0 < align <= MAX_ALIGN and align & (align - 1) == 0, f"`{buffer.name}` has the alignment {align}")
    symbols = dict(signature.symbols)
    require(len(symbols) == len(signature.symbols), "a symbol is listed twice")
    require(not symbols.keys() & set(declared), "a symbol has the name of a parameter")
    require(all(kind(d).kind in ("int", "uint") for d in symbols.values()), "a symbol is not an integer")
    for dim in _all_dims(signature):
        for name in dims.names(dim):
            require(name in symbols or name in signature.integers, f"`{name}` is no symbol and no integer parameter")
    for name in symbols:
        require(name in signature.bindings, f"nothing binds the symbol `{name}`")
