"""compute_at, reverse_compute_at: which instances run under a loop, in which loops, and where."""

from typing import Any

import pytest
from tensorir import Schedule, ScheduleError, T, lower, parse

from ..checks import becomes, checked
from ..programs import blur, chain
from ..programs_buffers import (
    digits,
    fan,
    matmul_relu,
    mirrored,
    overwritten,
    padded,
    skipped,
    symbolic_chain,
    tiles,
)

PAIRS = [
    (blur, "B", "C"),
    (padded, "C", "D"),
    (matmul_relu, "C", "D"),
    (digits, "C", "D"),
    (mirrored, "C", "D"),
    (tiles, "C", "D"),
    (symbolic_chain, "C", "D"),
]
TILES = [None, 4, 5]


@pytest.mark.parametrize("units", [False, True])
@pytest.mark.parametrize("factor", TILES)
@pytest.mark.parametrize("program, producer, consumer", PAIRS)
def test_a_producer_under_each_loop_of_its_consumer(
    program: Any, producer: str, consumer: str, factor: int | None, units: bool
) -> None:
    for depth in range(2 if factor is None else 3):
        sch = Schedule(program, seed=0)
        if factor is not None:
            sch.split(sch.get_loops(consumer)[0], [None, factor])
        loops = sch.get_loops(consumer)
        if depth < len(loops):
            sch.compute_at(producer, loops[depth], units)
            checked(sch)


@pytest.mark.parametrize("units", [False, True])
@pytest.mark.parametrize("factor", TILES)
@pytest.mark.parametrize("program, producer, consumer", [p for p in PAIRS if p[0] not in (blur, padded)])
def test_a_consumer_under_each_loop_of_its_producer(
    program: Any, producer: str, consumer: str, factor: int | None, units: bool
) -> None:
    done = 0
    for depth in range(2 if factor is None else 3):
        sch = Schedule(program, seed=0)
        if factor is not None:
            sch.split(sch.get_loops(producer)[0], [None, factor])
        loops = sch.get_loops(producer)
        if depth < len(loops):
            try:
                sch.reverse_compute_at(consumer, loops[depth], units)
            except ScheduleError:
                # 5 of the 64 producers at a time make no whole rows of 4, nor of anything else.
                assert (program is digits and factor == 5) or (program is tiles and factor == 5)
                continue
            checked(sch)
            done += 1
    assert done or (program is digits and factor == 5)


def test_a_tile_with_its_halo() -> None:
    sch = Schedule(blur, seed=0)
    i, j = sch.get_loops("C")
    i0, i1 = sch.split(i, [None, 4])
    j0, j1 = sch.split(j, [None, 5])
    sch.reorder(i0, j0, i1, j1)
    sch.compute_at("B", j0)
    becomes(
        sch,
        """
@T.prim_func
def blur(A: T.Buffer((18, 18), "float32"), C: T.Buffer((16, 16), "float32")):
    B = T.alloc_buffer((18, 16), "float32")
    for i_0, j_0 in T.grid(4, 4):
        for ax0, ax1 in T.grid(6, 5):
            with T.block("B"):
                vi = T.axis.spatial(18, i_0 * 4 + ax0)
                vj = T.axis.spatial(16, j_0 * 5 + ax1)
                T.where(j_0 * 5 + ax1 < 16)
                B[vi, vj] = (A[vi, vj] + A[vi, vj + 1] + A[vi, vj + 2]) / T.float32(3)
        for i_1, j_1 in T.grid(4, 5):
            with T.block("C"):
                vi = T.axis.spatial(16, i_0 * 4 + i_1)
                vj = T.axis.spatial(16, j_0 * 5 + j_1)
                T.where(j_0 * 5 + j_1 < 16)
                C[vi, vj] = (B[vi, vj] + B[vi + 1, vj] + B[vi + 2, vj]) / T.float32(3)
""",
    )


def test_what_lies_outside_is_not_computed() -> None:
    sch = Schedule(padded, seed=0)
    sch.compute_at("C", sch.get_loops("D")[0])
    realize = sch.state.realize(sch.get_sref(sch.get_block("C")))
    assert str(realize.predicate) == "1 <= i"
    (loop,) = sch.get_loops("C")[1:]
    assert sch.get(loop).extent.value == 15


def test_a_reduction_moves_with_all_its_updates() -> None:
    sch = Schedule(matmul_relu, seed=0)
    i, j = sch.get_loops("D")
    j0, j1 = sch.split(j, [None, 8])
    sch.compute_at("C", j0)
    sch.decompose_reduction("C", sch.get_loops("C")[-1])
    checked(sch)


