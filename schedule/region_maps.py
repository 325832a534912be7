"""Region maps: ranges as a function of a block's iterators, from a Python function, as text and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tir.buffer import Range
from ..tir.errors import said
from ..tir.expr import Expr, Var, as_expr
from ..tir.visit import substitute
from .errors import refusal
from .index_maps import decode_expr, encode_expr, index_variables
from .trace import CODECS, Codec


class RegionMap:
    """A range for each dimension, given the values of iterators."""

    def __init__(self, variables: Sequence[Var], ranges: Sequence[Range]) -> None:
        self.variables = tuple(variables)
        self.ranges = tuple(ranges)

    @staticmethod
    def of(value: Callable[..., Any] | RegionMap, iterators: Sequence[Var], ndim: int) -> RegionMap:
        """What a Python function gives for iterators like these; a region map as it is.

        Raises
        ------
        ScheduleError: it takes another number of iterators, or gives no `ndim` indices or (begin, end) pairs.
        """
        if isinstance(value, RegionMap):
            variables, given = value.variables, value.ranges
        else:
            if not callable(value):
                raise refusal(f"expected a function of the block's iterators, got {said(value)}")
            named = index_variables(value, len(iterators), "int32")
            variables = tuple(Var(n.name, v.dtype) for n, v in zip(named, iterators, strict=True))
            result = value(*variables)
            items = result if isinstance(result, (tuple, list)) else (result,)
            given = tuple(_range(item, variables) for item in items)
        if len(variables) != len(iterators):
            raise refusal(f"the function takes {len(variables)} iterators, but the block has {len(iterators)}")
        if len(given) != ndim:
            raise refusal(f"the function gives {len(given)} ranges, but the buffer has {ndim} dimensions")
        return RegionMap(variables, given)

    def at(self, values: Sequence[Expr]) -> tuple[Range, ...]:
        """The ranges for values of the iterators."""
        bound = dict(zip(self.variables, values, strict=True))
        return tuple(substitute(r, bound) for r in self.ranges)


def _range(item: Any, variables: Sequence[Var]) -> Range:
    like = variables[0].dtype if variables else None
    if isinstance(item, (int, Expr)):
        return Range.point(as_expr(item, like))
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return Range.of(as_expr(item[0], like), as_expr(item[1], like))
    raise refusal(f"a range is one index or a pair (begin, end), got {said(item)}")


def _encode(value: RegionMap) -> Any:
    return {
        "iterators": [[v.name, encode_expr(v.dtype)] for v in value.variables],
        "ranges": [[encode_expr(r.min), encode_expr(r.extent)] for r in value.ranges],
    }


def _decode(data: Any) -> RegionMap:
    variables = [Var(name, decode_expr(type_, {})) for name, type_ in data["iterators"]]
    by_name = {v.name: v for v in variables}
    return RegionMap(variables, [Range(*(decode_expr(e, by_name) for e in pair)) for pair in data["ranges"]])


def _python(value: RegionMap) -> str:
    items = [str(r.min) if r.is_point else f"({r.min}, {r.end})" for r in value.ranges]
    return f"lambda {', '.join(v.name for v in value.variables)}: ({', '.join(items)},)"


CODECS["region_map"] = Codec(RegionMap, _encode, _decode, _python)
