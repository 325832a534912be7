"""Whether two accesses of a block's threads meet: some element, two threads, one of them writing.

Where all extents are constants the threads and iterations are gone through one by one, so the answer is exact, both
ways. What cannot be gone through, because an extent is a variable or data decide an index, is taken to meet unless the
places lie in intervals that are apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...tir import expr as E
from ...tir.arith import Analyzer
from ...tir.buffer import Range
from ...tir.expr import Call, Expr, IntImm, Var, const
from ...tir.visit import free_vars, substitute
from ..lanes import lane_of
from .thread_accesses import Access

REACH = 1 << 40
"""More than any place in memory, in bytes from the start of its buffer."""

BUDGET = 1 << 22
"""Threads times iterations up to which an access is gone through."""


@dataclass(frozen=True)
class Order:
    """How two accesses follow each other.

    Attributes
    ----------
    common: loops around both, in the same iteration. carried: the loop in whose next iteration the second one is;
        None where it is the same. next_only: whether it is the very next iteration, not any later one.
    """

    common: frozenset[Var] = frozenset()
    carried: Var | None = None
    next_only: bool = False


def conflict(a: Access, b: Access, order: Order, threads: Mapping[str, tuple[Var, Expr]]) -> bool:
    """Whether different threads of a block touch one element in `a` and, later, in `b`, one of them writing it."""
    if a.buffer.data is not b.buffer.data or not (a.written or b.written) or (a.atomic and b.atomic):
        return False
    if a.is_own(b, order.carried):
        return False
    if a.index is None or b.index is None:
        return True
    found = _enumerated(a, b, order, threads)
    return found if found is not None else not _apart(a, b, threads)


class _Unknown(Exception):
    """The places cannot be gone through."""


def _enumerated(a: Access, b: Access, order: Order, threads: Mapping[str, tuple[Var, Expr]]) -> bool | None:
    try:
        first, second, shared = _aligned(a, b, order, {var for var, _ in threads.values()})
        mixed = a.buffer.dtype.element.bytes != b.buffer.dtype.element.bytes
        left, right = (_touched(x, shared, order, threads, mixed=mixed) for x in (first, second))
    except _Unknown:
        return None
    return _meet(left, right)


def _meet(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two threads meet, given pairs (place, thread) of each side."""
    places, at = np.unique(np.concatenate([left[0], right[0]]), return_inverse=True)
    size, split = len(places), len(left[0])
    low = [np.full(size, np.iinfo(np.int64).max) for _ in range(2)]
    high = [np.full(size, -1) for _ in range(2)]
    for side, (where, who) in enumerate(((at[:split], left[1]), (at[split:], right[1]))):
        np.minimum.at(low[side], where, who)
        np.maximum.at(high[side], where, who)
    both = (high[0] >= 0) & (high[1] >= 0)
    same = (low[0] == high[0]) & (low[1] == high[1]) & (low[0] == low[1])
    return bool(np.any(both & ~same))


def _aligned(a: Access, b: Access, order: Order, threads: set[Var]) -> tuple[Access, Access, dict[Var, Range]]:
    """The accesses with what both share taken out, and the common variables that are left to go through.

    A variable that adds the same to both places does not decide whether they meet.
    """
    if order.carried is not None and order.next_only:
        later = {order.carried: order.carried + const(1, order.carried.dtype)}
        b = replace(b, index=substitute(b.index, later), conditions=tuple(substitute(c, later) for c in b.conditions))
    first, second = a.index, b.index
    assert first is not None and second is not None
    own = {*_inner(a, order), *_inner(b, order), *threads}
    left: dict[Var, Range] = {}
    analyzer = Analyzer()
    for var in dict.fromkeys([*free_vars(first), *free_vars(second)]):
        if var in own:
            continue
        zero = {var: const(0, var.dtype)}
        steps = [analyzer.simplify(lane_of(e, 0) - lane_of(substitute(e, zero), 0)) for e in (first, second)]
        same = analyzer.simplify(steps[0] - steps[1])
        if isinstance(same, IntImm) and same.value == 0 and all(_is_offset(e, zero, analyzer) for e in (first, second)):
            first, second = substitute(first, zero), substitute(second, zero)
            continue
        extent = a.loops.get(var) or b.loops.get(var)
        if extent is None:
            raise _Unknown
        left[var] = extent
    return replace(a, index=first), replace(b, index=second), left


