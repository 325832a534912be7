"""Random steps of the primitives that copy, move and rearrange buffers and blocks."""

import random
from typing import Any

from tensorir import Schedule
from tensorir.schedule.trace import BlockRV
from tensorir.tir.visit import free_vars

from .walks import NoStep

SCOPES = ("global", "local", "shared")


def a_region(sch: Schedule, rng: random.Random, block: BlockRV, kind: str) -> int:
    """The number of one of the block's regions."""
    stmt = sch.get(block)
    regions = stmt.reads if kind == "read" else stmt.writes
    if not regions:
        raise NoStep
    return rng.randrange(len(regions))


def an_access(sch: Schedule, rng: random.Random, block: BlockRV) -> tuple[str, int]:
    """A region of the block as ("read" | "write", number)."""
    kind = rng.choice(["read", "write"])
    return kind, a_region(sch, rng, block, kind)


def a_loop_of_another(sch: Schedule, rng: random.Random, block: BlockRV) -> Any:
    """A loop around another block of the same scope."""
    others = [b for b in sch.get_producers(block) + sch.get_consumers(block) if sch.get_loops(b)]
    if not others:
        raise NoStep
    return rng.choice(sch.get_loops(rng.choice(others)))


def consumers(sch: Schedule, rng: random.Random, block: BlockRV) -> list[BlockRV] | None:
    """Some of the block's consumers, or None."""
    found = sch.get_consumers(block)
    return rng.sample(found, rng.randrange(1, len(found) + 1)) if found and rng.random() < 0.4 else None


def cache_read(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Cache something the block reads, for it or for all."""
    chosen = [block] if rng.random() < 0.3 else None
    sch.cache_read(block, a_region(sch, rng, block, "read"), rng.choice(SCOPES), chosen)


def cache_write(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Cache something the block writes, perhaps for some consumers."""
    sch.cache_write(block, a_region(sch, rng, block, "write"), rng.choice(SCOPES), consumers(sch, rng, block))


def cache_inplace(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Cache something the block reads and writes."""
    sch.cache_inplace(block, a_region(sch, rng, block, "read"), rng.choice(SCOPES))


def compute_at(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Move the block under a loop of a neighbour."""
    index = rng.choice([-1, -1, -2, 0, 1])
    sch.compute_at(block, a_loop_of_another(sch, rng, block), rng.random() < 0.3, index)


def reverse_compute_at(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Move the block under a loop of a neighbour."""
    index = rng.choice([-1, -1, -2, 0, 1])
    sch.reverse_compute_at(block, a_loop_of_another(sch, rng, block), rng.random() < 0.3, index)


def a_map(rng: random.Random, ndim: int) -> Any:
    """A permutation, with one index perhaps split, joined to another, or shifted."""
    order = list(range(ndim))
    rng.shuffle(order)
    way, factor = rng.randrange(5), rng.choice([2, 3, 4])

    def mapped(*i: Any) -> list[Any]:
        out = [i[k] for k in order]
        if not out:
            return out
        if way == 1:
            out[0:1] = [out[0] // factor, out[0] % factor]
        elif way == 2 and ndim > 1:
            out[0:2] = [out[0] * 32 + out[1]]
        elif way == 3:
            out[0] = out[0] + 1
        elif way == 4 and ndim > 1:
            out[1] = out[0] + out[1]
        return out

    return mapped


def transform_layout(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Give a buffer another layout."""
    kind, number = an_access(sch, rng, block)
    region = (sch.get(block).reads if kind == "read" else sch.get(block).writes)[number]
    pad = rng.choice([None, 0, 1])
    sch.transform_layout(block, (kind, number), a_map(rng, region.buffer.ndim), pad)


def transform_block_layout(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Give the block other iterators."""
    sch.transform_block_layout(block, a_map(rng, len(sch.get(block).iter_vars)))


def reindex_cache(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Cache an access in another order of the iterators it depends on."""
    kind, number = an_access(sch, rng, block)
    stmt = sch.get(block)
    region = (stmt.reads if kind == "read" else stmt.writes)[number]
    used = {v for r in region.region for v in free_vars(r.min)}
    places = [k for k, iv in enumerate(stmt.iter_vars) if iv.var in used]
    inner = a_map(rng, len(places))
    step = sch.reindex_cache_read if kind == "read" else sch.reindex_cache_write
    step(block, number, rng.choice(SCOPES), lambda *i: inner(*(i[k] for k in places)))


def at_loop(sch: Schedule, rng: random.Random, block: BlockRV) -> None:
    """Copy a tile in a loop around the block."""
    loops = sch.get_loops(block)
    if not loops:
        raise NoStep
    kind, number = an_access(sch, rng, block)
    step = sch.read_at if kind == "read" else sch.write_at
    step(rng.choice(loops), block, number, rng.choice(SCOPES))


BUFFER_STEPS: dict[str, Any] = {
    "cache_read": cache_read,
    "cache_write": cache_write,
    "cache_inplace": cache_inplace,
    "cache_index": lambda sch, rng, block: sch.cache_index(block, "global", rng.choice([0, 2])),
    "reindex": lambda sch, rng, block: sch.reindex(block, an_access(sch, rng, block)),
    "reindex_cache": reindex_cache,
    "compute_at": compute_at,
    "reverse_compute_at": reverse_compute_at,
    "read_write_at": at_loop,
    "rolling_buffer": lambda sch, rng, block: sch.rolling_buffer(block, a_region(sch, rng, block, "write")),
    "set_scope": lambda sch, rng, block: sch.set_scope(block, a_region(sch, rng, block, "write"), rng.choice(SCOPES)),
    "storage_align": lambda sch, rng, block: sch.storage_align(
        block, a_region(sch, rng, block, "write"), -1, rng.choice([4, 8]), rng.choice([0, 1])
    ),
    "transform_layout": transform_layout,
    "transform_block_layout": transform_block_layout,
}
"""How to take a random step of each of these primitives."""
