"""Kinds of blocks: complete, reduction, dominant, spatial, opaque; a block that is not of a kind says why."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from ..buffer import BufferLoad
from ..expr import Call
from ..op import Effect, Intrinsic
from ..stmt import Block, BufferStore, IterType
from ..visit import free_vars, walk
from .scope import Child, Failure, Scope


class BlockKind(StrEnum):
    """What a block computes, as far as scheduling is concerned.

    complete: every instance computes its own elements from other buffers, in any order.
    reduction: instances add up to elements, starting from the init; in any order of the reducing iterators.
    opaque: neither; nothing is known but its regions.
    """

    COMPLETE = "complete"
    REDUCTION = "reduction"
    OPAQUE = "opaque"


def block_kind(scope: Scope, child: Child) -> BlockKind:
    """The kind of a block in its scope."""
    if complete_failure(scope, child) is None:
        return BlockKind.COMPLETE
    return BlockKind.OPAQUE if reduction_failure(scope, child) else BlockKind.REDUCTION


def dominant_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block is not dominant: another block of the scope writes one of its outputs."""
    for region in child.block.writes:
        for other in scope.writers.get(region.buffer, ()):
            if other is not child:
                return Failure(
                    "dominant",
                    "{0} is not the only block that writes {1}: {2} does as well",
                    (child.block, region.buffer, other.block),
                )
    return None


def spatial_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block is not spatial: one of its iterators is not."""
    for iv in child.block.iter_vars:
        if iv.iter_type is not IterType.SPATIAL:
            return Failure(
                "spatial", f"{{1}} of {{0}} is a {iv.iter_type} axis, not a spatial one", (child.block, iv.var)
            )
    return None


def no_read_of_written_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block is not free of itself: it reads a buffer that it writes."""
    written = {region.buffer for region in child.block.writes}
    for region in child.block.reads:
        if region.buffer in written:
            return Failure("reads_own_writes", "{0} reads {1}, which it writes as well", (child.block, region.buffer))
    return None


def effect_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block does more than its regions say: it calls something with effects."""
    for node in walk(child.block.body):
        if isinstance(node, Call) and not (isinstance(node.op, Intrinsic) and node.op.effect is Effect.PURE):
            return Failure("effects", "{0} calls {1}, which has effects", (child.block, node))
    return None


def has_init_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block does not start its reduction: it has no init."""
    if child.block.init is None:
        return Failure("init", "{0} has no init", (child.block,))
    return None


def reduction_iterators_failure(scope: Scope, child: Child) -> Failure | None:
    """Why the iterators are not those of a reduction: one is neither spatial nor reducing."""
    for iv in child.block.iter_vars:
        if iv.iter_type not in (IterType.SPATIAL, IterType.REDUCE):
            return Failure(
                "reduction_iterators",
                f"{{1}} of {{0}} is a {iv.iter_type} axis, neither spatial nor reduce",
                (child.block, iv.var),
            )
    return None


def stored_once_failure(scope: Scope, child: Child) -> Failure | None:
    """Why reducing iterators are not reduced: one of them is in an index that is stored at."""
    block = child.block
    reducing = {iv.var for iv in block.iter_vars if iv.iter_type is not IterType.SPATIAL}
    for node in walk(block.body):
        if isinstance(node, BufferStore):
            for var in (v for index in node.indices for v in free_vars(index)):
                if var in reducing:
                    return Failure(
                        "reduced_index", "{1}, a reduce axis of {0}, is in an index of {2}", (block, var, node)
                    )
    return None


def init_matches_failure(scope: Scope, child: Child) -> Failure | None:
    """Why the init does not start what the body updates: they write different buffers."""
    block = child.block
    if block.init is None:
        return None
    started, updated = (
        {node.buffer for node in walk(part) if isinstance(node, BufferStore)} for part in (block.init, block.body)
    )
    for buffer in updated - started:
        return Failure("init_matches", "the init of {0} does not write {1}, which its body updates", (block, buffer))
    return None


Condition = Callable[[Scope, Child], Failure | None]

COMPLETE: tuple[Condition, ...] = (
    dominant_failure,
    spatial_failure,
    no_read_of_written_failure,
    effect_failure,
)
"""The conditions of a complete block."""

REDUCTION: tuple[Condition, ...] = (
    has_init_failure,
    dominant_failure,
    reduction_iterators_failure,
    stored_once_failure,
    init_matches_failure,
    effect_failure,
)
"""The conditions of a reduction block."""


def first_failure(conditions: tuple[Condition, ...], scope: Scope, child: Child) -> Failure | None:
    """The first of the conditions that does not hold."""
    for condition in conditions:
        failure = condition(scope, child)
        if failure is not None:
            return failure
    return None


def complete_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block is not complete."""
    return first_failure(COMPLETE, scope, child)


def reduction_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block is not a reduction."""
    return first_failure(REDUCTION, scope, child)


def complete_or_reduction_failure(scope: Scope, child: Child) -> Failure | None:
    """Why a block is neither complete nor a reduction; of the kind its init says it means to be."""
    return complete_failure(scope, child) if child.block.init is None else reduction_failure(scope, child)


def is_trivial(block: Block) -> bool:
    """Whether a block only copies: one store of one load."""
    body = block.body
    return isinstance(body, BufferStore) and isinstance(body.value, BufferLoad) and block.init is None
