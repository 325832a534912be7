"""A reduction over many elements as vectors of partial results, and these as a tree: what several kernels share."""

from tensorir import Schedule
from tensorir.schedule.trace import BlockRV, LoopRV


def lanes_for(extent: int, most: int = 64) -> int:
    """The greatest power of two up to `most` that fits into `extent` twice: how many partial results to make."""
    return min(1 << max(1, extent // 2).bit_length() - 1, most)


def reduce_in_lanes(sch: Schedule, block: BlockRV, lanes: int, at: LoopRV | None = None) -> LoopRV:
    """Divide the reduction of `block` into `lanes` partial results, then halve these until one is left.

    Each step is an `rfactor`, whose results the next one reduces; they stay in registers. Gives the loop under which
    all of it happens.

    Parameters
    ----------
    block: its innermost loop reduces.
    lanes: a power of two, not above the loop's extent. Where it does not divide it, the last lanes have one element
        less: lowering cuts the loop so that only its last turn knows.
    at: the loop to move the block under first.
    """
    width, steps = lanes, []
    while width > 1:
        *_, reduction = sch.get_loops(block)
        _, lane = sch.split(reduction, [None, width])
        steps.append(sch.rfactor(lane, 0))
        width = width // 4 if width > 16 else width // 2
    if at is not None:
        sch.compute_at(block, at, preserve_unit_loops=True)
        if steps:  # the loops were made in the order of the block's iterators, and rfactor's comes first
            under = [sch.get(loop) for loop in sch.get_loops(block)].index(sch.get(at)) + 1
            reduction, *rows = sch.get_loops(block)[under:]
            sch.reorder(*rows, reduction)
    *_, around, reduction = sch.get_loops(block)
    for step in reversed(steps):
        sch.compute_at(step, around)
        sch.set_scope(step, 0, "local")
    for step in steps:
        *_, lane, turn = sch.get_loops(step)
        sch.reorder(turn, lane)
        sch.vectorize(lane)
        if step is not steps[0]:
            sch.unroll(turn)
        sch.decompose_reduction(step, turn)
    if steps:
        sch.unroll(reduction)
    sch.decompose_reduction(block, reduction)
    return around
