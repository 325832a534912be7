"""A printed program with the place of every node in it, and the drawing of carets under them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from ..tir.node import Node


class Span(NamedTuple):
    """From `column` of `line` up to, not including, `end_column` of `end_line`; all count from 0."""

    line: int
    column: int
    end_line: int
    end_column: int


class Program:
    """The text of a node with its places.

    Attributes
    ----------
    text: the program, without a final newline.
    names: the name by which each variable and buffer is spelled where it is first met.
    """

    def __init__(self, text: str, places: list[tuple[Node, Span]], names: dict[Any, str]) -> None:
        self.text, self.names, self._places = text, names, places

    @cached_property
    def spans(self) -> dict[Node, list[Span]]:
        """The places of each node, in the order of the text.

        Equal expressions are one node with many places. A loop, block or function is placed where it is declared.
        """
        spans: dict[Node, list[Span]] = {}
        for node, span in self._places:
            spans.setdefault(node, []).append(span)
        for found in spans.values():
            found.sort()
        return spans

    def underline(
        self,
        nodes: Sequence[Any],
        *,
        notes: Sequence[str] = (),
        context: int | None = 3,
        most: int = 3,
        numbers: bool = True,
    ) -> str:
        """The text with carets under `nodes`.

        Parameters
        ----------
        notes: what to write after the carets of each of `nodes`.
        context: lines shown around a culprit; what lies between is cut to `...`, the first lines are always shown.
            None shows all lines.
        most: how many places of one node are marked.
        numbers: whether lines are numbered.
        """
        marks: dict[int, list[tuple[int, int, str]]] = {}
        lines = self.text.split("\n")
        for i, node in enumerate(nodes):
            note = notes[i] if i < len(notes) else ""
            for span in self.spans.get(node, [])[:most]:
                for line in range(span.line, span.end_line + 1):
                    begin = span.column if line == span.line else len(lines[line]) - len(lines[line].lstrip())
                    end = span.end_column if line == span.end_line else len(lines[line])
                    mark = (begin, end, note if line == span.end_line else "")
                    if mark not in marks.setdefault(line, []):
                        marks[line].append(mark)
        shown = _shown(len(lines), marks.keys(), context)
        digits = len(str(len(lines))) if numbers else 0
        out: list[str] = []
        before = -1
        for number in shown:
            if number > before + 1:
                out.append(" " * (digits + 2) + "...")
            before = number
            out.append(f"{number + 1:>{digits}}  {lines[number]}" if numbers else lines[number])
            if number in marks:
                out += [" " * (digits + 2 if numbers else 0) + row for row in _carets(marks[number])]
        if shown and shown[-1] < len(lines) - 1:
            out.append(" " * (digits + 2) + "...")
        return "\n".join(line.rstrip() for line in out)


SHORT = 24
"""A program of no more lines is shown whole."""


def _shown(count: int, marked: Any, context: int | None) -> list[int]:
    """The numbers of the lines to show."""
    if count <= SHORT or context is None:
        return list(range(count))
    if not marked:
        return list(range(SHORT))
    keep = {0, 1}
    for line in marked:
        keep.update(range(max(0, line - context), min(count, line + context + 1)))
    # A gap of one line takes as much room as the line.
    keep.update(n for n in range(count) if n - 1 in keep and n + 1 in keep)
    return sorted(keep)


def _carets(marks: list[tuple[int, int, str]]) -> list[str]:
    """Rows of carets: one for all marks of a line, or one for each where they overlap or have notes."""
    marks = sorted(marks)
    apart = all(a[1] <= b[0] for a, b in pairwise(marks))
    if apart and not any(note for *_, note in marks):
        row = ""
        for begin, end, _ in marks:
            row = row.ljust(begin) + "^" * max(end - begin, 1)
        return [row]
    return [" " * begin + "^" * max(end - begin, 1) + (f" {note}" if note else "") for begin, end, note in marks]
