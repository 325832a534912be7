"""Drawing factorisations: counted right, and all equally likely."""

from itertools import product
from math import prod
from random import Random

import pytest
from tensorir.schedule.tiling import count, divisors, draw, draw_tile


@pytest.mark.parametrize("n", [1, 2, 12, 17, 36, 64])
@pytest.mark.parametrize("parts", [0, 1, 2, 3])
def test_count_is_what_enumeration_counts(n: int, parts: int) -> None:
    assert count(n, parts) == sum(prod(factors) == n for factors in product(range(1, n + 1), repeat=parts))


def test_divisors() -> None:
    assert all(divisors(n) == [d for d in range(1, n + 1) if n % d == 0] for n in range(1, 200))


def test_every_way_is_drawn_about_as_often() -> None:
    rng = Random(0)
    drawn = [tuple(draw(rng, 24, 3)) for _ in range(6000)]
    ways = set(drawn)
    assert len(ways) == count(24, 3) == 30
    assert all(prod(way) == 24 for way in ways)
    assert all(120 <= drawn.count(way) <= 290 for way in ways)


def test_tiles_keep_to_what_is_allowed() -> None:
    rng = Random(0)
    tiles = {tuple(draw_tile(rng, 60, 2, 1, lambda inner: inner <= 4) or ()) for _ in range(3000)}
    assert all(prod(tile) == 60 and tile[2] <= 4 for tile in tiles)
    assert len(tiles) == sum(a * b * c == 60 for a in range(1, 61) for b in range(1, 61) for c in range(1, 5))
    assert draw_tile(rng, 7, 1, 1, lambda inner: inner == 2) is None
