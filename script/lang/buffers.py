"""Constructs that declare buffers: parameters, views, and the memory of blocks and statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tir import buffer as nodes
from ...tir.buffer import MatchBufferRegion
from ...tir.buffer import decl_buffer as declare
from ...tir.dtype import DType
from ...tir.dtype import dtype as as_dtype
from ...tir.errors import UserError
from ...tir.expr import Expr, Var
from ...tir.node import Attrs
from ...tir.stmt import Allocate, DeclBuffer, Stmt
from ..builder import Builder, Scope, as_region, current
from .construct import Constant, Region, Rejected, Shape, Type, _shape, _type, construct, describe, register, typed


class BufferType:
    """What `T.Buffer(...)` says in a signature: the shape, type and layout of a buffer still without a name."""

    __slots__ = ("element", "extents", "options")

    def __init__(self, extents: tuple[Any, ...], element: DType, options: dict[str, Any]) -> None:
        self.extents, self.element, self.options = extents, element, options

    def declare(self, builder: Builder, name: str, data: Var | None = None) -> nodes.Buffer:
        """The buffer called `name`."""
        return _declare(builder, name, self.extents, self.element, data=data, **self.options)


class _BufferConstruct:
    """`T.Buffer((128, n), "float32")`: in a signature, a parameter that is a buffer. `T.Buffer[shape, dtype]` too.

    Parameters
    ----------
    shape: extents; a string names a symbolic one.
    dtype: the elements' type.
    strides: in elements; compact row-major where there are none.
    elem_offset: in elements.
    scope: the memory, "global" where nothing is said.
    align: bytes the pointer is a multiple of.
    offset_factor: elements the offset is a multiple of.

    >>> @T.prim_func
    ... def f(A: T.Buffer((16, "n"), "float32"), B: T.Buffer((4,), "int8", scope="shared", align=64)):
    ...     A[0, 0] = T.Cast("float32", B[0])
    """

    def __call__(
        self,
        shape: Shape,
        dtype: Type = "float32",
        data: Any = None,
        strides: Shape | None = None,
        elem_offset: Any = None,
        scope: str = "global",
        align: Constant = 0,
        offset_factor: Constant = 0,
        buffer_type: str = "",
        axis_separators: Sequence[Any] | None = None,
    ) -> Any:
        options = _options(strides, elem_offset, scope, align, offset_factor, axis_separators)
        return BufferType(_shape(shape), _type(dtype), options)

    def __getitem__(self, item: Any) -> Any:
        shape, dtype = item if isinstance(item, tuple) and len(item) == 2 else (item, "float32")
        return self(shape, getattr(dtype, "__tensorir_dtype__", dtype))


Buffer = _BufferConstruct()
register(Buffer, _BufferConstruct.__call__, "T.Buffer", skip=1)


def _options(
    strides: Any, elem_offset: Any, scope: str, align: int, offset_factor: int, axis_separators: Any
) -> dict[str, Any]:
    given = {
        "strides": _shape(strides) if strides else (),
        "elem_offset": elem_offset,
        "scope": scope,
        "data_alignment": max(align, 0),
        "offset_factor": offset_factor,
        "axis_separators": tuple(axis_separators or ()),
    }
    return given


def _declare(builder: Builder, name: str, shape: Any, dtype: DType, **options: Any) -> nodes.Buffer:
    """`decl_buffer`, with strings standing for symbolic variables and an unknown offset given one."""
    extents = tuple(_symbolic(builder, e) for e in shape)
    index = extents[0].dtype if extents and isinstance(extents[0], Expr) else as_dtype("int32")
    options["strides"] = tuple(_symbolic(builder, e) for e in options.get("strides") or ())
    offset = options.get("elem_offset")
    if offset is None and options.get("offset_factor"):
        offset = Var(f"{name}_elem_offset", index)
    options["elem_offset"] = 0 if offset is None else _symbolic(builder, offset)
    made = declare(extents, dtype, name, **options)
    builder.buffers.append(made)
    return made


def _symbolic(builder: Builder, extent: Any) -> Any:
    return builder.symbol(extent, as_dtype("int32")) if isinstance(extent, str) else extent


@construct
def match_buffer(
    param: Any,
    shape: Shape | None = None,
    dtype: Type | None = None,
    data: Any = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    scope: str = "",
    align: Constant = 0,
    offset_factor: Constant = 0,
    buffer_type: str = "",
    axis_separators: Sequence[Any] | None = None,
) -> nodes.Buffer:
    """The buffer that a handle parameter points to, or, in a block, a view of a region of a buffer.

    `A = T.match_buffer(a, (n, 128), "float32")` may name new symbolic extents; they are found from the argument's
    shape when the function is called. `B = T.match_buffer(A[i:i + 4, 0:4], (4, 4))` gives a block a name for the
    region; name `strides` and `elem_offset` to speak of its layout.

    >>> @T.prim_func
    ... def f(a: T.handle):
    ...     A = T.match_buffer(a, (n, 16), "float32", strides=[s, 1])
    ...     with T.block("view"):
    ...         T.reads()
    ...         T.writes(A[0:4, 0:4])
    ...         V = T.match_buffer(A[0:4, 0:4], (4, 4), "float32", strides=[t, 1], offset_factor=4)
    ...         V[0, 0] = T.float32(t)
    """
    builder = current("T.match_buffer")
    name = builder.take_name("buffer")
    options = _options(strides, elem_offset, scope or "global", align, offset_factor, axis_separators)
    if data is not None:
        options["data"] = data
    if isinstance(param, Var):
        if shape is None:
            example = f"T.match_buffer({param.name}, (n, 128), 'float32')"
            raise Rejected(None, "T.match_buffer of a parameter needs the buffer's shape", f"write {example}")
        if not param.dtype.is_handle:
            hint = f"declare it as `{param.name}: T.handle`"
            raise Rejected(0, f"`{param.name}` is {typed(param.dtype)}, which points to no buffer", hint)
        if param not in builder.params:
            raise UserError(f"`{param.name}` is no parameter of the function")
        if param in builder.buffer_map:
            raise UserError(f"parameter `{param.name}` is matched to `{builder.buffer_map[param].name}` already")
        made = _declare(builder, name, shape, as_dtype(dtype or "float32"), **options)
        builder.buffer_map[param] = made
        return made
    if not isinstance(param, Region):
        raise UserError(f"T.match_buffer takes a handle parameter or a region of a buffer, got {describe(param)}")
    source = as_region(param)
    if not scope:
        options["scope"] = source.buffer.scope
    extents = tuple(r.extent for r in source.region) if shape is None else shape
    view = _declare(builder, name, extents, as_dtype(dtype or source.buffer.dtype), **options)
    builder.block.matches.append(MatchBufferRegion(view, source))
    return view


@construct
def alloc_buffer(
    shape: Shape,
    dtype: Type = "float32",
    data: Any = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    scope: str = "global",
    align: Constant = 0,
    offset_factor: Constant = 0,
    buffer_type: str = "",
    axis_separators: Sequence[Any] | None = None,
) -> nodes.Buffer:
    """A buffer with memory of its own that lives as long as an instance of the enclosing block; uninitialised.

    At the top of a function it belongs to the root block.

    >>> C = T.alloc_buffer((16, n), "float32", scope="shared")
    >>> C[0, 0] = A[0, 0]
    """
    builder = current("T.alloc_buffer")
    options = _options(strides, elem_offset, scope, align, offset_factor, axis_separators)
    made = _declare(builder, builder.take_name("buffer"), shape, as_dtype(dtype), **options)
    builder.block.allocs.append(made)
    return made


class BufferScope(Scope):
    """`P = T.allocate(...)` and `Q = T.decl_buffer(...)`: the buffer is there for the rest of the suite."""

    __slots__ = ("annotations", "kind", "made")

    forms = frozenset({"with", "rest"})

    def __init__(self, kind: type[Allocate | DeclBuffer], made: Any, annotations: Attrs | None = None) -> None:
        self.kind, self.made, self.annotations = kind, made, annotations

    def open(self, builder: Builder, names: Sequence[str]) -> nodes.Buffer:
        self.made = self.made(names[0] if names else "buffer")
        return self.made

    def close(self, builder: Builder, body: Stmt) -> Stmt:
        return (
            Allocate(self.made, body, self.annotations) if self.annotations is not None else DeclBuffer(self.made, body)
        )


@construct
def allocate(
    shape: Shape,
    dtype: Type = "float32",
    scope: str = "global",
    condition: Any = None,
    annotations: dict[str, Any] | None = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    align: Constant = 0,
    offset_factor: Constant = 0,
    axis_separators: Sequence[Any] | None = None,
) -> Any:
    """A statement that allocates memory for the rest of the suite; the result is the buffer.

    Programs of blocks use T.alloc_buffer; this is what it is lowered to. `with T.allocate(...) as A:` is accepted.

    >>> C = T.allocate((16,), "float32", "local")
    >>> C[0] = A[0, 0]
    """
    builder = current("T.allocate")
    options = _options(strides, elem_offset, scope, align, offset_factor, axis_separators)
    return BufferScope(
        Allocate, lambda name: _declare(builder, name, shape, as_dtype(dtype), **options), Attrs(annotations or {})
    )


@construct
def alloc_local(shape: Shape, dtype: Type = "float32", annotations: dict[str, Any] | None = None) -> Any:
    """`T.allocate` in the memory of a thread: registers.

    >>> C = T.alloc_local((16,), "float32")
    >>> C[0] = A[0, 0]
    """
    return allocate(shape, dtype, "local", None, annotations)


@construct
def alloc_shared(shape: Shape, dtype: Type = "float32", annotations: dict[str, Any] | None = None) -> Any:
    """`T.allocate` in the memory that the threads of a block share.

    >>> C = T.alloc_shared((16,), "float32")
    >>> C[0] = A[0, 0]
    """
    return allocate(shape, dtype, "shared", None, annotations)


@construct
def decl_buffer(
    shape: Shape,
    dtype: Type = "float32",
    data: Any = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    scope: str = "",
    align: Constant = 0,
    offset_factor: Constant = 0,
    buffer_type: str = "",
    axis_separators: Sequence[Any] | None = None,
) -> Any:
    """A view, for the rest of the suite, of the memory that `data` points to: `B = T.decl_buffer((64,), data=A.data)`.

    Without `data` the memory is allocated with it.

    >>> flat = T.decl_buffer((256,), "float32", data=A.data)
    >>> flat[n] = 1
    """
    builder = current("T.decl_buffer")
    options = _options(strides, elem_offset, scope, align, offset_factor, axis_separators)
    if data is None:
        return BufferScope(Allocate, lambda name: _declare(builder, name, shape, as_dtype(dtype), **options), Attrs())
    pointer = data.data if isinstance(data, nodes.Buffer) else data
    if not isinstance(pointer, Var) or not pointer.dtype.is_handle:
        raise Rejected("data", f"`data` is a pointer variable such as A.data, not {describe(data)}")
    options["data"] = pointer
    return BufferScope(DeclBuffer, lambda name: _declare(builder, name, shape, as_dtype(dtype), **options))
