"""What the tiling rules share: which blocks reuse data, and cutting their loops into levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef
from ...schedule.trace import BlockRV, LoopRV
from ...tir.buffer import BufferRegion
from ...tir.expr import IntImm, Var
from ...tir.stmt import IterType
from ...tir.visit import free_vars
from ..facts import (
    consumers,
    instances,
    is_decided,
    is_output,
    is_plain_nest,
    is_reduction,
    is_spatial,
    one_store,
    ref_of,
)

INNERMOST = 64
"""The greatest factor of the innermost level."""


def axes_of(region: BufferRegion, ref: BlockSRef) -> set[Var]:
    """The iterators of a block that a region it accesses depends on."""
    own = {iv.var for iv in ref.stmt.iter_vars}
    return {v for r in region.region for v in free_vars(r.min)} & own


def unused_axes(region: BufferRegion, ref: BlockSRef) -> list[Var]:
    """The spatial iterators of more than one value that a region does not depend on: along them it is used again."""
    used = axes_of(region, ref)
    return [
        iv.var
        for iv in ref.stmt.iter_vars
        if iv.iter_type is IterType.SPATIAL
        and iv.var not in used
        and not (isinstance(iv.dom.extent, IntImm) and iv.dom.extent.value == 1)
    ]


def reuses_data(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether a block is a plain nest of loops that reduces, and reads something again for other results.

    What a product of a matrix and a vector reads again is the vector; the matrix, each number of which it uses once,
    decides, and no tile makes that less.
    """
    written = {region.buffer for region in ref.stmt.writes}
    reads = [region for region in ref.stmt.reads if region.buffer not in written]
    if sch.state.child_blocks(ref) or len(written) != 1 or not is_reduction(ref) or not is_plain_nest(sch, ref):
        return False
    return any(unused_axes(region, ref) for region in reads) and not any(_is_streamed(region, ref) for region in reads)


def _is_streamed(region: BufferRegion, ref: BlockSRef) -> bool:
    """Whether each instance of a block reads an element of its own: at its iterators, one in each dimension."""
    indices = [r.min for r in region.region]
    own = {iv.var for iv in ref.stmt.iter_vars if not iv.dom.is_point}
    return all(r.is_point for r in region.region) and own <= {i for i in indices if isinstance(i, Var)}


def tile(
    sch: Schedule,
    block: BlockRV,
    structure: str,
    first: LoopRV | None = None,
    guesses: Mapping[Var, Sequence[int] | None] | None = None,
) -> list[list[LoopRV]]:
    """Cut the loops of a block into levels, each spatial ("S") or reducing ("R"), by sampled factors; gives the levels.

    Parameters
    ----------
    first: a spatial loop that comes before the others, but in the innermost level, where it comes last.
    guesses: factors, by loop variable, to start with.
    """
    ref = sch.get_sref(block)
    assert isinstance(ref, BlockSRef)
    levels: list[list[LoopRV]] = [[] for _ in structure]
    kinds = dict(zip((str(v) for v in _loop_vars(ref)), _kinds(sch, ref)))
    loops = sch.get_loops(block)
    if first is not None:
        loops.sort(key=lambda loop: sch.get_sref(loop) is not sch.get_sref(first))
    for loop in loops:
        var = sch.get_sref(loop).stmt.loop_var
        places = [i for i, level in enumerate(structure) if level == kinds[str(var)]]
        if len(places) == 1:
            levels[places[0]].append(loop)
            continue
        guess = (guesses or {}).get(var)
        factors = sch.sample_perfect_tile(
            loop, len(places), INNERMOST if structure[-1] == kinds[str(var)] else -1, decision=guess
        )
        for place, part in zip(places, sch.split(loop, factors)):
            levels[place].append(part)
    if first is not None:
        last = max(i for i, level in enumerate(structure) if level == "S")
        levels[last].append(levels[last].pop(0))
    sch.reorder(*(loop for level in levels for loop in level))
    return levels


def _loop_vars(ref: BlockSRef) -> list[Var]:
    return [loop.stmt.loop_var for loop in ref.loops()]


def _kinds(sch: Schedule, ref: BlockSRef) -> list[str]:
    """Of each loop, "S" if it drives a spatial iterator, else "R"."""
    values = sch.state.realize(ref).iter_values
    spatial = {
        v for iv, value in zip(ref.stmt.iter_vars, values) if iv.iter_type is IterType.SPATIAL for v in free_vars(value)
    }
    return ["S" if var in spatial else "R" for var in _loop_vars(ref)]


def write_stage(sch: Schedule, block: BlockRV, scope: str = "local") -> BlockRV:
    """The stage that takes the results of a tile out of the local buffer: the one elementwise consumer, or a copy."""
    ref = ref_of(sch, block)
    readers = consumers(sch, ref)
    free = len(readers) == 1 and not is_decided(readers[0])
    if free and not is_output(sch, ref) and is_spatial(readers[0]) and one_store(readers[0]) is not None:
        if instances(readers[0].stmt) <= _results(ref) and _reads_as_written(readers[0], ref):
            (reader,) = sch.get_consumers(block)
            if scope != "global":
                sch.set_scope(block, 0, scope)
            return reader
    return sch.cache_write(block, 0, scope)


def _reads_as_written(reader: BlockSRef, ref: BlockSRef) -> bool:
    """Whether a block reads what another writes at its own iterators, so that it can follow any tile of it."""
    written = {region.buffer for region in ref.stmt.writes}
    indices = [r.min for region in reader.stmt.reads if region.buffer in written for r in region.region]
    return all(isinstance(index, (Var, IntImm)) for index in indices)


def _results(ref: BlockSRef) -> int:
    out = 1
    for iv in ref.stmt.iter_vars:
        if iv.iter_type is IterType.SPATIAL:
            out *= getattr(iv.dom.extent, "value", 0)
    return out
