"""Lines of one C function under construction: indentation, fresh names, what is computed already, ways out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..bounds import Access
from ..runtime import codes
from .names import Names


class Code(str):
    """C text of an expression; `level` is how tightly its outermost operator binds (see `LEVELS`)."""

    level: int

    def __new__(cls, text: str, level: int = 20) -> Code:
        self = str.__new__(cls, text)
        self.level = level
        return self

    def within(self, level: int) -> str:
        """The text as an operand of an operator of this level, in parentheses where it needs them."""
        return str(self) if self.level >= level else f"({self})"


ATOM, UNARY, MUL, ADD, SHIFT, COMPARE, BITS, AND, OR, CHOICE = 20, 15, 12, 11, 10, 9, 7, 5, 4, 2


@dataclass
class Shared:
    """What the functions of a file share: the messages of error codes, the types and functions it declares."""

    sanitize: bool = False
    checked: frozenset[Access] = frozenset()
    messages: list[str] = field(default_factory=list)
    vectors: dict[str, str] = field(default_factory=dict)
    externs: dict[str, str] = field(default_factory=dict)

    def message(self, text: str) -> int:
        """The error code that stands for `text`."""
        if text not in self.messages:
            self.messages.append(text)
        return codes.message(self.messages.index(text))


class Writer:
    """Text of one function.

    Attributes
    ----------
    memo: the variables that hold what has been computed in the blocks around, by expression.
    cleanups: statements that must run before leaving, outermost first.
    exit: how an error leaves: the name of the parallel loop's error variable and its label, or None to return.
    """

    def __init__(self, shared: Shared, names: Names) -> None:
        self.shared, self.names = shared, names
        self.lines: list[str] = []
        self.depth = 1
        self.memo: dict[Any, Code] = {}
        self.cleanups: list[str] = []
        self.exit: tuple[str, str, int] | None = None
        self.can_fail = False

    def line(self, text: str) -> None:
        """Append a line."""
        self.lines.append("    " * self.depth + text)

    def let(self, kind: str, value: str, hint: str = "t") -> Code:
        """Declare a variable that holds `value`."""
        name = self.names.fresh(hint)
        self.line(f"const {kind} {name} = {value};" if not kind.endswith("*") else f"{kind}{name} = {value};")
        return Code(name)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """A block after `header`; what is computed in it is forgotten after it."""
        self.line(f"{header} {{")
        memo, self.memo = self.memo, dict(self.memo)
        self.depth += 1
        yield
        self.depth -= 1
        self.memo = memo
        self.line("}")

    @contextmanager
    def aside(self) -> Iterator[list[str]]:
        """Collect the lines written meanwhile in a list instead, one level deeper, as a block of their own."""
        lines, self.lines = self.lines, []
        memo, self.memo = self.memo, dict(self.memo)
        self.depth += 1
        yield self.lines
        self.depth -= 1
        self.lines, self.memo = lines, memo

    def fail_if(self, bad: str, code: int) -> None:
        """Leave with the error `code` where the condition `bad` holds."""
        with self.block(f"if ({bad})"):
            self.leave(str(code))

    def leave(self, code: str) -> None:
        """Leave the function, or the parallel loop around, with the error `code`."""
        self.can_fail = True
        first = self.exit[2] if self.exit else 0
        for text in reversed(self.cleanups[first:]):
            self.line(text)
        if self.exit:
            self.line(f"tir_fail(&{self.exit[0]}, {code});")
            self.line(f"goto {self.exit[1]};")
        else:
            self.line(f"return {code};")
