"""Descriptions of matrices for the copy engine: as the driver encodes them, and as the emulator reads them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from ...tir.dtype import DType
from .source import TensorMap

if TYPE_CHECKING:
    from .driver import Driver

SIZE, ALIGNMENT = 128, 64
"""Bytes of a `CUtensorMap`, and what its address is a multiple of."""

_TYPES = {
    "uint8": 0, "int8": 0, "float8_e4m3fn": 0, "float8_e5m2": 0, "uint16": 1, "int16": 1, "uint32": 2, "int32": 3,
    "uint64": 4, "int64": 5, "float16": 6, "float32": 7, "float64": 8, "bfloat16": 9,
}  # fmt: skip
"""`CUtensorMapDataType` by data type; of 8 bits only the size counts."""

_SWIZZLE_128B, _L2_256B = 3, 3


def encoded(device: Driver, dtype: DType, pointer: int, known: TensorMap) -> Any:
    """The description as a kernel's parameter (`cuTensorMapEncodeTiled`)."""
    memory = (ctypes.c_char * (SIZE + ALIGNMENT))()
    made = (ctypes.c_char * SIZE).from_buffer(memory, -ctypes.addressof(memory) % ALIGNMENT)
    device.call(
        "cuTensorMapEncodeTiled", made, ctypes.c_int(_TYPES[str(dtype)]), ctypes.c_uint32(2), ctypes.c_void_p(pointer),
        (ctypes.c_uint64 * 2)(known.columns, known.rows), (ctypes.c_uint64 * 1)(known.columns * dtype.bytes),
        (ctypes.c_uint32 * 2)(known.box_columns, known.box_rows), (ctypes.c_uint32 * 2)(1, 1), ctypes.c_int(0),
        ctypes.c_int(_SWIZZLE_128B), ctypes.c_int(_L2_256B), ctypes.c_int(0),
    )  # fmt: skip
    return made


def emulated(dtype: DType, pointer: int, known: TensorMap) -> Any:
    """The description as the emulator's runtime declares it."""
    words = np.zeros(SIZE // 8, np.uint64)
    words[:4] = pointer, known.columns, known.rows, known.columns * dtype.bytes
    words.view(np.uint32)[8:11] = known.box_columns, known.box_rows, dtype.bytes
    return (ctypes.c_char * SIZE).from_buffer_copy(words.tobytes())
