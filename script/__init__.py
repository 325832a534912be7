"""Text and programs: the language's grammar, its parser and its printer."""

from __future__ import annotations

from typing import Any

from ..tir.render import set_renderer

_HOMES = {
    "ScriptError": "..tir.errors",
    "parse": ".parser",
    "render": ".printer",
    "script": ".printer",
    "show": ".highlight",
}

__all__ = ["ScriptError", "ir", "parse", "render", "script", "show", "tir"]


def _messages() -> Any:
    from . import messages

    return messages


set_renderer(_messages)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in ("tir", "ir"):
        return import_module("." + name, __name__)
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
