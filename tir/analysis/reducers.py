"""Reductions as what they combine: the update of a reduction block as a commutative, associative operation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..buffer import Buffer, BufferLoad
from ..dtype import dtype
from ..errors import ScheduleError
from ..expr import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    Add,
    And,
    BinaryOp,
    Expr,
    FloatImm,
    Max,
    Min,
    Mul,
    Or,
    Select,
    Sub,
    Var,
    binary,
    const,
)
from ..stmt import Block, BlockRealize, BufferStore, IterType, LetStmt, Stmt, seq
from ..visit import Rewriter, free_vars, substitute, walk

UNITS: dict[type[BinaryOp], int] = {Add: 0, Mul: 1, And: 1, Or: 0}
"""Operations with a unit of their own. `Min` and `Max` give what they started from when they meet it again."""


class Combiner(NamedTuple):
    """The update of a reduction: `target = combined(target, value)`, for one buffer or several at once.

    Attributes
    ----------
    stores: the update's stores, one a buffer.
    values: what each instance contributes.
    left, right: variables that stand for the two operands in `combined`, and for each buffer the result.
    units: what contributes nothing. For a choice by a comparison it is what the init says, and zeros where there is
        none, which then are no units.
    ordered: whether ties are decided by which value came first.
    """

    stores: tuple[BufferStore, ...]
    values: tuple[Expr, ...]
    left: tuple[Var, ...]
    right: tuple[Var, ...]
    combined: tuple[Expr, ...]
    units: tuple[Expr, ...]
    ordered: bool

    def update(self, buffers: Sequence[Buffer], indices: Sequence[tuple[Expr, ...]], values: Sequence[Expr]) -> Stmt:
        """`buffers[indices] = combined(buffers[indices], values)`."""
        operands = dict(zip(self.right, values, strict=True))
        for var, buffer, index in zip(self.left, buffers, indices, strict=True):
            operands[var] = BufferLoad(buffer, index)
        results = [substitute(e, operands) for e in self.combined]
        if len(results) == 1:
            return BufferStore(buffers[0], results[0], indices[0])
        # All are computed before the first is stored: each may depend on the former values of all.
        variables = [Var(f"v_{b.name}", e.dtype) for b, e in zip(buffers, results, strict=True)]
        body = seq(*(BufferStore(b, v, i) for b, v, i in zip(buffers, variables, indices, strict=True)))
        for var, result in reversed(list(zip(variables, results, strict=True))):
            body = LetStmt(var, result, body)
        return body


def combiner(block: Block) -> Combiner:
    """What a reduction block combines.

    Raises
    ------
    ScheduleError: its update or init is of no known form.
    """
    stores = _stores(block)
    loads = tuple(BufferLoad(s.buffer, s.indices) for s in stores)
    inits = _inits(block, stores)
    left = tuple(Var(f"x{i}", s.buffer.dtype) for i, s in enumerate(stores))
    right = tuple(Var(f"y{i}", s.buffer.dtype) for i, s in enumerate(stores))
    made = _operation(stores, loads, left, right, inits) or _choice(stores, loads, left, right, inits)
    if made is None:
        shown = stores[0] if len(stores) == 1 else block
        raise _refusal(
            "the update of {0}, {1}, combines in no way that is known to be associative and commutative",
            block,
            shown,
            hint="known are x + y, x * y, min, max, and, or; and, for several buffers, T.Select by a comparison of one",
        )
    own = {s.buffer for s in stores}
    for value in made.values:
        _require(
            not any(isinstance(n, BufferLoad) and n.buffer in own for n in walk(value)),
            "what {0} adds, {1}, depends on what it has added up",
            block,
            value,
        )
    return made


def _require(condition: object, template: str, *nodes: Any, hint: str = "") -> None:
    if not condition:
        raise _refusal(template, *nodes, hint=hint)


def _refusal(template: str, *nodes: Any, hint: str = "") -> ScheduleError:
    return ScheduleError(template, *nodes, hint=hint)


def order_matters(block: Block) -> bool:
    """Whether the instances of a block that update one element are seen to depend on the order in which they run.

    What a block does by nested blocks and by calls is taken to be what its axes say: a reduction, in any order.
    """
    if all(iv.iter_type is IterType.SPATIAL for iv in block.iter_vars):
        return False
    if any(isinstance(node, BlockRealize) for node in walk(block.body)):
        return False
    try:
        return combiner(block).ordered
    except ScheduleError:
        stores = [node for node in walk(block.body) if isinstance(node, BufferStore)]
        reducing = {iv.var for iv in block.iter_vars if iv.iter_type is not IterType.SPATIAL}
        written = {store.buffer for store in stores}
        return not all(_commutes(store, reducing, written) for store in stores)


def accumulates(block: Block) -> bool:
    """Whether a block without init only adds to (multiplies, ...) what is there: its instances may run in any order.

    Such is the update that is left when the init has been taken away.
    """
    if block.init is not None or isinstance(block.body, BlockRealize):
        return False
    try:
        made = combiner(block)
    except ScheduleError:
        return False
    return not made.ordered and all(store.indices == made.stores[0].indices for store in made.stores)


def _commutes(store: BufferStore, reducing: set[Var], written: set[Buffer]) -> bool:
    """Whether a store adds to (or multiplies, ...) what was there, or stores the same for all values of `reducing`."""

    def reads(e: Expr) -> bool:
        return any(isinstance(node, BufferLoad) and node.buffer in written for node in walk(e))

    e = store.value
    if not reads(e):
        return not reducing & free_vars(e).keys()
    load = BufferLoad(store.buffer, store.indices)
    if isinstance(e, Sub):
        return e.a is load and not reads(e.b)
    if isinstance(e, BinaryOp) and (type(e) in UNITS or isinstance(e, (Min, Max))):
        return (e.a is load and not reads(e.b)) or (e.b is load and not reads(e.a))
    return False


def _stores(block: Block) -> tuple[BufferStore, ...]:
    """The update's stores, with what lets stand for put in."""
    lets: dict[Var, Expr] = {}
    body = block.body
    while isinstance(body, LetStmt):
        lets[body.var] = substitute(body.value, lets)
        body = body.body
    stores = body.children() if not isinstance(body, BufferStore) else (body,)
    out: list[BufferStore] = []
    for store in stores:
        fine = (
            isinstance(store, BufferStore)
            and store.predicate is None
            and all(s.buffer is not store.buffer for s in out)
        )
        _require(fine, "the update of {0} is more than one store for each buffer", block)
        assert isinstance(store, BufferStore)
        late = [] if lets else [n for n in walk(store.value) if isinstance(n, BufferLoad)]
        _require(
            not any(load.buffer is before.buffer for load in late for before in out),
            "{1}, in the update of {0}, depends on what a store before it wrote",
            block,
            store,
            hint="compute all values first, by T.let or variables, and store them afterwards",
        )
        out.append(BufferStore(store.buffer, substitute(store.value, lets), store.indices))
    return tuple(out)


