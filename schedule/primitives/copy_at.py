"""Primitives that put the copy of a tile into a loop at once: read_at, write_at."""

from __future__ import annotations

from collections.abc import Sequence

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.interval import eval_set
from ...tir.arith.regions import Box, union_box
from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ...tir.expr import Expr, Var, all_of
from ...tir.node import Attrs
from ...tir.stmt import Block, BlockRealize, BufferStore, For, IfThenElse, IterType, IterVar, Stmt
from ...tir.visit import free_vars, substitute
from ..arguments import BufferIndex, numbered
from ..concurrency import concurrent_loops, require_still_concurrent
from ..copies import Cache, Stage, cache_of, lows_and_extents
from ..edit import Edit, child_towards
from ..errors import require
from ..footprint import Footprints
from ..presence import are_read, require_present
from ..primitive import primitive
from ..rewrite import make_nest
from ..scopes import require_scope
from ..sref import BlockSRef, LoopSRef
from ..stages import made, redirect, require_filled, require_read_after
from ..state import State


@primitive(prepare=numbered("read_buffer_index", "read"))
def read_at(
    s: State, loop: LoopSRef, block: BlockSRef, *, read_buffer_index: BufferIndex, storage_scope: str
) -> BlockSRef:
    """Copy what each iteration of `loop` reads of a buffer into one in `storage_scope`, by one block; gives the block.

    All blocks under the loop read the copy. The block is annotated `auto_copy`, which asks for a copy by all threads.

    Parameters
    ----------
    read_buffer_index: the number of the region among those `block` reads, or the name of its buffer, or the buffer.
    storage_scope: "shared", "local", ...

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i_0, i_1 in T.grid(4, 4):
                with T.block("B"):
                    vi = T.axis.spatial(16, i_0 * 4 + i_1)
                    B[vi] = A[vi] * T.float32(2)
    step:
        i_0, i_1 = sch.get_loops("B")
        sch.read_at(i_0, sch.get_block("B"), 0, "shared")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            A_shared = T.alloc_buffer((16,), "float32", scope="shared")
            for i_0 in range(4):
                with T.block("A_shared"):
                    v0 = T.axis.spatial(4, i_0)
                    T.reads(A[v0 * 4 : v0 * 4 + 4])
                    T.writes(A_shared[v0 * 4 : v0 * 4 + 4])
                    T.block_attr({"auto_copy": True})
                    for ax0 in range(4):
                        A_shared[v0 * 4 + ax0] = A[v0 * 4 + ax0]
                for i_1 in range(4):
                    with T.block("B"):
                        vi = T.axis.spatial(16, i_0 * 4 + i_1)
                        B[vi] = A_shared[vi] * T.float32(2)
    """
    assert isinstance(read_buffer_index, int)
    buffer = _buffer_under(loop, block, block.stmt.reads[read_buffer_index], storage_scope)
    readers, writers = _users_under(s, loop, buffer)
    for writer in writers:
        require(
            writer not in readers,
            "{0} writes {1} under {2} and reads it, so it cannot read a copy",
            writer,
            buffer,
            loop,
        )
        for reader in readers:
            require_read_after(s, writer, reader, buffer)
    foot = Footprints(s, loop)
    box = _box(foot, [(b, b.stmt.reads) for b in readers], buffer)
    at = min(child_towards(loop, b) for b in readers)
    for writer in writers:
        require(
            child_towards(loop, writer) < at,
            "{0} writes {1} in a loop under {2} around a block that reads it, so no copy fits between",
            writer,
            buffer,
            loop,
            hint="choose a loop inside of that around both",
        )
    given = _always(foot, readers, storage_scope)
    if not are_read(foot, readers, buffer, box, all_of(*given)):
        require_present(s, block, loop, buffer, box, readers[0])
    cache = cache_of(buffer, storage_scope, foot.an, None)
    stage = _tile(loop, foot.an, cache, box, given, f"{buffer.name}_{storage_scope}", into=True)
    return _put(s, loop, at, foot, cache, stage, readers)


