"""Guesses of decisions: tile sizes that registers and caches suggest, with which sketches come and searches start."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from ..codegen.target import Target
from ..schedule.sref import BlockSRef
from ..schedule.tiling import divisors
from ..tir.expr import IntImm
from ..tir.stmt import IterType
from ..tir.visit import free_vars


def vector_registers(target: Target) -> int:
    """The vector registers of a CPU: 32 with AVX-512 and on ARM, otherwise 16."""
    return 32 if target.vector_bits >= 512 or target.is_arm else 16


def register_tile(
    ref: BlockSRef, target: Target, axis: int, structure: str, *, lanes: int | None = None
) -> list[list[int]]:
    """Factors for each iterator of a block that is tiled as `structure` says, vectors running along iterator `axis`.

    A tile of `rows` × `vectors` registers takes rows × vectors multiply-adds, `vectors` loads and `rows` broadcasts in
    a step. Of the tiles that fit the registers, with some left for the operands, those are taken that keep the
    multiply-add units busy (8 results in flight hide the latency), and among these the one with the fewest loads.

    Parameters
    ----------
    lanes: how many values along `axis` a register holds; by default as many results as fit.
    """
    stmt = ref.stmt
    sizes = [iv.dom.extent.value if isinstance(iv.dom.extent, IntImm) else 1 for iv in stmt.iter_vars]
    spatial = [i for i, iv in enumerate(stmt.iter_vars) if iv.iter_type is IterType.SPATIAL]
    lanes = lanes or target.lanes(stmt.writes[0].buffer.dtype.bits)
    registers = vector_registers(target)
    var = stmt.iter_vars[axis].var
    vectors_at = [r for r in stmt.reads if any(var in free_vars(x.min) for x in r.region)]
    along = {v for r in vectors_at for x in r.region for v in free_vars(x.min)}
    rows = [i for i in reversed(spatial) if i != axis and stmt.iter_vars[i].var not in along]
    widths = [d for d in divisors(sizes[axis]) if d <= 64]
    best: tuple[tuple[float, ...], int, dict[int, int]] | None = None
    for width in widths:
        vectors = -(-width // lanes)
        filled = width / (vectors * lanes)
        for heights in _heights(rows, sizes, registers):
            height = prod(heights.values())
            results = vectors * height
            if results + vectors + 1 > registers and results > 1:
                continue
            steps = max(results, (vectors + height) / 2, 8) if vectors * lanes * height > 1 else 8
            score = (round(results * filled / steps, 3), results / (vectors + height))
            if best is None or score > best[0]:
                best = (score, width, heights)
    assert best is not None
    _, width, heights = best
    spatial_levels, reduce_levels = structure.count("S"), structure.count("R")
    out: list[list[int]] = []
    for i, iv in enumerate(stmt.iter_vars):
        if iv.iter_type is IterType.SPATIAL:
            inner = width if i == axis else heights.get(i, 1)
            out.append([sizes[i] // inner, *[1] * (spatial_levels - 2), inner])
        else:
            out.append([1] * (reduce_levels - 1) + [sizes[i]])
    return out


def _heights(rows: list[int], sizes: list[int], registers: int) -> list[dict[int, int]]:
    """Ways to take rows along one axis, or along the last and the one before where the last is taken whole."""
    out: list[dict[int, int]] = [{}]
    for i in rows:
        out += [{i: d} for d in divisors(sizes[i]) if 1 < d <= registers]
    for outer, inner in pairwise(rows[::-1]):
        if sizes[inner] <= registers:
            out += [
                {outer: d, inner: sizes[inner]} for d in divisors(sizes[outer]) if 1 < d * sizes[inner] <= registers
            ]
    return out
