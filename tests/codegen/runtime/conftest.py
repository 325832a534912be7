"""Kernels for tests of the runtime: one that records what it was called with, and any written in LLVM IR."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import pytest
from tensorir.codegen.runtime import jit, native
from tensorir.codegen.runtime.entry import bind
from tensorir.codegen.runtime.signature import Signature

FORMATS = {"ptr": "q", "double": "d", "float": "f4x", "half": "e6x", "bfloat": "h6x", "i64": "q"}
FORMATS |= {"i32": "i4x", "i16": "h6x", "i8": "b7x", "i1": "?7x"}


class Recorder:
    """A function of `signature` whose kernel counts its calls and keeps the arguments of the last one."""

    def __init__(self, signature: Signature, code: int = 0) -> None:
        kinds = [part.split()[0] for part in signature.kernel_types.split(", ")] if signature.kernel_types else []
        slots = [f"ptr getelementptr (i64, ptr @seen, i64 {i}), align 8" for i in range(len(kinds))]
        stores = [f"  store {kind} %a{i}, {slots[i]}" for i, kind in enumerate(kinds)]
        parameters = ", ".join(f"{kind} %a{i}" for i, kind in enumerate(kinds))
        text = "\n".join(
            (
                f"@seen = global [{len(kinds) + 1} x i64] zeroinitializer, align 8",
                "@calls = global i64 0",
                f"define i32 @{signature.name}({parameters}) {{",
                *stores,
                "  %before = load i64, ptr @calls",
                "  %after = add i64 %before, 1",
                "  store i64 %after, ptr @calls",
                f"  ret i32 {code}",
                "}",
            )
        )
        library = jit.load(jit.compile(text, jit.Options(opt=0)))
        self.format = "".join(FORMATS[kind] for kind in kinds)
        self._seen = (ctypes.c_char * (8 * len(kinds))).from_address(library["seen"])
        self._calls = ctypes.c_int64.from_address(library["calls"])
        self.function = bind(signature, library)

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call the function; what the kernel received, pointers as integers."""
        before = self.calls
        assert self.function(*args, **kwargs) is None
        assert self.calls == before + 1
        return struct.unpack(self.format, self._seen.raw)

    @property
    def calls(self) -> int:
        return self._calls.value


@pytest.fixture(scope="session")
def recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture(scope="session")
def load() -> Callable[[str], jit.Library]:
    """Compile LLVM IR and load it, linked with the runtime."""
    return lambda text: jit.load(jit.compile(text), native.symbols())
