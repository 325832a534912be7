"""Primitives that draw from a design space: sample_categorical, sample_perfect_tile, sample_compute_location, ..."""

from __future__ import annotations

import math
from math import prod

from ...tir.errors import said
from ...tir.expr import IntImm
from ...tir.stmt import BufferStore, IterType
from ...tir.visit import free_vars
from ..edit import common
from ..errors import require
from ..primitive import Sampled, primitive
from ..sref import BlockSRef, LoopSRef, Mark
from ..state import State
from ..tiling import draw_tile

MOST_FACTORS = 64
"""How many factors a tile has at most; no nest is deeper."""


@primitive(pure=True)
def sample_categorical(
    s: State, *, candidates: list[int], probs: list[float], decision: int | None = None
) -> Sampled[int]:
    """Draw one of `candidates`, each with its probability.

    Parameters
    ----------
    candidates: integers.
    probs: a probability for each; they sum to 1.
    decision: the number of the candidate to take, from 0; None draws one.
    """
    require(len(candidates) > 0, "there is no candidate to draw")
    require(
        len(candidates) == len(probs),
        f"each candidate takes a probability: there are {len(candidates)} candidates and {len(probs)} probabilities",
    )
    require(
        all(p >= 0 for p in probs) and math.isclose(sum(probs), 1, abs_tol=1e-6),
        f"probabilities are at least 0 and sum to 1, got {probs!r}, which sum to {sum(probs):g}",
    )
    if decision is None:
        (decision,) = s.rng.choices(range(len(candidates)), probs)
    require(
        isinstance(decision, int) and 0 <= decision < len(candidates),
        f"the decision is the number of a candidate, 0 to {len(candidates) - 1}, got {said(decision)}",
    )
    return Sampled(candidates[decision], decision)


def _extent(loop: LoopSRef) -> int:
    extent = loop.stmt.extent
    require(
        isinstance(extent, IntImm),
        "{0} has the extent {1}, which is not a constant, so its divisors are not known",
        loop,
        extent,
        hint="split it by constants with an open factor, as in sch.split(loop, [None, 32])",
    )
    assert isinstance(extent, IntImm)
    require(extent.value > 0, "{0} has no iterations, and nothing to tile", loop)
    return extent.value


def _fitted(loop: LoopSRef, n: int, extent: int, decision: list[int]) -> list[int]:
    """A decision with factors that do not divide, as when it was made for another extent, replaced from the inside."""
    require(
        isinstance(decision, (list, tuple))
        and len(decision) == n
        and all(isinstance(f, int) and f > 0 for f in decision),
        f"the decision is a list of {n} positive factors, got {said(decision)}",
    )
    out, rest = [], extent
    for factor in reversed(decision[1:]):
        out.append(factor if rest % factor == 0 else rest)
        rest //= out[-1]
    return [rest, *reversed(out)]


def _require_factors(loop: LoopSRef, n: int) -> None:
    require(2 <= n <= MOST_FACTORS, f"a tile of {{0}} takes 2 to {MOST_FACTORS} factors, got n={n}", loop)


@primitive(pure=True)
def sample_perfect_tile(
    s: State, loop: LoopSRef, *, n: int, max_innermost_factor: int = 16, decision: list[int] | None = None
) -> Sampled[list[int]]:
    """Draw `n` factors whose product is the extent of `loop`, for `split`. All such tiles are equally likely.

    Parameters
    ----------
    max_innermost_factor: what the last factor is at most; -1 sets no limit.
    decision: the factors, outermost first; None draws them. Factors that do not divide the extent are replaced, so
        that a decision made for another extent can be tried.
    """
    extent = _extent(loop)
    _require_factors(loop, n)
    require(
        max_innermost_factor >= 1 or max_innermost_factor == -1,
        f"max_innermost_factor is at least 1, or -1 for no limit, got {max_innermost_factor}",
    )
    if decision is None:
        decision = draw_tile(
            s.rng, extent, n - 1, 1, lambda inner: max_innermost_factor == -1 or inner <= max_innermost_factor
        )
        assert decision is not None
    factors = _fitted(loop, n, extent, decision)
    return Sampled(factors, factors)


