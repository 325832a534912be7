"""The postproc that lays packed copies out in the order in which their reader's loops go through them."""

from __future__ import annotations

from typing import NamedTuple

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV, LoopRV
from ...tir.arith.analyzer import Analyzer
from ...tir.arith.index_map import IndexMap
from ...tir.expr import Expr, IntImm, Var
from ...tir.visit import substitute
from ..facts import consumers, ref_of
from . import postproc
from .nests import leaves

PACK = "meta_schedule.layout_rewrite"


ROWS, COLUMNS = 16, 8
"""The tile of a copy that transposes: a cache line of float32 to read, as many lines as a cache holds side by side."""


class Digit(NamedTuple):
    """A loop's part in an index: dimension `dim` is ... + loop * `weight`, the loop having `extent` turns."""

    dim: int
    weight: int
    extent: int


@postproc
def rewrite_layout(sch: Schedule, target: Target) -> None:
    """Give every copy marked as packed the layout in which its reader's loops read it one element after the other.

    An index of the copy that is a sum of digits, one for each loop, becomes as many indices, which are ordered as the
    loops are; digits next to each other in both orders stay one index. The loops of the copy follow the new layout.
    """
    for block in leaves(sch):
        if PACK in ref_of(sch, block).stmt.annotations:
            _rewrite(sch, block)
            sch.unannotate(block, PACK)


def _rewrite(sch: Schedule, block: BlockRV) -> None:
    ref = ref_of(sch, block)
    readers = consumers(sch, ref)
    digits = _digits(sch, ref, readers[0]) if len(readers) == 1 else None
    if digits is None:
        return
    merged = _merged(digits)
    shape = ref.stmt.writes[0].buffer.shape
    variables = [Var(f"i{d}", extent.dtype) for d, extent in enumerate(shape)]
    sizes = [e.value for e in shape if isinstance(e, IntImm)]
    if len(sizes) == len(shape) and merged != [Digit(d, 1, n) for d, n in enumerate(sizes) if n > 1]:
        final = [_part(variables[digit.dim], digit, sizes) for digit in merged] or [variables[0]]
        sch.transform_layout(block, ("write", 0), IndexMap(variables, final))
        _follow(sch, block, merged)


def _part(index: Expr, digit: Digit, sizes: list[int]) -> Expr:
    out = index // digit.weight if digit.weight > 1 else index
    return out % digit.extent if digit.weight * digit.extent < sizes[digit.dim] else out


def _digits(sch: Schedule, copy: BlockSRef, reader: BlockSRef) -> list[Digit] | None:
    """The digits of the indices at which a copy is read, in the order of the loops; None if they are not such sums."""
    buffer = copy.stmt.writes[0].buffer
    regions = [r for r in reader.stmt.reads if r.buffer is buffer]
    if len(regions) != 1:
        return None
    values = {iv.var: v for iv, v in zip(reader.stmt.iter_vars, sch.state.realize(reader).iter_values)}
    an = Analyzer()
    loops = reader.loops()
    for loop in loops:
        an.bind(loop.stmt.loop_var, loop.stmt.range)
    order = {loop.stmt.loop_var: i for i, loop in enumerate(loops)}
    found: list[tuple[int, Digit]] = []
    for dim, (r, extent) in enumerate(zip(regions[0].region, buffer.shape)):
        form = an.normal(substitute(r.min, values))
        parts = []
        for atom, weight in form.terms.items():
            if not isinstance(atom, Var) or atom not in order:
                return None
            turns = loops[order[atom]].stmt.extent
            if not isinstance(turns, IntImm):
                return None
            parts.append((order[atom], Digit(dim, weight, turns.value)))
        parts = [p for p in parts if p[1].extent > 1]
        below = 1
        for _, digit in sorted(parts, key=lambda p: p[1].weight):
            if digit.weight != below:
                return None
            below *= digit.extent
        if form.const != 0 or not isinstance(extent, IntImm) or below != extent.value:
            return None
        found += parts
    return [digit for _, digit in sorted(found, key=lambda p: p[0])]


def _merged(digits: list[Digit]) -> list[Digit]:
    out: list[Digit] = []
    for digit in digits:
        if out and out[-1].dim == digit.dim and out[-1].weight == digit.weight * digit.extent:
            out[-1] = Digit(digit.dim, digit.weight, out[-1].extent * digit.extent)
        else:
            out.append(digit)
    return out


def _follow(sch: Schedule, block: BlockRV, digits: list[Digit]) -> None:
    """Split the loops of the copy into digits and put them in order."""
    loops = sch.get_loops(block)
    by_digit: dict[Digit, LoopRV] = {}
    for dim, loop in enumerate(loops):
        own = sorted((d for d in digits if d.dim == dim), key=lambda d: -d.weight)
        parts = sch.split(loop, [d.extent for d in own]) if len(own) > 1 else [loop]
        by_digit |= dict(zip(own, parts))
    order = [by_digit[d] for d in digits]
    last = [d for d in digits if d.dim == len(loops) - 1 and d.weight == 1]
    if last and last[0] is not digits[-1] and min(last[0].extent, digits[-1].extent) >= ROWS:
        # The copy reads along another axis than it writes: do small tiles of both, so that cache lines are used up.
        tiles = []
        for digit, most in ((last[0], ROWS), (digits[-1], COLUMNS)):
            size = max(d for d in divisors(digit.extent) if d <= most)
            tiles.append(sch.split(by_digit[digit], [digit.extent // size, size]))
        (rows, row), (columns, column) = tiles
        order = [loop for loop in order if loop not in (by_digit[last[0]], by_digit[digits[-1]])]
        order += [rows, columns, row, column]
    if len(order) > 1:
        sch.reorder(*order)
