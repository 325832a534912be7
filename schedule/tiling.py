"""Factorisations of loop extents: counting them and drawing one, all equally likely."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import comb, prod
from random import Random


@lru_cache(4096)
def prime_powers(n: int) -> tuple[tuple[int, int], ...]:
    """The primes of `n` with their exponents."""
    out = []
    divisor = 2
    while divisor * divisor <= n:
        power = 0
        while n % divisor == 0:
            n //= divisor
            power += 1
        if power:
            out.append((divisor, power))
        divisor += 1 if divisor == 2 else 2
    return (*out, (n, 1)) if n > 1 else tuple(out)


def divisors(n: int) -> list[int]:
    """The divisors of `n`, ascending."""
    out = [1]
    for prime, power in prime_powers(n):
        out = [d * prime**k for d in out for k in range(power + 1)]
    return sorted(out)


def count(n: int, parts: int) -> int:
    """In how many ways `n` is a product of `parts` factors, in order."""
    if parts == 0:
        return int(n == 1)
    return prod(comb(power + parts - 1, parts - 1) for _, power in prime_powers(n))


def draw(rng: Random, n: int, parts: int) -> list[int]:
    """One of these ways, each as likely as any other."""
    out = [1] * parts
    for prime, power in prime_powers(n):
        # Stars and bars: the places of the bars among all places say how many stars each part gets.
        bars = [-1, *sorted(rng.sample(range(power + parts - 1), parts - 1)), power + parts - 1]
        for i in range(parts):
            out[i] *= prime ** (bars[i + 1] - bars[i] - 1)
    return out


def draw_tile(rng: Random, extent: int, outer: int, inner: int, allowed: Callable[[int], bool]) -> list[int] | None:
    """`outer + inner` factors of `extent` such that the product of the last `inner` is `allowed`.

    All such tiles are equally likely; None if there is none.
    """
    choices = [d for d in divisors(extent) if allowed(d)]
    weights = [count(extent // d, outer) * count(d, inner) for d in choices]
    if not any(weights):
        return None
    (product,) = rng.choices(choices, weights)
    return draw(rng, extent // product, outer) + draw(rng, product, inner)
