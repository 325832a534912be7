"""How errors about the arguments of a call are worded."""

from __future__ import annotations

from collections.abc import Sequence

from ...tir.errors import CallError
from . import dims
from .signature import Param, Signature


def refusal(signature: Signature, param: Param, problem: str, hint: str = "") -> CallError:
    """The error about one argument: whose it is, what is wrong, and what to write instead."""
    text = f"{signature.name}: argument {place(signature, param)}: {problem}"
    return CallError(f"{text}\n  hint: {hint}" if hint else text)


def place(signature: Signature, param: Param) -> str:
    """The parameter's name and position: "`B` (2nd)"."""
    number = signature.params.index(param) + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"`{param.name}` ({number}{ending})"


def shape_text(shape: Sequence[dims.Dim]) -> str:
    """Extents as Python writes a tuple of them: "(n, 4)", "(n,)"."""
    inner = ", ".join(map(dims.text, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def count_text(number: int, noun: str) -> str:
    """A number of things: "1 argument", "3 arguments"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def type_text(value: object) -> str:
    """What a value is: "a list", "an int"; None is its own name."""
    return "None" if value is None else with_article(type(value).__name__)


def with_article(noun: str) -> str:
    """A noun behind "a" or "an"."""
    return f"{'an' if noun[:1].lower() in tuple('aeio') else 'a'} {noun}"
