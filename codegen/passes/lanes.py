"""Vectors of indices seen lane by lane: which of them are arithmetic progressions."""

from __future__ import annotations

from ...tir.arith import Analyzer
from ...tir.buffer import Range
from ...tir.expr import BinaryOp, Broadcast, Cast, Expr, Not, Ramp, Var, binary, const
from ...tir.visit import substitute


def as_ramp(index: Expr) -> Expr:
    """The vector as a `Ramp`, where every lane is found to be as far from the one before; else as it is."""
    if index.dtype.lanes == 1 or isinstance(index, (Ramp, Broadcast)):
        return index
    lanes = index.dtype.lanes
    lane = Var("lane", index.dtype.element)
    value = scalar_of(index, lane)
    if value is None:
        return index
    an = Analyzer()
    an.bind(lane, Range(const(0, lane.dtype), const(lanes, lane.dtype)))
    base = an.simplify(substitute(value, {lane: const(0, lane.dtype)}))
    stride = an.simplify(substitute(value, {lane: const(1, lane.dtype)}) - base)
    return Ramp(base, stride, lanes) if an.equal(value, base + stride * lane) else index


def scalar_of(index: Expr, lane: Var) -> Expr | None:
    """What the lane numbered `lane` of a vector is, None where that is no arithmetic on ramps and broadcasts."""
    if isinstance(index, Broadcast) and index.value.dtype.lanes == 1:
        return index.value
    if isinstance(index, Ramp) and index.base.dtype.lanes == 1:
        return index.base + index.stride * lane.astype(index.base.dtype)
    if isinstance(index, Cast):
        value = scalar_of(index.value, lane)
        return None if value is None else value.astype(index.dtype.element)
    if isinstance(index, Not):
        value = scalar_of(index.a, lane)
        return None if value is None else Not(value)
    if isinstance(index, BinaryOp):
        a, b = scalar_of(index.a, lane), scalar_of(index.b, lane)
        return None if a is None or b is None else binary(type(index), a, b)
    return None
