"""The stores of a scheduled program with the loops around them and what they touch at every loop level, found fast.

Like `tir/analysis/cost`, whose figures are exact where these are estimates, at a tenth of the time: a search looks at
thousands of programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ..tir.buffer import Buffer, BufferLoad
from ..tir.expr import (
    Add,
    BinaryOp,
    Call,
    Cast,
    CmpOp,
    Div,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Select,
    Sub,
    Var,
)
from ..tir.function import PrimFunc
from ..tir.stmt import (
    BlockRealize,
    BufferStore,
    For,
    IfThenElse,
    IterType,
    LetStmt,
    Stmt,
    While,
)
from .linear_forms import Form, compose, form_of, greatest

ASSUMED = 16
"""The extent of a loop or buffer that is not seen to be constant."""

OPS = ("add", "mul", "div", "minmax", "compare", "call", "integer", "cast", "load")
"""What operations of a stored value are counted as."""


@dataclass(slots=True)
class Touch:
    """What a store does with one buffer.

    Attributes
    ----------
    elements: distinct elements touched by one run of the loops from each level inwards.
    strides: elements between turns of each loop, in row-major order; 0 where the loop does not move it.
    uses: loads and stores of it in one run. anywhere: whether data decide which elements.
    """

    buffer: Buffer
    element_bytes: int
    written: bool
    read: bool
    elements: list[float]
    strides: list[float]
    uses: int
    anywhere: bool


@dataclass(slots=True)
class StoreNest:
    """A store with what is around it.

    Attributes
    ----------
    loops: outermost first, without those of one turn; `extents` are theirs.
    reducing: for each loop, whether the stored element stays the same while it turns.
    ops: operations of one run, by `OPS`. lanes: of the stored value.
    hints: integer annotations of the blocks and loops around, by name.
    guards: conditions and predicates around.
    """

    store: BufferStore
    loops: list[For]
    extents: list[int]
    reducing: list[bool]
    touches: list[Touch]
    ops: tuple[int, ...]
    hints: dict[str, int]
    guards: int
    init: bool

    @property
    def runs(self) -> int:
        """How often the store runs."""
        return prod(self.extents)


def nests(function: PrimFunc) -> list[StoreNest]:
    """The stores of a program in program order."""
    walk = _Walk()
    walk.visit(function.body)
    return walk.found


class _Walk:
    def __init__(self) -> None:
        self.found: list[StoreNest] = []
        self.values: dict[Var, Form] = {}
        self.loops: list[For] = []
        self.hints: dict[str, int] = {}
        self.guards = 0

    def visit(self, stmt: Stmt) -> None:
        kind = type(stmt)
        if kind is For:
            self._loop(stmt)  # type: ignore[arg-type]
        elif kind is BlockRealize:
            self._block(stmt)  # type: ignore[arg-type]
        elif kind is BufferStore:
            self.found.append(self._nest(stmt, self.loops, False))  # type: ignore[arg-type]
        elif kind is LetStmt:
            self.values[stmt.var] = compose(form_of(stmt.value), self.values)  # type: ignore[attr-defined]
            self.visit(stmt.body)  # type: ignore[attr-defined]
        else:
            guarded = isinstance(stmt, (IfThenElse, While))
            self.guards += guarded
            for child in stmt.children():
                if isinstance(child, Stmt):
                    self.visit(child)
            self.guards -= guarded

    def _loop(self, loop: For) -> None:
        """A loop of one turn is none: what its variable stands for does not move."""
        if isinstance(loop.extent, IntImm) and loop.extent.value == 1 and loop.thread_binding is None:
            self.values[loop.loop_var] = ()
            self._within(loop.annotations, loop.body)
            return
        self.loops.append(loop)
        self._within(loop.annotations, loop.body)
        self.loops.pop()

    def _within(self, annotations: Mapping[str, Any], body: Stmt) -> None:
        found = {k: int(v.value if isinstance(v, IntImm) else v) for k, v in annotations.items() if _is_integer(v)}
        outer = self.hints
        if found:
            self.hints = {**outer, **found}
        self.visit(body)
        self.hints = outer

    def _block(self, realize: BlockRealize) -> None:
        block = realize.block
        reducing: set[Any] = set()
        for iv, value in zip(block.iter_vars, realize.iter_values):
            form = self.values[iv.var] = compose(form_of(value), self.values)
            if iv.iter_type is not IterType.SPATIAL:
                reducing.update(v for v, _, _ in form)
        for match in block.match_buffers:
            self._match(match.buffer)
        guarded = not (isinstance(realize.predicate, IntImm) and realize.predicate.value)
        self.guards += guarded
        if block.init is not None:
            outer = self.loops
            self.loops = [loop for loop in outer if loop.loop_var not in reducing]
            first = len(self.found)
            self._within(block.annotations, block.init)
            self.loops = outer
            for nest in self.found[first:]:
                nest.init = True
        self._within(block.annotations, block.body)
        self.guards -= guarded

    def _match(self, buffer: Buffer) -> None:
        """The offset and strides of a view do not move within it."""
        for e in buffer.layout():
            if isinstance(e, Var):
                self.values.setdefault(e, ())

    def _nest(self, store: BufferStore, loops: Sequence[For], init: bool) -> StoreNest:
        extents = [max(greatest(loop.extent) or ASSUMED, 1) for loop in loops]
        places = {loop.loop_var: n for n, loop in enumerate(loops)}
        ops, loads = facts_of(store.value)
        uses: dict[Buffer, tuple[list[tuple[Expr, ...]], bool, bool]] = {}
        for load in loads:
            uses.setdefault(load.buffer, ([], False, True))[0].append(load.indices)
        mine = uses.get(store.buffer)
        uses[store.buffer] = ([*(mine[0] if mine else []), store.indices], True, mine is not None)
        touches = [
            self._touch(buffer, indices, written, read, places, extents)
            for buffer, (indices, written, read) in uses.items()
        ]
        target = next(t for t in touches if t.written)
        reducing = [s == 0 and n > 1 for s, n in zip(target.strides, extents)]
        return StoreNest(store, list(loops), extents, reducing, touches, ops, self.hints, self.guards, init)

    def _touch(
        self,
        buffer: Buffer,
        uses: Sequence[tuple[Expr, ...]],
        written: bool,
        read: bool,
        places: Mapping[Any, int],
        extents: Sequence[int],
    ) -> Touch:
        shape = [max(greatest(e) or ASSUMED, 1) for e in buffer.shape]
        levels = len(extents) + 1
        total = [0.0] * levels
        strides = [0.0] * len(extents)
        anywhere = False
        for forms in {tuple(compose(form_of(i), self.values) for i in indices) for indices in uses}:
            counts = [1.0] * levels
            place = 1.0
            for form, extent in zip(reversed(forms), reversed(shape)):
                reach = [0.0] * levels
                for var, coef, cap in form:
                    at = places.get(var)
                    if at is None:
                        if var is None:
                            anywhere = True
                            reach[-1] = extent
                        continue
                    moved = min(abs(coef) * (extents[at] - 1), cap)
                    if moved < 1:
                        continue  # a quotient, of which tiles start at multiples of the divisor: it stays the same
                    strides[at] += coef * place
                    reach[at] += moved
                span = 1.0
                for level in range(levels - 1, -1, -1):
                    span += reach[level]
                    counts[level] *= min(span, extent)
                place *= extent
            total = [a + b for a, b in zip(total, counts)]
        whole = float(prod(shape))
        elements = [min(n, whole) for n in total]
        size = buffer.dtype.bytes * buffer.dtype.lanes
        return Touch(buffer, size, written, read, elements, [abs(s) for s in strides], len(uses), anywhere)


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, IntImm)) and not isinstance(value, bool)


_REMEMBERED = 1 << 14
_facts: dict[Expr, tuple[tuple[int, ...], tuple[BufferLoad, ...]]] = {}
_KIND: dict[type[Expr], str] = {
    Add: "add",
    Sub: "add",
    Mul: "mul",
    Div: "div",
    Mod: "div",
    Min: "minmax",
    Max: "minmax",
}
_KIND |= {FloorDiv: "div", FloorMod: "div", Select: "compare", Not: "compare", Call: "call", Cast: "cast"}


def facts_of(value: Expr) -> tuple[tuple[int, ...], tuple[BufferLoad, ...]]:
    """The operations of a value, by `OPS` (a vector counts its lanes), and its loads, those in indices included."""
    found = _facts.get(value)
    if found is None:
        if len(_facts) > _REMEMBERED:
            _facts.clear()
        counted = dict.fromkeys(OPS, 0)
        loads: list[BufferLoad] = []
        for e, index in _below(value):
            lanes = max(e.dtype.lanes, 1)
            if isinstance(e, BufferLoad):
                counted["load"] += lanes
                loads.append(e)
            elif index:
                continue
            elif isinstance(e, CmpOp):
                counted["compare"] += lanes
            elif isinstance(e, (BinaryOp, Select, Not, Call, Cast)):
                kind = "compare" if _is_branch(e) else _KIND.get(type(e), "compare")
                integer = kind in ("add", "mul", "minmax") and not e.dtype.is_float
                counted["integer" if integer else kind] += lanes
        found = _facts[value] = tuple(counted[name] for name in OPS), tuple(loads)
    return found


def _is_branch(e: Expr) -> bool:
    return isinstance(e, Call) and getattr(e.op, "name", "") in ("if_then_else", "likely")


def _below(value: Expr) -> Iterator[tuple[Expr, bool]]:
    """Every expression below with whether it is part of an index."""
    stack: list[tuple[Expr, bool]] = [(value, False)]
    while stack:
        e, index = stack.pop()
        yield e, index
        if isinstance(e, Let):
            stack.append((e.value, index))
        inside = index or isinstance(e, BufferLoad)
        stack.extend((child, inside) for child in e.children() if isinstance(child, Expr))