def _inits(block: Block, stores: Sequence[BufferStore]) -> tuple[Expr, ...]:
    """What each buffer starts from."""
    init = block.init
    if init is None:
        return tuple(map(_neutral, stores))
    parts = (init,) if isinstance(init, BufferStore) else init.children()
    values = {part.buffer: part.value for part in parts if isinstance(part, BufferStore)}
    _require(
        len(values) == len(parts) == len(stores),
        "the init of {0} is more than one store for each buffer of its update",
        block,
    )
    return tuple(values[s.buffer] for s in stores)


def _neutral(store: BufferStore) -> Expr:
    """What changes no minimum or maximum; zero for other updates."""
    if not isinstance(store.value, (Min, Max)):
        return const(0, store.buffer.dtype)
    t, least = store.value.dtype, isinstance(store.value, Max)
    if t in _WITH_INFINITY:
        return FloatImm(t, -math.inf if least else math.inf)
    return const(t.min if least else t.max, t)


_WITH_INFINITY = frozenset(map(dtype, ("float16", "bfloat16", "float32", "float64")))


def _operation(
    stores: Sequence[BufferStore],
    loads: Sequence[BufferLoad],
    left: tuple[Var, ...],
    right: tuple[Var, ...],
    inits: tuple[Expr, ...],
) -> Combiner | None:
    """`x + y` and the like, of one buffer or of each by itself."""
    values, combined, units = [], [], []
    for store, load, x, y, init in zip(stores, loads, left, right, inits, strict=True):
        e = store.value
        if not isinstance(e, BinaryOp) or not (type(e) in UNITS or isinstance(e, (Min, Max))):
            return None
        if e.a is not load and e.b is not load:
            return None
        values.append(e.b if e.a is load else e.a)
        combined.append(binary(type(e), x, y))
        units.append(init if isinstance(e, (Min, Max)) else const(UNITS[type(e)], e.dtype))
    return Combiner(tuple(stores), tuple(values), left, right, tuple(combined), tuple(units), ordered=False)


