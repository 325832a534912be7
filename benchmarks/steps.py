"""Random schedule steps as plain data, so that the same step can be made by two compilers, and their making by ours.

A block is written {"block": [2, 0]}, the way to it by `get_child_blocks` from the root; a loop {"loop": [way of a block
below it, index in get_loops]}; {"tuple": [...]} and {"map": a Python lambda's text} are what they say.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from peer_programs import INTRINSICS
from tensorir import Schedule
from tensorir.schedule.primitive import REGISTRY, Parameter, Primitive


@dataclass
class Step:
    """A primitive and its arguments as plain data."""

    name: str
    inputs: list[Any] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = [_said(v) for v in self.inputs] + [f"{k}={_said(v)}" for k, v in self.attributes.items()]
        return f"{self.name}({', '.join(said)})"

    def apply(self, sch: Schedule) -> Any:
        """Make the step; gives what it returned, as names of blocks and numbers."""
        inputs = [argument(sch, v) for v in self.inputs]
        given = getattr(sch, self.name)(*inputs, **{k: argument(sch, v) for k, v in self.attributes.items()})
        return _shown(sch, given)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_said, value)) + "]"
    if isinstance(value, dict):
        ((tag, inner),) = value.items()
        return inner if tag == "map" else f"{tag} {inner}"
    return repr(value)


def argument(sch: Schedule, value: Any) -> Any:
    """The value that plain data stands for."""
    if isinstance(value, list):
        return [argument(sch, v) for v in value]
    if not isinstance(value, dict):
        return value
    ((tag, inner),) = value.items()
    if tag == "block":
        block = sch.get_block("root")
        for i in inner:
            block = sch.get_child_blocks(block)[i]
        return block
    if tag == "loop":
        path, i = inner
        return sch.get_loops(argument(sch, {"block": path}))[i]
    return tuple(inner) if tag == "tuple" else eval(inner)


def _shown(sch: Schedule, value: Any) -> Any:
    if isinstance(value, (bool, int)) or value is None:
        return value
    if isinstance(value, list):
        return [_shown(sch, v) for v in value]
    node = sch.get(value)
    return node.name_hint if hasattr(node, "name_hint") else "loop"


@dataclass
class Place:
    """Where a random step is taken: a block by its way, how many loops and axes it has; and all blocks there are."""

    rng: random.Random
    block: list[int]
    loops: int
    axes: int
    blocks: list[tuple[list[int], int, int]]

    def loop(self, index: int | None = None) -> dict[str, Any]:
        """A loop of the block."""
        if not self.loops:
            raise NoStep("the block has no loops")
        return {"loop": [self.block, self.rng.randrange(self.loops) if index is None else index]}

    def elsewhere(self) -> dict[str, Any]:
        """A loop of any block, rather not of this one."""
        others = [b for b in self.blocks if b[0] != self.block] or self.blocks
        return Place(self.rng, *self.rng.choice(others), self.blocks).loop()


class NoStep(Exception):
    """The primitive has no arguments here."""


def blocks_of(sch: Schedule) -> list[tuple[list[int], int, int]]:
    """Every block but the root: its way, and its numbers of loops and of axes."""
    found = []

    def below(handle: Any, way: list[int]) -> None:
        for i, child in enumerate(sch.get_child_blocks(handle)):
            found.append(([*way, i], len(sch.get_loops(child)), len(sch.get(child).iter_vars)))
            below(child, [*way, i])

    below(sch.get_block("root"), [])
    return found


def _factors(p: Place) -> list[Any]:
    factors: list[Any] = [p.rng.choice([1, 2, 2, 3, 4, 4, 5, 8]) for _ in range(p.rng.choice([1, 1, 2]))]
    factors.insert(p.rng.randrange(len(factors) + 1), None)
    return factors


def _neighbours(p: Place) -> list[Any]:
    p.loop()
    start = p.rng.randrange(max(1, p.loops - 1))
    return [p.loop(i) for i in range(start, min(p.loops, start + p.rng.choice([2, 2, 3])))]


def _some_loops(p: Place) -> list[Any]:
    p.loop()
    return [p.loop(i) for i in p.rng.sample(range(p.loops), min(p.loops, p.rng.choice([2, 2, 3, 4])))]


def _some(*options: Any) -> Callable[[Place], Any]:
    return lambda p: p.rng.choice(options)


def _map_of_axes(p: Place) -> dict[str, str]:
    """An index map with a parameter for each axis of the block, as the maps over axes need it."""
    names = [f"i{k}" for k in range(p.axes)]
    last = [f"{names[-1]} // 2", f"{names[-1]} % 2"] if names else []
    given = p.rng.choice([names, names[::-1], names[1:], [*names[:-1], *last]])
    return {"map": f"lambda {', '.join(names)}: [{', '.join(given)}]"}


def _ranges_of_axes(p: Place) -> dict[str, str]:
    """Regions for as many dimensions as the block has axes, for each the axis or a range around it."""
    names = [f"i{k}" for k in range(p.axes)]
    return {"map": f"lambda {', '.join(names)}: [{', '.join(p.rng.choice([n, f'({n}, {n} + 2)']) for n in names)}]"}


_MAPS = (
    "lambda *i: i[::-1]",
    "lambda *i: (*i[:-1], i[-1] // 2, i[-1] % 2)",
    "lambda *i: i",
    "lambda *i: (i[0] + 1, *i[1:])",
)
_INDEX = _some(0, 0, 0, 0, 1)
_FLAG = _some(True, True, False)

ARGUMENTS: dict[str, Callable[[Place], Any]] = {
    "BlockSRef": lambda p: {"block": p.block},
    "LoopSRef": Place.loop,
    "LoopSRef | Mark": Place.loop,
    "BlockSRef | LoopSRef": lambda p: p.loop() if p.loops and p.rng.random() < 0.5 else {"block": p.block},
    "bool": _FLAG,
    "disable_predication": _some(False),
    "scope_block": lambda p: {"block": []},
    "loop of compute_at": Place.elsewhere,
    "loop of reverse_compute_at": Place.elsewhere,
    "target": lambda p: (
        p.loop() if p.rng.random() < 0.8 else [{"block": p.block}, {"block": p.rng.choice(p.blocks)[0]}]
    ),
    "reduction_block": lambda p: {"block": p.block},
    "epilogue_block": lambda p: {"block": p.rng.choice(p.blocks)[0]},
    "factors": _factors,
    "loops": _neighbours,
    "ordered_loops": _some_loops,
    "storage_scope": _some("global", "global", "local", "shared"),
    "consumer_blocks": lambda p: [{"block": p.rng.choice(p.blocks)[0]}] if p.rng.random() < 0.2 else None,
    "thread_axis": _some("threadIdx.x", "blockIdx.x", "threadIdx.y", "vthread.x"),
    "read_buffer_index": _INDEX,
    "write_buffer_index": _INDEX,
    "buffer_index": _INDEX,
    "buffer": lambda p: {"tuple": [p.rng.choice(["read", "write"]), p.rng.choice([0, 0, 0, 1])]},
    "ann_key": _some("note", "pragma_auto_unroll_max_step"),
    "ann_val": _some(1, 16, "a"),
    "dtype": _some("float16", "float64"),
    "axis": _some(0, 1, -1, -2),
    "factor": _some(4, 32),
    "offset": _some(0, 1, 8),
    "index": _some(-1, -1, -2, 0, 1),
    "factor_axis": _some(0, 0, 1, -1, 2),
    "index_map of reindex_cache_read": _map_of_axes,
    "index_map of reindex_cache_write": _map_of_axes,
    "index_map of transform_block_layout": _map_of_axes,
    "index_map": lambda p: {"map": p.rng.choice(_MAPS)},
    "new_order": lambda p: p.rng.sample(range(3), p.rng.choice([2, 3, 3])),
    "padding": lambda p: [p.rng.choice([1, 2, 4, 8]) for _ in range(p.rng.choice([2, 3, 3, 4]))],
    "pad_value": _some(None, None, 0),
    "cse_thresh": _some(0, 2),
    "assume_injective_transform": _some(False),
    "buf_type": _some("read", "write"),
    "buf_index_array": _some([0], [0, 1]),
    "gen_new_ranges": _ranges_of_axes,
    "tensor_intrin": _some(*INTRINSICS),
    "name": _some("C", "Y", "pad", "nothing"),
    "func_name": _some(None),
}
"""How to draw an argument: by `parameter of primitive`, else by the parameter's name, else by its annotation."""


