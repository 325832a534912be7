"""Breaking long lines: inside brackets, at the loosest separator, as a good formatter does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LOOSENESS: dict[str, int] = {
    ", ": 0,
    " or ": 1,
    " and ": 2,
    **dict.fromkeys((" == ", " != ", " < ", " <= ", " > ", " >= "), 3),
    " | ": 4,
    " ^ ": 5,
    " & ": 6,
    **dict.fromkeys((" << ", " >> "), 7),
    **dict.fromkeys((" + ", " - "), 8),
    **dict.fromkeys((" * ", " / ", " // ", " % "), 9),
}
"""Separators by how loosely they bind; a line is broken after a comma, before an operator."""

INDENT = 4
ROOM = 30
"""Columns that must be left for text (a third of the width if that is less); a line indented further stays long."""


class Line(NamedTuple):
    """The tokens `begin` to `end` of a statement on a line of their own."""

    indent: int
    begin: int
    end: int
    comma: bool = False

    def text(self, tokens: Sequence[str]) -> str:
        """The line, indented."""
        return " " * self.indent + "".join(tokens[self.begin : self.end]).strip() + "," * self.comma


def break_line(tokens: list[str], indent: int, width: int) -> list[Line]:
    """The lines on which to write a statement that is too long for one.

    A token that ends in a bracket opens a group and a lone bracket closes it. Two empty tokens stand around an
    expression that may be put in parentheses; where the line is broken, they become these.
    """
    room = min(ROOM, width // 3)
    if indent + room > width:
        return [Line(indent, 0, len(tokens))]
    if "" in tokens:
        tokens[tokens.index("")] = "("
        tokens[tokens.index("")] = ")"
    return _Breaker(tokens, width, room).run(indent)


class _Breaker:
    def __init__(self, tokens: list[str], width: int, room: int) -> None:
        self.tokens, self.width, self.room = tokens, width, room
        self.closer: dict[int, int] = {}
        self.starts = [0]
        open_brackets: list[int] = []
        for i, token in enumerate(tokens):
            self.starts.append(self.starts[-1] + len(token))
            if token in (")", "]", "}"):
                self.closer[open_brackets.pop()] = i
            elif token and token[-1] in "([{":
                open_brackets.append(i)
        self.lines: list[Line] = []

    def run(self, indent: int) -> list[Line]:
        self.split(0, len(self.tokens), indent, inside=False)
        return self.lines

    def split(self, begin: int, end: int, indent: int, *, inside: bool, comma: bool = False) -> None:
        length = self.starts[end] - self.starts[begin] + comma - self.tokens[begin].startswith(" ")
        if indent + length > self.width and indent + self.room <= self.width:
            if inside and self.at_separators(begin, end, indent, comma):
                return
            if self.at_bracket(begin, end, indent, comma):
                return
        self.lines.append(Line(indent, begin, end, comma))

    def at_separators(self, begin: int, end: int, indent: int, comma: bool) -> bool:
        """Break at the loosest separators outside all brackets; whether there are any."""
        found: list[tuple[int, int]] = []
        i = begin
        while i < end:
            rank = LOOSENESS.get(self.tokens[i])
            if rank is not None and i > begin:
                found.append((rank, i))
            i = min(self.closer.get(i, i), end) + 1
        if not found:
            return False
        loosest = min(rank for rank, _ in found)
        cuts = [i for rank, i in found if rank == loosest]
        is_list = loosest == 0
        for first, last in zip([begin, *cuts], [*cuts, end]):
            start = first + 1 if is_list and first != begin else first
            self.split(start, last, indent, inside=True, comma=comma if last == end and not is_list else is_list)
        return True

    def at_bracket(self, begin: int, end: int, indent: int, comma: bool) -> bool:
        """Put the content of the last bracket outside all others on lines of its own; whether there is one."""
        last = None
        i = begin
        while i < end:
            close = self.closer.get(i, end)
            if close < end:
                if close > i + 1:
                    last = i
                i = close
            i += 1
        if last is None:
            return False
        close = self.closer[last]
        self.split(begin, last + 1, indent, inside=False)
        self.split(last + 1, close, indent + INDENT, inside=True)
        self.split(close, end, indent, inside=False, comma=comma)
        return True
