"""Primitives that change how a buffer is stored or what a block declares of it: set_scope, storage_align, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...tir.buffer import Buffer, BufferLoad, BufferRegion
from ...tir.dtype import DType, dtype
from ...tir.expr import Cast, Expr
from ...tir.stmt import Block, BufferStore
from ..arguments import BufferIndex, numbered, region_number
from ..concurrency import loops_at_once, require_alike
from ..errors import refusal, require
from ..primitive import primitive
from ..redirect import Redirect
from ..region_maps import RegionMap
from ..scopes import require_scope, suffixed
from ..sref import BlockSRef
from ..state import State

WRITTEN = numbered("buffer_index", "write")


def _written(block: BlockSRef, index: BufferIndex) -> Buffer:
    assert isinstance(index, int)
    return block.stmt.writes[index].buffer


def owner_of(s: State, block: BlockSRef, buffer: Buffer) -> BlockSRef:
    """The block that allocates `buffer`.

    Raises
    ------
    ScheduleError: none does: it is a parameter of the function, or a view.
    """
    for above in block.ancestors():
        if isinstance(above, BlockSRef) and buffer in above.stmt.alloc_buffers:
            return above
    raise refusal(
        "{0} is not allocated by a block: it is a parameter of the function or a view of another buffer",
        buffer,
        hint="only an intermediate buffer (T.alloc_buffer) can be stored otherwise; cache_write makes one",
    )


def _replace_buffer(s: State, owner: BlockSRef, old: Buffer, new: Buffer, rewriter: Redirect) -> None:
    stmt = owner.stmt
    allocated = tuple(new if b is old else b for b in stmt.alloc_buffers)
    changed: Block = rewriter.visit_block(stmt)
    s.replace(
        owner, changed.replace(alloc_buffers=allocated), {k: v for k, v in rewriter.inner.items() if k is not stmt}
    )


@primitive(prepare=WRITTEN)
def set_scope(s: State, block: BlockSRef, *, buffer_index: BufferIndex, storage_scope: str) -> None:
    """Store an intermediate buffer that `block` writes in another memory.

    Parameters
    ----------
    buffer_index: the number of the region among those `block` writes, or the name of its buffer, or the buffer.
    storage_scope: "global", "shared", "local", ...

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((16,), "float32")
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = B[vi] + T.float32(1)
    step:
        sch.set_scope("B", 0, "shared")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            B_shared = T.alloc_buffer((16,), "float32", scope="shared")
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B_shared[vi] = A[vi] * T.float32(2)
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = B_shared[vi] + T.float32(1)
    """
    require_scope(storage_scope)
    buffer = _written(block, buffer_index)
    if buffer.scope == storage_scope:
        return
    owner = owner_of(s, block, buffer)
    name = suffixed(buffer.name, storage_scope)
    new = buffer.replace(name=name, data=buffer.data.replace(name=name, scope=storage_scope), scope=storage_scope)
    _replace_buffer(s, owner, buffer, new, Redirect(buffer, new))
    for loop in loops_at_once(s, owner, new):
        require_alike(s, loop)


@primitive(prepare=WRITTEN)
def storage_align(
    s: State, block: BlockSRef, *, buffer_index: BufferIndex, axis: int, factor: int, offset: int
) -> None:
    """Let the stride of a buffer's axis be a multiple of `factor` plus `offset`, to keep accesses off one memory bank.

    Recorded as the annotation `buffer_dim_align` of the block that writes the buffer, which lowering obeys.

    Parameters
    ----------
    buffer_index: the number of the region among those `block` writes, or the name of its buffer, or the buffer.
    axis: the dimension; negative ones count from the end.
    factor, offset: in elements.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 16), "float32"), C: T.Buffer((16, 16), "float32")):
            B = T.alloc_buffer((16, 16), "float32", scope="shared")
            for i, j in T.grid(16, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
            for i, j in T.grid(16, 16):
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vj, vi]
    step:
        sch.storage_align("B", 0, axis=-2, factor=32, offset=1)
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 16), "float32"), C: T.Buffer((16, 16), "float32")):
            B = T.alloc_buffer((16, 16), "float32", scope="shared")
            for i, j in T.grid(16, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    T.block_attr({"buffer_dim_align": [[0, 0, 32, 1]]})
                    B[vi, vj] = A[vi, vj] * T.float32(2)
            for i, j in T.grid(16, 16):
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vj, vi]
    """
    buffer = _written(block, buffer_index)
    owner_of(s, block, buffer)
    require(
        -buffer.ndim <= axis < buffer.ndim,
        f"{{0}} has {buffer.ndim} dimensions, so there is no axis {axis}",
        buffer,
        hint=f"the axes are 0 to {buffer.ndim - 1}, or -1 to {-buffer.ndim} counted from the end",
    )
    require(factor > 0, f"the stride is to be a multiple of {factor}; the factor must be positive")
    require(offset >= 0, f"the offset is {offset}; it must not be negative")
    axis %= buffer.ndim
    key = "buffer_dim_align"
    known = [tuple(entry) for entry in block.stmt.annotations.get(key, ())]
    entries = [entry for entry in known if entry[:2] != (buffer_index, axis)]
    entries.append((buffer_index, axis, factor, offset))
    s.replace(block, block.stmt.replace(annotations=block.stmt.annotations.with_(key, entries)))


@primitive(prepare=WRITTEN)
def unsafe_set_dtype(s: State, block: BlockSRef, *, buffer_index: BufferIndex, dtype: str) -> None:
    """Store an intermediate buffer in another data type: values are converted where they are stored and loaded.

    Unsafe: a narrower type holds less, so results may change.

    Parameters
    ----------
    buffer_index: the number of the region among those `block` writes, or the name of its buffer, or the buffer.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((16,), "float32")
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = B[vi] + T.float32(1)
    step:
        sch.unsafe_set_dtype("B", 0, "float16")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((16,), "float16")
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = T.Cast("float16", A[vi] * T.float32(2))
            for i in range(16):
                with T.block("C"):
                    vi = T.axis.spatial(16, i)
                    C[vi] = T.Cast("float32", B[vi]) + T.float32(1)
    """
    buffer = _written(block, buffer_index)
    target = _dtype(dtype)
    if buffer.dtype == target:
        return
    owner = owner_of(s, block, buffer)
    require(
        target.is_scalar and not target.is_handle and target != "void",
        f"{{0}} cannot hold elements of type {target}",
        buffer,
        hint="give a number type such as 'float16'",
    )
    new = buffer.replace(data=buffer.data.replace(pointee=target), dtype=target)
    _replace_buffer(s, owner, buffer, new, _Retype(buffer, new))


def _dtype(name: Any) -> DType:
    return dtype(name)


class _Retype(Redirect):
    """Converts values where they are stored to the new buffer and loaded from it."""

    def visit_buffer_load(self, node: BufferLoad) -> Expr:
        new = super().visit_buffer_load(node)
        return Cast(node.dtype, new) if new.dtype != node.dtype else new

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        new = super().visit_buffer_store(node)
        lanes = new.indices[-1].dtype.lanes if new.indices else 1
        dtype = new.buffer.dtype.with_lanes(new.buffer.dtype.lanes * lanes)
        return new if new.value.dtype == dtype else new.replace(value=Cast(dtype, new.value))


def _access_prepared(s: State, given: dict[str, Any]) -> dict[str, Any]:
    kind = given["buf_type"]
    require(kind in ("read", "write"), f"`buf_type` is 'read' or 'write', got {kind!r}")
    block: BlockSRef = given["block"]
    number = region_number(block, kind, given["buffer_index"])
    region = (block.stmt.reads if kind == "read" else block.stmt.writes)[number]
    variables = [iv.var for iv in block.stmt.iter_vars]
    return {
        "buffer_index": number,
        "gen_new_ranges": RegionMap.of(given["gen_new_ranges"], variables, region.buffer.ndim),
    }


@primitive(prepare=_access_prepared)
def annotate_buffer_access(
    s: State,
    block: BlockSRef,
    *,
    buffer_index: BufferIndex,
    buf_type: str,
    gen_new_ranges: Callable[..., Any],
) -> None:
    """Declare by hand what `block` reads or writes of a buffer, on the caller's word.

    The annotation `explicit_read_region` or `explicit_write_region` lists the numbers of such regions.

    Parameters
    ----------
    buffer_index: the number of the region, or the name of its buffer, or the buffer.
    buf_type: "read" or "write".
    gen_new_ranges: from the block's iterators to one index or (begin, end) for each dimension.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.annotate_buffer_access("B", 0, "read", lambda vi: ((vi, vi + 2),))
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    T.reads(A[vi : vi + 2])
                    T.block_attr({"explicit_read_region": [0]})
                    B[vi] = A[vi] * T.float32(2)
    """
    assert isinstance(buffer_index, int)
    assert isinstance(gen_new_ranges, RegionMap)
    stmt = block.stmt
    field = f"{buf_type}s"
    regions: tuple[BufferRegion, ...] = getattr(stmt, field)
    ranges = gen_new_ranges.at([iv.var for iv in stmt.iter_vars])
    new = BufferRegion(regions[buffer_index].buffer, ranges)
    key = f"explicit_{buf_type}_region"
    known = tuple(stmt.annotations.get(key, ()))
    marked = known if buffer_index in known else (*known, buffer_index)
    regions = (*regions[:buffer_index], new, *regions[buffer_index + 1 :])
    s.replace(block, stmt.replace(annotations=stmt.annotations.with_(key, marked), **{field: regions}))


@primitive
def unsafe_hide_buffer_access(s: State, block: BlockSRef, *, buf_type: str, buf_index_array: list[int]) -> None:
    """Let `block` no longer declare that it reads or writes some buffers.

    Unsafe: dependences through them are not seen any more.

    Parameters
    ----------
    buf_type: "read" or "write".
    buf_index_array: the numbers of the regions to hide.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), S: T.Buffer((1,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * S[0]
    step:
        sch.unsafe_hide_buffer_access("B", "read", [1])
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), S: T.Buffer((1,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    T.reads(A[vi])
                    T.writes(B[vi])
                    B[vi] = A[vi] * S[0]
    """
    require(buf_type in ("read", "write"), f"`buf_type` is 'read' or 'write', got {buf_type!r}")
    hidden = [region_number(block, buf_type, i) for i in buf_index_array]
    field = f"{buf_type}s"
    regions: Sequence[BufferRegion] = getattr(block.stmt, field)
    kept = tuple(r for i, r in enumerate(regions) if i not in hidden)
    s.replace(block, block.stmt.replace(**{field: kept}))
