"""Where buffers are allocated, and how large: the passes that place and compact allocations."""

import numpy as np
import pytest
from tensorir import T, Target, build, lower
from tensorir.codegen.interpreter import run
from tensorir.codegen.passes.compact_buffer_allocation import compact_buffer_allocation
from tensorir.codegen.passes.plan_and_update_buffer_allocation_location import (
    plan_and_update_buffer_allocation_location,
)
from tensorir.tir.errors import LowerError
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import Block
from tensorir.tir.visit import walk

TARGET = Target("llvm")


@T.prim_func
def quotient(a: T.handle, b: T.handle):
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    C = T.alloc_buffer(((n - 1) // 4 + 1, 4), "float32")
    for i in range(n):
        with T.block("C"):
            vi = T.axis.spatial(n, i)
            C[vi // 4, vi % 4] = A[vi]
    for i in range(n):
        with T.block("B"):
            vi = T.axis.spatial(n, i)
            B[vi] = C[vi // 4, vi % 4]


@T.prim_func
def copied_in_parallel(A: T.Buffer((8,), "float32"), B: T.Buffer((4, 8), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i in T.parallel(4):
        with T.block("C"):
            T.reads(A[0:8])
            T.writes(C[0:8])
            for k in range(8):
                C[k] = A[k]
        for j in range(8):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = C[vj]


@T.prim_func
def never_read(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            T.reads(A[vi])
            T.writes(C[vi], B[vi])
            T.block_attr({"buffer_dim_align": [[0, 0, 4, 1], [1, 0, 8, 0]]})
            C[vi] = A[vi]
            B[vi] = A[vi]


def blocks(func: object) -> dict[str, Block]:
    """The blocks of a function by name."""
    return {n.name_hint: n for n in walk(func) if isinstance(n, Block)}  # type: ignore[arg-type]


def test_a_symbolic_extent_is_not_replaced_by_what_its_type_can_hold() -> None:
    (buffer,) = compact_buffer_allocation(quotient, TARGET).root.alloc_buffers
    assert str(buffer.shape[0]) == "(n - 1) // 4 + 1"


def test_a_block_without_iterators_that_declares_its_writes_has_memory_of_its_own() -> None:
    placed = plan_and_update_buffer_allocation_location(copied_in_parallel, TARGET)
    assert placed.root.alloc_buffers == ()


def test_alignments_keep_counting_the_regions_they_are_about() -> None:
    found = blocks(plan_and_update_buffer_allocation_location(never_read, TARGET))
    block = found["B"]
    for which, *_ in block.annotations.get("buffer_dim_align", ()):
        assert which < len(block.writes)


@T.prim_func
def started_and_updated(A: T.Buffer((8,), "float32"), B: T.Buffer((4,), "float32")):
    S = T.alloc_buffer((1,), "float32")
    for i in T.parallel(4):
        with T.block("S_init"):
            vs = T.axis.spatial(1, 0)
            S[vs] = T.float32(0)
        for k in range(8):
            with T.block("S"):
                vs, vk = T.axis.spatial(1, 0), T.axis.reduce(8, k)
                T.reads(S[vs], A[vk])
                T.writes(S[vs])
                S[vs] = S[vs] + A[vk]
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi] = S[0]


@T.prim_func
def summed_up(A: T.Buffer((8,), "float32"), B: T.Buffer((4,), "float32")):
    S = T.alloc_buffer((2,), "float32")
    for i in range(4):
        with T.block("S_init"):
            vs = T.axis.spatial(1, 0)
            S[vs] = T.float32(0)
        for k in range(2):
            with T.block("S"):
                vk = T.axis.spatial(2, k)
                T.where(i > 0 or k < 1)
                T.reads(S[vk], A[vk])
                T.writes(S[vk])
                S[vk] = T.if_then_else(vk < 1, S[vk], T.float32(1)) + A[vk]
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi] = S[0]


def test_what_each_turn_starts_anew_lies_in_the_loop() -> None:
    placed = plan_and_update_buffer_allocation_location(started_and_updated, TARGET)
    assert not blocks(placed)["root"].alloc_buffers
    kept = plan_and_update_buffer_allocation_location(summed_up, TARGET)
    assert [b.name for b in blocks(kept)["root"].alloc_buffers] == ["S"]


def test_an_allocation_does_not_leave_the_block_that_has_it() -> None:
    @T.prim_func
    def main(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4,), "float32")):
        for i in T.thread_binding(4, thread="threadIdx.x"):
            with T.block("row"):
                vi = T.axis.spatial(4, i)
                total = T.alloc_buffer((1,), "float32", scope="local")
                with T.block("start"):
                    total[0] = T.float32(0)
                for j in range(8):
                    with T.block("total"):
                        vj = T.axis.opaque(8, j)
                        T.reads(total[0], A[vi, vj])
                        T.writes(total[0])
                        total[0] = total[0] + A[vi, vj]
                with T.block("B"):
                    B[vi] = total[0]

    placed = plan_and_update_buffer_allocation_location(main, Target("cuda"))
    holders = [n.name_hint for n in walk(placed) if isinstance(n, Block) and n.alloc_buffers]
    assert holders == ["row"]


@T.prim_func
def handed_on(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    state = T.alloc_buffer((9,), "float32")
    now = T.alloc_buffer((8,), "float32")
    for t in range(8):
        with T.block("now"):
            vt = T.axis.spatial(8, t)
            now[vt] = A[vt] + T.if_then_else(vt > 0, state[vt], T.float32(0))
        with T.block("state"):
            vt = T.axis.spatial(8, t)
            state[vt + 1] = now[vt] * T.float32(0.5)
        with T.block("B"):
            vt = T.axis.spatial(8, t)
            B[vt] = state[vt + 1]


def test_what_a_turn_takes_over_from_another_lies_outside_of_the_loop() -> None:
    placed = plan_and_update_buffer_allocation_location(handed_on, TARGET)
    assert [b.name for b in blocks(placed)["root"].alloc_buffers] == ["state"]
    a = np.arange(8, dtype=np.float32)
    want, state = [], 0.0
    for x in a:
        state = (x + state) * 0.5
        want.append(state)
    for target in ("llvm", "c"):
        b = np.empty(8, np.float32)
        build(handed_on, target)(a, b)
        assert np.array_equal(b, np.array(want, np.float32))


@T.prim_func
def summed_by_each(A: T.Buffer((4,), "float32"), B: T.Buffer((6,), "float32")):
    total = T.alloc_buffer((1,), "float32")
    for i in T.parallel(6):
        with T.block("total"):
            vo = T.axis.reduce(1, 0)
            T.reads(A[0:4])
            T.writes(total[0])
            with T.init():
                total[0] = T.float32(0)
            for k in range(4):
                with T.block("add"):
                    vk = T.axis.reduce(4, vo * 4 + k)
                    T.reads(total[0], A[vk])
                    T.writes(total[0])
                    total[0] = total[0] + A[vk]
        with T.block("B"):
            vi = T.axis.spatial(6, i)
            B[vi] = total[0] * T.Cast("float32", vi)


@T.prim_func
def summed_on_by_each(A: T.Buffer((4,), "float32"), B: T.Buffer((6,), "float32")):
    total = T.alloc_buffer((1,), "float32")
    for i in T.parallel(6):
        with T.block("init"):
            T.reads()
            T.writes(total[0])
            total[0] = T.float32(0)
        with T.block("total"):
            vo = T.axis.reduce(1, 0)
            T.reads(total[0], A[0:4])
            T.writes(total[0])
            for k in range(4):
                with T.block("add"):
                    vk = T.axis.reduce(4, vo * 4 + k)
                    T.reads(total[0], A[vk])
                    T.writes(total[0])
                    total[0] = total[0] + A[vk]
        with T.block("B"):
            vi = T.axis.spatial(6, i)
            B[vi] = total[0] * T.Cast("float32", vi)


@pytest.mark.parametrize("program", [summed_by_each, summed_on_by_each])
def test_what_a_block_begins_anew_or_finds_begun_lies_inside_of_the_loops_around_it(program: PrimFunc) -> None:
    placed = plan_and_update_buffer_allocation_location(program, TARGET)
    assert blocks(placed)["root"].alloc_buffers == ()
    a, b = np.arange(4, dtype=np.float32), np.empty(6, np.float32)
    run(placed, a, b, sanitize=True)
    assert np.array_equal(b, 6 * np.arange(6, dtype=np.float32))


@pytest.mark.parametrize("axis", ["blockIdx.x", "threadIdx.x"])
@pytest.mark.parametrize("own", [False, True])
def test_global_memory_lies_outside_of_the_grid_unless_each_iteration_needs_its_own(own: bool, axis: str) -> None:
    """Where each needs its own, the program is what it says, and is refused on a GPU, where there is one for all."""

    @T.prim_func
    def rows(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")):
        row = T.alloc_buffer((4, 8), "float32")
        for i in T.thread_binding(4, thread=axis):
            for j in range(8):
                with T.block("row"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    row[0 if own else vi, vj] = A[vi, vj] * T.float32(2)
            for j in range(8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = row[0 if own else vi, 7 - vj]

    gpu = Target("cuda-emulator")
    placed = plan_and_update_buffer_allocation_location(rows, gpu)
    assert ("row" not in [b.name for b in blocks(placed)["root"].alloc_buffers]) == own
    a, b = np.arange(32, dtype=np.float32).reshape(4, 8), np.empty((4, 8), np.float32)
    run(placed, a, b, sanitize=True)
    assert np.array_equal(b, 2 * a[:, ::-1])
    if own:
        with pytest.raises(LowerError, match="give row the scope 'local' or 'shared'"):
            lower(rows, gpu)
    else:
        lower(rows, gpu)


@T.prim_func
def counted(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
    count = T.alloc_buffer((1,), "int32")
    for i in T.thread_binding(4, thread="blockIdx.x"):
        with T.block("count"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi], count[0])
            T.writes(count[0], B[vi])
            B[vi] = T.atomic_add(count[0], A[vi])


def test_what_blocks_of_threads_count_together_is_one_for_all() -> None:
    placed = plan_and_update_buffer_allocation_location(counted, Target("cuda-emulator"))
    assert [b.name for b in blocks(placed)["root"].alloc_buffers] == ["count"]
