"""Buffers: multi-dimensional views of memory, loads from them, and regions of them."""

from __future__ import annotations

from typing import Any, ClassVar

from .dtype import HANDLE, DType, dtype
from .errors import UserError
from .expr import Add, Expr, IntImm, Ramp, Sub, Var, as_expr, const
from .node import Node, derived, node


@node
class Range(Node):
    """The integers `min, ..., min + extent - 1`."""

    min: Expr
    extent: Expr

    @staticmethod
    def of(begin: Any, end: Any) -> Range:
        """The range from `begin` up to, not including, `end`; from `x` to `x + n` it has the extent `n`."""
        begin, end = as_expr(begin), as_expr(end)
        return Range(begin, end.b if type(end) is Add and _is(end.a, begin) else end - begin)

    @staticmethod
    def point(index: Any) -> Range:
        """The range holding `index` alone."""
        index = as_expr(index)
        return Range(index, const(1, index.dtype.element))

    @property
    def end(self) -> Expr:
        """One past the last integer, such that `Range.of(r.min, r.end)` is `r`."""
        begin, extent = self.min, self.extent
        if type(begin) is IntImm and (begin.value == 0 or type(extent) is IntImm):
            end = begin + extent
        elif type(extent) is Sub and extent.b is begin and not (type(begin) is IntImm and type(extent.a) is IntImm):
            end = extent.a
        else:
            return Add(begin, extent)
        return Add(begin, extent) if type(end) is Add and end.a is begin else end

    @property
    def is_point(self) -> bool:
        """Whether the extent is the constant 1."""
        return isinstance(self.extent, IntImm) and self.extent.value == 1


def _is(a: Expr, b: Expr) -> bool:
    """Whether two expressions are one, or differ in nothing but the variables they bind themselves."""
    if a is b or type(a) is not type(b) or type(a) in (Var, IntImm):
        return a is b
    from .same import structural_equal

    return structural_equal(a, b)


@node
class Buffer(Node):
    """A view of memory: element `(i, j)` lies `elem_offset + i * strides[0] + j * strides[1]` elements past `data`.

    Two buffers are the same only if they are one object. `A[i, j]` is a load, `A[0:4, j]` a region.

    Attributes
    ----------
    data: the pointer, a variable of type handle; views of the same memory share it.
    shape: the extents, outermost first; () for a single element.
    strides: in elements; () means compact row-major.
    elem_offset: in elements.
    scope: the memory: "global", "shared", "shared.dyn", "local", "warp", "wmma.matrix_a", ...
    data_alignment: bytes the pointer is known to be a multiple of; 0 means the element's own size.
    offset_factor: `elem_offset` is known to be a multiple of it; 0 and 1 say nothing.
    axis_separators: axes before which flattening starts a new physical axis.
    """

    name: str
    data: Var
    dtype: DType
    shape: tuple[Expr, ...]
    strides: tuple[Expr, ...]
    elem_offset: Expr
    scope: str
    data_alignment: int
    offset_factor: int
    axis_separators: tuple[int, ...] = ()
    extra_slots: ClassVar[tuple[str, ...]] = ("__weakref__",)

    def children(self) -> tuple[Any, ...]:
        return ()

    def map_children(self, f: Any) -> Buffer:
        return self

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def is_private(self) -> bool:
        """Whether each thread of a GPU has one of its own: it is neither in global memory nor a block's or a warp's."""
        return self.scope != "global" and not self.scope.startswith(("shared", "warp"))

    def layout(self) -> tuple[Expr, ...]:
        """The expressions of the view: shape, strides and offset."""
        return (*self.shape, *self.strides, self.elem_offset)

    def with_layout(self, f: Any, data: Var | None = None) -> Buffer:
        """A new buffer whose shape, strides and offset went through `f`; itself when nothing changed."""
        shape, strides = tuple(map(f, self.shape)), tuple(map(f, self.strides))
        offset = f(self.elem_offset)
        new, old = (*shape, *strides, offset), self.layout()
        if (data is None or data is self.data) and all(a is b for a, b in zip(new, old, strict=True)):
            return self
        changes = {
            "shape": shape,
            "strides": strides,
            "elem_offset": offset,
            "data": self.data if data is None else data,
        }
        return self.replace(**changes)

    def full_region(self) -> BufferRegion:
        """The region covering the whole buffer."""
        return BufferRegion(self, tuple(Range(const(0, e.dtype), e) for e in self.shape))

    def __getitem__(self, indices: Any) -> Any:
        """`A[i, j]`: a `BufferLoad`; with slices a `BufferRegion`, whose plain indices are ranges of one.

        Raises
        ------
        UserError: the number of indices is not the number of dimensions.
        """
        items = indices if isinstance(indices, tuple) else (indices,)
        if len(items) != self.ndim:
            shape = ", ".join(map(str, self.shape))
            raise UserError(
                f"buffer `{self.name}` has {self.ndim} dimensions, shape ({shape}), but got {len(items)} indices"
            )
        if not any(isinstance(item, (slice, Range)) for item in items):
            return BufferLoad(self, tuple(map(as_expr, items)))
        return BufferRegion(self, tuple(map(_as_range, items, self.shape)))

    def __iter__(self) -> Any:
        raise TypeError("a buffer is not iterable")