def _drawer(primitive: Primitive, parameter: Parameter) -> Callable[[Place], Any] | None:
    for key in (f"{parameter.name} of {primitive.name}", parameter.name, parameter.annotation):
        if key in ARGUMENTS:
            return ARGUMENTS[key]
    return None


def undrawable() -> list[str]:
    """Primitives that random steps leave out: those that sample, and those with arguments nobody knows how to draw."""
    return [p.name for p in REGISTRY.values() if p.samples or not all(_drawer(p, q) for q in p.parameters)]


def random_step(sch: Schedule, rng: random.Random, names: list[str]) -> Step:
    """A step of a random primitive among `names` at a random place.

    Raises
    ------
    NoStep: there are no arguments for it there.
    """
    blocks = blocks_of(sch)
    if not blocks:
        raise NoStep("there are no blocks")
    place = Place(rng, *rng.choice(blocks), blocks)
    primitive = REGISTRY[rng.choice(names)]
    step = Step(primitive.name)
    for parameter in primitive.parameters:
        drawer = _drawer(primitive, parameter)
        assert drawer is not None
        value = drawer(place)
        if parameter.variadic:
            step.inputs += value
        elif parameter in primitive.inputs:
            step.inputs.append(value)
        else:
            step.attributes[parameter.name] = value
    return step
