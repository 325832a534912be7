"""What is known: the bindings and constraints of an analyzer, and the memo tables that hold while they stand."""

from __future__ import annotations

from typing import Any

from ..expr import Expr, Var
from ..visit import walk
from .linear import Linear, Monomial

Interval = tuple[int, int]
"""The integers from the first to the second, both included; empty where the first is the greater."""

Place = tuple[int, int]

_ABSENT: Any = object()
_MEMOS = ("simplified", "raw", "normal", "bounds", "moduli")


class Context:
    """Facts about atoms and expressions.

    Every change goes through `set` and `append`, which log it, so that leaving a scope costs what the scope changed.

    Attributes
    ----------
    order: atoms by first appearance; sums and products are written in this order.
    written: products with their factors as they were first written.
    values: variables bound to an expression, simplified.
    intervals: atoms whose value is known to lie in an interval.
    ranges: variables with bounds that are not constants, as (least, greatest).
    residues: atoms known to be `base` modulo `coeff`, as (coeff, base).
    sums: sums of several terms known to lie in an interval, by their terms, which have no common factor.
    sum_residues: the same sums known modulo something.
    truths: bool expressions known to be true or false.
    facts: forms known to be >= 0.
    unequal: forms known not to be 0.
    assumed: the constraints as given, for explanations.
    branches: conditions within the expression being simplified that are taken into account.
    simplified, raw, normal, bounds, moduli: results valid under the present facts.
    """

    def __init__(self) -> None:
        self.order: dict[Expr, Place] = {}
        self.written: dict[Monomial, tuple[Expr, ...]] = {}
        self.values: dict[Var, Expr] = {}
        self.intervals: dict[Expr, Interval] = {}
        self.ranges: dict[Var, tuple[Linear, Linear]] = {}
        self.residues: dict[Expr, tuple[int, int]] = {}
        self.sums: dict[frozenset[tuple[Monomial, int]], Interval] = {}
        self.sum_residues: dict[frozenset[tuple[Monomial, int]], tuple[int, int]] = {}
        self.truths: dict[Expr, bool] = {}
        self.facts: list[Linear] = []
        self.unequal: list[Linear] = []
        self.assumed: list[Expr] = []
        self.log: list[tuple[Any, Any, Any]] = []
        self.branches = 0
        self.forget()

    def forget(self) -> None:
        """Drop every memoised result, after a fact about something already seen was added."""
        self.simplified: dict[Expr, Expr] = {}
        self.raw: dict[Expr, Linear] = {}
        self.normal: dict[Expr, Linear] = {}
        self.bounds: dict[Expr, Interval] = {}
        self.moduli: dict[Expr, tuple[int, int]] = {}

    def set(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Record a fact in one of the tables, until the scope is left."""
        self.log.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def remove(self, table: dict[Any, Any], key: Any) -> None:
        """Drop a fact from one of the tables, until the scope is left."""
        self.log.append((table, key, table.pop(key)))

    def append(self, facts: list[Any], fact: Any) -> None:
        """Record a fact in one of the lists, until the scope is left."""
        self.log.append((facts, None, None))
        facts.append(fact)

    def enter(self) -> tuple[Any, ...]:
        """Open a scope; the token given to `leave` restores what is known now."""
        token = (len(self.log), *(getattr(self, name) for name in _MEMOS))
        self.forget()
        return token

    def leave(self, token: tuple[Any, ...]) -> None:
        """Close the scope that gave `token`."""
        size, *memos = token
        while len(self.log) > size:
            table, key, old = self.log.pop()
            if isinstance(table, list):
                table.pop()
            elif old is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = old
        for name, memo in zip(_MEMOS, memos, strict=True):
            setattr(self, name, memo)

    def rank(self, atom: Expr) -> Place:
        """The place of an atom in the order: variables as they appear, other atoms where their first variable is."""
        place = self.order.get(atom)
        if place is None:
            first = len(self.order)
            if type(atom) is not Var:
                first = next((self.rank(v)[0] for v in walk(atom) if type(v) is Var), first)
            place = self.order[atom] = (first, len(self.order))
        return place

    def rank_of(self, key: Monomial) -> tuple[Place, ...]:
        """The place of a product in the order, by its first atoms."""
        return tuple(map(self.rank, key)) if isinstance(key, tuple) else (self.rank(key),)
