"""Reads indices as sums of digits of iterators and checks that the digits are independent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import lcm
from typing import Any

from ..buffer import Range
from ..dtype import DType
from ..expr import TRUE, CmpOp, Expr, FloorDiv, FloorMod, IntImm, Var, as_expr
from ..op import maximum, minimum
from ..visit import free_vars, substitute
from .analyzer import Analyzer
from .compare import difference
from .iter_types import (
    IterMapLevel,
    IterMapResult,
    IterMark,
    IterSplitExpr,
    IterSumExpr,
    Number,
    Numbers,
    Reason,
)
from .linear import Linear, Monomial, factors
from .merge import part_of
from .stmt import conjuncts

Needs = dict[Expr, tuple[int, int]]
"""What is divided unevenly, without its constant: (values before its start, the multiple its extent must be)."""


class Refused(Exception):
    """Raised within the detection with the reason."""

    def __init__(self, template: str, *parts: Any) -> None:
        super().__init__(template)
        self.reason = Reason(template, parts)


class MustPad(Exception):
    """Raised when a division needs a mark padded."""

    def __init__(self, key: Expr, left: int, multiple: int) -> None:
        super().__init__(key)
        self.key, self.left, self.multiple = key, left, multiple


class Detector(Numbers):
    """Reads indices; marks are shared between them, so that the same sum is the same iterator."""

    def __init__(self, an: Analyzer, iters: Mapping[Var, Range], needs: Needs | None) -> None:
        super().__init__(an)
        self.loops = iters
        self.needs = needs
        self.marks: dict[Var, IterMark] = {}
        self.minima: dict[Var, Expr] = {}
        for v, r in iters.items():
            extent = self.number(r.extent)
            if isinstance(extent, int) and extent <= 0:
                raise Refused("iterator {0} has no values", v)
            at_zero = isinstance(r.min, IntImm) and r.min.value == 0
            self.minima[v] = r.min
            self.marks[v] = IterMark(v if at_zero else v - r.min, extent)
        self.sums: dict[tuple[Any, ...], IterMark] = {}
        self.padded: dict[IterMark, IterMark] = {}
        self.replaced: dict[Var, Expr] = {}

    def run(self, exprs: Sequence[Expr], condition: Expr, level: IterMapLevel) -> IterMapResult:
        """Read everything and check it."""
        self.constrain(conjuncts(condition))
        sums = tuple(self.fused(self.parse(self.form(e), e.dtype), e) for e in exprs)
        if level is not IterMapLevel.NO_CHECK:
            self.check(sums, level is IterMapLevel.BIJECTIVE)
        return IterMapResult(sums, (), tuple(self.padded.values()))

    def form(self, e: Expr) -> Linear:
        """The normal form of an expression in terms of the iterators as the predicate made them."""
        return self.an.normal(self.current(e))

    def current(self, e: Expr) -> Expr:
        """The expression in terms of the iterators as the predicate made them."""
        return substitute(e, self.replaced) if self.replaced else e

    # Reading.

    def parse(self, form: Linear, dtype: DType) -> IterSumExpr:
        """The form as a sum of splits; terms without iterators are its base."""
        args: list[IterSplitExpr] = []
        base = Linear({}, form.const)
        for key, coef in form.terms.items():
            inside = [atom for atom in factors(key) if self.depends(atom)]
            if not inside:
                base = base.add(Linear({key: coef}))
                continue
            if len(inside) > 1:
                raise Refused("{0} multiplies iterators", self.an.build(Linear({key: coef}), dtype))
            scale: Number = coef
            for other in factors(key):
                if other is not inside[0]:
                    scale = self.times(scale, other)
            split, offset = self.read_atom(inside[0])
            args.append(split.with_scale(scale))
            base = base.add(self.an.product(self.an.normal(offset), self.an.normal(as_expr(scale, dtype))))
        return IterSumExpr(tuple(args), self.an.build(base, dtype))

    def depends(self, atom: Expr) -> bool:
        """Whether an atom speaks of an iterator."""
        return atom in self.marks if type(atom) is Var else any(v in self.marks for v in free_vars(atom))

    def read_atom(self, atom: Expr) -> tuple[IterSplitExpr, Expr]:
        """An atom as (split, base)."""
        if type(atom) is Var:
            return self.whole(self.marks[atom]), self.minima[atom]
        part = self.digits(atom)
        if part is None:
            raise Refused("{0} is not a digit of an iterator", atom)
        base, lower, upper = part
        outer = lower if upper is None else upper
        mark, left = self.counter(base)
        if mark in self.padded or left != 0 or self.quotient(mark.extent, outer) is None:
            mark = self.pad(base, mark, left, outer)
        count = self.quotient(mark.extent if upper is None else upper, lower)
        if count is None or self.quotient(mark.extent, outer) is None:
            raise Refused("{0} does not divide the extent {1} evenly", atom, mark.extent)
        return IterSplitExpr(mark, lower, count, 1), IntImm(atom.dtype, 0)

    def digits(self, atom: Expr) -> tuple[Expr, Number, Number | None] | None:
        """(base, lower, upper) of `base % upper // lower`, the factors perhaps symbolic."""
        part = part_of(atom)
        if part is not None:
            return part
        if isinstance(atom, (FloorDiv, FloorMod)) and not self.depends(atom.b):
            factor = self.number(atom.b)
            return (atom.a, 1, factor) if isinstance(atom, FloorMod) else (atom.a, factor, None)
        return None

    def pad(self, base: Expr, mark: IterMark, left: int, outer: Number) -> IterMark:
        """The mark with its extent rounded up to the multiple that all digits taken from it need."""
        if self.needs is None or not (isinstance(outer, int) and isinstance(mark.extent, int)):
            raise Refused(
                "{0} runs over {1} values from {2} on, not evenly divided by {3}", base, mark.extent, left, outer
            )
        form = self.an.normal(base)
        key = self.an.build(form.shift(-form.const), base.dtype)
        known_left, multiple = self.needs.get(key, (left, 1))
        if known_left != left or left < 0:
            raise Refused("{0} is divided from different starts", key)
        if key not in self.needs or multiple % outer:
            raise MustPad(key, left, lcm(multiple, outer))
        extent = -(-(left + mark.extent) // multiple) * multiple
        out = self.padded.setdefault(mark, IterMark(mark.source, extent, left, mark.extent))
        if (out.extent, out.left) != (extent, left):
            raise Refused("{0} is padded in different ways", key)
        return out

    def counter(self, e: Expr) -> tuple[IterMark, int]:
        """The mark that the expression counts, and the constant it starts from."""
        total = self.fused(self.parse(self.an.normal(e), e.dtype), e)
        base = self.number(total.base)
        if len(total.args) != 1 or not isinstance(base, int):
            raise Refused("{0} does not start at a constant", e)
        (split,) = total.args
        if not self.equal(split.scale, 1):
            raise Refused("{0} counts in steps of {1}", e, split.scale)
        if self.equal(split.lower_factor, 1) and self.equal(split.extent, split.source.extent):
            return split.source, base
        return self.mark_of((split,), IntImm(e.dtype, 0), split.extent), base

    def whole(self, mark: IterMark) -> IterSplitExpr:
        """All digits of a mark."""
        return IterSplitExpr(mark, 1, mark.extent, 1)

    def mark_of(self, args: tuple[IterSplitExpr, ...], zero: Expr, extent: Number) -> IterMark:
        """The mark over a sum of splits, the same for the same splits."""
        key = tuple((a.source, a.lower_factor, a.extent, a.scale) for a in args)
        mark = self.sums.get(key)
        if mark is None:
            mark = self.sums[key] = IterMark(IterSumExpr(args, zero), extent)
        return mark

    def fused(self, total: IterSumExpr, e: Expr) -> IterSumExpr:
        """The sum as one split, if its args count without gaps."""
        if len(total.args) <= 1:
            return total
        rest = list(total.args)
        ordered: list[IterSplitExpr] = []
        first = expected = self.least_scale(rest)
        extent: Number = 1
        while rest:
            arg = next((a for a in rest if self.equal(a.scale, expected)), None)
            if arg is None:
                raise Refused(
                    "{0} has gaps or overlaps: no iterator counts in steps of {1}, but {2} in steps of {3}",
                    *(e, expected, rest[0].source.to_expr(), rest[0].scale),
                )
            rest.remove(arg)
            ordered.append(arg)
            extent = self.times(extent, arg.extent)
            expected = self.times(first, extent)
        unit = []
        for arg in reversed(ordered):
            scale = self.quotient(arg.scale, first)
            assert scale is not None, "scales are products of the first"
            unit.append(arg.with_scale(scale))
        mark = self.mark_of(tuple(unit), IntImm(total.base.dtype, 0), extent)
        return IterSumExpr((self.whole(mark).with_scale(first),), total.base)

    def least_scale(self, args: list[IterSplitExpr]) -> Number:
        """The scale to start from: the least constant one, or the one that divides all others."""
        constants = [a.scale for a in args if isinstance(a.scale, int)]
        if constants:
            return min(constants, key=abs)
        for arg in args:
            if all(self.quotient(other.scale, arg.scale) is not None for other in args):
                return arg.scale
        return args[0].scale

    # Predicates.

    def constrain(self, conditions: Iterable[Expr]) -> None:
        """Take in the bounds of a predicate, those of small sums first; bounds of one sum together."""
        bounds: dict[Any, tuple[Expr, list[Linear], list[Linear]]] = {}
        for condition in conditions:
            if condition is TRUE or not self.depends(condition):
                continue
            iterators, low, high = self.read_bound(condition)
            key = self.an.build(iterators, _dtype_of(iterators))
            _, lows, highs = bounds.setdefault(key, (key, [], []))
            lows.extend([low] if low is not None else [])
            highs.extend([high] if high is not None else [])
        for e, lows, highs in sorted(bounds.values(), key=lambda entry: len(self.an.normal(entry[0]).terms)):
            self.bound(e, lows, highs)

    def read_bound(self, condition: Expr) -> tuple[Linear, Linear | None, Linear | None]:
        """(sum, low, high) of a condition `low <= sum` or `sum <= high`."""
        if isinstance(condition, CmpOp) and condition.a.dtype.is_integral:
            cls, form = difference(self.an, condition)
            terms = {k: c for k, c in form.terms.items() if any(map(self.depends, factors(k)))}
            rest = Linear({k: c for k, c in form.terms.items() if k not in terms}, form.const)
            if cls.__name__ == "LT" and terms:
                if all(c < 0 for c in terms.values()):
                    return Linear(terms).scale(-1), rest.shift(1), None
                return Linear(terms), None, rest.scale(-1).shift(-1)
        raise Refused("the predicate {0} is not a bound on a sum of iterators", condition)

    def bound(self, e: Expr, lows: list[Linear], highs: list[Linear]) -> None:
        """Take note that a sum lies between bounds: it becomes an iterator, and what it consists of its digits."""
        dtype = e.dtype
        parsed = self.parse(self.form(e), dtype)
        total = self.fused(parsed, e)
        if len(total.args) != 1 or not self.equal(total.args[0].scale, 1):
            raise Refused("the predicate bounds {0}, which does not count without gaps", e)
        (split,) = total.args
        low: Expr = IntImm(dtype, 0)
        high: Expr = as_expr(split.extent, dtype)
        for form in lows:
            low = self.an.simplify_node(maximum(low, self.an.build(form, dtype) - total.base))
        for form in highs:
            high = self.an.simplify_node(minimum(high, self.an.build(form.shift(1), dtype) - total.base))
        extent = self.number(high - low)
        if isinstance(extent, int) and extent <= 0:
            raise Refused("the predicate on {0} never holds", e)
        if self.equal(extent, split.extent):
            return
        parts = [(self.variable(arg), arg) for arg in parsed.args]
        counter = self.define(IterSumExpr((split,), self.an.simplify_node(IntImm(dtype, 0) - low)), extent, dtype)
        whole = self.an.simplify_node(counter + low)
        for var, arg in parts:
            digit = whole // as_expr(arg.scale, dtype)
            top = self.equal(self.times(arg.scale, arg.extent), split.extent)
            self.replace(var, digit if top else digit % as_expr(arg.extent, dtype))

    def variable(self, split: IterSplitExpr) -> Var:
        """The iterator whose value the digits of a split are; made one if they are some of an iterator's digits."""
        var = next((v for v, mark in self.marks.items() if mark is split.source), None)
        if var is None:
            raise Refused("the predicate bounds digits of {0}", split.source.to_expr())
        if self.equal(split.extent, split.source.extent):
            return var
        places = [1, split.lower_factor, self.times(split.lower_factor, split.extent), split.source.extent]
        value: Expr = self.minima[var]
        found = var
        for lower, upper in pairwise(places):
            extent = self.quotient(upper, lower)
            if extent is None:
                raise Refused("the predicate bounds digits of {0}", split.source.to_expr())
            if self.equal(extent, 1):
                continue
            digits = IterSplitExpr(split.source, lower, extent, 1)
            digit = self.define(IterSumExpr((digits,), IntImm(var.dtype, 0)), extent, var.dtype)
            value = value + digit * lower
            if lower is split.lower_factor:
                found = digit
        self.replace(var, value)
        return found

    def define(self, source: IterSumExpr, extent: Number, dtype: DType) -> Var:
        """A new iterator that counts `source`."""
        var = Var("s", dtype)
        self.an.bind(var, Range(IntImm(dtype, 0), as_expr(extent, dtype)))
        self.marks[var] = IterMark(source, extent)
        self.minima[var] = IntImm(dtype, 0)
        return var

    def replace(self, var: Var, value: Expr) -> None:
        """Read `var` as `value` from now on."""
        self.replaced = {v: substitute(e, {var: value}) for v, e in self.replaced.items()}
        self.replaced[var] = value

    # Checking.

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
        if bijective:
            for var in self.loops:
                mark = self.marks[var]
                if mark not in used and self.padded.get(mark) not in used and not self.equal(mark.extent, 1):
                    raise Refused("iterator {0} is not used", var)

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


def _dtype_of(form: Linear) -> DType:
    keys: list[Monomial] = list(form.terms)
    return max((factors(key)[0].dtype for key in keys), key=lambda dtype: dtype.bits)
