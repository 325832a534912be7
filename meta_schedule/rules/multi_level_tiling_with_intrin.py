"""The rule that tiles products of narrow types, for a CPU, around its dot-product instructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...codegen.intrinsics import arm, x86
from ...codegen.intrinsics.dots import Dot
from ...codegen.presets import needs
from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef
from ...schedule.trace import BlockRV, LoopRV
from ...tir.arith.index_map import IndexMap
from ...tir.buffer import BufferLoad
from ...tir.errors import ScheduleError
from ...tir.expr import Add, Cast, Expr, IntImm, Mul, Var
from ...tir.stmt import IterType
from ..facts import one_store, ref_of
from ..guess import register_tile
from . import Context, rule
from .tiles import reuses_data, tile, write_stage

STRUCTURE = "SSRSRS"
TENSORIZE = "meta_schedule.auto_tensorize"

FEATURES: dict[str, str] = {
    "dot_16x4_vnni": "avx512vnni",
    "dot_8x4_vnni": "avx512vnni",
    "dot_16x2_bf16": "avx512bf16",
    "dot_8x2_bf16": "avx512bf16",
    "dot_4x4_i8i8s32_sdot": "dotprod",
    "dot_4x4_u8u8u32_udot": "dotprod",
    "dot_4x4_u8i8s32_usdot": "i8mm",
}
"""The feature of the processor that each dot product needs; of several that fit a program the first one is taken."""

DOTS: dict[str, Dot] = {**x86.DOTS, **arm.DOTS}


class Match(NamedTuple):
    """A block that is `C[.., j] += A[.., k] * B[j and k, ..]`: which iterators these are, and which region `B` is."""

    lanes: Var
    depth: Var
    region: int


@rule(kinds=("llvm",))
def multi_level_tiling_with_intrin(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Compute a sum of products of narrow types by dot products of the target, as one more sketch.

    The operand that the lanes differ in is packed, so that an instruction finds what it takes in one place.
    """
    ref = ref_of(sch, block)
    if not reuses_data(sch, ref):
        return [sch]
    for name, feature in FEATURES.items():
        dot = DOTS[name]
        found = _match(ref, dot) if _has(ctx.target, feature) else None
        if found is None:
            continue
        new = sch.copy()
        try:
            _sketch(new, block, ctx, name, dot, found)
        except ScheduleError:
            return [sch]  # loops that cannot be moved inside, or a description that does not fit after all
        return [new, sch]
    return [sch]


def _has(target: Target, feature: str) -> bool:
    if f"-{feature}" in target.features:
        return False
    return f"+{feature}" in target.features or feature in needs(target.cpu)


def _match(ref: BlockSRef, dot: Dot) -> Match | None:
    store = one_store(ref)
    if store is None or not isinstance(store.value, Add) or str(store.buffer.dtype) != dot.c:
        return None
    product = next((e for e in (store.value.a, store.value.b) if isinstance(e, Mul)), None)
    if product is None:
        return None
    loads = [_load(product.a), _load(product.b)]
    axes = {iv.var: iv for iv in ref.stmt.iter_vars}
    for a, b in (loads, loads[::-1]):
        if a is None or b is None or (str(a.buffer.dtype), str(b.buffer.dtype)) != (dot.a, dot.b):
            continue
        depth, lanes = a.indices[-1], store.indices[-1]
        plain = all(isinstance(e, (Var, IntImm)) for e in b.indices)
        if not (plain and isinstance(depth, Var) and isinstance(lanes, Var) and {depth, lanes} <= set(b.indices)):
            continue
        kinds = (axes[depth].iter_type, axes[lanes].iter_type) if {depth, lanes} <= axes.keys() else None
        if kinds != (IterType.REDUCE, IterType.SPATIAL) or lanes in a.indices:
            continue
        whole = [_divides(dot.k, axes[depth].dom.extent), _divides(dot.n, axes[lanes].dom.extent)]
        number = next((i for i, r in enumerate(ref.stmt.reads) if r.buffer is b.buffer), None)
        if all(whole) and number is not None:
            return Match(lanes, depth, number)
    return None


def _load(e: Expr) -> BufferLoad | None:
    inner = e.value if isinstance(e, Cast) else e
    return inner if isinstance(inner, BufferLoad) else None


def _divides(factor: int, extent: Expr) -> bool:
    return isinstance(extent, IntImm) and extent.value % factor == 0


def _sketch(sch: Schedule, block: BlockRV, ctx: Context, name: str, dot: Dot, found: Match) -> None:
    ref = ref_of(sch, block)
    _pack(sch, block, dot, found)
    stage = write_stage(sch, block, "global")
    values = {iv.var: v for iv, v in zip(ref.stmt.iter_vars, sch.state.realize(ref).iter_values)}
    loops = {sch.get_sref(loop).stmt.loop_var: loop for loop in sch.get_loops(block)}
    lanes, depth = (loops.pop(values[var]) for var in (found.lanes, found.depth))
    outer_lanes, lane = sch.split(lanes, [None, dot.n])
    outer_depth, step = sch.split(depth, [None, dot.k])
    spatial = [loop for loop in loops.values() if _is_spatial(sch, block, loop)]
    reducing = [loop for loop in loops.values() if loop not in spatial]
    sch.reorder(*spatial, outer_lanes, *reducing, outer_depth, lane, step)
    whole = sch.blockize(lane)
    sch.annotate(whole, TENSORIZE, name)
    outer = ref_of(sch, whole)
    bound = sch.state.realize(outer).iter_values
    vector = sch.get_sref(outer_lanes).stmt.loop_var
    axis = next((i for i, value in enumerate(bound) if value is vector), None)
    guesses = None
    if axis is not None:
        tiles = register_tile(outer, ctx.target, axis, STRUCTURE, lanes=1)
        guesses = {value: factors for value, factors in zip(bound, tiles) if isinstance(value, Var)}
    levels = tile(sch, whole, STRUCTURE, outer_lanes, guesses)
    sch.reverse_compute_at(stage, levels[1][-1])


def _is_spatial(sch: Schedule, block: BlockRV, loop: LoopRV) -> bool:
    ref = ref_of(sch, block)
    var = sch.get_sref(loop).stmt.loop_var
    pairs = zip(ref.stmt.iter_vars, sch.state.realize(ref).iter_values)
    return any(iv.iter_type is IterType.SPATIAL and value is var for iv, value in pairs)


def _pack(sch: Schedule, block: BlockRV, dot: Dot, found: Match) -> None:
    """Copy the operand of the lanes so that `n` × `k` elements, one instruction's, lie side by side."""
    region = ref_of(sch, block).stmt.reads[found.region]
    at = [r.min for r in region.region]
    lanes, depth = (next(i for i, e in enumerate(at) if e is var) for var in (found.lanes, found.depth))
    copy = sch.cache_read(block, found.region, "global")
    variables = [Var(f"i{d}", e.dtype) for d, e in enumerate(region.buffer.shape)]
    others = [d for d in range(len(at)) if d not in (lanes, depth)]
    parts: Sequence[Expr] = (
        variables[lanes] // dot.n,
        *(variables[d] for d in others),
        variables[depth] // dot.k,
        variables[lanes] % dot.n,
        variables[depth] % dot.k,
    )
    sch.transform_layout(copy, ("write", 0), IndexMap(variables, parts))
    loops = sch.get_loops(copy)
    panel, lane = sch.split(loops[lanes], [None, dot.n])
    group, step = sch.split(loops[depth], [None, dot.k])
    sch.reorder(panel, *(loops[d] for d in others), group, lane, step)
