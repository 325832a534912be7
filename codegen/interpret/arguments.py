"""Arguments of an interpreted function: checked against its parameters, turned into pointers and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...tir.buffer import Buffer
from ...tir.dtype import DType, dtype
from ...tir.errors import CallError
from ...tir.expr import IntImm, Var
from ...tir.function import PrimFunc
from .memory import NULL, Memory, Pointer, codec, foreign, is_coded
from .program import Program


def arrange(function: PrimFunc, args: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
    """The arguments in the order of the parameters, some given by position and some by name.

    Raises
    ------
    CallError: too many, too few, unknown names.
    """
    params = function.params
    known = [_label(function, p) for p in params]
    if len(args) > len(params):
        raise CallError(f"`{function.name}` takes {_count(params)} ({', '.join(known)}), got {len(args)}")
    given = dict(zip(params, args))
    for name, value in named.items():
        matches = [p for p, label in zip(params, known) if name in (label, p.name) and p not in given]
        if not matches:
            raise CallError(f"`{function.name}` has no parameter `{name}` left to give; it takes ({', '.join(known)})")
        given[matches[0]] = value
    missing = [label for p, label in zip(params, known) if p not in given]
    if missing:
        raise CallError(
            f"`{function.name}` takes {_count(params)} ({', '.join(known)}), got {len(given)}: "
            f"{', '.join(missing)} missing"
        )
    return [given[p] for p in params]


def _count(params: Sequence[Var]) -> str:
    return f"{len(params)} argument{'s' * (len(params) != 1)}"


def _label(function: PrimFunc, param: Var) -> str:
    buffer = function.buffer_map.get(param)
    return buffer.name if buffer is not None else param.name


def bind(program: Program, args: Sequence[Any]) -> list[Any]:
    """What the compiled function takes: a pointer or number for each parameter and the value of each symbol.

    Raises
    ------
    CallError: an argument does not fit its parameter.
    """
    function = program.function
    values: list[Any] = []
    arrays: list[tuple[Buffer, Any]] = []
    for param, arg in zip(function.params, args):
        buffer = function.buffer_map.get(param)
        if buffer is not None:
            pointer, array = _pointer(function, buffer, arg, written=buffer.data in program.written)
            values.append(pointer)
            arrays.append((buffer, array if array is not None else pointer))
        elif param.dtype.is_handle:
            values.append(_bare_pointer(function, param, arg))
        else:
            values.append(scalar(f"`{function.name}`: argument `{param.name}`", param.dtype, arg))
    join_overlapping([v for v in values if isinstance(v, Pointer) and v.memory is not None])
    symbols = _solve(program, arrays)
    values += symbols
    for (buffer, array), (shape, strides, offset) in zip(arrays, program.layouts(*values)):
        _check_layout(function, buffer, array, shape, strides, offset)
    return values


def scalar(what: str, t: DType, arg: Any) -> Any:
    """`arg` as a number of type `t`.

    Raises
    ------
    CallError: it is no number or does not fit.
    """
    if isinstance(arg, np.generic) or (isinstance(arg, np.ndarray) and arg.ndim == 0):
        arg = arg.item() if not is_coded(dtype(arg.dtype.name)) else float(arg)
    if t.is_bool and isinstance(arg, (bool, int)):
        return bool(arg)
    if t.is_integral and isinstance(arg, int):
        if not t.min <= arg <= t.max:
            raise CallError(f"{what} is {arg}, which does not fit {t} ({t.min} to {t.max})")
        return int(arg)
    if t.is_float and isinstance(arg, (int, float)):
        number = float(arg)
        return codec(t).round(number) if is_coded(t) else number if t.bits == 64 else float(np.float32(number))
    raise CallError(f"{what} is a {t}, got {type(arg).__name__} {arg!r}")


def _as_array(function: PrimFunc, name: str, arg: Any) -> Any:
    if isinstance(arg, np.ndarray):
        return arg
    if hasattr(arg, "__array_interface__"):
        return np.asarray(arg)
    if hasattr(arg, "__dlpack__"):
        return np.from_dlpack(arg)
    try:
        return np.asarray(memoryview(arg))
    except TypeError:
        raise CallError(
            f"`{function.name}`: argument `{name}` must be an array (numpy, DLPack or the buffer protocol), "
            f"got {type(arg).__name__}"
        ) from None


def _pointer(function: PrimFunc, buffer: Buffer, arg: Any, *, written: bool) -> tuple[Pointer, Any]:
    if isinstance(arg, Pointer):
        return arg, None
    array = _as_array(function, buffer.name, arg)
    what = f"`{function.name}`: argument `{buffer.name}`"
    if array.dtype != buffer.dtype.numpy:
        raise CallError(f"{what} must hold {buffer.dtype.element}, got {array.dtype.name}")
    if written and not array.flags.writeable:
        raise CallError(f"{what} is written by the function, but the array is read-only")
    return pointer_to(array, buffer.name, buffer.dtype.element), array


def pointer_to(array: Any, name: str, element: DType) -> Pointer:
    """A pointer to the first element of a numpy array, whose memory stays the array's."""
    low, high = np.lib.array_utils.byte_bounds(array) if array.size else (0, 0)
    memory: Memory = foreign(low, high - low, name)
    offset = array.__array_interface__["data"][0] - low if array.size else 0
    return Pointer(memory, offset, tuple(array.shape), element)


