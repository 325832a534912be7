"""What values an integer expression can take, so that plain C arithmetic is written where nothing can overflow."""

from __future__ import annotations

from ...tir import expr as E
from ...tir.dtype import DType
from ...tir.expr import Expr, IntImm, Var

Range = tuple[int, int]


def interval(e: Expr, known: dict[Var, Range]) -> Range | None:
    """The least and greatest value of an integer expression, or None where only its type bounds it."""
    if isinstance(e, IntImm):
        return e.value, e.value
    if isinstance(e, Var):
        return known.get(e) or _narrow(e.dtype)
    if isinstance(e, E.Cast) and e.value.dtype.is_integral and e.dtype.lanes == 1:
        inner = interval(e.value, known)
        return inner if inner and fits(inner, e.dtype) else _narrow(e.dtype)
    if not isinstance(e, E.BinaryOp) or not e.dtype.is_integral or e.dtype.lanes > 1:
        return _narrow(e.dtype)
    a, b = interval(e.a, known), interval(e.b, known)
    found = combine(type(e), a, b) if a and b else None
    return found if found and fits(found, e.dtype) else _narrow(e.dtype)


def _narrow(type_: DType) -> Range | None:
    """The range of a type that arithmetic in `int` cannot leave, or of an unsigned one."""
    if type_.lanes == 1 and type_.is_integral and (type_.bits < 32 or type_.is_uint):
        return int(type_.min), int(type_.max)
    return None


def combine(cls: type[Expr], a: Range, b: Range) -> Range | None:
    """The exact values of an operation on values of two ranges; None where it is not known."""
    if cls is E.Add:
        return a[0] + b[0], a[1] + b[1]
    if cls is E.Sub:
        return a[0] - b[1], a[1] - b[0]
    if cls is E.Mul:
        products = [x * y for x in a for y in b]
        return min(products), max(products)
    if cls is E.Min:
        return min(a[0], b[0]), min(a[1], b[1])
    if cls is E.Max:
        return max(a[0], b[0]), max(a[1], b[1])
    if b[0] <= 0:
        return None
    if cls is E.FloorDiv:
        quotients = [x // y for x in a for y in b]
        return min(quotients), max(quotients)
    if cls is E.FloorMod:
        return 0, b[1] - 1
    return None


def fits(r: Range, type_: DType) -> bool:
    """Whether every value of the range is one of the type."""
    return int(type_.min) <= r[0] and r[1] <= int(type_.max)
