"""Says what is wrong with arguments that the native entry refused, in the words of the program and of numpy.

The rules are those of emit.py, in the same order. Every refusal names the argument, says what was expected and what
came, and where there is one, the expression to write instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ...tir.errors import CallError
from . import dims
from .dtypes import kind
from .refusal import count_text, place, refusal, shape_text
from .signature import BufferParam, Param, Signature


def check(signature: Signature, args: Sequence[Any]) -> None:
    """Raise a `CallError` unless `args`, which `arguments.adapted` returned, are what the signature says."""
    values = {param.name: value for param, value in zip(signature.params, args, strict=True)}
    _Call(signature, values).check()


class _Call:
    """One call's arguments on their way through the rules."""

    def __init__(self, signature: Signature, values: dict[str, Any]) -> None:
        self.signature = signature
        self.arrays: dict[str, np.ndarray] = {buffer.name: values[buffer.name] for buffer in signature.buffers}
        self.symbols: dict[str, int] = {name: values[name] for name in signature.integers}

    def check(self) -> None:
        """Go through the rules."""
        buffers = self.signature.buffers
        for buffer in buffers:
            self.check_kind(buffer, self.arrays[buffer.name])
        self.bind_symbols()
        for buffer in buffers:
            array = self.arrays[buffer.name]
            self.check_shape(buffer, array)
            if array.size:
                self.check_strides(buffer, array)
        for buffer in buffers:
            self.check_address(buffer, self.arrays[buffer.name])
        for one, other in combinations(buffers, 2):
            self.check_overlap(one, other)

    def refuse(self, param: Param, problem: str, hint: str = "") -> CallError:
        """The error about one argument."""
        return refusal(self.signature, param, problem, hint)

    def check_kind(self, param: BufferParam, array: np.ndarray) -> None:
        """The data type, the number of dimensions, and that what is written may be."""
        known = param.kind
        if array.dtype != known.numpy or not array.dtype.isnative:
            fresh = f"{param.name} = numpy.empty({array.shape}, dtype={known.text})"
            hint = fresh if param.written else f"{param.name}.astype({known.text})"
            raise self.refuse(param, f"expected elements of {known.stored}, got {array.dtype}", hint)
        if array.ndim != len(param.shape):
            expected = f"{count_text(len(param.shape), 'dimension')}, shape {shape_text(param.shape)}"
            raise self.refuse(param, f"expected {expected}, got {array.ndim}, shape {array.shape}")
        if param.written and not array.flags.writeable:
            hint = f"pass a writable array; numpy.array({param.name}) makes a writable copy"
            raise self.refuse(param, f"{self.signature.name} writes it, but the array is read-only", hint)

    # Shapes, strides, symbols.

    def bind_symbols(self) -> None:
        """Give every symbol its value, which must fit its type and not be negative."""
        params = {param.name: param for param in self.signature.params}
        types = dict(self.signature.symbols)
        for name, binding in self.signature.bindings.items():
            param = params[binding.param]
            if isinstance(param, BufferParam):
                sources = {"shape": self.arrays[param.name].shape, "offset": (0,)}
                source = sources.get(binding.what)
                self.symbols[name] = source[binding.axis] if source else self.stride(param, binding.axis)
            if name in types:
                greatest = min(kind(types[name]).range[1], (1 << 63) - 1)
                if not 0 <= self.symbols[name] <= greatest:
                    hint = self.compacted(param) if self.symbols[name] < 0 else ""
                    problem = f"{binding} is {self.symbols[name]}, but {name} ({types[name]}) must be 0 to {greatest}"
                    raise self.refuse(param, problem, hint)

    def stride(self, param: BufferParam, axis: int) -> int:
        """A stride in elements."""
        array = self.arrays[param.name]
        whole, rest = divmod(array.strides[axis], array.itemsize)
        if rest:
            problem = f"the stride of dimension {axis} is {array.strides[axis]} bytes, not a whole number of elements"
            raise self.refuse(param, problem, self.compacted(param))
        return whole

    def check_shape(self, param: BufferParam, array: np.ndarray) -> None:
        """Every extent is what the signature says."""
        for axis, (extent, dim) in enumerate(zip(array.shape, param.shape, strict=True)):
            wrong = self.mismatch(extent, dim)
            if wrong:
                expected = f"expected shape {shape_text(param.shape)}, got {array.shape}"
                raise self.refuse(param, f"{expected}; dimension {axis} is {extent}, not {wrong}")

    def check_strides(self, param: BufferParam, array: np.ndarray) -> None:
        """Every stride that matters is the declared one, or that of a compact array; written elements are apart."""
        layout = f"shape {array.shape} with strides {array.strides} bytes"
        if param.strides is None:
            if not array.flags.c_contiguous:
                raise self.refuse(param, f"expected a compact row-major array, got {layout}", self.compacted(param))
            return
        for axis, dim in enumerate(param.strides):
            if array.shape[axis] <= 1:
                continue
            stride = self.stride(param, axis)
            wrong = self.mismatch(stride, dim)
            if wrong:
                expected = f"expected strides {shape_text(param.strides)} in elements, got {layout}"
                raise self.refuse(param, f"{expected}; that of dimension {axis} is {stride} elements, not {wrong}")
        if param.written and _overlaps_itself(array):
            problem = f"{self.signature.name} writes it, but its elements may share memory: {layout}"
            raise self.refuse(param, problem, self.compacted(param))

    def mismatch(self, actual: int, dim: dims.Dim) -> str:
        """What `dim` must be where it is not `actual`: "4", "n = 4, which is `A.shape[0]`"."""
        expected = dims.value(dim, self.symbols)
        if actual == expected:
            return ""
        bindings = self.signature.bindings
        if isinstance(dim, int):
            return str(dim)
        if isinstance(dim, str):
            return f"{dim} = {expected}, which is {bindings[dim]}"
        result = f"= {expected}" if expected is not None else "(which has no value)"
        known = [f"{name} = {self.symbols[name]} is {bindings[name]}" for name in dict.fromkeys(dims.names(dim))]
        return f"{dims.text(dim)} {result}, where {' and '.join(known)}"

    def compacted(self, param: Param) -> str:
        """How to get a compact array."""
        if isinstance(param, BufferParam) and param.written:
            return f"let it write a compact array and copy the result into `{param.name}`"
        return f"numpy.ascontiguousarray({param.name})"

    # Addresses.

    def check_address(self, param: BufferParam, array: np.ndarray) -> None:
        """The pointer the kernel would get is aligned as declared."""
        offset = dims.value(param.offset, self.symbols)
        if offset is None:
            known = ", ".join(f"{name} = {self.symbols[name]}" for name in dims.names(param.offset))
            raise self.refuse(param, f"its offset {dims.text(param.offset)} has no value for {known}")
        start = array.__array_interface__["data"][0] if array.size else 0
        past = (start - offset * array.itemsize) % param.alignment
        if past:
            problem = f"must start at a multiple of {param.alignment} bytes, but starts {past} past one"
            allocation = f"tensorir.empty({array.shape}, {param.kind.text}, align={param.alignment})"
            raise self.refuse(param, problem, f"allocate it with {allocation}")

    def check_overlap(self, one: BufferParam, other: BufferParam) -> None:
        """A written array shares no memory with another."""
        a, b = self.arrays[one.name], self.arrays[other.name]
        if (one.written or other.written) and a.size and b.size and np.may_share_memory(a, b):
            written, kept = (one, other) if one.written else (other, one)
            name, both = self.signature.name, (place(self.signature, one), place(self.signature, other))
            problem = f"arguments {both[0]} and {both[1]} may share memory, and {name} writes `{written.name}`"
            raise CallError(f"{name}: {problem}\n  hint: pass {kept.name}.copy()")


def _overlaps_itself(array: np.ndarray) -> bool:
    """Whether, dimensions sorted by stride, one does not step over all that the smaller ones span."""
    span = array.itemsize
    for stride, extent in sorted((s, e) for s, e in zip(array.strides, array.shape, strict=True) if e > 1):
        if stride < span:
            return True
        span += (extent - 1) * stride
    return False
