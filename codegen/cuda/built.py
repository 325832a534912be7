"""Modules built for "cuda": kernels compiled by NVRTC, launched on arrays of the device's or of the host's."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...tir.errors import BuildError, CallError, LowerError
from ...tir.expr import const
from ...tir.function import IRModule, PrimFunc
from ...tir.stmt import Evaluate
from ..build import Module, Timing
from ..interpret.arguments import arrange, bind
from ..interpret.memory import Pointer
from ..interpret.program import Program as Interpreted
from ..signatures import signature_of, written_pointers
from ..target import Target
from . import nvrtc
from .arrays import on_device
from .driver import Driver, driver
from .host import run
from .module import generate
from .nvrtc import Resources
from .source import CudaSource, Kernel
from .tensor_maps import encoded


class CudaModule(Module):
    """Functions whose kernels run on a GPU. Everything but a call works without one.

    A function takes arrays of cupy's, torch's or whatever has `__cuda_array_interface__` or DLPack, as they are;
    numpy's are copied to the device and, where written, back. `stream=` queues the kernels on a stream (cupy's,
    torch's or its number); a call with arrays of the device's does not wait for them.

    Attributes
    ----------
    cuda: the CUDA text, its kernels, and the host functions that launch them.

    Raises
    ------
    LowerError: the program has no form as kernels, or asks for more than the target's GPU has.
    """

    def __init__(self, program: IRModule, lowered: IRModule, target: Target) -> None:
        self.program, self.lowered, self.target = program, lowered, target
        self.cuda: CudaSource = generate(lowered, target, program)
        self._signatures = {name: signature_of(f) for name, f in lowered.items()}
        self._functions = {name: self._function(f) for name, f in self.cuda.host.items()}

    @cached_property
    def _compiled(self) -> nvrtc.Compiled:
        return nvrtc.cubin(self.cuda.text, self.target.arch)

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        device = driver()
        # Machine code is for one generation; the driver translates PTX for later ones.
        same = device.arch[:-1] == self.target.arch.rstrip("a")[:-1]
        module = device.load(self._compiled.code if same else self.source("ptx").encode())
        return {name: device.function(module, name) for name in self.cuda.kernels}

    def resources(self) -> dict[str, Resources]:
        """What each kernel uses: registers, shared memory, spills.

        Raises
        ------
        BuildError: NVRTC is not installed.
        """
        return self._compiled.resources

    def _function(self, func: PrimFunc) -> Callable[..., Any]:
        if func.ret_type.kind != "void":
            raise LowerError("{0} gives a value, which a function that launches kernels cannot", func)
        # What arguments must be, the interpreter knows from the function's head.
        head = Interpreted(func.replace(body=Evaluate(const(0))))
        head.written = written_pointers(self.lowered[func.name])

        def call(*args: Any, stream: Any = None, **named: Any) -> None:
            device = driver()
            device.current()
            call = _Call(device, func, _stream(stream))
            try:
                values = bind(head, [call.given(p, a) for p, a in zip(func.params, arrange(func, args, named))])
                numbers = {p: call.address(v) for p, v in zip([*func.params, *head.symbols], values)}
                launch = self._launcher(device, call.stream)
                run(self.cuda, func, numbers, launch, call.allocate)
                call.bring_back(head.written)
            finally:
                call.free()

        return call

    def _launcher(self, device: Driver, stream: int) -> Callable[..., None]:
        def launch(kernel: Kernel, grid: Any, block: Any, shared: int, given: Sequence[Any]) -> None:
            passed = [
                encoded(device, p.dtype, value, p.map) if p.map else _passed(p.dtype, p.pointer, value)
                for p, value in zip(kernel.params, given)
            ]
            for p, value in zip(kernel.params, given):
                if p.pointer and value % p.align:
                    raise CallError(
                        f"argument `{p.name}` begins at an address that is no multiple of {p.align} bytes, which the "
                        "kernel's vector accesses need; pass a copy"
                    )
            device.launch(self._loaded[kernel.name], grid, block, shared, stream, passed)

        return launch

    def time(self, *args: Any, name: str | None = None, repeats: int = 0, seconds: float = 0.3) -> Timing:
        """Measure calls with arrays of the device's, by the device's own clock; see `Module.time`."""
        device, function = driver(), self[name or self.entry_name]
        function(*args)
        once = max(device.elapsed(lambda: function(*args), 0), 1e-7)
        count = repeats or max(5, min(1000, int(seconds / once)))
        return Timing(tuple(device.elapsed(lambda: function(*args), 0) for _ in range(count)))

    def _forms(self) -> dict[str, Callable[[], str]]:
        return {
            "cuda": lambda: self.cuda.text,
            "tir": lambda: self.lowered.script(),
            "ptx": lambda: nvrtc.ptx(self.cuda.text, self.target.arch),
            "sass": lambda: disassembled(self._compiled.code),
        }


class _Call:
    """One call: what it has copied to the device."""

    def __init__(self, device: Driver, func: PrimFunc, stream: int) -> None:
        self.device, self.func, self.stream = device, func, stream
        self.copies: list[tuple[Any, np.ndarray, int]] = []
        self.owned: list[int] = []
        self.places: dict[int, int] = {}

    def given(self, param: Any, value: Any) -> Any:
        """An argument as `bind` takes it; the device's arrays as numpy arrays over addresses of the device's."""
        buffer = self.func.buffer_map.get(param)
        if buffer is None:
            return value
        there = on_device(value, buffer.name)
        if there is not None:
            wanted = buffer.dtype.numpy
            return there.view(wanted) if there.dtype.itemsize == wanted.itemsize and there.dtype.kind == "u" else there
        if isinstance(value, np.ndarray):
            self.copies.append((buffer.data, value, 0))
        return value

    def address(self, value: Any) -> Any:
        """A pointer as an address of the device's; memory of the host's is copied there."""
        if not isinstance(value, Pointer) or value.memory is None:
            return 0 if isinstance(value, Pointer) else value
        at = value.memory.address + value.offset
        for k, (data, array, known) in enumerate(self.copies):
            if array.ctypes.data == at and not known:
                pointer = self.allocate(array.nbytes, data.name)
                source = np.ascontiguousarray(array)
                self.device.to_device(pointer, source.ctypes.data, array.nbytes)
                self.copies[k] = data, array, pointer
                return pointer
        return at

    def allocate(self, size: int, name: str) -> int:
        """Memory of the device's until the end of the call, for the buffer of that name."""
        pointer = self.device.allocate(size)
        self.owned.append(pointer)
        return pointer

    def bring_back(self, written: Any) -> None:
        """Copy what was written back to the host's arrays."""
        for data, array, pointer in self.copies:
            if pointer and data in written:
                target = array if array.flags.c_contiguous else np.empty(array.shape, array.dtype)
                self.device.to_host(target.ctypes.data, pointer, array.nbytes)
                if target is not array:
                    array[...] = target

    def free(self) -> None:
        for pointer in self.owned:
            self.device.free(pointer)


