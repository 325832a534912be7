"""The attributes and methods of the program's values: `A.data`, `A.vload(...)`, `x.astype(...)`, ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...tir import op
from ...tir.buffer import Buffer, BufferLoad, BufferRegion
from ...tir.dtype import DType
from ...tir.dtype import dtype as as_type
from ...tir.errors import UserError
from ...tir.expr import Add, Broadcast, CommReducer, Expr, IntImm, Mul, Ramp, as_expr, binary, const
from ...tir.expr import cast as convert_type
from ...tir.stmt import BufferStore, seq
from ...tir.visit import substitute
from ..builder import current
from .buffers import decl_buffer
from .construct import Constant, Index, Type, Value, _value, construct, typed

Members = Mapping[str, Callable[[Any], Any]]
"""Attributes by name, each with what gives its value."""


class Method:
    """A construct with its first argument given, as in `A.vload([i])`."""

    __slots__ = ("construct", "receiver")

    def __init__(self, function: Callable[..., Any], receiver: Any) -> None:
        self.construct, self.receiver = function, receiver


@construct
def astype(value: Value, dtype: Type) -> Expr:
    """`x.astype("float32")`: the value converted to `dtype`.

    >>> A[0, 0] = B[0].astype("float32")
    """
    return convert_type(_value(value), dtype)


@construct
def vload(buffer: Buffer, indices: Any, dtype: Type | None = None, predicate: Value | None = None) -> Expr:
    """`A.vload([i, T.Ramp(0, 1, 4)])`: an element or vector; a vector of bools as `predicate` masks its lanes.

    Of a vector type `dtype`, the elements that follow the one named, row by row.

    >>> A[0, 0:4] = A.vload([1, T.Ramp(0, 1, 4)], predicate=B[0:4] > T.Broadcast(0, 4))
    >>> A[0, 0:4] = A.vload([1, 0], "float32x4")
    """
    indices = tuple(indices) if isinstance(indices, (tuple, list)) else (indices,)
    if dtype is not None:
        indices = _following(buffer, indices, as_type(dtype))
    load = buffer[indices]
    load = load if isinstance(load, BufferLoad) else load.to_expr()
    return load if predicate is None else BufferLoad(load.buffer, load.indices, _value(predicate))


def _following(buffer: Buffer, indices: tuple[Any, ...], wanted: DType) -> tuple[Any, ...]:
    """The places of as many elements as `wanted` has lanes, from `indices` on in row-major order."""
    if wanted.element != buffer.dtype.element:
        raise UserError(f"`{buffer.name}` holds {buffer.dtype}: its vectors are loaded, not {typed(wanted)}")
    span = lanes = wanted.lanes // buffer.dtype.lanes
    *outer, last = map(as_expr, indices)
    if lanes <= 1 or len(indices) != buffer.ndim or last.dtype.lanes > 1:
        return indices
    place: Expr = Ramp(last, const(1, last.dtype), lanes)
    inner: list[Expr] = []
    for extent in reversed(buffer.shape[1:]):
        if not isinstance(extent, IntImm) or span <= extent.value:
            break
        row = Broadcast(extent, lanes)
        inner.insert(0, op.floormod(place, row))
        place = Broadcast(outer.pop(), lanes) + op.floordiv(place, row)
        span = -(-span // extent.value)
    return (*outer, place, *inner)


@construct
def vstore(buffer: Buffer, indices: Any, value: Value, predicate: Value | None = None) -> None:
    """`A.vstore([i], value)`: stores an element or vector; a vector of bools as `predicate` masks its lanes.

    >>> A.vstore([0, T.Ramp(0, 1, 4)], A[1, 0:4], predicate=B[0:4] > T.Broadcast(0, 4))
    """
    place = vload(buffer, indices)
    assert isinstance(place, BufferLoad)
    mask = None if predicate is None else _value(predicate)
    stored = as_expr(value, place.dtype)
    if stored.dtype != place.dtype:
        raise UserError(f"{typed(stored.dtype)} is stored where {place.dtype} is held; cast it")
    current("vstore").emit(BufferStore(buffer, stored, place.indices, mask))


@construct
def access_ptr(
    buffer: Buffer,
    access_mask: Any = "rw",
    ptr_type: Any = None,
    content_lanes: Constant = 1,
    offset: Index = 0,
    extent: Index | None = None,
) -> Expr:
    """`A.access_ptr("r", offset=4)`: a pointer to an element, for reading "r", writing "w" or both "rw".

    `offset` counts elements from the buffer's first one.

    >>> T.evaluate(T.call_extern("int32", "f", A.access_ptr("r", offset=16)))
    """
    masks = {"r": 1, "w": 2, "rw": 3}
    mask = masks.get(access_mask, access_mask)
    if not isinstance(mask, int):
        raise UserError(f"the access mask is 'r', 'w' or 'rw', not {access_mask!r}")
    if extent is None:
        extent = const(1)
        for e in buffer.shape:
            extent = e if extent is const(1) else binary(Mul, extent, e)
    element = op.raw_call("type_annotation", dtype_=buffer.dtype)
    start = buffer.elem_offset
    if not (isinstance(start, IntImm) and start.value == 0):
        offset = binary(Add, start, offset)
    return op.raw_call("tvm_access_ptr", element, buffer.data, offset, extent, const(mask))


@construct
def view(buffer: Buffer, *shape: Index) -> Any:
    """`A.view(4, 4)`: the same memory as a buffer of another shape, for the rest of the suite.

    >>> flat = A.view(256)
    >>> flat[n] = 1
    """
    return decl_buffer(shape, buffer.dtype, buffer)


@construct
def step(reducer: Any, target: Any, value: Any) -> None:
    """`reducer.step(C[vi], value)`: the block's update `C[vi] = combine(C[vi], value)` and its init, the identity.

    For a reducer of tuples both are tuples.

    >>> total = T.comm_reducer(lambda x, y: x + y, T.float32(0))
    >>> for k in range(16):
    ...     with T.block([T.reduce_axis(0, 16)], "row") as [vk]:
    ...         T.bind(vk, k)
    ...         total.step(A[0, 0], A[1, vk])
    """
    builder = current("reducer.step")
    targets = target if isinstance(target, (tuple, list)) else (target,)
    values = [_value(v) for v in (value if isinstance(value, (tuple, list)) else (value,))]
    n = len(reducer.lhs)
    if len(targets) != n or len(values) != n or not all(isinstance(t, BufferLoad) for t in targets):
        raise UserError(f"step takes {n} element{'s' * (n != 1)} of buffers and as many values")
    if builder.block.init is not None:
        raise UserError("the block has an init already")
    bound = {**dict(zip(reducer.lhs, targets)), **dict(zip(reducer.rhs, values))}
    stores = [BufferStore(t.buffer, substitute(r, bound), t.indices) for t, r in zip(targets, reducer.result)]
    builder.block.init = seq(*(BufferStore(t.buffer, e, t.indices) for t, e in zip(targets, reducer.identity_element)))
    for store in stores:
        builder.emit(store)


class _Scope(str):
    """A string that may also be called: `A.scope` and `A.scope()`."""

    __slots__ = ()

    def __call__(self) -> str:
        return str(self)


_BUFFER: Members = {
    "data": lambda b: b.data,
    "dtype": lambda b: b.dtype,
    "shape": lambda b: b.shape,
    "strides": lambda b: b.strides,
    "elem_offset": lambda b: b.elem_offset,
    "scope": lambda b: _Scope(b.scope),
    "name": lambda b: b.name,
    "ndim": lambda b: len(b.shape),
    "vload": lambda b: Method(vload, b),
    "vstore": lambda b: Method(vstore, b),
    "access_ptr": lambda b: Method(access_ptr, b),
    "view": lambda b: Method(view, b),
}
_EXPR: Members = {"dtype": lambda e: e.dtype, "ty": lambda e: e, "astype": lambda e: Method(astype, e)}
_REDUCER: Members = {"step": lambda r: Method(step, r)}


def members_of(value: Any) -> Members | None:
    """The attributes of a value of the program; None for any other value."""
    if isinstance(value, Buffer):
        return _BUFFER
    if isinstance(value, (Expr, BufferRegion)):
        return _EXPR
    return _REDUCER if isinstance(value, CommReducer) else None
