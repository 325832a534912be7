"""Threads that exchange values in the interpreter: barriers, shuffles, allreduce, shared and local memory."""

import numpy as np
import pytest
from tensorir.codegen.interpreter import run
from tensorir.script import tir as T
from tensorir.tir.errors import RunError

N = 64


def numbers(*shape: int) -> np.ndarray:
    """Small integers as float32, whose sums are exact."""
    return np.random.default_rng(0).integers(-9, 9, shape).astype("float32")


def test_a_barrier_orders_what_threads_share() -> None:
    @T.prim_func
    def reverse(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for b in T.thread_binding(4, thread="blockIdx.x"):
            S = T.allocate((16,), "float32", scope="shared")
            for t in T.thread_binding(16, thread="threadIdx.x"):
                S[t] = A[b * 16 + t]
                T.tvm_storage_sync("shared")
                B[b * 16 + t] = S[15 - t]

    a, b = numbers(N), np.zeros(N, "float32")
    run(reverse, a, b, sanitize=True)
    np.testing.assert_array_equal(b, a.reshape(4, 16)[:, ::-1].ravel())


def test_shared_memory_allocated_below_the_thread_loops_is_one_for_all() -> None:
    @T.prim_func
    def rotate(A: T.Buffer((8,), "int32"), B: T.Buffer((8,), "int32")):
        for t in T.thread_binding(8, thread="threadIdx.x"):
            S = T.allocate((8,), "int32", scope="shared")
            L = T.allocate((1,), "int32", scope="local")
            for k in range(3):
                S[t] = A[t] + k
                T.tvm_storage_sync("shared")
                L[0] = S[(t + 1) % 8]
                T.tvm_storage_sync("shared")
            B[t] = L[0]

    a, b = np.arange(8, dtype="int32"), np.zeros(8, "int32")
    run(rotate, a, b, sanitize=True)
    np.testing.assert_array_equal(b, np.roll(a, -1) + 2)


def test_tree_reduction_over_two_axes_of_threads() -> None:
    @T.prim_func
    def total(A: T.Buffer((4, 16), "float32"), B: T.Buffer((4,), "float32")):
        for y in T.thread_binding(4, thread="threadIdx.y"):
            for x in T.thread_binding(16, thread="threadIdx.x"):
                S = T.allocate((4, 16), "float32", scope="shared")
                S[y, x] = A[y, x]
                T.tvm_storage_sync("shared")
                for k in range(4):
                    if x < 8 >> k:
                        S[y, x] = S[y, x] + S[y, x + (8 >> k)]
                    T.tvm_storage_sync("shared")
                if x == 0:
                    B[y] = S[y, 0]

    a, b = numbers(4, 16), np.zeros(4, "float32")
    run(total, a, b, sanitize=True)
    np.testing.assert_array_equal(b, a.sum(axis=1))


def test_thread_loops_below_one_of_the_same_axis_run_the_same_thread() -> None:
    @T.prim_func
    def fetch(A: T.Buffer((8,), "int32"), B: T.Buffer((8,), "int32")):
        for t in T.thread_binding(8, thread="threadIdx.x"):
            S = T.allocate((8,), "int32", scope="shared")
            for u in T.thread_binding(8, thread="threadIdx.x"):
                S[u] = A[u]
            T.tvm_storage_sync("shared")
            for v in T.thread_binding(4, thread="threadIdx.x"):
                S[v + 4] = S[v + 4] * 10
            T.tvm_storage_sync("shared")
            B[t] = S[7 - t]

    a, b = np.arange(8, dtype="int32"), np.zeros(8, "int32")
    run(fetch, a, b, sanitize=True)
    assert b.tolist() == [70, 60, 50, 40, 3, 2, 1, 0]


@pytest.mark.parametrize("kind", ("", "_up", "_down"))
def test_warp_shuffles(kind: str) -> None:
    offset = 5

    @T.prim_func
    def index(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for t in T.thread_binding(64, thread="threadIdx.x"):
            B[t] = T.tvm_warp_shuffle(T.tvm_warp_activemask(), A[t], (t * 3) % 32, 32, 32)

    @T.prim_func
    def up(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for t in T.thread_binding(64, thread="threadIdx.x"):
            B[t] = T.tvm_warp_shuffle_up(T.tvm_warp_activemask(), A[t], offset, 32, 32)

    @T.prim_func
    def down(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for t in T.thread_binding(64, thread="threadIdx.x"):
            B[t] = T.tvm_warp_shuffle_down(T.tvm_warp_activemask(), A[t], offset, 16, 32)

    a, b = numbers(N), np.zeros(N, "float32")
    run({"": index, "_up": up, "_down": down}[kind], a, b)
    lane, warp = np.arange(N) % 32, np.arange(N) // 32 * 32
    source = {
        "": lane * 3 % 32,
        "_up": np.where(lane >= offset, lane - offset, lane),
        "_down": np.where(lane % 16 + offset < 16, lane + offset, lane),
    }[kind]
    np.testing.assert_array_equal(b, a[warp + source])


def test_a_warp_reduces_by_shuffles_in_a_loop() -> None:
    @T.prim_func
    def total(A: T.Buffer((64,), "float32"), B: T.Buffer((2,), "float32")):
        for t in T.thread_binding(64, thread="threadIdx.x"):
            L = T.allocate((1,), "float32", scope="local")
            L[0] = A[t]
            for k in range(5):
                L[0] = L[0] + T.tvm_warp_shuffle_down(T.uint32(0xFFFFFFFF), L[0], 16 >> k, 32, 32)
            if t % 32 == 0:
                B[t // 32] = L[0]

    a, b = numbers(N), np.zeros(2, "float32")
    run(total, a, b, sanitize=True)
    np.testing.assert_array_equal(b, a.reshape(2, 32).sum(axis=1))


def test_allreduce_over_one_axis_of_two() -> None:
    @T.prim_func
    def rows(A: T.Buffer((3, 8), "float32"), B: T.Buffer((3, 8), "float32")):
        for y in T.thread_binding(3, thread="threadIdx.y"):
            for x in T.thread_binding(8, thread="threadIdx.x"):
                R = T.allocate((1,), "float32", scope="local")
                with T.attr(T.comm_reducer(lambda p, q: p + q, [T.float32(0)]), "reduce_scope", T.int32(0)):
                    T.tvm_thread_allreduce(T.uint32(1), A[y, x], x < 7, R[0], x)
                B[y, x] = R[0]

    a, b = numbers(3, 8), np.zeros((3, 8), "float32")
    run(rows, a, b, sanitize=True)
    np.testing.assert_array_equal(b, np.repeat(a[:, :7].sum(axis=1, keepdims=True), 8, axis=1))


def test_allreduce_of_pairs_gives_the_position_of_the_greatest() -> None:
    @T.prim_func
    def argmax(A: T.Buffer((16,), "float32"), P: T.Buffer((1,), "int32"), M: T.Buffer((1,), "float32")):
        for x in T.thread_binding(16, thread="threadIdx.x"):
            I = T.allocate((1,), "int32", scope="local")
            V = T.allocate((1,), "float32", scope="local")
            with T.attr(
                T.comm_reducer(
                    lambda i0, v0, i1, v1: (T.Select(v1 > v0, i1, i0), T.Select(v1 > v0, v1, v0)),
                    [T.int32(-1), T.float32(-1000)],
                ),
                "reduce_scope",
                T.int32(0),
            ):
                T.tvm_thread_allreduce(T.uint32(2), x, A[x], T.bool(True), I[0], V[0], x)
            if x == 3:
                P[0] = I[0]
                M[0] = V[0]

    a, p, m = numbers(16), np.zeros(1, "int32"), np.zeros(1, "float32")
    run(argmax, a, p, m)
    assert (p[0], m[0]) == (a.argmax(), a.max())


def test_virtual_threads_take_part_in_barriers() -> None:
    @T.prim_func
    def swap(A: T.Buffer((2, 4), "int32"), B: T.Buffer((2, 4), "int32")):
        for t in T.thread_binding(4, thread="threadIdx.x"):
            S = T.allocate((2, 4), "int32", scope="shared")
            for v in T.thread_binding(2, thread="vthread.x"):
                S[v, t] = A[v, t]
                T.tvm_storage_sync("shared")
                B[v, t] = S[1 - v, 3 - t]

    a, b = np.arange(8, dtype="int32").reshape(2, 4), np.zeros((2, 4), "int32")
    run(swap, a, b)
    np.testing.assert_array_equal(b, a[::-1, ::-1])


def test_shared_memory_below_virtual_threads_is_one_for_each_of_them() -> None:
    @T.prim_func
    def reverse(A: T.Buffer((2, 3, 4), "int32"), B: T.Buffer((2, 3, 4), "int32")):
        for v in T.thread_binding(2, thread="vthread.x"):
            for w in T.thread_binding(3, thread="vthread.y"):
                for t in T.thread_binding(4, thread="threadIdx.x"):
                    S = T.allocate((4,), "int32", scope="shared")
                    S[t] = A[v, w, t]
                    T.tvm_storage_sync("shared")
                    B[v, w, t] = S[3 - t]

    a, b = np.arange(24, dtype="int32").reshape(2, 3, 4), np.zeros((2, 3, 4), "int32")
    run(reverse, a, b, sanitize=True)
    np.testing.assert_array_equal(b, a[:, :, ::-1])


def test_blocks_meet_at_a_barrier_over_global_memory() -> None:
    @T.prim_func
    def rotate(A: T.Buffer((12,), "int32"), B: T.Buffer((12,), "int32"), C: T.Buffer((12,), "int32")):
        for b in T.thread_binding(3, thread="blockIdx.x"):
            for t in T.thread_binding(4, thread="threadIdx.x"):
                S = T.allocate((4,), "int32", scope="shared")
                S[t] = A[b * 4 + t]
                T.tvm_storage_sync("shared")
                B[b * 4 + t] = S[3 - t]
                T.tvm_storage_sync("global")
                C[b * 4 + t] = B[((b + 1) % 3) * 4 + t]

    a, b, c = np.arange(12, dtype="int32"), np.zeros(12, "int32"), np.zeros(12, "int32")
    run(rotate, a, b, c, sanitize=True)
    np.testing.assert_array_equal(c, np.roll(a.reshape(3, 4)[:, ::-1], -1, axis=0).ravel())


def test_a_barrier_of_each_block_does_not_order_blocks() -> None:
    @T.prim_func
    def rotate(A: T.Buffer((12,), "int32"), C: T.Buffer((12,), "int32")):
        for b in T.thread_binding(3, thread="blockIdx.x"):
            for t in T.thread_binding(4, thread="threadIdx.x"):
                T.tvm_storage_sync("global")
                A[b * 4 + t] = t
                T.tvm_storage_sync("shared")
                C[b * 4 + t] = A[((b + 1) % 3) * 4 + t]

    with pytest.raises(
        RunError,
        match=r"threads of \(blockIdx.x, threadIdx.x\) race for `A\[4\]`: thread \(1, 0\) writes it, thread \(0, 0\)",
    ):
        run(rotate, np.zeros(12, "int32"), np.zeros(12, "int32"), sanitize=True)


def test_warp_memory_is_one_for_each_warp() -> None:
    @T.prim_func
    def reverse(A: T.Buffer((2, 48), "int32"), B: T.Buffer((2, 48), "int32")):
        for y in T.thread_binding(2, thread="threadIdx.y"):
            for x in T.thread_binding(48, thread="threadIdx.x"):
                W = T.allocate((32,), "int32", scope="warp")
                W[(y * 48 + x) % 32] = A[y, x]
                T.tvm_storage_sync("warp")
                B[y, x] = W[31 - (y * 48 + x) % 32]

    a, b = np.arange(96, dtype="int32").reshape(2, 48), np.zeros((2, 48), "int32")
    run(reverse, a, b, sanitize=True)
    np.testing.assert_array_equal(b.ravel(), a.reshape(3, 32)[:, ::-1].ravel())


def test_without_barriers_threads_run_one_after_the_other() -> None:
    @T.prim_func
    def double(A: T.Buffer((8,), "int32")):
        for b in T.thread_binding(2, thread="blockIdx.x"):
            for t in T.thread_binding(4, thread="threadIdx.x"):
                A[b * 4 + t] = A[b * 4 + t] * 2

    a = np.arange(8, dtype="int32")
    run(double, a, sanitize=True)
    assert a.tolist() == list(range(0, 16, 2))


def test_a_meeting_of_a_warp_orders_its_own_threads_only() -> None:
    size = 64

    @T.prim_func
    def reverse(A: T.Buffer((size,), "int32"), B: T.Buffer((size,), "int32")):
        for t in T.thread_binding(size, thread="threadIdx.x"):
            S = T.allocate((size,), "int32", scope="shared")
            S[t] = A[t]
            T.tvm_storage_sync("warp")
            B[t] = S[size - 1 - t]

    a, b = np.arange(size, dtype="int32"), np.zeros(size, "int32")
    with pytest.raises(RunError, match=r"race for `S\[63\]`: thread \(63\) writes it, thread \(0\) reads it"):
        run(reverse, a, b, sanitize=True)

    size = 32

    @T.prim_func
    def reverse_one_warp(A: T.Buffer((size,), "int32"), B: T.Buffer((size,), "int32")):
        for t in T.thread_binding(size, thread="threadIdx.x"):
            S = T.allocate((size,), "int32", scope="shared")
            S[t] = A[t]
            T.tvm_storage_sync("warp")
            B[t] = S[size - 1 - t]

    run(reverse_one_warp, a[:32], b[:32], sanitize=True)
    np.testing.assert_array_equal(b[:32], a[31::-1])


def test_a_barrier_orders_threads_under_a_loop_over_blocks():
    @T.prim_func
    def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for bx in T.thread_binding(2, thread="blockIdx.x"):
            for tx in T.thread_binding(64, thread="threadIdx.x"):
                S = T.allocate((2,), "float32", scope="shared")
                if tx % 32 == 0:
                    S[tx // 32] = A[tx]
                T.tvm_storage_sync("shared")
                if tx // 32 == bx:
                    B[tx] = S[tx % 2]

    a, b = np.arange(64, dtype="float32"), np.zeros(64, "float32")
    run(main, a, b, sanitize=True)
    np.testing.assert_array_equal(b, np.where(np.arange(64) % 2, a[32], a[0]))
