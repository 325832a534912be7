"""Run errors: which statement failed and with which values, read from the traceback of the generated function."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ...tir.errors import RunError, UserError
from ...tir.function import PrimFunc
from . import program, scalars

TRANSLATED = (scalars.Fault, ZeroDivisionError, IndexError, UserError)
"""What a wrong program raises inside generated code."""


def refused(function: PrimFunc, error: Exception, culprit: Any) -> RunError:
    """The error for a program the interpreter cannot run at all."""
    if isinstance(error, RecursionError):
        # Too deep to be compiled is too deep to be printed.
        return RunError(f"`{function.name}` nests expressions or statements too deeply to be run")
    return _error(function, str(error), () if culprit is None else (culprit,))


def translate(error: BaseException) -> RunError | None:
    """The RunError for an exception that came out of generated code; None if it came from elsewhere."""
    place = _innermost(error.__traceback__)
    if place is None:
        return None
    owner, line, names = place
    if isinstance(error, ZeroDivisionError):
        message = "an integer is divided by zero"
    elif isinstance(error, IndexError):
        message = "an access is outside the memory of its buffer (sanitize=True tells which)"
    else:
        message = str(error)
    seen = _values(owner, line, names)
    nodes = getattr(error, "nodes", ()) or ((line.stmt,) if line.stmt is not None else ())
    return _error(owner.function, f"{message}\n  where {seen}" if seen else message, nodes, getattr(error, "hint", ""))


def _error(function: PrimFunc, message: str, nodes: tuple[Any, ...], hint: str = "") -> RunError:
    # The message is no template: an assertion's text may hold braces.
    return RunError("{0}", message, *dict.fromkeys(nodes), root=function, hint=hint)


def _innermost(traceback: TracebackType | None) -> tuple[Any, Any, dict[str, Any]] | None:
    found = None
    while traceback is not None:
        owner = program.PROGRAMS.get(traceback.tb_frame.f_code.co_filename)
        if owner is not None:
            line = owner.line_at(traceback.tb_lineno)
            if line is not None:
                found = owner, line, traceback.tb_frame.f_locals
        traceback = traceback.tb_next
    return found


def _values(owner: Any, line: Any, names: dict[str, Any]) -> str:
    """The variables visible at a line and their values, outermost first."""
    seen: list[str] = []
    visible = line.visible
    while visible is not None:
        visible, var, src = visible
        try:
            value = eval(src, owner.globals, names)
        except NameError:
            continue  # a variable of a function around this one that the line does not use
        seen.append(f"{var.name} = {value}")
    return ", ".join(reversed(seen))
