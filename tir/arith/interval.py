"""Symbolic intervals: the least and the greatest value an expression takes while some of its variables vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..buffer import Range
from ..dtype import DType
from ..errors import UserError
from ..expr import Broadcast, Cast, Expr, FloorDiv, FloorMod, IntImm, Max, Min, Ramp, Select, Var, const
from ..visit import Rewriter, free_vars
from .linear import ZERO, Linear, Monomial, factors
from .prove import split
from .rewrite import HasEffect

if TYPE_CHECKING:
    from .analyzer import Analyzer

Bounds = tuple[Linear | None, Linear | None]
"""The least and the greatest form; None where nothing is known."""


class IntervalSet(NamedTuple):
    """The integers from `min_value` to `max_value`, both included; None is minus or plus infinity."""

    min_value: Expr | None
    max_value: Expr | None

    @property
    def is_everything(self) -> bool:
        """Whether a side is unbounded."""
        return self.min_value is None or self.max_value is None

    @property
    def is_nothing(self) -> bool:
        """Whether it is known to be empty."""
        low, high = self
        return type(low) is IntImm and type(high) is IntImm and low.value > high.value

    @property
    def is_point(self) -> bool:
        """Whether it is surely one integer."""
        return self.min_value is not None and self.min_value is self.max_value

    def to_range(self, an: Analyzer, otherwise: Range) -> Range:
        """The interval as a range; `otherwise` where a side is unbounded."""
        if self.min_value is None or self.max_value is None:
            return otherwise
        if self.is_point:
            return Range.point(self.min_value)
        return Range(self.min_value, an.simplify(self.max_value + 1 - self.min_value))

    @staticmethod
    def of(an: Analyzer, range_: Range) -> IntervalSet:
        """The integers of a range."""
        low = an.simplify(range_.min)
        return IntervalSet(low, an.simplify(range_.min + range_.extent - 1))


EVERYTHING = IntervalSet(None, None)
NOTHING = IntervalSet(const(1), const(0))


def eval_set(an: Analyzer, e: Expr, domains: Mapping[Var, Range]) -> IntervalSet:
    """The interval `e` takes while each variable of `domains` runs over its range.

    Domains are listed outermost first: the range of a later variable may speak of an earlier one. The interval holds
    every value; it may be wider than need be. A vector's is that of all its lanes.
    """
    if e.dtype.lanes > 1:
        domains = dict(domains)
        e = _Scalarize(domains)(e)
        if e.dtype.lanes > 1:
            return EVERYTHING
    if domains.keys().isdisjoint(free_vars(e)):
        return IntervalSet(e, e)
    try:
        form = an.normal(e)
    except HasEffect:
        return EVERYTHING
    exact = _affine_bounds(form, domains)
    bounds: Bounds = exact or (form, form)
    varying = set() if exact else {var for var in free_vars(e) if var in domains}
    for var in [] if exact else reversed(list(domains)):
        if var in varying and any(b is not None and _mentions(b, var) for b in bounds):
            domain = domains[var]
            varying |= {*free_vars(domain.min), *free_vars(domain.extent)}
            low, high = an.normal(domain.min), an.normal(domain.min + domain.extent - 1)
            bounds = _eliminate(an, bounds, var, low, high, e.dtype)
    dtype = e.dtype
    return IntervalSet(*(None if b is None or _overflows(b, dtype) else an.build(b, dtype) for b in bounds))


def _affine_bounds(form: Linear, domains: Mapping[Var, Range]) -> tuple[Linear, Linear] | None:
    """The bounds of a sum of multiples of variables with constant domains, and of what does not vary; else None."""
    rest: dict[Monomial, int] = {}
    least = greatest = form.const
    for key, factor in form.terms.items():
        domain = domains.get(key) if type(key) is Var else None
        if domain is None:
            if type(key) is not Var and any(v in domains for atom in factors(key) for v in free_vars(atom)):
                return None
            rest[key] = factor
            continue
        low, extent = domain.min, domain.extent
        if type(low) is not IntImm or type(extent) is not IntImm or extent.value < 1:
            return None
        ends = factor * low.value, factor * (low.value + extent.value - 1)
        least, greatest = least + min(ends), greatest + max(ends)
    return Linear(rest, least), Linear(rest, greatest)


def _overflows(form: Linear, dtype: DType) -> bool:
    return not form.terms and not dtype.min <= form.const <= dtype.max


def _mentions(form: Linear, var: Var) -> bool:
    return any(atom is var or (type(atom) is not Var and var in free_vars(atom)) for atom in form.atoms())


def _eliminate(an: Analyzer, bounds: Bounds, var: Var, low: Linear, high: Linear, dtype: DType) -> Bounds:
    least, greatest = bounds
    if least is greatest:
        return (None, None) if least is None else _bounds(an, least, var, low, high, dtype)
    return (
        None if least is None else _bounds(an, least, var, low, high, dtype)[0],
        None if greatest is None else _bounds(an, greatest, var, low, high, dtype)[1],
    )


def _bounds(an: Analyzer, form: Linear, var: Var, low: Linear, high: Linear, dtype: DType, again: int = 2) -> Bounds:
    """The bounds of a form while `var` runs from `low` to `high`.

    `again`: how often what is left of `var` is bounded once more; what stays then has no bound.
    """
    out: list[Linear | None] = [form, form]
    count = 0
    for atom in form.atoms():
        if atom is var:
            least, greatest = low, high
        elif type(atom) is not Var and var in free_vars(atom):
            inner = _atom_bounds(an, atom, var, low, high)
            if inner[0] is None and inner[1] is None:
                return None, None
            least, greatest = inner  # type: ignore[assignment]
        else:
            continue
        count += 1
        for side in (0, 1):
            current = out[side]
            if current is None:
                continue
            factor, rest = split(current, atom)
            sign = 0 if factor is None else _sign(an, factor)
            if sign == 0 or factor is None:
                out[side] = None
                continue
            value = greatest if (side == 1) == (sign > 0) else least
            out[side] = None if value is None else an.merged(rest.add(an.product(factor, value)))
    if count > 1:
        # A bound may have merged with an atom that was still to come.
        for side, current in enumerate(out):
            if current is not None and _mentions(current, var):
                out[side] = _bounds(an, current, var, low, high, dtype, again - 1)[side] if again else None
    return out[0], out[1]


def _sign(an: Analyzer, factor: Linear) -> int:
    if an.proves_negative(factor.scale(-1).shift(-1)):
        return 1
    return -1 if an.proves_negative(factor.shift(-1)) else 0


def _atom_bounds(an: Analyzer, e: Expr, var: Var, low: Linear, high: Linear) -> Bounds:
    rule = _ATOMS.get(type(e))
    if rule is None:
        return None, None

    def inner(part: Expr) -> Bounds:
        return _bounds(an, an.normal(part), var, low, high, part.dtype)

    return rule(an, e, inner, var)


Inner = Callable[[Expr], Bounds]


def _floor_div(an: Analyzer, e: FloorDiv, inner: Inner, var: Var) -> Bounds:
    divisor = an.normal(e.b)
    if not divisor.is_const or divisor.const <= 0:
        return None, None
    least, greatest = inner(e.a)
    return tuple(b if b is None else an.floor_div_const(b, divisor.const, e.dtype) for b in (least, greatest))  # type: ignore[return-value]


def _floor_mod(an: Analyzer, e: FloorMod, inner: Inner, var: Var) -> Bounds:
    divisor = an.normal(e.b)
    if var in free_vars(e.b) or an.bound_of(divisor)[0] <= 0:
        return None, None
    if divisor.is_const:
        least, greatest = inner(e.a)
        if least is not None and greatest is not None:
            # All in one period: the remainder does not wrap around.
            periods = [an.floor_div_const(b, divisor.const, e.dtype) for b in (least, greatest)]
            if periods[0] == periods[1]:
                return tuple(an.floor_mod_const(b, divisor.const, e.dtype) for b in (least, greatest))  # type: ignore[return-value]
    return ZERO, divisor.shift(-1)


def _extremum(sign: int) -> Callable[..., Bounds]:
    def rule(an: Analyzer, e: Min | Max, inner: Inner, var: Var) -> Bounds:
        (alow, ahigh), (blow, bhigh) = inner(e.a), inner(e.b)
        return tuple(
            (None if sign == side else (b if a is None else a))
            if a is None or b is None
            else an.extremum_of(a, b, sign, e.dtype)
            for side, a, b in ((-1, alow, blow), (1, ahigh, bhigh))
        )  # type: ignore[return-value]

    return rule


def _select(an: Analyzer, e: Select, inner: Inner, var: Var) -> Bounds:
    (alow, ahigh), (blow, bhigh) = inner(e.true_value), inner(e.false_value)
    return (
        None if alow is None or blow is None else an.extremum_of(alow, blow, -1, e.dtype),
        None if ahigh is None or bhigh is None else an.extremum_of(ahigh, bhigh, 1, e.dtype),
    )


_ATOMS: dict[type, Callable[..., Bounds]] = {
    FloorDiv: _floor_div,
    FloorMod: _floor_mod,
    Min: _extremum(-1),
    Max: _extremum(1),
    Select: _select,
}


class _Scalarize(Rewriter):
    """Lane by lane: a ramp as its base plus a new variable times its stride, whose range is added to the domains."""

    def __init__(self, domains: dict[Var, Range]) -> None:
        self.domains = domains

    def visit_ramp(self, node: Ramp) -> Expr:
        lane = Var("lane", node.base.dtype.element)
        self.domains[lane] = Range(const(0, lane.dtype), const(node.lanes, lane.dtype))
        return self(node.base) + lane * self(node.stride)

    def visit_broadcast(self, node: Broadcast) -> Expr:
        return self(node.value)

    def visit_cast(self, node: Cast) -> Expr:
        value = self(node.value)
        return node if value is node.value else Cast(node.dtype.with_lanes(value.dtype.lanes), value)


def as_range(an: Analyzer, domain: Range | IntervalSet) -> Range:
    """A bounded domain as a range.

    Raises
    ------
    UserError: a side is unbounded.
    """
    if isinstance(domain, Range):
        return domain
    if domain.min_value is None or domain.max_value is None:
        raise UserError("a variable cannot run over an unbounded set")
    return Range(domain.min_value, an.simplify(domain.max_value - domain.min_value + 1))


def union(an: Analyzer, a: IntervalSet, b: IntervalSet) -> IntervalSet:
    """The least interval known to hold both."""
    return _joined(an, a, b, -1)


def intersect(an: Analyzer, a: IntervalSet, b: IntervalSet) -> IntervalSet:
    """The integers in both."""
    return _joined(an, a, b, 1)


def _joined(an: Analyzer, a: IntervalSet, b: IntervalSet, sign: int) -> IntervalSet:
    from ..op import maximum, minimum

    low, high = (minimum, maximum) if sign < 0 else (maximum, minimum)
    sides = []
    for x, y, f in ((a.min_value, b.min_value, low), (a.max_value, b.max_value, high)):
        if x is None or y is None:
            sides.append(None if sign < 0 else (y if x is None else x))
        else:
            sides.append(x if x is y else an.simplify(f(x, y)))
    return IntervalSet(*sides)


def contains(an: Analyzer, outer: IntervalSet, inner: IntervalSet) -> bool:
    """Whether every integer of `inner` is shown to be in `outer`."""
    return _below(an, outer.min_value, inner.min_value) and _below(an, inner.max_value, outer.max_value, upper=True)


def _below(an: Analyzer, a: Expr | None, b: Expr | None, *, upper: bool = False) -> bool:
    """`a <= b`, where None is the infinity of the side that is compared."""
    if (b if upper else a) is None:
        return True
    return a is not None and b is not None and (a is b or an.prove(a <= b))
