"""rfactor: sums, products and extrema, several results at once, and reductions that depend on their order."""

import pytest
from tensorir import Schedule, ScheduleError, T, assert_structural_equal, parse
from tensorir.schedule.trace import Trace
from tensorir.tir.stmt import ForKind

from ..programs import matmul, mixed_predicate, row_sum, symbolic
from ..programs_blocks import argmax, argmax_exact, chained_stores, matmul16, two_results


def checked(sch: Schedule) -> None:
    """References, numbers on the interpreter and on LLVM, and the trace."""
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")
    again = Schedule(sch.original, seed=1)
    Trace.from_json(sch.trace.dumps()).apply_to(again)
    assert_structural_equal(again.mod, sch.mod)


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
@pytest.mark.parametrize("outer", [True, False])
def test_a_matmul_with_an_imperfect_split(axis: int, outer: bool) -> None:
    sch = Schedule(matmul, seed=0)
    k0, k1 = sch.split(sch.get_loops("C")[2], [None, 4])
    partial = sch.rfactor(k0 if outer else k1, axis)
    assert sch.get(partial).name_hint == "C_rf"
    checked(sch)


def test_the_whole_reduction() -> None:
    sch = Schedule(row_sum, seed=0)
    sch.rfactor(sch.get_loops("S")[1], 1)
    checked(sch)


def test_symbolic_rows() -> None:
    sch = Schedule(symbolic, seed=0)
    k0, k1 = sch.split(sch.get_loops("B")[1], [2, 4])
    sch.rfactor(k1, 0)
    checked(sch)


def test_a_symbolic_reduction() -> None:
    @T.prim_func
    def sums(a: T.handle, B: T.Buffer((4,), "float32")):
        n = T.int32()
        A = T.match_buffer(a, (4, n), "float32")
        for i, k in T.grid(4, n):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    sch = Schedule(sums, seed=0)
    k0, k1 = sch.split(sch.get_loops("B")[1], [None, 4])
    sch.rfactor(k0, 0)
    checked(sch)


def test_both_blocks_are_scheduled_on() -> None:
    sch = Schedule(matmul16, seed=0)
    block = sch.get_block("C")
    k0, k1 = sch.split(sch.get_loops(block)[2], [None, 4])
    partial = sch.rfactor(k1, 2)
    assert sch.get(block).name_hint == "C"
    i, j, k, lane = sch.get_loops(partial)
    sch.reorder(i, j, lane, k)
    sch.parallel(i)
    sch.decompose_reduction(partial, k)
    sch.decompose_reduction(block, sch.get_loops(block)[-1])
    checked(sch)


def test_factoring_twice() -> None:
    sch = Schedule(matmul16, seed=0)
    k0, k1 = sch.split(sch.get_loops("C")[2], [None, 4])
    partial = sch.rfactor(k1, 0)
    sch.rfactor(sch.get_loops(partial)[2], 0)
    checked(sch)


def test_two_results() -> None:
    sch = Schedule(two_results, seed=0)
    _, k1 = sch.split(sch.get_loops("S")[1], [None, 4])
    sch.rfactor(k1, 1)
    checked(sch)
    sch.decompose_reduction("S_rf", sch.get_loops("S_rf")[1])
    checked(sch)


def test_argmax_by_its_outermost_loop() -> None:
    sch = Schedule(argmax, seed=0)
    k0, k1 = sch.split(sch.get_loops("C")[1], [None, 4])
    sch.rfactor(k0, 0)
    checked(sch)
    sch.decompose_reduction("C", sch.get_loops("C")[1])
    checked(sch)


@pytest.mark.parametrize("outer", [True, False])
def test_argmax_that_decides_ties_itself(outer: bool) -> None:
    sch = Schedule(argmax_exact, seed=0)
    k0, k1 = sch.split(sch.get_loops("C")[1], [None, 4])
    sch.rfactor(k0 if outer else k1, 1)
    checked(sch)


def test_decompose_under_a_condition_on_both_axes() -> None:
    """It holds wherever the reduction begins, so every element has its init."""
    sch = Schedule(mixed_predicate, seed=0)
    sch.decompose_reduction("B", sch.get_loops("B")[0])
    checked(sch)


def test_decompose_several_results() -> None:
    sch = Schedule(argmax, seed=0)
    init = sch.decompose_reduction("C", sch.get_loops("C")[1])
    assert [r.buffer.name for r in sch.get(init).writes] == ["C0", "C1"]
    checked(sch)


@pytest.mark.parametrize(
    "operation",
    [
        "S[vi] * A[vi, vk]",
        "A[vi, vk] + S[vi]",
        "T.min(S[vi], A[vi, vk])",
        "T.max(A[vi, vk] * A[vi, vk], S[vi])",
    ],
)
def test_operations(operation: str) -> None:
    text = f"""
@T.prim_func
def main(A: T.Buffer((6, 12), "float32"), S: T.Buffer((6,), "float32")):
    for i, k in T.grid(6, 12):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(1)
            S[vi] = {operation}
"""
    sch = Schedule(parse(text), seed=0)
    _, k1 = sch.split(sch.get_loops("S")[1], [None, 5])
    sch.rfactor(k1, 1)
    sch.verify(backend="interpreter", sanitize=True, rtol=1e-3)


