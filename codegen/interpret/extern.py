"""Python implementations of the C functions that programs call by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...tir.op import OPS, Domain

EXTERNS: dict[str, Callable[..., Any]] = {}
"""What `T.call_extern` calls, by name: functions of numbers and pointers; results are rounded to the call's type."""


def register_extern(name: str, function: Callable[..., Any]) -> None:
    """Let interpreted programs call `function` under the C name `name`.

    It gets Python numbers, and a `Pointer` for each handle; a pointer's `view(dtype)` is a writable memoryview.
    """
    EXTERNS[name] = function


for _row in OPS.values():
    if _row.domain is Domain.FLOAT and _row.evaluate is not None:
        _c_name = {"abs": "fabs", "rsqrt": "rsqrt", "isnan": "isnan"}.get(_row.name, _row.name)
        register_extern(_c_name, _row.evaluate)
        register_extern(_c_name + "f", _row.evaluate)
        register_extern(f"llvm.{_c_name}", _row.evaluate)
for _name in ("fabs", "fabsf", "llvm.fabs"):
    register_extern(_name, abs)
for _name in ("pow", "powf", "llvm.pow"):
    register_extern(_name, OPS["pow"].evaluate)  # type: ignore[arg-type]