def _stream(stream: Any) -> int:
    """The number of a stream: cupy's has `ptr`, torch's `cuda_stream`."""
    for name in ("ptr", "cuda_stream"):
        if hasattr(stream, name):
            return int(getattr(stream, name))
    return int(stream or 0)


def _passed(dtype: Any, pointer: bool, value: Any) -> Any:
    """An argument of a kernel as a ctypes value of its type."""
    if pointer:
        return ctypes.c_void_p(value)
    data = np.asarray(value).astype(dtype.numpy).tobytes()
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


def disassembled(code: bytes) -> str:
    """Machine code as assembly, by nvdisasm or cuobjdump: on the PATH, or nvdisasm from NVIDIA's package.

    Raises
    ------
    BuildError: there is neither, or the one there is does not know the architecture.
    """
    for tool, options in (("nvdisasm", ("-c",)), ("cuobjdump", ("-sass",))):
        path = shutil.which(tool) or nvrtc.tool(tool)
        if path is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "kernels.cubin"
            file.write_bytes(code)
            done = subprocess.run([path, *options, str(file)], check=False, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"{path} does not read the machine code: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
    raise BuildError(
        "assembly needs nvdisasm, which `pip install tensorir[cuda]` installs, or nvdisasm or cuobjdump of CUDA's "
        "toolkit on the PATH"
    )
