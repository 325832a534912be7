"""How primitives state their preconditions."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

from ..tir.errors import ScheduleError


def require(condition: object, template: str, *nodes: Any, hint: str = "") -> None:
    """A precondition of the primitive being applied.

    Parameters
    ----------
    template: what is wrong, with `{0}`, `{1}`, ... for `nodes` (loops, blocks, buffers, expressions, or plain values).
    hint: what would be legal instead.

    Raises
    ------
    ScheduleError: `condition` is false. The primitive's name and the program are added by its caller, and the text is
        made only when it is read.
    """
    if not condition:
        raise refusal(template, *nodes, hint=hint)


def refusal(template: str, *nodes: Any, hint: str | Callable[[], str] = "") -> ScheduleError:
    """The error `require` raises, for where the condition is no plain test; references stand for their statements."""
    return ScheduleError(template, *(getattr(node, "stmt", node) for node in nodes), hint=hint)


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
