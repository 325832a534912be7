"""How primitives state their preconditions."""

from __future__ import annotations

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
