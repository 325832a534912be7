"""Witnesses: two turns of a loop and an element that both touch, found by trying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import NamedTuple

from ..arith import Analyzer
from ..buffer import BufferRegion
from ..expr import TRUE, Expr, IntImm, Var, all_of
from ..stmt import For
from ..visit import substitute
from .scope import Child

LIMIT = 2048
"""Instances tried of each access."""


class Witness(NamedTuple):
    """Turns `first` and `second` of a loop both touch `element`."""

    first: int
    second: int
    element: tuple[int, ...]


def find_witness(loop: For, src: Child, dst: Child, a: BufferRegion, b: BufferRegion) -> Witness | None:
    """Two different turns of `loop` in which `a` and `b` have an element in common, for some turn of outer loops.

    Only programs whose loops have constant bounds are tried, and only the first turns of each loop.
    """
    touched: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
    for outer, turn, element in _instances(loop, src, a):
        touched.setdefault((outer, element), turn)
    for outer, turn, element in _instances(loop, dst, b):
        first = touched.get((outer, element))
        if first is not None and first != turn:
            return Witness(first, turn, element)
    return None


def _instances(loop: For, child: Child, region: BufferRegion) -> Iterator[tuple[tuple[int, ...], int, tuple[int, ...]]]:
    """(turns of the outer loops, turn of `loop`, first element touched) of the first instances of an access."""
    spans = []
    depth = child.loops.index(loop)
    for i, outer in enumerate(child.loops):
        low, extent = outer.min, outer.extent
        if not (isinstance(low, IntImm) and isinstance(extent, IntImm)):
            return
        limit = 1 if i < depth else 32 if i == depth else 8
        spans.append(range(low.value, low.value + min(extent.value, limit)))
    bound = child.bound(region)
    condition = all_of(child.realize.predicate, *child.conditions)
    an = Analyzer()
    variables = [outer.loop_var for outer in child.loops]
    for turns in islice(product(*spans), LIMIT):
        at: Mapping[Var, Expr] = {v: IntImm(v.dtype, t) for v, t in zip(variables, turns, strict=True)}
        if condition is not TRUE and an.simplify(substitute(condition, at)) is not TRUE:
            continue
        element = [an.simplify(substitute(r.min, at)) for r in bound.region]
        extents = [an.simplify(substitute(r.extent, at)) for r in bound.region]
        if all(isinstance(e, IntImm) for e in element) and all(isinstance(e, IntImm) and e.value > 0 for e in extents):
            corner = tuple(e.value for e in element if isinstance(e, IntImm))
            yield turns[:depth], turns[depth], corner