def join_overlapping(pointers: Sequence[Pointer]) -> None:
    """Make pointers into arrays that share bytes point into one memory, as the sanitizer must know them."""
    merged: list[tuple[int, int, list[Pointer]]] = []
    for pointer in sorted((p for p in pointers if p.memory and p.memory.address), key=lambda p: _span(p)[0]):
        low, high = _span(pointer)
        if merged and low < merged[-1][1]:
            first, last, group = merged.pop()
            merged.append((first, max(last, high), [*group, pointer]))
        else:
            merged.append((low, high, [pointer]))
    for low, high, group in merged:
        if len({p.memory for p in group}) > 1:
            memory = foreign(low, high - low, " and ".join(p.memory.name for p in group if p.memory))
            for pointer in group:
                pointer.offset += _span(pointer)[0] - low
                pointer.memory = memory


def _span(pointer: Pointer) -> tuple[int, int]:
    assert pointer.memory is not None
    return pointer.memory.address, pointer.memory.address + len(pointer.memory.bytes)


def _bare_pointer(function: PrimFunc, param: Var, arg: Any) -> Pointer:
    if arg is None or arg is NULL:
        return NULL
    if isinstance(arg, Pointer):
        return arg
    array = _as_array(function, param.name, arg)
    if param.pointee is not None and array.dtype != param.pointee.numpy:
        raise CallError(f"`{function.name}`: argument `{param.name}` must hold {param.pointee}, got {array.dtype.name}")
    return pointer_to(array, param.name, dtype(array.dtype.name))


def _extents(buffer: Buffer, array: Any) -> tuple[int, ...] | None:
    """The shape of an argument in elements of the buffer's type; None where it is a pointer of unknown shape."""
    shape = array.shape
    if shape is not None and buffer.dtype.lanes > 1:
        shape = shape[:-1] if shape and shape[-1] == buffer.dtype.lanes else None
    return shape


def _strides(buffer: Buffer, array: Any) -> tuple[int, ...]:
    size = buffer.dtype.bytes * buffer.dtype.lanes
    return tuple(s // size if s % size == 0 else 0 for s in array.strides[: buffer.ndim])


def _solve(program: Program, arrays: Sequence[tuple[Buffer, Any]]) -> list[int]:
    """The symbols' values, each from the first argument whose shape, strides or offset is that symbol."""
    function = program.function
    found: dict[Var, int] = {}
    for buffer, array in arrays:
        shape = _extents(buffer, array)
        if shape is None:
            continue
        if len(shape) != buffer.ndim:
            raise CallError(
                f"`{function.name}`: argument `{buffer.name}` has {len(shape)} dimensions, shape {_tuple(shape)}; "
                f"expected {buffer.ndim}, shape {_symbolic(buffer)}"
            )
        pairs = list(zip(buffer.shape, shape))
        if not isinstance(array, Pointer):
            pairs += list(zip(buffer.strides, _strides(buffer, array)))
        for symbol, value in [*pairs, (buffer.elem_offset, 0)]:
            if isinstance(symbol, Var):
                found.setdefault(symbol, value)
    unknown = [s.name for s in program.symbols if s not in found]
    if unknown:
        raise CallError(f"`{function.name}`: nothing gives a value to {', '.join(unknown)}")
    return [found[s] for s in program.symbols]


def _check_layout(
    function: PrimFunc,
    buffer: Buffer,
    array: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None,
    offset: int,
) -> None:
    what = f"`{function.name}`: argument `{buffer.name}`"
    actual = _extents(buffer, array)
    if actual is None:
        if not isinstance(array, Pointer):
            raise CallError(f"{what} must have a last dimension of {buffer.dtype.lanes}, one for each lane")
        return
    if tuple(actual) != shape:
        expected = _symbolic(buffer)
        known = "" if all(isinstance(e, IntImm) for e in buffer.shape) else f" = {_tuple(shape)}"
        raise CallError(f"{what} has shape {_tuple(actual)}; expected {expected}{known}")
    if isinstance(array, Pointer):
        return
    given = _strides(buffer, array)
    if strides is None:
        if not array.flags.c_contiguous:
            raise CallError(
                f"{what} is not contiguous: its strides are {_tuple(given)} elements; pass "
                "np.ascontiguousarray(...) or declare the buffer's strides"
            )
    elif any(s != g and n > 1 for s, g, n in zip(strides, given, shape)):
        raise CallError(f"{what} has strides {_tuple(given)} in elements; expected {_tuple(strides)}")
    if offset != 0:
        raise CallError(f"{what} starts at its first element; expected an element offset of {offset}")


def _tuple(items: Sequence[int]) -> str:
    return f"({', '.join(map(str, items))}{',' * (len(items) == 1)})"


def _symbolic(buffer: Buffer) -> str:
    return f"({', '.join(map(str, buffer.shape))}{',' * (buffer.ndim == 1)})"
