"""Arrays for kernels that ask for more than numpy promises, and the memory kernels keep between calls."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...tir.dtype import dtype as as_dtype
from ...tir.errors import UserError
from . import native
from .signature import MAX_ALIGN


def empty(shape: int | tuple[int, ...], dtype: Any, align: int = 64) -> np.ndarray:
    """An uninitialised compact array whose memory starts at a multiple of `align` bytes.

    Parameters
    ----------
    dtype: a data type's name ("float32", "bfloat16", "int4": a byte each), or what numpy takes for one.
    align: a power of two up to 4096; numpy's own arrays start at multiples of 16.

    Raises
    ------
    UserError: `align` is no such number, or `dtype` names no data type.
    """
    if not (isinstance(align, int) and 0 < align <= MAX_ALIGN and align & (align - 1) == 0):
        raise UserError(f"align must be a power of two from 1 to {MAX_ALIGN}, not {align!r}")
    element = as_dtype(dtype).numpy
    size = math.prod((shape,) if isinstance(shape, int) else shape) * element.itemsize
    memory = np.empty(max(size, 0) + align, np.uint8)
    return np.ndarray(shape, element, memory, -memory.ctypes.data % align)


def trim() -> None:
    """Give the memory that kernels keep for the temporaries of their next call back to the system."""
    native.function("tir_trim", None)()
