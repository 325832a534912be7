"""Where random programs get their choices from: hypothesis, which can shrink them, or a seed."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

X = TypeVar("X")


class Choices:
    """A source of choices over a function that gives an integer from a closed range. Earlier options are simpler."""

    def __init__(self, number: Callable[[int, int], int]) -> None:
        self.number = number

    @staticmethod
    def drawn(draw: Any) -> "Choices":
        """Choices that hypothesis makes and shrinks towards the first option."""
        return Choices(lambda low, high: draw(st.integers(low, high)) if low < high else low)

    @staticmethod
    def seeded(seed: int) -> "Choices":
        """Choices that follow from a seed, made at full speed."""
        return Choices(random.Random(seed).randint)

    def pick(self, options: Sequence[X]) -> X:
        """One of the options."""
        return options[self.number(0, len(options) - 1)]

    def chance(self, one_in: int) -> bool:
        """True once in `one_in` times; shrinks to False."""
        return self.number(0, one_in - 1) == one_in - 1

    def some(self, options: Sequence[X], most: int) -> list[X]:
        """Up to `most` of the options, in their order, without repetition."""
        left = list(range(len(options)))
        taken = [left.pop(self.number(0, len(left) - 1)) for _ in range(self.number(0, min(most, len(left))))]
        return [options[i] for i in sorted(taken)]

    def shuffled(self, items: Sequence[X]) -> list[X]:
        """The items in some order."""
        left, out = list(items), []
        while left:
            out.append(left.pop(self.number(0, len(left) - 1)))
        return out
