"""decompose_reduction: where the init may go, so that each element is started before it is added to and once only."""

import pytest
from tensorir import Schedule, ScheduleError

from ..checks import checked
from ..programs import matmul, row_sum
from ..programs_blocks import sum_again, sum_in_pairs


@pytest.mark.parametrize("depth", range(3))
def test_before_each_loop_of_a_matmul(depth: int) -> None:
    sch = Schedule(matmul, seed=0)
    sch.decompose_reduction("C", sch.get_loops("C")[depth])
    checked(sch)


@pytest.mark.parametrize("depth", range(4))
def test_before_loops_that_do_not_divide(depth: int) -> None:
    sch = Schedule(row_sum, seed=0)
    i, k = sch.get_loops("S")
    sch.split(i, [None, 3])
    sch.split(k, [None, 3])
    loops = sch.get_loops("S")
    sch.decompose_reduction("S", loops[min(depth, 2)])
    checked(sch)


def test_before_a_fused_loop() -> None:
    sch = Schedule(row_sum, seed=0)
    fused = sch.fuse(*sch.get_loops("S"))
    sch.decompose_reduction("S", fused)
    checked(sch)


def test_what_is_computed_again_is_started_again() -> None:
    sch = Schedule(sum_again, seed=0)
    i, k = sch.get_loops("S")
    with pytest.raises(ScheduleError, match="drives no axis"):
        sch.decompose_reduction("S", i)
    sch.parallel(i)
    sch.decompose_reduction("S", k)
    checked(sch)


def test_iterations_that_do_the_same_are_each_started() -> None:
    sch = Schedule(sum_in_pairs, seed=0)
    i, k = sch.get_loops("S")
    with pytest.raises(ScheduleError, match="more than once"):
        sch.decompose_reduction("S", i)
    sch.decompose_reduction("S", k)
    checked(sch)


def test_what_threads_reduce_together_keeps_its_start() -> None:
    sch = Schedule(row_sum, seed=0)
    i, k = sch.get_loops("S")
    sch.bind(k, "threadIdx.x")
    with pytest.raises(ScheduleError, match="only as long as block `S` starts its reduction itself"):
        sch.decompose_reduction("S", i)
    with pytest.raises(ScheduleError, match="only as long as block `S` starts its reduction itself"):
        sch.blockize(k)
    checked(sch, threads=True)
