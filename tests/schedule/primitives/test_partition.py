"""loop_partition and merge: numbers, reductions among the parts, and what exchanges values across iterations."""

import pytest
from tensorir import Schedule, ScheduleError, T, assert_structural_equal, parse
from tensorir.schedule.trace import Trace

from ..programs import chain, elementwise, matmul, row_sum, symbolic
from ..programs_blocks import ahead, shifted_pair, side_by_side, three_stages
from ..programs_buffers import gathered_rows, own_tiles


def checked(sch: Schedule) -> None:
    """References, numbers on the interpreter and on LLVM, and the trace."""
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")
    again = Schedule(sch.original, seed=1)
    Trace.from_json(sch.trace.dumps()).apply_to(again)
    assert_structural_equal(again.mod, sch.mod)


@pytest.mark.parametrize("depth", range(3))
@pytest.mark.parametrize("factors", [[2, None], [None, 1], [3, 4], [1, 2, None, 3]])
@pytest.mark.parametrize("units", [True, False])
def test_each_loop_of_a_matmul(depth: int, factors: list, units: bool) -> None:
    sch = Schedule(matmul, seed=0)
    loops = sch.loop_partition(sch.get_loops("C")[depth], factors, units)
    assert len(loops) == len(factors) + (None not in factors)
    checked(sch)


def test_each_part_is_scheduled_by_itself() -> None:
    sch = Schedule(elementwise, seed=0)
    i, j = sch.get_loops("B")
    first, second = sch.loop_partition(j, [8])
    sch.vectorize(first)
    sch.unroll(second)
    sch.parallel(i)
    checked(sch)


def test_parts_of_several_blocks() -> None:
    sch = Schedule(side_by_side, seed=0)
    sch.loop_partition(sch.get_loops("B")[0], [3])
    checked(sch)


def test_parts_go_on_with_what_turns_of_loops_around_began() -> None:
    @T.prim_func
    def unused(A: T.Buffer((5, 4, 2), "float32"), C: T.Buffer((5,), "float32")):
        B = T.alloc_buffer((5,), "float32")
        for i, j, k in T.grid(5, 4, 2):
            with T.block("B"):
                vi, vj, vk = T.axis.remap("SRR", [i, j, k])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vj, vk]
        for i in range(5):
            with T.block("C"):
                vi = T.axis.spatial(5, i)
                C[vi] = A[vi, 0, 0]

    sch = Schedule(unused, seed=0)
    sch.loop_partition(sch.get_loops("B")[2], [1, None])
    assert [region.buffer.name for region in sch.get(sch.get_block("B_k_common")).reads] == ["B", "A"]
    sch.loop_partition(sch.get_loops("B_k_common")[1], [2, None])
    checked(sch)


@pytest.mark.parametrize("outer", [0, 1])
def test_parts_that_begin_reductions_do_not_read_them(outer: int) -> None:
    sch = Schedule(row_sum, seed=0)
    loops = sch.get_loops("S")
    if outer:
        sch.reorder(*loops[::-1])
    sch.loop_partition(sch.fuse(*sch.get_loops("S")), [4])
    for name, parts in (("common", ["A"]), ("0_partition", ["A"]), ("1_partition", ["S", "A"])):
        fused = "k_i_fused" if outer else "i_k_fused"
        assert [
            r.buffer.name for r in sch.get(sch.get_block(f"S_{fused}{'_' * (name == 'common')}{name}")).reads
        ] == parts
    checked(sch)


def sums_of_tables(A: T.Buffer((3, 4, 6), "float32"), B: T.Buffer((3,), "float32")) -> None:
    for i, j, k in T.grid(3, 4, 6):
        with T.block("B"):
            vi, vj, vk = T.axis.remap("SRR", [i, j, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vj, vk]


def test_threads_that_reduce_together_do_so_in_one_part() -> None:
    sch = Schedule(T.prim_func(sums_of_tables), seed=0)
    i, j, k = sch.get_loops("B")
    sch.bind(j, "threadIdx.x")
    with pytest.raises(ScheduleError, match="reduce together only as long as block `B` starts its reduction itself"):
        sch.loop_partition(k, [2, None])
    sch.loop_partition(i, [2, None])
    sch.verify(trials=1, backend="interpreter", sanitize=True)


def test_parts_of_an_imperfect_split() -> None:
    sch = Schedule(matmul, seed=0)
    _, k1 = sch.split(sch.get_loops("C")[2], [None, 4])
    sch.loop_partition(k1, [1])
    checked(sch)


def test_buffers_of_single_iterations_belong_to_the_parts() -> None:
    sch = Schedule(three_stages, seed=0)
    sch.loop_partition(sch.get_loops("B")[0], [3])
    assert not sch.get(sch.get_block("root")).alloc_buffers
    sch.compute_inline("C_i1")
    sch.vectorize(sch.get_loops("B_i0")[0])
    checked(sch)


def test_a_symbolic_loop_is_not_known_to_have_enough_iterations() -> None:
    sch = Schedule(symbolic, seed=0)
    with pytest.raises(ScheduleError, match="cover `2` iterations"):
        sch.loop_partition(sch.get_loops("B")[0], [2])


def test_merged_chains() -> None:
    sch = Schedule(chain, seed=0)
    first, _ = sch.get_loops("B")
    second, _ = sch.get_loops("C")
    third, _ = sch.get_loops("D")
    sch.merge(first, second, third)
    checked(sch)
    sch.merge(*(sch.get_loops(name)[1] for name in "BCD"))
    checked(sch)


def test_inner_loops_take_the_outer_ones_along() -> None:
    sch = Schedule(chain, seed=0)
    merged = sch.merge(sch.get_loops("B")[1], sch.get_loops("C")[1])
    assert len(sch.get_loops("C")) == 2
    assert sch.get(sch.get_loops("C")[1]) is sch.get(merged)
    checked(sch)


def test_a_reduction_with_what_follows() -> None:
    sch = Schedule(row_sum, seed=0)
    sch.merge(sch.get_loops("S")[0], sch.get_loops("B")[0])
    checked(sch)


def test_values_of_earlier_iterations_may_be_used() -> None:
    sch = Schedule(shifted_pair, seed=0)
    sch.merge(sch.get_loops("B")[0], sch.get_loops("C")[0])
    sch.state.check()


def test_values_of_later_iterations_may_not() -> None:
    sch = Schedule(ahead, seed=0)
    sch.split(sch.get_loops("B")[0], [None, 8])
    with pytest.raises(ScheduleError):
        sch.merge(sch.get_loops("B")[0], sch.get_loops("C")[0])


@pytest.mark.parametrize("depth", range(2))
def test_tiles_that_each_iteration_has_for_itself_go_with_the_parts(depth: int) -> None:
    sch = Schedule(own_tiles, seed=0)
    sch.loop_partition(sch.get_loops("D")[depth], [1])
    checked(sch)


def test_indices_computed_inside_are_no_part_of_the_regions() -> None:
    sch = Schedule(gathered_rows, seed=0)
    sch.loop_partition(sch.get_loops("B")[0], [2])
    assert_structural_equal(parse(sch.mod.script()), sch.mod)
    checked(sch)
