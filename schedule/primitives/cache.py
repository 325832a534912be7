"""Primitives that let blocks work on a copy of a buffer: cache_read, cache_write, cache_inplace."""

from __future__ import annotations

from ...tir.arith.regions import Box, union_box
from ...tir.buffer import Buffer
from ..arguments import BufferIndex, numbered
from ..copies import Cache, Stage, cache_of, copy_stage
from ..edit import Edit, child_towards, common, statements
from ..errors import require
from ..footprint import Footprints
from ..primitive import primitive
from ..redirect import Redirect, require_no_pointer, shifted, shifted_region
from ..scopes import require_scope
from ..sref import BlockSRef, SRef
from ..state import State


def require_below_a_block(block: BlockSRef) -> None:
    """Require that `block` is not a root block."""
    require(
        block.parent is not None,
        "{0} is the root block; a buffer can be cached only for a block inside another",
        block,
        hint="give one of sch.get_child_blocks(block)",
    )


def readers_of(s: State, scope: BlockSRef, buffer: Buffer) -> list[BlockSRef]:
    """The blocks of a scope that read `buffer`, in program order."""
    return [b for b in s.child_blocks(scope) if any(r.buffer is buffer for r in b.stmt.reads)]


def writers_of(s: State, scope: BlockSRef, buffer: Buffer) -> list[BlockSRef]:
    """The blocks of a scope that write `buffer`, in program order."""
    return [b for b in s.child_blocks(scope) if any(r.buffer is buffer for r in b.stmt.writes)]


def require_one_writer(writers: list[BlockSRef], buffer: Buffer) -> None:
    """Require that there is at most one writer."""
    if len(writers) > 1:
        places = " and ".join(f"{{{i + 1}}}" for i in range(len(writers)))
        require(
            False,
            f"{{0}} is written by several blocks, {places}, so no one copy holds its values",
            buffer,
            *writers,
            hint="cache it before the writer is taken apart, as by decompose_reduction",
        )


def require_readers(block: BlockSRef, buffer: Buffer, chosen: list[BlockSRef]) -> None:
    """Require that the blocks chosen to read a cache stand beside `block` and read `buffer`."""
    for other in chosen:
        require(
            other.parent is not None and other.scope is block.scope,
            "{0} is not in the same block as {1}, so it cannot share the cache",
            other,
            block,
        )
        require(
            any(r.buffer is buffer for r in other.stmt.reads),
            "{0} is given as a consumer but does not read {1}",
            other,
            buffer,
        )


def precedes(s: State, first: BlockSRef, second: BlockSRef) -> bool:
    """Whether `first` stands before `second` in the program."""
    order = s.child_blocks(first.scope)
    return order.index(first) < order.index(second)


def apart(s: State, first: BlockSRef, second: BlockSRef) -> bool:
    """Whether all of `first` runs before any of `second`: it stands before it and they share no loop."""
    return precedes(s, first, second) and common([first, second]) is first.scope


def written_box(s: State, writer: BlockSRef, buffer: Buffer, boundary: SRef) -> tuple[Footprints, Box]:
    """What `writer` writes of `buffer` below `boundary`, inside the buffer."""
    foot = Footprints(s, boundary)
    box = foot.union(writer, writer.stmt.writes, buffer)
    assert box is not None
    return foot, foot.clipped(box, buffer)


def require_filled(foot: Footprints, writer: BlockSRef, buffer: Buffer) -> None:
    """Require that `writer` is known to write every element of the box of what it writes."""
    regions = [r for r in writer.stmt.writes if r.buffer is buffer]
    require(
        len(regions) == 1 and foot.fills(writer, regions[0]),
        "{0} is not known to write every element of {1} in the box of those it writes, so a copy of the box would "
        "hold elements without a value",
        writer,
        regions[0],
        hint="only a block that stores unconditionally, leaving no gaps, can be cached; transform_layout closes gaps",
    )


def require_read_after(s: State, writer: BlockSRef, reader: BlockSRef, buffer: Buffer) -> None:
    """Require that what `reader` takes from a cache, `writer` put there, in the same iteration of the loops shared."""
    require(
        precedes(s, writer, reader),
        "{1} reads {2} before {0} writes it, so it cannot read the cache",
        writer,
        reader,
        buffer,
        hint="choose the consumers by consumer_blocks",
    )
    foot, box = written_box(s, writer, buffer, common([writer, reader]))
    needed = foot.union(reader, reader.stmt.reads, buffer)
    assert needed is not None
    require(
        foot.contains(box, foot.clipped(needed, buffer)),
        "{1} reads more of {2} than {0} is known to have written by then",
        writer,
        reader,
        buffer,
        hint="elements that no block wrote before cannot be read from a cache",
    )


