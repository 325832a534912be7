"""Text to tokens: one scan by the grammar's terminals, with lines, brackets and indentation made into tokens."""

from __future__ import annotations

import re

from .diagnostics import Source, error
from .tables import Tables

_MARGIN = re.compile(r"(?:[ \t\f]*(?:#[^\n]*)?\r?\n)*([ \t\f]*)")
"""Blank and comment lines, then the indentation of the line that says something."""

_CLOSERS = {"(": ")", "[": "]", "{": "}"}


class Tokens:
    """The tokens of a text, as columns: the terminals' numbers and where each begins and ends. The last is `$END`."""

    __slots__ = ("ends", "kinds", "starts")

    def __init__(self) -> None:
        self.kinds: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []


def tokenize(source: Source, tables: Tables, *, one_definition: bool = False) -> Tokens:
    """The tokens of a text.

    Parameters
    ----------
    one_definition: stop after the decorated function or class that the text begins with, however it is indented.

    Raises
    ------
    ScriptError: a character, string, bracket or indentation that belongs to no program.
    """
    return _Lexer(source, tables).run(one_definition)


class _Lexer:
    def __init__(self, source: Source, tables: Tables) -> None:
        self.source, self.text, self.tables = source, source.text, tables
        self.out = Tokens()
        self.margins: list[str] = [""]
        self.brackets: list[tuple[str, int]] = []

    def run(self, one_definition: bool) -> Tokens:
        text, out, numbers = self.text, self.out, self.tables.numbers
        kinds, starts, ends = out.kinds, out.starts, out.ends
        match, groups, keywords = self.tables.scanner.match, self.tables.groups, self.tables.keywords
        name, newline = numbers["NAME"], numbers["_NEWLINE"]
        definitions = (numbers["DEF"], numbers["CLASS"])
        bracket_kinds = {numbers[n] for n in ("LPAR", "LSQB", "LBRACE", "RPAR", "RSQB", "RBRACE")}
        brackets = self.brackets
        if one_definition:
            self.margins = [_margin(text, 0)[0]]
        pos = self.margin(0)
        defined = False
        size = len(text)
        while True:
            found = match(text, pos)
            group = found.lastindex  # type: ignore[union-attr]
            end = found.end()  # type: ignore[union-attr]
            if group is not None:
                kind = groups[group]
                pos = found.start(group)  # type: ignore[union-attr]
                if kind == name:
                    kind = keywords.get(text[pos:end], name)
                elif kind in bracket_kinds:
                    self.bracket(text[pos], pos)
                kinds.append(kind)
                starts.append(pos)
                ends.append(end)
                pos = end
                continue
            if end < size and text[end] in "\r\n":
                pos = end + (2 if text.startswith("\r\n", end) else 1)
                if brackets:
                    continue
                if text[pos - 1] != "\n":
                    self.bad(end)
                if kinds and kinds[-1] != newline:
                    self.emit(newline, ends[-1], ends[-1])
            elif end < size:
                self.bad(end)
            else:
                pos = size
                break
            if one_definition:
                defined = defined or _first_of_line(kinds, newline) in definitions
                if defined and len(_margin(text, pos)[0]) <= len(self.margins[0]):
                    break
            pos = self.margin(pos)
            if pos >= size:
                break
        return self.finish(min(pos, size))

    def emit(self, kind: int, start: int, end: int) -> None:
        self.out.kinds.append(kind)
        self.out.starts.append(start)
        self.out.ends.append(end)

    def finish(self, pos: int) -> Tokens:
        """Close what is open at the end of the text."""
        numbers = self.tables.numbers
        if self.brackets:
            bracket, at = self.brackets[-1]
            raise error(
                self.source,
                at,
                at + 1,
                f"`{bracket}` is never closed",
                f"add the `{_CLOSERS[bracket]}` that belongs to it",
            )
        last = self.out.ends[-1] if self.out.ends else pos
        if self.out.kinds and self.out.kinds[-1] != numbers["_NEWLINE"]:
            self.emit(numbers["_NEWLINE"], last, last)
        for _ in self.margins[1:]:
            self.emit(numbers["_DEDENT"], last, last)
        self.emit(numbers["$END"], last, last)
        return self.out

    def margin(self, pos: int) -> int:
        """Handle the indentation of the next line that says something; the offset at which its tokens begin."""
        margin, at = _margin(self.text, pos)
        if at >= len(self.text) or self.text[at] in "#\r\n":
            return at
        top = self.margins[-1]
        if margin == top:
            return at
        numbers = self.tables.numbers
        if margin.startswith(top):
            self.margins.append(margin)
            self.emit(numbers["_INDENT"], at, at)
            return at
        if not top.startswith(margin):
            raise error(
                self.source,
                at - len(margin),
                at,
                "this line is indented with tabs and spaces in another mixture than the lines above",
                "indent with spaces alone, four a level",
            )
        while len(self.margins) > 1 and len(self.margins[-1]) > len(margin):
            self.margins.pop()
            self.emit(numbers["_DEDENT"], self.out.ends[-1], self.out.ends[-1])
        if self.margins[-1] != margin:
            levels = ", ".join(str(len(m)) for m in self.margins)
            raise error(
                self.source,
                at - len(margin),
                at,
                f"this line is indented by {len(margin)}, as none of the blocks around it is",
                f"the blocks around it are indented by {levels}"
                + (f" and {len(top)}" if top not in self.margins else ""),
            )
        return at

    def bracket(self, char: str, pos: int) -> None:
        if char in _CLOSERS:
            self.brackets.append((char, pos))
        elif not self.brackets:
            raise error(self.source, pos, pos + 1, f"`{char}` closes nothing", "remove it, or open its bracket before")
        else:
            opened, at = self.brackets.pop()
            if _CLOSERS[opened] != char:
                raise error(
                    self.source,
                    pos,
                    pos + 1,
                    f"`{char}` does not close `{opened}`",
                    f"write `{_CLOSERS[opened]}`",
                    notes=((f"the `{opened}` is here", self.source, at, at + 1),),
                )

    def bad(self, pos: int) -> None:
        """Report the character at `pos`, with which no token begins."""
        char = self.text[pos]
        if char in "\"'":
            end = self.text.find("\n", pos)
            stop = len(self.text) if end < 0 else end
            triple = self.text.startswith(char * 3, pos)
            hint = f"end it with {char * 3}" if triple else f"end it with {char} on the same line"
            raise error(self.source, pos, stop, "this string is never closed", hint)
        if char == "\\":
            raise error(self.source, pos, pos + 1, "`\\` continues a line only as its last character")
        hints = {"?": "", "!": "the operator is `not`, or `!=`", "$": "", "`": "strings are written in quotes"}
        named = f"`{char}`" if char.isprintable() else f"U+{ord(char):04X}"
        near = _LOOKALIKES.get(char)
        hint = f"did you mean `{near}`?" if near else hints.get(char, "")
        raise error(self.source, pos, pos + 1, f"the character {named} has no meaning in a program", hint)


_LOOKALIKES = {
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "×": "*",
    "−": "-",
    "–": "-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "，": ",",
}
"""Characters that typesetting puts in the place of ASCII ones."""


def _margin(text: str, pos: int) -> tuple[str, int]:
    found = _MARGIN.match(text, pos)
    assert found is not None
    return found.group(1), found.end()


def _first_of_line(kinds: list[int], newline: int) -> int:
    """The first token of the line that the last newline token ends."""
    at = len(kinds) - 1
    while at > 0 and kinds[at - 1] != newline:
        at -= 1
    return kinds[at]
