"""The rule for stages that read along another axis than they write, such as a transposition: small tiles of both."""

from __future__ import annotations

from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef, LoopSRef
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV
from ...tir.buffer import BufferLoad
from ...tir.expr import Expr
from ...tir.visit import walk
from ..facts import consumers, is_decided, is_plain_nest, is_spatial, one_store, ref_of
from ..postprocs.nests import extent_of, steps
from . import Context, rule

ROWS = 16
"""Elements read one after the other: a cache line of float32."""

LEAST = 32
"""Extent of both axes below which a tile is not worth it."""


@rule(kinds=("llvm", "c"))
def tile_strided(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Tile the axis along which a stage reads neighbouring elements and the one along which it writes them.

    Then the cache lines that one row of a tile touches are still there for the next. The rows of a tile are as long as
    half a vector register: more lines than that at a large power of two apart do not fit a cache together.
    """
    ref = ref_of(sch, block)
    store = one_store(ref)
    if store is None or is_decided(ref) or not is_spatial(ref) or not is_plain_nest(sch, ref) or consumers(sch, ref):
        return [sch]
    written = _along(sch, ref, store.indices)
    loads = [n for n in walk(store.value) if isinstance(n, BufferLoad) and len(n.indices) > 1]
    read = next((loop for n in loads if (loop := _along(sch, ref, n.indices)) not in (None, written)), None)
    if written is None or read is None or min(extent_of(written) or 0, extent_of(read) or 0) < LEAST:
        return [sch]
    loops = ref.loops()
    handles = sch.get_loops(block)
    lanes = max(ctx.target.lanes(store.buffer.dtype.bits) // 2, 4)
    parts = []
    for loop, most in ((read, ROWS), (written, lanes)):
        extent = extent_of(loop) or 1
        size = max(d for d in divisors(extent) if d <= most)
        handle = handles[loops.index(loop)]
        parts.append(sch.split(handle, sch.sample_perfect_tile(handle, 2, 64, decision=[extent // size, size])))
    others = [handle for handle, loop in zip(handles, loops) if loop not in (read, written)]
    (rows, row), (columns, column) = parts
    sch.reorder(*others, rows, columns, row, column)
    return [sch]


def _along(sch: Schedule, ref: BlockSRef, indices: tuple[Expr, ...]) -> LoopSRef | None:
    """The loop along which an access goes from one element to the next, if there is one."""
    for loop in ref.loops():
        *outer, last = steps(sch, ref, indices, loop)
        if last == 1 and not any(outer):
            return loop
    return None
