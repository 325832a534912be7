"""What blocks touch of a buffer in one iteration of a loop, or in a whole run of the block around: boxes, and gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..tir.arith.analyzer import Analyzer
from ..tir.arith.interval import IntervalSet, eval_set
from ..tir.arith.regions import Box, box_contains, eval_box, relax_region, union_box
from ..tir.arith.stmt import conjuncts
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ..tir.expr import TRUE, Expr, IntImm, Var, all_of, const
from ..tir.op import maximum, minimum
from ..tir.stmt import Block, IfThenElse, IterType, IterVar
from ..tir.visit import free_vars, substitute, walk
from .edit import wrappers
from .errors import require
from .filling import gapless, surely_writes
from .rewrite import bind_loops
from .scopes import shared_across
from .sref import BlockSRef, LoopSRef, SRef
from .state import State


class Footprints:
    """The boxes that blocks touch below `boundary`: a loop, of which one iteration is meant, or the block around.

    Attributes
    ----------
    an: knows the loops from the blocks up to the function.
    """

    def __init__(self, s: State, boundary: SRef) -> None:
        self.s = s
        self.boundary = boundary
        self.an = bind_loops(Analyzer(), boundary, own=True)
        self.known: dict[SRef, dict[Var, Range]] = {}
        self.moved: dict[tuple[SRef, BufferRegion], BufferRegion] = {}

    def loops(self, block: SRef) -> dict[Var, Range]:
        """The loops between the boundary and a block, outermost first."""
        found = self.known.get(block)
        if found is None:
            for stmt in wrappers(self.boundary, block):
                require(
                    isinstance(stmt, IfThenElse),
                    "{0} stands inside {1}, so what it touches is not known",
                    block,
                    stmt,
                    hint="only loops and branches may lie between the blocks concerned",
                )
            inner = block.loops()
            if self.boundary in inner:
                inner = inner[inner.index(self.boundary) + 1 :]
            found = self.known[block] = {above.stmt.loop_var: above.stmt.range for above in inner}
            for var, range_ in found.items():
                self.an.bind(var, range_, allow_override=True)
        return found

    def sharing(self, scope: str) -> dict[Var, Range]:
        """The loops from the boundary up whose iterations are threads that share memory of `scope`."""
        above = [ref.stmt for ref in (self.boundary, *self.boundary.ancestors()) if isinstance(ref, LoopSRef)]
        return {loop.loop_var: loop.range for loop in reversed(above) if shared_across(scope, loop)}

    def bound(self, block: BlockSRef, region: BufferRegion) -> BufferRegion:
        """A region that a block declares, in terms of its loops."""
        found = self.moved.get((block, region))
        if found is None:
            found = self.moved[block, region] = substitute(region, bindings(self.s, block))
        return found

    def box(self, block: BlockSRef, region: BufferRegion, *, together: bool = False) -> Box:
        """What a block touches by one of its declared regions.

        Parameters
        ----------
        together: by one thread and all that share the buffer's memory with it. What these others write need not be
            there before the loop that runs them ends, so this is of use for what is still to be made for them all.
        """
        domains = {**(self.sharing(region.buffer.scope) if together else {}), **self.loops(block)}
        return eval_box(self.an, self.bound(block, region).region, domains)

    def box_of(self, region: BufferRegion) -> Box:
        """A region in terms of what is around the boundary, as a box."""
        return eval_box(self.an, region.region, {})

    def union(
        self, block: BlockSRef, regions: Iterable[BufferRegion], buffer: Buffer, *, together: bool = False
    ) -> Box | None:
        """What a block touches of a buffer by its declared regions, see `box`; None where it does not."""
        out: Box | None = None
        for region in regions:
            if region.buffer is buffer:
                box = self.box(block, region, together=together)
                out = box if out is None else union_box(self.an, out, box)
        return out

    def clipped(self, box: Box, buffer: Buffer) -> Box:
        """A box without what is surely outside of the buffer, as far as constants tell."""
        return tuple(self._clip(part, extent) for part, extent in zip(box, buffer.shape, strict=True))

    def _clip(self, part: IntervalSet, extent: Expr) -> IntervalSet:
        first, last = const(0, extent.dtype), self.an.simplify(extent - 1)
        if part.min_value is None or part.max_value is None:
            return IntervalSet(first, last)
        return IntervalSet(
            self._cut(part.min_value, first, part.min_value >= first, part.min_value <= first, maximum),
            self._cut(part.max_value, last, part.max_value <= last, part.max_value >= last, minimum),
        )

    def _cut(self, value: Expr, limit: Expr, within: Expr, beyond: Expr, choose: Callable[[Expr, Expr], Expr]) -> Expr:
        """A bound, or the limit where it is beyond that."""
        if isinstance(within, IntImm):
            return value if within.value else limit
        if self.an.prove(within):
            return value
        if self.an.prove(beyond):
            return limit
        chosen = self.an.simplify(choose(value, limit))
        return chosen if isinstance(chosen, IntImm) else value

    def inside(self, box: Box, buffer: Buffer) -> bool:
        """Whether a box is shown to lie inside the buffer."""
        return box_contains(self.an, self.box_of(buffer.full_region()), box)

    def contains(self, outer: Box, inner: Box) -> bool:
        """Whether a box is shown to hold another."""
        return box_contains(self.an, outer, inner)

    def settled(self, block: BlockSRef, scope: str = "") -> tuple[Expr, ...]:
        """The conditions of a block's predicate that no loop below the boundary, nor a thread sharing memory, turns."""
        predicate = self.s.realize(block).predicate
        turning = {**self.sharing(scope), **self.loops(block)}.keys()
        return tuple(c for c in conjuncts(predicate) if c is not TRUE and not turning & free_vars(c).keys())

    def fills(self, block: BlockSRef, region: BufferRegion, given: Expr = TRUE, *, anew: bool = True) -> bool:
        """Whether a block is shown to write every element of the box of one of its write regions inside the buffer.

        Parameters
        ----------
        given: what holds of the loops around the boundary.
        anew: a reduction has to start each of them, too.
        """
        return surely_writes(block.stmt, region) and self.covers(block, region, given, anew=anew)

    def covers(self, block: BlockSRef, region: BufferRegion, given: Expr = TRUE, *, anew: bool = False) -> bool:
        """Whether the instances of a block are shown to leave no gaps in the box of one of its regions, inside the
        buffer; the parameters are those of `fills`.

        An instance must run if any part of its region is inside.
        """
        moved = self.bound(block, region)
        lows, extents = [r.min for r in moved.region], [r.extent for r in moved.region]

        def inside() -> Expr:
            bounds = zip(lows, extents, region.buffer.shape, strict=True)
            return all_of(*(c for low, n, whole in bounds for c in (low + n > 0, low < whole)), given)

        return self._sweeps(block, lows, extents, inside, anew=anew)

    def runs_for_all(self, block: BlockSRef, iter_vars: Iterable[IterVar], given: Expr) -> bool:
        """Whether a block is shown to run for all values of some of its iterators in the box that these sweep, inside
        their domains, where `given` holds of the loops around the boundary."""
        values = bindings(self.s, block)
        axes = [(values[iv.var], iv.dom) for iv in iter_vars]
        lows = [value for value, _ in axes]

        def inside() -> Expr:
            return all_of(*(c for value, dom in axes for c in (value >= dom.min, value < dom.end)), given)

        return self._sweeps(block, lows, [const(1, low.dtype) for low in lows], inside, anew=False)

    def _sweeps(
        self, block: BlockSRef, lows: Sequence[Expr], extents: Sequence[Expr], inside: Callable[[], Expr], *, anew: bool
    ) -> bool:
        if wrappers(self.boundary, block):
            return False
        domains = self.loops(block)
        if not gapless(self.an, lows, extents, domains):
            return False
        first = self._first(block, lows, extents)
        if anew and block.stmt.init is not None and not self._starts(block, lows, extents, first):
            return False
        predicate = self.s.realize(block).predicate
        if predicate is TRUE:
            return True
        with self.an.constraint(inside()):
            return self.an.prove(substitute(predicate, first))

    def begins(self, block: BlockSRef, iter_vars: Iterable[IterVar]) -> bool:
        """Whether a reduction is shown to begin, for all values of some iterators that it runs for, with the first
        values of its axes, below the boundary."""
        values = bindings(self.s, block)
        lows = [values[iv.var] for iv in iter_vars]
        ones = [const(1, low.dtype) for low in lows]
        return block.stmt.init is None or self._starts(block, lows, ones, self._first(block, lows, ones))

    def _first(self, block: BlockSRef, lows: Sequence[Expr], extents: Sequence[Expr]) -> dict[Var, Expr]:
        """The first values of the loops that indices do not depend on, such as those of a reduction; these need to run
        but once."""
        used = {v for e in (*lows, *extents) for v in free_vars(e)}
        return {v: r.min for v, r in self.loops(block).items() if v not in used}

    def _starts(
        self, block: BlockSRef, lows: Sequence[Expr], extents: Sequence[Expr], first: Mapping[Var, Expr]
    ) -> bool:
        """Whether a reduction begins, at each index that it stores at, with the first values of its axes."""
        values = bindings(self.s, block)
        reduced = [(values[iv.var], iv.dom.min) for iv in block.stmt.iter_vars if iv.iter_type is not IterType.SPATIAL]
        mixed = [(v, start) for v, start in reduced if not self.an.prove(substitute(v, first) <= start)]
        if not mixed:
            return True
        # Driven by loops that the indices depend on, too: each index is to occur with each value.
        domains = self.loops(block)
        lowest = (eval_set(self.an, v, domains).min_value for v, _ in mixed)
        ones = [IntImm(v.dtype, 1) for v, _ in mixed]
        return all(
            low is not None and self.an.prove(low <= start) for low, (_, start) in zip(lowest, mixed, strict=True)
        ) and gapless(self.an, [*lows, *(v for v, _ in mixed)], [*extents, *ones], domains)


def relaxed(s: State, an: Analyzer, block: BlockSRef, region: BufferRegion, loop: LoopSRef) -> BufferRegion:
    """What `block` touches by `region` in one iteration of `loop`, in terms of the loops from there up."""
    loops = block.loops()
    inner = {ref.stmt.loop_var: ref.stmt.range for ref in loops[loops.index(loop) + 1 :]}
    return relax_region(an, substitute(region, bindings(s, block)), inner)


def bindings(s: State, block: BlockSRef) -> dict[Var, Expr]:
    """The values of a block's iterators in terms of its loops."""
    return {iv.var: value for iv, value in zip(block.stmt.iter_vars, s.realize(block).iter_values, strict=True)}


def loads(block: Block, buffer: Buffer) -> list[BufferLoad]:
    """The different loads from `buffer` in a block, in order."""
    found = {n: None for n in walk(block) if isinstance(n, BufferLoad) and n.buffer is buffer}
    return list(found)