def redirect(foot: Footprints, block: BlockSRef, cache: Cache, edit: Edit) -> None:
    """Let a block access the cache in place of the original."""
    indices = region = None
    if cache.moved:
        require_no_pointer(block, cache.original, "use a cache of another shape")
        indices = shifted(cache.lows, foot.an.simplify)
        region = shifted_region(cache.lows, foot.an.simplify)
    rewriter = Redirect(cache.original, cache.buffer, indices=indices, region=region)
    edit.block(block, rewriter(block.stmt), rewriter.inner)


def made(s: State, stage: Stage) -> BlockSRef:
    """The reference of a new stage's block."""
    ref = s.srefs[stage.block]
    assert isinstance(ref, BlockSRef)
    return ref


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
    consumer_blocks: the blocks that are to read the copy; None stands for all that read the buffer.

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
    require_one_writer(writers, buffer)
    for writer in writers:
        for reader in [block, *(consumer_blocks or ())]:
            require(
                reader is not writer,
                "{0} also writes {1}, so it cannot read a copy of it",
                reader,
                buffer,
                hint="cache_inplace copies a buffer for a block that reads and writes it",
            )
    readers = [b for b in readers_of(s, scope, buffer) if b not in writers]
    consumers = readers if consumer_blocks is None else consumer_blocks
    require_readers(block, buffer, consumers)
    at: SRef = scope
    index = 0
    if writers and not all(apart(s, reader, writers[0]) for reader in consumers):
        (writer,) = writers
        for reader in consumers:
            require_read_after(s, writer, reader, buffer)
        at = max((common([writer, reader]) for reader in consumers), key=_depth)
        inside = [reader for reader in consumers if at in reader.ancestors()]
        index = min(child_towards(at, reader) for reader in inside)
        foot, box = written_box(s, writer, buffer, at)
        if buffer not in s.function(block).buffers:
            require_filled(foot, writer, buffer)
    else:
        foot = Footprints(s, scope)
        box = _whole(foot, scope, buffer)
    cache = cache_of(buffer, storage_scope, foot.an, box if at is scope else None)
    stage = copy_stage(foot.an, cache, box, f"{buffer.name}_{storage_scope}", into=True)
    edit = Edit(s)
    edit.allocate(scope, cache.buffer)
    edit.insert(at, index, stage.nest)
    for reader in consumers:
        redirect(foot, reader, cache, edit)
    edit.commit()
    return made(s, stage)


def _depth(ref: SRef) -> int:
    return sum(1 for _ in ref.ancestors())


def _whole(foot: Footprints, scope: BlockSRef, buffer: Buffer) -> Box:
    """What a scope may read of a buffer that comes from outside of it."""
    declared = [region for region in scope.stmt.reads if region.buffer is buffer] or [buffer.full_region()]
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
    require_one_writer(writers_of(s, scope, buffer), buffer)
    require(
        all(r.buffer is not buffer for r in block.stmt.reads),
        "{0} also reads {1}, which a new buffer does not hold yet",
        block,
        buffer,
        hint="cache_inplace copies a buffer for a block that reads and writes it",
    )
    chosen = consumer_blocks or []
    require_readers(block, buffer, chosen)
    for reader in chosen:
        require_read_after(s, block, reader, buffer)
    others = []
    for reader in readers_of(s, scope, buffer):
        if reader in chosen or apart(s, reader, block):
            continue
        require(
            precedes(s, block, reader),
            "{1}, which stands before {0} in a loop around both, reads {2} as an earlier iteration wrote it",
            block,
            reader,
            buffer,
            hint="the value must be in place when the next iteration begins",
        )
        others.append(reader)
    at: SRef = max((common([block, reader]) for reader in others), key=_depth, default=scope)
    inside = [reader for reader in others if at in reader.ancestors()]
    index = min((child_towards(at, reader) for reader in inside), default=len(statements(at.stmt.body)))
    foot, box = written_box(s, block, buffer, at)
    require_filled(foot, block, buffer)
    cache = cache_of(buffer, storage_scope, foot.an, box if at is scope else None)
    stage = copy_stage(foot.an, cache, box, f"{buffer.name}_{storage_scope}", into=False)
    edit = Edit(s)
    edit.allocate(scope, cache.buffer)
    edit.insert(at, index, stage.nest)
    for user in [block, *chosen]:
        redirect(foot, user, cache, edit)
    edit.commit()
    return made(s, stage)


@primitive(prepare=numbered("read_buffer_index", "read"))
def cache_inplace(s: State, block: BlockSRef, read_buffer_index: BufferIndex, storage_scope: str) -> list[BlockSRef]:
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
    before = copy_stage(foot.an, cache, both, name, into=True)
    after = copy_stage(foot.an, cache, foot.clipped(written, buffer), name, into=False)
    index = child_towards(at, block)
    edit = Edit(s)
    edit.allocate(block.scope, cache.buffer)
    edit.insert(at, index, before.nest)
    edit.insert(at, index + 1, after.nest)
    redirect(foot, block, cache, edit)
    edit.commit()
    return [made(s, before), made(s, after)]
