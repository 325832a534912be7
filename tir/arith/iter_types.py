"""The vocabulary of iterator maps: marks, splits and sums of iterators, and what a detection returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from .. import render
from ..errors import UserError, filled
from ..expr import Add, Expr, FloorDiv, FloorMod, IntImm, Mul, as_expr
from .analyzer import Analyzer

Number = int | Expr
"""An extent, factor or scale: an int where it is constant."""


class IterMapLevel(Enum):
    """What is asked of a map: nothing but its form, every point of the box reached, or each exactly once."""

    NO_CHECK = "no check"
    SURJECTIVE = "surjective"
    BIJECTIVE = "bijective"

    @classmethod
    def of(cls, level: IterMapLevel | str) -> IterMapLevel:
        """A level, or the one of that name ("nocheck" and any case of letters as well).

        Raises
        ------
        UserError: there is none of that name.
        """
        if isinstance(level, IterMapLevel):
            return level
        name = level.lower().replace("nocheck", "no check")
        if name not in {each.value for each in cls}:
            raise UserError(f"unknown level {level!r} of iterator maps; it is 'nocheck', 'surjective' or 'bijective'")
        return cls(name)


class Reason(NamedTuple):
    """Why a map was refused: a template whose `{0}`, `{1}`, ... stand for nodes or numbers. Rendered by `str`."""

    template: str
    parts: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return filled(self.template, map(render.describe, self.parts))


@dataclass(frozen=True, eq=False)
class IterMark:
    """An iterator over `0 ... extent - 1`: a variable (less its minimum), or a sum of splits that counts without gaps.

    A padded mark counts `source + left`, and `left ... left + unpadded - 1` is what really occurs of its extent. A
    swizzled mark counts `source ^ mask`, the mask being an expression of other loops.
    """

    source: Expr | IterSumExpr
    extent: Number
    left: int = 0
    unpadded: Number | None = None
    mask: Expr | None = None

    def to_expr(self) -> Expr:
        """The iterator's value in terms of the loops."""
        value = self.source.to_expr() if isinstance(self.source, IterSumExpr) else self.source
        if self.mask is not None:
            value = value ^ self.mask
        return value + self.left if self.left else value


@dataclass(frozen=True, eq=False)
class IterSplitExpr:
    """`(source // lower_factor) % extent * scale`."""

    source: IterMark
    lower_factor: Number
    extent: Number
    scale: Number

    def with_scale(self, scale: Number) -> IterSplitExpr:
        """The same digits weighted otherwise."""
        return IterSplitExpr(self.source, self.lower_factor, self.extent, scale)

    def to_expr(self) -> Expr:
        """The split's value in terms of the loops."""
        value = self.source.to_expr()
        top = self.lower_factor == 1 and (self.extent is self.source.extent or self.extent == self.source.extent)
        if not top:
            if self.lower_factor != 1:
                value = FloorDiv(value, as_expr(self.lower_factor, value.dtype))
            value = FloorMod(value, as_expr(self.extent, value.dtype))
        return value if self.scale == 1 else Mul(value, as_expr(self.scale, value.dtype))


@dataclass(frozen=True, eq=False)
class IterSumExpr:
    """`sum(args) + base`, args from the greatest scale to the least."""

    args: tuple[IterSplitExpr, ...]
    base: Expr

    def to_expr(self) -> Expr:
        """The index in terms of the loops, not simplified."""
        out: Expr | None = None
        for arg in self.args:
            out = arg.to_expr() if out is None else Add(out, arg.to_expr())
        if out is None:
            return self.base
        return out if isinstance(self.base, IntImm) and self.base.value == 0 else Add(out, self.base)


@dataclass(frozen=True, eq=False)
class IterMapResult:
    """What was found: `indices`, one sum each, empty if the map was refused; `errors` says why.

    `paddings` are the marks whose extent was rounded up.
    """

    indices: tuple[IterSumExpr, ...] = ()
    errors: tuple[Reason, ...] = ()
    paddings: tuple[IterMark, ...] = ()

    def __bool__(self) -> bool:
        return not self.errors


class Numbers:
    """Arithmetic of extents and factors: ints as ints, symbols through the analyzer."""

    def __init__(self, an: Analyzer) -> None:
        self.an = an

    def number(self, e: Expr) -> Number:
        """An expression as an int if it is constant."""
        if type(e) is IntImm:
            return e.value
        form = self.an.normal(e)
        return form.const if form.is_const else self.an.build(form, e.dtype)

    def times(self, a: Number, b: Number) -> Number:
        """The product."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        return self.number(as_expr(a) * b)

    def equal(self, a: Number, b: Number) -> bool:
        """Whether two numbers are shown to be equal."""
        if isinstance(a, int) and isinstance(b, int):
            return a == b
        return a is b or self.an.equal(a, b)

    def quotient(self, a: Number, b: Number) -> Number | None:
        """`a / b` if it divides evenly, else None."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b if b and a % b == 0 else None
        if self.equal(a, b):
            return 1
        if self.equal(b, 1):
            return a
        x, y = as_expr(a), as_expr(b)
        return self.number(x // y) if self.an.equal(x % y, 0) else None

    def at_most(self, a: Number, b: Number) -> bool:
        """Whether `a <= b` is shown."""
        if isinstance(a, int) and isinstance(b, int):
            return a <= b
        return self.an.prove(as_expr(a) <= b)
