"""What every GPU kernel of this folder does when it is run: check a small shape on the CPU, compile, run on a GPU."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import tensorir
from _run import check, describe, rate
from tensorir.codegen.build import Module
from tensorir.tir.errors import CallError

ARCH = "sm_90a"


def run(kernel: ModuleType, arguments: Sequence[str]) -> None:
    """Check `kernel` at its small shape, and time it at the shape in `arguments`, or else its first, on a GPU.

    A kernel is a module with `SMALL`, `SHAPES`, `schedule(**shape)`, `arrays(**shape)` (what the function takes, the
    result last), `reference(*inputs, **shape)` (the result, by numpy) and `work(**shape)` (arithmetic operations, and
    the bytes that have to be read or written). Without a GPU the text is checked in the emulator and compiled.
    """
    shape = {**kernel.SHAPES[0], **{name: int(size) for name, size in (a.split("=") for a in arguments)}}
    name = Path(str(kernel.__file__)).stem
    emulated(kernel, kernel.SMALL)
    print(f"{name}: {describe(kernel.SMALL)}: the emulator's result is numpy's")
    target = tensorir.Target("cuda", arch=ARCH)
    module = tensorir.build(kernel.schedule(**shape).mod, target)
    for launched, used in module.resources().items():
        print(
            f"  {launched} for {describe(shape)}, {ARCH}: {used.registers} registers, {used.spills} bytes spilled, "
            f"{used.shared_bytes} bytes of static shared memory"
        )
    try:
        milliseconds = measured(kernel, module, shape)
    except CallError as error:
        print(f"  not run: {error}")
    else:
        print(f"  {milliseconds:.4f} ms, {rate(kernel.work(**shape), milliseconds)}")


def emulated(kernel: ModuleType, shape: dict[str, int]) -> None:
    """Compare the kernel's text, run by the emulator with all of its checks, with numpy.

    Raises
    ------
    AssertionError: the results differ.
    """
    arrays = kernel.arrays(**shape)
    tensorir.build(kernel.schedule(**shape).mod, tensorir.Target("cuda-emulator", arch=ARCH))(*arrays)
    check(arrays[-1], kernel.reference(*arrays[:-1], **shape))


def measured(kernel: ModuleType, module: Module, shape: dict[str, int]) -> float:
    """Milliseconds of one call on a GPU, after comparing the result with numpy's.

    Raises
    ------
    CallError: there is no GPU. AssertionError: the results differ.
    """
    from tensorir.codegen.cuda.driver import driver

    device = driver()
    arrays = kernel.arrays(**shape)
    module(*arrays)
    check(arrays[-1], kernel.reference(*arrays[:-1], **shape))
    there = [OnDevice(device, array) for array in arrays]
    return module.time(*there).median * 1e3


class OnDevice:
    """A copy of an array in the device's memory, for as long as the process lives."""

    def __init__(self, device: object, array: np.ndarray) -> None:
        pointer = device.allocate(array.nbytes)
        device.to_device(pointer, array.ctypes.data, array.nbytes)
        typestr = array.dtype.str if array.dtype.kind != "V" else f"<u{array.itemsize}"
        self.__cuda_array_interface__ = {
            "shape": array.shape, "typestr": typestr, "data": (pointer, False), "strides": None, "version": 3,
        }  # fmt: skip


def main() -> None:
    """Run the module that was started."""
    run(sys.modules["__main__"], sys.argv[1:])
