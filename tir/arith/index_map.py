"""Index maps: layouts as functions from indices to indices, inverted, composed and applied to shapes and arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, ClassVar

from ..buffer import Range
from ..dtype import DType, dtype
from ..errors import UserError, said
from ..expr import (
    FALSE,
    INT_RULES,
    And,
    Call,
    Cast,
    Expr,
    IntImm,
    Max,
    Min,
    Not,
    Or,
    Select,
    Var,
    as_expr,
)
from ..visit import Rewriter, substitute
from .analyzer import Analyzer
from .interval import eval_set
from .iter_inverse import invert
from .iter_map import IterMapLevel, IterMapResult, IterMark, IterSumExpr, detect_iter_map, extent_of


class _Separator:
    """The type of `IndexMap.AXIS_SEPARATOR`."""

    def __repr__(self) -> str:
        return "IndexMap.AXIS_SEPARATOR"


class IndexMap:
    """The map `initial_indices -> final_indices`: where in the new layout an element of the old one lies.

    Attributes
    ----------
    initial_indices: variables, one for each dimension of the old layout.
    final_indices: expressions of these, one for each dimension of the new layout.
    inverse_index_map: the inverse, where the caller knows one that cannot be found.
    """

    AXIS_SEPARATOR: ClassVar[_Separator] = _Separator()

    def __init__(
        self,
        initial_indices: Sequence[Var],
        final_indices: Sequence[Any],
        inverse_index_map: IndexMap | None = None,
    ) -> None:
        self.initial_indices = tuple(initial_indices)
        self.final_indices: tuple[Expr, ...] = tuple(map(as_expr, final_indices))
        self.inverse_index_map = inverse_index_map

    @staticmethod
    def from_func(
        func: Callable[..., Any],
        ndim: int | None = None,
        inverse_index_map: Callable[..., Any] | IndexMap | None = None,
        *,
        index_dtype: Any = "int32",
    ) -> IndexMap:
        """The map that `func` computes: `IndexMap.from_func(lambda i, j: (j, i // 4, i % 4))`.

        Parameters
        ----------
        ndim: number of dimensions `*args` of `func` stands for.
        inverse_index_map: a function or map that inverts `func`, where that cannot be found out.

        Raises
        ------
        UserError: `func` gives no tuple of indices, or separates axes (see `from_func_with_separators`).
        """
        out, separators = IndexMap.from_func_with_separators(func, ndim, inverse_index_map, index_dtype=index_dtype)
        if separators:
            raise UserError("the map separates axes; use IndexMap.from_func_with_separators")
        return out

    @staticmethod
    def from_func_with_separators(
        func: Callable[..., Any],
        ndim: int | None = None,
        inverse_index_map: Callable[..., Any] | IndexMap | None = None,
        *,
        index_dtype: Any = "int32",
    ) -> tuple[IndexMap, tuple[int, ...]]:
        """(map, separators): `IndexMap.AXIS_SEPARATOR` among the results of `func` starts a new physical axis.

        Raises
        ------
        UserError: `func` gives no tuple of indices.
        """
        variables = _parameters(func, ndim, dtype(index_dtype))
        result = func(*variables)
        items = result if isinstance(result, (tuple, list)) else (result,)
        separators = []
        final: list[Any] = []
        for item in items:
            if item is IndexMap.AXIS_SEPARATOR:
                separators.append(len(final))
            elif isinstance(item, (int, Expr)) and not isinstance(item, bool):
                final.append(as_expr(item, variables[0].dtype if variables else None))
            else:
                raise UserError(f"an index map gives a tuple of indices, got {said(item)} in it")
        inverse = inverse_index_map
        if inverse is not None and not isinstance(inverse, IndexMap):
            inverse = IndexMap.from_func(inverse, len(final), index_dtype=index_dtype)
        return IndexMap(variables, final, inverse), tuple(separators)

    def __repr__(self) -> str:
        names = ", ".join(v.name for v in self.initial_indices)
        return f"IndexMap(({names}) -> ({', '.join(map(str, self.final_indices))}))"

    @property
    def ndim(self) -> int:
        """Number of dimensions of the old layout."""
        return len(self.initial_indices)

    def _check_ndim(self, items: Sequence[Any], what: str) -> None:
        if len(items) != self.ndim:
            raise UserError(f"the index map takes {self.ndim} {what}, got {len(items)}")

    def map_indices(self, indices: Sequence[Any], analyzer: Analyzer | None = None) -> tuple[Expr, ...]:
        """The new indices of an element, simplified; in the type of the indices given.

        Raises
        ------
        UserError: the number of indices differs from `ndim`.
        """
        self._check_ndim(indices, "indices")
        exprs = list(map(as_expr, indices))
        own = self.retyped(exprs[0].dtype) if exprs else self
        values = dict(zip(own.initial_indices, exprs, strict=True))
        an = analyzer or Analyzer()
        return tuple(an.simplify(substitute(e, values)) for e in own.final_indices)

    def retyped(self, to: DType) -> IndexMap:
        """The map over indices of another integer type."""
        if all(v.dtype == to for v in self.initial_indices):
            return self
        retype = _Retype(to)
        variables = [retype.variable(v) for v in self.initial_indices]
        return IndexMap(variables, [retype(e) for e in self.final_indices], self.inverse_index_map)

    def _ranges(self, shape: Sequence[Any]) -> dict[Var, Range]:
        self._check_ndim(shape, "extents")
        return {
            v: n if isinstance(n, Range) else Range(IntImm(v.dtype, 0), as_expr(n, v.dtype))
            for v, n in zip(self.initial_indices, shape, strict=True)
        }

    def detect(self, shape: Sequence[Any], analyzer: Analyzer | None = None, *, padding: bool = False) -> IterMapResult:
        """The map over a shape (extents or ranges) as an iterator map."""
        return detect_iter_map(
            self.final_indices,
            self._ranges(shape),
            True,
            IterMapLevel.BIJECTIVE,
            analyzer,
            allow_padding=padding,
        )

    def map_ranges(self, ranges: Sequence[Range], analyzer: Analyzer | None = None) -> tuple[Range, ...]:
        """The least box that holds the new indices of all elements of a box."""
        an = analyzer or Analyzer()
        domains = self._ranges(ranges)
        result = self.detect(ranges, an, padding=True)
        if result and all(not t.args or t.args[0].scale == 1 for t in result.indices):
            return tuple(Range(an.simplify(t.base), as_expr(extent_of(t, an), t.base.dtype)) for t in result.indices)
        token = an.context.enter()
        try:
            for var, range_ in domains.items():
                an.bind(var, range_, allow_override=True)
            return tuple(_span(an, e, domains) for e in self.final_indices)
        finally:
            an.context.leave(token)

    def map_shape(self, shape: Sequence[Any], analyzer: Analyzer | None = None) -> tuple[Expr, ...]:
        """The shape of the new layout: one past the greatest index in each dimension."""
        an = analyzer or Analyzer()
        ranges = self.map_ranges(list(self._ranges(shape).values()), an)
        return tuple(an.simplify(r.min + r.extent) for r in ranges)

    def map_ndarray(self, array: Any) -> Any:
        """A numpy array brought into the new layout; elements of padding are 0.

        Raises
        ------
        UserError: the array has another number of dimensions, or an index falls outside of the new shape.
        """
        import numpy as np

        array = np.asarray(array)
        self._check_ndim(array.shape, "dimensions")
        shape = tuple(_int(e) for e in self.map_shape(array.shape))
        grid = np.indices(array.shape, sparse=True)
        values = dict(zip(self.initial_indices, grid, strict=True))
        index = tuple(np.broadcast_to(_on_arrays(e, values), array.shape) for e in self.final_indices)
        if any(i.size and int(i.min()) < 0 for i in index):
            raise UserError(f"{self!r} gives negative indices over the shape {array.shape}")
        out = np.zeros(shape, array.dtype)
        out[index] = array
        return out

    def inverse(self, shape: Sequence[Any], analyzer: Analyzer | None = None) -> IndexMap:
        """The map back from the new layout, over a shape (extents or ranges) of the old one.

        Raises
        ------
        UserError: the map is not a bijection onto a box over that shape.
        """
        if self.inverse_index_map is not None:
            return self.inverse_index_map
        an = analyzer or Analyzer()
        result = self.detect(shape, an)
        if not result:
            raise UserError(f"{self!r} is not bijective over {_shown(shape)}: {result.errors[0]}")
        for index, total in zip(self.final_indices, result.indices, strict=True):
            for scale in _gaps(total):
                raise UserError(
                    f"{self!r} is not bijective over {_shown(shape)}: `{index}` has gaps: it counts in steps of {scale}"
                )
        return self._inverted(result, an)[0]

    def non_surjective_inverse(self, shape: Sequence[Any], analyzer: Analyzer | None = None) -> tuple[IndexMap, Expr]:
        """(inverse, padding): the map back, and the condition on new indices under which there is no old element.

        Raises
        ------
        UserError: two elements may have the same new index.
        """
        an = analyzer or Analyzer()
        if self.inverse_index_map is not None:
            return self.inverse_index_map, FALSE
        result = self.detect(shape, an, padding=True)
        if not result:
            raise UserError(f"{self!r} cannot be inverted over {_shown(shape)}: {result.errors[0]}")
        return self._inverted(result, an)

    def _inverted(self, result: IterMapResult, an: Analyzer) -> tuple[IndexMap, Expr]:
        outputs = [Var(f"axis{i}", e.dtype) for i, e in enumerate(self.final_indices)]
        token = an.context.enter()
        try:
            for var, total in zip(outputs, result.indices, strict=True):
                if all(arg.scale == 1 for arg in total.args):
                    an.bind(var, Range(total.base, as_expr(extent_of(total, an), var.dtype)), allow_override=True)
            inverse = invert(result.indices, outputs, an)
            padding: Expr = FALSE
            for mark in result.paddings:
                value = inverse.values[mark]
                assert mark.unpadded is not None
                padding = an.simplify(padding | _outside(mark, value, _divisors(result.indices, mark)))
            for var, total in zip(outputs, result.indices, strict=True):
                for scale in _gaps(total):
                    padding = an.simplify(padding | ((var - total.base) % scale != 0))
        finally:
            an.context.leave(token)
        values = [inverse.loops.get(v, IntImm(v.dtype, 0)) for v in self.initial_indices]
        return IndexMap(outputs, values, self), padding

    def compose(self, first: IndexMap) -> IndexMap:
        """The map that applies `first` and then this one.

        Raises
        ------
        UserError: `first` does not give as many indices as this map takes.
        """
        return IndexMap(first.initial_indices, self.map_indices(first.final_indices))

    def is_equivalent_to(self, other: IndexMap, analyzer: Analyzer | None = None) -> bool:
        """Whether both maps are shown to give the same indices."""
        if self.ndim != other.ndim or len(self.final_indices) != len(other.final_indices):
            return False
        an = analyzer or Analyzer()
        mapped = other.map_indices(self.initial_indices, an)
        return all(an.equal(a, b) for a, b in zip(self.final_indices, mapped, strict=True))


def _gaps(total: IterSumExpr) -> list[Any]:
    """The steps in which an index counts, where they leave something out."""
    return [arg.scale for arg in total.args if not (isinstance(arg.scale, int) and abs(arg.scale) == 1)]


def _divisors(sums: Sequence[IterSumExpr], mark: IterMark) -> set[Any]:
    """What a mark is divided by in sums."""
    found = {arg.lower_factor for total in sums for arg in total.args if arg.source is mark}
    inner = {arg.source for total in sums for arg in total.args if isinstance(arg.source.source, IterSumExpr)}
    for other in inner:
        assert isinstance(other.source, IterSumExpr)
        found |= _divisors([other.source], mark)
    return found - {1}


def _outside(mark: IterMark, value: Expr, divisors: set[Any]) -> Expr:
    """The condition that a padded mark of this value is padding: what lies before or after it in the first or last of
    its tiles, where it is divided into those of one size."""
    end = as_expr(mark.left, value.dtype) + mark.unpadded
    if len(divisors) != 1 or not isinstance(end, IntImm):
        return (value < mark.left) | (value >= end)
    (size,) = divisors
    if not isinstance(size, int):
        return (value < mark.left) | (value >= end)
    before = (value // size == mark.left // size) & (value % size < mark.left % size)
    after = (value // size == end.value // size) & (value % size >= end.value % size)
    return (before if mark.left else FALSE) | (after if end.value % size else FALSE)


def _span(an: Analyzer, e: Expr, domains: dict[Var, Range]) -> Range:
    """The range an index takes over its domains; its constant bounds where nothing else is known."""
    found = eval_set(an, e, domains)
    low, high = an.const_int_bound(e)
    if found.is_everything and high - low >= e.dtype.max:
        raise UserError(f"the index `{e}` of the map has no bounds over {_shown(domains.values())}")
    return found.to_range(an, Range(IntImm(e.dtype, low), IntImm(e.dtype, min(high - low + 1, int(e.dtype.max)))))


def _parameters(func: Callable[..., Any], ndim: int | None, type_: DType) -> tuple[Var, ...]:
    names: list[str] = []
    spread: str | None = None
    for parameter in inspect.signature(func).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            spread = parameter.name
        elif parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    if spread is not None:
        if ndim is None:
            raise UserError(f"the map takes `*{spread}`; say how many dimensions there are by ndim=")
        names += [f"{spread}_{i}" for i in range(ndim - len(names))]
    if ndim is not None and len(names) != ndim:
        raise UserError(f"the map takes {len(names)} indices, but there are {ndim} dimensions")
    return tuple(Var(name, type_) for name in names)


def _shown(shape: Iterable[Any]) -> str:
    return f"({', '.join(f'{n.min} to {n.min + n.extent}' if isinstance(n, Range) else str(n) for n in shape)})"


def _int(e: Expr) -> int:
    if not isinstance(e, IntImm):
        raise UserError(f"the extent `{e}` of the new layout is not constant")
    return e.value


class _Retype(Rewriter):
    """An index expression over variables and constants of another integer type."""

    def __init__(self, to: DType) -> None:
        self.to = to
        self.variables: dict[Var, Var] = {}

    def variable(self, var: Var) -> Var:
        """The variable that stands for `var`."""
        return self.variables.setdefault(var, Var(var.name, self.to))

    def visit_var(self, node: Var) -> Expr:
        new = self.variables.get(node)
        return Cast(self.to, node) if new is None else new

    def visit_int_imm(self, node: IntImm) -> Expr:
        return node if node.dtype.is_bool else IntImm(self.to, node.value)

    def visit_cast(self, node: Cast) -> Expr:
        return self(node.value) if node.value.dtype.is_integral else Cast(self.to, self(node.value))

    def visit_call(self, node: Call) -> Expr:
        args = tuple(map(self, node.args))
        return Call(self.to if node.dtype.is_integral else node.dtype, node.op, args)


def _on_arrays(e: Expr, values: dict[Var, Any]) -> Any:
    """The value of an index expression over arrays of indices."""
    import numpy as np

    if isinstance(e, Var):
        if e not in values:
            raise UserError(f"the index map uses `{e.name}`, which is none of its indices")
        return values[e]
    if isinstance(e, IntImm):
        return np.int64(e.value)
    if isinstance(e, Cast):
        return _on_arrays(e.value, values)
    rule = _array_rules().get(e.op.name if isinstance(e, Call) else type(e))
    if rule is None:
        raise UserError(f"`{e}` in an index map cannot be computed on an array")
    return rule(*(_on_arrays(child, values) for child in e.children()))


@cache
def _array_rules() -> dict[Any, Callable[..., Any]]:
    import numpy as np

    logical: dict[Any, Any] = {
        And: np.logical_and,
        Or: np.logical_or,
        Not: np.logical_not,
        Select: np.where,
        "if_then_else": np.where,
    }
    bits = {"bitwise_xor": np.bitwise_xor, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or}
    shifts = {"shift_left": np.left_shift, "shift_right": np.right_shift}
    return {**INT_RULES, Min: np.minimum, Max: np.maximum, **logical, **bits, **shifts}
