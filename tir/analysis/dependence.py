"""Dependences: which blocks of a scope must keep their order, and which loops carry values from one turn to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from ..arith import Analyzer, IterMapLevel, detect_iter_map
from ..arith.injective import tells_apart
from ..arith.region_bounds import estimate_region_strict_bound
from ..arith.regions import box_contains, box_of, disjoint, eval_box, relax_region
from ..arith.stmt import conjuncts
from ..buffer import Buffer, BufferRegion, Range
from ..expr import Expr, IntImm, Not, Var, all_of, const
from ..stmt import For
from ..visit import free_vars, substitute
from .scope import Child, Scope
from .tiles import in_different_tiles
from .witness import Witness, find_witness


class DepKind(StrEnum):
    """What a later access does to what an earlier one did: read after write, and so on."""

    RAW = "read after write"
    WAW = "write after write"
    WAR = "write after read"


@dataclass(frozen=True, eq=False)
class Dependence:
    """`dst` comes after `src` in the program and touches `buffer` where `src` may have."""

    kind: DepKind
    src: Child
    dst: Child
    buffer: Buffer


def dependences(scope: Scope, *, exact: bool = False) -> tuple[Dependence, ...]:
    """The dependences between the blocks of a scope, in program order of the later block.

    Parameters
    ----------
    exact: leave out pairs whose regions, over all loops of the scope, have nothing in common.
    """
    writers: dict[Buffer, list[Child]] = {}
    readers: dict[Buffer, list[Child]] = {}
    found: list[Dependence] = []
    an = scope.analyzer() if exact else None
    for dst in scope:
        reads = dict.fromkeys(r.buffer for r in dst.block.reads)
        writes = dict.fromkeys(r.buffer for r in dst.block.writes)
        for kind, buffers, before in (
            (DepKind.RAW, reads, writers),
            (DepKind.WAW, writes, writers),
            (DepKind.WAR, writes, readers),
        ):
            for buffer in buffers:
                for src in before.get(buffer, ()):
                    if src is not dst and (an is None or _may_meet(an, kind, src, dst, buffer)):
                        found.append(Dependence(kind, src, dst, buffer))
        for buffers, table in ((reads, readers), (writes, writers)):
            for buffer in buffers:
                table.setdefault(buffer, []).append(dst)
    return tuple(found)


def _may_meet(an: Analyzer, kind: DepKind, src: Child, dst: Child, buffer: Buffer) -> bool:
    first = src.block.reads if kind is DepKind.WAR else src.block.writes
    second = dst.block.reads if kind is DepKind.RAW else dst.block.writes
    for a in (r for r in first if r.buffer is buffer):
        for b in (r for r in second if r.buffer is buffer):
            x = relax_region(an, src.bound(a), src.below(None))
            y = relax_region(an, dst.bound(b), dst.below(None))
            if not disjoint(an, x.region, y.region):
                return True
    return False


def producers(scope: Scope, child: Child) -> tuple[Child, ...]:
    """The blocks that write what `child` reads, in program order."""
    found = {p: None for region in child.block.reads for p in scope.writers.get(region.buffer, ()) if p is not child}
    return tuple(sorted(found, key=lambda c: c.index))


def consumers(scope: Scope, child: Child) -> tuple[Child, ...]:
    """The blocks that read what `child` writes, in program order."""
    found = {c: None for region in child.block.writes for c in scope.readers.get(region.buffer, ()) if c is not child}
    return tuple(sorted(found, key=lambda c: c.index))


@dataclass(frozen=True, eq=False)
class Carried:
    """Two turns of `loop` may touch the same elements of `buffer`: `a` of `src` in one and `b` of `dst` in another."""

    loop: For
    kind: DepKind
    src: Child
    dst: Child
    a: BufferRegion
    b: BufferRegion

    @property
    def buffer(self) -> Buffer:
        """The buffer that both touch."""
        return self.a.buffer

    @cached_property
    def witness(self) -> Witness | None:
        """A pair of turns that do, with an element; None where none is found, so that it is only possible.

        It is looked for when it is asked for: a search drops most refusals unread.
        """
        return find_witness(self.loop, self.src, self.dst, self.a, self.b)

    def __str__(self) -> str:
        from ..render import describe

        names = [describe(x) for x in (self.loop, self.src.block, self.dst.block, self.buffer)]
        verbs = {DepKind.RAW: ("writes", "reads"), DepKind.WAW: ("writes", "writes"), DepKind.WAR: ("reads", "writes")}
        first, second = verbs[self.kind]
        if self.witness is None:
            return f"turns of {names[0]} may meet: {names[1]} {first} and {names[2]} {second} {names[3]}"
        a, b, element = self.witness
        at = ", ".join(map(str, element))
        var = self.loop.loop_var.name
        return (
            f"turns of {names[0]} meet: {names[1]} {first} {self.buffer.name}[{at}] at {var} = {a} "
            f"and {names[2]} {second} it at {var} = {b}"
        )


def carried_dependence(
    scope: Scope,
    loop: For,
    around: Mapping[Var, Range] | None = None,
    *,
    reductions: bool = True,
    apart: Callable[[Child, Child, BufferRegion, BufferRegion], bool] | None = None,
) -> Carried | None:
    """A dependence between turns of `loop`, or None where it is shown that there is none.

    Parameters
    ----------
    around: ranges of the loops around the scope's block.
    reductions: count the updates of a reduction as dependences; they may be done in any order, but not at once.
    apart: asked first: whether the caller knows that `a` of one block in one turn and `b` of another in another turn
        do not meet, or need not, as where each turn has its own copy of the buffer.
    """
    children = scope.by_loop.get(loop, ())
    extent = loop.extent
    if isinstance(extent, IntImm) and extent.value <= 1:
        return None
    question: _Question | None = None
    for kind, src, dst, a, b in _pairs(children, reductions):
        x, below = src.bound(a).region, src.below(loop)
        y, other = (x, below) if src is dst and a is b else (dst.bound(b).region, dst.below(loop))
        if in_different_tiles(loop.loop_var, x, below, y, other):
            continue
        if apart is not None and apart(src, dst, a, b):
            continue
        question = question or _Question(scope, loop, around)
        if not question.apart(src, dst, a, b):
            return Carried(loop, kind, src, dst, a, b)
    return None


Pair = tuple[DepKind, Child, Child, BufferRegion, BufferRegion]


def _pairs(children: Sequence[Child], reductions: bool) -> Iterator[Pair]:
    """The pairs of accesses of one buffer of which one writes."""
    writes: dict[Buffer, list[tuple[Child, BufferRegion]]] = {}
    for child in children:
        for region in child.block.writes:
            writes.setdefault(region.buffer, []).append((child, region))
    for buffer, written in writes.items():
        for i, (src, a) in enumerate(written):
            for dst, b in written[i:]:
                if src is dst and not reductions and src.block.init is not None:
                    continue
                yield DepKind.WAW, src, dst, a, b
        for dst in children:
            for b in dst.block.reads:
                if b.buffer is buffer:
                    yield from ((DepKind.RAW, src, dst, a, b) for src, a in written)


class _Question:
    """Whether two accesses in different turns of a loop are apart; the turns are `v` and `v + d`."""

    def __init__(self, scope: Scope, loop: For, around: Mapping[Var, Range] | None) -> None:
        self.loop = loop
        self.an = scope.analyzer(around)
        some = scope.by_loop[loop][0]
        for outer in some.loops[: some.loops.index(loop) + 1]:
            self.an.bind(outer.loop_var, outer.range, allow_override=True)
        dtype = loop.loop_var.dtype
        self.distance = Var("d", dtype)
        one = const(1, dtype)
        self.an.bind(self.distance, Range(one, loop.extent - one))

    def apart(self, src: Child, dst: Child, a: BufferRegion, b: BufferRegion) -> bool:
        """Whether `a` of one turn and `b` of another are shown to have nothing in common, whichever is first."""
        if self.one_to_one(src, dst, a, b):
            return True
        if self.ordered(src, dst, a, b) and ((src is dst and a is b) or self.ordered(dst, src, b, a)):
            return True
        return src is not dst and (self.in_tile(src, dst, a, b) or self.in_tile(dst, src, b, a))

    def in_tile(self, src: Child, dst: Child, a: BufferRegion, b: BufferRegion) -> bool:
        """Whether `a` goes over a box in each turn, no element of which it comes to in another, and `b` stays in it."""
        below = src.below(self.loop)
        tile = estimate_region_strict_bound(src.bound(a).region, below, src.realize.predicate, self.an)
        if tile is None:
            return False
        touched = eval_box(self.an, dst.bound(b).region, dst.below(self.loop))
        return box_contains(self.an, box_of(self.an, tile), touched) and self.one_to_one(src, src, a, a)

    def one_to_one(self, src: Child, dst: Child, a: BufferRegion, b: BufferRegion) -> bool:
        """Whether both are the same point of each turn, and another one in every other turn."""
        x, y = src.bound(a).region, dst.bound(b).region
        if not all(r.is_point and q.is_point and r.min is q.min for r, q in zip(x, y, strict=True)):
            return False
        indices = [r.min for r in x]
        used = {v for e in indices for v in free_vars(e)}
        loops = {v: r for v, r in src.below(self.loop).items() if v in used}
        loops[self.loop.loop_var] = self.loop.range
        # A loop further out that shares a digit with this one, as after fusing and splitting, has to be seen with it.
        same = src.realize.predicate is dst.realize.predicate
        predicates = list(conjuncts(src.realize.predicate)) if same else []
        around = {each.loop_var for each in src.loops}
        further = [outer for outer in src.loops[: src.loops.index(self.loop)] if outer.loop_var in used]
        for inner, domain in loops.items():
            self.an.bind(inner, domain, allow_override=True)
        if tells_apart(self.an, indices, loops):
            return True
        for outer in (None, *reversed(further)):
            if outer is not None:
                loops[outer.loop_var] = outer.range
            # Where both run under one predicate, the points left out do not count: as after splitting unevenly.
            known = [p for p in predicates if loops.keys() >= around & free_vars(p).keys()]
            for condition in dict.fromkeys((all_of(*known), *known)):
                if detect_iter_map(indices, loops, condition, IterMapLevel.BIJECTIVE, self.an):
                    return True
        return False

    def ordered(self, src: Child, dst: Child, a: BufferRegion, b: BufferRegion) -> bool:
        """Whether `a` at turn `v` and `b` at turn `v + d` are apart."""
        var = self.loop.loop_var
        later = var + self.distance
        if self.never_runs(dst, later):
            return True
        x = relax_region(self.an, src.bound(a), src.below(self.loop))
        moved: BufferRegion = substitute(dst.bound(b), {var: later})
        domains = {v: Range(_at(r.min, var, later), _at(r.extent, var, later)) for v, r in dst.below(self.loop).items()}
        y = relax_region(self.an, moved, domains)
        return disjoint(self.an, x.region, y.region)

    def never_runs(self, child: Child, later: Expr) -> bool:
        """Whether the predicate keeps `child` from running in a turn that is not the first, as where one is split."""
        conditions = [p for p in conjuncts(child.realize.predicate) if self.loop.loop_var in free_vars(p)]
        if conditions:
            for inner, domain in child.below(self.loop).items():
                self.an.bind(inner, domain, allow_override=True)
        return any(self.an.can_prove(Not(substitute(p, {self.loop.loop_var: later}))) for p in conditions)


def _at(e: Expr, var: Var, value: Expr) -> Expr:
    return substitute(e, {var: value})
