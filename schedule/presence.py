"""Whether elements of a buffer are known to hold values by the time that a copy reads them."""

from __future__ import annotations

from collections.abc import Sequence

from ..tir.arith.region_bounds import exact_unions
from ..tir.arith.regions import Box, eval_box, region_of
from ..tir.buffer import Buffer
from ..tir.expr import Expr, all_of
from ..tir.visit import substitute
from .edit import common
from .errors import require
from .filling import surely_reads
from .footprint import Footprints, bindings
from .sref import BlockSRef, LoopSRef, SRef
from .state import State


def require_present(
    s: State, block: BlockSRef, at: SRef, buffer: Buffer, box: Box, before: BlockSRef | None = None
) -> None:
    """Require that a copy that `block` is to read finds all of `box` written.

    Parameters
    ----------
    at: a loop or the scope, in one iteration or run of which the copy is made; the box speaks of it and what is around.
    before: the block before which it is made; by default it is made first of all in the scope, which is `at`.
    """
    require(
        _is_present(s, at, buffer, box, before),
        "{0} reads {1}, but perhaps not all of the box that a copy takes, of which some elements are not known to have "
        "been written by then",
        block,
        buffer,
        hint="parameters can be copied, and what one block writes without gaps, in all runs of those that read it",
    )


def are_read(foot: Footprints, readers: Sequence[BlockSRef], buffer: Buffer, box: Box, given: Expr) -> bool:
    """Whether each element of a box is shown to be read by some instance of blocks that do not write it themselves.

    Then each holds a value, as long as the program made sense before. `given` holds of the loops around the boundary.
    """
    read = [
        foot.box(reader, region)
        for reader in readers
        if all(w.buffer is not buffer for w in reader.stmt.writes)
        for region in reader.stmt.reads
        if region.buffer is buffer and surely_reads(reader.stmt, region) and foot.covers(reader, region, given)
    ]
    return any(foot.contains(foot.clipped(part, buffer), box) for part in exact_unions(foot.an, read))


def _is_present(s: State, at: SRef, buffer: Buffer, box: Box, before: BlockSRef | None) -> bool:
    if buffer in s.function(at).buffers:
        return True
    scope = at if isinstance(at, BlockSRef) else at.scope
    while True:
        if before is not None and _is_written(s, before, at, buffer, box):
            return True
        if scope.parent is None or buffer in scope.stmt.alloc_buffers:
            return False
        # What one run of the scope needs, in terms of what is around it.
        foot = Footprints(s, scope)
        whole = region_of(foot.an, buffer, _swept(foot, at, buffer, box))
        before, at, scope = scope, scope.parent, scope.scope
        box = eval_box(Footprints(s, at).an, substitute(whole, bindings(s, before)).region, {})


def _is_written(s: State, reader: BlockSRef, at: SRef, buffer: Buffer, box: Box) -> bool:
    """Whether the blocks before `reader` in its scope are known to have written all of the box when it runs."""
    boundaries: dict[SRef, list[BlockSRef]] = {}
    for block in s.child_blocks(reader.scope):
        if block is reader:
            break
        if any(region.buffer is buffer for region in block.stmt.writes):
            boundaries.setdefault(common([block, reader]), []).append(block)
    for boundary, writers in boundaries.items():
        foot = Footprints(s, boundary)
        needed = _swept(foot, at, buffer, box)
        written = written_boxes(foot, writers, reader, buffer)
        if any(foot.contains(known, needed) for known in exact_unions(foot.an, written)):
            return True
    return False


def _swept(foot: Footprints, at: SRef, buffer: Buffer, box: Box) -> Box:
    """A box of one iteration of `at` as that of one iteration of the boundary, around it or it."""
    domains = {}
    below = at
    while below is not foot.boundary and isinstance(below, LoopSRef):
        domains[below.stmt.loop_var] = below.stmt.range
        assert below.parent is not None
        below = below.parent
    if not domains:
        return foot.clipped(box, buffer)
    ordered = dict(reversed(domains.items()))
    for var, range_ in ordered.items():
        foot.an.bind(var, range_, allow_override=True)
    return foot.clipped(eval_box(foot.an, region_of(foot.an, buffer, box).region, ordered), buffer)


def written_boxes(foot: Footprints, writers: list[BlockSRef], reader: BlockSRef, buffer: Buffer) -> list[Box]:
    """The boxes that blocks write in full below the boundary, in all iterations of the loops around it in which
    `reader` runs."""
    given = all_of(*foot.settled(reader))
    return [
        foot.box(writer, region)
        for writer in writers
        for region in writer.stmt.writes
        if region.buffer is buffer and foot.fills(writer, region, given)
    ]
