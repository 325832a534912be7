"""Selections: the condition decided or kept, branches simplified under it, what they share taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..expr import Call, Expr, IntImm, Select
from ..op import OPS
from ..visit import walk_unique
from .linear import Linear

if TYPE_CHECKING:
    from .analyzer import Analyzer

MOST_BRANCHES = 4
"""Conditions within an expression that are taken into account at a time. Results are shared only within a scope, so
that without a limit expressions with shared parts would cost time exponential in the depth to which they nest."""

IF_THEN_ELSE = OPS["if_then_else"]

Choice = Select | Call
"""A `Select`, or a call of `if_then_else`."""


def parts(e: Choice) -> tuple[Expr, Expr, Expr]:
    """(condition, value where it holds, other value)."""
    if isinstance(e, Select):
        return e.condition, e.true_value, e.false_value
    return e.args[0], e.args[1], e.args[2]


def rebuilt(e: Choice, condition: Expr, yes: Expr, no: Expr) -> Choice:
    """A selection as `e` is, of other operands."""
    return Select(condition, yes, no) if isinstance(e, Select) else Call(yes.dtype, e.op, (condition, yes, no))


def choose(an: Analyzer, e: Choice) -> Expr:
    """The simplified selection of values of any type."""
    decided = _decide(an, e)
    if isinstance(decided, Expr):
        return decided
    return an.ruled(rebuilt(e, *decided))


def choose_integer(an: Analyzer, e: Choice) -> Linear:
    """The form of a selection of integers: `select(c, x + y, x + z)` is `x + select(c, y, z)`."""
    decided = _decide(an, e)
    if isinstance(decided, Expr):
        _settle(an, decided)
        return an.normal(decided)
    condition, yes, no = decided
    _settle(an, yes)
    _settle(an, no)
    a, b = an.normal(yes), an.normal(no)
    common = Linear({k: c for k, c in a.terms.items() if b.terms.get(k) == c}, a.const if a.const == b.const else 0)
    if common.terms or common.const:
        x, y = a.add(common, -1), b.add(common, -1)
        if an.fits(x, e.dtype) and an.fits(y, e.dtype):
            inner = an.rewritten(rebuilt(e, condition, an.build(x, e.dtype), an.build(y, e.dtype)))
            return inner.add(common)
    return an.rewritten(rebuilt(e, condition, yes, no))


def _settle(an: Analyzer, e: Expr) -> None:
    """Take the selections in a branch as they are: they were simplified in its scope, which knew more."""
    for node in walk_unique(e):
        if isinstance(node, Select) or (isinstance(node, Call) and node.op is IF_THEN_ELSE):
            an.context.simplified.setdefault(node, node)
            if node.dtype.is_integral and node not in an.context.raw:
                an.context.raw[node] = an.atom(node)


def _decide(an: Analyzer, e: Choice) -> Expr | tuple[Expr, Expr, Expr]:
    """The branch taken, if that is known; else the simplified parts."""
    condition, yes, no = parts(e)
    condition = an.simplify_node(condition)
    if isinstance(condition, IntImm):
        return an.simplify_node(yes if condition.value else no)
    if yes is no:
        return an.simplify_node(yes)
    first, second = _under(an, e, condition, yes, True), _under(an, e, condition, no, False)
    return first if first is second else (condition, first, second)


def _under(an: Analyzer, e: Choice, condition: Expr, branch: Expr, truth: bool) -> Expr:
    # Both operands of a Select are evaluated: under the condition only what cannot fault anyway may be simplified.
    plain = condition.dtype.lanes > 1 or an.context.branches >= MOST_BRANCHES
    if plain or (isinstance(e, Select) and not an.is_total(branch)):
        return an.simplify_node(branch)
    with an.branch():
        an.assume_simplified(condition, truth)
        return an.simplify_node(branch)
