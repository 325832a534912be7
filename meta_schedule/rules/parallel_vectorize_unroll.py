"""The rule that leaves to the search how many parallel parts there are and how far loops are unrolled."""

from __future__ import annotations

from ...schedule.schedule import Schedule
from ...schedule.trace import BlockRV
from . import Context, rule

PARTS = (1, 2, 8, 32)
"""Parallel parts for each thread: more balance better, fewer cost less."""

COPIES = (0, 16, 64, 256)
"""Up to how many copies of a statement loops are unrolled."""


@rule(kinds=("llvm", "c"), roots=True)
def parallel_vectorize_unroll(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Sample the parallel parts and the unrolling of a function; `rewrite_parallel_vectorize_unroll` does them."""
    parts = sch.sample_categorical(list(PARTS), [1 / len(PARTS)] * len(PARTS), decision=PARTS.index(8))
    sch.annotate(block, "meta_schedule.parallel", parts)
    copies = sch.sample_categorical(list(COPIES), [1 / len(COPIES)] * len(COPIES), decision=COPIES.index(16))
    sch.annotate(block, "meta_schedule.unroll_explicit", copies)
    return [sch]
