"""Witnesses: turns of a loop and an element that they touch, or store different values in, found by trying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any, NamedTuple

from ..arith import Analyzer
from ..buffer import BufferRegion
from ..expr import TRUE, Expr, IntImm, Var, all_of
from ..stmt import BufferStore, For
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


def stored_apart(loop: For, child: Child, store: BufferStore) -> bool:
    """Whether turns of `loop` are not found to store different values, as they are written, in one element.

    Those turns are tried that `find_witness` tries, with a block whose body is the store.
    """
    values: dict[tuple[Any, ...], Expr] = {}
    bound = {iv.var: value for iv, value in zip(child.block.iter_vars, child.realize.iter_values, strict=True)}
    indices, value = [substitute(i, bound) for i in store.indices], substitute(store.value, bound)
    an = Analyzer()
    for outer, _, at in _turns(loop, child):
        place = [an.simplify(substitute(i, at)) for i in indices]
        here = an.simplify(substitute(value, at))
        if all(isinstance(i, IntImm) for i in place) and values.setdefault((outer, *place), here) is not here:
            return False
    return True


def _instances(loop: For, child: Child, region: BufferRegion) -> Iterator[tuple[tuple[int, ...], int, tuple[int, ...]]]:
    """(turns of the outer loops, turn of `loop`, first element touched) of the first instances of an access."""
    bound = child.bound(region)
    an = Analyzer()
    for outer, turn, at in _turns(loop, child):
        element = [an.simplify(substitute(r.min, at)) for r in bound.region]
        extents = [an.simplify(substitute(r.extent, at)) for r in bound.region]
        if all(isinstance(e, IntImm) for e in element) and all(isinstance(e, IntImm) and e.value > 0 for e in extents):
            yield outer, turn, tuple(e.value for e in element if isinstance(e, IntImm))


def _turns(loop: For, child: Child) -> Iterator[tuple[tuple[int, ...], int, Mapping[Var, Expr]]]:
    """(turns of the outer loops, turn of `loop`, the values of all loops) of the first instances of a block."""
    spans = []
    depth = child.loops.index(loop)
    for i, outer in enumerate(child.loops):
        low, extent = outer.min, outer.extent
        if not (isinstance(low, IntImm) and isinstance(extent, IntImm)):
            return
        limit = 1 if i < depth else 32 if i == depth else 8
        spans.append(range(low.value, low.value + min(extent.value, limit)))
    condition = all_of(child.realize.predicate, *child.conditions)
    an = Analyzer()
    variables = [outer.loop_var for outer in child.loops]
    for turns in islice(product(*spans), LIMIT):
        at: Mapping[Var, Expr] = {v: IntImm(v.dtype, t) for v, t in zip(variables, turns, strict=True)}
        if condition is TRUE or an.simplify(substitute(condition, at)) is TRUE:
            yield turns[:depth], turns[depth], at
