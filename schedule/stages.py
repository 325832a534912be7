"""Where the copy of a buffer goes among the blocks that write and read it, and what must hold for it to be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..tir.arith.regions import Box
from ..tir.buffer import Buffer
from ..tir.expr import Expr, all_of
from ..tir.stmt import IterType
from ..tir.visit import free_vars
from .conditions import reads_before_others_write
from .copies import Cache, Stage
from .edit import Edit, child_towards, common, statements
from .errors import require
from .footprint import Footprints
from .redirect import Redirect, require_no_pointer, shifted, shifted_region
from .sref import BlockSRef, SRef
from .state import State


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


class Place(NamedTuple):
    """Before the statement of which number of the body of `at` a copy goes.

    `writer` is the block that makes the values there, None where they are there from the start.
    """

    at: SRef
    number: int
    writer: BlockSRef | None


def read_place(s: State, block: BlockSRef, buffer: Buffer, consumers: list[BlockSRef]) -> Place:
    """Where a copy for `consumers` to read is made: once all they read is there, and before any of them.

    `block` is the one that asks. Of it and the consumers only one that is alone may write the buffer, and each of its
    instances only what no other one reads.
    """
    scope = block.scope
    writers = writers_of(s, scope, buffer)
    require_one_writer(writers, buffer)
    for writer in writers:
        for reader in [block, *consumers]:
            require(
                reader is not writer or (consumers == [block] and reads_before_others_write(s, block)),
                "{0} also writes {1}, so it cannot read a copy of it",
                reader,
                buffer,
                hint="cache_inplace copies a buffer for a block that reads and writes it",
            )
    require_readers(block, buffer, consumers)
    if not writers or writers == [block] or all(apart(s, reader, writers[0]) for reader in consumers):
        return Place(scope, 0, None)
    (writer,) = writers
    for reader in consumers:
        require_read_after(s, writer, reader, buffer)
    at = max((common([writer, reader]) for reader in consumers), key=_depth)
    inside = [reader for reader in consumers if at in reader.ancestors()]
    return Place(at, min(child_towards(at, reader) for reader in inside), writer)


def write_place(s: State, block: BlockSRef, buffer: Buffer, chosen: list[BlockSRef]) -> Place:
    """Where what `block` wrote into a new buffer is copied to the old one: before any block reads it there.

    Blocks `chosen` read the new buffer instead.
    """
    scope = block.scope
    require_one_writer(writers_of(s, scope, buffer), buffer)
    require(
        all(r.buffer is not buffer for r in block.stmt.reads),
        "{0} also reads {1}, which a new buffer does not hold yet",
        block,
        buffer,
        hint="cache_inplace copies a buffer for a block that reads and writes it",
    )
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
    made = {region.buffer for region in block.stmt.writes}
    # Before blocks that read something else the block wrote, too, so that copies of several buffers stand in order.
    later = [] if chosen else [r for b in made for r in readers_of(s, scope, b) if precedes(s, block, r)]
    inside = [reader for reader in (*others, *later) if at in reader.ancestors() and not apart(s, reader, block)]
    numbers = (child_towards(at, reader) for reader in inside)
    own = child_towards(at, block)
    index = min((n for n in numbers if n > own), default=len(statements(at.stmt.body)))
    return Place(at, index, block)


def _depth(ref: SRef) -> int:
    return len(ref.ancestors())


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


def require_filled(foot: Footprints, writer: BlockSRef, buffer: Buffer, given: Sequence[Expr]) -> None:
    """Require that `writer`, where `given` holds of what is around the boundary, is known to write every element of the
    box of what it writes, and to start each anew."""
    regions = [r for r in writer.stmt.writes if r.buffer is buffer]
    reduced = {iv.var for iv in writer.stmt.iter_vars if iv.iter_type is not IterType.SPATIAL}
    for region in regions if writer.stmt.init is not None else ():
        require(
            not reduced & set(free_vars(region)),
            "{0} stores at {1}, which its reduction moves, so its init starts only some of the elements",
            writer,
            region,
            hint="make the axes that pick the element spatial ones",
        )
    require(
        len(regions) == 1 and foot.fills(writer, regions[0], all_of(*given)),
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
    with foot.an.constraint(all_of(*foot.settled(reader))):
        runs = all(foot.an.prove(condition) for condition in foot.settled(writer))
    require(
        runs and foot.contains(box, foot.clipped(needed, buffer)),
        "{1} reads more of {2} than {0} is known to have written by then",
        writer,
        reader,
        buffer,
        hint="elements that no block wrote before cannot be read from a cache",
    )


def redirect(foot: Footprints, block: BlockSRef, cache: Cache, edit: Edit, *, stores: bool = True) -> None:
    """Let a block access the cache in place of the original; or only read it, where it is one store to the original."""
    indices = region = None
    if cache.moved:
        require_no_pointer(block, cache.original, "be replaced by a cache of another shape")
        indices = shifted(cache.lows, foot.an.simplify)
        region = shifted_region(cache.lows, foot.an.simplify)
    rewriter = Redirect(cache.original, cache.buffer, indices=indices, region=region, stores=stores)
    edit.block(block, rewriter(block.stmt), rewriter.inner)


def made(s: State, stage: Stage) -> BlockSRef:
    """The reference of a new stage's block."""
    ref = s.srefs[stage.block]
    assert isinstance(ref, BlockSRef)
    return ref
