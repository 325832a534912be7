"""Sketches for a GPU: candidates computed by the interpreter's threads, bindings complete, resources within limits."""

from itertools import islice

import pytest
import tensorir
from tensorir import Target
from tensorir.codegen.interpreter import run
from tensorir.meta_schedule.postprocs import apply_postprocs
from tensorir.meta_schedule.space import design_space
from tensorir.schedule.edit import statements
from tensorir.schedule.verify import Case
from tensorir.script import workloads
from tensorir.tir.errors import LowerError
from tensorir.tir.stmt import For
from tensorir.tir.visit import walk

from .candidates import PROGRAMS, candidates, symbols_of

SMALL = [name for name in PROGRAMS if name not in ("conv2d_nchw", "conv2d_winograd", "conv2d_grouped", "attention")]


@pytest.mark.parametrize("name", SMALL)
def test_candidates_compute_the_same(name: str) -> None:
    program = PROGRAMS[name]()
    for candidate in islice(candidates(program, "cuda", seeds=1), 3):
        for stage in statements(candidate.func.root.body):
            loops = [n for n in walk(stage) if isinstance(n, For)]
            assert any(loop.thread_binding == "blockIdx.x" for loop in loops)
        candidate.verify(trials=1, backend="interpreter", **symbols_of(program))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PROGRAMS)
def test_many_candidates_compute_the_same(name: str) -> None:
    program = PROGRAMS[name]()
    for candidate in candidates(program, "cuda", seeds=10, mutations=4):
        candidate.verify(trials=1, backend="interpreter", sanitize=True, **symbols_of(program))


def runs_as_code(program: tensorir.PrimFunc, candidate: tensorir.Schedule) -> None:
    """Check that a candidate's CUDA text, run by the emulator with its checks, gives what the program itself does."""
    case = Case(program, 0, symbols_of(program))
    expected, got = case.arguments(), case.arguments()
    run(program, *expected)
    tensorir.build(candidate.mod, Target("cuda-emulator", arch="sm_90a"))(*got)
    assert case.difference(expected, got, 1e-4) is None, candidate.mod.script()


@pytest.mark.parametrize("name", ["matmul_odd", "softmax", "conv2d_grouped", "gelu_symbolic"])
def test_a_drawn_candidate_runs_as_code(name: str) -> None:
    program = PROGRAMS[name]()
    runs_as_code(program, list(islice(candidates(program, "cuda", seeds=1), 2))[-1])


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PROGRAMS)
def test_many_candidates_run_as_code(name: str) -> None:
    program = PROGRAMS[name]()
    ran = 0
    for candidate in candidates(program, "cuda", seeds=3, mutations=1):
        try:
            runs_as_code(program, candidate)
            ran += 1
        except LowerError as error:
            if "threads must wait for each other" not in str(error):
                raise  # the one refusal that only lowering can tell
    assert ran


def test_what_a_thread_makes_for_itself_is_its_own() -> None:
    program = PROGRAMS["rms_norm"]()
    sch = tensorir.Schedule(program)
    squares, *_, last = sch.get_child_blocks(sch.get_block("root"))
    outer, thread = sch.split(sch.fuse(*sch.get_loops(last)), [None, 32])
    sch.bind(outer, "blockIdx.x")
    sch.bind(thread, "threadIdx.x")
    sch.compute_at(squares, thread)
    apply_postprocs(sch, "cuda")
    assert sch.get(squares).writes[0].buffer.scope == "local", "else threads of a row race for its one sum"
    runs_as_code(program, sch)


def test_a_matmul_uses_shared_memory_and_registers() -> None:
    sch = tensorir.default_schedule(workloads.matmul(128, 128, 128), "cuda")
    text = sch.mod.script()
    for part in ('scope="shared"', 'scope="local"', '"blockIdx.x"', '"threadIdx.x"'):
        assert part in text


def test_too_many_threads_are_refused() -> None:
    sch = tensorir.Schedule(workloads.relu(64, 64))
    i, j = sch.get_loops("Y")
    sch.bind(i, "threadIdx.y")
    sch.bind(j, "threadIdx.x")
    with pytest.raises(tensorir.ScheduleError, match="4096 threads, the target has at most 1024"):
        apply_postprocs(sch, "cuda")


def test_too_much_shared_memory_is_refused() -> None:
    sch = tensorir.Schedule(workloads.relu(64, 1024))
    copy = sch.cache_read("Y", 0, "shared")
    loop = sch.get_loops("Y")[0]
    outer, _ = sch.split(loop, [1, 64])
    sch.compute_at(copy, outer)
    sch.bind(outer, "blockIdx.x")
    with pytest.raises(tensorir.ScheduleError, match="262144 bytes of shared memory"):
        apply_postprocs(sch, "cuda")


def test_a_reduction_has_a_sketch_with_threads_that_reduce_together() -> None:
    sketches = design_space(workloads.row_sum(8, 256), "cuda")
    assert ['"threadIdx.x"' in s.mod.script() for s in sketches] == [True, False]


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ("attention", "conv2d_winograd")])
def test_default_schedules_are_code(name: str) -> None:
    sch = tensorir.default_schedule(PROGRAMS[name](), "cuda", seconds=0.05)
    assert "__global__" in tensorir.build(sch.mod, target="cuda").source("cuda")
