"""Region cover and stage pipelines: whether what blocks of a scope read is there when they read it.

The notions are the TensorIR paper's: a scope is a stage pipeline if its blocks can be moved about freely as long as
producers stay before consumers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..arith import Analyzer, affine_binding
from ..arith.region_bounds import clipped, estimate_region_strict_bound, exact_unions
from ..arith.regions import Box, box_contains, box_of, eval_box
from ..arith.stmt import conjuncts
from ..buffer import Buffer, BufferRegion, Range
from ..errors import filled
from ..expr import Expr, Var, all_of
from ..stmt import For
from ..visit import free_vars
from .dependence import DepKind, dependences
from .kinds import complete_or_reduction_failure
from .scope import Child, Failure, Scope, common_loop


def affine_failure(scope: Scope, child: Child, around: Mapping[Var, Range] | None = None) -> Failure | None:
    """Why a block's iterators are not an affine binding of its loops."""
    if child.repeated:
        return Failure("affine", "{0} runs in a `while`, an unknown number of times", (child.block,))
    reason = affine_binding(child.realize, child.below(None), scope.analyzer(around))
    if reason is None:
        return None
    places = [f"{{{i + 1}}}" for i in range(len(reason.parts))]
    template = "the iterators of {0} are not bound affinely: " + filled(reason.template, places)
    return Failure("affine", template, (child.block, *reason.parts))


class Supply(NamedTuple):
    """That what a block reads of a region, earlier blocks are sure to have written in the same turn of `loop`, the
    innermost one shared with all of them (None for the whole scope)."""

    loop: For | None


def supply(
    scope: Scope, child: Child, region: BufferRegion, around: Mapping[Var, Range] | None = None
) -> Supply | None:
    """Whether a block finds a region that it reads, as far as it lies inside the buffer, written by earlier blocks.

    A condition that both the reader and a writer run under, on loops that they share, does not count; what the reader's
    says of these loops holds.
    """
    before = [p for p in scope.writers.get(region.buffer, ()) if p.index < child.index]
    if not before:
        return None
    shared = [common_loop(p, child) for p in before]
    depths = [0 if loop is None else child.loops.index(loop) + 1 for loop in shared]
    an = scope.analyzer(around)
    for outer in child.loops[: max(depths)]:
        an.bind(outer.loop_var, outer.range, allow_override=True)
    innermost = shared[depths.index(max(depths))]
    conditions = conjuncts(child.realize.predicate)
    for condition in conditions:
        if not child.below(innermost).keys() & free_vars(condition).keys():
            an.assume(condition)
    needed = clipped(an, eval_box(an, child.bound(region).region, child.below(innermost)), region.buffer.shape)
    written: list[Box] = []
    for p, loop in zip(before, shared, strict=True):
        below = child.below(loop)
        given = [c for c in conditions if not below.keys() & free_vars(c).keys()]
        written += surely_written(an, p, region.buffer, loop, given)
    if not any(box_contains(an, box, needed) for box in exact_unions(an, written)):
        return None
    return Supply(shared[depths.index(min(depths))])


def cover_failure(scope: Scope, child: Child, around: Mapping[Var, Range] | None = None) -> Failure | None:
    """Why a block may read what was not written: a region it reads of a buffer that blocks of the scope write.

    In the innermost loop that the block shares with all earlier writers of the buffer, what these are sure to have
    written is to hold what the block reads, as far as that lies within the buffer's shape.
    """
    for region in child.block.reads:
        buffer = region.buffer
        before = [p for p in scope.writers.get(buffer, ()) if p.index < child.index]
        if not before:
            if buffer in scope.local:
                return Failure("region_cover", "{0} reads {1} before anything writes it", (child.block, buffer))
        elif supply(scope, child, region, around) is None:
            return Failure(
                "region_cover",
                "{0} reads {1}, of which {2} is not known to have written all before",
                (child.block, region, before[-1].block),
            )
    return None


def surely_written(
    an: Analyzer, producer: Child, buffer: Buffer, shared: For | None, given: Sequence[Expr] = ()
) -> list[Box]:
    """The boxes of a buffer that a block is sure to have written in full within one turn of `shared`.

    Parameters
    ----------
    given: conditions that hold.
    """
    if producer.conditions or producer.repeated:
        return []
    predicate = all_of(*(c for c in conjuncts(producer.realize.predicate) if c not in given))
    out = []
    for write in producer.block.writes:
        if write.buffer is buffer:
            region = producer.bound(write).region
            exact = estimate_region_strict_bound(region, producer.below(shared), predicate, an)
            if exact is not None:
                out.append(box_of(an, exact))
    return out


@dataclass(frozen=True, eq=False)
class ScopeFacts:
    """What schedule primitives ask of a scope, each None where it holds.

    Attributes
    ----------
    affine, kind, cover: the first block's failure to be bound affinely, to be complete or a reduction, to read only
        what was written.
    order: a block that writes what an earlier one reads.
    """

    affine: Failure | None
    kind: Failure | None
    cover: Failure | None
    order: Failure | None

    @property
    def stage_pipeline(self) -> Failure | None:
        """Why the scope is no stage pipeline, or None if it is one."""
        return self.kind or self.cover or self.order


def scope_facts(scope: Scope, around: Mapping[Var, Range] | None = None) -> ScopeFacts:
    """The facts of a scope; `around` are the ranges of the loops around its block."""
    affine = next((f for c in scope if (f := affine_failure(scope, c, around))), None)
    kind = next((f for c in scope if (f := complete_or_reduction_failure(scope, c))), None)
    cover = next((f for c in scope if (f := cover_failure(scope, c, around))), None)
    order = None
    for dependence in dependences(scope):
        if dependence.kind is DepKind.WAR:
            nodes = (dependence.dst.block, dependence.buffer, dependence.src.block)
            order = Failure("write_after_read", "{0} writes {1}, which {2} reads before", nodes)
            break
    return ScopeFacts(affine, kind, cover, order)


def stage_pipeline_failure(scope: Scope, around: Mapping[Var, Range] | None = None) -> Failure | None:
    """Why a scope is no stage pipeline: see `ScopeFacts`."""
    return scope_facts(scope, around).stage_pipeline
