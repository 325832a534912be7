"""Whether accesses in different turns of a loop stay in different tiles of a buffer, as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..arith.injective import Place, makes_out
from ..arith.linear import flat
from ..arith.merge import Part, part_of
from ..arith.stmt import is_lasting
from ..buffer import Range
from ..expr import Expr, FloorDiv, FloorMod, IntImm, Var
from ..visit import free_vars

Bounds = tuple[int, int]
"""The least and the greatest value."""


class Tile(NamedTuple):
    """An index in `start + digit * width + [number * |width| ... (number + 1) * |width| - 1]`.

    Attributes
    ----------
    digit: of the loop, which it makes out with others.
    start: terms that are the same in all turns.
    """

    digit: Place
    width: int
    start: frozenset[tuple[Expr, int]]
    number: int


def in_different_tiles(
    loop: Var,
    x: Sequence[Range],
    inner_x: Mapping[Var, Range],
    y: Sequence[Range],
    inner_y: Mapping[Var, Range],
) -> bool:
    """Whether region `x` in one turn of `loop` and `y` in another are seen to have no element in common.

    In some dimensions both are to lie in the tile of one width that a digit of the loop counts, and these digits are to
    make the loop out. Nothing is simplified: this is the short way for what dividing and fusing loops leaves.

    Parameters
    ----------
    inner_x, inner_y: the loops inside `loop` that the regions speak of.
    """
    places = []
    for a, b in zip(x, y, strict=True):
        tile = _tile(loop, a, inner_x)
        if tile is not None and tile == (tile if a is b and inner_x is inner_y else _tile(loop, b, inner_y)):
            places.append(tile.digit)
    return makes_out(places)


def _tile(loop: Var, index: Range, inner: Mapping[Var, Range]) -> Tile | None:
    if type(index.extent) is not IntImm or not index.min.dtype.is_index or loop not in free_vars(index.min):
        return None
    terms, low = flat(index.min)
    high = low + index.extent.value - 1
    digit: Part | None = None
    width = 0
    start: list[tuple[Expr, int]] = []
    known: dict[Expr, Bounds | None] = {}
    for atom, weight in terms.items():
        used = free_vars(atom)
        if loop in used:
            part = Part(atom, 1, None) if atom is loop else part_of(atom)
            if digit is not None or part is None or part.base is not loop:
                return None
            digit, width = part, weight
        elif not inner.keys().isdisjoint(used):
            bounds = _bounds(atom, inner, known)
            if bounds is None:
                return None
            ends = weight * bounds[0], weight * bounds[1]
            low, high = low + min(ends), high + max(ends)
        elif type(atom) is Var or is_lasting(atom):
            start.append((atom, weight))
        else:
            return None
    if digit is None or width == 0 or low // abs(width) != high // abs(width):
        return None
    return Tile((digit.lower, digit.upper), width, frozenset(start), low // abs(width))


def _bounds(e: Expr, inner: Mapping[Var, Range], known: dict[Expr, Bounds | None]) -> Bounds | None:
    """The least and the greatest value of a sum of loops and digits; None where that is not seen."""
    if e not in known:
        known[e] = _bounds_of(e, inner, known)
    return known[e]


def _bounds_of(e: Expr, inner: Mapping[Var, Range], known: dict[Expr, Bounds | None]) -> Bounds | None:
    if type(e) is Var:
        domain = inner.get(e)
        if domain is None or type(domain.min) is not IntImm or type(domain.extent) is not IntImm:
            return None
        return domain.min.value, domain.min.value + domain.extent.value - 1
    if isinstance(e, (FloorDiv, FloorMod)):
        if type(e.b) is not IntImm or e.b.value <= 0:
            return None
        if type(e) is FloorMod:
            return 0, e.b.value - 1
        base = _bounds(e.a, inner, known)
        return None if base is None else (base[0] // e.b.value, base[1] // e.b.value)
    terms, low = flat(e)
    high = low
    for atom, weight in terms.items():
        bounds = None if atom is e else _bounds(atom, inner, known)
        if bounds is None:
            return None
        ends = weight * bounds[0], weight * bounds[1]
        low, high = low + min(ends), high + max(ends)
    return low, high
