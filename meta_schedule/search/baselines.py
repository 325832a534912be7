"""The plain strategies: draw decisions of traces anew, run the space's function anew, take any, or try all in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

from ...schedule.trace import Instruction, Trace
from .candidate import Candidate, Wish
from .strategy import Measured, Strategy, best_first, strategy

PER_PROPOSAL = 6
"""Candidates that are made for each one that is proposed, for the model to choose from."""
LOCATIONS = 24
"""Places for a block's computation that are tried; those there are not fall together with one that is."""


@strategy("random")
class RandomSearch(Strategy):
    """Any candidates, without asking the model."""

    def choose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """See `Strategy.propose`."""
        return self.fresh(count, lambda: self.pool.sample(self.rng))


@strategy("replay-trace")
class ReplayTrace(Strategy):
    """Sketches with their decisions drawn anew; the model chooses."""

    def choose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """See `Strategy.propose`."""
        drawn = self.fresh(PER_PROPOSAL * count, lambda: self.pool.sample(self.rng))
        self.scored(drawn)
        return best_first(drawn)[:count]


@strategy("replay-func")
class ReplayFunc(Strategy):
    """The space's function run anew with other seeds: for functions that branch on what they draw."""

    def choose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """See `Strategy.propose`."""
        drawn = self.fresh(count, self._run)
        self.scored(drawn)
        return best_first(drawn)

    def _run(self) -> Wish:
        sketches = self.generate(self.rng.randrange(1 << 30))
        return Wish(self.rng.choice(sketches).trace.without_postproc())


@strategy("grid")
class Grid(Strategy):
    """All candidates, in the order of their decisions."""

    _rest: Iterator[Trace] | None = None

    def choose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """See `Strategy.propose`; the space is exhausted once there are none."""
        if self._rest is None:
            self._rest = (made for sketch in self.pool.sketches for made in all_decisions(sketch))
        found: list[Candidate] = []
        known = set(self.seen)
        for trace in self._rest:
            made = self.pool.make(Wish(trace))
            if made is not None and made.decisions not in known:
                known.add(made.decisions)
                found.append(made)
            if len(found) >= count:
                break
        return found


def all_decisions(sketch: Trace) -> Iterator[Trace]:
    """A sketch with every combination of decisions. Some may come out the same once they are made."""
    places = [n for n, inst in enumerate(sketch.insts) if inst.primitive.samples]
    for decisions in product(*(_choices(sketch.insts[n]) for n in places)):
        steps = list(sketch.insts)
        for n, decision in zip(places, decisions):
            steps[n] = steps[n]._replace(decision=decision)
        yield Trace(steps)


def _choices(inst: Instruction) -> list[Any]:
    """What a sampling step may decide."""
    if inst.primitive.name == "sample_categorical":
        return list(range(len(inst.attributes["candidates"])))
    if inst.primitive.name == "sample_compute_location":
        return list(range(-2, LOCATIONS))
    parts, extent = int(inst.attributes["n"]), prod(map(int, inst.decision))
    tiles = list(_tiles(extent, parts))
    most = inst.attributes.get("max_innermost_factor", -1)
    return [tile for tile in tiles if most == -1 or tile[-1] <= most]


def _tiles(extent: int, parts: int) -> Iterator[list[int]]:
    if parts == 1:
        yield [extent]
        return
    for factor in range(1, extent + 1):
        if extent % factor == 0:
            for rest in _tiles(extent // factor, parts - 1):
                yield [factor, *rest]
