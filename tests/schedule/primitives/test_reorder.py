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