@primitive(pure=True)
def sample_partitioned_tile(
    s: State,
    loop: LoopSRef,
    *,
    n: int,
    partition_pos: int = 0,
    innerpart_factor: int = 1,
    decision: list[int] | None = None,
) -> Sampled[list[int]]:
    """Draw `n` factors whose product is the extent of `loop`, the inner ones together a multiple of a given number.

    Parameters
    ----------
    partition_pos: the number of the first factor of the inner part.
    innerpart_factor: what the product of the factors from `partition_pos` on is a multiple of.
    decision: as for `sample_perfect_tile`.
    """
    extent = _extent(loop)
    _require_factors(loop, n)
    require(0 <= partition_pos < n, f"partition_pos is the number of a factor, 0 to {n - 1}, got {partition_pos}")
    require(
        innerpart_factor >= 1 and extent % innerpart_factor == 0,
        f"{{0}} has {extent} iterations, which are no multiple of {innerpart_factor}",
        loop,
        hint="innerpart_factor must divide the extent",
    )
    if decision is None:
        decision = draw_tile(
            s.rng, extent, partition_pos, n - partition_pos, lambda inner: inner % innerpart_factor == 0
        )
        assert decision is not None
    factors = _fitted(loop, n, extent, decision)
    if prod(factors[partition_pos:]) % innerpart_factor:
        factors = [1] * n
        factors[partition_pos] = innerpart_factor
        factors[0 if partition_pos else -1] *= extent // innerpart_factor
    return Sampled(factors, factors)


@primitive(pure=True)
def sample_compute_location(s: State, block: BlockSRef, *, decision: int | None = None) -> Sampled[LoopSRef | Mark]:
    """Draw where `block` is computed: a loop around all its consumers, inside of them, or where it is.

    The result is for `compute_at`. Candidates are the loops around the consumers up to the innermost one that drives
    spatial axes only, but for loops of one iteration; inside of the consumers only what is one value at a time.

    Parameters
    ----------
    decision: the number of the loop among those around the consumers, -1 to leave the block where it is, -2 to inline
        it; None draws one. For a number that is no candidate the nearest one before it is taken.
    """
    require(block.parent is not None, "{0} is the root block, which is computed by no other", block)
    found = _locations(s, block)
    if decision is None:
        decision = s.rng.choice(list(found))
    require(
        isinstance(decision, int) and decision >= -2,
        f"the decision is the number of a loop, -1 or -2, got {said(decision)}",
    )
    taken = max((index for index in found if index <= decision), default=-1)
    return Sampled(found[taken], taken)


def _locations(s: State, block: BlockSRef) -> dict[int, LoopSRef | Mark]:
    out: dict[int, LoopSRef | Mark] = {-1: Mark.ROOT}
    if is_elementwise(block):
        out[-2] = Mark.INLINE
    written = {region.buffer for region in block.stmt.writes}
    order = s.child_blocks(block.scope)
    consumers = [b for b in order[order.index(block) + 1 :] if any(region.buffer in written for region in b.stmt.reads)]
    if not consumers:
        return out
    around = common([b for b in consumers if b.parent is not None])
    if isinstance(around, BlockSRef):
        loops = around.loops() if around in consumers else []
    else:
        loops = [ref for ref in (around, *around.ancestors()) if isinstance(ref, LoopSRef) and ref.scope is block.scope]
        loops.reverse()
    last = max((i for i, loop in enumerate(loops) if all(_spatial(s, b, loop) for b in consumers)), default=-1)
    for i, loop in enumerate(loops[: last + 1]):
        extent = loop.stmt.extent
        if not (isinstance(extent, IntImm) and extent.value == 1) and loop not in block.ancestors():
            out[i] = loop
    return out


def is_elementwise(block: BlockSRef) -> bool:
    """Whether a block computes one value for each instance by one store, as what is inlined must."""
    stmt = block.stmt
    spatial = all(iv.iter_type is IterType.SPATIAL for iv in stmt.iter_vars)
    return stmt.init is None and spatial and isinstance(stmt.body, BufferStore)


def _spatial(s: State, block: BlockSRef, loop: LoopSRef) -> bool:
    """Whether a loop drives nothing but spatial axes of a block."""
    values = s.realize(block).iter_values
    return all(
        iv.iter_type is IterType.SPATIAL
        for iv, value in zip(block.stmt.iter_vars, values, strict=True)
        if loop.stmt.loop_var in free_vars(value)
    )