def _is_offset(e: Expr, zero: Mapping[Var, Expr], analyzer: Analyzer) -> bool:
    """Whether a variable moves every lane alike, whatever the other variables are."""
    (var,) = zero
    moved = {
        analyzer.simplify(lane_of(e, k) - lane_of(substitute(e, zero), k))
        for k in {0, e.dtype.lanes // 2, e.dtype.lanes - 1}
    }
    return len(moved) == 1 and all(set(free_vars(m)) <= {var} for m in moved)


def _inner(a: Access, order: Order) -> dict[Var, Range]:
    """The loops of an access whose iterations are its own."""
    out = {v: r for v, r in a.loops.items() if v not in order.common}
    if order.carried is not None and order.next_only:
        out.pop(order.carried, None)
    return out


def _touched(
    a: Access, shared: Mapping[Var, Range], order: Order, threads: Mapping[str, tuple[Var, Expr]], *, mixed: bool
) -> np.ndarray:
    """The pairs (place in bytes with the common variables, thread) that an access touches.

    `mixed`: places are told apart by bytes, as elements of several sizes meet.
    """
    index = a.index
    assert index is not None
    needed = set(free_vars(index))
    conditions = [c for c in a.conditions if _is_computable(c)]
    inner = _inner(a, order)
    ranges = {v: r for v, r in inner.items() if v in needed}
    for c in conditions:
        ranges |= {v: r for v, r in inner.items() if v in free_vars(c)}
    axes: list[tuple[Var, int, int]] = []
    for var, extent in threads.values():
        axes.append((var, 0, _constant(extent)))
    for var, r in (*shared.items(), *ranges.items()):
        low, size = _constant(r.min), _constant(r.extent)
        if order.next_only and var is order.carried:
            size -= 1
        period = _period(var, [index, *conditions])
        axes.append((var, low, min(size, period) if period else size))
    lanes = index.dtype.lanes
    if math.prod(n for _, _, n in axes) * lanes > BUDGET:
        raise _Unknown
    values: dict[Var, Any] = {}
    for k, (var, low, n) in enumerate(axes):
        shape = [1] * len(axes)
        shape[k] = n
        values[var] = np.arange(low, low + n, dtype=np.int64).reshape(shape)
    whole = tuple(n for _, _, n in axes)
    known = [c for c in conditions if set(free_vars(c)) <= set(values)]
    mask = np.ones(whole, bool)
    for c in known:
        mask &= np.broadcast_to(_value(c, values), whole)
    thread = np.zeros(whole, np.int64)
    for var, extent in threads.values():
        thread = thread * _constant(extent) + values[var]
    size = a.buffer.dtype.element.bytes
    base = _constant(a.buffer.elem_offset) * size * a.buffer.dtype.lanes
    parts = []
    for k in range(lanes):
        place = np.broadcast_to(_value(lane_of(index, k), values), whole) * size + base
        parts += [place + byte for byte in range(size)] if mixed else [place]
    tag = np.zeros(whole, np.int64)
    for var, low, n in axes:
        if var in shared:
            tag = tag * n + (values[var] - low)
    place = np.stack([np.where(mask, p, -1) for p in parts])
    keep = np.broadcast_to(mask, place.shape)
    tags = np.broadcast_to(tag, place.shape)[keep]
    return np.stack([place[keep] + tags * REACH, np.broadcast_to(thread, place.shape)[keep]])


def _period(var: Var, exprs: Sequence[Expr]) -> int:
    """A number of iterations after which a variable's part in the expressions repeats; 0 where there is none."""
    period = 1
    stack: list[Expr] = [e for e in exprs if var in free_vars(e)]
    while stack:
        e = stack.pop()
        if isinstance(e, E.FloorMod) and isinstance(e.b, IntImm) and _is_step(e.a, var):
            period = math.lcm(period, e.b.value)
            continue
        if e is var or (var in free_vars(e) and not isinstance(e, (E.BinaryOp, E.Ramp, E.Broadcast, E.Cast, E.Select))):
            return 0
        stack += [c for c in e.children() if isinstance(c, Expr) and var in free_vars(c)]
    return period


def _is_step(e: Expr, var: Var) -> bool:
    """Whether an expression is the variable plus constants."""
    if e is var:
        return True
    return isinstance(e, (E.Add, E.Sub)) and isinstance(e.b, IntImm) and _is_step(e.a, var)


def _constant(e: Expr) -> int:
    if not isinstance(e, IntImm):
        raise _Unknown
    return e.value


def _is_computable(e: Expr) -> bool:
    try:
        _value(e, {v: np.ones((1,), np.int64) for v in free_vars(e)})
    except _Unknown:
        return False
    return True


_NUMPY: dict[type[Expr], Any] = {
    E.Add: np.add, E.Sub: np.subtract, E.Mul: np.multiply, E.Min: np.minimum, E.Max: np.maximum,
    E.EQ: np.equal, E.NE: np.not_equal, E.LT: np.less, E.LE: np.less_equal, E.GT: np.greater, E.GE: np.greater_equal,
    E.And: np.logical_and, E.Or: np.logical_or, E.FloorDiv: np.floor_divide, E.FloorMod: np.mod,
}  # fmt: skip
_CALLS = {
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "shift_left": np.left_shift, "shift_right": np.right_shift,
}  # fmt: skip


def _value(e: Expr, at: Mapping[Var, Any]) -> Any:
    """The values of a scalar integer expression, as 64-bit integers."""
    if isinstance(e, IntImm):
        return np.int64(e.value)
    if isinstance(e, Var):
        if e not in at:
            raise _Unknown
        return at[e]
    if isinstance(e, E.Not):
        return np.logical_not(_value(e.a, at))
    if isinstance(e, E.Cast) and (e.dtype.is_index or e.dtype.is_bool):
        return _value(e.value, at)
    if isinstance(e, E.Select) or (isinstance(e, Call) and e.op.name == "if_then_else"):
        c, x, y = e.args if isinstance(e, Call) else (e.condition, e.true_value, e.false_value)
        return np.where(_value(c, at), _value(x, at), _value(y, at))
    if isinstance(e, Call) and e.op.name == "likely":
        return _value(e.args[0], at)
    if isinstance(e, Call) and e.op.name in _CALLS:
        return _CALLS[str(e.op.name)](*(_value(x, at) for x in e.args))
    rule = _NUMPY.get(type(e))
    if rule is None or not isinstance(e, E.BinaryOp):
        raise _Unknown
    x, y = _value(e.a, at), _value(e.b, at)
    if type(e) in (E.FloorDiv, E.FloorMod) and np.any(np.equal(y, 0)):
        raise _Unknown
    return rule(x, y)


def _apart(a: Access, b: Access, threads: Mapping[str, tuple[Var, Expr]]) -> bool:
    """Whether two accesses provably lie in intervals that do not meet, or are each thread's own."""
    assert a.index is not None and b.index is not None
    if a.buffer.dtype.element.bytes != b.buffer.dtype.element.bytes:
        return False
    analyzer = Analyzer()
    for var, extent in threads.values():
        analyzer.bind(var, Range(const(0, var.dtype), extent), allow_override=True)
    spans = []
    for x, tag in ((a, "_a"), (b, "_b")):
        # Variables of each access are its own, except those that the whole block has one value of.
        own = {v: Var(v.name + tag, v.dtype) for v in (*(t for t, _ in threads.values()), *x.loops)}
        for var, extent in threads.values():
            analyzer.bind(own[var], Range(const(0, var.dtype), extent), allow_override=True)
        for var, r in x.loops.items():
            analyzer.bind(own[var], Range(substitute(r.min, own), substitute(r.extent, own)), allow_override=True)
        assert x.index is not None
        lanes = [substitute(lane_of(x.index, k), own) for k in {0, x.index.dtype.lanes - 1}]
        spans.append([e + x.buffer.elem_offset for e in lanes])
    (a_low, a_high), (b_low, b_high) = ((s[0], s[-1]) for s in spans)
    return analyzer.prove(a_high < b_low) or analyzer.prove(b_high < a_low)
