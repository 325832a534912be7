"""Random steps of the primitives that sample, and that make, divide, pad and finish blocks and reductions."""

import random
from collections.abc import Callable
from typing import Any

from tensorir import Schedule
from tensorir.schedule.trace import BlockRV

from .walks import NoStep, some_loops


def tile(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Split a loop by sampled factors."""
    (loop,) = some_loops(sch, rng, block, 1)
    n = rng.choice([2, 3])
    if rng.random() < 0.5:
        factors = sch.sample_perfect_tile(loop, n, rng.choice([-1, 4]))
    else:
        factors = sch.sample_partitioned_tile(loop, n, rng.randrange(n), 1)
    sch.split(loop, factors)


def sampled_split(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Split a loop by a factor computed from a sampled one."""
    (loop,) = some_loops(sch, rng, block, 1)
    factor = sch.sample_categorical([1, 2, 3], [0.2, 0.5, 0.3])
    sch.split(loop, [None, factor * 2 - 1])


def sampled_location(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Compute a block where a sampled location says."""
    sch.compute_at(block, sch.sample_compute_location(block))


def blockize(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Make a block of what is under a loop, or of a block and one of its neighbours."""
    units = rng.random() < 0.5
    if rng.random() < 0.7:
        sch.blockize(*some_loops(sch, rng, block, 1), units)
        return
    near = sch.get_producers(block) + sch.get_consumers(block)
    sch.blockize([block, *rng.sample(near, min(len(near), 1))], units)


def rfactor(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Factor a loop."""
    sch.rfactor(*some_loops(sch, rng, block, 1), rng.choice([-1, 0, 1]))


def epilogue(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Fuse a consumer into the block."""
    consumers = sch.get_consumers(block)
    if not consumers:
        raise NoStep
    sch.fuse_reduction_epilogue(block, rng.choice(consumers))


def partition(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Divide a loop's range."""
    factors: list[Any] = [rng.choice([1, 2, 3]) for _ in range(rng.choice([1, 1, 2]))]
    if rng.random() < 0.7:
        factors.insert(rng.randrange(len(factors) + 1), None)
    sch.loop_partition(*some_loops(sch, rng, block, 1), factors, rng.random() < 0.5)


def merge(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Merge a loop of the block with one of a neighbour."""
    near = sch.get_producers(block) + sch.get_consumers(block)
    loops = some_loops(sch, rng, block, 1)
    if not near:
        raise NoStep
    sch.merge(*loops, *some_loops(sch, rng, rng.choice(near), 1))


def order_axes(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Put the block's iterators into random order."""
    order = list(range(len(sch.get(block).iter_vars)))
    rng.shuffle(order)
    sch.reorder_block_iter_var(block, order)


def pad(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Pad some of the block's iterators."""
    sch.pad_einsum(block, [rng.choice([1, 1, 2, 4]) for _ in sch.get(block).iter_vars])


def unpad(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Decompose padding, if the block is said to have any."""
    (loop,) = some_loops(sch, rng, block, 1)
    if not sch.can_decompose_padding(block, loop):
        raise NoStep
    sch.decompose_padding(block, loop)


BLOCK_STEPS: dict[str, Callable[[Schedule, random.Random, BlockRV], Any]] = {
    "blockize": blockize,
    "decompose_padding": unpad,
    "fuse_reduction_epilogue": epilogue,
    "loop_partition": partition,
    "merge": merge,
    "pad_einsum": pad,
    "reorder_block_iter_var": order_axes,
    "rfactor": rfactor,
    "sample_categorical": sampled_split,
    "sample_compute_location": sampled_location,
    "sample_perfect_tile": tile,
}
"""How to take a random step of each of these primitives."""
