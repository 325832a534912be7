"""Iterator maps: indices as digits of loops, and whether they reach every point of a box, each once.

An index is read as a sum of *splits*, each a digit range of a *mark*: a loop, or a sum of splits that together count
without gaps. Whether the indices are independent then shows in the digits: every digit is used once, and for a
bijection all are used. The vocabulary and the idea are those of TVM's DetectIterMap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..buffer import Range
from ..expr import FALSE, TRUE, Expr, Var, as_expr
from ..stmt import BlockRealize
from ..visit import walk_unique
from .analyzer import Analyzer
from .iter_check import Refused
from .iter_detect import Attempt, Detector, MustPad
from .iter_types import (
    IterMapLevel,
    IterMapResult,
    IterMark,
    IterSplitExpr,
    IterSumExpr,
    Number,
    Numbers,
    Reason,
)
from .rewrite import HasEffect

__all__ = [
    "IterMapLevel",
    "IterMapResult",
    "IterMark",
    "IterSplitExpr",
    "IterSumExpr",
    "Number",
    "Reason",
    "affine_binding",
    "detect_iter_map",
    "extent_of",
    "is_affine_binding",
    "iter_map_simplify",
    "normalize_iter_map_to_expr",
    "normalize_to_iter_sum",
]


def detect_iter_map(
    indices: Sequence[Any],
    input_iters: Mapping[Var, Range],
    predicate: Any = True,
    check_level: IterMapLevel | str = IterMapLevel.SURJECTIVE,
    analyzer: Analyzer | None = None,
    *,
    allow_padding: bool = False,
) -> IterMapResult:
    """Read `indices` as sums of digits of `input_iters`, of which only values that satisfy `predicate` occur.

    Each index counts without gaps over its extent (`extent_of`), from its base and in steps of its scale. At
    SURJECTIVE all combinations of the indices occur; at BIJECTIVE each occurs once, so every loop is used up. Digits
    that do not divide a loop evenly are refused unless `allow_padding`, when the loop is taken to run on to the next
    multiple: then what is said holds for the padded loop, and the real points are some of the box. Extents and factors
    may be symbolic where the analyzer can prove what is needed. Never raises for odd indices: the result is false and
    `errors` names the index or iterator.

    Parameters
    ----------
    predicate: a conjunction of bounds on sums of iterators, as imperfect splits leave behind.
    analyzer: knows the symbols in extents and indices.
    """
    an, level = analyzer or Analyzer(), IterMapLevel.of(check_level)
    token = an.context.enter()
    try:
        for var, range_ in input_iters.items():
            an.bind(var, range_, allow_override=True)
        exprs = [as_expr(index) for index in indices]
        condition = an.simplify_node(as_expr(predicate))
        if condition is FALSE:
            return IterMapResult(errors=(Reason("the predicate never holds"),))
        refused: list[Reason] = []
        for literal in (False, True):
            attempt = Attempt(allow_padding, literal)
            try:
                return _read(an, input_iters, attempt, exprs, condition, level)
            except Refused as reason:
                refused.append(reason.reason)
        return IterMapResult(errors=(refused[0],))
    except HasEffect:
        return IterMapResult(errors=(Reason("an index calls a function with effects"),))
    finally:
        an.context.leave(token)


def _read(
    an: Analyzer,
    input_iters: Mapping[Var, Range],
    attempt: Attempt,
    exprs: Sequence[Expr],
    condition: Expr,
    level: IterMapLevel,
) -> IterMapResult:
    while True:
        try:
            return Detector(an, input_iters, attempt).run(exprs, condition, level)
        except MustPad as need:
            # Start again with the mark padded; each round adds a factor to a multiple, so this ends.
            attempt.needs[need.key] = need.left, need.multiple


def affine_binding(
    realize: BlockRealize, loop_ranges: Mapping[Var, Range], analyzer: Analyzer | None = None
) -> Reason | None:
    """None if the values given to a block's iterators are an affine binding of the loops, else the reason why not.

    That is: the iterators are independent of one another and count without gaps in steps of one (`IsAffineBinding`
    of TVM). Loops need not be used.
    """
    values = realize.iter_values
    if realize.predicate is TRUE and all(type(v) is Var for v in values) and len(set(values)) == len(values):
        # Loops themselves, each once, and no predicate.
        return None
    result = detect_iter_map(values, loop_ranges, realize.predicate, IterMapLevel.SURJECTIVE, analyzer)
    if result.errors:
        return result.errors[0]
    for value, total in zip(values, result.indices, strict=True):
        if any(arg.scale != 1 for arg in total.args):
            return Reason("{0} does not count in steps of one", (value,))
    return None


def is_affine_binding(
    realize: BlockRealize, loop_ranges: Mapping[Var, Range], analyzer: Analyzer | None = None
) -> bool:
    """Whether the values given to a block's iterators are an affine binding of the loops; see `affine_binding`."""
    return affine_binding(realize, loop_ranges, analyzer) is None


def iter_map_simplify(
    indices: Sequence[Any],
    input_iters: Mapping[Var, Range],
    predicate: Any = True,
    check_level: IterMapLevel | str = IterMapLevel.SURJECTIVE,
    analyzer: Analyzer | None = None,
) -> tuple[Expr, ...]:
    """The indices simplified, through their iterator map where they have one and it is shorter."""
    an = analyzer or Analyzer()
    result = detect_iter_map(indices, input_iters, predicate, check_level, an)
    token = an.context.enter()
    try:
        for var, range_ in input_iters.items():
            an.bind(var, range_, allow_override=True)
        plain = [an.simplify(index) for index in indices]
        if not result:
            return tuple(plain)
        mapped = [an.simplify(total.to_expr()) for total in result.indices]
    finally:
        an.context.leave(token)
    return tuple(min(p, m, key=_size) for p, m in zip(plain, mapped, strict=True))


def _size(e: Expr) -> int:
    return sum(1 for _ in walk_unique(e))


def normalize_to_iter_sum(
    index: Any, input_iters: Mapping[Var, Range], analyzer: Analyzer | None = None
) -> IterSumExpr:
    """An index as a sum of digits of the loops, gaps and overlaps allowed.

    Raises
    ------
    Refused: it is no such sum.
    """
    an = analyzer or Analyzer()
    for var, range_ in input_iters.items():
        an.bind(var, range_, allow_override=True)
    e = as_expr(index)
    total = Detector(an, input_iters, Attempt(False, False)).parse(an.normal(e), e.dtype)
    args = sorted(total.args, key=lambda a: a.scale if isinstance(a.scale, int) else 1 << 62, reverse=True)
    return IterSumExpr(tuple(args), total.base)


def normalize_iter_map_to_expr(total: IterSumExpr, analyzer: Analyzer | None = None) -> Expr:
    """A sum of digits as a simplified expression of the loops."""
    return (analyzer or Analyzer()).simplify(total.to_expr())


def extent_of(total: IterSumExpr, analyzer: Analyzer | None = None) -> Number:
    """How many values an index takes."""
    numbers = Numbers(analyzer or Analyzer())
    out: Number = 1
    for arg in total.args:
        out = numbers.times(out, arg.extent)
    return out
