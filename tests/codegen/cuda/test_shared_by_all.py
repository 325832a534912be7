"""What threads do alike, and what they must not: copies that every thread would make, memory that many write."""

from __future__ import annotations

import pytest
import tensorir
from tensorir.codegen.lower import lower
from tensorir.codegen.passes.thread_sync import thread_sync
from tensorir.script import workloads
from tensorir.tir.errors import LowerError
from tensorir.tir.stmt import Allocate, For
from tensorir.tir.visit import walk

from .stages import GPU, arguments, close, every_stage


def run(sch: tensorir.Schedule, original: tensorir.PrimFunc) -> tensorir.PrimFunc:
    """Every stage, and the emulator with its checks."""
    out = every_stage(sch.func, original)
    want, got = arguments(original), arguments(original)
    tensorir.build(original, "llvm")(*want)
    tensorir.build(sch, "cuda-emulator")(*got)
    close(want, got)
    return out


def matmul(m: int, n: int, k: int) -> tuple[tensorir.PrimFunc, tensorir.Schedule]:
    func = workloads.matmul(m, n, k)
    return func, tensorir.Schedule(func)


def test_a_copy_that_no_loop_distributes_is_made_by_the_first_thread() -> None:
    func, sch = matmul(3, 3, 2)
    i, j, k = sch.get_loops("C")
    i0, i1 = sch.split(i, [None, 4])
    tile = sch.cache_read("C", 0, "shared")
    for loop, axis in zip((i0, i1, j), ("blockIdx.x", "threadIdx.y", "threadIdx.x")):
        sch.bind(loop, axis)
    sch.compute_at(tile, k)
    run(sch, func)
    text = lower(sch.func, GPU, until=thread_sync.__name__).script()
    assert "if i_1 == 0 and j == 0:" in text or "if j == 0 and i_1 == 0:" in text


def test_a_statement_outside_of_an_axis_is_done_by_its_first_thread_at_every_stage() -> None:
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((4,), "float32"), B: T.Buffer((4, 8), "float32")):
    for ty in T.thread_binding(4, thread="threadIdx.y"):
        S = T.allocate((4,), "float32", scope="shared")
        S[ty] = A[ty]
        T.tvm_storage_sync("shared")
        for tx in T.thread_binding(8, thread="threadIdx.x"):
            B[ty, tx] = S[3 - ty] + T.float32(tx)
""")
    a, b = arguments(func)
    tensorir.codegen.interpreter.run(func, a, b, sanitize=True)
    assert (b[:, 0] == a[::-1]).all()
    every_stage(func, func)


def test_the_mask_of_a_vector_copy_is_taken_lane_by_lane() -> None:
    func = workloads.row_sum(6, 3)
    sch = tensorir.Schedule(func)
    i, _ = sch.get_loops("Y")
    tile = sch.cache_read("Y", 0, "shared")
    sch.bind(i, "blockIdx.x")
    sch.compute_at(tile, i)
    outer, inner = sch.split(sch.get_loops(tile)[-1], [None, 2])
    sch.vectorize(inner)
    sch.bind(outer, "threadIdx.x")
    run(sch, func)


def test_each_block_has_its_dynamic_shared_memory() -> None:
    func = workloads.row_sum(5, 3)
    sch = tensorir.Schedule(func)
    i, _ = sch.get_loops("Y")
    outer, _ = sch.split(i, [None, 3])
    tile = sch.cache_read("Y", 0, "shared.dyn")
    sch.bind(outer, "blockIdx.x")
    sch.compute_at(tile, outer)
    out = run(sch, func)
    (block,) = (n for n in walk(out.body) if isinstance(n, For) and n.thread_binding == "blockIdx.x")
    assert any(isinstance(n, Allocate) and n.buffer.name == "buf_dyn_shmem" for n in walk(block))


@pytest.mark.parametrize("scope", ["shared", "shared.dyn"])
def test_memory_of_each_thread_becomes_one_piece_for_all(scope: str) -> None:
    func, sch = matmul(3, 2, 2)
    i, _, k = sch.get_loops("C")
    tile = sch.cache_read("C", 0, scope)
    outer, inner = sch.split(i, [None, 2])
    sch.bind(outer, "blockIdx.x")
    sch.bind(inner, "threadIdx.y")
    sch.compute_at(tile, k)
    run(sch, func)


def test_threads_that_differ_in_a_condition_still_fill_shared_memory_together() -> None:
    func = workloads.batch_matmul(3, 3, 4, 7)
    sch = tensorir.Schedule(func)
    b, *_, k = sch.get_loops("C")
    tile = sch.cache_read("C", 0, "shared")
    _, b1 = sch.split(b, [None, 5])
    outer, _ = sch.split(k, [None, 20])
    sch.bind(b1, "threadIdx.y")
    sch.compute_at(tile, outer)
    sch.bind(sch.get_loops(tile)[-1], "threadIdx.x")
    run(sch, func)


@pytest.mark.parametrize("scope", ["local", "shared"])
def test_an_intermediate_that_all_threads_compute_is_refused_in_global_memory(scope: str) -> None:
    func = workloads.softmax(4, 5)
    sch = tensorir.Schedule(func)
    *producers, last = sch.get_child_blocks(sch.get_block("root"))
    i, j = sch.get_loops(last)
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    for block in reversed(producers):
        sch.compute_at(block, j)
    with pytest.raises(
        LowerError, match=r"each iteration of .*threadIdx.x, stores to the same elements of max .*global"
    ):
        tensorir.build(sch, "cuda-emulator")
    for block in producers:
        sch.set_scope(block, 0, scope)
    run(sch, func)


def test_all_threads_take_a_total_over_into_memory_of_their_own() -> None:
    func = workloads.row_sum(3, 5)
    sch = tensorir.Schedule(func)
    i, k = sch.get_loops("Y")
    total = sch.cache_write("Y", 0, "local")
    sch.bind(i, "blockIdx.x")
    sch.bind(k, "threadIdx.x")
    sch.reverse_compute_at(total, i)
    run(sch, func)


def test_threads_that_store_different_values_at_one_place_of_shared_memory_are_refused() -> None:
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")):
    X = T.alloc_buffer((8,), "float32", scope="shared")
    for i in T.thread_binding(4, thread="threadIdx.x"):
        for j in range(8):
            with T.block("X"):
                vi, vj = T.axis.remap("SS", [i, j])
                X[vj] = A[vi, vj]
        for j in range(8):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = X[7 - vj]
""")
    with pytest.raises(LowerError, match=r"each thread of .* stores a value of its own at one place"):
        tensorir.build(func, "cuda-emulator")


