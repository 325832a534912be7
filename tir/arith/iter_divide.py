"""Subspace division: iterator maps split into a part of outer loops and a part of inner loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..buffer import Range
from ..expr import TRUE, Expr, IntImm, Var, all_of
from ..visit import free_vars
from .analyzer import Analyzer
from .iter_check import Refused
from .iter_map import detect_iter_map
from .iter_types import IterMapLevel, IterMark, IterSplitExpr, IterSumExpr, Number, Numbers, Reason
from .stmt import conjuncts


class Division(NamedTuple):
    """An index as `outer * inner_extent + inner`."""

    outer: IterSumExpr
    outer_extent: Number
    inner: IterSumExpr
    inner_extent: Number


class SubspaceDivision(NamedTuple):
    """The divided indices and the predicate divided likewise; `error` says why there are none."""

    indices: tuple[Division, ...] = ()
    outer_predicate: Expr = TRUE
    inner_predicate: Expr = TRUE
    error: Reason | None = None

    def __bool__(self) -> bool:
        return self.error is None


def subspace_divide(
    bindings: Sequence[Expr],
    input_iters: Mapping[Var, Range],
    sub_iters: Sequence[Var],
    predicate: Expr = TRUE,
    check_level: IterMapLevel | str = IterMapLevel.SURJECTIVE,
    analyzer: Analyzer | None = None,
) -> SubspaceDivision:
    """Divide each index into what the loops `sub_iters` (the inner ones) and the other loops contribute.

    `index == outer * inner_extent + inner` with `inner` over `sub_iters` alone and `outer` over the rest, as TVM's
    SubspaceDivide finds it. A bound of the predicate goes to the side whose loops it speaks of; one that speaks of
    both is refused, and so is an index in which inner and outer digits interleave.
    """
    an = analyzer or Analyzer()
    inner = set(sub_iters)
    sides: tuple[list[Expr], list[Expr]] = ([], [])
    for condition in conjuncts(an.simplify(predicate)):
        used = {v for v in free_vars(condition) if v in input_iters}
        if used & inner and used - inner:
            return SubspaceDivision(
                error=Reason("the predicate {0} bounds inner and outer loops together", (condition,))
            )
        sides[bool(used & inner)].append(condition)
    result = detect_iter_map(bindings, input_iters, predicate, check_level, an)
    if not result:
        return SubspaceDivision(error=result.errors[0])
    divider = _Divider(an, inner)
    try:
        divided = tuple(divider.sum(total) for total in result.indices)
    except Refused as refused:
        return SubspaceDivision(error=refused.reason)
    return SubspaceDivision(divided, all_of(*sides[0]), all_of(*sides[1]))


class _Divider(Numbers):
    def __init__(self, an: Analyzer, inner: set[Var]) -> None:
        super().__init__(an)
        self.inner = inner

    def sides(self, mark: IterMark) -> set[bool]:
        """Whether inner (True) and outer (False) loops take part in a mark."""
        if isinstance(mark.source, IterSumExpr):
            masking = {v in self.inner for v in free_vars(mark.mask)} if mark.mask is not None else set()
            return masking | {side for arg in mark.source.args for side in self.sides(arg.source)}
        return {v in self.inner for v in free_vars(mark.source) if self.is_loop(v, mark)}

    def is_loop(self, var: Var, mark: IterMark) -> bool:
        """Whether the variable is the loop of the mark rather than one in the loop's minimum."""
        source = mark.source
        return var is source or (not isinstance(source, (Var, IterSumExpr)) and var is source.children()[0])

    def sum(self, total: IterSumExpr) -> Division:
        """An index divided; its base goes to the outer part, or to the inner one where there is no outer part."""
        zero = IntImm(total.base.dtype, 0)
        outer: list[IterSplitExpr] = []
        inner: list[IterSplitExpr] = []
        extents: list[Number] = [1, 1]
        unit: Number = 1
        for split in reversed(self.flat(total)):
            side = self.sides(split.source)
            if len(side) > 1:
                raise Refused("digits of {0} are of inner and outer loops together", split.source.to_expr())
            if True in side:
                if outer:
                    raise Refused("{0} has inner digits above outer ones", total.to_expr())
                inner.insert(0, split)
            else:
                outer.insert(0, split)
            extents[True in side] = self.times(extents[True in side], split.extent)
            unit = split.scale if len(inner) + len(outer) == 1 else unit
        if inner and not self.equal(unit, 1):
            raise Refused("{0} counts in steps of {1}", total.to_expr(), unit)
        scaled = []
        for split in outer:
            scale = self.quotient(split.scale, extents[1])
            if scale is None:
                raise Refused("{0} has inner digits that outer ones do not count in", total.to_expr())
            scaled.append(split.with_scale(scale))
        base_is_zero = isinstance(total.base, IntImm) and total.base.value == 0
        if outer and inner and not base_is_zero:
            raise Refused("{0} does not start at 0", total.to_expr())
        return Division(
            IterSumExpr(tuple(scaled), total.base if outer or not inner else zero),
            extents[0],
            IterSumExpr(tuple(inner), total.base if inner else zero),
            extents[1],
        )

    def flat(self, total: IterSumExpr) -> list[IterSplitExpr]:
        """The splits of an index from the greatest scale to the least; marks of both sides taken apart."""
        out: list[IterSplitExpr] = []
        for split in total.args:
            mark = split.source
            source = mark.source
            whole = self.equal(split.lower_factor, 1) and self.equal(split.extent, mark.extent)
            if mark.mask is not None or not (isinstance(source, IterSumExpr) and len(self.sides(mark)) > 1):
                out.append(split)
            elif whole and isinstance(source.base, IntImm) and source.base.value == 0 and self.counts(mark, source):
                for arg in self.flat(source):
                    out.append(arg.with_scale(self.times(arg.scale, split.scale)))
            else:
                out.extend(self.digits(split, source))
        return out

    def counts(self, mark: IterMark, source: IterSumExpr) -> bool:
        """Whether a mark takes every value of its sum (no predicate cuts it off)."""
        extent: Number = 1
        for arg in source.args:
            extent = self.times(extent, arg.extent)
        return self.equal(extent, mark.extent)

    def digits(self, split: IterSplitExpr, source: IterSumExpr) -> list[IterSplitExpr]:
        """Some digits of a mark as digits of what it is made of, where the borders agree."""
        mark = split.source
        if not self.counts(mark, source):
            raise Refused("{0} is bounded by a predicate over inner and outer loops", mark.to_expr())
        low, high = split.lower_factor, self.times(split.lower_factor, split.extent)
        out: list[IterSplitExpr] = []
        for arg in self.flat(source):
            # arg covers the places scale ... scale * extent of the mark.
            first, last = arg.scale, self.times(arg.scale, arg.extent)
            if self.at_most(last, low) or self.at_most(high, first):
                continue
            below = self.quotient(low, first) if not self.at_most(low, first) else 1
            above = last if self.at_most(last, high) else high
            extent = None if below is None else self.quotient(above, self.times(first, below))
            if below is None or extent is None:
                raise Refused("digits of {0} cut through an iterator", mark.to_expr())
            place = self.quotient(self.times(first, below), low)
            if place is None:
                raise Refused("digits of {0} cut through an iterator", mark.to_expr())
            lower = self.times(arg.lower_factor, below)
            out.append(IterSplitExpr(arg.source, lower, extent, self.times(place, split.scale)))
        return out
