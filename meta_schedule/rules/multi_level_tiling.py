"""The rule that tiles blocks which reuse data, for a CPU: register tiles, packed operands, parallel tiles."""

from __future__ import annotations

from collections.abc import Sequence

from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef
from ...schedule.trace import BlockRV
from ...tir.buffer import BufferLoad
from ...tir.errors import ScheduleError
from ...tir.expr import Call, IntImm, Var
from ...tir.stmt import IterType
from ..facts import consumers, is_output, is_plain_nest, one_store, producers, ref_of
from ..guess import register_tile
from . import Context, rule
from .tiles import axes_of, reuses_data, tile, unused_axes, write_stage

STRUCTURE = "SSRSRS"
TILED = "meta_schedule.tiling_structure"
PACK = "meta_schedule.layout_rewrite"
"""Marks a copy whose layout a postproc puts into the order in which the tiles read it."""


@rule(kinds=("llvm", "c"))
def multi_level_tiling(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Tile a reduction that reads elements several times in six levels, SSRSRS.

    The results of a tile are accumulated in a local buffer, which is registers where the innermost levels are small,
    and stored by the elementwise stage that reads them, or by a copy. The sketches differ in which axis the vectors
    run along (the last one of the result, or another one along which an operand is contiguous or can be made so), in
    which read-only operands are packed, that is copied into the order in which the tiles read them, and in whether the
    vectors' axis is the outermost one.
    """
    ref = ref_of(sch, block)
    if not reuses_data(sch, ref):
        return [sch]
    ways = [
        (axis, packed, outermost)
        for axis in _vector_axes(ref)
        for packed in _packings(sch, ref, axis)
        for outermost in ((True, False) if _has_stage(sch, ref) else (True,))
    ]
    out: list[Schedule] = []
    for way in ways:
        found = _sketch(sch.copy(), block, ctx, *way)
        if found is not None:
            out.append(found)
        if out and _others(sch, ref):
            break
    return out or [sch]


def _sketch(
    sch: Schedule, block: BlockRV, ctx: Context, axis: int, packed: Sequence[int], outermost: bool
) -> Schedule | None:
    ref = ref_of(sch, block)
    try:
        for number in packed:
            sch.annotate(_copy(sch, block, number), PACK, 1)
        stage = write_stage(sch, block)
        loops = {sch.get_sref(loop).stmt.loop_var: loop for loop in sch.get_loops(block)}
        values = sch.state.realize(ref).iter_values
        vector = loops[values[axis]]
        guesses = register_tile(ref, ctx.target, axis, STRUCTURE)
        by_loop = {value: guesses[i] for i, value in enumerate(values) if isinstance(value, Var)}
        levels = tile(sch, block, STRUCTURE, vector, by_loop)
        if not outermost:
            for level in levels[:2]:
                level.append(level.pop(0))
            sch.reorder(*levels[0], *levels[1])
        sch.reverse_compute_at(stage, levels[1][-1])
        sch.annotate(block, TILED, STRUCTURE)
    except ScheduleError:
        return None  # a loop that cannot be cut, or a stage that cannot be moved: this way of tiling is not legal
    return sch


def _copy(sch: Schedule, block: BlockRV, number: int) -> BlockRV:
    """The stage whose layout is to change: a copy that is there for the block, such as a padded one, or a new one."""
    buffer = ref_of(sch, block).stmt.reads[number].buffer
    for producer in sch.get_producers(block):
        if _is_copy(sch, ref_of(sch, producer)) and ref_of(sch, producer).stmt.writes[0].buffer is buffer:
            return producer
    return sch.cache_read(block, number, "global")


def _is_copy(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether a stage puts a parameter's elements, padded, where one block reads them."""
    store = one_store(ref)
    value = store.value if store is not None else None
    if isinstance(value, Call) and getattr(value.op, "name", "") == "if_then_else":
        value = value.args[1]
    alone = isinstance(value, BufferLoad) and is_plain_nest(sch, ref) and not producers(sch, ref)
    return alone and len(consumers(sch, ref)) == 1 and not is_output(sch, ref)


def _others(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether another block is tiled already: then there are sketches enough, and this block takes the first way."""
    return any(TILED in other.stmt.annotations for other in sch.state.child_blocks(ref.scope))


def _has_stage(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether another stage makes what the block reads, which may be computed tile by tile."""
    return bool(producers(sch, ref))


def _vector_axes(ref: BlockSRef) -> list[int]:
    """The numbers of the iterators that vectors may run along: the last of the result's indices, and spatial ones along
    which a read-only operand is contiguous or would be when packed."""
    order = [iv.var for iv in ref.stmt.iter_vars]
    last = [v for r in ref.stmt.writes[0].region[-1:] for v in order if r.min is v]
    found = last[:1]
    for region in ref.stmt.reads:
        ends = [v for v in axes_of(region, ref) if region.region[-1].min is v]
        found += [v for v in ends if v not in found and _is_spatial(ref, v)]
        if region.buffer.scope == "global" and unused_axes(region, ref) and len(region.region) >= 3:
            # Weights as [co, ci, kh, kw]: packed, they are contiguous along the axis of channels.
            found += [v for v in order if region.region[0].min is v and v not in found and _is_spatial(ref, v)]
    sizes = {iv.var: getattr(iv.dom.extent, "value", 0) for iv in ref.stmt.iter_vars}
    return [order.index(v) for v in found if sizes[v] > 1][:2]


def _is_spatial(ref: BlockSRef, var: Var) -> bool:
    return any(iv.var is var and iv.iter_type is IterType.SPATIAL for iv in ref.stmt.iter_vars)


def _packings(sch: Schedule, ref: BlockSRef, axis: int) -> list[tuple[int, ...]]:
    """Which of the read regions to pack: none, what the vectors run along, all of the function's own parameters."""
    var = ref.stmt.iter_vars[axis].var
    made = {r.buffer for b in producers(sch, ref) if not _is_copy(sch, b) for r in b.stmt.writes}
    written = {region.buffer for region in ref.stmt.writes}
    ready = [
        i
        for i, region in enumerate(ref.stmt.reads)
        if region.buffer not in made
        and region.buffer not in written
        and unused_axes(region, ref)
        and all(isinstance(r.min, (Var, IntImm)) for r in region.region)
    ]
    along = [i for i in ready if var in axes_of(ref.stmt.reads[i], ref)]
    contiguous = all(ref.stmt.reads[i].region[-1].min is var for i in along)
    out: list[tuple[int, ...]] = [tuple(along)] if along else []
    if contiguous or not along:
        out.append(())
    if len(ready) > len(along):
        out.append(tuple(ready))
    return out
