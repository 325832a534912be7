"""The primitive that changes how a buffer's elements are arranged: transform_layout."""

from __future__ import annotations

from typing import Any

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.index_map import IndexMap
from ...tir.buffer import Buffer, BufferLoad, MatchBufferRegion, Range
from ...tir.errors import UserError
from ...tir.expr import FALSE, Expr, Or, Var, as_expr, cast, const
from ...tir.function import PrimFunc
from ...tir.stmt import Block, BufferStore, Stmt, seq
from ...tir.visit import walk
from ..arguments import BufferArgument, region_at, region_pair
from ..concurrency import loops_at_once, require_still_concurrent
from ..edit import statements
from ..errors import refusal, require
from ..index_maps import as_index_map, index_variables
from ..primitive import primitive
from ..redirect import require_no_pointer
from ..relayout import Layout, Relayout, assumption_stage, padded_producer, padding_stage
from ..sref import BlockSRef
from ..state import State


def _prepared(s: State, given: dict[str, Any]) -> dict[str, Any]:
    block: BlockSRef = given["block"]
    kind, number = region_pair(block, given["buffer"])
    buffer = region_at(block, kind, number).buffer
    dtype = buffer.shape[0].dtype if buffer.shape else "int32"
    index_map = as_index_map(given["index_map"], buffer.ndim, dtype)
    pad_value = given.get("pad_value")
    if pad_value is not None:
        pad_value = _pad_map(pad_value, buffer, len(index_map.final_indices), dtype)
    return {"buffer": (kind, number), "index_map": index_map, "pad_value": pad_value}


def _pad_map(given: Any, buffer: Buffer, ndim: int, dtype: Any) -> IndexMap:
    """What padding holds, as a map from the new indices to one value."""
    if isinstance(given, IndexMap):
        variables, values = given.initial_indices, list(given.final_indices)
    else:
        variables = index_variables(given if callable(given) else (lambda *i: i), ndim, dtype)
        result = given(*variables) if callable(given) else given
        values = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(variables) != ndim or len(values) != 1 or not isinstance(values[0], (int, float, Expr)):
        shown = ", ".join(map(str, values))
        raise refusal(f"the padding is one value, or a function from {ndim} indices to one; it gives ({shown})")
    pad = as_expr(values[0], buffer.dtype)
    if not isinstance(values[0], Expr):
        pad = cast(pad, buffer.dtype)
    require(
        pad.dtype == buffer.dtype,
        f"the padding is of type {pad.dtype}, but {{0}} holds {buffer.dtype}",
        buffer,
        hint=f"write T.{buffer.dtype}(...) or T.Cast({str(buffer.dtype)!r}, ...)",
    )
    require(
        not any(isinstance(node, BufferLoad) for node in walk(pad)),
        "the padding, {0}, loads from a buffer; it may depend on its indices alone",
        pad,
    )
    return IndexMap(variables, [pad])


@primitive(prepare=_prepared)
def transform_layout(
    s: State,
    block: BlockSRef,
    *,
    buffer: BufferArgument,
    index_map: IndexMap,
    pad_value: IndexMap | None = None,
    assume_injective_transform: bool = False,
) -> None:
    """Arrange the elements of a buffer as `index_map` says: what was at `i, j` is at `index_map(i, j)`.

    A parameter of the function takes the new layout at its interface. Padding is written by the block that writes the
    buffer, if that is a plain loop nest over it, or after it; that of an input is taken to hold `pad_value`.

    Parameters
    ----------
    buffer: ("read", number) or ("write", number), or the buffer's name, or the buffer.
    index_map: from old indices to new ones; a Python function or an `IndexMap`.
    pad_value: what places of the new layout without an old element hold: a number, an expression, or a function of
        the new indices. Without it there may be no such places.
    assume_injective_transform: take it on the caller's word that no two elements get the same place, and let padding
        hold anything.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 12), "float32"), C: T.Buffer((16, 12), "float32")):
            B = T.alloc_buffer((16, 12), "float32")
            for i, j in T.grid(16, 12):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
            for i, j in T.grid(16, 12):
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vi, vj] + T.float32(1)
    step:
        sch.transform_layout("B", ("write", 0), lambda i, j: (i // 4, j, i % 4))
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 12), "float32"), C: T.Buffer((16, 12), "float32")):
            B = T.alloc_buffer((4, 12, 4), "float32")
            for i, j in T.grid(16, 12):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi // 4, vj, vi % 4] = A[vi, vj] * T.float32(2)
            for i, j in T.grid(16, 12):
                with T.block("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vi // 4, vj, vi % 4] + T.float32(1)
    """
    kind, number = region_pair(block, buffer)
    old = region_at(block, kind, number).buffer
    owner = _owner(s, block, old)
    _require_plain(s, owner, old)
    layout = _layout(old, index_map, pad_value, assume=assume_injective_transform)
    writers = [ref for ref in _inside(s, owner) if _stores(ref.stmt.body, old) and not s.child_blocks(ref)]
    padded = layout.padding is not FALSE
    instead: dict[Stmt, Stmt] = {}
    reuse: dict[Block, Block] = {}
    if padded and len(writers) == 1 and writers[0].loops():
        loops = [loop.stmt for loop in writers[0].loops()]
        fused = padded_producer(layout, s.realize(writers[0]), loops)
        if fused is not None:
            reuse[writers[0].stmt], instead[loops[0]] = fused
    pads: Stmt | None = None
    rewriter = Relayout(layout, instead)
    new = rewriter.visit_block(owner.stmt)
    body = new.body
    if padded and not instead:
        last = max((i for i, stmt in enumerate(statements(owner.stmt.body)) if _stores(stmt, old)), default=None)
        parts = list(statements(body))
        if last is None:
            parts.insert(0, assumption_stage(layout))
        else:
            pads = padding_stage(layout)
            parts.insert(last + 1, pads)
        body = seq(*parts)
    allocated = tuple(layout.new if b is old else b for b in new.alloc_buffers)
    function = s.function(owner)
    name = s.function_name(owner)
    reuse |= {before: after for before, after in rewriter.inner.items() if before is not owner.stmt}
    # What is outside of loops that run at once cannot pad what each iteration has for itself.
    at_once = loops_at_once(s, owner, old) if pads is not None else {}
    s.replace(owner, new.replace(body=body, alloc_buffers=allocated), reuse)
    if pads is not None:
        block_of_pads = next(node for node in walk(pads) if isinstance(node, Block))
        hint = "the padding is written outside of the loop; transform the layout before loops run at once"
        require_still_concurrent(s, at_once, block_of_pads, hint, layout.new)
    if old in function.buffers:
        _require_defined(function, layout)
        buffers = {p: layout.new if b is old else b for p, b in function.buffer_map.items()}
        s.set_function(name, s.mod[name].replace(buffer_map=buffers))
        s.relaid(name, next(i for i, p in enumerate(function.params) if function.buffer_map.get(p) is old), layout)


