"""The analytical model: how long a scheduled program takes, by its operations, its memory traffic and the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod
from typing import TypeGuard

from ..codegen.target import Target, as_target
from ..schedule.schedule import Schedule
from ..tir.analysis.cost import Access, AccessCost, StoreCost, store_costs
from ..tir.buffer import Buffer, BufferLoad
from ..tir.expr import Add, Call, Cast, Div, Expr, IntImm, Let, Mod, Mul, Sub
from ..tir.function import IRModule, PrimFunc, as_module
from ..tir.op import Intrinsic
from ..tir.stmt import For, ForKind

GHZ = 3.5
"""The clock that is assumed of CPUs: absolute times are rough, their order is what matters."""

LATENCY = 4
"""Cycles until the result of an addition or a multiply-add can be added to."""

FORK = 2.0
"""Microseconds to start and join a parallel loop."""

CYCLES: dict[str, float] = {
    "exp": 14, "exp2": 14, "exp10": 16, "log": 26, "log2": 26, "log10": 26, "log1p": 30, "tanh": 26, "sigmoid": 14,
    "erf": 32, "sin": 34, "cos": 34, "tan": 45, "pow": 86, "sqrt": 10, "rsqrt": 10, "if_then_else": 0.5, "fma": 1,
    "likely": 0, "reinterpret": 0, "call_llvm_pure_intrin": 1, "call_llvm_intrin": 1,
}  # fmt: skip
"""Cycles that a function takes for a full vector register; others count as `ELSE`."""

ELSE = 20.0
DIVISION = 10.0


@dataclass(frozen=True)
class Level:
    """A cache: what one thread has of it, and the bytes a cycle that come into it from beyond."""

    bytes: float
    bandwidth: float


def predict_ms(program: Schedule | IRModule | PrimFunc, target: str | Target) -> float:
    """The time of one call in milliseconds, all caches warm.

    A roofline for each store: its instructions, loads and the latency of its accumulators against what it moves between
    the caches (Williams, Waterman and Patterson, 2009), divided by the threads its parallel loops occupy. Loops without
    a constant extent count by their greatest known value.
    """
    where = as_target(target)
    mod = program.mod if isinstance(program, Schedule) else as_module(program)
    total = 0.0
    for function in mod.functions.values():
        costs = store_costs(function)
        held = _held(function, costs)
        near = _near(costs)
        if where.is_gpu:
            total += sum(_gpu_ms(cost, where) for cost in costs)
            continue
        caches = (
            Level(where.l1_bytes * 0.8, 40),
            Level(where.l2_bytes * 0.8, 20),
            Level((where.l3_bytes or 4 * where.l2_bytes) * 0.8, 4),
        )
        total += sum(_cpu_cycles(cost, where, caches, held, near) for cost in costs) / (GHZ * 1e6)
        total += len({cost.loops[0] for cost in costs if _parallel(cost)}) * FORK / 1e3
    return total


def _parallel(cost: StoreCost) -> list[For]:
    return [loop for loop in cost.loops if loop.kind is ForKind.PARALLEL]


def _turns(loop: For) -> int:
    return max(loop.extent.value, 1) if isinstance(loop.extent, IntImm) else 64


def _held(function: PrimFunc, costs: Sequence[StoreCost]) -> dict[Buffer, int]:
    """Of each buffer that is no parameter, how many loops all statements that use it have in common.

    Lowering makes such a buffer as small as what one run of the inner loops needs, so it is the same memory again and
    again.
    """
    own = set(function.buffer_map.values())
    out: dict[Buffer, tuple[For, ...]] = {}
    for cost in costs:
        for access in cost.accesses:
            if access.buffer in own:
                continue
            before = out.get(access.buffer, cost.loops)
            common = 0
            while common < min(len(before), len(cost.loops)) and before[common] is cost.loops[common]:
                common += 1
            out[access.buffer] = before[:common]
    return {buffer: len(loops) for buffer, loops in out.items()}


def _near(costs: Sequence[StoreCost]) -> dict[AccessCost, float]:
    """Of each access of what a statement before it in the same loops uses too, the bytes used there meanwhile.

    A cache that holds so much has the elements still.
    """
    users: dict[Buffer, list[StoreCost]] = {}
    out: dict[AccessCost, float] = {}
    for cost in costs:
        for access in cost.accesses:
            for before in users.get(access.buffer, ()):
                common = 0
                while common < min(len(before.loops), len(cost.loops)) and before.loops[common] is cost.loops[common]:
                    common += 1
                if common:
                    size = before.footprint(common) + cost.footprint(common)
                    out[access] = min(size, out.get(access, size))
        for access in cost.accesses:
            users.setdefault(access.buffer, []).append(cost)
    return out


def _cpu_cycles(
    cost: StoreCost,
    target: Target,
    caches: Sequence[Level],
    held: dict[Buffer, int],
    near: dict[AccessCost, float],
) -> float:
    loops = cost.loops
    turns = [_turns(loop) for loop in loops]
    inner = len(loops)
    while inner and (loops[inner - 1].kind in (ForKind.UNROLLED, ForKind.VECTORIZED) or turns[inner - 1] == 1):
        inner -= 1
    lanes = turns[-1] if loops and loops[-1].kind is ForKind.VECTORIZED else 1
    copies = prod(turns[inner:]) // lanes
    wide = cost.store.value.dtype
    registers = ceil(lanes * wide.bits / target.vector_bits) if lanes > 1 else 1
    # Units are as wide as 256 bits: a wider register takes them twice.
    weight = max(1.0, min(lanes * wide.bits, target.vector_bits) / 256) if lanes > 1 else 1.0
    issue = copies * registers * weight / 2
    runs = max(cost.runs // max(copies * lanes, 1), 1)
    reads = [access for access in cost.accesses if access.access is Access.READ]
    still = frozenset(a.buffer for a in reads if lanes > 1 and a.stride == 0)
    fixed = frozenset(
        a.buffer for a in reads if a.buffer in still and inner and a.elements[inner - 1] == a.elements[-1]
    )
    body = issue * _work(cost.store.value, fixed, still, registers)
    loads = stores = 0.0
    latency = 0.0
    for access in cost.accesses:
        moved = _moves(access, inner, lanes, wide.bits, target)
        if access.access is not Access.READ:
            kept = inner and access.elements[inner - 1] == access.elements[inner]
            if kept:
                latency = LATENCY if access.access is Access.READ_WRITE else 0
                most = 32 if target.vector_bits >= 512 or target.is_arm else 16
                loads += 2 * max(copies * registers + registers + 1 - most, 0)
                continue
            stores += moved
            if access.access is Access.READ_WRITE:
                latency = LATENCY
                loads += moved
        else:
            loads += moved
    one = max(body, loads * weight / 2, stores * weight, latency) + (1 if inner else 0)
    cycles = runs * one
    for cache in caches:
        far = [access for access in cost.accesses if near.get(access, cache.bytes) >= cache.bytes]
        traffic = sum(_traffic(access, cost, turns, cache, held) for access in far)
        cycles = max(cycles, traffic / cache.bandwidth) + 0.1 * min(cycles, traffic / cache.bandwidth)
    width = prod(_turns(loop) for loop in _parallel(cost))
    threads = max(target.num_threads, 1)
    return cycles / (width / ceil(width / threads))


def _moves(access: AccessCost, inner: int, lanes: int, bits: int, target: Target) -> float:
    """Loads or stores of one run of the copies and vectors, vector registers counting one."""
    elements = access.elements[inner] if access.elements else 1
    if lanes == 1 or access.stride == 0:
        return elements
    if access.stride == 1:
        return ceil(elements * access.buffer.dtype.bits / target.vector_bits)
    if access.stride <= 4:  # whole registers are loaded, and what is wanted is shuffled out of them
        return 1.5 * ceil(elements * access.stride * access.buffer.dtype.bits / target.vector_bits)
    return 2.0 * elements


def _traffic(access: AccessCost, cost: StoreCost, turns: Sequence[int], cache: Level, held: dict[Buffer, int]) -> float:
    """Bytes that an access brings into a cache in all; nothing where all that the statement uses stays there."""
    sizes = _sizes(access, held)
    whole = [sum(_sizes(a, held)[level] for a in cost.accesses) for level in range(len(turns) + 1)]
    if whole[0] <= cache.bytes or (access.buffer in held and sizes[0] <= cache.bytes / 2):
        return 0.0
    level = next((i for i, size in enumerate(whole) if size <= cache.bytes), len(turns))
    out = sizes[level] * _lines(access, level, len(turns))
    for at in reversed(range(level)):
        again = sizes[at] == sizes[at + 1] and whole[at + 1] <= cache.bytes
        out = out if again else out * turns[at]
    return out


def _sizes(access: AccessCost, held: dict[Buffer, int]) -> tuple[float, ...]:
    sizes = access.bytes
    common = held.get(access.buffer, 0)
    return (sizes[common],) * common + sizes[common:]


def _lines(access: AccessCost, level: int, loops: int) -> float:
    """How many bytes come for each byte used, where one element of each line is used."""
    if access.stride * access.buffer.dtype.bytes >= 64 and level >= loops - 1:
        return 64 / max(access.buffer.dtype.bytes, 1)
    return 1.0


def _work(value: Expr, fixed: frozenset[Buffer], still: frozenset[Buffer], registers: int) -> float:
    """Cycles for each register of a value: what comes from `fixed` buffers alone is computed outside of the loops, what
    comes from those in which the lanes stand `still` once for all registers."""
    if isinstance(value, BufferLoad):
        return 0.0
    loaded = _loaded(value)
    if loaded and loaded <= fixed:
        return 0.0
    if loaded and loaded <= still:
        return _cycles(value) / registers
    parts = value.args[1:] if _is_branch(value) else value.children()
    inner = [_work(part, fixed, still, registers) for part in parts if isinstance(part, Expr)]
    return _own(value) + (max(inner, default=0.0) if _is_branch(value) else sum(inner))


@lru_cache(maxsize=4096)
def _loaded(value: Expr) -> frozenset[Buffer]:
    """The buffers that a value loads from."""
    own = frozenset({value.buffer}) if isinstance(value, BufferLoad) else frozenset()
    return own.union(*(_loaded(part) for part in value.children() if isinstance(part, Expr)))


def _cycles(value: Expr) -> float:
    """Cycles for one full vector register of a value, a multiply and an addition of its result counting as one."""
    return _work(value, frozenset(), frozenset(), 1)


def _is_branch(value: Expr) -> TypeGuard[Call]:
    return isinstance(value, Call) and value.op.name == "if_then_else"


def _own(value: Expr) -> float:
    """Cycles for the operation alone."""
    if isinstance(value, Call):
        return CYCLES.get(value.op.name, ELSE) if isinstance(value.op, Intrinsic) else ELSE
    if isinstance(value, (Add, Sub)):
        return 0.0 if isinstance(value.a, Mul) or isinstance(value.b, Mul) else 1.0
    if isinstance(value, (Div, Mod)) and value.dtype.is_float:
        return DIVISION
    if isinstance(value, (Cast, Let)) or not value.children():
        return 0.0
    return 1.0


def _gpu_ms(cost: StoreCost, target: Target) -> float:
    """A roofline of one store on a GPU: arithmetic and global memory, both scaled by how much of it is occupied."""
    blocks = threads = 1
    for loop in cost.loops:
        blocks *= _turns(loop) if loop.bound_to == "blockIdx" else 1
        threads *= _turns(loop) if loop.bound_to == "threadIdx" else 1
    processors = max(target.num_multiprocessors, 1)
    waves = ceil(blocks / processors)
    lanes = min(threads / 128, 1.0) * (threads / (ceil(threads / 32) * 32))
    busy = max(blocks / (waves * processors) * lanes, 1e-4)
    arithmetic = cost.runs * max(_cycles(cost.store.value), 1) / (processors * 128 * 1.4e6)
    level = next((i for i, loop in enumerate(cost.loops) if loop.thread_binding is None), len(cost.loops))
    outer = prod(_turns(loop) for loop in cost.loops[:level])
    moved = sum(a.bytes[level] * outer for a in cost.accesses if a.buffer.scope == "global")
    near = sum(a.bytes[-1] * cost.runs for a in cost.accesses if a.buffer.scope == "shared")
    return max(arithmetic, moved / 1.5e9, near / (processors * 128 * 1.4e6)) / busy + (0.002 if threads > 1 else 0.0)
