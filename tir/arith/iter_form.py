"""Indices in the form of their iterator maps: sums of digits, each digit of the sum it was taken from, not spread out.

What `IterMapSimplify` of TVM gives, so that bindings read as they do there: `(i * 8 + j) // 4` keeps its sum whole
although it is `i * 2 + j // 4`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..buffer import Range
from ..expr import TRUE, Add, Expr, FloorDiv, FloorMod, IntImm, Mul, Var, all_of, as_expr
from ..visit import connected, free_vars, substitute
from .analyzer import Analyzer
from .iter_check import Refused
from .iter_detect import Attempt, Detector, MustPad
from .iter_types import IterMapLevel, IterSplitExpr, IterSumExpr, Number
from .rewrite import HasEffect
from .stmt import conjuncts


def iter_map_form(
    indices: Sequence[Expr],
    input_iters: Mapping[Var, Range],
    about: Collection[Var],
    predicate: Expr = TRUE,
    *,
    drop_units: bool = False,
) -> tuple[Expr, ...]:
    """The indices as their iterator map writes them; as they are where there is none.

    Parameters
    ----------
    input_iters: the loops, outermost first.
    about: the loops that are new, or whose indices are. Indices that share none with these, nor with others that do,
        are left as they are.
    predicate: bounds the loops; where no map is found under it, one without it will do.
    drop_units: put the only value of loops of extent 1 in place of their variables, and read all indices.
    """
    exprs = list(indices)
    conditions = list(conjuncts(predicate))
    if drop_units:
        units = {v: r.min for v, r in input_iters.items() if isinstance(r.extent, IntImm) and r.extent.value == 1}
        if units:
            exprs, conditions = ([substitute(e, units) for e in group] for group in (exprs, conditions))
            input_iters = {v: r for v, r in input_iters.items() if v not in units}
        about = input_iters
    bounds = [{v, *free_vars(r)} for v, r in input_iters.items() if not _is_constant(r)]
    linked = connected([*map(free_vars, exprs), *map(free_vars, conditions), *bounds], about)
    places = [i for i, e in enumerate(exprs) if not linked.isdisjoint(free_vars(e))]
    if all(type(exprs[i]) is Var for i in places):
        return tuple(exprs)
    loops = {v: r for v, r in input_iters.items() if v in linked}
    bounding = all_of(*(c for c in conditions if not linked.isdisjoint(free_vars(c))))
    for condition in dict.fromkeys((bounding, TRUE)):
        found = _read([exprs[i] for i in places], loops, condition)
        if found is not None:
            for i, e in zip(places, found, strict=True):
                exprs[i] = e
            break
    return tuple(exprs)


def keeps_form(index: Expr, values: Mapping[Var, Expr]) -> bool:
    """Whether an index that has this form is seen to have it still, without a predicate, with `values` in it.

    It is one of the variables whose value has the form, or a sum in which a loop or a digit of one, times a constant,
    takes the place of a loop.
    """
    if type(index) is Var:
        value = values.get(index, index)
        return type(value) is IntImm or all(_weighted(term) is not None for term in _terms(value))
    moved = [term for term in _terms(index) if not values.keys().isdisjoint(free_vars(term))]
    if len(moved) != 1:
        return not moved
    loop = _weighted(moved[0])
    return type(loop) is Var and type(values[loop]) in _DIGITS


_DIGITS = (Var, FloorDiv, FloorMod)


def _terms(e: Expr) -> list[Expr]:
    out = []
    while type(e) is Add:
        out.append(e.b)
        e = e.a
    return [*out, e]


def _weighted(term: Expr) -> Expr | None:
    """The loop or digit that a term is a multiple of."""
    inner = term.a if type(term) is Mul and type(term.b) is IntImm else term
    return inner if type(inner) in _DIGITS else None


def _is_constant(domain: Range) -> bool:
    return type(domain.min) is IntImm and type(domain.extent) is IntImm


def _read(exprs: Sequence[Expr], input_iters: Mapping[Var, Range], predicate: Expr) -> tuple[Expr, ...] | None:
    an = Analyzer()
    for var, range_ in input_iters.items():
        # What takes one value is kept as it is written.
        if not range_.is_point:
            an.bind(var, range_)
    try:
        detector = Detector(an, input_iters, Attempt(False, literal=True))
        # As it is written: a simpler predicate may bound other sums.
        found = detector.run(exprs, predicate, IterMapLevel.SURJECTIVE)
    except (Refused, MustPad, HasEffect):
        return None
    out = tuple(_sum(total, e) for total, e in zip(found.indices, exprs, strict=True))
    if all(isinstance(r.min, IntImm) and r.min.value == 0 for r in input_iters.values()):
        return out
    # Marks count from 0, so that each loop's start stands in what it is part of.
    return tuple(map(an.simplify, out))


def _sum(total: IterSumExpr, e: Expr) -> Expr:
    if not total.args:
        return as_expr(total.base, e.dtype)
    out: Expr | None = None
    for arg in total.args:
        part = _split(arg)
        out = part if out is None else out + part
    assert out is not None
    base = total.base
    return out if type(base) is IntImm and base.value == 0 else out + base


def _split(arg: IterSplitExpr) -> Expr:
    mark = arg.source
    value = _sum(mark.source, mark.source.base) if isinstance(mark.source, IterSumExpr) else mark.source
    if mark.mask is not None:
        value = value ^ mark.mask
    end = arg.lower_factor * arg.extent
    if not _equal(end, mark.extent):
        value = value % end
    return value // arg.lower_factor * arg.scale


def _equal(a: Number, b: Number) -> bool:
    """Whether two numbers are shown to be equal."""
    return a == b if type(a) is int and type(b) is int else a is b or Analyzer().equal(a, b)
