"""Data types: `DType`, a string such as "float32" or "int8x16" that knows its parts."""

from __future__ import annotations

import ctypes
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .errors import UserError, said
from .float_formats import FLOAT8

if TYPE_CHECKING:
    import numpy as np

_PATTERN = re.compile(rf"({'|'.join(FLOAT8)}|bfloat|float|uint|int|bool|handle|void)(\d*)(?:x(\d+))?")
_BITS: dict[str, tuple[int, ...]] = {
    "float": (16, 32, 64),
    "bfloat": (16,),
    **dict.fromkeys(FLOAT8, (8,)),
    "int": (4, 8, 16, 32, 64),
    "uint": (4, 8, 16, 32, 64),
    "bool": (1,),
    "handle": (64,),
    "void": (0,),
}
_SUFFIXED = frozenset({"float", "bfloat", "int", "uint"})

NAMES: tuple[str, ...] = tuple(
    f"{kind}{bits}" if kind in _SUFFIXED else kind for kind, widths in _BITS.items() for bits in widths
)
"""Every scalar data type's name."""


class DType(str):
    """A scalar or vector data type.

    It is the string TVM uses ("float32", "bfloat16", "float8_e4m3fn", "uint8", "bool", "handle", "float32x16"),
    so it compares and hashes as one. Build it with `dtype(...)`, which checks the spelling.

    Attributes
    ----------
    kind: "float", "bfloat", "int", "uint", "bool", "handle", "void" or the name of a float of 8 bits.
    bits: width of one lane in bits.
    lanes: number of lanes; 1 for scalars.
    element: the scalar type of one lane.
    is_integral: whether it is a signed or unsigned integer (bool is not).
    min, max: the least and the greatest finite value of one lane.
    """

    __slots__ = (
        "bits",
        "element",
        "is_bool",
        "is_float",
        "is_handle",
        "is_index",
        "is_int",
        "is_integral",
        "is_uint",
        "kind",
        "lanes",
        "max",
        "min",
    )

    kind: str
    bits: int
    lanes: int
    element: DType
    is_bool: bool
    is_float: bool
    is_handle: bool
    is_index: bool
    is_int: bool
    is_integral: bool
    is_uint: bool
    min: int | float
    max: int | float

    def __getattr__(self, name: str) -> Any:
        # Only the limits of floats are left unset: they take another package to find out.
        if name not in ("min", "max"):
            raise AttributeError(f"a data type has no attribute {name!r}")
        import ml_dtypes

        self.max = float(ml_dtypes.finfo(self.numpy).max)
        self.min = -self.max
        return self.max if name == "max" else self.min

    @property
    def bytes(self) -> int:
        """Bytes one lane takes in memory (at least 1: bool and 4-bit lanes take a byte each)."""
        return (self.bits + 7) // 8

    @property
    def is_scalar(self) -> bool:
        """Whether there is one lane."""
        return self.lanes == 1

    @property
    def numpy(self) -> np.dtype[Any]:
        """numpy's type of one lane (bfloat16 and the 8-bit floats are `ml_dtypes`'; 4-bit lanes are stored as 8)."""
        return _numpy(str(self.element))

    def round(self, value: float) -> float:
        """`value` rounded to the nearest number of this floating-point type, ties to even; an infinity on overflow."""
        number = float(value)
        if self.bits == 64:
            return number
        if self.bits == 32:
            return ctypes.c_float(number).value
        import numpy as np

        with np.errstate(all="ignore"):
            return float(self.numpy.type(number))

    def with_lanes(self, lanes: int) -> DType:
        """The same element type with `lanes` lanes."""
        return dtype(str(self.element) if lanes == 1 else f"{self.element}x{lanes}")

    def __reduce__(self) -> tuple[Any, ...]:
        return dtype, (str(self),)


@lru_cache(maxsize=4096)
def _parse(name: str) -> DType:
    match = _PATTERN.fullmatch(name)
    kind, bits, lanes = match.groups() if match else ("", "", None)
    width = int(bits) if bits else (_BITS[kind][0] if kind and kind not in _SUFFIXED else 0)
    bad_suffix = bool(bits) and kind not in _SUFFIXED
    if match is None or bad_suffix or width not in _BITS[kind] or (lanes is not None and int(lanes) < 2):
        import difflib

        near = difflib.get_close_matches(name, NAMES, 3, 0.75)
        known = f"did you mean {' or '.join(map(repr, near))}?" if near else f"a data type is one of {', '.join(NAMES)}"
        raise UserError(f"unknown data type {name!r}; {known}" + ("" if near else ", or with lanes as in 'float32x4'"))
    self = str.__new__(DType, name)
    self.kind, self.bits, self.lanes = kind, width, int(lanes or 1)
    self.element = self if lanes is None else _parse(name.rsplit("x", 1)[0])
    self.is_int, self.is_uint = kind == "int", kind == "uint"
    self.is_integral = self.is_int or self.is_uint
    self.is_float = "float" in kind
    self.is_bool, self.is_handle = kind == "bool", kind == "handle"
    self.is_index = kind == "int" and width in (32, 64)
    if not self.is_float:
        self.min, self.max = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if self.is_int else (0, (1 << width) - 1)
    return self


def dtype(value: Any) -> DType:
    """The data type named by `value`: a name, a `DType`, a numpy dtype or scalar class, or Python's int, float, bool.

    Raises
    ------
    UserError: `value` names no data type.
    """
    if type(value) is DType:
        return value
    if isinstance(value, str):
        return _parse(str(value))
    if not isinstance(value, type) and not hasattr(value, "newbyteorder"):
        raise UserError(f"expected a data type such as 'float32', got {said(value)}")
    if value in _PYTHON:
        return _parse(_PYTHON[value])
    import numpy as np

    try:
        return _parse(np.dtype(value).name)
    except TypeError:
        return _parse(value.__name__)


_PYTHON: dict[Any, str] = {int: "int32", float: "float32", bool: "bool"}


@lru_cache(maxsize=64)
def _numpy(element: str) -> np.dtype[Any]:
    import numpy as np

    if element.startswith(("bfloat", "float8")):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, element))
    if element in ("handle", "void"):
        raise UserError(f"data type {element!r} has no numpy counterpart")
    return np.dtype({"int4": "int8", "uint4": "uint8"}.get(element, element))


INT32 = dtype("int32")
INT64 = dtype("int64")
FLOAT32 = dtype("float32")
FLOAT64 = dtype("float64")
BOOL = dtype("bool")
HANDLE = dtype("handle")
VOID = dtype("void")
