"""Reads indices as sums of digits of iterators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import lcm
from typing import Any

from ..buffer import Range
from ..dtype import DType
from ..expr import LT, TRUE, Add, Call, CmpOp, Expr, FloorDiv, FloorMod, IntImm, Mul, Sub, Var, as_expr
from ..op import OPS, maximum, minimum
from ..visit import free_vars, substitute
from .analyzer import Analyzer
from .compare import difference
from .iter_check import Checker, Refused
from .iter_types import (
    IterMapLevel,
    IterMapResult,
    IterMark,
    IterSplitExpr,
    IterSumExpr,
    Number,
    Numbers,
)
from .linear import Linear, factors
from .merge import part_of
from .stmt import conjuncts


@dataclass(eq=False)
class Attempt:
    """How to read a map, and what carries over when the reading starts again.

    Attributes
    ----------
    allow_padding: whether loops may be padded.
    literal: read indices as they are written rather than in normal form. The normal form spreads a sum over its
        digits where it can, and then digits of the sum and of its parts may stand side by side.
    needs: what is divided unevenly, without its constant: (values before its start, the multiple of its extent).
    names: the variables of iterators that predicates make, in order.
    """

    allow_padding: bool
    literal: bool
    needs: dict[Expr, tuple[int, int]] = field(default_factory=dict)
    names: list[Var] = field(default_factory=list)


class MustPad(Exception):
    """Raised when a division needs a mark padded."""

    def __init__(self, key: Expr, left: int, multiple: int) -> None:
        super().__init__(key)
        self.key, self.left, self.multiple = key, left, multiple


class Detector(Numbers):
    """Reads indices; marks are shared between them, so that the same sum is the same iterator."""

    def __init__(self, an: Analyzer, iters: Mapping[Var, Range], attempt: Attempt) -> None:
        super().__init__(an)
        self.attempt = attempt
        self.swizzled: list[IterMark] = []
        self.made = 0
        self.marks: dict[Var, IterMark] = {}
        self.replaced: dict[Var, Expr] = {}
        self.sums: dict[tuple[Any, ...], IterMark] = {}
        self.padded: dict[IterMark, IterMark] = {}
        self.of_loops = {v: self.enter(v, r) for v, r in iters.items()}

    def enter(self, loop: Var, range_: Range) -> IterMark:
        """The mark of a loop; one that does not start at 0 is read as an iterator that does, plus its minimum."""
        extent = self.number(range_.extent)
        if isinstance(extent, int) and extent <= 0:
            raise Refused("iterator {0} has no values", loop)
        if isinstance(range_.min, IntImm) and range_.min.value == 0:
            mark = self.marks[loop] = IterMark(loop, extent)
            return mark
        counter = self.define(loop - range_.min, extent, loop.dtype)
        self.replaced[loop] = counter + range_.min
        return self.marks[counter]

    def run(self, exprs: Sequence[Expr], condition: Expr, level: IterMapLevel) -> IterMapResult:
        """Read everything and check it."""
        self.constrain(conjuncts(condition))
        sums = tuple(self.fused(self.sum_of(self.current(e)), e) for e in exprs)
        if level is not IterMapLevel.NO_CHECK:
            masks = {mark: self.sum_of(mark.mask) for mark in self.swizzled if mark.mask is not None}
            Checker(self.an, self.of_loops, self.padded, masks).check(sums, level is IterMapLevel.BIJECTIVE)
        return IterMapResult(sums, (), tuple(self.padded.values()))

    def current(self, e: Expr) -> Expr:
        """The expression in terms of the iterators as the predicate made them."""
        if not self.replaced or not any(v in self.replaced for v in free_vars(e)):
            return e
        return self.an.simplify_node(substitute(e, self.replaced))

    # Reading.

    def sum_of(self, e: Expr) -> IterSumExpr:
        """An expression as a sum of splits; terms without iterators are its base."""
        return self.literal(e) if self.attempt.literal else self.parse(self.an.normal(e), e.dtype)

    def literal(self, e: Expr) -> IterSumExpr:
        """As `sum_of`, term by term as it is written."""
        if type(e) is Var and e in self.marks:
            return IterSumExpr((self.whole(self.marks[e]),), IntImm(e.dtype, 0))
        if not self.depends(e):
            return IterSumExpr((), self.an.simplify_node(e))
        if isinstance(e, (Add, Sub)):
            a, b = self.literal(e.a), self.literal(e.b)
            sign = -1 if isinstance(e, Sub) else 1
            args = {(x.source, x.lower_factor, x.extent): x for x in a.args}
            for x in b.args:
                key = (x.source, x.lower_factor, x.extent)
                scale = self.times(x.scale, sign)
                known = args.pop(key, None)
                total = scale if known is None else self.number(as_expr(known.scale) + scale)
                if total != 0:
                    args[key] = x.with_scale(total)
            if _is_zero(b.base):
                return IterSumExpr(tuple(args.values()), a.base)
            base = a.base - b.base if sign < 0 else a.base + b.base
            return IterSumExpr(tuple(args.values()), self.an.simplify_node(base))
        if isinstance(e, Mul) and not (self.depends(e.a) and self.depends(e.b)):
            inner, factor = (e.a, e.b) if self.depends(e.a) else (e.b, e.a)
            total_ = self.literal(inner)
            scale = factor.value if isinstance(factor, IntImm) else self.number(factor)
            scaled = tuple(x.with_scale(self.times(x.scale, scale)) for x in total_.args)
            base = total_.base if _is_zero(total_.base) else self.an.simplify_node(total_.base * factor)
            return IterSumExpr(scaled, base)
        if isinstance(e, (FloorDiv, FloorMod)) and not self.depends(e.b):
            split, base = self.read_atom(e)
            return IterSumExpr((split,), base)
        return self.parse(self.an.normal(e), e.dtype)

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
        if type(atom) is Var:
            return atom in self.marks
        return type(atom) is not IntImm and not self.marks.keys().isdisjoint(free_vars(atom))

    def read_atom(self, atom: Expr) -> tuple[IterSplitExpr, Expr]:
        """An atom as (split, base)."""
        if type(atom) is Var:
            return self.whole(self.marks[atom]), IntImm(atom.dtype, 0)
        if isinstance(atom, Call) and atom.op is OPS["bitwise_xor"]:
            return self.swizzle(atom), IntImm(atom.dtype, 0)
        part = self.digits(atom)
        if part is None:
            raise Refused("{0} is not a digit of an iterator", atom)
        base, lower, upper = part
        outer = lower if upper is None else upper
        split, left = self.counter(base)
        if self.is_needed(base) or left != 0 or self.quotient(split.extent, outer) is None:
            split = self.pad(base, split, left, outer)
        count = self.quotient(split.extent if upper is None else upper, lower)
        if count is None or self.quotient(split.extent, outer) is None:
            raise Refused("{0} does not divide the extent {1} evenly", atom, split.extent)
        return IterSplitExpr(split.source, self.times(split.lower_factor, lower), count, 1), IntImm(atom.dtype, 0)

    def swizzle(self, e: Call) -> IterSplitExpr:
        """`x ^ mask` as the iterator x, its values permuted: x counts to a power of two and the mask stays below it.

        That the mask hangs on other indices alone, so that it can be taken off again, is checked in the end.
        """
        for carrier, mask in (e.args, tuple(reversed(e.args))):
            try:
                split, base = self.counter(carrier)
            except Refused:
                continue
            low, high = self.an.bound(mask)
            extent = split.extent
            if base == 0 and isinstance(extent, int) and extent & (extent - 1) == 0 and low >= 0 and high < extent:
                key = (split.source, split.lower_factor, extent, mask)
                mark = self.sums.get(key)
                if mark is None:
                    source = IterSumExpr((split,), IntImm(e.dtype, 0))
                    mark = self.sums[key] = IterMark(source, extent, mask=mask)
                    self.swizzled.append(mark)
                return self.whole(mark)
        raise Refused("{0} does not permute an iterator that counts to a power of two", e)

    def digits(self, atom: Expr) -> tuple[Expr, Number, Number | None] | None:
        """(base, lower, upper) of `base % upper // lower`, the factors perhaps symbolic."""
        part = part_of(atom)
        if part is not None:
            return part
        if isinstance(atom, (FloorDiv, FloorMod)) and not self.depends(atom.b):
            factor = self.number(atom.b)
            return (atom.a, 1, factor) if isinstance(atom, FloorMod) else (atom.a, factor, None)
        return None

    def pad(self, base: Expr, split: IterSplitExpr, left: int, outer: Number) -> IterSplitExpr:
        """The iterator with its extent rounded up to the multiple that all digits taken from it need."""
        extent, needs = split.extent, self.attempt.needs
        if not (self.attempt.allow_padding and isinstance(outer, int) and isinstance(extent, int)):
            raise Refused("{0} runs over {1} values from {2} on, not evenly divided by {3}", base, extent, left, outer)
        key = self.key(base)
        known_left, multiple = needs.get(key, (left, 1))
        if known_left != left or left < 0:
            raise Refused("{0} is divided from different starts", key)
        if key not in needs or multiple % outer:
            raise MustPad(key, left, lcm(multiple, outer))
        mark = split.source
        if not self.is_whole(split):
            mark = self.mark_of((split,), IntImm(base.dtype, 0), extent)
        rounded = -(-(left + extent) // multiple) * multiple
        out = self.padded.setdefault(mark, IterMark(mark.source, rounded, left, extent))
        if (out.extent, out.left) != (rounded, left):
            raise Refused("{0} is padded in different ways", key)
        return self.whole(out)

    def key(self, base: Expr) -> Expr:
        """What is divided, without its constant."""
        form = self.an.normal(base)
        return self.an.build(form.shift(-form.const), base.dtype)

    def is_needed(self, base: Expr) -> bool:
        """Whether some division of the same sum needs it padded."""
        return bool(self.attempt.needs) and self.key(base) in self.attempt.needs

    def is_whole(self, split: IterSplitExpr) -> bool:
        """Whether a split is all digits of its mark."""
        return self.equal(split.lower_factor, 1) and self.equal(split.extent, split.source.extent)

    def counter(self, e: Expr) -> tuple[IterSplitExpr, int]:
        """The digits that the expression counts, in steps of one, and the constant it starts from."""
        total = self.fused(self.sum_of(e), e)
        base = self.number(total.base)
        if len(total.args) != 1 or not isinstance(base, int):
            raise Refused("{0} does not start at a constant", e)
        (split,) = total.args
        if not self.equal(split.scale, 1):
            raise Refused("{0} counts in steps of {1}", e, split.scale)
        return split, base

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
        args = self.joined(total.args) if self.attempt.literal else total.args
        if len(args) <= 1:
            return IterSumExpr(args, total.base)
        rest = list(args)
        ordered: list[IterSplitExpr] = []
        first = expected = self.least_scale(rest)
        extent: Number = 1
        while rest:
            fitting = [a for a in reversed(rest) if self.equal(a.scale, expected)]
            # One that counts once leaves the place to others of its scale; of several, the last is the lowest digit.
            arg = min(fitting, key=lambda a: not (isinstance(a.extent, int) and a.extent == 1), default=None)
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

    def joined(self, args: tuple[IterSplitExpr, ...]) -> tuple[IterSplitExpr, ...]:
        """The splits with neighbouring digits of one mark, weighted as there, made one split."""
        out: list[IterSplitExpr] = []
        for arg in args:
            for i, other in enumerate(out):
                if other.source is not arg.source:
                    continue
                above, below = (other, arg) if self.follows(other, arg) else (arg, other)
                if self.follows(above, below):
                    extent = self.times(above.extent, below.extent)
                    out[i] = IterSplitExpr(arg.source, below.lower_factor, extent, below.scale)
                    break
            else:
                out.append(arg)
        return args if len(out) == len(args) else self.joined(tuple(out))

    def follows(self, above: IterSplitExpr, below: IterSplitExpr) -> bool:
        """Whether one split are the digits right above another, weighted accordingly."""
        return self.equal(above.lower_factor, self.times(below.lower_factor, below.extent)) and self.equal(
            above.scale, self.times(below.scale, below.extent)
        )

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
        for condition in map(self.current, conditions):
            if condition is TRUE or not self.depends(condition):
                continue
            key, low, high = self.read_bound(condition)
            _, lows, highs = bounds.setdefault(key, (key, [], []))
            lows.extend([low] if low is not None else [])
            highs.extend([high] if high is not None else [])
        for e, lows, highs in sorted(bounds.values(), key=lambda entry: len(self.an.normal(entry[0]).terms)):
            self.bound(e, lows, highs)

    def read_bound(self, condition: Expr) -> tuple[Expr, Linear | None, Linear | None]:
        """(sum, low, high) of a condition `low <= sum` or `sum <= high`."""
        if self.attempt.literal and isinstance(condition, LT) and not self.depends(condition.b):
            return condition.a, None, self.an.normal(condition.b).shift(-1)
        if isinstance(condition, CmpOp) and condition.a.dtype.is_integral:
            cls, form = difference(self.an, condition)
            terms = {k: c for k, c in form.terms.items() if any(map(self.depends, factors(k)))}
            rest = Linear({k: c for k, c in form.terms.items() if k not in terms}, form.const)
            if cls.__name__ == "LT" and terms:
                if all(c < 0 for c in terms.values()):
                    return self.built(Linear(terms).scale(-1)), rest.shift(1), None
                return self.built(Linear(terms)), None, rest.scale(-1).shift(-1)
        raise Refused("the predicate {0} is not a bound on a sum of iterators", condition)

    def built(self, form: Linear) -> Expr:
        """A form as an expression, of the widest type in it."""
        return self.an.build(form, max((factors(key)[0].dtype for key in form.terms), key=lambda dtype: dtype.bits))

    def bound(self, e: Expr, lows: list[Linear], highs: list[Linear]) -> None:
        """Take note that a sum lies between bounds: it becomes an iterator, and what it consists of its digits."""
        dtype = e.dtype
        parsed = self.sum_of(self.current(e))
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
        value: Expr = IntImm(var.dtype, 0)
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

    def define(self, source: Expr | IterSumExpr, extent: Number, dtype: DType) -> Var:
        """A new iterator that counts `source`."""
        names = self.attempt.names
        if self.made == len(names):
            names.append(Var("s", dtype))
        var = names[self.made]
        self.made += 1
        self.an.bind(var, Range(IntImm(dtype, 0), as_expr(extent, dtype)), allow_override=True)
        self.marks[var] = IterMark(source, extent)
        return var

    def replace(self, var: Var, value: Expr) -> None:
        """Read `var` as `value` from now on."""
        self.replaced = {v: substitute(e, {var: value}) for v, e in self.replaced.items()}
        self.replaced[var] = value


def _is_zero(e: Expr) -> bool:
    return type(e) is IntImm and e.value == 0