@T.prim_func
def both_shifted(A: T.Buffer((20,), "float32"), C: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((20,), "float32")
    for i in range(20):
        with T.block("B"):
            vi = T.axis.spatial(20, i)
            B[vi] = A[vi] * T.float32(2)
    for i in range(4):
        for j in range(4):
            with T.block("C"):
                vi = T.axis.spatial(16, i * 4 + j)
                C[vi] = B[vi] + T.float32(1)
        for j in range(4):
            with T.block("D"):
                vi = T.axis.spatial(16, i * 4 + j)
                D[vi] = B[vi + 4]


def test_the_union_of_what_consumers_need() -> None:
    sch = Schedule(both_shifted, seed=0)
    sch.compute_at("B", sch.get_loops("C")[0])
    (loop,) = sch.get_loops("B")[1:]
    assert sch.get(loop).extent.value == 8
    checked(sch)


@pytest.mark.parametrize("index, names", [(-1, "BDC"), (-2, "BCD"), (1, "BCD"), (2, "BDC")])
def test_places(index: int, names: str) -> None:
    sch = Schedule(three, seed=0)
    loop = sch.get_loops("B")[0]
    sch.reverse_compute_at("D", loop)
    sch.reverse_compute_at("C", loop, index=index)
    assert "".join(sch.get(b).name_hint for b in sch.get_child_blocks(loop)) == names
    checked(sch)


@T.prim_func
def three(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = B[vi] + T.float32(3)
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi] + T.float32(1)


def test_a_whole_chain() -> None:
    sch = Schedule(chain, seed=0)
    i, _ = sch.get_loops("D")
    i0, _ = sch.split(i, [None, 5])
    sch.compute_at("C", i0)
    sch.compute_at("B", i0)
    checked(sch)
    sch = Schedule(chain, seed=0)
    i, _ = sch.get_loops("B")
    i0, _ = sch.split(i, [None, 5])
    sch.reverse_compute_at("C", i0)
    sch.reverse_compute_at("D", i0)
    checked(sch)


def test_a_block_may_move_again() -> None:
    sch = Schedule(padded, seed=0)
    i, j = sch.get_loops("D")
    sch.compute_at("C", i)
    sch.compute_at("C", j)
    checked(sch)


def test_a_writer_that_comes_later_anyway_does_not_matter() -> None:
    sch = Schedule(overwritten, seed=0)
    sch.cache_read("B", 0, "local", ["B"])
    sch.compute_at("A_local", sch.get_loops("B")[0])
    checked(sch)


def test_a_consumer_that_is_mirrored() -> None:
    sch = Schedule(fan, seed=0)
    sch.reverse_compute_at("D", sch.get_loops("B")[0])
    assert str(sch.state.realize(sch.get_sref(sch.get_block("D"))).iter_values[0]) in ("15 - i", "i * -1 + 15")
    checked(sch)


def test_an_update_is_divided_among_the_loops_that_bring_its_operands() -> None:
    sch = Schedule(matmul_relu, seed=0)
    sch.cache_read("C", 0, "local")
    sch.reverse_compute_at("C", sch.get_loops("A_local")[1])
    checked(sch)


def test_parallel_loops_stay_independent() -> None:
    sch = Schedule(blur, seed=0)
    i, _ = sch.get_loops("C")
    i0, _ = sch.split(i, [None, 4])
    sch.compute_at("B", i0)
    sch.parallel(i0)
    checked(sch)


def test_sampled_locations() -> None:
    for decision in (-2, -1, 0, 1):
        sch = Schedule(padded, seed=0)
        location = sch.sample_compute_location("C", decision=decision)
        sch.compute_at("C", location)
        checked(sch)


@pytest.mark.parametrize("extent", [12, 13])
@pytest.mark.parametrize("operation", ["S[vi] + A[vi, vk]", "T.max(S[vi], A[vi, vk])", "S[vi] * A[vi, vk]"])
def test_a_condition_on_iterators_moves_along(extent: int, operation: str) -> None:
    """Partial results of a reduction that does not divide evenly, made in vectors where they are used."""
    sch = Schedule(
        parse(f"""
@T.prim_func
def main(A: T.Buffer((5, {extent}), "float32"), S: T.Buffer((5,), "float32")):
    for i, k in T.grid(5, {extent}):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(1)
            S[vi] = {operation}
"""),
        seed=0,
    )
    _, lane = sch.split(sch.get_loops("S")[1], [None, 4])
    partial = sch.rfactor(lane, 0)
    row = sch.get_loops("S")[0]
    sch.compute_at(partial, row)
    checked(sch)
    sch.set_scope(partial, 0, "local")
    *_, lane, turn = sch.get_loops(partial)
    sch.reorder(turn, lane)
    sch.vectorize(lane)
    sch.decompose_reduction(partial, turn)
    sch.parallel(row)
    checked(sch)
    # Only the last turn may ask; where the program is cut it asks nothing.
    assert "if " not in lower(sch.mod).script()


def test_a_condition_on_loops_does_not() -> None:
    sch = Schedule(skipped, seed=0)
    with pytest.raises(ScheduleError, match="says more than that its iterators are in their domains"):
        sch.compute_at("B", sch.get_loops("D")[0])
