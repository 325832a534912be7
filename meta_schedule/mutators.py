"""Mutators: functions that change one decision of a trace, for a search to try next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from ..schedule.tiling import divisors
from ..schedule.trace import Trace

Change = Callable[[Trace, Random], "Trace | None"]


@dataclass(frozen=True)
class Mutator:
    """A way to change a trace; `apply` gives None where the trace has nothing for it to change."""

    apply: Change
    weight: float

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.apply.__name__

    def __call__(self, trace: Trace, rng: Random) -> Trace | None:
        """The changed trace, or None; see `apply`."""
        return self.apply(trace, rng)


MUTATORS: dict[str, Mutator] = {}
"""The mutators by name."""


def mutator(apply: Any = None, *, weight: float = 1.0) -> Any:
    """Declare the decorated function a mutator, taken `weight` times as often as one of weight 1."""

    def declare(function: Change) -> Mutator:
        MUTATORS[function.__name__] = Mutator(function, weight)
        return MUTATORS[function.__name__]

    return declare if apply is None else declare(apply)


def mutate(trace: Trace, rng: Random, weights: Mapping[str, float] | None = None) -> Trace | None:
    """A trace with one decision changed, or None if there is none to change.

    Parameters
    ----------
    weights: how often each mutator is taken, by name; those left out are not. By default their own weights hold.
    """
    left = {name: m.weight for name, m in MUTATORS.items()} if weights is None else dict(weights)
    while left:
        (name,) = rng.choices(list(left), list(left.values()))
        found: Trace | None = MUTATORS[name](trace, rng)
        if found is not None:
            return found
        del left[name]
    return None


UNROLL = ("meta_schedule.unroll_explicit", "meta_schedule.unroll_implicit")
PARALLEL = ("meta_schedule.parallel",)


def _steps(trace: Trace, *names: str) -> list[int]:
    """The steps of some sampling primitives."""
    return [i for i, inst in enumerate(trace.insts) if inst.primitive.name in names]


def _numbers(trace: Trace, uses: tuple[str, ...] | None = None) -> list[int]:
    """The steps that sample a number for annotations of some names; without names, for anything else."""
    other = uses is None
    named = (*UNROLL, *PARALLEL) if uses is None else uses
    return [i for i in _steps(trace, "sample_categorical") if (_use(trace, i) in named) != other]


def _use(trace: Trace, step: int) -> str | None:
    """The key of the annotation that a sampled number is for, None where it is for none."""
    (out, *_) = trace.insts[step].outputs
    for inst in trace.insts[step + 1 :]:
        if inst.primitive.name == "annotate" and inst.attributes["ann_val"] is out:
            return str(inst.attributes["ann_key"])
    return None


@mutator(weight=9.0)
def mutate_tile_size(trace: Trace, rng: Random) -> Trace | None:
    """Move a factor from one level of a tile to another."""
    steps = _steps(trace, "sample_perfect_tile", "sample_partitioned_tile")
    steps = [i for i in steps if any(f > 1 for f in trace.insts[i].decision or ())]
    if not steps:
        return None
    step = rng.choice(steps)
    factors = list(trace.insts[step].decision)
    limit = trace.insts[step].attributes.get("max_innermost_factor", -1)
    moves = [
        (source, to, d)
        for source, factor in enumerate(factors)
        for d in divisors(factor)[1:]
        for to in range(len(factors))
        if to != source and not (to == len(factors) - 1 and limit != -1 and factors[to] * d > limit)
    ]
    if not moves:
        return None
    source, to, d = rng.choice(moves)
    factors[source] //= d
    factors[to] *= d
    return trace.with_decision(step, factors)


def _another_candidate(trace: Trace, rng: Random, steps: list[int]) -> Trace | None:
    """A trace in which one of some categorical steps took another candidate, by their probabilities."""
    steps = [i for i in steps if sum(p > 0 for p in trace.insts[i].attributes["probs"]) > 1]
    if not steps:
        return None
    step = rng.choice(steps)
    inst = trace.insts[step]
    others = [i for i in range(len(inst.attributes["candidates"])) if i != inst.decision]
    (taken,) = rng.choices(others, [inst.attributes["probs"][i] or 1e-9 for i in others])
    return trace.with_decision(step, taken)


@mutator(weight=0.3)
def mutate_unroll(trace: Trace, rng: Random) -> Trace | None:
    """Take another limit for unrolling."""
    return _another_candidate(trace, rng, _numbers(trace, UNROLL))


@mutator(weight=0.3)
def mutate_parallel(trace: Trace, rng: Random) -> Trace | None:
    """Take another number of parallel parts."""
    return _another_candidate(trace, rng, _numbers(trace, PARALLEL))


@mutator(weight=0.5)
def mutate_thread_binding(trace: Trace, rng: Random) -> Trace | None:
    """Take another number of threads, or any other number that a rule left open."""
    return _another_candidate(trace, rng, _numbers(trace))


@mutator(weight=0.5)
def mutate_compute_location(trace: Trace, rng: Random) -> Trace | None:
    """Compute a stage somewhere else: at the next loop further out or further in, or anywhere."""
    steps = _steps(trace, "sample_compute_location")
    if not steps:
        return None
    step = rng.choice(steps)
    at = trace.insts[step].decision
    return trace.with_decision(step, rng.choice([d for d in (at - 1, at + 1, -1, None) if d is None or -1 <= d != at]))
