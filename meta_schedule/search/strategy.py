"""What a search strategy is: proposes candidates of a task, given all that was measured of it so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import NamedTuple

from ...schedule.schedule import Schedule
from ...tir.errors import UserError
from ..cost_model import CostModel, asks_roofline
from .candidate import Candidate, Decisions, Pool, Wish

ATTEMPTS = 4
"""Candidates that may be refused or known already for each one that is wanted."""


class Measured(NamedTuple):
    """A candidate and its milliseconds, infinite if it failed."""

    candidate: Candidate
    ms: float


class Strategy(ABC):
    """Base of the strategies. The same seed and the same measurements give the same proposals.

    Parameters
    ----------
    pool: makes candidates. model: scores them, for the task `task`.
    generate: makes the sketches anew with another seed.

    Attributes
    ----------
    inherited: what to try first, from other workloads.
    seen: the decisions of candidates that were proposed or measured; they are not proposed again.
    over: says that time is over, so that what is found by then has to do.
    """

    def __init__(
        self, pool: Pool, model: CostModel, task: str, seed: int, generate: Callable[[int], list[Schedule]]
    ) -> None:
        self.pool, self.model, self.task, self.generate = pool, model, task, generate
        self.rng = Random(seed)
        self.inherited: Sequence[Wish] = ()
        self.seen: set[Decisions] = set()
        self.over: Callable[[], bool] = lambda: False

    def propose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """Up to `count` new candidates, the most promising first; fewer where no more are found."""
        first = self._inherited(count // 2)
        self.seen.update(c.decisions for c in first)
        chosen = self.choose(count - len(first), measured)
        self.seen.update(c.decisions for c in chosen)
        return [*first, *chosen]

    def _inherited(self, most: int) -> list[Candidate]:
        """The best of what is inherited, once."""
        wishes, self.inherited = self.inherited, ()
        made = [c for c in self.made(wishes) if c is not None and c.decisions not in self.seen]
        new = list({c.decisions: c for c in made}.values())
        self.scored(new)
        return best_first(new)[:most]

    @abstractmethod
    def choose(self, count: int, measured: Sequence[Measured]) -> list[Candidate]:
        """See `propose`, which marks them as seen."""

    def fresh(self, count: int, wish: Callable[[], Wish | None]) -> list[Candidate]:
        """Up to `count` different candidates, none of them seen, from a function that wishes for one or gives None."""
        found: dict[Decisions, Candidate] = {}
        left = ATTEMPTS * count
        while left > 0 and len(found) < count and not self.over():
            tries = min(left, count - len(found))
            left -= tries
            wishes = [w for w in (wish() for _ in range(tries)) if w is not None]
            for made in self.made(wishes):
                if made is not None and made.decisions not in self.seen:
                    found.setdefault(made.decisions, made)
        return list(found.values())

    def made(self, wishes: Sequence[Wish]) -> list[Candidate | None]:
        """The candidates wished for, None for those refused."""
        return self.pool.make_all(wishes, predict=asks_roofline(self.model, self.task), over=self.over)

    def scored(self, candidates: Sequence[Candidate]) -> None:
        """Have the model score candidates."""
        if candidates:
            for candidate, score in zip(candidates, self.model.score(self.task, candidates)):
                candidate.score = float(score)


STRATEGIES: dict[str, type[Strategy]] = {}
"""The strategies by name."""


def strategy(name: str) -> Callable[[type[Strategy]], type[Strategy]]:
    """Declare the decorated class a strategy."""

    def declare(cls: type[Strategy]) -> type[Strategy]:
        STRATEGIES[name] = cls
        return cls

    return declare


def find_strategy(name: str) -> type[Strategy]:
    """The strategy called `name`.

    Raises
    ------
    UserError: there is none.
    """
    from . import annealing, baselines, evolutionary  # noqa: F401 - they declare themselves

    if name not in STRATEGIES:
        raise UserError(f"there is no search strategy {name!r}; there are {', '.join(map(repr, sorted(STRATEGIES)))}")
    return STRATEGIES[name]


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Candidates by score, the greatest first; those with equal scores in their order."""
    return sorted(candidates, key=lambda c: -(c.score or 0.0))
