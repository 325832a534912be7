"""Modules built for "cuda-emulator": functions of arrays in the host's memory, their kernels emulated."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....tir.errors import BuildError, LowerError
from ....tir.expr import const
from ....tir.function import IRModule, PrimFunc
from ....tir.stmt import Evaluate
from ...build import Module
from ...interpret.arguments import arrange, bind
from ...interpret.memory import Pointer
from ...interpret.program import Program as Interpreted
from ...signatures import signature_of, written_pointers
from ...target import Target
from ..host import run
from ..module import generate
from ..source import CudaSource, Kernel
from ..tensor_maps import emulated
from .program import Region, emulate

UNCHECKED = "unchecked"
"""The flag that leaves out the checks."""


class EmulatedModule(Module):
    """Functions whose kernels run on the CPU, as CUDA text compiled by the system's C++ compiler.

    Attributes
    ----------
    cuda: the CUDA text and what launches its kernels. check: whether accesses and barriers are checked.

    Raises
    ------
    LowerError: the program has no form as kernels. BuildError: there is no C++ compiler, or an unknown flag.
    """

    def __init__(self, program: IRModule, lowered: IRModule, target: Target, flags: Sequence[str] = ()) -> None:
        unknown = [flag for flag in flags if flag != UNCHECKED]
        if unknown:
            raise BuildError(f"the 'cuda-emulator' target has no flag {unknown[0]!r}; {UNCHECKED!r} is the one it has")
        self.program, self.lowered, self.target = program, lowered, target
        self.check = UNCHECKED not in flags
        self.cuda: CudaSource = generate(lowered, target, program)
        self._signatures = {name: signature_of(f) for name, f in lowered.items()}
        self._emulated = emulate(self.cuda.text, kernels=self.cuda.kernels, check=self.check)
        self._functions = {name: self._function(f) for name, f in self.cuda.host.items()}

    def _function(self, func: PrimFunc) -> Callable[..., Any]:
        if func.ret_type.kind != "void":
            raise LowerError("{0} gives a value, which a function that launches kernels cannot", func)
        # What arguments must be, the interpreter knows from the function's head.
        head = Interpreted(func.replace(body=Evaluate(const(0))))
        head.written = written_pointers(self.lowered[func.name])

        def call(*args: Any, **named: Any) -> None:
            values = bind(head, arrange(func, args, named))
            memory = [
                Region(v.memory.name, v.memory.address, len(v.memory.bytes))
                for v in values
                if isinstance(v, Pointer) and v.memory is not None
            ]
            kept: list[np.ndarray] = []

            def alloc(size: int, name: str) -> int:
                # Ones, as in fresh memory of the interpreter: NaN, or -1.
                kept.append(np.full(max(size, 1) + 256, 0xFF, np.uint8))
                at = -(-kept[-1].ctypes.data // 256) * 256
                memory.append(Region(name, at, size, fresh=np.ones(max(size, 1), np.uint8)))
                return at

            def launch(kernel: Kernel, grid: Any, block: Any, shared: int, given: Sequence[Any]) -> None:
                passed = [
                    emulated(p.dtype, value, p.map) if p.map else _passed(p.dtype, p.pointer, value)
                    for p, value in zip(kernel.params, given)
                ]
                at = [(int(value), p) for p, value in zip(kernel.params, given) if p.pointer or p.map]
                sized = [
                    r._replace(item=min((p.dtype.bytes for address, p in at if r.holds(address)), default=1))
                    for r in memory
                ]
                written = {address for address, p in at if p.written}
                self._emulated.launch(
                    kernel.name, grid, block, passed, shared_bytes=shared, memory=sized, written=written
                )

            keys = [*func.params, *head.symbols]
            run(self.cuda, func, dict(zip(keys, map(_address, values))), launch, alloc)

        return call

    def _forms(self) -> dict[str, Callable[[], str]]:
        return {"cuda": lambda: self.cuda.text, "tir": lambda: self.lowered.script()}


def _address(value: Any) -> Any:
    """A pointer as a number."""
    if isinstance(value, Pointer):
        return value.memory.address + value.offset if value.memory is not None else 0
    return value


def _passed(dtype: Any, pointer: bool, value: Any) -> Any:
    """An argument of a kernel in the form in which it is passed."""
    if pointer:
        return ctypes.c_void_p(value)
    return np.asarray(value).astype(dtype.numpy)[()]