def test_refusals_keep_the_program() -> None:
    sch = Schedule(matmul, seed=0)
    before = sch.mod
    with pytest.raises(ScheduleError):
        sch.rfactor(sch.get_loops("C")[0], 0)
    assert sch.mod is before
    sch.state.check()


def test_updates_that_depend_on_one_another_keep_their_order() -> None:
    sch = Schedule(chained_stores, seed=0)
    k0, k1 = sch.split(sch.get_loops("S")[1], [4, 4])
    with pytest.raises(ScheduleError, match="depends on the order"):
        sch.reorder(k1, k0)
    k2 = sch.add_unit_loop(k0)
    with pytest.raises(ScheduleError, match="depends on the order"):
        sch.reorder(k1, k2)


def test_an_init_runs_where_its_reduction_does() -> None:
    """The condition on both an outer loop and one of the reduction's nest leaves its part for the outer one."""
    sch = Schedule(row_sum, seed=0)
    unit = sch.add_unit_loop(sch.get_loops("S")[0])
    _, inner = sch.split(unit, [8, 4])
    sch.decompose_reduction("S", inner)
    checked(sch)


def test_loops_keep_how_they_run() -> None:
    sch = Schedule(matmul, seed=0)
    i, j, k = sch.get_loops("C")
    sch.parallel(i)
    sch.annotate(j, "note", 1)
    _, k1 = sch.split(k, [None, 4])
    partial = sch.rfactor(k1, 0)
    for block in (partial, sch.get_block("C")):
        outer, inner, *_ = (sch.get(loop) for loop in sch.get_loops(block))
        assert outer.kind is ForKind.PARALLEL
        assert inner.annotations["note"] == 1
    checked(sch)


def test_threads_stay_bound() -> None:
    sch = Schedule(row_sum, seed=0)
    i, k = sch.get_loops("S")
    sch.bind(i, "blockIdx.x")
    sch.rfactor(k, 0)
    assert sch.get(sch.get_loops("S")[0]).thread_binding == "blockIdx.x"
    sch.verify(backend="interpreter", sanitize=True)


def test_conditions_on_loops_that_drive_nothing() -> None:
    @T.prim_func
    def sums(A: T.Buffer((2, 6), "float32"), B: T.Buffer((2,), "float32")):
        for u, i, k in T.grid(1, 3, 6):
            with T.block("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                T.where(u * 3 + i < 2)
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    sch = Schedule(sums, seed=0)
    sch.rfactor(sch.get_loops("B")[2], 0)
    checked(sch)


def test_a_loop_that_begins_elsewhere() -> None:
    @T.prim_func
    def sums(A: T.Buffer((4, 12), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            for k in range(2, 12):
                with T.block("B"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + A[vi, vk]

    sch = Schedule(sums, seed=0)
    sch.rfactor(sch.get_loops("B")[1], 1)
    checked(sch)


@T.prim_func
def scaled_sums(A: T.Buffer((8, 12), "float32"), B: T.Buffer((8,), "float32")):
    S = T.alloc_buffer((8,), "float32")
    for i in range(8):
        for k in range(12):
            with T.block("S"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    S[vi] = T.float32(0)
                S[vi] = S[vi] + A[vi, vk]
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = S[vi] * T.float32(2)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("outer", [False, True])
def test_beside_another_block_both_stay_in_their_loop(parallel: bool, outer: bool) -> None:
    sch = Schedule(scaled_sums, seed=0)
    i, k = sch.get_loops("S")
    if parallel:
        sch.parallel(i)
    k0, k1 = sch.split(k, [None, 5])
    sch.rfactor(k0 if outer else k1, 0)
    assert len({sch.get(sch.get_loops(name)[0]) for name in ("S_rf", "S", "B")}) == 1
    checked(sch)


def test_a_part_of_a_reduction_that_goes_on_outside_is_not_factored() -> None:
    @T.prim_func
    def sums(A: T.Buffer((4, 6), "float32"), Y: T.Buffer((1,), "float32")):
        for j, k in T.grid(4, 6):
            with T.block("Y"):
                vi = T.axis.spatial(1, 0)
                vj, vk = T.axis.remap("RR", [j, k])
                with T.init():
                    Y[vi] = T.float32(0)
                Y[vi] = Y[vi] + A[vj, vk]

    sch = Schedule(sums)
    first, _ = sch.loop_partition(sch.get_loops("Y")[1], [2, None])
    with pytest.raises(ScheduleError, match="a loop outside of the block around it"):
        sch.rfactor(first, 0)
