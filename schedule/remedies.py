"""What would make a block compute what the description of an intrinsic does: orders of its loops are tried out."""

from __future__ import annotations

from itertools import permutations

from ..tir.arith.analyzer import Analyzer
from ..tir.stmt import Block, For, Stmt
from ..tir.visit import free_vars
from .matching import Matcher, Mismatch

MOST_LOOPS = 5
"""Of how many loops all orders are tried."""


def remedy(block: Block, desc: Block, an: Analyzer, found: Mismatch) -> str:
    """The primitive that would bring a block and a description together, as far as that is seen; "" for none.

    Parameters
    ----------
    an: knows the loops around the block.
    found: the first difference.
    """
    order = _order(block, desc, an)
    if order is None:
        return found.remedy
    return f"reorder the loops: reorder({', '.join(loop.loop_var.name for loop in order)})"


def _order(block: Block, desc: Block, an: Analyzer) -> tuple[For, ...] | None:
    """The order of the nest of loops in a block with which the block would match the description."""
    nest: list[For] = []
    inner: Stmt = block.body
    while isinstance(inner, For):
        nest.append(inner)
        inner = inner.body
    variables = {loop.loop_var for loop in nest}
    if len(nest) > MOST_LOOPS or any(variables & free_vars(loop.range).keys() for loop in nest):
        return None
    for order in permutations(nest):
        body = inner
        for loop in reversed(order):
            body = loop.replace(body=body)
        try:
            Matcher(block.replace(body=body), desc, an).match()
        except Mismatch:
            continue
        return order
    return None
