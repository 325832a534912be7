"""Which instances of a block touch given boxes: its iterators solved from its regions, and the loops that run them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..tir.arith.analyzer import Analyzer
from ..tir.arith.interval import IntervalSet, eval_set, intersect, union
from ..tir.arith.iter_inverse import inverse_affine_iter_map
from ..tir.arith.iter_map import IterMapLevel, detect_iter_map
from ..tir.arith.linear import Linear, factors
from ..tir.arith.regions import Box, box_contains, eval_box
from ..tir.buffer import BufferRegion, Range
from ..tir.expr import Expr, FloorDiv, IntImm, Var, all_of, as_expr, const
from ..tir.op import maximum, minimum
from ..tir.stmt import Block, BlockRealize, IterVar, Stmt
from ..tir.visit import free_vars
from .errors import refusal
from .rewrite import make_nest

Sets = dict[Var, IntervalSet]
"""The values of iterators; one that is absent takes all of its domain."""


class Index(NamedTuple):
    """One dimension of a region of a block, `low ... low + extent - 1` in its iterators, and what is asked of it."""

    low: Expr
    extent: Expr
    wanted: IntervalSet


def instances(an: Analyzer, block: Block, wanted: Sequence[tuple[BufferRegion, Box]], *, inside: bool) -> Sets:
    """The instances of `block` whose regions meet the boxes, or, with `inside`, lie in them.

    Meeting instances may be too many, instances inside are exact.

    Raises
    ------
    ScheduleError: the iterators do not follow from a region.
    """
    doms = {iv.var: iv.dom for iv in block.iter_vars}
    out: Sets | None = None
    for region, box in wanted:
        found = _solve(an, block, region, box, doms, inside=inside)
        if out is None:
            out = found
        elif inside:
            out = _meet(an, out, found)
        else:
            out = {v: union(an, out[v], found[v]) for v in out if v in found}
    return out or {}


def _meet(an: Analyzer, a: Sets, b: Sets) -> Sets:
    out = dict(a)
    for var, values in b.items():
        out[var] = intersect(an, out[var], values) if var in out else values
    return out


def _solve(
    an: Analyzer, block: Block, region: BufferRegion, box: Box, doms: Mapping[Var, Range], *, inside: bool
) -> Sets:
    out: Sets = {}
    indices: list[tuple[Index, tuple[Var, IntervalSet] | None]] = []
    together: list[Index] = []
    for r, part in zip(region.region, box, strict=True):
        index = Index(r.min, r.extent, part)
        if not any(v in doms for v in (*free_vars(r.min), *free_vars(r.extent))):
            if inside and not box_contains(an, (part,), eval_box(an, (r,), {})):
                raise refusal(
                    "{0} reads {1}, of which an iteration of the loop may leave something unwritten",
                    block,
                    region,
                    hint="what all instances read must be complete when the first one runs",
                )
            continue
        indices.append((index, _alone(an, index, doms, inside=inside)))
    unsolved = {v for index, found in indices if found is None for v in free_vars(index.low)}
    for index, found in indices:
        if found is not None:
            out = _meet(an, out, {found[0]: found[1]})
        if found is None or found[0] in unsolved:
            # Digits of one iterator are read together, also those that tell something by themselves.
            together.append(index)
    if together:
        solved = _together(an, together, doms, inside=inside)
        if solved is None:
            raise refusal(
                "the iterators of {0} cannot be found from what it touches, {1}",
                block,
                region,
                hint="each index is to be one iterator times a constant, or the indices together digits of iterators",
            )
        out = _meet(an, out, solved)
    return out


def _alone(an: Analyzer, index: Index, doms: Mapping[Var, Range], *, inside: bool) -> tuple[Var, IntervalSet] | None:
    """The iterator that an index follows from by itself, and its values."""
    wanted = index.wanted
    if wanted.min_value is None or wanted.max_value is None or any(v in doms for v in free_vars(index.extent)):
        return None
    form = an.normal(index.low)
    keys = [key for key in form.terms if any(v in doms for atom in factors(key) for v in free_vars(atom))]
    if len(keys) != 1:
        return None
    (key,) = keys
    step, quotient = form.terms[key], 1
    var = key
    if isinstance(key, FloorDiv) and isinstance(key.b, IntImm) and key.b.value > 0:
        var, quotient = key.a, key.b.value
    if not isinstance(var, Var):
        return None
    dtype = index.low.dtype
    rest = an.build(Linear({k: c for k, c in form.terms.items() if k is not key}, form.const), dtype)
    low, high, width = wanted.min_value - rest, wanted.max_value - rest, index.extent - 1
    if step < 0:
        # Mirrored, the region is `-step * x - width ... -step * x`.
        low, high, step = width - high, width - low, -step
    # step * x ... step * x + width meets or lies in low ... high
    first = _up(low if inside else low - width, step)
    last = (high - width if inside else high) // step
    if quotient > 1:
        first, last = first * quotient, last * quotient + (quotient - 1)
    return var, IntervalSet(an.simplify(first), an.simplify(last))


def _up(e: Expr, divisor: int) -> Expr:
    return e if divisor == 1 else (e + (divisor - 1)) // divisor


def _together(an: Analyzer, indices: Sequence[Index], doms: Mapping[Var, Range], *, inside: bool) -> Sets | None:
    """The iterators of which the indices are digits, or None."""
    involved = {v: doms[v] for index in indices for v in free_vars(index.low) if v in doms}
    ranges: dict[Var, Range] = {}
    for k, (low, extent, wanted) in enumerate(indices):
        single = isinstance(extent, IntImm) and extent.value == 1
        if not single or wanted.min_value is None or wanted.max_value is None:
            return None
        ranges[Var(f"x{k}", low.dtype)] = wanted.to_range(an, Range(low, extent))
    found = detect_iter_map([index.low for index in indices], involved, True, IterMapLevel.BIJECTIVE, an)
    if not found:
        return None
    for var, range_ in ranges.items():
        an.bind(var, range_)
    inverse = inverse_affine_iter_map(found.indices, list(ranges), an)
    out = {var: eval_set(an, value, ranges) for var, value in inverse.items()}
    if any(values.is_everything for values in out.values()):
        return None
    if inside and not an.equal(
        _count(values.to_range(an, doms[v]) for v, values in out.items()), _count(ranges.values())
    ):
        return None
    return out


def _count(ranges: Iterable[Range]) -> Expr:
    out: Expr = const(1)
    for r in ranges:
        out = out * r.extent
    return out


class Axis(NamedTuple):
    """The values an iterator is to take: `low ... low + extent - 1`, of which `guards` (of a value) may refuse some."""

    low: Expr
    extent: Expr
    below: bool
    above: bool


def axis(an: Analyzer, iter_var: IterVar, wanted: IntervalSet | None) -> Axis:
    """The values wanted of an iterator within its domain; where that is not shown, the value is to be compared with
    the domain's start (`below`) or end (`above`)."""
    dom = iter_var.dom
    if wanted is None or wanted.min_value is None or wanted.max_value is None:
        return Axis(dom.min, dom.extent, False, False)
    low, high = wanted.min_value, wanted.max_value
    last = an.simplify(dom.min + dom.extent - 1)
    below, above = not an.prove(low >= dom.min), not an.prove(high <= last)
    extent = an.simplify(high + 1 - low)
    if below or above:
        if an.prove(low <= dom.min) and an.prove(high >= last):
            return Axis(dom.min, dom.extent, False, False)
        least, greatest = an.simplify(maximum(low, dom.min)), an.simplify(minimum(high, last))
        common = an.simplify(greatest + 1 - least)
        if isinstance(common, IntImm):
            return Axis(least, common, False, False)
    return Axis(low, extent, below, above)


