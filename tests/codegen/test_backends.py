"""Every backend computes what the interpreter does: programs, schedules and data types, and random ones of each.

Integers, and floats of fewer than 32 bits, which are rounded after every operation, agree bit by bit; 32 and 64-bit
floats up to the rounding of a sum, since products and sums are fused and lanes are summed in another order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tensorir import IRModule, PrimFunc, Schedule, build, parse
from tensorir.codegen import interpreter
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import RunError

from ..schedule.block_steps import BLOCK_STEPS
from ..schedule.buffer_steps import BUFFER_STEPS
from ..schedule.walks import STEPS, walk
from ..strategies import Shape, arrays_for, programs
from .compilers import needs_compiler
from .programs import FLOATS, INTEGERS

TYPES = (*FLOATS, *INTEGERS)
BACKENDS = ("llvm", pytest.param("c", marks=needs_compiler))

MATMUL = """
@T.prim_func
def main(A: T.Buffer((6, 10), "{t}"), B: T.Buffer((10, 9), "{t}"), C: T.Buffer((6, 9), "{t}")):
    for i, j, k in T.grid(6, 9, 10):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.{t}(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""
PADDED_MAX = """
@T.prim_func
def main(A: T.Buffer((7, 9), "{t}"), B: T.Buffer((7, 9), "{t}")):
    P = T.alloc_buffer((9, 11), "{t}")
    for i, j in T.grid(9, 11):
        with T.block("P"):
            vi, vj = T.axis.remap("SS", [i, j])
            P[vi, vj] = T.if_then_else(1 <= vi and vi < 8 and 1 <= vj and vj < 10, A[vi - 1, vj - 1], T.{t}(0))
    for i, j, u, v in T.grid(7, 9, 3, 3):
        with T.block("B"):
            vi, vj, vu, vv = T.axis.remap("SSRR", [i, j, u, v])
            with T.init():
                B[vi, vj] = T.min_value("{t}")
            B[vi, vj] = T.max(B[vi, vj], P[vi + vu, vj + vv])
"""
CHOICES = """
@T.prim_func
def main(A: T.Buffer((5, 13), "{t}"), B: T.Buffer((5, 13), "{t}"), C: T.Buffer((13, 5), "{t}")):
    for i, j in T.grid(13, 5):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = T.Select(A[vj, vi] < B[vj, vi], A[vj, vi] * T.{t}(2), B[vj, vi] - A[vj, vi])
"""
WORKLOADS = {"matmul": MATMUL, "padded_max": PADDED_MAX, "choices": CHOICES}


def vectors(sch: Schedule) -> None:
    for block in blocks(sch):
        spatial = [loop for loop in sch.get_loops(block) if sch.get(loop).loop_var.name in ("j", "ax1")]
        if spatial:
            sch.vectorize(sch.split(spatial[-1], [None, 4])[1])


def tiles(sch: Schedule) -> None:
    for block in blocks(sch):
        pairs = [sch.split(loop, [None, 3]) for loop in sch.get_loops(block)]
        sch.reorder(*(outer for outer, _ in pairs), *(inner for _, inner in pairs))
        sch.parallel(pairs[0][0])
        for _, inner in pairs[:2]:
            sch.unroll(inner)


def caches(sch: Schedule) -> None:
    block = blocks(sch)[-1]
    outer = sch.split(sch.get_loops(block)[0], [None, 2])[0]
    sch.compute_at(sch.cache_read(block, 0, "global"), outer)
    sch.reverse_compute_at(sch.cache_write(block, 0, "local"), outer)
    sch.parallel(outer)


def blocks(sch: Schedule) -> list:
    return list(sch.get_child_blocks(sch.get_block("root")))


SCHEDULES: dict[str, Callable[[Schedule], None]] = {
    "plain": lambda sch: None,
    "vectors": vectors,
    "tiles": tiles,
    "caches": caches,
}


def scheduled(type_: str) -> dict[str, PrimFunc]:
    """Every workload under every schedule, by name; 8-bit floats, which are long in code, under two of them."""
    out = {}
    for name, text in WORKLOADS.items():
        for how, apply in list(SCHEDULES.items())[: 2 if type_.startswith("float8") else None]:
            sch = Schedule(parse(text.format(t=type_)), seed=0)
            apply(sch)
            out[f"{name}_{how}"] = sch.func
    return out


def assert_same(name: str, want: np.ndarray, got: np.ndarray, type_: str) -> None:
    """Bit by bit, or up to the rounding of sums of the largest number there is."""
    if type_ not in ("float32", "float64"):
        same = (want == got) | ((want != want) & (got != got))
        assert same.all(), f"{name}: {want[~same][:4]} became {got[~same][:4]}"
        return
    largest = np.abs(want[np.isfinite(want)]).max(initial=1)
    tolerance = 64 * float(np.finfo(want.dtype).eps)
    np.testing.assert_allclose(got, want, tolerance, tolerance * largest, equal_nan=True, err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("type_", TYPES)
def test_workloads_under_schedules(type_, backend):
    functions = scheduled(type_)
    module = IRModule(functions)
    mod = build(module, backend, **({"opt": 0} if backend == "c" else {}))
    for name, func in functions.items():
        rng = np.random.default_rng(0)
        given = [rng.integers(0, 8, [e.value for e in b.shape]).astype(dtype(type_).numpy) for b in func.buffers]
        want, got = ([a.copy() for a in given] for _ in range(2))
        interpreter.run(func, *want)
        mod[name](*got)
        for a, b in zip(want, got):
            assert_same(name, a, b, type_)


ANY = Shape(dtypes=tuple(t for t in TYPES if "int4" not in t))


def compare(program: PrimFunc, seed: int, steps: int, backend: str) -> None:
    """A random program under a random schedule, as the interpreter and as `backend` run it."""
    STEPS.update(BLOCK_STEPS | BUFFER_STEPS)
    sch = Schedule(program, seed=0)
    walk(sch, seed, steps)
    func = sch.func
    arrays = arrays_for(func, seed % 1000)
    want, got = ([a.copy() for a in arrays] for _ in range(2))
    try:
        interpreter.run(func, *(a.copy() for a in arrays), sanitize=True)
    except RunError as error:
        if "race" not in str(error):
            return  # it reads what nothing has written, or states what these arrays do not satisfy
    interpreter.run(func, *want)
    build(func, backend, **({"opt": 0} if backend == "c" else {}))(*got)
    for buffer, a, b in zip(func.buffers, want, got):
        assert_same(buffer.name, a, b, str(buffer.dtype))


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=15, deadline=None, phases=PHASES, derandomize=True)
@given(program=programs(ANY), seed=st.integers(0, 2**32))
def test_random_programs_under_random_schedules(backend, program, seed):
    compare(program, seed, 8, backend)


@pytest.mark.fuzz
@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=10_000, deadline=None)
@given(program=programs(ANY), seed=st.integers(0, 2**32), steps=st.integers(0, 20))
def test_many_random_programs_under_random_schedules(backend, program, seed, steps):
    compare(program, seed, steps, backend)
