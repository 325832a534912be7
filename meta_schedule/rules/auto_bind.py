"""The rule that leaves to the search how many threads share what no other rule gave to threads."""

from __future__ import annotations

from ...schedule.schedule import Schedule
from ...schedule.trace import BlockRV
from . import Context, rule

EXTENTS = (32, 64, 128, 256, 512, 1024)


@rule(kinds=("cuda",), roots=True)
def auto_bind(sch: Schedule, block: BlockRV, ctx: Context) -> list[Schedule]:
    """Sample the threads of a block for all stages that no rule bound; `rewrite_unbound_block` binds them."""
    legal = [n for n in EXTENTS if n <= ctx.target.max_threads_per_block]
    threads = sch.sample_categorical(legal, [1 / len(legal)] * len(legal), decision=legal.index(256))
    sch.annotate(block, "meta_schedule.threads", threads)
    return [sch]
