"""Reordering loops that drive spatial and reduce axes at once: what is accepted is right, for all orders."""

import itertools

import pytest
from tensorir import Schedule, ScheduleError, T


@T.prim_func
def sums(A: T.Buffer((3, 4, 5), "float32"), B: T.Buffer((3, 4), "float32")):
    for i, j, k in T.grid(3, 4, 5):
        with T.block("B"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                B[vi, vj] = T.float32(0)
            B[vi, vj] = B[vi, vj] + A[vi, vj, vk]


@pytest.mark.parametrize("factors", [None, [4, 5], [5, 4], [2, 10], [10, 2], [None, 3], [2, None, 5]])
@pytest.mark.parametrize("reduce_first", [False, True])
def test_every_order_that_is_accepted(factors: list[int | None] | None, reduce_first: bool) -> None:
    accepted = 0
    for order in itertools.permutations(range(2 if factors is None else len(factors) + 1)):
        sch = Schedule(sums)
        i, j, k = sch.get_loops("B")
        if reduce_first:
            sch.reorder(k, j)
        fused = sch.fuse(*((k, j) if reduce_first else (j, k)))
        if factors is not None:
            sch.split(fused, factors)
        loops = sch.get_loops("B")
        try:
            sch.reorder(*(loops[n] for n in order))
        except ScheduleError:
            continue
        accepted += 1
        sch.verify(trials=1, backend="interpreter", sanitize=True)
    # One fused loop alone can change places with any other.
    assert accepted == 2 if factors is None else accepted >= 1


@pytest.mark.parametrize("offsets", [*itertools.product((-1, 0, 1), (0, 1), (-1, 0, 1))])
def test_dependences_run_on_as_they_did(offsets: tuple[int, int, int]) -> None:
    a, b, c = offsets

    @T.prim_func
    def moves(A: T.Buffer((5, 5, 6), "float32")):
        for i, j, k in T.grid(3, 3, 4):
            with T.block("A"):
                vi, vj, vk = T.axis.remap("SSS", [i, j, k])
                A[vi + 1, vj + 1, vk + 1] = A[vi + 1 + a, vj + 1 + b, vk + 1 + c] + T.float32(1)

    dependent = sum(offset != 0 for offset in offsets)
    for order in itertools.permutations(range(3)):
        sch = Schedule(moves)
        loops = sch.get_loops("A")
        try:
            sch.reorder(*(loops[n] for n in order))
        except ScheduleError:
            assert dependent > 1
            continue
        sch.verify(trials=1, backend="interpreter")


def test_a_loop_between_that_is_not_named_changes_places_as_well() -> None:
    @T.prim_func
    def skewed(A: T.Buffer((4, 9, 10), "float32")):
        for i, m, k in T.grid(4, 8, 9):
            with T.block("A"):
                vi, vm, vk = T.axis.remap("SSS", [i, m, k])
                A[vi, vm + 1, vk] = A[vi, vm, vk + 1]

    sch = Schedule(skewed)
    i, _, k = sch.get_loops("A")
    with pytest.raises(ScheduleError, match=r"loop `m` .* cannot change its place"):
        sch.reorder(k, i)


def test_updates_whose_init_is_gone() -> None:
    sch = Schedule(sums)
    i, j, k = sch.get_loops("B")
    sch.decompose_reduction("B", i)
    sch.split(k, [None, 2])
    *_, k_0, k_1 = sch.get_loops("B_update")
    sch.reorder(k_1, k_0, j, i)
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    with pytest.raises(ScheduleError, match="cannot be bound"):
        sch.bind(k_0, "threadIdx.x")


def test_a_running_sum_keeps_its_order() -> None:
    @T.prim_func
    def copies(A: T.Buffer((8, 4), "float32"), B: T.Buffer((8, 4), "float32"), C: T.Buffer((8,), "float32")):
        for i, k in T.grid(8, 4):
            with T.block("C"):
                vi, vk = T.axis.remap("SR", [i, k])
                T.reads(C[vi], A[vi, vk])
                T.writes(C[vi])
                C[vi] = C[vi] + A[vi, vk]
            with T.block("B"):
                vi, vk = T.axis.remap("SS", [i, k])
                B[vi, vk] = C[vi]

    sch = Schedule(copies)
    i, k = sch.get_loops("B")
    sch.reorder(k, i)
    sch.verify(trials=1, backend="interpreter")


@T.prim_func
def mirrored(A: T.Buffer((2, 3, 4), "float32"), C: T.Buffer((2, 3, 4), "float32")):
    B = T.alloc_buffer((4,), "float32")
    for i, j, k in T.grid(2, 3, 4):
        with T.block("B"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            B[vk] = A[vi, vj, vk] * T.float32(2)
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            T.where(k >= 2)
            C[vi, vj, vk] = B[3 - vk]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_no_other_iteration_gets_between_a_value_and_its_use(order: tuple[int, ...]) -> None:
    """Each iteration of `j` writes first what it reads, and no iteration of `k` does."""
    sch = Schedule(mirrored)
    loops = sch.get_loops("B")
    try:
        sch.reorder(*(loops[n] for n in order))
    except ScheduleError:
        assert order != (0, 1, 2)
    sch.verify(trials=1, backend="interpreter", sanitize=True)
