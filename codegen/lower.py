"""Lowering as a story: the passes that turn a program of blocks into loops over flat memory, in order."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from typing import TypeVar

from ..tir.errors import UserError
from ..tir.function import IRModule, PrimFunc, as_module
from .passes.common_subexpr_elim import common_subexpr_elim
from .passes.compact_buffer_allocation import compact_buffer_allocation
from .passes.convert_blocks_to_opaque import convert_blocks_to_opaque
from .passes.flatten_buffer import flatten_buffer
from .passes.fold_constants import fold_constants
from .passes.hoist_if_then_else import hoist_if_then_else
from .passes.inject_permuted_layout import inject_permuted_layout
from .passes.inject_ptx_async_copy import inject_ptx_async_copy
from .passes.inject_software_pipeline import inject_software_pipeline
from .passes.inject_virtual_thread import inject_virtual_thread
from .passes.legalize_narrow_floats import legalize_narrow_floats
from .passes.loop_partition import loop_partition
from .passes.lower_cross_thread_reduction import lower_cross_thread_reduction
from .passes.lower_init_block import lower_init_block
from .passes.lower_intrin import lower_intrin
from .passes.lower_match_buffer import lower_match_buffer
from .passes.lower_opaque_block import lower_opaque_block
from .passes.lower_thread_allreduce import lower_thread_allreduce
from .passes.lower_warp_memory import lower_warp_memory
from .passes.merge_shared_memory_allocations import merge_shared_memory_allocations
from .passes.narrow_data_type import narrow_data_type
from .passes.plan_and_update_buffer_allocation_location import plan_and_update_buffer_allocation_location
from .passes.remove_unread import remove_unread
from .passes.rewrite_unsafe_select import rewrite_unsafe_select
from .passes.simplify import simplify
from .passes.storage_rewrite import storage_rewrite
from .passes.thread_sync import thread_sync
from .passes.unify_thread_binding import unify_thread_binding
from .passes.unroll_loop import unroll_loop
from .passes.vectorize_loop import vectorize_loop
from .target import Target, as_target

Pass = Callable[[PrimFunc, Target], PrimFunc]

PASSES: tuple[Pass, ...] = (
    lower_cross_thread_reduction,
    lower_init_block,
    plan_and_update_buffer_allocation_location,
    convert_blocks_to_opaque,
    compact_buffer_allocation,
    lower_match_buffer,
    inject_software_pipeline,
    inject_permuted_layout,
    lower_opaque_block,
    simplify,
    rewrite_unsafe_select,
    loop_partition,
    hoist_if_then_else,
    remove_unread,
    inject_virtual_thread,
    flatten_buffer,
    storage_rewrite,
    narrow_data_type,
    vectorize_loop,
    lower_intrin,
    legalize_narrow_floats,
    merge_shared_memory_allocations,
    thread_sync,
    unify_thread_binding,
    inject_ptx_async_copy,
    lower_thread_allreduce,
    lower_warp_memory,
    unroll_loop,
    fold_constants,
    common_subexpr_elim,
)
"""The passes in order. Each program in between is a program: it prints, parses back and runs in the interpreter."""

P = TypeVar("P", PrimFunc, IRModule)


def lower(x: P, target: str | Target = "llvm", *, until: str | None = None, print_passes: bool = False) -> P:
    """Run the lowering passes on a function or on every function of a module.

    Parameters
    ----------
    until: the name of the last pass to run; None runs all.
    print_passes: print what each pass took and what it changed.

    Raises
    ------
    LowerError: the program cannot be lowered for the target. UserError: there is no pass called `until`.
    """
    passes, where = PASSES[: _count(until)], as_target(target)
    run = _printing if print_passes else _quiet
    if isinstance(x, PrimFunc):
        return run(x, passes, where)  # type: ignore[return-value]
    for name, func in as_module(x).items():
        x = x.with_function(name, run(func, passes, where))
    return x


def _count(until: str | None) -> int:
    names = [step.__name__ for step in PASSES]
    if until is None:
        return len(names)
    if until not in names:
        near = difflib.get_close_matches(str(until), names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise UserError(f"there is no pass {until!r}{hint} The passes are {', '.join(names)}")
    return names.index(until) + 1


def _quiet(func: PrimFunc, passes: tuple[Pass, ...], target: Target) -> PrimFunc:
    for step in passes:
        func = step(func, target)
    return func


def _printing(func: PrimFunc, passes: tuple[Pass, ...], target: Target) -> PrimFunc:
    text = func.script()
    print(f"{func.name}: the program\n{text}")
    for step in passes:
        begin = time.perf_counter()
        func = step(func, target)
        took = (time.perf_counter() - begin) * 1e3
        before, text = text, func.script()
        print(f"{func.name}: {step.__name__}, {took:.2f} ms{', unchanged' if text == before else ''}")
        for line in difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=2):
            if not line.startswith(("---", "+++")):
                print(line)
    return func
