"""Primitives that let blocks work on a copy of a buffer: cache_read, cache_write, cache_inplace."""

from __future__ import annotations

from ...tir.arith.regions import Box, union_box
from ...tir.buffer import Buffer
from ...tir.expr import Expr
from ...tir.visit import free_vars
from ..arguments import BufferIndex, numbered
from ..concurrency import concurrent_loops, loops_at_once, require_still_concurrent
from ..copies import cache_of, copy_stage
from ..edit import Edit, child_towards
from ..errors import require
from ..footprint import Footprints
from ..presence import require_present
from ..primitive import primitive
from ..scopes import require_scope
from ..sref import BlockSRef, LoopSRef, SRef
from ..stages import (
    made,
    read_place,
    readers_of,
    redirect,
    require_below_a_block,
    require_filled,
    write_place,
    writers_of,
    written_box,
)
from ..state import State

COPIED_OUTSIDE = "the buffer would be copied outside of the loop: cache it inside, or before iterations run at once"
"""What to do where iterations of a loop inside have each a buffer for themselves."""


@primitive(prepare=numbered("read_buffer_index", "read"))
def cache_read(
    s: State,
    block: BlockSRef,
    read_buffer_index: BufferIndex,
    storage_scope: str,
    consumer_blocks: list[BlockSRef] | None = None,
) -> BlockSRef:
    """Copy a buffer that `block` reads into one in `storage_scope`, from which its consumers read; gives the copy.

    A buffer that a block beside writes is copied between that block and its consumers, as much of it as is written;
    any other at the start of the block around.

    Parameters
    ----------
    read_buffer_index: the number of the region among those `block` reads, or the name of its buffer, or the buffer.
    storage_scope: "global", "shared", "local", ...
    consumer_blocks: the blocks that are to read the copy; None stands for all that read the buffer, or for `block`
        alone where it also writes it, each instance for itself.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.cache_read("B", 0, "local")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            A_local = T.alloc_buffer((16,), "float32", scope="local")
            for ax0 in range(16):
                with T.block("A_local"):
                    v0 = T.axis.spatial(16, ax0)
                    A_local[v0] = A[v0]
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A_local[vi] * T.float32(2)
    """
    require_scope(storage_scope)
    require_below_a_block(block)
    assert isinstance(read_buffer_index, int)
    buffer = block.stmt.reads[read_buffer_index].buffer
    scope = block.scope
    writers = writers_of(s, scope, buffer)
    default = [block] if block in writers else [b for b in readers_of(s, scope, buffer) if b not in writers]
    consumers = consumer_blocks or default
    at, index, writer = read_place(s, block, buffer, consumers)
    given: tuple[Expr, ...] = ()
    if writer is None:
        foot = Footprints(s, scope)
        box = _whole(foot, scope, buffer)
        require_present(s, block, scope, buffer, box)
    else:
        foot, box = written_box(s, writer, buffer, at)
        if buffer not in s.function(block).buffers:
            given = foot.settled(writer, buffer.scope)
            require_filled(foot, writer, buffer, given)
    cache = cache_of(buffer, storage_scope, foot.an, _own_box(foot, at, scope, box, buffer))
    stage = copy_stage(foot.an, cache, box, f"{buffer.name}_{storage_scope}", into=True, given=given)
    edit = Edit(s)
    edit.allocate(scope, cache.buffer)
    edit.insert(at, index, stage.nest)
    for reader in consumers:
        redirect(foot, reader, cache, edit, stores=False)
    edit.commit()
    return made(s, stage)


def _own_box(foot: Footprints, at: SRef, scope: BlockSRef, box: Box, buffer: Buffer) -> Box | None:
    """The box as the extent of a cache of its own; None where the cache must have the buffer's shape.

    The copy's body counts from the start of the box, so that may not speak of loops around the scope, which a body
    does not see.
    """
    if at is not scope or not foot.inside(box, buffer):
        return None
    loops = {ref.stmt.loop_var for ref in scope.ancestors() if isinstance(ref, LoopSRef)}
    used = {v for part in box for e in part if e is not None for v in free_vars(e)}
    return None if used & loops else box


def _whole(foot: Footprints, scope: BlockSRef, buffer: Buffer) -> Box:
    """What a scope may read of a buffer that comes from outside of it, or from its init."""
    block = scope.stmt
    regions = block.reads if block.init is None else (*block.reads, *block.writes)
    declared = [region for region in regions if region.buffer is buffer] or [buffer.full_region()]
    box = foot.box_of(declared[0])
    for region in declared[1:]:
        box = union_box(foot.an, box, foot.box_of(region))
    return foot.clipped(box, buffer)


