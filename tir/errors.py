"""The error hierarchy, classed by blame: `UserError` speaks to the user, `InternalError` is our bug."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

SHOWN = 20
"""Number of errors of a script that are shown in full; the rest are counted."""


class TensorIRError(Exception):
    """Root of every exception this package raises on purpose."""


class UserError(TensorIRError):
    """Something the user wrote is wrong; the message names the culprit and says what would be legal."""


class InternalError(TensorIRError):
    """An invariant of the compiler broke. No input should ever cause this."""

    def __str__(self) -> str:
        return (
            f"{super().__str__()}\nThis is a bug in tensorir, not in your program; please report it with the program."
        )


class ScriptError(UserError):
    """A program's text (or decorated function) is not a valid script.

    Attributes
    ----------
    diagnostics: the places, each with `message`, `filename`, `line`, `column`, `end_line`, `end_column` and `hint`.
        Empty where there is no text to point into.
    """

    diagnostics: tuple[Any, ...] = ()

    @classmethod
    def of(cls, diagnostics: Sequence[Any]) -> ScriptError:
        """The error that reports `diagnostics`, in their order."""
        self = cls()
        self.diagnostics = tuple(diagnostics)
        return self

    def __str__(self) -> str:
        if not self.diagnostics:
            return super().__str__()
        text = "\n\n".join(map(str, self.diagnostics[:SHOWN]))
        hidden = len(self.diagnostics) - SHOWN
        return f"{text}\n\n... and {hidden} more error{'s' * (hidden > 1)}" if hidden > 0 else text

    def __reduce__(self) -> tuple[Any, ...]:
        return ScriptError, (str(self),)

    @property
    def filename(self) -> str:
        """The file of the first error, or ""."""
        return self.diagnostics[0].filename if self.diagnostics else ""

    @property
    def line(self) -> int:
        """The line of the first error, from 1; 0 where there is none."""
        return self.diagnostics[0].line if self.diagnostics else 0

    @property
    def column(self) -> int:
        """The column of the first error, from 1; 0 where there is none."""
        return self.diagnostics[0].column if self.diagnostics else 0


class BuildError(UserError):
    """A program is valid but cannot be compiled for the chosen target."""


class CallError(UserError):
    """A compiled function was called with arguments it does not take."""


def filled(template: str, texts: Iterable[str]) -> str:
    """`template` with each `{0}`, `{1}`, ... replaced by the text of that number.

    Other braces stay as they are: a template may hold what a user wrote, a dictionary or a pattern.
    """
    known = list(texts)

    def text(place: re.Match[str]) -> str:
        return known[int(place[1])] if int(place[1]) < len(known) else place[0]

    return re.sub(r"\{(\d{1,3})\}", text, template)


class _Short(reprlib.Repr):
    """Texts of what somebody gave, cut; what has no short text is named by its type."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxlong = 60

    def repr_instance(self, x: Any, level: int) -> str:
        text = repr(x)
        return text if len(text) <= 60 and " at 0x" not in text else f"<{type(x).__name__}>"


_SHORT = _Short()


def said(value: Any) -> str:
    """How a message names a value that somebody gave: its type and its text, unless that is long."""
    if value is None:
        return "None"
    text = _SHORT.repr(value)
    return f"a value of type {type(value).__name__}" if text.startswith("<") else f"{type(value).__name__} {text}"


class NodeError(UserError):
    """A user error about IR nodes: renders its message and the program with the nodes underlined.

    `template` says `{0}`, `{1}`, ... where `nodes` are named. Rendering waits until the text is asked for, since a
    search raises and drops thousands of these.

    Parameters
    ----------
    root: the function or module in which `nodes` occur, shown with carets under them; None shows no program.
    hint: what would be legal instead, shown after the message; or a function that finds it.
    """

    kind = "error"

    def __init__(self, template: str, *nodes: Any, root: Any = None, hint: str | Callable[[], str] = "") -> None:
        super().__init__(template)
        self.template = template
        self.nodes: tuple[Any, ...] = nodes
        self.root = root
        self._hint = hint

    @property
    def hint(self) -> str:
        """What would be legal instead; "" where nothing is known."""
        if not isinstance(self._hint, str):
            self._hint = self._hint()
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint = hint

    @property
    def message(self) -> str:
        """The message alone, on one or a few lines, without the program."""
        from .render import describe

        text = filled(self.template, (describe(node, self.root) for node in self.nodes))
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def __str__(self) -> str:
        from .render import underline

        text = f"{self.kind}: {self.message}" if self.kind != "error" else self.message
        if self.root is None:
            return text
        program = underline(self.root, self.culprits())
        return f"{text}\n\n{program}" if program else text

    def culprits(self) -> Sequence[Any]:
        """The IR nodes to underline, in order of importance."""
        from .expr import FloatImm, IntImm
        from .node import Node

        # A number is one object wherever it occurs, so that underlining it points nowhere.
        return [node for node in self.nodes if isinstance(node, Node) and not isinstance(node, (IntImm, FloatImm))]


class RunError(NodeError):
    """A program did something wrong while running: a failed assert, an out-of-bounds access, a race."""

    kind = "run-time error"


class VerifyError(NodeError):
    """A program is not well formed."""

    kind = "ill-formed program"


class ScheduleError(NodeError):
    """A schedule primitive refused: `primitive` names it; the program before the step is shown."""

    primitive: str = ""

    @property
    def kind(self) -> str:  # type: ignore[override]
        return f"{self.primitive} cannot be applied" if self.primitive else "schedule error"


class LowerError(NodeError, BuildError):
    """A lowering pass met a program it cannot lower."""

    kind = "cannot lower"
