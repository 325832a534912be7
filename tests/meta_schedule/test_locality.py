"""Where stores find their data: what an earlier store of the same loop touched is near, what is far off is fetched."""

from tensorir import Schedule, T, Target
from tensorir.meta_schedule.features import NAMES, program_features
from tensorir.meta_schedule.locality import Since, fetched, footprint, since
from tensorir.meta_schedule.nest import nests
from tensorir.tir.function import PrimFunc


@T.prim_func
def twice(A: T.Buffer((64, 256), "float32"), C: T.Buffer((64, 256), "float32")):
    B = T.alloc_buffer((64, 256), "float32")
    for i, j in T.grid(64, 256):
        with T.block("B"):
            v, w = T.axis.remap("SS", [i, j])
            B[v, w] = A[v, w] + T.float32(1)
    for i, j in T.grid(64, 256):
        with T.block("C"):
            v, w = T.axis.remap("SS", [i, j])
            C[v, w] = B[v, w] * T.float32(2)


ROW = 256 * 4
ALL = 64 * ROW


def fused() -> PrimFunc:
    sch = Schedule(twice)
    sch.compute_at("B", sch.get_loops("C")[0])
    return sch.func


def since_of(function: PrimFunc) -> dict[tuple[str, str], Since]:
    """By the buffer stored to and the buffer touched."""
    found = nests(function)
    table = since(found, [footprint(nest) for nest in found])
    return {
        (nest.store.buffer.name, touch.buffer.name): past
        for nest, row in zip(found, table)
        for touch, past in zip(nest.touches, row)
    }


def test_what_passed_since_a_buffer_was_touched() -> None:
    apart, together = since_of(twice), since_of(fused())
    assert apart["C", "B"] == Since(0, 2 * ALL, True), "all of A and B"
    assert together["C", "B"] == Since(1, 2 * ROW, True), "a row of each"
    for table in (apart, together):
        assert table["B", "A"] == Since(0, 3 * ALL, False), "the whole run before"


def test_what_a_cache_still_holds_is_not_fetched() -> None:
    _, nest = nests(fused())
    (touch,) = (t for t in nest.touches if t.buffer.name == "B")
    near, far = since_of(fused())["C", "B"], since_of(twice)["C", "B"]
    assert fetched(touch, 0, nest.extents, 8 * ROW, near) == 0
    assert fetched(touch, 0, nest.extents, 8 * ROW, far) == ALL
    assert fetched(touch, 0, nest.extents, 2 * ALL, far) == 0


def test_loops_that_change_nothing_show() -> None:
    @T.prim_func
    def sums(A: T.Buffer((32, 64), "float32"), C: T.Buffer((32, 64), "float32")):
        B = T.alloc_buffer((32,), "float32")
        for i, j in T.grid(32, 64):
            for k in range(64):
                with T.block("B"):
                    v, r = T.axis.remap("SR", [i, k])
                    with T.init():
                        B[v] = T.float32(0)
                    B[v] = B[v] + A[v, r]
            with T.block("C"):
                v, w = T.axis.remap("SS", [i, j])
                C[v, w] = A[v, w] / B[v]

    row = dict(zip(NAMES, program_features(sums, Target("llvm"))))
    assert row["store0_repeated"] > 6 and row["store0_repeated_turns"] > 6, "64 times the same sum of 64 turns"
    unrolled = Schedule(sums)
    unrolled.unroll(unrolled.get_loops("B")[-1])
    copied = dict(zip(NAMES, program_features(unrolled.func, Target("llvm"))))
    assert copied["sum_cycles_arithmetic"] < row["sum_cycles_arithmetic"] - 3, "compilers take straight code out"
    assert copied["sum_code"] > row["sum_code"] + 3