@primitive(prepare=numbered("write_buffer_index", "write"))
def write_at(
    s: State, loop: LoopSRef, block: BlockSRef, *, write_buffer_index: BufferIndex, storage_scope: str
) -> BlockSRef:
    """Let each iteration of `loop` write to a buffer in `storage_scope`; gives the block that copies it at the end.

    All blocks under the loop that write the buffer, or read what they wrote, use the new one. The block is annotated
    `auto_copy`, which asks for a copy by all threads.

    Parameters
    ----------
    write_buffer_index: the number of the region among those `block` writes, or the name of its buffer, or the buffer.
    storage_scope: "shared", "local", ...

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i_0, i_1 in T.grid(4, 4):
                with T.block("B"):
                    vi = T.axis.spatial(16, i_0 * 4 + i_1)
                    B[vi] = A[vi] * T.float32(2)
    step:
        i_0, i_1 = sch.get_loops("B")
        sch.write_at(i_0, sch.get_block("B"), 0, "shared")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            B_shared = T.alloc_buffer((16,), "float32", scope="shared")
            for i_0 in range(4):
                for i_1 in range(4):
                    with T.block("B"):
                        vi = T.axis.spatial(16, i_0 * 4 + i_1)
                        B_shared[vi] = A[vi] * T.float32(2)
                with T.block("B_shared"):
                    v0 = T.axis.spatial(4, i_0)
                    T.reads(B_shared[v0 * 4 : v0 * 4 + 4])
                    T.writes(B[v0 * 4 : v0 * 4 + 4])
                    T.block_attr({"auto_copy": True})
                    for ax0 in range(4):
                        B[v0 * 4 + ax0] = B_shared[v0 * 4 + ax0]
    """
    assert isinstance(write_buffer_index, int)
    buffer = _buffer_under(loop, block, block.stmt.writes[write_buffer_index], storage_scope)
    readers, writers = _users_under(s, loop, buffer)
    foot = Footprints(s, loop)
    first = writers[0]
    require(
        all(r.buffer is not buffer for r in first.stmt.reads),
        "{0} reads {1} before the loop has written it, but the new buffer does not hold it yet",
        first,
        buffer,
        hint="cache_inplace copies a buffer for a block that reads and writes it",
    )
    for reader in readers:
        if reader not in writers:
            require_read_after(s, writers[-1], reader, buffer)
    box = _box(foot, [(b, b.stmt.writes) for b in writers], buffer)
    given = _always(foot, writers, buffer.scope)
    require_filled(foot, writers[-1], buffer, given)
    last = _box(foot, [(writers[-1], writers[-1].stmt.writes)], buffer)
    require(
        foot.contains(last, box),
        "{0} does not write all of {1} that the blocks before it write under {2}",
        writers[-1],
        buffer,
        loop,
    )
    users = list(dict.fromkeys([*writers, *readers]))
    at = max(child_towards(loop, b) for b in users) + 1
    cache = cache_of(buffer, storage_scope, foot.an, None)
    stage = _tile(loop, foot.an, cache, box, given, f"{buffer.name}_{storage_scope}", into=False)
    return _put(s, loop, at, foot, cache, stage, users)


def _buffer_under(loop: LoopSRef, block: BlockSRef, region: BufferRegion, storage_scope: str) -> Buffer:
    require_scope(storage_scope)
    require(loop in block.ancestors() and loop.scope is block.scope, "{1} is not a loop around {0}", block, loop)
    return region.buffer


def _users_under(s: State, loop: LoopSRef, buffer: Buffer) -> tuple[list[BlockSRef], list[BlockSRef]]:
    """(readers, writers) of a buffer under a loop."""
    inside = s.child_blocks(loop)
    readers = [b for b in inside if any(r.buffer is buffer for r in b.stmt.reads)]
    writers = [b for b in inside if any(w.buffer is buffer for w in b.stmt.writes)]
    return readers, writers


