"""Checks that the digits which indices are made of are independent, and, for a bijection, complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..expr import Var
from .analyzer import Analyzer
from .iter_types import IterMark, IterSplitExpr, IterSumExpr, Number, Numbers, Reason


class Refused(Exception):
    """Raised within the detection with the reason."""

    def __init__(self, template: str, *parts: Any) -> None:
        super().__init__(template)
        self.reason = Reason(template, parts)


class Checker(Numbers):
    """Checks one reading of a map.

    Parameters
    ----------
    of_loops: the mark of each loop.
    padded: marks that were padded, with what they became.
    masks: swizzled marks, with their masks as sums of digits.
    """

    def __init__(
        self,
        an: Analyzer,
        of_loops: Mapping[Var, IterMark],
        padded: Mapping[IterMark, IterMark],
        masks: Mapping[IterMark, IterSumExpr],
    ) -> None:
        super().__init__(an)
        self.of_loops, self.padded, self.masks = of_loops, padded, masks

    def check(self, sums: Sequence[IterSumExpr], bijective: bool) -> None:
        """Whether every digit is used at most once, and, for a bijection, all digits of all iterators."""
        used: dict[IterMark, list[IterSplitExpr]] = {}
        for total in sums:
            for split in total.args:
                self.collect(split, used)
        for mark, splits in used.items():
            self.check_mark(mark, splits, bijective)
        for mark, padded in self.padded.items():
            if mark in used and padded in used:
                raise Refused("digits of {0} are used more than once", mark.to_expr())
        for mark, mask in self.masks.items():
            if mark in used:
                self.check_swizzle(mark, mask, sums)
        if bijective:
            for var, mark in self.of_loops.items():
                if mark not in used and self.padded.get(mark) not in used and not self.equal(mark.extent, 1):
                    raise Refused("iterator {0} is not used", var)

    def check_swizzle(self, mark: IterMark, mask: IterSumExpr, sums: Sequence[IterSumExpr]) -> None:
        """Whether the digits that a mask is made of can be read off indices without swizzles."""
        plain: dict[IterMark, list[IterSplitExpr]] = {}
        for total in sums:
            own: dict[IterMark, list[IterSplitExpr]] = {}
            for split in total.args:
                self.collect(split, own)
            if not any(m in own for m in self.masks):
                for source, splits in own.items():
                    plain.setdefault(source, []).extend(splits)
        for need in mask.args:
            covering = plain.get(need.source, [])
            if not any(self.covers(split, need) for split in covering):
                raise Refused("the mask {0} hangs on what no other index tells", mark.mask)

    def covers(self, a: IterSplitExpr, b: IterSplitExpr) -> bool:
        """Whether the digits of `b` are among those of `a`."""
        ends = self.times(a.lower_factor, a.extent), self.times(b.lower_factor, b.extent)
        return self.quotient(b.lower_factor, a.lower_factor) is not None and self.quotient(ends[0], ends[1]) is not None

    def collect(self, split: IterSplitExpr, used: dict[IterMark, list[IterSplitExpr]]) -> None:
        """Count the digits a split uses, and those of the iterators it is made of."""
        mark = split.source
        first = mark not in used
        used.setdefault(mark, []).append(split)
        if first and isinstance(mark.source, IterSumExpr):
            for arg in mark.source.args:
                self.collect(arg, used)

    def check_mark(self, mark: IterMark, splits: list[IterSplitExpr], bijective: bool) -> None:
        """Whether digits of one mark are apart and, for a bijection, complete."""
        rest = [s for s in splits if not self.equal(s.extent, 1)]
        place: Number = 1
        while rest:
            split = next((s for s in rest if self.equal(s.lower_factor, place)), None)
            if split is None and not bijective:
                split = self.above(rest, place)
            if split is None:
                raise Refused("digits of {0} are used more than once, or some are left out", mark.to_expr())
            rest.remove(split)
            place = self.times(split.lower_factor, split.extent)
        if bijective:
            if not self.equal(place, mark.extent):
                raise Refused("not all digits of {0} are used", mark.to_expr())
        elif not self.at_most(place, mark.extent):
            raise Refused("the digits of {0} do not take all combinations", mark.to_expr())

    def above(self, splits: list[IterSplitExpr], place: Number) -> IterSplitExpr | None:
        """The lowest split if it starts at a multiple of `place`; the digits between are left out."""
        for split in splits:
            if all(self.quotient(other.lower_factor, split.lower_factor) is not None for other in splits):
                return split if self.quotient(split.lower_factor, place) is not None else None
        return None