def _owner(s: State, block: BlockSRef, buffer: Buffer) -> BlockSRef:
    """The block that allocates a buffer, or the root block for a parameter of the function."""
    above = [block, *(ref for ref in block.ancestors() if isinstance(ref, BlockSRef))]
    for ref in above:
        if buffer in ref.stmt.alloc_buffers:
            return ref
        require(
            all(match.buffer is not buffer for match in ref.stmt.match_buffers),
            "{0} is a view of another buffer, whose layout it follows",
            buffer,
            hint="transform the buffer that is viewed",
        )
    return above[-1]


def _is_compact(buffer: Buffer) -> bool:
    """Whether a buffer's strides, if it has any, are those that it would have without."""
    an, expected = Analyzer(), const(1, buffer.elem_offset.dtype)
    for extent, stride in zip(reversed(buffer.shape), reversed(buffer.strides)):
        if not an.equal(stride, expected):
            return False
        expected = expected * extent
    return True


def _require_plain(s: State, owner: BlockSRef, buffer: Buffer) -> None:
    """Require that a buffer has no layout of its own yet and is accessed by scalar indices alone."""
    require(_is_compact(buffer), "{0} has strides of its own, which a new layout would not keep", buffer)
    for ref in [*_inside(s, owner), owner]:
        require_no_pointer(ref, buffer, "be given another layout")
    for node in walk(owner.stmt):
        require(
            not isinstance(node, MatchBufferRegion) or node.source.buffer is not buffer,
            "{0} is viewed by match_buffer, whose view would not follow the new layout",
            buffer,
        )
        if isinstance(node, (BufferLoad, BufferStore)) and node.buffer is buffer:
            require(
                all(index.dtype.lanes == 1 for index in node.indices),
                "{0} is accessed by vectors, in {1}, whose elements need not stay neighbours",
                buffer,
                node,
                hint="transform layouts before vectors are made",
            )


def _layout(old: Buffer, index_map: IndexMap, pad_value: IndexMap | None, *, assume: bool) -> Layout:
    an = Analyzer()
    ranges = index_map.map_ranges([Range(const(0, e.dtype), e) for e in old.shape], an)
    for r in ranges:
        require(
            an.prove(r.min >= 0),
            "the index map gives {0} the index {1}, which is negative",
            old,
            r.min,
            hint="indices start at 0",
        )
    inverse, padding = None, FALSE
    if not assume:
        try:
            inverse, padding = index_map.non_surjective_inverse(old.shape, an)
            for v, r in zip(inverse.initial_indices, ranges, strict=True):
                if not an.prove(r.min <= 0):
                    padding = v < r.min if padding is FALSE else Or(padding, v < r.min)
        except UserError as error:
            raise refusal(
                f"the index map is not known to give each element of {{0}} a place of its own: {error}",
                old,
                hint="if it does, say so by assume_injective_transform=True",
            ) from None
    require(
        padding is FALSE or pad_value is not None,
        "in the new layout {0} has padding, where {1}",
        old,
        padding,
        hint="say by pad_value what it is to hold",
    )
    shape = index_map.map_shape(old.shape, an)
    data = old.data.replace()
    new = old.replace(data=data, shape=shape, strides=(), axis_separators=())
    return Layout(old, new, index_map, inverse, padding, pad_value)


def _require_defined(function: PrimFunc, layout: Layout) -> None:
    """Require that every symbolic size of the old layout is still an extent of some parameter."""
    others = [b for b in function.buffers if b is not layout.old] + [layout.new]
    known = {e for b in others for e in b.layout()} | set(function.params)
    for e in layout.old.shape:
        require(
            not isinstance(e, Var) or e in known,
            "{1} is known from the shape of {0} alone, which the new layout, ({2}), does not give",
            layout.old,
            e,
            ", ".join(map(str, layout.new.shape)),
            hint="keep the axis whole, or pass the size as a parameter",
        )


def _inside(s: State, owner: BlockSRef) -> list[BlockSRef]:
    out = []
    for child in s.child_blocks(owner):
        out += [child, *_inside(s, child)]
    return out


def _stores(stmt: Stmt, buffer: Buffer) -> bool:
    return any(isinstance(node, BufferStore) and node.buffer is buffer for node in walk(stmt))
