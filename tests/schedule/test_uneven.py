"""Caches and moves around blocks whose loops run past their domains: a predicate on a reduction leaves no gap."""

import pytest
from tensorir import Schedule, ScheduleError, parse
from tensorir.script import workloads
from tensorir.tir.function import PrimFunc

from .programs import matmul
from .programs_values import (
    for_each_iteration,
    for_odd_iterations,
    half_sums,
    perhaps_read,
    seven_of_eight,
    uneven_loop,
)


def test_a_cache_of_a_reduction_split_unevenly() -> None:
    sch = Schedule(matmul)
    i, _, k = sch.get_loops("C")
    i_0, i_1 = sch.split(i, [None, 4])
    k_0, _ = sch.split(k, [None, 4])
    sch.reorder(i_0, k_0, i_1)
    cache = sch.cache_write("C", 0, "local")
    sch.reverse_compute_at(cache, i_0)
    sch.verify(trials=1, backend="interpreter", sanitize=True)


def test_cooperative_fetching_in_vectors() -> None:
    sch = Schedule(matmul)
    i, j, k = sch.get_loops("C")
    k_0, k_1 = sch.split(k, [None, 4])
    sch.reorder(k_0, i, j, k_1)
    shared = sch.cache_read("C", 0, "shared")
    sch.compute_at(shared, k_0, preserve_unit_loops=True)
    _, _, lanes = sch.split(sch.fuse(*sch.get_loops(shared)[-2:]), [2, 2, None])
    sch.vectorize(lanes)
    sch.verify(trials=1, backend="interpreter", sanitize=True)


@pytest.mark.parametrize(("m", "n", "threads"), [(18, 33, 256), (7, 13, 12), (5, 3, 4)])
def test_threads_share_fused_loops_unevenly(m: int, n: int, threads: int) -> None:
    sch = Schedule(workloads.transpose(m, n))
    outer, inner = sch.split(sch.fuse(*sch.get_loops("Y")), [None, threads])
    sch.bind(outer, "blockIdx.x")
    sch.bind(inner, "threadIdx.x")
    sch.verify(backend="interpreter", sanitize=True)


def checked(sch: Schedule) -> None:
    sch.state.check()
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    sch.verify(trials=1, backend="llvm")


COPIES = {
    "reindex": lambda sch: sch.reindex("D", ("read", 0)),
    "reindex_cache_read": lambda sch: sch.reindex_cache_read("D", 0, "local", lambda i: i),
    "read_at": lambda sch: sch.read_at(sch.get_loops("D")[-1], sch.get_block("D"), 0, "local"),
}
"""Copies of what block D reads."""


@pytest.mark.parametrize("step", COPIES)
def test_a_copy_is_made_where_its_reader_runs(step: str) -> None:
    sch = Schedule(uneven_loop)
    COPIES[step](sch)
    checked(sch)


def test_a_copy_takes_no_more_than_was_written() -> None:
    sch = Schedule(seven_of_eight)
    outer, inner = sch.get_loops("D")
    with pytest.raises(ScheduleError, match="not known to have been written"):
        sch.read_at(outer, sch.get_block("D"), 0, "shared")
    sch.read_at(inner, sch.get_block("D"), 0, "shared")
    checked(sch)


def test_a_block_leaves_the_gaps_that_blocks_in_it_leave() -> None:
    sch = Schedule(seven_of_eight)
    with pytest.raises(ScheduleError, match="not known to write every element"):
        sch.cache_write("all", 0, "shared")


def test_a_cache_for_all_runs_of_a_part_of_a_reduction() -> None:
    sch = Schedule(half_sums)
    with pytest.raises(ScheduleError, match="not known to write every element"):
        sch.reindex("B", ("write", 0))
    sch.cache_write("half", 0, "local")
    checked(sch)


@pytest.mark.parametrize("program", [for_each_iteration, for_odd_iterations], ids=lambda f: f.name)
@pytest.mark.parametrize("factors", [[1, None], [4, None]])
def test_parts_of_a_loop_keep_what_single_iterations_have_for_themselves(
    program: PrimFunc, factors: list[int | None]
) -> None:
    sch = Schedule(program)
    i_0, i_1 = sch.get_loops("C")[:2]
    sch.parallel(i_1)
    sch.loop_partition(i_0, factors)
    assert not sch.get(sch.get_block("root")).alloc_buffers
    checked(sch)


@pytest.mark.parametrize("step", COPIES)
def test_a_copy_for_a_read_under_a_condition(step: str) -> None:
    sch = Schedule(perhaps_read)
    with pytest.raises(ScheduleError, match="not known to have been written"):
        COPIES[step](sch)


@pytest.mark.parametrize("word", ["vectorize", "parallel", "unroll"])
def test_a_unit_loop_split_by_more(word: str) -> None:
    """All but one of its iterations are idle, so they do not depend on each other."""
    sch = Schedule(workloads.transpose(1, 4))
    i, j = sch.get_loops(sch.get_child_blocks(sch.get_block("root"))[0])
    unit = i if sch.get(i).extent.value == 1 else j
    _, inner = sch.split(unit, [None, 8])
    getattr(sch, word)(inner)
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    sch.verify(trials=1, backend="llvm")


def test_iterations_that_share_an_element_stay_in_order() -> None:
    """More than one of them runs."""
    sch = Schedule(
        parse("""
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((1,), "float32")):
    for i in range(8):
        with T.block("B"):
            vi = T.axis.opaque(8, i)
            T.where(i < 2)
            B[0] = A[vi]
"""),
    )
    with pytest.raises(ScheduleError):
        sch.vectorize(sch.get_loops("B")[0])
