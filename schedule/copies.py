"""Copy stages: blocks that copy a box of one buffer to another, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..tir.arith.analyzer import Analyzer
from ..tir.arith.regions import Box
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range, decl_buffer
from ..tir.expr import Expr, IntImm, Var, all_of, const
from ..tir.stmt import Block, BlockRealize, BufferStore, IterType, IterVar, Stmt
from .rewrite import make_nest
from .scopes import suffixed


class Stage(NamedTuple):
    """A copy: its block, and the statement that runs it."""

    block: Block
    nest: Stmt


class Cache(NamedTuple):
    """A buffer that stands in for a box of another.

    Attributes
    ----------
    lows: where in the original the buffer's first element lies; zeros where the cache has the original's shape.
    """

    buffer: Buffer
    original: Buffer
    lows: tuple[Expr, ...]

    @property
    def moved(self) -> bool:
        """Whether elements have other indices than in the original, or their neighbours lie elsewhere."""
        at_zero = all(isinstance(low, IntImm) and low.value == 0 for low in self.lows)
        same = all(a is b for a, b in zip(self.buffer.shape, self.original.shape, strict=True))
        return not (at_zero and same)


def lows_and_extents(an: Analyzer, box: Box) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """A bounded box as first elements and numbers of elements."""
    lows, extents = [], []
    for part in box:
        assert part.min_value is not None
        assert part.max_value is not None
        lows.append(part.min_value)
        extents.append(an.simplify(part.max_value + 1 - part.min_value))
    return tuple(lows), tuple(extents)


def cache_of(original: Buffer, scope: str, an: Analyzer, box: Box | None) -> Cache:
    """A new buffer in `scope` for a box of another; None for one of the same shape."""
    shape: tuple[Expr, ...] = original.shape
    lows: tuple[Expr, ...] = tuple(const(0, e.dtype) for e in shape)
    if box is not None:
        lows, shape = lows_and_extents(an, box)
    buffer = decl_buffer(shape, original.dtype, suffixed(original.name, scope), scope=scope)
    return Cache(buffer, original, lows)


def copy_stage(an: Analyzer, cache: Cache, box: Box, name: str, *, into: bool, given: Sequence[Expr] = ()) -> Stage:
    """The copy of `box` of a cache's original into the cache, or (`into` false) back, made where `given` holds.

    The loops are `ax0`, `ax1`, ...; where the box may leave the buffer a predicate keeps the copies inside.
    `given` speaks of what is around the copy.
    """
    lows, extents = lows_and_extents(an, box)
    loops: list[tuple[Var, Expr]] = []
    values: list[Expr] = []
    iter_vars: list[IterVar] = []
    guards = list(given)
    for k, (low, extent) in enumerate(zip(lows, extents, strict=True)):
        start, size = cache.lows[k], cache.buffer.shape[k]
        dtype = extent.dtype
        loop = Var(f"ax{k}", dtype)
        first = an.simplify(low - start)
        loops.append((loop, extent))
        values.append(first + loop)
        iter_vars.append(IterVar(Range(const(0, dtype), size), Var(f"v{k}", dtype), IterType.SPATIAL))
        with an.constraint(all_of(*given)):
            starts, ends = an.prove(first >= 0), an.prove(first + extent <= size)
        if not starts:
            guards.append(an.simplify(values[-1] >= 0))
        if not ends:
            guards.append(an.simplify(values[-1] < size))
    inside = tuple(iv.var for iv in iter_vars)
    outside = tuple(low + v for low, v in zip(cache.lows, inside, strict=True))
    source, target = (cache.original, cache.buffer) if into else (cache.buffer, cache.original)
    at, to = (outside, inside) if into else (inside, outside)
    block = Block(
        tuple(iter_vars),
        (BufferRegion(source, tuple(map(Range.point, at))),),
        (BufferRegion(target, tuple(map(Range.point, to))),),
        name,
        BufferStore(target, BufferLoad(source, at), to),
    )
    return Stage(block, make_nest(loops, BlockRealize(tuple(values), all_of(*guards), block)))