@primitive(prepare=numbered("write_buffer_index", "write"))
def cache_write(
    s: State,
    block: BlockSRef,
    write_buffer_index: BufferIndex,
    storage_scope: str,
    consumer_blocks: list[BlockSRef] | None = None,
) -> BlockSRef:
    """Let `block` write into a new buffer in `storage_scope`, which is copied to the old one later; gives the copy.

    The copy comes before the first block that still reads the old buffer; if there is none, at the end of the block
    around.

    Parameters
    ----------
    write_buffer_index: the number of the region among those `block` writes, or the name of its buffer, or the buffer.
    storage_scope: "global", "shared", "local", ...
    consumer_blocks: the blocks that are to read the new buffer; by default all go on reading the old one.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.cache_write("B", 0, "local")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            B_local = T.alloc_buffer((16,), "float32", scope="local")
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B_local[vi] = A[vi] * T.float32(2)
            for ax0 in range(16):
                with T.block("B_local"):
                    v0 = T.axis.spatial(16, ax0)
                    B[v0] = B_local[v0]
    """
    require_scope(storage_scope)
    require_below_a_block(block)
    assert isinstance(write_buffer_index, int)
    buffer = block.stmt.writes[write_buffer_index].buffer
    scope = block.scope
    chosen = consumer_blocks or []
    at, index, _ = write_place(s, block, buffer, chosen)
    foot, box = written_box(s, block, buffer, at)
    given = foot.settled(block, buffer.scope)
    require_filled(foot, block, buffer, given)
    cache = cache_of(buffer, storage_scope, foot.an, _own_box(foot, at, scope, box, buffer))
    stage = copy_stage(foot.an, cache, box, f"{buffer.name}_{storage_scope}", into=False, given=given)
    edit = Edit(s)
    edit.allocate(scope, cache.buffer)
    edit.insert(at, index, stage.nest)
    for user in [block, *chosen]:
        redirect(foot, user, cache, edit)
    concurrent, before = concurrent_loops(block), block.stmt
    edit.commit()
    require_still_concurrent(s, concurrent, before)
    require_still_concurrent(s, loops_at_once(s, scope, cache.buffer), before, COPIED_OUTSIDE, cache.buffer)
    return made(s, stage)


@primitive(prepare=numbered("read_buffer_index", "read"))
def cache_inplace(s: State, block: BlockSRef, *, read_buffer_index: BufferIndex, storage_scope: str) -> list[BlockSRef]:
    """Copy a buffer that `block` reads and writes into one in `storage_scope` before it, and back after it.

    Gives both copies, the one before the block first.

    Parameters
    ----------
    read_buffer_index: the number of the region among those `block` reads, or the name of its buffer, or the buffer.
    storage_scope: "global", "shared", "local", ...

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32")):
            for i in range(4):
                with T.block("A"):
                    vi = T.axis.spatial(4, i)
                    T.reads(A[vi * 4 : vi * 4 + 4])
                    T.writes(A[vi * 4 : vi * 4 + 4])
                    for j in range(4):
                        A[vi * 4 + j] = A[vi * 4 + j] * T.float32(2)
    step:
        sch.cache_inplace("A", 0, "local")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32")):
            A_local = T.alloc_buffer((16,), "float32", scope="local")
            for i in range(4):
                for ax0 in range(4):
                    with T.block("A_local"):
                        v0 = T.axis.spatial(16, i * 4 + ax0)
                        A_local[v0] = A[v0]
                with T.block("A"):
                    vi = T.axis.spatial(4, i)
                    T.reads(A_local[vi * 4 : vi * 4 + 4])
                    T.writes(A_local[vi * 4 : vi * 4 + 4])
                    for j in range(4):
                        A_local[vi * 4 + j] = A_local[vi * 4 + j] * T.float32(2)
                for ax0 in range(4):
                    with T.block("A_local"):
                        v0 = T.axis.spatial(16, i * 4 + ax0)
                        A[v0] = A_local[v0]
    """
    require_scope(storage_scope)
    require_below_a_block(block)
    assert isinstance(read_buffer_index, int)
    buffer = block.stmt.reads[read_buffer_index].buffer
    require(
        any(w.buffer is buffer for w in block.stmt.writes),
        "{0} reads {1} but does not write it",
        block,
        buffer,
        hint="cache_read copies a buffer that is only read",
    )
    at = block.parent
    assert at is not None
    foot = Footprints(s, at)
    read = foot.union(block, block.stmt.reads, buffer)
    written = foot.union(block, block.stmt.writes, buffer)
    assert read is not None
    assert written is not None
    cache = cache_of(buffer, storage_scope, foot.an, None)
    name = f"{buffer.name}_{storage_scope}"
    both = foot.clipped(union_box(foot.an, read, written), buffer)
    require_present(s, block, at, buffer, both, block)
    given = foot.settled(block, storage_scope)
    before = copy_stage(foot.an, cache, both, name, into=True, given=given)
    after = copy_stage(foot.an, cache, foot.clipped(written, buffer), name, into=False, given=given)
    index = child_towards(at, block)
    edit = Edit(s)
    edit.allocate(block.scope, cache.buffer)
    edit.insert(at, index, before.nest)
    edit.insert(at, index + 1, after.nest)
    redirect(foot, block, cache, edit)
    user = block.stmt
    edit.commit()
    require_still_concurrent(s, loops_at_once(s, block.scope, cache.buffer), user, COPIED_OUTSIDE, cache.buffer)
    return [made(s, before), made(s, after)]
