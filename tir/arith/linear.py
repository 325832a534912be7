"""Linear forms: an integer expression as a constant plus integer multiples of products of atoms.

The numbers are mathematical integers: a form says what an expression means, whatever its type. Operands of different
integer types therefore meet in one form, and what a type can hold matters only where an expression is built back.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import Any

from ..expr import Add, Expr, IntImm, Mul, Sub

Monomial = Expr | tuple[Expr, ...]
"""An atom, or a product of two and more in the analyzer's order."""


def factors(key: Monomial) -> tuple[Expr, ...]:
    """The atoms of a product."""
    return key if isinstance(key, tuple) else (key,)


def monomial(atoms: tuple[Expr, ...]) -> Monomial:
    """The product of one or more atoms, given in order."""
    return atoms if len(atoms) > 1 else atoms[0]


class Linear:
    """`const + sum(coefficient * monomial)`; no coefficient is 0. Not to be changed once shared."""

    __slots__ = ("const", "terms")

    def __init__(self, terms: dict[Monomial, int], const: int = 0) -> None:
        self.terms = terms
        self.const = const

    def __repr__(self) -> str:
        return f"Linear({self.terms!r}, {self.const})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Linear) and self.const == other.const and self.terms == other.terms

    __hash__ = None  # type: ignore[assignment]

    @property
    def is_const(self) -> bool:
        """Whether there are no terms."""
        return not self.terms

    @property
    def atom(self) -> Expr | None:
        """The one atom the form consists of, or None if it is anything else."""
        if self.const == 0 and len(self.terms) == 1:
            ((key, coef),) = self.terms.items()
            if coef == 1 and not isinstance(key, tuple):
                return key
        return None

    def atoms(self) -> dict[Expr, None]:
        """The atoms that occur, as an ordered set."""
        return {atom: None for key in self.terms for atom in factors(key)}

    def shift(self, offset: int) -> Linear:
        """The form plus a constant."""
        return Linear(self.terms, self.const + offset) if offset else self

    def scale(self, factor: int) -> Linear:
        """The form times a constant."""
        if factor == 1:
            return self
        if factor == 0:
            return ZERO
        return Linear({k: c * factor for k, c in self.terms.items()}, self.const * factor)

    def add(self, other: Linear, factor: int = 1) -> Linear:
        """The form plus `factor` times the other."""
        if not other.terms:
            return self.shift(other.const * factor)
        if factor == 1 and not self.terms:
            return other.shift(self.const)
        terms = dict(self.terms)
        other.add_to(terms, factor)
        return Linear(terms, self.const + factor * other.const)

    def add_to(self, terms: dict[Monomial, int], factor: int) -> None:
        """Add `factor` times the terms to others, of which those that cancel go."""
        for key, coef in self.terms.items():
            total = terms.get(key, 0) + coef * factor
            if total:
                terms[key] = total
            else:
                terms.pop(key, None)

    def without(self, key: Monomial) -> Linear:
        """The form without one of its terms."""
        terms = dict(self.terms)
        del terms[key]
        return Linear(terms, self.const)

    def content(self) -> int:
        """The greatest common divisor of the coefficients; 0 if there are none."""
        return gcd(*self.terms.values())

    def exact_div(self, divisor: int) -> Linear:
        """The form with every number divided by `divisor`, of which all are multiples."""
        return self if divisor == 1 else Linear(_div(self.terms.items(), divisor), self.const // divisor)


def _div(items: Iterable[tuple[Monomial, int]], divisor: int) -> dict[Monomial, int]:
    return {k: c // divisor for k, c in items}


def flat(e: Expr) -> tuple[dict[Expr, int], int]:
    """The terms of a sum of type int32 or int64 as it is written, from the left, and its constant.

    What is no sum, difference or multiple by a constant is an atom; its factor may be 0. So is a sum that stands right
    of another: it may occur many times, and is to be looked at once.
    """
    terms: dict[Expr, int] = {}
    const = 0
    node: Any = e
    weight = 1
    parts: list[tuple[Any, int]] = []
    while True:
        cls = type(node)
        if cls is Add or cls is Sub:
            parts.append((node.b, weight if cls is Add else -weight))
        elif cls is Mul and type(node.b) is IntImm:
            weight *= node.b.value
        else:
            break
        node = node.a
    parts.append((node, weight))
    for node, weight in reversed(parts):
        while type(node) is Mul and type(node.b) is IntImm:
            weight *= node.b.value
            node = node.a
        if type(node) is IntImm:
            const += weight * node.value
        else:
            terms[node] = terms.get(node, 0) + weight
    return terms, const


ZERO = Linear({}, 0)


def constant(value: int) -> Linear:
    """The form of a constant."""
    return Linear({}, value)
