"""pad_einsum, decompose_padding and can_decompose_padding."""

import pytest
from tensorir import Schedule, ScheduleError, T, assert_structural_equal
from tensorir.schedule.trace import Trace

from ..programs import elementwise, matmul, row_sum, symbolic
from ..programs_padding import batch_matmul, beyond, odd_padding, padded_rows, padded_stencil, padded_symbolic


def checked(sch: Schedule) -> None:
    """References, numbers on the interpreter and on LLVM, and the trace."""
    sch.state.check()
    sch.verify(backend="interpreter", sanitize=True)
    sch.verify(backend="llvm")
    again = Schedule(sch.original, seed=1)
    Trace.from_json(sch.trace.dumps()).apply_to(again)
    assert_structural_equal(again.mod, sch.mod)


@pytest.mark.parametrize("padding", [[1, 1, 1], [4, 1, 1], [1, 8, 1], [1, 1, 4], [16, 16, 16], [17, 19, 13]])
def test_a_matmul(padding: list[int]) -> None:
    sch = Schedule(matmul, seed=0)
    sch.pad_einsum("C", padding)
    extents = [iv.dom.extent.value for iv in sch.get(sch.get_block("C")).iter_vars]
    assert all(e % p == 0 for e, p in zip(extents, padding, strict=True))
    checked(sch)


def test_a_padded_matmul_is_tiled() -> None:
    sch = Schedule(matmul, seed=0)
    i, j, k = sch.get_loops("C")
    sch.pad_einsum("C", [4, 4, 4])
    tiles = [sch.split(loop, [None, 4]) for loop in (i, j, k)]
    sch.reorder(*(outer for outer, _ in tiles), *(inner for _, inner in tiles))
    sch.blockize(tiles[0][1])
    checked(sch)


def test_an_intermediate_buffer_and_casts() -> None:
    sch = Schedule(batch_matmul, seed=0)
    sch.pad_einsum("C", [1, 4, 4, 4])
    checked(sch)
    sch = Schedule(row_sum, seed=0)
    sch.pad_einsum("S", [3, 3])
    checked(sch)


def test_symbolic_rows() -> None:
    sch = Schedule(symbolic, seed=0)
    sch.pad_einsum("B", [4, 1])
    checked(sch)


@pytest.mark.parametrize("padding", [[4, 1], [1, 2], [4, 4]])
def test_a_block_that_goes_through_more_than_it_reads(padding: list[int]) -> None:
    sch = Schedule(beyond, seed=0)
    sch.pad_einsum("B", padding)
    checked(sch)


def test_what_is_read_at_two_iterators_is_not_padded_for_one() -> None:
    @T.prim_func
    def pairs(A: T.Buffer((7,), "float32"), Y: T.Buffer((5,), "float32")):
        for i, j in T.grid(5, 7):
            with T.block("Y"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    Y[vi] = T.float32(0)
                Y[vi] += A[vj] * A[vi]

    with pytest.raises(ScheduleError, match="not at the same plain iterators everywhere"):
        Schedule(pairs).pad_einsum("Y", [4, 1])


def test_a_block_without_reduction() -> None:
    sch = Schedule(elementwise, seed=0)
    sch.pad_einsum("B", [5, 8])
    checked(sch)


@pytest.mark.parametrize("depth", [0, 1])
def test_rows_and_columns(depth: int) -> None:
    sch = Schedule(padded_rows, seed=0)
    loop = sch.get_loops("B")[depth]
    assert sch.can_decompose_padding("B", loop)
    filled = sch.decompose_padding("B", loop)
    assert sch.get(filled).name_hint == "B_pad_const"
    checked(sch)


def test_a_symbolic_size() -> None:
    sch = Schedule(padded_symbolic, seed=0)
    sch.decompose_padding("B", sch.get_loops("B")[0])
    checked(sch)


def test_conditions_that_are_no_bounds_become_predicates() -> None:
    sch = Schedule(odd_padding, seed=0)
    sch.decompose_padding("B", sch.get_loops("B")[0])
    checked(sch)


def test_after_splitting() -> None:
    sch = Schedule(padded_rows, seed=0)
    i, _ = sch.get_loops("B")
    _, inner = sch.split(i, [None, 4])
    sch.decompose_padding("B", inner)
    checked(sch)


def test_computed_where_it_is_used() -> None:
    sch = Schedule(padded_stencil, seed=0)
    outer, _ = sch.split(sch.get_loops("C")[0], [4, 4])
    sch.compute_at("B", outer)
    sch.decompose_padding("B", sch.get_loops("B")[1])
    checked(sch)


def test_what_cannot_be_decomposed_is_told_beforehand() -> None:
    sch = Schedule(elementwise, seed=0)
    loop = sch.get_loops("B")[0]
    assert not sch.can_decompose_padding("B", loop)
    before = sch.mod
    with pytest.raises(ScheduleError):
        sch.decompose_padding("B", loop)
    assert sch.mod is before


def test_a_block_without_loops_has_nothing_to_pad() -> None:
    sch = Schedule(elementwise, seed=0)
    sch.loop_partition(sch.get_loops("B")[0], [2])
    with pytest.raises(ScheduleError):
        sch.pad_einsum("B_i_common", [])
