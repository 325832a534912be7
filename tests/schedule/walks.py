"""Random walks: random steps of random primitives on whatever loops and blocks a schedule has at the moment."""

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tensorir import Schedule, ScheduleError
from tensorir.schedule.sref import LoopSRef
from tensorir.schedule.trace import BlockRV

Step = Callable[[Schedule, random.Random, BlockRV], Any]


class NoStep(Exception):
    """There is nothing for the chosen primitive to be tried on."""


def some_loops(sch: Schedule, rng: random.Random, block: BlockRV, count: int) -> list[Any]:
    """Up to `count` of the block's loops, in random order; NoStep if it has none."""
    loops = sch.get_loops(block)
    if not loops:
        raise NoStep
    return rng.sample(loops, min(count, len(loops)))


def loop_step(primitive: str) -> Step:
    """A step of a primitive that takes one loop."""
    return lambda sch, rng, block: getattr(sch, primitive)(*some_loops(sch, rng, block, 1))


def split(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Split by random factors, one of them open."""
    (loop,) = some_loops(sch, rng, block, 1)
    factors: list[Any] = [rng.choice([1, 2, 3, 4, 5, 8]) for _ in range(rng.choice([1, 1, 2]))]
    factors.insert(rng.randrange(len(factors) + 1), None)
    sch.split(loop, factors, preserve_unit_iters=rng.random() < 0.5)


def fuse(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Fuse neighbouring loops."""
    loops = sch.get_loops(block)
    start = rng.randrange(max(1, len(loops)))
    sch.fuse(*loops[start : start + rng.choice([2, 2, 3])], preserve_unit_iters=rng.random() < 0.5)


def reorder(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Put some loops into random order."""
    sch.reorder(*some_loops(sch, rng, block, rng.choice([2, 3, 4])))


def decompose(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Take the init out before a random loop."""
    sch.decompose_reduction(block, *some_loops(sch, rng, block, 1))


STEPS: dict[str, Step] = {
    "split": split,
    "fuse": fuse,
    "reorder": reorder,
    "decompose_reduction": decompose,
    "parallel": loop_step("parallel"),
    "vectorize": loop_step("vectorize"),
    "unroll": loop_step("unroll"),
    "add_unit_loop": loop_step("add_unit_loop"),
    "compute_inline": lambda sch, rng, block: sch.compute_inline(block),
    "reverse_compute_inline": lambda sch, rng, block: sch.reverse_compute_inline(block),
    "annotate": lambda sch, rng, block: sch.annotate(block, f"note{rng.randrange(3)}", rng.randrange(9)),
}
"""How to take a random step of each primitive; a family that adds primitives adds its steps."""


def binding(axis: str) -> Step:
    """A step that binds a loop to a thread axis."""
    return lambda sch, rng, block: sch.bind(*some_loops(sch, rng, block, 1), axis)


GPU_AXES = ("blockIdx.x", "blockIdx.y", "threadIdx.x", "threadIdx.y", "threadIdx.z", "vthread.x")

BINDINGS = {axis: binding(axis) for axis in GPU_AXES}
"""Steps that leave a program to GPUs, by axis."""


def blocks_of(sch: Schedule) -> list[BlockRV]:
    """Handles on every block but the root."""
    out: list[BlockRV] = []
    todo = [sch.get_block("root")]
    while todo:
        inner = sch.get_child_blocks(todo.pop())
        out += inner
        todo += inner
    return out


def walk(
    sch: Schedule,
    seed: int,
    steps: int,
    after: Callable[[str], None] = lambda name: None,
    more: Mapping[str, Step] = MappingProxyType({}),
) -> list[str]:
    """Try `steps` random steps, of `STEPS` and `more`; gives the names of those that were legal.

    A refused step must leave the very same module; `after` is called after each legal one.
    """
    known = STEPS | more
    rng = random.Random(seed)
    done = []
    for _ in range(steps):
        blocks = blocks_of(sch)
        if not blocks:
            break
        name = rng.choice(list(known))
        before = sch.mod
        srefs = dict(sch.state.srefs)
        try:
            known[name](sch, rng, rng.choice(blocks))
        except NoStep:
            continue
        except ScheduleError as error:
            assert sch.mod is before, f"{name} refused but changed the program"
            assert sch.state.srefs == srefs, f"{name} refused but changed the references"
            refused = str(error)
            assert "cannot be applied" in refused
            continue
        done.append(name)
        after(name)
    assert all(isinstance(s, LoopSRef) or s.stmt for s in sch.state.srefs.values())
    return done
