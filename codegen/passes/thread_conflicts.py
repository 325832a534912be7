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
from ...tir.expr import Expr, IntImm, Var, const
from ...tir.visit import free_vars, substitute
from ..lanes import lane_of
from .index_values import Unknown, constant, is_computable, value_at
from .thread_accesses import Access

REACH = 1 << 40
"""More than any place in memory, in bytes from the start of its buffer."""

BUDGET = 1 << 22
"""Threads times iterations up to which an access is gone through."""

EXACT = 1 << 18
"""The same with what only conditions ask for; beyond, they are taken to hold."""


@dataclass(frozen=True)
class Order:
    """How two accesses follow each other.

    Attributes
    ----------
    common: loops around both, in the same iteration. carried: the loop in a later iteration of which the second one
        is; None where it is the same. next_only: whether it is the very next iteration.
    """

    common: frozenset[Var] = frozenset()
    carried: Var | None = None
    next_only: bool = False


def conflict(a: Access, b: Access, order: Order, threads: Mapping[str, tuple[Var, Expr]]) -> bool:
    """Whether different threads of a block touch one element in `a` and, later, in `b`, one of them writing it."""
    if a.buffer.data is not b.buffer.data or not (a.written or b.written) or (a.atomic and b.atomic):
        return False
    if a.nodes.keys() == threads.keys() and a.is_own(b, order.carried):
        return False
    if a.index is None or b.index is None:
        return True
    found = _enumerated(a, b, order, threads)
    return found if found is not None else not _apart(a, b, threads)


def _enumerated(a: Access, b: Access, order: Order, threads: Mapping[str, tuple[Var, Expr]]) -> bool | None:
    """Whether the accesses meet; None where they cannot be gone through.

    Conditions on loops around both that places do not depend on are asked about only where that may matter.
    """
    a, b = _ranged(a, threads), _ranged(b, threads)
    try:
        return _met(a, b, order, threads, exact=False) and _met(a, b, order, threads, exact=True)
    except Unknown:
        return None


def _met(a: Access, b: Access, order: Order, threads: Mapping[str, tuple[Var, Expr]], *, exact: bool) -> bool:
    try:
        first, second, shared = _aligned(a, b, order, {var for var, _ in threads.values()}, exact=exact)
        mixed = a.buffer.dtype.element.bytes != b.buffer.dtype.element.bytes
        budget = EXACT if exact else BUDGET
        left = _touched(first, shared, order, threads, mixed=mixed, later=False, budget=budget)
        right = _touched(second, shared, order, threads, mixed=mixed, later=True, budget=budget)
    except Unknown:
        if exact:
            return True
        raise
    return _meet(left, right)


