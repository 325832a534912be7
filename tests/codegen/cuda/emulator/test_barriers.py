"""Every barrier and every wait of generated kernels is needed: without it the emulator reports what goes wrong."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tensorir
from hypothesis import HealthCheck, given, settings
from tensorir import PrimFunc, Schedule
from tensorir.codegen.cuda.emulator import EmulatorError, emulate
from tensorir.codegen.cuda.emulator.built import EmulatedModule
from tensorir.script import workloads
from tensorir.tir.errors import LowerError

from ....ready_workloads import Case
from .. import kernels
from ..gpu import blocked_matmul, tile_gemm
from ..stages import arguments
from ..test_random_schedules import schedules
from ..test_workloads import ALL, bound

WAIT = re.compile(r"^ *(__sync(?:threads|warp)\(\)|tir::(?:cp_async|wgmma|barrier)_wait(?:<\d+>)?\(.*\));\n", re.M)


def pipelined(stages: int, *, permuted: bool, depth: int = 256) -> Schedule:
    """`tile_gemm` with its copies `stages` steps ahead of the products."""
    sch = tile_gemm(64, 64, depth, "mma", "float16", scope="shared.dyn", permuted=permuted)
    step = sch.get_loops("C_update_o")[4]
    for name, value in (("stage", [0, 0, stages]), ("order", [0, 1, 2]), ("async_stages", [0])):
        sch.annotate(step, f"software_pipeline_{name}", value)
    return sch


def repeated() -> Schedule:
    """A pipeline that is run several times on the same memory."""
    return tensorir.Schedule(
        tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((4, 5, 64), "float32"), B: T.Buffer((4, 5, 64), "float32")):
    for b in T.thread_binding(1, thread="blockIdx.x"):
        for i in range(4):
            for j in T.serial(5, annotations={
                "software_pipeline_stage": [0, 1],
                "software_pipeline_order": [0, 1],
                "software_pipeline_async_stages": [0],
            }):
                with T.block("both"):
                    T.reads(A[i, j, 0:64])
                    T.writes(B[i, j, 0:64])
                    S = T.alloc_buffer((64,), "float32", scope="shared")
                    for t in T.thread_binding(64, thread="threadIdx.x"):
                        with T.block("S"):
                            T.reads(A[i, j, t])
                            T.writes(S[t])
                            S[t] = A[i, j, t]
                    for t in T.thread_binding(64, thread="threadIdx.x"):
                        with T.block("B"):
                            T.reads(S[63 - t])
                            T.writes(B[i, j, t])
                            B[i, j, t] = S[63 - t]
""")
    )


def read_by_all_for_one() -> Schedule:
    """A total that each thread reads from shared memory, though only the first of those that reduce uses it."""
    sch = tensorir.Schedule(workloads.rms_norm(1, 2))
    i, j = sch.get_loops("Y")
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.y")
    sch.compute_at("squares", i)
    sch.set_scope("squares", 0, "local")
    sch.bind(sch.get_loops("squares")[-1], "threadIdx.z")
    return sch


CASES: dict[str, Callable[[], Schedule]] = {
    "blocked matmul": lambda: blocked_matmul(32, 32, 32),
    "fragments": lambda: tile_gemm(64, 64, 128, "mma", "float16"),
    "pipeline of 1": lambda: pipelined(1, permuted=False),
    "pipeline of 3, permuted": lambda: pipelined(3, permuted=True),
    "pipeline of 3 in a loop of 2": lambda: pipelined(3, permuted=True, depth=128),
    "repeated pipeline": repeated,
    "a total for one thread": read_by_all_for_one,
}
CHEAP = ("cuda_conv2d", "cuda_row_sums", "cuda_softmax", "cuda_transpose")
"""Kernels of the examples that are tried each time; the others are left to the fuzz tests."""


def assert_every_wait_is_needed(build: Callable[[], Schedule], arrays: Sequence[np.ndarray] | None = None) -> None:
    """All is well with every barrier and wait, and without any one of them the emulator reports what goes wrong."""
    module = tensorir.build(build(), tensorir.Target("cuda-emulator", arch="sm_90a"))
    assert isinstance(module, EmulatedModule)
    given = arguments(module.program[module.entry_name]) if arrays is None else arrays
    module(*given)
    text = module.source()
    for wait in WAIT.finditer(text):
        module._emulated = emulate(text[: wait.start()] + text[wait.end() :], kernels=module.cuda.kernels)
        try:
            module(*given)
        except EmulatorError:
            continue
        pytest.fail(f"line {text.count(chr(10), 0, wait.start()) + 1}, {wait[1]}, is superfluous in\n{text}")


@pytest.mark.parametrize("name", CASES)
def test_of_kernels_with_many(name: str) -> None:
    assert_every_wait_is_needed(CASES[name])


def test_of_the_examples_some() -> None:
    for name in CHEAP:
        of_example(name)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", sorted({*kernels.KERNELS} - {*CHEAP}))
def test_of_the_other_examples(name: str) -> None:
    of_example(name)


def of_example(name: str) -> None:
    kernel = kernels.kernel(name)
    assert_every_wait_is_needed(lambda: kernel.schedule(**kernel.SMALL), kernel.arrays(**kernel.SMALL))


@pytest.mark.fuzz
@pytest.mark.parametrize("case", ALL, ids=str)
def test_of_workloads_bound_by_default(case: Case) -> None:
    assert_every_wait_is_needed(lambda: bound(case, 64)[1])


@pytest.mark.fuzz
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_of_random_schedules(drawn: tuple[PrimFunc, Schedule]) -> None:
    try:
        tensorir.build(drawn[1], tensorir.Target("cuda-emulator", arch="sm_90a"))
    except LowerError:
        return
    assert_every_wait_is_needed(lambda: drawn[1])
