"""Compiles CUDA C++ text by NVRTC, which needs no GPU: to PTX, to machine code, and to what the kernels use."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ...tir.errors import BuildError

OWN = Path(__file__).parent / "include"
"""The headers of tensor cores and asynchronous copies that generated text includes."""

MISSING = (
    "NVRTC, CUDA's compiler library, is not installed; `pip install tensorir[cuda]` installs it (no GPU is needed), "
    "or set CUDA_HOME to a CUDA toolkit"
)


@dataclass(frozen=True)
class Resources:
    """What a compiled kernel uses, as `ptxas -v` tells.

    Attributes
    ----------
    registers: of a thread. shared_bytes: static shared memory of a block.
    spill_stores, spill_loads: bytes of registers moved to memory and back for want of more. stack_bytes: of a thread.
    """

    registers: int
    shared_bytes: int
    spill_stores: int
    spill_loads: int
    stack_bytes: int

    @property
    def spills(self) -> int:
        """Bytes spilled, stores and loads."""
        return self.spill_stores + self.spill_loads


@dataclass(frozen=True)
class Compiled:
    """Machine code, and what its kernels use by their names."""

    code: bytes
    resources: dict[str, Resources]


@dataclass(frozen=True)
class _Installation:
    """Folders with the library and the headers of one CUDA."""

    libraries: tuple[Path, ...]
    headers: tuple[Path, ...]


def _installations() -> Iterator[_Installation]:
    """Where CUDA may be: a toolkit that the environment names, NVIDIA's wheels, the system's toolkit."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(name):
            yield _toolkit(Path(os.environ[name]))
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations or () if spec is not None else ():
        parts = [Path(place) / part for part in ("cuda_nvrtc", "cuda_runtime", "cuda_nvcc", "cuda_cccl", "cu13")]
        yield _Installation(tuple(p / "lib" for p in parts), tuple(p / "include" for p in parts))
    yield _toolkit(Path("/usr/local/cuda"))


def _toolkit(root: Path) -> _Installation:
    return _Installation((root / "lib64", root / "lib"), (root / "include",))


def tool(name: str) -> str | None:
    """The path of one of CUDA's programs in NVIDIA's wheels; None where none of them has it."""
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations or () if spec is not None else ():
        for path in sorted(Path(place).glob(f"*/bin/{name}")):
            return str(path)
    return None


@cache
def _loaded() -> tuple[Any, tuple[str, ...]]:
    for place in _installations():
        for path in (p for folder in place.libraries for p in sorted(folder.glob("libnvrtc.so*"))):
            try:
                return ctypes.CDLL(str(path)), tuple(str(f) for f in place.headers if f.is_dir())
            except OSError:
                continue
    raise BuildError(MISSING)


def library() -> Any:
    """NVRTC.

    Raises
    ------
    BuildError: it is not installed.
    """
    return _loaded()[0]


@cache
def available() -> bool:
    """Whether CUDA text can be compiled here."""
    try:
        library()
    except BuildError:
        return False
    return True


def includes() -> tuple[str, ...]:
    """The folders of the headers that belong to the library."""
    return _loaded()[1]


def ptx(text: str, arch: str) -> str:
    """The PTX of CUDA text for an architecture such as "sm_90a".

    Raises
    ------
    BuildError: NVRTC is missing, or does not accept the text.
    """
    return _compile(text, f"compute_{arch.removeprefix('sm_')}", "PTX", ())[0].rstrip(b"\0").decode()


def cubin(text: str, arch: str) -> Compiled:
    """The machine code of CUDA text for an architecture, and what its kernels use.

    Raises
    ------
    BuildError: NVRTC is missing, or does not accept the text.
    """
    code, log = _compile(text, arch, "CUBIN", ("--ptxas-options=-v",))
    return Compiled(code, resources(log))


@lru_cache(maxsize=256)
def _compile(text: str, arch: str, form: str, options: Sequence[str]) -> tuple[bytes, str]:
    nvrtc, program = library(), ctypes.c_void_p()
    _require(nvrtc, nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None), "")
    flags = [f"--gpu-architecture={arch}", "--std=c++17", *options, *(f"-I{folder}" for folder in (OWN, *includes()))]
    array = (ctypes.c_char_p * len(flags))(*(flag.encode() for flag in flags))
    code = nvrtc.nvrtcCompileProgram(program, len(flags), array)
    log = _taken(nvrtc, program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
    try:
        _require(nvrtc, code, log)
        return _taken(nvrtc, program, form), log
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _taken(nvrtc: Any, program: ctypes.c_void_p, what: str) -> bytes:
    """What NVRTC made: it tells the size first."""
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    memory = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, memory)
    return memory.raw


def _require(nvrtc: Any, code: int, log: str) -> None:
    if code == 0:
        return
    nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
    raise BuildError(f"NVRTC does not compile the text: {nvrtc.nvrtcGetErrorString(code).decode()}\n{log}".rstrip())


_FUNCTION = re.compile(r"Compiling entry function '(\w+)'")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SMEM = re.compile(r"(\d+) bytes smem")


def resources(log: str) -> dict[str, Resources]:
    """What `ptxas -v` says of each kernel."""
    out: dict[str, Resources] = {}
    for part in log.split("ptxas info    : Compiling entry")[1:]:
        name = _FUNCTION.search(f"Compiling entry{part}")
        stack, used, shared = _STACK.search(part), _USED.search(part), _SMEM.search(part)
        if name and used:
            frame, stores, loads = (int(x) for x in stack.groups()) if stack else (0, 0, 0)
            out[name[1]] = Resources(int(used[1]), int(shared[1]) if shared else 0, stores, loads, frame)
    return out
