"""Inverse iterator maps: the loops in terms of the indices they were bound to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import UserError
from ..expr import Expr, Var, as_expr
from ..visit import free_vars, substitute
from .analyzer import Analyzer
from .iter_types import IterMark, IterSplitExpr, IterSumExpr


def inverse_affine_iter_map(
    iter_map: Sequence[IterSumExpr], outputs: Sequence[Expr], analyzer: Analyzer | None = None
) -> dict[Var, Expr]:
    """The value of each loop variable given the values of the indices.

    Parameters
    ----------
    iter_map: the indices as `detect_iter_map` gives them, bijective (each index a single split).
    outputs: the value of each index.
    """
    return invert(iter_map, outputs, analyzer or Analyzer()).loops


def invert(iter_map: Sequence[IterSumExpr], outputs: Sequence[Expr], an: Analyzer) -> Inverse:
    """The values of loops and marks; masks of swizzles are read off the indices that have none."""
    pairs = list(zip(iter_map, outputs, strict=True))
    plain = Inverse(an)
    for total, output in pairs:
        if not _swizzled(total):
            plain.index(total, output)
    plain.propagate()
    if all(not _swizzled(total) for total in iter_map):
        return plain
    inverse = Inverse(an, plain.loops)
    for total, output in pairs:
        inverse.index(total, output)
    inverse.propagate()
    return inverse


def _swizzled(total: IterSumExpr) -> bool:
    return any(mark.mask is not None for mark in _ordered([arg.source for arg in total.args]))


class Inverse:
    """Hands values back from indices to marks, and from marks to the splits they are made of."""

    def __init__(self, an: Analyzer, known: Mapping[Var, Expr] | None = None) -> None:
        self.an = an
        self.known = known or {}
        self.values: dict[IterMark, Expr] = {}
        self.loops: dict[Var, Expr] = {}

    def index(self, total: IterSumExpr, output: Expr) -> None:
        """Count what an index says of its mark."""
        if not total.args:
            return
        if len(total.args) > 1:
            raise UserError(f"the index `{total.to_expr()}` is not a single iterator, so it cannot be inverted")
        (split,) = total.args
        value = output - total.base
        if split.scale != 1:
            value = value // split.scale
        self.add(split, value)

    def add(self, split: IterSplitExpr, digit: Expr) -> None:
        """Count what a digit says of its mark."""
        part = digit if split.lower_factor == 1 else digit * split.lower_factor
        known = self.values.get(split.source)
        self.values[split.source] = part if known is None else known + part

    def propagate(self) -> None:
        """Hand values on, a mark after all the marks that are made of it."""
        for mark in _ordered(list(self.values)):
            value = self.values.get(mark)
            if value is None:
                continue
            value = self.an.simplify(value)
            if isinstance(mark.source, IterSumExpr):
                self.spread(mark, mark.source, value)
            else:
                self.define(mark.source, value - mark.left)

    def spread(self, mark: IterMark, source: IterSumExpr, value: Expr) -> None:
        """Take a mark's value apart into the digits of its sum."""
        value = value - mark.left - source.base
        if mark.mask is not None:
            # Loops of which no digit is known are not in the mask.
            value = value ^ substitute(mark.mask, {v: self.known.get(v, 0) for v in free_vars(mark.mask)})
        for place, arg in enumerate(source.args):
            digit = value if arg.scale == 1 else value // arg.scale
            if place:
                # The leading digit has nothing above it to take off.
                digit = digit % as_expr(arg.extent, digit.dtype)
            self.add(arg, digit)

    def define(self, source: Expr, value: Expr) -> None:
        """`source` is a loop variable, or one less its minimum."""
        if isinstance(source, Var):
            self.loops[source] = self.an.simplify(value)
            return
        a, b = source.children()
        self.loops[a] = self.an.simplify(value + b)


def _ordered(marks: Sequence[IterMark]) -> list[IterMark]:
    """Marks and all they are made of, each before what it is made of."""
    done: dict[IterMark, None] = {}

    def visit(mark: IterMark) -> None:
        if mark in done:
            return
        if isinstance(mark.source, IterSumExpr):
            for arg in mark.source.args:
                visit(arg.source)
        done[mark] = None

    for mark in marks:
        visit(mark)
    return list(reversed(done))
