"""Simulated annealing: chains of mutations that accept what the model thinks worse, less and less often."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from .candidate import Candidate, Decisions
from .strategy import Measured, Strategy, best_first, strategy

CHAINS = 24
STEPS = 8
HOT, COLD = 1.0, 0.05
"""Temperatures at the first and last step, in standard deviations of the model's scores."""


@strategy("annealing")
class Annealing(Strategy):
    """AutoTVM's search: the chains start from the fastest measured candidates and random ones."""

    def choose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """See `Strategy.propose`."""
        ranked = [m.candidate for m in sorted(measured, key=lambda m: m.ms) if m.ms < float("inf")]
        chains = ranked[: CHAINS // 2]
        chains += self.fresh(CHAINS - len(chains), lambda: self.pool.sample(self.rng))
        found: dict[Decisions, Candidate] = {c.decisions: c for c in chains if c.decisions not in self.seen}
        self.scored(chains)
        for step in range(STEPS):
            heat = HOT * (COLD / HOT) ** (step / (STEPS - 1))
            scores = [c.score or 0.0 for c in chains]
            spread = _deviation(scores) or 1.0
            wishes = [self.pool.mutated(c, self.rng) for c in chains]
            made = iter(self.made([w for w in wishes if w is not None]))
            moved = [None if w is None else next(made) for w in wishes]
            self.scored([c for c in moved if c is not None])
            for n, new in enumerate(moved):
                if new is None:
                    continue
                if new.decisions not in self.seen:
                    found.setdefault(new.decisions, new)
                gain = ((new.score or 0.0) - scores[n]) / spread
                if gain >= 0 or self.rng.random() < exp(gain / heat):
                    chains[n] = new
        return best_first(found.values())[:count]


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / max(len(values), 1)
    return float((sum((v - mean) ** 2 for v in values) / max(len(values), 1)) ** 0.5)
