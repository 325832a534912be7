"""CUDA's driver, by ctypes: loads machine code, launches kernels, and holds memory of the device.

The primary context is used, which cupy and torch use as well, so their arrays and streams can be passed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from functools import cache
from typing import Any

from ...tir.errors import CallError

LIBRARIES = ("libcuda.so.1", "libcuda.so", "nvcuda.dll")

_MAX_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_STATIC_LIMIT = 48 * 1024


class Driver:
    """One device of CUDA's.

    Raises
    ------
    CallError: there is no driver, or no device; it says which.
    """

    def __init__(self, device: int = 0) -> None:
        self.cuda = _library()
        self.call("cuInit", 0)
        count = c_int()
        self.call("cuDeviceGetCount", byref(count))
        if count.value <= device:
            raise CallError(f"there is no CUDA device {device}: the driver sees {count.value} of them")
        self.device = c_int()
        self.call("cuDeviceGet", byref(self.device), device)
        self.context = c_void_p()
        self.call("cuDevicePrimaryCtxRetain", byref(self.context), self.device)
        self.current()

    def call(self, name: str, *args: Any) -> None:
        """Call a function of the driver.

        Raises
        ------
        CallError: it fails; the message is the driver's.
        """
        code = getattr(self.cuda, name)(*args)
        if code:
            text = c_char_p()
            self.cuda.cuGetErrorString(code, byref(text))
            raise CallError(f"CUDA: {name} failed: {(text.value or b'unknown error').decode()} ({code})")

    def current(self) -> None:
        """Make the device's primary context the one of this thread."""
        self.call("cuCtxSetCurrent", self.context)

    @property
    def arch(self) -> str:
        """The device's architecture, as in "sm_90"."""
        major, minor = c_int(), c_int()
        self.call("cuDeviceGetAttribute", byref(major), 75, self.device)
        self.call("cuDeviceGetAttribute", byref(minor), 76, self.device)
        return f"sm_{major.value}{minor.value}"

    @property
    def name(self) -> str:
        """What the device is called."""
        text = ctypes.create_string_buffer(128)
        self.call("cuDeviceGetName", text, 128, self.device)
        return text.value.decode()

    def load(self, code: bytes) -> c_void_p:
        """A module of machine code or PTX."""
        module = c_void_p()
        self.current()
        self.call("cuModuleLoadData", byref(module), c_char_p(code))
        return module

    def function(self, module: c_void_p, name: str) -> c_void_p:
        """A kernel of a module."""
        function = c_void_p()
        self.call("cuModuleGetFunction", byref(function), module, name.encode())
        return function

    def launch(
        self,
        function: c_void_p,
        grid: Sequence[int],
        block: Sequence[int],
        shared_bytes: int,
        stream: int,
        arguments: Sequence[Any],
    ) -> None:
        """Queue a kernel; `arguments` are ctypes values of the types it takes."""
        if shared_bytes > _STATIC_LIMIT:
            self.call("cuFuncSetAttribute", function, _MAX_DYNAMIC_SHARED, shared_bytes)
        pointers = (c_void_p * max(1, len(arguments)))(*(ctypes.addressof(a) for a in arguments))
        sizes = [c_uint(x) for x in (*grid, *block, shared_bytes)]
        self.call("cuLaunchKernel", function, *sizes, c_void_p(stream), pointers, None)

    def allocate(self, size: int) -> int:
        """The address of so many bytes of the device's memory."""
        pointer = c_void_p()
        self.call("cuMemAlloc_v2", byref(pointer), c_size_t(max(size, 1)))
        return pointer.value or 0

    def free(self, pointer: int) -> None:
        """Give memory back; kernels that are queued still have it."""
        self.call("cuMemFree_v2", c_void_p(pointer))

    def to_device(self, pointer: int, address: int, size: int) -> None:
        """Copy bytes of the host's memory to the device's."""
        self.call("cuMemcpyHtoD_v2", c_void_p(pointer), c_void_p(address), c_size_t(size))

    def to_host(self, address: int, pointer: int, size: int) -> None:
        """Copy bytes of the device's memory to the host's, after all that is queued."""
        self.call("cuMemcpyDtoH_v2", c_void_p(address), c_void_p(pointer), c_size_t(size))

    def copy(self, to: int, source: int, size: int) -> None:
        """Queue a copy of bytes from one place in the device's memory to another."""
        self.call("cuMemcpyDtoDAsync_v2", c_void_p(to), c_void_p(source), c_size_t(size), None)

    def synchronize(self) -> None:
        """Wait for all that is queued."""
        self.call("cuCtxSynchronize")

    def elapsed(self, queue: Any, stream: int) -> float:
        """The seconds that the device takes for what `queue()` queues on a stream."""
        events = [c_void_p(), c_void_p()]
        for event in events:
            self.call("cuEventCreate", byref(event), 0)
        self.call("cuEventRecord", events[0], c_void_p(stream))
        queue()
        self.call("cuEventRecord", events[1], c_void_p(stream))
        self.call("cuEventSynchronize", events[1])
        milliseconds = ctypes.c_float()
        self.call("cuEventElapsedTime", byref(milliseconds), *events)
        for event in events:
            self.call("cuEventDestroy_v2", event)
        return milliseconds.value * 1e-3


def _library() -> Any:
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise CallError(
        "a kernel cannot be launched here: there is no CUDA driver (libcuda.so.1), which comes with a GPU; "
        'target="cuda-emulator" runs the same text on the CPU'
    )


@cache
def driver(device: int = 0) -> Driver:
    """The device, taken into use once.

    Raises
    ------
    CallError: there is no driver, or no device.
    """
    return Driver(device)
