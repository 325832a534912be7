"""Extents, strides and offsets in signatures: integers, symbols and expressions over them, in data.

A dim is an `int`, a `str` (a symbol's name) or a tuple `(operator, dim, dim)` with an operator of `OPERATORS`:
`("*", "n", 2)` is n * 2. Values are 64-bit integers; an expression that overflows or divides by zero has no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import add, floordiv, mod, mul, sub
from typing import Any

from ...tir.errors import InternalError

Dim = int | str | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """How an operator is computed in Python and in LLVM, and how strongly its text binds (0: written as a call)."""

    value: Callable[[int, int], int]
    llvm: str
    binding: int


OPERATORS: dict[str, Operator] = {
    "+": Operator(add, "call {i64, i1} @llvm.sadd.with.overflow.i64", 1),
    "-": Operator(sub, "call {i64, i1} @llvm.ssub.with.overflow.i64", 1),
    "*": Operator(mul, "call {i64, i1} @llvm.smul.with.overflow.i64", 2),
    "//": Operator(floordiv, "call {i64, i1} @tir_floordiv", 2),
    "%": Operator(mod, "call {i64, i1} @tir_floormod", 2),
    "min": Operator(min, "call i64 @llvm.smin.i64", 0),
    "max": Operator(max, "call i64 @llvm.smax.i64", 0),
}


def names(dim: Dim) -> Iterator[str]:
    """The symbols in `dim`, in order, repeated as they occur."""
    if isinstance(dim, str):
        yield dim
    elif isinstance(dim, tuple):
        for part in _checked(dim)[1:]:
            yield from names(part)


def value(dim: Dim, symbols: Mapping[str, int]) -> int | None:
    """The value of `dim`, or None where it has none."""
    if isinstance(dim, int):
        return dim
    if isinstance(dim, str):
        return symbols[dim]
    operator, left, right = _checked(dim)
    a, b = value(left, symbols), value(right, symbols)
    if a is None or b is None or (operator in ("//", "%") and b == 0):
        return None
    result = OPERATORS[operator].value(a, b)
    return result if -(1 << 63) <= result < 1 << 63 else None


def text(dim: Dim, binding: int = 0) -> str:
    """`dim` as it reads in a program; parenthesised where its operator binds more loosely than `binding`."""
    if not isinstance(dim, tuple):
        return str(dim)
    operator, left, right = _checked(dim)
    own = OPERATORS[operator].binding
    if own == 0:
        return f"{operator}({text(left)}, {text(right)})"
    plain = f"{text(left, own)} {operator} {text(right, own + 1)}"
    return f"({plain})" if own < binding else plain


def _checked(dim: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(dim) != 3 or dim[0] not in OPERATORS:
        raise InternalError(f"{dim!r} is no dim: an expression is (operator, left, right), with one of {[*OPERATORS]}")
    return dim
