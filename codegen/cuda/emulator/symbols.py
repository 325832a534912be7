"""What an address in an emulated kernel is: a line of the CUDA text, an element of a shared or global array."""

from __future__ import annotations

import bisect
import ctypes
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ....tir.dtype import dtype
from ..types import SCALARS

STRIP = 64
"""Bytes between shared arrays that belong to none."""
_DECLARED = re.compile(r"__shared__\s+(?:__align__\(\d+\)\s+)?([\w ]+?)\s+(\w+)\[\w+\];")
_SIZES = {name: dtype(t).bytes for t, name in SCALARS.items() if t not in ("void", "handle")}
_MANGLED = re.compile(r"^_ZZ.*E(\d+)([A-Za-z_]\w*)$")


class Symbols:
    """The symbols of a compiled program; read when an error needs them."""

    def __init__(self, path: Path, library: ctypes.CDLL, text: str) -> None:
        self.path, self.library = path, library
        self.items = {m[2]: _SIZES[m[1]] for m in _DECLARED.finditer(text) if m[1] in _SIZES}
        """Bytes of the elements of one-dimensional shared arrays, by name."""

    @cached_property
    def base(self) -> int:
        """Where the program is loaded."""
        image = self.library.tir_emu_image
        image.restype = ctypes.c_size_t
        return int(image())

    def line(self, pc: int) -> int:
        """The line of the CUDA text at an offset; 0 where it cannot be told."""
        # The address after a call belongs to the next line: look at the byte before.
        out = _output(["addr2line", "-i", "-e", str(self.path), hex(pc - 1)])
        found = [match for match in re.findall(r"([^\s:]+):(\d+)", out) if match[0].endswith("kernel.cu")]
        return int(found[0][1]) if found else 0

    @cached_property
    def shared(self) -> list[tuple[int, int, str]]:
        """Shared arrays: address, bytes, name, in the order of their addresses."""
        found = []
        for row in _output(["nm", "-S", str(self.path)]).splitlines():
            fields = row.split()
            if len(fields) == 4 and fields[2] in "dDbB":
                name = _plain(fields[3])
                if name is not None and not name.startswith("tir_strip_"):
                    found.append((self.base + int(fields[0], 16), int(fields[1], 16), name))
        return sorted(found)

    def describe(self, address: int, size: int, regions: Sequence[tuple[str, int, int, int, object]]) -> str:
        """An access of `size` bytes at `address`, in words."""
        width = "a byte" if size == 1 else f"{size} bytes"
        for name, begin, extent, item, _ in regions:
            if begin <= address < begin + extent:
                beyond = address + size - begin - extent
                return f"{width} at {_place(name, address - begin, item)}" + (
                    f", {beyond} beyond its end" * (beyond > 0)
                )
        at = bisect.bisect_right([row[0] for row in self.shared], address) - 1
        if at >= 0:
            begin, extent, name = self.shared[at]
            if address < begin + extent:
                return f"{width} at {_place(name, address - begin, self.items.get(name, 1))}"
            if address < begin + extent + STRIP:
                return f"{width} {_distance(address - begin - extent)} the end of {name}"
        if at + 1 < len(self.shared) and address >= self.shared[at + 1][0] - STRIP:
            begin, _, name = self.shared[at + 1]
            return f"{width} {begin - address} bytes before the beginning of {name}"
        near = min(regions, key=lambda r: min(abs(address - r[1]), abs(address - r[1] - r[2])), default=None)
        if near is None:
            return f"{width} of memory"
        name, begin, extent, *_ = near
        if address >= begin:
            return f"{width} {_distance(address - begin - extent)} the end of {name}"
        return f"{width} {begin - address} bytes before the beginning of {name}"


def _place(name: str, offset: int, item: int) -> str:
    """Where an access begins: the element of an array, or the byte of memory whose elements are unknown."""
    if item == 1 or offset % item:
        return f"byte {offset} of {name}"
    return f"{name}[{offset // item}] (byte {offset})"


def _distance(n: int) -> str:
    return f"{n} bytes beyond" if n else "just beyond"


def _plain(symbol: str) -> str | None:
    """The name of a static array of a function from its mangled one; None for other symbols."""
    if symbol == "tir_dynamic_shared":
        return "dynamic shared memory"
    match = _MANGLED.match(symbol)
    if match is not None:
        return match[2][: int(match[1])]
    plain = re.match(r"^([A-Za-z]\w*)\.\d+$", symbol)
    return plain[1] if plain else None


def _output(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done: Any = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return str(done.stdout)