def regenerated(
    an: Analyzer, block: Block, axes: Sequence[Axis], *, preserve_unit_loops: bool
) -> tuple[BlockRealize, list[tuple[Var, Expr]]]:
    """The block run for the values of its iterators, and the loops `ax0`, `ax1`, ... (variable, extent) it takes."""
    loops: list[tuple[Var, Expr]] = []
    values: list[Expr] = []
    guards: list[Expr] = []
    for iter_var, (low, extent, below, above) in zip(block.iter_vars, axes, strict=True):
        value = low
        if preserve_unit_loops or not (isinstance(extent, IntImm) and extent.value == 1):
            loop = Var(f"ax{len(loops)}", iter_var.var.dtype)
            loops.append((loop, as_expr(extent)))
            an.bind(loop, Range(const(0, loop.dtype), extent))
            value = low + loop
        values.append(value)
        if below:
            guards.append(an.simplify(value >= iter_var.dom.min))
        if above:
            guards.append(an.simplify(value < iter_var.dom.min + iter_var.dom.extent))
    return BlockRealize(tuple(values), all_of(*guards), block), loops


def nest_of(realize: BlockRealize, loops: Sequence[tuple[Var, Expr]]) -> Stmt:
    """The loops over the block."""
    return make_nest(loops, realize)
