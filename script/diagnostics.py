"""Errors in scripts: where they are, what is wrong, what would be right, and how that is shown."""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..tir.errors import ScriptError

WIDTH = 110
"""Columns of a source line that are shown; longer lines are cut around the carets."""


class Source:
    """A piece of text with the file and line it stands in; turns offsets into lines and columns.

    Parameters
    ----------
    text: the text; offsets count its characters.
    filename: shown in messages.
    first_line: the number of the text's first line in that file.
    """

    def __init__(self, text: str, filename: str = "<text>", first_line: int = 1) -> None:
        self.text, self.filename, self.first_line = text, filename, first_line
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """The offset of each line's first character."""
        if self._starts is None:
            self._starts = [0]
            at = self.text.find("\n")
            while at >= 0:
                self._starts.append(at + 1)
                at = self.text.find("\n", at + 1)
        return self._starts

    def locate(self, offset: int) -> tuple[int, int]:
        """The line (numbered as in the file) and the column (from 1) of an offset."""
        row = bisect_right(self.starts, offset) - 1
        return row + self.first_line, offset - self.starts[row] + 1

    def line(self, number: int) -> str:
        """The text of a line, numbered as in the file."""
        row = number - self.first_line
        end = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[row] : end].rstrip("\r\n")


@dataclass(frozen=True)
class Diagnostic:
    """One error in a script.

    Attributes
    ----------
    message: what is wrong, naming the culprit.
    source, start, end: the place, as offsets.
    hint: what would be right; "" where there is nothing sure to say.
    notes: further places that explain the error, each with a word on why.
    cause: the exception of the user's Python code that is the error.
    """

    message: str
    source: Source
    start: int
    end: int
    hint: str = ""
    notes: tuple[tuple[str, Source, int, int], ...] = field(default=())
    cause: BaseException | None = field(default=None, compare=False)

    @property
    def filename(self) -> str:
        """The file, or "<text>"."""
        return self.source.filename

    @property
    def line(self) -> int:
        """The line's number in the file, from 1."""
        return self.source.locate(self.start)[0]

    @property
    def column(self) -> int:
        """The column, from 1."""
        return self.source.locate(self.start)[1]

    @property
    def end_line(self) -> int:
        """The number of the line in which the place ends."""
        return self.source.locate(max(self.start, self.end - 1))[0]

    @property
    def end_column(self) -> int:
        """The column just past the place."""
        return self.source.locate(max(self.start, self.end - 1))[1] + 1

    def __str__(self) -> str:
        lines = [f"{self.filename}:{self.line}:{self.column}: error: {self.message}"]
        lines += excerpt(self.source, self.start, self.end)
        for text, source, start, end in self.notes:
            lines.append(f"{source.filename}:{source.locate(start)[0]}: note: {text}")
            lines += excerpt(source, start, end)
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def excerpt(source: Source, start: int, end: int) -> list[str]:
    """The source line of a place with carets under it; of a place over several lines the first and the last."""
    first, column = source.locate(start)
    last, _ = source.locate(max(start, end - 1))
    gutter = len(str(last))
    text = source.line(first)
    stop = column + max(1, end - start) - 1 if last == first else len(text)
    shown, left, width = _clip(text.replace("\t", " ").replace("\f", " "), column - 1, stop)
    rows = [f"{first:>{gutter + 3}} | {shown}", f"{'':>{gutter + 3}} | {' ' * left}{'^' * width}"]
    if last > first:
        rows.append(f"{'':>{gutter + 3}} | ... up to line {last}: {_clip(source.line(last).strip(), 0, 0)[0]}")
    return rows


def _clip(text: str, begin: int, end: int) -> tuple[str, int, int]:
    """`text` cut to `WIDTH` around [begin, end): the cut, the number of blanks before the carets, and of carets."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: begin + 4 * WIDTH])
    if len(text) <= WIDTH:
        return text, begin, max(1, min(end, len(text) + 1) - begin)
    offset = 0 if begin < WIDTH - 20 else begin - WIDTH // 2
    cut = text[offset : offset + WIDTH]
    head, tail = "..." * (offset > 0), "..." * (offset + WIDTH < len(text))
    left = begin - offset + len(head)
    return f"{head}{cut}{tail}", left, max(1, min(end - begin, len(cut) + len(head) - left))


def error(source: Source, start: int, end: int, message: str, hint: str = "", **more: object) -> ScriptError:
    """A `ScriptError` of one diagnostic."""
    return ScriptError.of([Diagnostic(message, source, start, end, hint, **more)])  # type: ignore[arg-type]


def suggest(name: str, known: Iterable[str], form: str = "`{}`") -> str:
    """ "did you mean ...?" with the names most like `name`, or "" when none is."""
    near = difflib.get_close_matches(name, list(known), 3, 0.7)
    folded = [k for k in known if k.lower() == name.lower() and k != name]
    names = list(dict.fromkeys(folded + near))[:3]
    return f"did you mean {either(form.format(n) for n in names)}?" if names else ""


def either(words: Iterable[str], word: str = "or") -> str:
    """ "a", "a or b", "a, b or c"."""
    listed: Sequence[str] = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {word} {listed[-1]}" if listed else "nothing"