@pytest.mark.parametrize("axis", ["blockIdx.x", "threadIdx.y"])
def test_what_all_threads_look_up_is_stored_by_one_when_all_have_it(axis: str) -> None:
    func = workloads.argmax(3, 8)
    sch = tensorir.Schedule(func)
    i, _ = sch.get_loops("argmax")
    tile = sch.cache_read("argmax", 0, "shared")
    sch.bind(i, axis)
    sch.compute_at(tile, i)
    sch.bind(sch.get_loops(tile)[-1], "threadIdx.x")
    run(sch, func)


def test_threads_reduce_in_each_thread_of_another_axis() -> None:
    func = workloads.softmax(3, 7)
    sch = tensorir.Schedule(func)
    *producers, last = sch.get_child_blocks(sch.get_block("root"))
    i, j = sch.get_loops(last)
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.z")
    for block in reversed(producers):
        sch.compute_at(block, j)
        sch.set_scope(block, 0, "shared")
    for block in (producers[0], producers[2]):
        _, inner = sch.split(sch.get_loops(block)[-1], [None, 4])
        sch.bind(inner, "threadIdx.x")
    run(sch, func)


def test_a_value_of_each_thread_is_not_taken_for_that_of_all() -> None:
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for t in T.thread_binding(8, thread="threadIdx.x"):
        L = T.allocate((1,), "float32", scope="local")
        S = T.allocate((1,), "float32", scope="shared")
        L[0] = A[t]
        S[0] = L[0]
        B[t] = S[0]
""")
    with pytest.raises(LowerError, match=r"stores a value of its own at one place in the store `S.0. = L.0.`"):
        tensorir.build(func, "cuda-emulator")


def test_global_memory_that_virtual_threads_would_each_need_is_refused():
    sch = tensorir.Schedule(workloads.layer_norm(2, 7))
    i, j = sch.get_loops("Y")
    sch.bind(i, "blockIdx.x")
    for name in ("squares", "centred", "sum"):
        sch.compute_at(name, j)
        sch.set_scope(name, 0, "local")
    copy = sch.cache_read("Y", 0, "shared")
    outer, inner = sch.split(j, [None, 1])
    sch.bind(inner, "threadIdx.x")
    sch.bind(outer, "vthread.x")
    sch.set_scope(copy, 0, "global")
    with pytest.raises(LowerError, match="in global memory, which has them once for all threads"):
        lower(sch.func, GPU)
