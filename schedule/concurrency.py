"""Loops that run at once, and whether they still may once a block has moved."""

from __future__ import annotations

from ..tir.analysis.scope import scope_of
from ..tir.analysis.witness import stored_apart
from ..tir.buffer import Buffer, BufferRegion
from ..tir.errors import ScheduleError
from ..tir.expr import IntImm, Var
from ..tir.stmt import Block, BufferStore, For, ForKind, IterType
from ..tir.visit import free_vars
from .conditions import require_independent
from .errors import refusal, require
from .privacy import touches
from .rewrite import drivers
from .scopes import shared_across
from .sref import BlockSRef, LoopSRef, SRef, blocks_below
from .state import State

SERIAL = (ForKind.SERIAL, ForKind.UNROLLED)


def concurrent_loops(*refs: SRef) -> dict[LoopSRef, For]:
    """The loops around `refs` in their block, themselves included, whose iterations run at once; as they are now."""
    out: dict[LoopSRef, For] = {}
    for ref in refs:
        for above in (ref, *ref.ancestors()):
            if isinstance(above, LoopSRef):
                stmt = above.stmt
                single = isinstance(stmt.extent, IntImm) and stmt.extent.value <= 1
                if stmt.kind not in SERIAL and not single:
                    out[above] = stmt
            elif above is not ref:
                break
    return out


def loops_at_once(s: State, owner: BlockSRef, buffer: Buffer) -> dict[LoopSRef, For]:
    """The loops around uses of a buffer in the block that allocates it, of which iterations run at once."""
    users = [s.srefs[block] for block in blocks_below(owner.stmt) if touches(block, buffer)]
    return concurrent_loops(*users)


def require_still_private(s: State, block: BlockSRef) -> None:
    """Require, after `block` was put around others, that loops around and inside may still run at once.

    What the block both reads and writes is taken to be handed on from one run of it to the next, and so to be one for
    all of them.
    """
    read = {region.buffer for region in block.stmt.reads}
    handed_on = {region.buffer for region in block.stmt.writes if region.buffer in read}
    if handed_on - set(s.function(block).buffers):
        require_still_concurrent(s, concurrent_loops(block, *s.child_blocks(block)), block.stmt)


def require_still_concurrent(
    s: State,
    loops: dict[LoopSRef, For],
    block: Block,
    hint: str = "move the block first, or choose a place outside of the loop",
    buffer: Buffer | None = None,
    *,
    gone: bool = False,
) -> None:
    """Require, after `block` moved or came, that iterations of loops that it may touch on may still run at once.

    The threads of a GPU may all fetch into shared memory, each the same values, until the fetch's own loops are bound.

    Parameters
    ----------
    buffer: the only one that is touched otherwise than before.
    gone: others do now what `block` did, which fetches nothing any more.
    """
    fetches = not gone and all(region.buffer.scope.startswith("shared") for region in block.writes)
    for ref, stmt in loops.items():
        if ref.removed_at is not None:
            continue
        require_alike(s, ref)
        if fetches and stmt.kind is ForKind.THREAD_BINDING:
            continue
        try:
            require_independent(s, ref, "run at once", reduction=stmt.bound_to == "threadIdx", buffer=buffer)
        except ScheduleError as error:
            raise refusal(
                "with {0} there, the iterations of {1} could no longer run at once: some would touch what others write",
                block,
                stmt,
                hint=hint,
            ) from error


def require_alike(s: State, loop: LoopSRef) -> None:
    """Require that threads which share memory do not each store a value of its own at one place there.

    Threads that store one value at one place do no harm.
    """
    if loop.stmt.bound_to != "threadIdx":
        return
    var = loop.stmt.loop_var
    for block in s.child_blocks(loop):
        realize = s.realize(block)
        if var in free_vars(realize.predicate):
            continue
        for iter_var, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True):
            if iter_var.iter_type is not IterType.SPATIAL or iter_var.var not in free_vars(block.stmt.body):
                continue
            if var not in free_vars(value) or var not in drivers(block, value):
                continue
            for region in block.stmt.writes:
                require(
                    not shared_across(region.buffer.scope, loop.stmt)
                    or _tells_apart(loop, block, region, iter_var.var),
                    "{0} stores at {1} for each value of {2}, and so each thread of {3} a value of its own at the same "
                    "place, in memory that the threads share",
                    block,
                    region,
                    iter_var.var,
                    loop,
                    hint="give each thread the buffer for itself, in 'local' memory, or an element of its own",
                )


def _tells_apart(loop: LoopSRef, block: BlockSRef, region: BufferRegion, var: Var) -> bool:
    """Whether what a block stores for different values of an iterator has different places, as far as is seen."""
    stmt, store = block.stmt, block.stmt.body
    if var not in free_vars(region):
        return False
    if not isinstance(store, BufferStore) or var not in free_vars(store.value) or any(i is var for i in store.indices):
        return True
    if stmt.init is not None or any(r.buffer is store.buffer for r in stmt.reads):
        return True
    return stored_apart(loop.stmt, scope_of(block.scope.stmt).child(stmt), store)
