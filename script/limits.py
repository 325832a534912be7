"""Bounds on what a text can make: short texts must not stand for enormous programs."""

from __future__ import annotations

from typing import Any

from ..tir.expr import Expr

MAX_SIZE = 20_000
"""Nodes that a name may stand for without being a variable."""

MAX_EXPANSION = 50_000
"""Statements that macros may put into one function."""


class Sizes:
    """How many nodes values have, written out in full; remembered, since values share parts."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, int]] = {}

    def of(self, value: Any) -> int:
        """The number of nodes or elements of a value."""
        if isinstance(value, Expr):
            parts: Any = value.children()
        elif isinstance(value, dict):
            parts = value.values()
        elif isinstance(value, (tuple, list)):
            parts = value
        else:
            return 1
        found = self._known.get(id(value))
        if found is None:
            # The value is kept along with its size, so that its identity stays its own.
            found = self._known[id(value)] = (value, 1 + sum(map(self.of, parts)))
        return found[1]
