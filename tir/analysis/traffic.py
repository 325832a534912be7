"""What a statement touches of buffers, by loop level: elements, strides, and how far apart uses of the same are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from operator import add
from typing import Any

from ..arith import Analyzer
from ..arith.linear import Linear, Monomial, factors
from ..arith.rewrite import HasEffect
from ..buffer import Buffer, Range
from ..expr import Expr, FloorDiv, FloorMod, IntImm, Ramp, Var, as_expr
from ..visit import free_vars


class Access(StrEnum):
    """How a statement uses a buffer."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read and write"


@dataclass(frozen=True, eq=False)
class AccessCost:
    """What one statement does with one buffer, by loop level.

    Level d stands for one run of the loops from the d-th inwards, with those outside at rest; level `len(loops)` is a
    single run of the statement. Extents that are not constant count by their greatest known value.

    Attributes
    ----------
    elements: distinct elements touched, at each level; `bytes` are these times the element's size.
    stride: distance in elements, in row-major order, between turns of the innermost loop; 0 where it does not move.
    reuse_loop: the level of the innermost loop whose turns touch the same elements; None where there is none.
    reuse_distance: bytes that the whole statement touches between two uses, 0 where there is no reuse.
    reuse_count: turns of that loop.
    """

    buffer: Buffer
    access: Access
    elements: tuple[int, ...]
    stride: int
    reuse_loop: int | None
    reuse_distance: int
    reuse_count: int

    @property
    def bytes(self) -> tuple[int, ...]:
        """Distinct bytes touched, at each level."""
        return tuple(n * self.buffer.dtype.bytes for n in self.elements)