def _meet(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether different threads meet, the left one in an earlier turn, given what each side touches (`_touched`)."""
    if not left.size or not right.size:
        return False
    low, high = max(left[0].min(), right[0].min()), min(left[0].max(), right[0].max())
    if low > high:
        return False
    left, right = (side[:, (side[0] >= low) & (side[0] <= high)] for side in (left, right))
    span = int(high - low) + 1
    at, split = np.concatenate([(side[0] - low) + side[3] * span for side in (left, right)]), len(left[0])
    size = span * (max(int(side[3].max(initial=0)) for side in (left, right)) + 1)
    if size > DENSE:
        found, at = np.unique(at, return_inverse=True)
        size = len(found)
    count = max(int(side[1].max(initial=0)) for side in (left, right)) + 1
    # Earliest on the left against latest on the right; where one thread is both, the next best of another.
    when, who, other = _least(at[:split], left[1], left[2], size, count)
    last, last_who, last_other = _least(at[split:], right[1], -right[2], size, count)
    apart = (who != last_who) & (when + last < 0)
    together = (who == last_who) & ((when + last_other < 0) | (other + last < 0))
    return bool(np.any(apart | together))


DENSE = 1 << 19
"""Bytes of memory, for each turn of common loops, that may each have an entry in a table; places are sorted beyond."""

_NEVER = 1 << 40
"""More than any turn of a loop that is gone through."""


def _least(
    at: np.ndarray, who: np.ndarray, when: np.ndarray, size: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At each place the least number `when`, of which of the `count` threads it is, and the least of another one."""
    never = _NEVER * count
    key = when * count + who
    least, other = np.full(size, never), np.full(size, never)
    np.minimum.at(least, at, key)
    rest = who != least[at] % count
    np.minimum.at(other, at[rest], key[rest])
    return least // count, least % count, other // count


def _ranged(a: Access, threads: Mapping[str, tuple[Var, Expr]]) -> Access:
    """The access with loops of constant ranges; where theirs depend on other variables, conditions say the rest."""
    if all(isinstance(e, IntImm) for r in a.loops.values() for e in (r.min, r.extent)):
        return a
    analyzer = Analyzer()
    for var, extent in threads.values():
        analyzer.bind(var, Range(const(0, var.dtype), extent))
    loops, conditions = dict(a.loops), list(a.conditions)
    for var, r in a.loops.items():
        end = r.min + r.extent
        low, high = analyzer.const_int_bound(r.min)[0], analyzer.const_int_bound(end)[1]
        if not (isinstance(r.min, IntImm) and isinstance(r.extent, IntImm)) and high - low <= BUDGET:
            conditions += [r.min <= var, var < end]
            loops[var] = r = Range(const(low, var.dtype), const(max(high - low, 0), var.dtype))
        analyzer.bind(var, r)
    return replace(a, loops=loops, conditions=tuple(conditions))


def _aligned(
    a: Access, b: Access, order: Order, threads: set[Var], *, exact: bool
) -> tuple[Access, Access, dict[Var, tuple[int, int]]]:
    """The accesses with what both share taken out, and the common variables left to go through: start and extent.

    A variable that adds the same to both places does not decide whether they meet, unless conditions ask for it, which
    are looked at if `exact`.
    """
    if order.carried is not None and order.next_only:
        later = {order.carried: order.carried + const(1, order.carried.dtype)}
        b = replace(b, index=substitute(b.index, later), conditions=tuple(substitute(c, later) for c in b.conditions))
    first, second = a.index, b.index
    assert first is not None and second is not None
    own = {*_inner(a, order), *_inner(b, order), *threads}
    loops = {**a.loops, **b.loops}
    conditions = [c for c in (*a.conditions, *b.conditions) if is_computable(c)] if exact else []
    asked = {v for c in conditions for v in free_vars(c) if v in loops}
    left: dict[Var, tuple[int, int]] = {}
    analyzer = Analyzer()
    for var in dict.fromkeys([*free_vars(first), *free_vars(second), *asked]):
        if var in own:
            continue
        if var not in asked:
            zero = {var: const(0, var.dtype)}
            steps = [analyzer.simplify(lane_of(e, 0) - lane_of(substitute(e, zero), 0)) for e in (first, second)]
            same = analyzer.simplify(steps[0] - steps[1])
            if isinstance(same, IntImm) and same.value == 0:
                if all(_is_offset(e, zero, analyzer) for e in (first, second)):
                    first, second = substitute(first, zero), substitute(second, zero)
                    continue
        if var not in loops:
            raise Unknown
        low, size = constant(loops[var].min), constant(loops[var].extent)
        if var is order.carried:
            size -= 1
        period = _period(var, [first, second, *a.conditions, *b.conditions])
        left[var] = low, min(size, period) if period else size
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
    a: Access,
    shared: Mapping[Var, tuple[int, int]],
    order: Order,
    threads: Mapping[str, tuple[Var, Expr]],
    *,
    mixed: bool,
    later: bool,
    budget: int,
) -> np.ndarray:
    """Columns (place in bytes, thread, turn of the carrying loop, number of the common variables' values) of an access.

    `mixed`: places are told apart by bytes, as elements of several sizes meet. `later`: of the turns that touch the
    same, the last one counts, else the first.
    """
    index = a.index
    assert index is not None
    conditions = [c for c in a.conditions if is_computable(c)]
    inner = _inner(a, order)
    needed = {v for e in (index, *conditions) for v in free_vars(e)}
    axes = [(var, 0, constant(extent)) for var, extent in threads.values()]
    axes += [(var, low, size) for var, (low, size) in shared.items()]
    for var, r in ((v, r) for v, r in inner.items() if v in needed):
        low, size = constant(r.min), constant(r.extent)
        period = min(_period(var, [index, *conditions]) or size, size)
        axes.append((var, low + size - period if later else low, period))
    lanes = index.dtype.lanes
    if math.prod(n for _, _, n in axes) * lanes > budget:
        raise Unknown
    values: dict[Var, Any] = {}
    for k, (var, low, n) in enumerate(axes):
        shape = [1] * len(axes)
        shape[k] = n
        values[var] = np.arange(low, low + n, dtype=np.int64).reshape(shape)
    whole = tuple(n for _, _, n in axes)
    mask = np.ones(whole, bool)
    for c in conditions:
        if set(free_vars(c)) <= set(values):
            mask &= np.broadcast_to(value_at(c, values), whole)
    thread, tag = np.zeros(whole, np.int64), np.zeros(whole, np.int64)
    for var, extent in threads.values():
        thread = thread * constant(extent) + values[var]
    for var, (low, n) in shared.items():
        tag = tag * n + (values[var] - low)
    carried = None if order.next_only else order.carried
    turn = values[carried] if carried in values else _turn(a, carried, later=later)
    size = a.buffer.dtype.element.bytes
    base = constant(a.buffer.elem_offset) * size * a.buffer.dtype.lanes
    parts = []
    for k in range(lanes):
        place = np.broadcast_to(value_at(lane_of(index, k), values), whole) * size + base
        parts += [place + byte for byte in range(size)] if mixed else [place]
    kept = [np.broadcast_to(x, whole)[mask] for x in (thread, turn, tag)]
    return np.stack([np.concatenate([p[mask] for p in parts]), *(np.tile(x, len(parts)) for x in kept)])


def _turn(a: Access, carried: Var | None, *, later: bool) -> int:
    """The last or first turn of the loop that carries the accesses, where it does not matter for the place."""
    r = a.loops.get(carried) if carried is not None else None
    if r is None or not isinstance(r.min, IntImm) or not isinstance(r.extent, IntImm):
        return int(later)
    return r.min.value + (r.extent.value - 1 if later else 0)


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
