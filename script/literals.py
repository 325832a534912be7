"""Numbers and strings of a script: the text of a token to the value it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..tir.errors import UserError

if TYPE_CHECKING:
    from .evaluate import Evaluator
    from .syntax import Tree

DIGITS = 1000
"""Digits beyond which a number is refused."""


def number(text: str) -> int | float:
    """The value of a NUMBER token."""
    if len(text) > DIGITS:
        raise UserError(f"this number has {len(text)} digits; a program's numbers have at most 64 bits")
    if text.isdigit():
        if len(text) > 1 and text[0] == "0" and text.strip("0"):
            raise UserError("a decimal number does not begin with 0; octal numbers are written 0o17")
        return int(text)
    if text[:2] in ("0x", "0X", "0b", "0B", "0o", "0O"):
        return int(text, 0)
    text = text.replace("_", "")
    return int(text) if text.isdigit() else float(text)


def string(evaluator: Evaluator, tree: Tree) -> str:
    """The value of STRING tokens standing one after the other."""
    return "".join(_one(evaluator, tree, token) for token in tree.parts)


def _one(evaluator: Evaluator, tree: Tree, token: str) -> str:
    at = min(token.find(quote) % (len(token) + 1) for quote in "'\"")
    prefix, quote = token[:at].lower(), token[at : at + 3]
    width = 3 if quote in ('"""', "'''") and len(token) >= at + 6 else 1
    body = token[at + width : -width]
    if "b" in prefix:
        raise UserError("a program has no bytes")
    if "f" in prefix:
        return evaluator.env.formatted(evaluator, tree, body if "r" in prefix else _unescape(body))
    return body if "r" in prefix or "\\" not in body else _unescape(body)


_ESCAPE = re.compile(r"\\(\r?\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[\s\S])")
_SIMPLE: dict[str, str] = {
    "\n": "", "\r\n": "", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r",
    "t": "\t", "v": "\v",
}  # fmt: skip


def _unescape(body: str) -> str:
    return _ESCAPE.sub(_escaped, body)


def _escaped(match: re.Match[str]) -> str:
    code = match.group(1)
    if code in _SIMPLE:
        return _SIMPLE[code]
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code[0] in "xuU" and len(code) > 1:
        point = int(code[1:], 16)
        if point > 0x10FFFF or 0xD800 <= point < 0xE000:
            raise UserError(f"there is no character \\{code}")
        return chr(point)
    if code[0] == "N" and len(code) > 1:
        import unicodedata

        try:
            return unicodedata.lookup(code[2:-1])
        except KeyError:
            raise UserError(f"there is no character called {code[2:-1]!r}") from None
    return match.group(0)


def pieces(text: str) -> list[tuple[str, Any]]:
    """An f-string's body as [("text", str) | ("value", (expression, conversion, format))].

    Raises
    ------
    UserError: a brace is not matched.
    """
    out: list[tuple[str, Any]] = []
    plain = ""
    at = 0
    while at < len(text):
        char = text[at]
        if text[at : at + 2] in ("{{", "}}"):
            plain += char
            at += 2
        elif char == "{":
            end = _closing(text, at)
            out += [("text", plain), ("value", _field(text[at + 1 : end]))]
            plain = ""
            at = end + 1
        elif char == "}":
            raise UserError("a single `}` in an f-string; write `}}` for the character")
        else:
            plain += char
            at += 1
    return [*out, ("text", plain)]


def _closing(text: str, at: int) -> int:
    """The offset of the `}` that closes the `{` at `at`."""
    for i, char, depth in _plain(text, at):
        if depth == 0 and char == "}":
            return i
    raise UserError("a `{` in an f-string is never closed")


def _field(text: str) -> tuple[str, str, str]:
    """The expression, conversion ("r", "s", "a" or "") and format of a field."""
    for i, char, depth in _plain(text, 0):
        if depth == 0 and (char == ":" or (char == "!" and text[i : i + 2] != "!=")):
            conversion, _, spec = text[i:].partition(":")
            if conversion[1:] not in ("", "r", "s", "a"):
                raise UserError(f"an f-string converts by !r, !s or !a, not by {conversion}")
            return text[:i], conversion[1:], spec
    return text, "", ""


def _plain(text: str, start: int) -> Iterator[tuple[int, str, int]]:
    """The characters outside of strings, with how many brackets are open after each."""
    depth, quote = 0, ""
    for i in range(start, len(text)):
        char = text[i]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        else:
            depth += (char in "{[(") - (char in ")]}")
            yield i, char, depth