def _box(foot: Footprints, users: Sequence[tuple[BlockSRef, Sequence[BufferRegion]]], buffer: Buffer) -> Box:
    boxes = [box for block, regions in users if (box := foot.union(block, regions, buffer)) is not None]
    out = boxes[0]
    for box in boxes[1:]:
        out = union_box(foot.an, out, box)
    return foot.clipped(out, buffer)


def _always(foot: Footprints, users: Sequence[BlockSRef], scope: str) -> tuple[Expr, ...]:
    """What the predicates of all users ask of the loops around, so that a copy in `scope` is of use only there."""
    first, *others = (foot.settled(user, scope) for user in users)
    return tuple(c for c in first if all(c in other for other in others))


def _tile(
    loop: LoopSRef, an: Analyzer, cache: Cache, box: Box, given: Sequence[Expr], name: str, *, into: bool
) -> Stage:
    """The block that copies a box where `given` holds, its iterators the loops that the box depends on."""
    lows, extents = lows_and_extents(an, box)
    around = [ref.stmt for ref in (loop, *loop.ancestors()) if isinstance(ref, LoopSRef)]
    used = dict.fromkeys(v for e in (*lows, *extents) for v in free_vars(e))
    by_var = {stmt.loop_var: stmt for stmt in around}
    outer = [by_var[v] for v in used if v in by_var]
    inside = {stmt.loop_var: Var(f"v{k}", stmt.loop_var.dtype) for k, stmt in enumerate(outer)}
    lows = tuple(substitute(low, inside) for low in lows)
    extents = tuple(substitute(extent, inside) for extent in extents)
    loops = [(Var(f"ax{k}", extent.dtype), extent) for k, extent in enumerate(extents)]
    at = tuple(low + ax for low, (ax, _) in zip(lows, loops, strict=True))
    region = tuple(map(Range, lows, extents))
    source, target = (cache.original, cache.buffer) if into else (cache.buffer, cache.original)
    body: Stmt = BufferStore(target, BufferLoad(source, at), at)
    domains = {stmt.loop_var: stmt.range for stmt in reversed(around)}
    iter_vars = tuple(IterVar(_domain(an, stmt, domains), inside[stmt.loop_var], IterType.SPATIAL) for stmt in outer)
    known = Analyzer({iv.var: iv.dom for iv in iter_vars})
    for ax, extent in loops:
        known.bind(ax, Range(extent - extent, extent))
    guards = [c for i, e in zip(at, cache.original.shape, strict=True) for c in (i >= 0, i < e) if not known.prove(c)]
    if guards:
        body = IfThenElse(known.simplify(all_of(*guards)), body)
    block = Block(
        iter_vars,
        (BufferRegion(source, region),),
        (BufferRegion(target, region),),
        name,
        make_nest(loops, body),
        annotations=Attrs({"auto_copy": True}),
    )
    values: tuple[Expr, ...] = tuple(stmt.loop_var for stmt in outer)
    return Stage(block, BlockRealize(values, all_of(*given), block))


def _put(
    s: State, loop: LoopSRef, at: int, foot: Footprints, cache: Cache, stage: Stage, users: Sequence[BlockSRef]
) -> BlockSRef:
    edit = Edit(s)
    edit.allocate(loop.scope, cache.buffer)
    edit.insert(loop, at, stage.nest)
    for user in users:
        redirect(foot, user, cache, edit)
    concurrent, first = concurrent_loops(*users), users[0].stmt
    edit.commit()
    require_still_concurrent(s, concurrent, first)
    return made(s, stage)


def _domain(an: Analyzer, loop: For, around: dict[Var, Range]) -> Range:
    """The range of a loop; where it speaks of loops around, one that holds it wherever these stand."""
    if not around.keys() & free_vars(loop.range).keys():
        return loop.range
    return eval_set(an, loop.loop_var, around).to_range(an, loop.range)
