"""Evolutionary search: the fastest and random candidates breed, the model selects, a few are taken blindly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from .candidate import Candidate, Decisions, Wish
from .strategy import Measured, Strategy, best_first, strategy

ELITE = 24
"""Measured candidates that take part, the fastest ones."""
SAMPLES = 40
"""Random candidates that take part, at the first proposal; later half of them."""
GENERATIONS = 3
CHILDREN = 24
"""Candidates bred in each generation."""
CROSSOVER = 0.2
"""How often two parents are crossed, rather than one mutated."""
EPSILON = 0.1
"""The share of proposals that is drawn from the random candidates, whatever the model says."""


@strategy("evolutionary")
class Evolutionary(Strategy):
    """TVM's and Ansor's search, with a small population that is bred anew before each round of measurements."""

    def choose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """See `Strategy.propose`."""
        elite = [m.candidate for m in sorted(measured, key=lambda m: m.ms) if m.ms < float("inf")][:ELITE]
        drawn = self.fresh(SAMPLES if not elite else SAMPLES // 2, lambda: self.pool.sample(self.rng))
        population = [*elite, *drawn]
        self.scored(population)
        found: dict[Decisions, Candidate] = {c.decisions: c for c in drawn}
        for _ in range(GENERATIONS if population else 0):
            born = self.fresh(CHILDREN, self._breeder(population))
            born = [c for c in born if c.decisions not in found]
            self.scored(born)
            found.update((c.decisions, c) for c in born)
            population = best_first([*population, *born])[: ELITE + SAMPLES]
        return self._pick(count, list(found.values()), drawn)

    def _breeder(self, population: Sequence[Candidate]) -> Callable[[], Wish | None]:
        """A function that wishes for a child of parents drawn by rank, the better half twice as often and so on."""
        ranked = best_first(population)
        weights = list(accumulate(1.0 / (n + 4) for n in range(len(ranked))))

        def breed() -> Wish | None:
            parent, other = self.rng.choices(ranked, cum_weights=weights, k=2)
            if self.rng.random() < CROSSOVER and other is not parent:
                return self.pool.crossed(parent, other, self.rng)
            return self.pool.mutated(parent, self.rng)

        return breed

    def _pick(self, count: int, found: list[Candidate], drawn: list[Candidate]) -> list[Candidate]:
        """The candidates with the greatest scores, and in place of the last ones some random ones."""
        blind = min(round(EPSILON * count + self.rng.random() * 0.5), len(drawn)) if count > 1 else 0
        picked = best_first(found)[: count - blind]
        names = {c.decisions for c in picked}
        rest = [c for c in drawn if c.decisions not in names]
        return [*picked, *self.rng.sample(rest, min(blind, len(rest)))]
