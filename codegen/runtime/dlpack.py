"""Reads DLPack tensors as numpy arrays without copying, for every data type an argument can have.

numpy's own reader is fast, but knows no bfloat16 and no 8-bit floats, and makes read-only what comes from exporters
older than DLPack 1.0. Those are read here; the structures are those of dlpack.h, with and without the version header.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ...tir.float_formats import FLOAT8
from .dtypes import KINDS


class Unreadable(Exception):
    """An object is no array this process can read; the message says why, to follow "which ..."."""


_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 6: "bool"} | dict(
    enumerate(FLOAT8, 7)
)  # in the order of DLPack
_HOST = {1, 3, 11, 13}  # plain, pinned for CUDA, pinned for ROCm, managed
_DEVICES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 14: "oneAPI", 15: "WebGPU"}
_READ_ONLY = 1  # in the flags of versioned capsules


class _Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_pointer.restype = ctypes.c_void_p
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]


def from_dlpack(value: Any) -> np.ndarray:
    """The memory of an object with `__dlpack__`, as an array that keeps the exporter's memory alive.

    Raises
    ------
    Unreadable: the memory is on another device, or holds a type no argument can have.
    """
    try:
        array = np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError):
        return _read(value)
    return array if array.flags.writeable else _read(value)


def _read(value: Any) -> np.ndarray:
    device, number = value.__dlpack_device__()
    if device not in _HOST:
        name = _DEVICES.get(int(device), f"device type {int(device)}")
        raise Unreadable(f"lives on {name} device {number}, not in the memory of the host")
    try:
        capsule = value.__dlpack__(max_version=(1, 0))
    except TypeError:  # exporters older than DLPack 1.0 know no versions
        capsule = value.__dlpack__()
    # The capsule is never marked as used: it stays the owner, and frees the tensor when the array is gone.
    if _is_valid(capsule, b"dltensor_versioned"):
        managed = _Versioned.from_address(_pointer(capsule, b"dltensor_versioned"))
        array = _array(managed.tensor, capsule)
        array.flags.writeable &= not managed.flags & _READ_ONLY
        return array
    if _is_valid(capsule, b"dltensor"):
        return _array(_Tensor.from_address(_pointer(capsule, b"dltensor")), capsule)
    raise Unreadable(f"exports {capsule!r} instead of a DLPack capsule")


def _array(tensor: _Tensor, owner: object) -> np.ndarray:
    kind = _CODES.get(tensor.code, "")
    known = KINDS.get(kind) or KINDS.get(f"{kind}{tensor.bits}")
    if known is None or tensor.bits != 8 * known.bytes or tensor.lanes != 1:
        lanes = f" with {tensor.lanes} lanes" if tensor.lanes != 1 else ""
        raise Unreadable(f"has elements of DLPack type {tensor.code} and {tensor.bits} bits{lanes}")
    dtype = known.numpy
    shape = tuple(tensor.shape[: tensor.ndim])
    if 0 in shape:
        return np.empty(shape, dtype)
    if tensor.strides:
        strides = tuple(stride * dtype.itemsize for stride in tensor.strides[: tensor.ndim])
    else:
        strides = _compact(shape, dtype.itemsize)
    steps = [(extent - 1) * stride for extent, stride in zip(shape, strides, strict=True)]
    before = -sum(step for step in steps if step < 0)
    after = sum(step for step in steps if step > 0) + dtype.itemsize
    memory = (ctypes.c_uint8 * (before + after)).from_address(tensor.data + tensor.byte_offset - before)
    memory.owner = owner
    return np.ndarray(shape, dtype, memory, before, strides)


def _compact(shape: tuple[int, ...], step: int) -> tuple[int, ...]:
    strides = []
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))