def _as_range(item: Any, extent: Expr) -> Range:
    if isinstance(item, Range):
        return item
    if not isinstance(item, slice):
        return Range.point(item)
    begin = as_expr(0 if item.start is None else item.start)
    end = extent if item.stop is None else as_expr(item.stop)
    if item.step is None or item.step == 1:
        return Range.of(begin, end)
    raise UserError(
        f"a region's slice has no step, got {item.step}; write T.ramp(start, step, lanes) for a strided vector"
    )


def decl_buffer(
    shape: Any,
    dtype_: Any = "float32",
    name: str = "buffer",
    *,
    data: Var | None = None,
    strides: Any = (),
    elem_offset: Any = 0,
    scope: str = "",
    data_alignment: int = 0,
    offset_factor: int = 0,
    axis_separators: tuple[int, ...] = (),
) -> Buffer:
    """A new buffer; where `data` is None with a pointer of its own, named as the buffer."""
    element = dtype(dtype_)
    scope = scope or (data.scope if data is not None else "") or "global"
    if data is None:
        data = Var(name, HANDLE, element, scope)
    extents = shape if isinstance(shape, (tuple, list)) else (shape,)
    return Buffer(
        name,
        data,
        element,
        tuple(map(as_expr, extents)),
        tuple(map(as_expr, strides or ())),
        as_expr(elem_offset),
        scope,
        data_alignment,
        offset_factor,
        tuple(axis_separators),
    )


def _loaded(element: DType, indices: tuple[Expr, ...]) -> DType:
    lanes = indices[-1].dtype.lanes if indices else 1
    return element if lanes == 1 else element.with_lanes(element.lanes * lanes)


@node
class BufferLoad(Expr):
    """`buffer[indices]`. A vector as last index loads a vector; `predicate`, a vector of bool, masks its lanes."""

    buffer: Buffer
    indices: tuple[Expr, ...]
    predicate: Expr | None = None
    dtype: DType = derived("_loaded(buffer.dtype, indices)")


@node
class BufferRegion(Node):
    """The box `region` of `buffer`, one range a dimension."""

    buffer: Buffer
    region: tuple[Range, ...]

    def to_expr(self) -> Expr:
        """The vector the region holds, where all but its last dimension are points.

        Raises
        ------
        UserError: it is no vector of a constant number of lanes.
        """
        from .arith import Analyzer

        *outer, last = self.region
        extent = last.extent if isinstance(last.extent, IntImm) else Analyzer().simplify(last.extent)
        if not all(r.is_point for r in outer) or not isinstance(extent, IntImm) or extent.value < 1:
            raise UserError(f"`{self}` is not a vector: only the last index may be a slice, of constant length")
        lanes = extent.value
        index = last.min if lanes == 1 else Ramp(last.min, const(1, last.min.dtype), lanes)
        return BufferLoad(self.buffer, (*(r.min for r in outer), index))


@node
class MatchBufferRegion(Node):
    """Declares `buffer`, inside a block, to be a view of the region `source` of another buffer."""

    buffer: Buffer
    source: BufferRegion
