"""What the runtime knows of each data type: its code in native checks, its LLVM type, its numpy type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...tir.errors import InternalError
from ...tir.float_formats import FLOAT8

if TYPE_CHECKING:
    import numpy as np

CLASSES = {name: place << 4 for place, name in enumerate(("int", "uint", "float", "bool", "bfloat", *FLOAT8), 1)}
"""The upper four bits of a data type's code; the lower four are its bytes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One scalar data type as the native entry sees it.

    Attributes
    ----------
    name: "float32", ...
    kind: a key of `CLASSES`.
    bytes: what one element takes in memory.
    llvm: the LLVM type by which a scalar argument is passed to the kernel.
    extend: the attribute the C calling convention wants on narrow integers, or "".
    stored: numpy's (or ml_dtypes') name of the type that holds the elements.
    """

    name: str
    kind: str
    bytes: int
    llvm: str
    extend: str
    stored: str

    @property
    def code(self) -> int:
        """The byte that native checks compare."""
        return CLASSES[self.kind] | self.bytes

    @property
    def numpy(self) -> np.dtype:
        """The type of the arrays that hold such elements."""
        import numpy as np

        if self.kind in ("bfloat", *FLOAT8):
            import ml_dtypes

            return np.dtype(getattr(ml_dtypes, self.stored))
        return np.dtype(self.stored)

    @property
    def text(self) -> str:
        """How Python code names the type: `"float32"`, `ml_dtypes.bfloat16`."""
        return f"ml_dtypes.{self.stored}" if self.kind in ("bfloat", *FLOAT8) else f'"{self.stored}"'

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest value of an integer type; (0, 1) for bool."""
        bits = {"int4": 4, "uint4": 4}.get(self.name, 8 * self.bytes)
        if self.kind == "int":
            return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        return 0, 1 if self.kind == "bool" else (1 << bits) - 1


def _kinds() -> dict[str, Kind]:
    kinds = [Kind("bool", "bool", 1, "i1", "zeroext", "bool")]
    for kind, extend in (("int", "signext"), ("uint", "zeroext")):
        kinds.append(Kind(f"{kind}4", kind, 1, "i8", extend, f"{kind}8"))
        for bits in (8, 16, 32, 64):
            narrow = extend if bits < 32 else ""
            kinds.append(Kind(f"{kind}{bits}", kind, bits // 8, f"i{bits}", narrow, f"{kind}{bits}"))
    for bits, llvm in ((16, "half"), (32, "float"), (64, "double")):
        kinds.append(Kind(f"float{bits}", "float", bits // 8, llvm, "", f"float{bits}"))
    kinds.append(Kind("bfloat16", "bfloat", 2, "bfloat", "", "bfloat16"))
    kinds += [Kind(name, name, 1, "i8", "zeroext", name) for name in FLOAT8]
    return {kind.name: kind for kind in kinds}


KINDS: dict[str, Kind] = _kinds()
"""Every data type an argument can have, by name. 4-bit integers take a byte each."""


def kind(dtype: str) -> Kind:
    """The `Kind` of a data type's name (a `tir.dtype.DType` is one)."""
    try:
        return KINDS[dtype]
    except KeyError:
        raise InternalError(f"no argument can have the data type {dtype!r}") from None
