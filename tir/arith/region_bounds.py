"""Estimates of what a region sweeps over loops: from above always, exactly where the indices count without gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..buffer import Range
from ..expr import TRUE, Expr, Var, as_expr
from ..op import maximum, minimum
from ..visit import free_vars
from .analyzer import Analyzer
from .interval import IntervalSet
from .iter_map import IterMapLevel, detect_iter_map, extent_of
from .regions import Box, box_contains, box_of, eval_box, union_box

Region = Sequence[Range]


def estimate_region_upper_bound(
    region: Region, var_dom: Mapping[Var, Range], predicate: Any = TRUE, analyzer: Analyzer | None = None
) -> Box:
    """A box that holds what `region` touches while the variables (outermost first) run and `predicate` holds."""
    an = analyzer or Analyzer()
    exact = None if predicate is TRUE else estimate_region_strict_bound(region, var_dom, predicate, an)
    return eval_box(an, region, var_dom) if exact is None else box_of(an, exact)


def estimate_region_strict_bound(
    region: Region, var_dom: Mapping[Var, Range], predicate: Any = TRUE, analyzer: Analyzer | None = None
) -> tuple[Range, ...] | None:
    """The box that `region` touches in full, all of it and no more, where `predicate` holds; None if it is no such box.

    The starts of the ranges are to be independent of one another and to count in steps that their extents bridge, and
    the extents are not to hang on the variables (EstimateRegionStrictBound of TVM).
    """
    an = analyzer or Analyzer()
    token = an.context.enter()
    try:
        for var, range_ in var_dom.items():
            an.bind(var, range_, allow_override=True)
        mins = [r.min for r in region]
        result = detect_iter_map(mins, var_dom, predicate, IterMapLevel.SURJECTIVE, an)
        if not result:
            return None
        out = []
        for r, total in zip(region, result.indices, strict=True):
            extent = an.simplify(r.extent)
            if any(v in var_dom for v in free_vars(extent)):
                return None
            if not total.args:
                out.append(Range(an.simplify(total.base), extent))
                continue
            scale = as_expr(total.args[0].scale, r.min.dtype)
            if not (an.prove(scale >= 1) and an.prove(scale <= extent)):
                return None
            count = as_expr(extent_of(total, an), r.min.dtype)
            out.append(Range(an.simplify(total.base), an.simplify((count - 1) * scale + extent)))
        return tuple(out)
    finally:
        an.context.leave(token)


estimate_region_lower_bound = estimate_region_strict_bound
"""A box that is touched in full. (TVM's name; what is exact is the best lower bound there is.)"""


def exact_unions(an: Analyzer, boxes: Sequence[Box]) -> list[Box]:
    """The boxes with those joined whose union is a box: they agree in all dimensions but one, where they meet."""
    out: list[Box] = []
    for box in boxes:
        current = box
        i = 0
        while i < len(out):
            joined = _joined(an, out[i], current)
            if joined is None:
                i += 1
            else:
                current = joined
                del out[i]
                i = 0
        out.append(current)
    return out


def _joined(an: Analyzer, a: Box, b: Box) -> Box | None:
    for outer, inner in ((a, b), (b, a)):
        if box_contains(an, outer, inner):
            return outer
    differing = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if not _same(an, x, y)]
    if len(differing) != 1:
        return None
    (x, y) = a[differing[0]], b[differing[0]]
    for low, high in ((x, y), (y, x)):
        if low.max_value is None or high.min_value is None:
            continue
        if _starts_first(an, low, high) and an.prove(high.min_value <= low.max_value + 1):
            return union_box(an, a, b)
    return None


def _starts_first(an: Analyzer, a: IntervalSet, b: IntervalSet) -> bool:
    return a.min_value is not None and b.min_value is not None and an.prove(a.min_value <= b.min_value)


def _same(an: Analyzer, a: IntervalSet, b: IntervalSet) -> bool:
    return all(
        x is y or (x is not None and y is not None and an.equal(x, y))
        for x, y in ((a.min_value, b.min_value), (a.max_value, b.max_value))
    )


def clipped(an: Analyzer, box: Box, shape: Sequence[Expr]) -> Box:
    """The part of a box inside a buffer of some shape."""
    out = []
    for interval, extent in zip(box, shape, strict=True):
        zero, last = as_expr(0, extent.dtype), extent - 1
        low = zero if interval.min_value is None else an.simplify(maximum(interval.min_value, zero))
        high = last if interval.max_value is None else an.simplify(minimum(interval.max_value, last))
        out.append(IntervalSet(low, high))
    return tuple(out)