def _choice(
    stores: Sequence[BufferStore],
    loads: Sequence[BufferLoad],
    left: tuple[Var, ...],
    right: tuple[Var, ...],
    inits: tuple[Expr, ...],
) -> Combiner | None:
    """All values of one of two candidates, by a comparison: argmin, argmax."""
    values: list[Expr] = []
    condition: Expr | None = None
    swapped = False
    for store, load in zip(stores, loads, strict=True):
        e = store.value
        if not isinstance(e, Select) or (condition is not None and e.condition is not condition):
            return None
        flipped = e.false_value is load
        if (e.true_value is load) is flipped or (values and flipped is not swapped):
            return None
        condition, swapped = e.condition, flipped
        values.append(e.true_value if swapped else e.false_value)
    assert condition is not None
    names: dict[Expr, Var] = dict(zip(loads, left, strict=True))
    names.update(zip(values, right, strict=True))
    condition = _Name(names)(condition)
    ordered = _compares(condition, left, right)
    if ordered is None:
        return None
    pick = [(y, x) if swapped else (x, y) for x, y in zip(left, right, strict=True)]
    combined = tuple(Select(condition, a, b) for a, b in pick)
    return Combiner(tuple(stores), tuple(values), left, right, combined, inits, ordered)


class _Name(Rewriter):
    """Puts variables for the operands."""

    def __init__(self, names: dict[Expr, Var]) -> None:
        self.names = names

    def __call__(self, node: Expr) -> Expr:
        found = self.names.get(node)
        return node.map_children(self) if found is None else found


def _compares(condition: Expr, left: tuple[Var, ...], right: tuple[Var, ...]) -> bool | None:
    """Whether a comparison leaves ties to the order of the operands; None if it is none that is known."""
    if isinstance(condition, (LT, LE, GT, GE)):
        return True if _pair(condition, left, right) is not None else None
    if isinstance(condition, Or) and isinstance(condition.b, And) and isinstance(condition.a, (LT, GT)):
        same, tie = condition.b.a, condition.b.b
        first = _pair(condition.a, left, right)
        if isinstance(same, EQ) and isinstance(tie, (LT, GT, LE, GE)) and first is not None:
            if _pair(same, left, right) == first and _pair(tie, left, right) not in (None, first):
                return len(left) > 2
    return None


def _pair(e: LT | LE | GT | GE | EQ, left: tuple[Var, ...], right: tuple[Var, ...]) -> int | None:
    """The number of the buffer whose two operands are compared."""
    for i, (x, y) in enumerate(zip(left, right, strict=True)):
        if {e.a, e.b} == {x, y}:
            return i
    return None
