"""Vectors lane by lane: what one lane of an index or value is, and which lanes lie side by side in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tir.arith import Analyzer
from ..tir.buffer import BufferLoad
from ..tir.expr import Broadcast, Call, Cast, Expr, Let, Ramp, Shuffle, Var, cast, const
from ..tir.visit import Rewriter

WIDEST = 16
"""Bytes that one load or store moves at most."""


class _Lane(Rewriter):
    """Lane `k` of an expression, as an expression."""

    def __init__(self, k: int) -> None:
        self.k = k

    def __call__(self, node: Any) -> Any:
        if isinstance(node, Expr) and node.dtype.lanes == 1 and not isinstance(node, BufferLoad):
            return node
        return super().__call__(node)

    def visit_ramp(self, node: Ramp) -> Expr:
        return node.base + node.stride * const(self.k, node.stride.dtype)

    def visit_broadcast(self, node: Broadcast) -> Expr:
        return node.value

    def visit_cast(self, node: Cast) -> Expr:
        return cast(self(node.value), node.dtype.element)

    def visit_shuffle(self, node: Shuffle) -> Expr:
        at = node.indices[self.k].value  # type: ignore[attr-defined]
        for part in node.vectors:
            if at < part.dtype.lanes:
                return part if part.dtype.lanes == 1 else _Lane(at)(part)
            at -= part.dtype.lanes
        raise IndexError(at)

    def visit_var(self, node: Var) -> Expr:
        return Shuffle((node,), (const(self.k),))

    def visit_let(self, node: Let) -> Expr:
        return node.replace(body=self(node.body))

    def visit_call(self, node: Call) -> Expr:
        return Call(node.dtype.element, node.op, tuple(map(self, node.args)))


def lane_of(e: Expr, k: int) -> Expr:
    """Lane `k` of a vector expression; a scalar is all lanes of itself."""
    out: Expr = e if e.dtype.lanes == 1 else _Lane(k)(e)
    return out


def places(index: Expr, analyzer: Analyzer) -> list[Expr]:
    """The index of each lane, simplified."""
    if index.dtype.lanes == 1:
        return [index]
    if isinstance(index, Ramp):
        return [analyzer.simplify(lane_of(index, k)) if k else index.base for k in range(index.dtype.lanes)]
    return [analyzer.simplify(lane_of(index, k)) for k in range(index.dtype.lanes)]


def width(at: Sequence[Expr], size: int, analyzer: Analyzer) -> int:
    """How many lanes can be moved at once: side by side in memory, the first aligned to all of them.

    Parameters
    ----------
    at: the index of each lane. size: bytes of a lane.
    """
    lanes = len(at)
    widest = lanes & -lanes
    while widest > 1 and (widest * size > WIDEST or not _in_groups(at, widest, analyzer)):
        widest //= 2
    return widest


def _in_groups(at: Sequence[Expr], lanes: int, analyzer: Analyzer) -> bool:
    for first in range(0, len(at), lanes):
        modular = analyzer.modular_set(at[first])
        if modular.coeff % lanes or modular.base % lanes:
            return False
        for k in range(1, lanes):
            step = analyzer.simplify(at[first + k] - at[first])
            if getattr(step, "value", None) != k:
                return False
    return True
