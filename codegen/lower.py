"""Lowering as a story: the passes that turn a program of blocks into loops over flat memory, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..tir.errors import UserError
from ..tir.function import IRModule, PrimFunc
from .passes.convert_blocks_to_opaque import convert_blocks_to_opaque
from .passes.flatten_buffer import flatten_buffer
from .passes.lower_init_block import lower_init_block
from .passes.lower_opaque_block import lower_opaque_block
from .passes.unroll_loop import unroll_loop
from .passes.vectorize_loop import vectorize_loop
from .target import Target, as_target

Pass = Callable[[PrimFunc, Target], PrimFunc]

PASSES: tuple[Pass, ...] = (
    lower_init_block,
    convert_blocks_to_opaque,
    lower_opaque_block,
    flatten_buffer,
    vectorize_loop,
    unroll_loop,
)
"""The passes in order. Each program in between is a program: it prints, parses back and runs in the interpreter."""

T = TypeVar("T", PrimFunc, IRModule)


def lower(x: T, target: str | Target = "llvm", *, until: str | None = None, print_passes: bool = False) -> T:
    """Run the lowering passes on a function or on every function of a module.

    Parameters
    ----------
    until: the name of the last pass to run; None runs all.

    Raises
    ------
    LowerError: the program cannot be lowered for the target. UserError: there is no pass called `until`.
    """
    names = [p.__name__ for p in PASSES]
    if until is not None and until not in names:
        raise UserError(f"there is no pass {until!r}; the passes are {', '.join(names)}")
    passes = PASSES if until is None else PASSES[: names.index(until) + 1]
    where = as_target(target)
    if isinstance(x, IRModule):
        for name, func in x.items():
            x = x.with_function(name, _run(func, passes, where, print_passes))
        return x
    return _run(x, passes, where, print_passes)


def _run(func: PrimFunc, passes: tuple[Pass, ...], target: Target, print_passes: bool) -> PrimFunc:
    for step in passes:
        func = step(func, target)
    return func
