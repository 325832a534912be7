"""From CUDA text to a shared library: the C++ compiler, what it is asked, and how declarations are prepared for it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

from ...compiler import Compiler

HERE = Path(__file__).parent
INCLUDE = HERE.parent / "include"
"""Headers that CUDA and the emulator share; those of the emulator come first."""
CXX = Compiler(
    language="C++",
    variable="CXX",
    candidates=("c++", "g++", "clang++"),
    needed_by="the CUDA emulator",
    advice="install g++ or clang++, or name one in the environment variable CXX",
)
FLAGS = ("-std=c++17", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-fno-threadsafe-statics", "-w")
_CHECKED = (
    "-O1", "-g1", "-fsanitize=thread", "-fsanitize=bounds,alignment", "-fno-inline-functions-called-once",
    "-fno-tree-loop-distribute-patterns", "-fno-tree-loop-im", "-fno-tree-sink",
)  # fmt: skip
"""What instruments accesses: the hooks that the compiler calls are the runtime's own, no sanitizer is linked.

Moving a loop's invariants would load, in every thread, what only some of them touch, before it is instrumented; moving
loads to where their values are used would hide those of all other threads.
"""
_FAST = ("-O2", "-fno-strict-aliasing")

_DYNAMIC = re.compile(r"extern\s+__shared__\s+(?:(?:__align__|alignas)\(\d+\)\s+)?([^;\[]*?)(\w+)\s*\[\s*\]\s*;")
_STATIC = re.compile(r"^(\s*)(__shared__\s+[^;]*;)", re.MULTILINE)


@cache
def _headers() -> str:
    """A digest of the runtime and the headers, part of every key."""
    digest = hashlib.sha256()
    for path in sorted(
        p for folder in (HERE, INCLUDE) for p in folder.rglob("*") if p.suffix in (".h", ".cpp", ".cuh")
    ):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def prepare(text: str, kernels: Iterable[str]) -> str:
    """The text as it is compiled: line for line the same.

    Dynamic shared memory gets the runtime's address; each shared array stands between strips that belong to none;
    behind the text stand entries by which kernels are called with a list of addresses of arguments.
    """
    text = _DYNAMIC.sub(r"\1* const \2 = reinterpret_cast<\1*>(tir_dynamic_shared);", text)
    counter = iter(range(1 << 30))
    text = _STATIC.sub(lambda m: f"{m[1]}{_strip(next(counter))} {m[2]} {_strip(next(counter))}", text)
    entries = [
        f'extern "C" __attribute__((visibility("default"))) void tir_emu_call_{name}(void** a) '
        f"{{ tir_emu::call(&{name}, a); }}"
        for name in kernels
    ]
    return "\n".join([text, '#line 1 "entries"', *entries, ""])


def _strip(number: int) -> str:
    """A piece of shared memory that no access may touch; the runtime knows it by what it holds."""
    return f"__shared__ char tir_strip_{number}[TIR_STRIP] = TIR_STRIP_TEXT;"


def compiled(text: str, kernels: Iterable[str], *, check: bool) -> Path:
    """The shared library of the kernels in CUDA text, from the cache or made now.

    Raises
    ------
    BuildError: there is no compiler, or it refuses the text; its words are in the message.
    """
    flags = (*FLAGS, *(_CHECKED if check else _FAST))
    source = prepare(text, kernels)

    def make(scratch: Path, fresh: Path) -> None:
        path, unit = scratch / "kernel.cu", scratch / "kernel.o"
        path.write_text(source)
        _invoke(*flags, *_words(flags), "-x", "c++", "-c", str(path), "-o", str(unit))
        _invoke("-shared", str(unit), str(runtime()), "-o", str(fresh), "-lm")

    return _made(source, flags, "kernels.so", make)


@cache
def runtime() -> Path:
    """The runtime, compiled once."""
    flags = (*FLAGS, "-O2", *(["-DTIR_EMU_UCONTEXT"] if os.environ.get("TENSORIR_EMULATOR_UCONTEXT") else []))
    path = HERE / "runtime" / "runtime.cpp"
    return _made("", flags, "runtime.o", lambda _, fresh: _invoke(*flags, "-c", str(path), "-o", str(fresh)))


@cache
def _words(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Options that give CUDA's words their meaning, by a header that g++ precompiles: most of a small kernel's time.

    g++ reads the header itself should it find the precompiled one unfit; clang++ would refuse, so it always reads it.
    """
    header = HERE / "include" / "tensorir_emulator.h"
    folders: tuple[str, ...] = ("-I", str(header.parent), "-I", str(INCLUDE))
    if "Free Software Foundation" in CXX.version():
        name = f"{header.name}.gch"
        command = (*flags, *folders, "-x", "c++-header", str(header))
        made = _made("", flags, name, lambda _, fresh: _invoke(*command, "-o", str(fresh)))
        folders = ("-I", str(made.parent), *folders)
    return (*folders, "-include", header.name)


def _made(source: str, flags: tuple[str, ...], name: str, make: Callable[[Path, Path], None]) -> Path:
    """The file `name`, made of `source`, the headers and the runtime by `make(scratch folder, file)`, or kept."""
    return CXX.made(name, (source, *flags, _headers()), make)


_invoke = partial(CXX.invoke, refused="the CUDA text")
