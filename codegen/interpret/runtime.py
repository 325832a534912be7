"""What a generated function is given to run with: allocation, calls of other functions, the sanitizer's records."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from ...tir.buffer import Buffer
from .expression import RUNTIME
from .memory import NULL, Pointer, allocate
from .scalars import Return, fail, missing, reinterpreter
from .shadow import Shadow, outside, shadow_view, undeclared
from .threads import Run, launch


class Runtime:
    """One run of a program."""

    def __init__(self, call: Callable[..., Any], unit: int = 0) -> None:
        self._call = call
        self.unit = unit
        """Bytes the sanitizer keeps one record for: the smallest element of any buffer. 0 outside the sanitizer."""

    def allocate(self, size: int, buffer: Buffer) -> Pointer:
        """Fresh memory of `size` bytes for `buffer`."""
        memory = allocate(max(size, 0), buffer.name)
        if self.unit:
            memory.shadow = Shadow(len(memory.bytes), self.unit, initialised=False)
        return Pointer(memory)

    def call(self, name: str, *args: Any) -> Any:
        """Call another function of the module."""
        return self._call(self, name, args)


ENVIRONMENT: dict[str, Any] = {
    **RUNTIME,
    "array": array,
    "NULL": NULL,
    "shadow_view": shadow_view,
    "outside": outside,
    "undeclared": undeclared,
    "fail": fail,
    "missing": missing,
    "Return": Return,
    "Run": Run,
    "launch": launch,
    "reinterpreter": reinterpreter,
}
"""The globals of every generated function."""
