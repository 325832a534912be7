"""Indices in the form of their iterator maps: sums of digits, each digit of the sum it was taken from, not spread out.

What `IterMapSimplify` of TVM gives, so that bindings read as they do there: `(i * 8 + j) // 4` keeps its sum whole
although it is `i * 2 + j // 4`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..buffer import Range
from ..expr import TRUE, Expr, IntImm, Var, as_expr
from ..visit import substitute
from .analyzer import Analyzer
from .iter_check import Refused
from .iter_detect import Attempt, Detector, MustPad
from .iter_types import IterMapLevel, IterSplitExpr, IterSumExpr, Number
from .rewrite import HasEffect


def iter_map_form(
    indices: Sequence[Expr], input_iters: Mapping[Var, Range], predicate: Expr = TRUE, *, drop_units: bool = False
) -> tuple[Expr, ...]:
    """The indices as their iterator map writes them; as they are where there is none.

    Parameters
    ----------
    input_iters: the loops, outermost first.
    predicate: bounds the loops; where no map is found under it, one without it will do.
    drop_units: put the only value of loops of extent 1 in place of their variables.
    """
    exprs = tuple(indices)
    if drop_units:
        units = {v: r.min for v, r in input_iters.items() if isinstance(r.extent, IntImm) and r.extent.value == 1}
        if units:
            exprs = tuple(substitute(e, units) for e in exprs)
            predicate = substitute(predicate, units)
            input_iters = {v: r for v, r in input_iters.items() if v not in units}
    if all(isinstance(e, (Var, IntImm)) for e in exprs):
        return exprs
    for condition in (predicate, TRUE) if predicate is not TRUE else (TRUE,):
        found = _read(exprs, input_iters, condition)
        if found is not None:
            return found
    return exprs


def _read(exprs: tuple[Expr, ...], input_iters: Mapping[Var, Range], predicate: Expr) -> tuple[Expr, ...] | None:
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
    dtype = value.dtype
    if not (_is(1, arg.lower_factor) and _is(mark.extent, arg.extent)):
        lower, extent = as_expr(arg.lower_factor, dtype), as_expr(arg.extent, dtype)
        whole = as_expr(mark.extent, dtype)
        an = Analyzer()
        if not (_is(1, arg.lower_factor) and an.equal(extent, whole)):
            if not an.equal(lower * extent, whole):
                value = value % (lower * extent)
            value = value // lower
    return value if _is(1, arg.scale) else value * as_expr(arg.scale, dtype)


def _is(a: Number, b: Number) -> bool:
    """Whether two numbers are the same without a question."""
    return a is b or (type(a) is int and type(b) is int and a == b)
