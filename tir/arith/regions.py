"""Regions of buffers: relaxed over loops, united, intersected, compared, estimated from above and from below."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range
from ..expr import Expr, IntImm, Var, const
from ..visit import walk_unique
from .interval import EVERYTHING, IntervalSet, contains, eval_set, intersect, union

if TYPE_CHECKING:
    from .analyzer import Analyzer

Box = tuple[IntervalSet, ...]
"""An interval for each dimension."""


def eval_box(an: Analyzer, region: Iterable[Range], domains: Mapping[Var, Range]) -> Box:
    """The box a region sweeps while each variable of `domains` (outermost first) runs over its range."""
    out = []
    for r in region:
        low = eval_set(an, r.min, domains)
        high = low if r.is_point else eval_set(an, r.min + r.extent - 1, domains)
        out.append(IntervalSet(low.min_value, high.max_value))
    return tuple(out)


def box_of(an: Analyzer, region: Iterable[Range]) -> Box:
    """The box a region is."""
    return eval_box(an, region, {})


def region_of(an: Analyzer, buffer: Buffer, box: Box) -> BufferRegion:
    """The box as a region of `buffer`, whole in the dimensions in which it is unbounded."""
    whole = (Range(const(0, e.dtype), e) for e in buffer.shape)
    return BufferRegion(buffer, tuple(s.to_range(an, full) for s, full in zip(box, whole, strict=True)))


def relax_region(an: Analyzer, region: BufferRegion, domains: Mapping[Var, Range]) -> BufferRegion:
    """The least box known to hold `region` for every value of the variables in `domains` (outermost first)."""
    return region_of(an, region.buffer, eval_box(an, region.region, domains))


def without_loads(region: BufferRegion, buffers: Collection[Buffer]) -> BufferRegion:
    """The region, whole in the dimensions whose bounds are loaded from one of `buffers`."""

    def loaded(e: Expr) -> bool:
        if type(e) is Var or type(e) is IntImm:
            return False
        return any(isinstance(n, BufferLoad) and n.buffer in buffers for n in walk_unique(e))

    whole = [k for k, r in enumerate(region.region) if loaded(r.min) or loaded(r.extent)]
    if not whole:
        return region
    full = region.buffer.full_region().region
    return BufferRegion(region.buffer, tuple(full[k] if k in whole else r for k, r in enumerate(region.region)))


def union_box(an: Analyzer, a: Box, b: Box) -> Box:
    """The least box known to hold two."""
    return tuple(union(an, x, y) for x, y in zip(a, b, strict=True))


def intersect_box(an: Analyzer, a: Box, b: Box) -> Box:
    """The box of what is in both."""
    return tuple(intersect(an, x, y) for x, y in zip(a, b, strict=True))


def box_contains(an: Analyzer, outer: Box, inner: Box) -> bool:
    """Whether `outer` is shown to hold all of `inner`."""
    return all(contains(an, x, y) for x, y in zip(outer, inner, strict=True))


def union_region(an: Analyzer, regions: Sequence[BufferRegion]) -> BufferRegion:
    """The least box known to hold all of the regions, which are of one buffer."""
    box = box_of(an, regions[0].region)
    for region in regions[1:]:
        box = union_box(an, box, box_of(an, region.region))
    return region_of(an, regions[0].buffer, box)


def intersect_region(an: Analyzer, a: BufferRegion, b: BufferRegion) -> BufferRegion:
    """What is in both of two regions of one buffer. Extents may be negative where nothing is."""
    return region_of(an, a.buffer, intersect_box(an, box_of(an, a.region), box_of(an, b.region)))


def region_contains(an: Analyzer, outer: BufferRegion, inner: BufferRegion) -> bool:
    """Whether `outer` is shown to hold all of `inner`; regions of different buffers hold nothing of one another."""
    return outer.buffer is inner.buffer and box_contains(an, box_of(an, outer.region), box_of(an, inner.region))


def disjoint(an: Analyzer, a: Iterable[Range], b: Iterable[Range]) -> bool:
    """Whether two boxes are shown to have nothing in common: they are apart in some dimension."""
    for x, y in zip(box_of(an, a), box_of(an, b), strict=True):
        for left, right in ((x, y), (y, x)):
            if (
                left.max_value is not None
                and right.min_value is not None
                and an.prove(left.max_value < right.min_value)
            ):
                return True
    return False


def matched_region(match: MatchBufferRegion, region: Sequence[Range]) -> BufferRegion:
    """What a region of a view made by `match_buffer` is in the buffer it views."""
    source = match.source
    leading = len(source.region) - len(region)
    moved = tuple(
        r if r.min is None else Range(s.min + r.min, r.extent)
        for s, r in zip(source.region[leading:], region, strict=True)
    )
    return BufferRegion(source.buffer, (*source.region[:leading], *moved))


def whole(buffer: Buffer) -> Box:
    """The box that stands for all of a buffer, whatever its shape."""
    return (EVERYTHING,) * buffer.ndim


def is_whole(an: Analyzer, region: BufferRegion) -> bool:
    """Whether a region is shown to hold all of its buffer."""
    return region_contains(an, region, region.buffer.full_region())


def extents(region: BufferRegion) -> tuple[Expr, ...]:
    """The extents of a region."""
    return tuple(r.extent for r in region.region)