@dataclass(eq=False)
class _Index:
    """One index of an access.

    Attributes
    ----------
    form: the index; of a vector, that of its first lane.
    lanes: elements from the first lane to the last.
    steps: what one turn of each variable adds, where the index is a sum of multiples of variables.
    others: terms that are more than that, with their variables.
    """

    form: Linear
    lanes: int
    steps: dict[Var, int] = field(default_factory=dict)
    others: list[tuple[Monomial, int, set[Var]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for key, coef in self.form.terms.items():
            if type(key) is Var:
                self.steps[key] = coef
            else:
                self.others.append((key, coef, {v for atom in factors(key) for v in free_vars(atom)}))

    def mentions(self, var: Var) -> bool:
        """Whether the index depends on a variable."""
        return var in self.steps or any(var in variables for _, _, variables in self.others)

    @property
    def key(self) -> tuple[frozenset[tuple[Monomial, int]], int]:
        """Uses that differ by a constant touch elements of one box, a little larger."""
        return frozenset(self.form.terms.items()), self.lanes


Use = tuple[_Index, ...]


class Traffic:
    """Counts for the statements of one program; extents that are not constant count by their greatest known value."""

    def __init__(self, sizes: Mapping[Var, int]) -> None:
        self.an = Analyzer(sizes)
        self.extents: dict[Var, int] = {}
        self.shapes: dict[Buffer, tuple[int, ...]] = {}
        self.indices: dict[Expr, _Index] = {}

    def enter(self, var: Var, low: Expr, extent: Expr) -> None:
        """A loop begins."""
        self.extents[var] = max(self.most(extent), 0)
        self.an.bind(var, Range(low, extent), allow_override=True)
        self.indices.clear()

    def most(self, e: Expr) -> int:
        """The greatest value of an extent."""
        return e.value if type(e) is IntImm else self.an.const_int_bound(e).max_value

    def shape(self, buffer: Buffer) -> tuple[int, ...]:
        """The extents of a buffer."""
        found = self.shapes.get(buffer)
        if found is None:
            found = self.shapes[buffer] = tuple(max(self.most(e), 1) for e in buffer.shape)
        return found

    def index(self, e: Expr) -> _Index:
        """An index read; a vector index as its base and the span of its lanes."""
        found = self.indices.get(e)
        if found is None:
            lanes, base = 1, e
            if isinstance(e, Ramp) and isinstance(e.stride, IntImm):
                lanes, base = 1 + (e.lanes - 1) * abs(e.stride.value), e.base
            elif e.dtype.lanes > 1:
                lanes, base = e.dtype.lanes, as_expr(0)
            try:
                form = self.an.normal(base)
            except HasEffect:
                form = Linear({base: 1})
            found = self.indices[e] = _Index(form, lanes)
        return found

    def accesses(
        self, found: Mapping[Buffer, Sequence[tuple[Access, tuple[Expr, ...]]]], loops: Sequence[Var]
    ) -> tuple[AccessCost, ...]:
        """What one statement under `loops` does with each buffer."""
        uses = {b: [tuple(map(self.index, indices)) for _, indices in each] for b, each in found.items()}
        levels = {b: self.elements(b, each, loops) for b, each in uses.items()}
        sizes = [sum(e[d] * b.dtype.bytes for b, e in levels.items()) for d in range(len(loops) + 1)]
        out = []
        for buffer, each in uses.items():
            kinds = {kind for kind, _ in found[buffer]}
            level = self.reuse_level(each, loops)
            out.append(
                AccessCost(
                    buffer,
                    kinds.pop() if len(kinds) == 1 else Access.READ_WRITE,
                    levels[buffer],
                    self.stride(buffer, each[-1], loops[-1]) if loops else 0,
                    level,
                    0 if level is None else sizes[level + 1],
                    1 if level is None else self.extents[loops[level]],
                )
            )
        return tuple(out)

    def elements(self, buffer: Buffer, uses: Sequence[Use], loops: Sequence[Var]) -> tuple[int, ...]:
        """Distinct elements touched, at each level: a box for each use, cut to the shape, and no more than all."""
        shape = self.shape(buffer)
        whole = prod(shape)
        totals = [0] * (len(loops) + 1)
        groups: dict[Any, dict[tuple[int, ...], Use]] = {}
        for use in uses:
            starts = tuple(index.form.const for index in use)
            groups.setdefault(tuple(index.key for index in use), {})[starts] = use
        for group in groups.values():
            spreads = [max(column) - min(column) for column in zip(*group)]
            (use, *others) = group.values()
            for level, count in enumerate(self.sweep(use, 1 + len(others), spreads, shape, loops)):
                totals[level] += count
        return tuple(min(total, whole) for total in totals)

    def sweep(
        self, use: Use, number: int, spreads: Sequence[int], shape: Sequence[int], loops: Sequence[Var]
    ) -> list[int]:
        """Distinct elements of so many uses like this one at each level, outermost first, at most.

        Parameters
        ----------
        spreads: how far apart the uses are along each dimension.
        """
        reach = [index.lanes for index in use]
        runs = prod(reach)

        def count() -> int:
            one = min(prod(map(min, reach, shape)), runs)
            return one if number == 1 else min(prod(map(min, map(add, reach, spreads), shape)), number * one)

        varied: set[Var] = set()
        out = [count()]
        for var in reversed(loops):
            extent = self.extents[var]
            varied.add(var)
            moving = [d for d, index in enumerate(use) if index.mentions(var)]
            if moving and extent != 1:
                runs *= extent
                for d in moving:
                    reach[d] = self.reach_of(use[d], varied) + use[d].lanes
                out.append(count())
            else:
                out.append(out[-1])
        return out[::-1]

    def reach_of(self, index: _Index, varied: set[Var]) -> int:
        """Difference between the greatest and the least value of an index while variables run, at most."""
        reach = sum(abs(step) * max(self.extents[v] - 1, 0) for v, step in index.steps.items() if v in varied)
        for key, coef, variables in index.others:
            if variables & varied:
                reach += abs(coef) * prod(self.reach(atom, varied) for atom in factors(key))
        return reach

    def reach(self, atom: Expr, varied: set[Var]) -> int:
        """`reach_of` of an atom; within a product, of one that does not vary its greatest magnitude."""
        low, high = self.an.const_int_bound(atom)
        if isinstance(atom, Var):
            return max(self.extents[atom] - 1, 0) if atom in varied else max(abs(low), abs(high))
        if isinstance(atom, (FloorDiv, FloorMod)) and isinstance(atom.b, IntImm) and atom.b.value > 0:
            divisor = atom.b.value
            inner = self.reach_of(_Index(self.an.normal(atom.a), 1), varied)
            return min(inner, divisor - 1) if isinstance(atom, FloorMod) else min(-(-inner // divisor), high - low)
        return high - low

    def reuse_level(self, uses: Sequence[Use], loops: Sequence[Var]) -> int | None:
        """The innermost loop that turns and moves no index."""
        for level in reversed(range(len(loops))):
            if self.extents[loops[level]] > 1 and not any(i.mentions(loops[level]) for use in uses for i in use):
                return level
        return None

    def stride(self, buffer: Buffer, use: Use, var: Var) -> int:
        """Elements between turns of `var` in row-major order (or by the buffer's strides)."""
        place, total = 1, 0
        shape = self.shape(buffer)
        for d in reversed(range(buffer.ndim)):
            weight = place
            if buffer.strides:
                stride = buffer.strides[d]
                weight = stride.value if isinstance(stride, IntImm) else place
            step = use[d].steps.get(var, 0)
            if not step and use[d].mentions(var):
                step = 1
            total += step * weight
            place *= shape[d]
        return abs(total)
