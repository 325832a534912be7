"""How a loop runs: the last decision holds, and a thread's axis goes with the decision for threads."""

import pytest
import tensorir
from tensorir import Schedule, ScheduleError, T
from tensorir.tir.stmt import ForKind

from ..programs import elementwise
from ..programs_buffers import one_row

DECISIONS = {
    "parallel": (ForKind.PARALLEL, []),
    "vectorize": (ForKind.VECTORIZED, []),
    "unroll": (ForKind.UNROLLED, []),
    "bind": (ForKind.THREAD_BINDING, ["threadIdx.x"]),
}


@pytest.mark.parametrize("first", DECISIONS)
@pytest.mark.parametrize("last", DECISIONS)
def test_the_last_decision_holds(first: str, last: str) -> None:
    sch = Schedule(elementwise)
    loop, _ = sch.get_loops("B")
    getattr(sch, first)(loop, *DECISIONS[first][1])
    kind, arguments = DECISIONS[last]
    getattr(sch, last)(loop, *arguments)
    assert sch.get(loop).kind is kind
    assert sch.get(loop).thread_binding == (arguments[0] if arguments else None)
    sch.verify(trials=1, backend="interpreter", sanitize=True)


def guarded(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")) -> None:
    X = T.alloc_buffer((8,), "float32")
    for v in range(4):
        for j in range(8):
            with T.block("X"):
                vv, vj = T.axis.remap("SS", [v, j])
                T.where(v < 1)
                X[vj] = A[vv, vj]
        for j in range(8):
            with T.block("B"):
                vv, vj = T.axis.remap("SS", [v, j])
                B[vv, vj] = X[vj] * T.float32(2)


def gaps(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")) -> None:
    X = T.alloc_buffer((8,), "float32")
    for v in range(4):
        for j in range(4):
            with T.block("X"):
                vv, vj = T.axis.remap("SS", [v, j])
                X[vj * 2 + vv % 2] = A[vv, vj]
        for j in range(2):
            with T.block("B"):
                vv, vj = T.axis.remap("SS", [v, j])
                B[vv, vj] = X[vj * 2 + 2] * T.float32(2)


def behind(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")) -> None:
    X = T.alloc_buffer((8,), "float32")
    for v, j in T.grid(4, 8):
        with T.block("X"):
            vv, vj = T.axis.remap("SS", [v, j])
            X[vj] = A[vv, vj]
        with T.block("B"):
            vv, vj = T.axis.remap("SS", [v, j])
            T.where(j >= 4 or v >= 1)
            B[vv, vj] = X[7 - vj] * T.float32(2)


@pytest.mark.parametrize("program", [guarded, gaps, behind])
def test_what_an_iteration_does_not_write_for_sure_passes_from_one_to_another(program) -> None:
    sch = Schedule(T.prim_func(program))
    with pytest.raises(ScheduleError, match="cannot run in parallel"):
        sch.parallel(sch.get_loops("B")[0])


def overwritten(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")) -> None:
    for i, j in T.grid(4, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = B[vj, vi] + A[vi, vj]


def test_an_element_read_elsewhere_is_of_another_iteration() -> None:
    sch = Schedule(T.prim_func(overwritten))
    outer, _ = sch.split(sch.get_loops("B")[0], [None, 2])
    with pytest.raises(ScheduleError, match="cannot run in parallel"):
        sch.parallel(outer)


def mixed(A: T.Buffer((6, 4), "float32"), B: T.Buffer((6,), "float32")) -> None:
    for i, k in T.grid(6, 4):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]


@pytest.mark.parametrize(
    "factor,place,legal", [(4, 0, True), (8, 0, True), (3, 0, False), (8, 1, False), (2, 0, False)]
)
def test_loops_of_fused_axes(factor: int, place: int, legal: bool) -> None:
    """A loop over spatial digits alone may run in parallel, however the digits came to be."""
    sch = Schedule(T.prim_func(mixed))
    loops = sch.split(sch.fuse(*sch.get_loops("B")), [None, factor])
    if legal:
        sch.parallel(loops[place])
        sch.verify(trials=1, backend="interpreter", sanitize=True)
    else:
        with pytest.raises(ScheduleError):
            sch.parallel(loops[place])


def test_threads_that_share_memory_have_no_row_each_in_it() -> None:
    sch = Schedule(one_row, seed=0)
    i, _ = sch.get_loops("X")
    with pytest.raises(ScheduleError, match="a value of its own at the same place"):
        sch.bind(i, "threadIdx.x")
    sch.set_scope("X", 0, "local")
    sch.bind(i, "threadIdx.x")
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    for step in (sch.set_scope, sch.cache_write):
        with pytest.raises(ScheduleError, match="a value of its own at the same place"):
            step("X", 0, "shared")
    sch.bind(i, "blockIdx.x")
    sch.set_scope("X", 0, "shared")
    sch.verify(trials=1, backend="interpreter", sanitize=True)


@pytest.mark.parametrize(
    "place,value,legal",
    [("vi // 2", "vi", False), ("vi % 4", "vi", False), ("vi // 2", "vi // 2", True), ("vi * 5 % 8", "vi", True)],
)
def test_threads_that_share_memory_do_not_share_places(place: str, value: str, legal: bool) -> None:
    func = tensorir.parse(f"""
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    X = T.alloc_buffer((8,), "float32", scope="shared")
    for i in range(8):
        with T.block("X"):
            vi = T.axis.spatial(8, i)
            X[{place}] = A[{value}]
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = X[{place}]
""")
    sch = Schedule(func, seed=0)
    (loop,) = sch.get_loops("X")
    if legal:
        sch.bind(loop, "threadIdx.x")
        sch.verify(trials=1, backend="interpreter", sanitize=True)
    else:
        with pytest.raises(ScheduleError, match="a value of its own at the same place"):
            sch.bind(loop, "threadIdx.x")
