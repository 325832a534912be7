"""Arrays for functions whose parameters a schedule gave another layout: brought into it, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..tir.arith.analyzer import Analyzer
from ..tir.expr import FloatImm, IntImm
from .errors import require
from .relayout import Layout

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Layouts = Mapping[int, Sequence[Layout]]
"""The changes of layout made to parameters, by the parameter's number, in order."""


def _places(layout: Layout, shape: Sequence[int]) -> Array:
    """An array of the new shape that holds the flat number of the element at each place, from 1, or 0 for padding."""
    import numpy as np

    count = int(np.prod(shape))
    numbers: Array = layout.map.map_ndarray(np.arange(1, count + 1).reshape(shape))
    return numbers


def into_layouts(args: Sequence[Any], layouts: Layouts) -> list[Any]:
    """Arguments in the old layouts brought into the new ones."""
    out = list(args)
    for number, changes in layouts.items():
        for layout in changes:
            out[number] = _into(out[number], layout)
    return out


def _into(array: Array, layout: Layout) -> Array:
    import numpy as np

    places = _places(layout, array.shape)
    held = places > 0
    new = np.zeros(places.shape, array.dtype)
    new[held] = array.ravel()[places[held] - 1]
    if layout.pad_value is not None:
        for at in np.argwhere(~held):
            new[tuple(at)] = _value(layout, at.tolist())
    return new


def _value(layout: Layout, at: Sequence[int]) -> float | int:
    assert layout.pad_value is not None
    indices = tuple(IntImm(v.dtype, int(i)) for v, i in zip(layout.pad_value.initial_indices, at, strict=True))
    pad = Analyzer().simplify(layout.pad(indices))
    require(
        isinstance(pad, (IntImm, FloatImm)), "the padding {0} is no constant at ({1})", pad, ", ".join(map(str, at))
    )
    assert isinstance(pad, (IntImm, FloatImm))
    return pad.value


def out_of_layouts(args: Sequence[Any], before: Sequence[Any], layouts: Layouts) -> list[Any]:
    """Arguments in the new layouts brought back into those of the arrays `before`."""
    out = list(args)
    for number, changes in layouts.items():
        shapes = [before[number].shape]
        for layout in changes[:-1]:
            shapes.append(_places(layout, shapes[-1]).shape)
        for layout, shape in zip(reversed(changes), reversed(shapes), strict=True):
            out[number] = _back(out[number], layout, shape)
    return out


def _back(array: Array, layout: Layout, shape: Sequence[int]) -> Array:
    import numpy as np

    places = _places(layout, shape)
    held = places > 0
    old = np.zeros(int(np.prod(shape)), array.dtype)
    old[places[held] - 1] = array[held]
    return old.reshape(shape)
