"""The difference of two programs, line by line and in colour."""

from __future__ import annotations

import difflib
import html as markup
import sys
from collections.abc import Iterator
from typing import Any

from .highlight import in_notebook, wants_colour
from .printer import script

COLOURS = {"-": ("31", "#b31d28"), "+": ("32", "#22863a"), "@": ("36", "#6f42c1")}
"""The colour of a line by its first character: in a terminal and on a page."""


class Diff:
    """A unified diff of two texts. It prints plain, and shows in colour at a terminal's prompt and in a notebook."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def __bool__(self) -> bool:
        """Whether the texts differ."""
        return bool(self.lines)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return self.coloured() if wants_colour(sys.stdout) else str(self)

    def coloured(self) -> str:
        """The diff with terminal colours."""
        return "\n".join(f"\x1b[{c[0]}m{line}\x1b[0m" if c else line for line, c in self._marked())

    def _repr_html_(self) -> str:
        rows = [
            f'<span style="color:{c[1]}">{markup.escape(line)}</span>' if c else markup.escape(line)
            for line, c in self._marked()
        ]
        return f"<pre>{chr(10).join(rows)}</pre>"

    def _marked(self) -> Iterator[tuple[str, tuple[str, str] | None]]:
        for line in self.lines:
            yield line, COLOURS.get(line[:1])

    def show(self) -> None:
        """Print the diff, in colour in a terminal or a notebook."""
        if in_notebook():
            from IPython.display import HTML, display

            display(HTML(self._repr_html_()))
        else:
            print(repr(self))


def diff(a: Any, b: Any, *, context: int = 3, names: tuple[str, str] = ("before", "after")) -> Diff:
    """What changes from program `a` to program `b`, line by line; empty where their texts are equal.

    Parameters
    ----------
    a, b: functions, modules or other nodes, or program texts.
    context: unchanged lines shown around each change.
    names: what the two programs are called in the first lines.
    """
    before, after = (x if isinstance(x, str) else script(x) for x in (a, b))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, n=context, lineterm="")
    return Diff(list(lines))
