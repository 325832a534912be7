"""Arguments of GPU functions: arrays of the device's as they are, the host's copied there and, where written, back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tir.dtype import dtype
from ...tir.errors import CallError
from ..runtime.dlpack import _CODES, _is_valid, _pointer, _Tensor, _Versioned

_CUDA = (2, 13)  # DLPack's device types: CUDA, and memory that CUDA manages for host and device


def on_device(value: Any, name: str) -> np.ndarray | None:
    """An array of the device's as a numpy array over its address, not to be read; None for one of the host's.

    Raises
    ------
    CallError: it is on another kind of device, or of a type that no buffer has.
    """
    described = getattr(value, "__cuda_array_interface__", None)
    if described is not None:
        return _Described(described).array()
    if hasattr(value, "__dlpack_device__") and int(value.__dlpack_device__()[0]) in _CUDA:
        return _from_dlpack(value, name)
    return None


class _Described:
    """What `__cuda_array_interface__` says, in the words of numpy's own interface."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.__array_interface__ = {
            "shape": tuple(described["shape"]),
            "typestr": described["typestr"],
            "data": (int(described["data"][0]), bool(described["data"][1])),
            "strides": described.get("strides"),
            "version": 3,
        }

    def array(self) -> np.ndarray:
        """The array, nothing of which is read."""
        out = np.asarray(self)
        return out.view(np.uint8).reshape(out.shape) if out.dtype.kind == "V" else out


def _from_dlpack(value: Any, name: str) -> np.ndarray:
    try:
        capsule = value.__dlpack__(max_version=(1, 0))
    except TypeError:  # exporters older than DLPack 1.0 know no versions
        capsule = value.__dlpack__()
    if _is_valid(capsule, b"dltensor_versioned"):
        tensor = _Versioned.from_address(_pointer(capsule, b"dltensor_versioned")).tensor
    else:
        tensor = _Tensor.from_address(_pointer(capsule, b"dltensor"))
    code = _CODES.get(tensor.code)
    if code is None or tensor.lanes != 1:
        raise CallError(f"argument `{name}` has elements of DLPack type {tensor.code}, which no buffer has")
    spelled = code if code in ("bool",) or "8" in code else f"{code}{tensor.bits}"
    element = dtype(spelled).numpy
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = tuple(s * element.itemsize for s in tensor.strides[: tensor.ndim]) if tensor.strides else None
    described = {
        "shape": shape,
        "typestr": f"|V{element.itemsize}" if element.kind == "V" else element.str,
        "data": ((tensor.data or 0) + tensor.byte_offset, False),
        "strides": strides,
    }
    found = np.asarray(_Described(described))
    return found.view(element).reshape(shape) if found.dtype != element else found
