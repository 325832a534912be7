"""Where the kernels of `benchmarks/gpu.py` run: a GPU, with a clock and a peak, or the emulator, which has neither."""

from __future__ import annotations

import importlib
import statistics
from ctypes import byref, c_int
from typing import Any

import numpy as np
import tensorir
from tensorir.codegen.cuda.driver import Driver, driver

_CLOCK, _MULTIPROCESSORS = 13, 16  # CU_DEVICE_ATTRIBUTE_CLOCK_RATE in kHz, ..._MULTIPROCESSOR_COUNT

PER_CLOCK = {
    "sm_80": {"float32": 128, "bfloat16": 2048, "float16": 2048, "int8": 4096},
    "sm_86": {"float32": 256, "bfloat16": 512, "float16": 512, "int8": 2048},
    "sm_89": {"float32": 256, "bfloat16": 512, "float16": 512, "int8": 2048},
    "sm_90": {"float32": 256, "bfloat16": 4096, "float16": 4096, "int8": 8192},
}
"""Dense operations that a multiprocessor does in a clock, on tensor cores but for float32 (NVIDIA's white papers)."""


class Gpu:
    """A GPU.

    Attributes
    ----------
    bandwidth: bytes per second, read and written, of a copy within its memory, as measured.
    """

    def __init__(self) -> None:
        self.device: Driver = driver()
        self.bandwidth = self._copied()

    def __str__(self) -> str:
        return f"{self.device.name} ({self.device.arch}); its own copy moves {self.bandwidth / 1e12:.2f} TB/s"

    def target(self, arch: str) -> tensorir.Target:
        return tensorir.Target("cuda", arch=arch)

    def peak(self, dtype: str) -> float:
        """Operations per second at the highest clock; 0 for an architecture that is not known."""
        rates = PER_CLOCK.get(self.device.arch, {})
        return self._attribute(_CLOCK) * 1e3 * self._attribute(_MULTIPROCESSORS) * rates.get(dtype, 0)

    def seconds(self, module: Any, arrays: list[np.ndarray]) -> float:
        """The median time of a call on arrays of the device's."""
        on_device = importlib.import_module("_cuda").OnDevice
        return float(module.time(*(on_device(self.device, array) for array in arrays), seconds=1.0).median)

    def _attribute(self, number: int) -> int:
        value = c_int()
        self.device.call("cuDeviceGetAttribute", byref(value), number, self.device.device)
        return value.value

    def _copied(self, size: int = 1 << 30) -> float:
        device = self.device
        source, target = device.allocate(size), device.allocate(size)
        device.copy(target, source, size)
        times = [device.elapsed(lambda: device.copy(target, source, size), 0) for _ in range(20)]
        for pointer in (source, target):
            device.free(pointer)
        return 2 * size / statistics.median(times)


class Emulator:
    """The CPU in a GPU's place: results are checked, nothing is timed."""

    bandwidth = 0.0

    def __str__(self) -> str:
        return "the emulator: results are checked at small shapes, nothing is timed"

    def target(self, arch: str) -> tensorir.Target:
        return tensorir.Target("cuda-emulator", arch=arch)
