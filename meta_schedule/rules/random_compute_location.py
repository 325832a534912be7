"""The rule that leaves to the search at which loop of its consumers a stage is computed."""

from __future__ import annotations

from math import prod

from ...schedule.edit import common
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef, LoopSRef
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV, LoopRV
from ...tir.errors import ScheduleError
from ...tir.expr import IntImm
from ...tir.stmt import IterType
from ...tir.visit import free_vars
from ..facts import consumers, is_output, is_plain_nest, is_spatial, ref_of
from ..postprocs.nests import drives, extent_of
from . import Context, rule

STRIP = 32
"""Iterations of the outermost loop of a stage that reads a neighbourhood, done together."""

REPEATED = 1.3
"""How many times as often as once each value may be computed, for a guess."""


@rule
def random_compute_location(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Sample the loop at which a stage that is not inlined is computed, or that it stays by itself.

    The guess is the innermost loop at which hardly anything is computed twice; the partial results of a divided
    reduction go where these are summed up, since elsewhere they are computed repeatedly. A stage that reads several
    elements of it around each place is first cut into strips of its outermost loop, so that there is such a loop.
    """
    ref = ref_of(sch, block)
    readers = consumers(sch, ref)
    if not readers or is_output(sch, ref) or not ref.loops() or _is_beside_others(sch, ref) or _tiled(ref):
        return [sch]
    if not ref.stmt.reads:
        return [sch]  # constants are made once
    new = sch.copy()
    try:
        _strips(new, ref_of(new, block))
        guess = _guess(new, block)
        readers = consumers(new, ref_of(new, block))
        if _is_partial(ref) and all(_is_partial(reader) for reader in readers):
            place = _place(new, readers[0], guess)
            if place is not None:
                new.compute_at(block, place, preserve_unit_loops=False)
            return [new]
        location = new.sample_compute_location(block, decision=guess)
        new.compute_at(block, location, preserve_unit_loops=False)
    except ScheduleError:
        return [sch]  # readers it cannot be moved to: it stays
    return [new]


def _is_partial(ref: BlockSRef) -> bool:
    """Whether a block is a part of a divided reduction."""
    return "meta_schedule.rfactor" in ref.stmt.annotations


def _place(sch: Schedule, reader: BlockSRef, guess: int) -> LoopRV | None:
    """Where partial results are computed: where what sums them up is, or in its own nest where it was not moved."""
    for inst in reversed(sch.trace.insts):
        if inst.primitive.name == "compute_at" and sch._env.get(inst.inputs[0]) is reader:
            moved: LoopRV = inst.inputs[1]
            return moved
    return sch.get_loops(_handle(sch, reader))[guess] if guess >= 0 else None


def _tiled(ref: BlockSRef) -> bool:
    return (
        "meta_schedule.tiling_structure" in ref.stmt.annotations
        or "meta_schedule.layout_rewrite" in ref.stmt.annotations
    )


def _is_beside_others(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether a block shares its loops with others, so that it has been placed already."""
    return len(sch.state.child_blocks(ref.loops()[0])) > 1


def _strips(sch: Schedule, ref: BlockSRef) -> None:
    written = {region.buffer for region in ref.stmt.writes}
    for reader in consumers(sch, ref):
        regions = [r for r in reader.stmt.reads if r.buffer in written]
        wide = any(not isinstance(x.extent, IntImm) or x.extent.value > 1 for r in regions for x in r.region)
        loops = reader.loops()
        if wide and loops and is_spatial(reader) and is_plain_nest(sch, reader) and len(consumers(sch, ref)) == 1:
            (handle,) = sch.get_consumers(_handle(sch, ref))
            number = next((i for i, loop in enumerate(loops) if (extent_of(loop) or 1) > 1), None)
            if number is None:
                return
            extent = extent_of(loops[number]) or 1
            size = max(d for d in divisors(extent) if d <= STRIP)
            loop = sch.get_loops(handle)[number]
            sch.split(loop, sch.sample_perfect_tile(loop, 2, 64, decision=[extent // size, size]))


def _handle(sch: Schedule, ref: BlockSRef) -> BlockRV:
    return next(rv for rv, value in sch._env.items() if value is ref)


def _guess(sch: Schedule, block: BlockRV) -> int:
    """The number of the innermost loop around the consumers where little is computed twice, -1 if there is none.

    Innermost loops of consumers do not count, as one value at a time is no vector.
    """
    ref = ref_of(sch, block)
    readers = consumers(sch, ref)
    around = common([b for b in readers if b.parent is not None])
    if around in readers:
        loops = [*around.loops()][:-1]
    else:
        loops = [r for r in (around, *around.ancestors()) if isinstance(r, LoopSRef) and r.scope is ref.scope]
        loops.reverse()
    once = _instances(ref)
    best = -1
    for number in range(len(loops)):
        if drives(sch, loops[number]) - {IterType.SPATIAL}:
            break
        if (extent_of(loops[number]) or 2) == 1 or not _moves(sch, loops[number], ref, readers):
            continue
        trial = sch.copy()
        try:
            trial.compute_at(block, trial.sample_compute_location(block, decision=number), preserve_unit_loops=False)
        except ScheduleError:
            break
        if _instances(ref_of(trial, block)) > REPEATED * once:
            break
        best = number
    return best


def _moves(sch: Schedule, loop: LoopSRef, ref: BlockSRef, readers: list[BlockSRef]) -> bool:
    """Whether what the readers below a loop need changes with the loop."""
    written = {region.buffer for region in ref.stmt.writes}
    for reader in readers:
        values = {iv.var: v for iv, v in zip(reader.stmt.iter_vars, sch.state.realize(reader).iter_values)}
        used = {v for r in reader.stmt.reads if r.buffer in written for x in r.region for v in free_vars(x.min)}
        if loop.stmt.loop_var in {w for v in used for w in free_vars(values.get(v, v))}:
            return True
    return False


def _instances(ref: BlockSRef) -> int:
    """How often a block runs: the turns of all its loops."""
    return prod(extent_of(loop) or 1024 for loop in ref.loops())
