"""`emulate`: CUDA text as a program whose kernels are launched on numpy arrays."""

from __future__ import annotations

import _ctypes
import ctypes
import re
import weakref
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ....tir.errors import RunError
from . import compile as compiler
from .symbols import Symbols

_MESSAGE = 1024
_MEMORY = re.compile(r"\{([0-9a-f]+):(\d+)\}")
_NARROW = re.compile(r"__shared__[^;]*?\b(char|bool|u?int8_t|__nv_fp8_\w+)\b")
_KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\s*\(')


class EmulatorError(RunError):
    """A kernel does what no GPU defines: a race, a divergent barrier, an access out of bounds, a read of nothing.

    Attributes
    ----------
    kernel: its name. lines: where in the CUDA text, the access first, then the one it is in conflict with.
    """

    kernel: str = ""
    lines: tuple[int, ...] = ()


class Region(NamedTuple):
    """Memory that kernels may touch.

    Attributes
    ----------
    item: bytes of its elements.
    fresh: of each byte 1 where nothing has been written there, else 0; None where all has been.
    """

    name: str
    address: int
    bytes: int
    item: int = 1
    fresh: np.ndarray | None = None

    def holds(self, address: int) -> bool:
        """Whether an address is one of this memory."""
        return self.address <= address < self.address + max(self.bytes, 1)

    @property
    def packed(self) -> tuple[int, int, int, int]:
        """Address, bytes, the exponent of the grain at which threads share it, the address of `fresh`."""
        return self.address, self.bytes, self.item.bit_length() - 1, 0 if self.fresh is None else self.fresh.ctypes.data


class Program:
    """Compiled CUDA text.

    Attributes
    ----------
    text: the CUDA text. kernels: the names of its kernels. check: whether accesses are checked.
    """

    def __init__(self, text: str, kernels: tuple[str, ...], path: Path, *, check: bool) -> None:
        self.text, self.kernels, self.check = text, kernels, check
        self._library = ctypes.CDLL(str(path))
        # ctypes keeps libraries for good, a megabyte each.
        weakref.finalize(self, _ctypes.dlclose, self._library._handle).atexit = False
        self._symbols = Symbols(path, self._library, text)
        # The finest grain at which threads may share a word: bytes only where elements are bytes.
        self._shift = 0 if _NARROW.search(text) or "extern __shared__" in text else 1

    def launch(
        self,
        name: str,
        grid: Sequence[int],
        block: Sequence[int],
        args: Sequence[Any],
        *,
        shared_bytes: int = 0,
        names: Sequence[str] = (),
        memory: Iterable[Region] = (),
        written: Collection[int] | None = None,
    ) -> None:
        """Run a kernel over `grid` blocks of `block` threads (along x, y, z; what is missing is 1).

        Parameters
        ----------
        args: numpy arrays for pointers, ctypes values or numpy scalars for the rest, of the parameters' types.
        shared_bytes: dynamic shared memory. names: what arrays are called in errors, by argument.
        memory: more memory that kernels may touch.
        written: the pointers through which this one may write; by default all.

        Raises
        ------
        EmulatorError: a check fails, or threads wait for what never comes.
        """
        values: list[Any] = []
        regions = list(memory)
        for k, arg in enumerate(args):
            if isinstance(arg, np.ndarray):
                values.append(ctypes.c_void_p(arg.ctypes.data))
                label = names[k] if k < len(names) else f"argument {k}"
                extent = arg.nbytes if arg.flags.c_contiguous else _span(arg)
                regions.append(Region(label, arg.ctypes.data, extent, arg.itemsize))
            elif isinstance(arg, np.generic):
                values.append((ctypes.c_char * arg.nbytes).from_buffer_copy(arg.tobytes()))
            else:
                values.append(arg)
        pointers = (ctypes.c_void_p * max(len(values), 1))(*(ctypes.addressof(v) for v in values))
        ranges = (ctypes.c_size_t * max(5 * len(regions), 1))(
            *(x for r in regions for x in (*r.packed[:3], written is None or any(map(r.holds, written)), r.packed[3]))
        )
        message = ctypes.create_string_buffer(_MESSAGE)
        pcs = (ctypes.c_uint32 * 2)()
        failed = self._library.tir_emu_launch(
            ctypes.cast(getattr(self._library, f"tir_emu_call_{name}"), ctypes.c_void_p), pointers,
            _triple(grid), _triple(block), ctypes.c_size_t(shared_bytes), ctypes.c_uint(self._shift),
            ctypes.c_int(self.check), ranges, ctypes.c_size_t(len(regions)), message, ctypes.c_size_t(_MESSAGE), pcs,
        )  # fmt: skip
        if failed:
            raise self._error(name, message.value.decode(), list(pcs), regions)

    def _error(self, name: str, text: str, pcs: list[int], regions: list[Region]) -> EmulatorError:
        lines = tuple(self._symbols.line(pc) for pc in pcs if pc)

        def place(match: re.Match[str]) -> str:
            shown = self._symbols.describe(int(match[1], 16), int(match[2]), regions)
            return f"{shown} in line {lines[0]}" if lines else shown

        text = _MEMORY.sub(place, text).replace("{1}", f" in line {lines[1]}" if len(lines) > 1 else "")
        source = self.text.splitlines()
        shown = "".join(f"\n  {n:4} | {source[n - 1]}" for n in dict.fromkeys(lines) if 0 < n <= len(source))
        error = EmulatorError(f"kernel `{name}`: {text}{shown}")
        error.kernel, error.lines = name, lines
        return error


def emulate(text: str, *, kernels: Iterable[str] | None = None, check: bool = True) -> Program:
    """Compile CUDA text for the CPU.

    Parameters
    ----------
    kernels: the kernels' names; by default every `extern "C" __global__` function.
    check: whether accesses are checked; without, kernels run several times faster.

    Raises
    ------
    BuildError: there is no C++ compiler, or it refuses the text.
    """
    names = tuple(kernels) if kernels is not None else tuple(_KERNEL.findall(text))
    return Program(text, names, compiler.compiled(text, names, check=check), check=check)


def _triple(extents: Sequence[int]) -> Any:
    given = [*extents, 1, 1, 1][:3]
    return (ctypes.c_uint * 3)(*given)


def _span(array: np.ndarray) -> int:
    """Bytes from an array's first element to its last."""
    return sum((n - 1) * s for n, s in zip(array.shape, array.strides)) + array.itemsize if array.size else 0
