"""Reductions across threads: what each thread does, shuffles, shared memory between warps; any reducer, any extent."""

from __future__ import annotations

import numpy as np
import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.codegen.lower import lower
from tensorir.codegen.passes.lower_cross_thread_reduction import lower_cross_thread_reduction
from tensorir.script import workloads
from tensorir.tir.errors import LowerError
from tensorir.tir.expr import Call
from tensorir.tir.stmt import Allocate, Block
from tensorir.tir.visit import walk

from ..cuda.stages import GPU, arguments, every_stage
from .test_thread_sync import assert_barriers_are_needed, barriers

SUM = """
@T.prim_func
def main(X: T.Buffer((4, {n}), "{dtype}"), Y: T.Buffer((4,), "{dtype}")):
    for i, k in T.grid(4, {n}):
        with T.block("Y"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                Y[vi] = {init}
            Y[vi] = {update}
"""

REDUCERS = {
    "sum": ("float32", "T.float32(0)", "Y[vi] + X[vi, vk]"),
    "sum that starts elsewhere": ("int32", "7", "Y[vi] + X[vi, vk]"),
    "product": ("float64", "T.float64(1)", "Y[vi] * X[vi, vk]"),
    "max": ("float16", 'T.min_value("float16")', "T.max(Y[vi], X[vi, vk])"),
    "min": ("int8", 'T.max_value("int8")', "T.min(X[vi, vk], Y[vi])"),
    "bits": ("bool", "T.bool(True)", "Y[vi] and X[vi, vk]"),
}


def bound(func, n, rows, threads, name):
    sch = tensorir.Schedule(func)
    i, k = sch.get_loops(name)
    i0, i1 = sch.split(i, [None, rows])
    _, k1 = sch.split(k, [None, threads])
    sch.bind(i0, "blockIdx.x")
    sch.bind(i1, "threadIdx.y")
    sch.bind(k1, "threadIdx.x")
    return sch


@pytest.mark.parametrize("name", REDUCERS)
def test_any_reducer(name):
    dtype, init, update = REDUCERS[name]
    func = tensorir.parse(SUM.format(n=48, dtype=dtype, init=init, update=update))
    every_stage(bound(func, 48, 2, 16, "Y").func, func)


@pytest.mark.parametrize("n, rows, threads", [
    (64, 4, 16), (64, 1, 64), (50, 1, 25), (70, 1, 70), (60, 2, 12), (33, 2, 64), (7, 1, 20), (96, 2, 32), (64, 2, 64),
])  # fmt: skip
@pytest.mark.parametrize("workload, block", [("row_sum", "Y"), ("argmax", "")])
def test_any_extent(workload, block, n, rows, threads):
    func = getattr(workloads, workload)(4, n)
    names = [b.name_hint for b in walk(func.body) if isinstance(b, Block) and b is not func.root]
    every_stage(bound(func, n, rows, threads, block or names[0]).func, func)


def test_axes_that_are_no_neighbours():
    func = tensorir.parse(SUM.format(n=24, dtype="float32", init="T.float32(0)", update="Y[vi] + X[vi, vk]"))
    sch = tensorir.Schedule(func)
    i, k = sch.get_loops("Y")
    k0, k1 = sch.split(k, [None, 6])
    sch.bind(i, "threadIdx.x")
    sch.bind(k1, "threadIdx.y")
    every_stage(sch.func, func)


def test_the_blocks_it_makes():
    func = workloads.row_sum(4, 64)
    out = lower_cross_thread_reduction(bound(func, 64, 1, 32, "Y").func, GPU)
    names = [b.name_hint for b in walk(out.body) if isinstance(b, Block)]
    for part in ("Y_in_thread_init", "Y_in_thread", "Y_cross_thread", "Y_write_back"):
        assert part in names
    (call,) = (n for n in walk(out.body) if isinstance(n, Call) and n.op.name == "tvm_thread_allreduce")
    assert call.args[0].value == 1


def test_a_reduction_across_threads_that_holds_more_is_refused():
    func = workloads.row_sum(4, 64)
    sch = tensorir.Schedule(func)
    i, k = sch.get_loops("Y")
    sch.bind(k, "threadIdx.x")
    sch.reorder(k, i)
    with pytest.raises(LowerError, match="inside of the loops"):
        lower(sch.func, GPU)


@pytest.mark.parametrize("threads", [8, 25])
def test_a_loop_that_reduces_and_decides_where_to_is_refused(threads):
    sch = tensorir.Schedule(workloads.matmul(2, 5, 5))
    i, j, k = sch.get_loops("C")
    sch.bind(i, "blockIdx.x")
    sch.bind(sch.split(sch.fuse(j, k), [None, threads])[1], "threadIdx.z")
    with pytest.raises(LowerError, match=r"decides as well which element is reduced to: vj = .*//") as error:
        lower(sch.func, GPU)
    assert "fuse those apart" in error.value.hint


@pytest.mark.parametrize("name, sign", [("max", -1), ("min", 1)])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_an_extreme_without_an_init_is_of_values_alone(name, sign, dtype):
    func = tensorir.parse(f"""
@T.prim_func
def main(X: T.Buffer((4, 8), "{dtype}"), Y: T.Buffer((4,), "{dtype}")):
    for i in T.thread_binding(4, thread="blockIdx.x"):
        for k0 in range(4):
            for k1 in T.thread_binding(2, thread="threadIdx.x"):
                with T.block("Y"):
                    vi = T.axis.spatial(4, i)
                    vk = T.axis.reduce(8, k0 * 2 + k1)
                    Y[vi] = T.{name}(Y[vi], X[vi, vk])
""")
    x = (sign * (np.arange(32).reshape(4, 8) + 1)).astype(dtype)
    y = (sign * np.array([9, 10, 99, 98])).astype(dtype)
    want = getattr(np, f"{name}imum")(getattr(x, name)(1), y)
    tensorir.build(func, "cuda-emulator")(x, y)
    assert np.array_equal(y, want)


def test_a_choice_without_an_init_is_refused():
    sch = tensorir.Schedule(workloads.argmax(5, 1))
    i, k = sch.get_loops("argmax")
    sch.bind(i, "blockIdx.x")
    sch.bind(k, "threadIdx.z")
    sch.decompose_reduction("argmax", i)
    with pytest.raises(LowerError, match="has no init, so it is not known what a thread starts from"):
        lower(sch.func, GPU)


def test_a_loop_fused_with_one_of_a_single_iteration_reduces_alone():
    func = workloads.matmul(3, 1, 9)
    sch = tensorir.Schedule(func)
    i, j, k = sch.get_loops("C")
    sch.bind(i, "blockIdx.x")
    sch.bind(sch.split(sch.fuse(j, k), [None, 4])[1], "threadIdx.x")
    every_stage(sch.func, func)


def test_virtual_threads_that_each_reduce():
    func = tensorir.parse(SUM.format(n=12, dtype="float32", init="T.float32(0)", update="Y[vi] + X[vi, vk]"))
    sch = tensorir.Schedule(func)
    i, k = sch.get_loops("Y")
    _, inner = sch.split(k, [None, 8])
    sch.bind(i, "vthread.x")
    sch.bind(inner, "threadIdx.x")
    every_stage(sch.func, func)


IN_A_LOOP = """
@T.prim_func
def main(A: T.Buffer((3, {n}, {m}), "int32"), B: T.Buffer((3, {n}, {m}), "int32")):
    for u in T.thread_binding({m}, thread="threadIdx.y"):
        for t in T.thread_binding({n}, thread="threadIdx.x"):
            total = T.alloc_buffer((1,), "int32", scope="local")
            for k in range(3):
                with T.attr(T.comm_reducer(lambda x, y: x + y, [0]), "reduce_scope", {scope}):
                    T.tvm_thread_allreduce(1, A[k, t, u], True, total[0], {over})
                if {scope} == 0 or {over} == 0:
                    B[k, t, u] = total[0] + A[k, t, u]
"""
COUNTS = [
    (3, 2, "u", "all", 3), (3, 2, "u", "first", 2), (2, 3, "u", "all", 3), (2, 3, "u", "first", 2),
    (2, 8, "u", "all", 5), (2, 8, "u", "first", 4), (64, 1, "t", "all", 2), (40, 1, "t", "first", 2),
    (8, 2, "t", "all", 0),
]  # fmt: skip


@pytest.mark.parametrize("n, m, over, who, count", COUNTS)
def test_barriers_of_reductions_in_a_loop_are_needed(n, m, over, who, count):
    func = tensorir.parse(IN_A_LOOP.format(n=n, m=m, over=over, scope=int(who == "first")))
    out = lower(func, GPU)
    assert len(barriers(out)) == count
    a = np.arange(3 * n * m, dtype="int32").reshape(3, n, m)
    assert_barriers_are_needed(out, [a, np.zeros_like(a)])


def test_no_barrier_stands_before_memory_that_a_reduction_s_own_has_ordered():
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((64,), "int32"), B: T.Buffer((64,), "int32")):
    for t in T.thread_binding(64, thread="threadIdx.x"):
        total = T.alloc_buffer((1,), "int32", scope="local")
        S = T.alloc_buffer((64,), "int32", scope="shared")
        S[t] = A[t]
        with T.attr(T.comm_reducer(lambda x, y: x + y, [0]), "reduce_scope", 0):
            T.tvm_thread_allreduce(1, A[t], True, total[0], t)
        B[t] = total[0] + S[63 - t]
""")
    out = lower(func, GPU)
    assert len(barriers(out)) == 1
    assert_barriers_are_needed(out, arguments(func))


def test_a_barrier_of_warps_is_none_for_a_reduction_by_shared_memory():
    """Between the turns of the loop, all threads of the block have to wait."""
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((3, 64), "int32"), B: T.Buffer((3, 64), "int32")):
    for t in T.thread_binding(64, thread="threadIdx.x"):
        total = T.alloc_buffer((1,), "int32", scope="local")
        for k in range(3):
            T.tvm_storage_sync("warp")
            with T.attr(T.comm_reducer(lambda x, y: x + y, [0]), "reduce_scope", 0):
                T.tvm_thread_allreduce(1, A[k, t], True, total[0], t)
            B[k, t] = total[0]
""")
    out = lower(func, GPU)
    assert [str(b.args[0].value) for b in barriers(out)].count("shared") == 2
    a, b = np.arange(192, dtype="int32").reshape(3, 64), np.zeros((3, 64), "int32")
    tensorir.build(func, "cuda-emulator")(a, b)
    np.testing.assert_array_equal(b, np.broadcast_to(a.sum(1, keepdims=True), b.shape))


def test_a_total_that_all_have_is_stored_by_the_first_to_memory_they_share():
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((64,), "int32"), B: T.Buffer((64,), "int32")):
    for t in T.thread_binding(64, thread="threadIdx.x"):
        total = T.alloc_buffer((1,), "int32", scope="local")
        S = T.alloc_buffer((1,), "int32", scope="shared")
        with T.attr(T.comm_reducer(lambda x, y: x + y, [0]), "reduce_scope", 0):
            T.tvm_thread_allreduce(1, A[t], True, total[0], t)
        S[0] = total[0]
        B[t] = S[0]
""")
    a, b = np.arange(64, dtype="int32"), np.zeros(64, "int32")
    tensorir.build(func, "cuda-emulator")(a, b)
    np.testing.assert_array_equal(b, np.full(64, a.sum()))


@pytest.mark.parametrize("turns, comes", [
    ("range(N[0])", True), ("range(N[t])", False), ("range(n[0])", False), ("range(t, 40)", False),
])  # fmt: skip
def test_all_come_as_often_where_threads_do_not_differ_in_the_turns(turns, comes):
    func = tensorir.parse(f"""
@T.prim_func
def main(A: T.Buffer((40,), "int32"), N: T.Buffer((40,), "int32"), B: T.Buffer((40,), "int32")):
    for t in T.thread_binding(40, thread="threadIdx.x"):
        total = T.alloc_buffer((1,), "int32", scope="local")
        n = T.alloc_buffer((1,), "int32", scope="local")
        n[0] = N[t]
        B[t] = 0
        for k in {turns}:
            with T.attr(T.comm_reducer(lambda x, y: x + y, [0]), "reduce_scope", 0):
                T.tvm_thread_allreduce(1, A[t] + k, True, total[0], t)
            B[t] = B[t] + total[0]
""")
    if not comes:
        with pytest.raises(LowerError, match=r"not all (of them|threads)"):
            lower(func, GPU)
        return
    a, n, b = np.arange(40, dtype="int32"), np.full(40, 3, "int32"), np.zeros(40, "int32")
    tensorir.build(func, "cuda-emulator")(a, n, b)
    np.testing.assert_array_equal(b, np.full(40, 3 * a.sum() + 3 * 40))


def test_what_nobody_reads_is_not_reduced():
    """A loop is cut where a condition changes; past it there is no store of the total, so no need for it either."""
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((64,), "int32"), B: T.Buffer((64,), "int32")):
    for t in T.thread_binding(64, thread="threadIdx.x"):
        total = T.alloc_buffer((1,), "int32", scope="local")
        part = T.alloc_buffer((1,), "int32", scope="local")
        part[0] = A[t]
        part[0] = part[0] + 1
        with T.attr(T.comm_reducer(lambda x, y: x + y, [0]), "reduce_scope", 0):
            T.tvm_thread_allreduce(1, part[0], True, total[0], t)
        B[t] = A[t]
""")
    out = lower(func, GPU)
    assert not barriers(out) and not [n for n in walk(out.body) if isinstance(n, Allocate)]
    every_stage(func, func)


TOTAL = """
@T.prim_func
def main(A: T.Buffer(({n},), "int32"), B: T.Buffer(({n},), "int32")):
    for t in T.thread_binding({n}, thread="threadIdx.x"):
        total = T.alloc_buffer((1,), "int32", scope="local")
        with T.attr(T.comm_reducer(lambda x, y: x + y, [0]), "reduce_scope", 0):
            T.tvm_thread_allreduce(1, A[t], True, total[0], t)
        B[t] = total[0] * 2 + t
"""


@pytest.mark.parametrize("n", [1, 3, 32, 33, 40, 257])
def test_every_thread_gets_the_total_though_the_last_warp_is_not_full(n):
    func = tensorir.parse(TOTAL.format(n=n))
    a, b = np.arange(n, dtype="int32"), np.zeros(n, "int32")
    for run in (lambda: tensorir.build(func, "cuda-emulator")(a, b), lambda: interpreter.run(func, a, b)):
        b[:] = 0
        run()
        np.testing.assert_array_equal(b, a.sum() * 2 + np.arange(n))


def test_an_axis_of_one_thread_reduces_nothing():
    func = workloads.row_sum(3, 4)
    sch = tensorir.Schedule(func)
    _, k = sch.get_loops("Y")
    _, inner = sch.split(k, [None, 1])
    sch.bind(inner, "threadIdx.z")
    sch.decompose_reduction("Y", sch.get_loops("Y")[1])
    every_stage(sch.func, func)


def test_a_total_in_memory_of_each_thread_is_every_thread_s():
    func = tensorir.parse("""
@T.prim_func
def main(X: T.Buffer((4, 8), "float32"), Y: T.Buffer((4, 8), "float32")):
    for i in T.thread_binding(4, thread="threadIdx.y"):
        with T.block("row"):
            vi = T.axis.spatial(4, i)
            total = T.alloc_buffer((1,), "float32", scope="local")
            for k in T.thread_binding(8, thread="threadIdx.x"):
                with T.block("total"):
                    vk = T.axis.reduce(8, k)
                    with T.init():
                        total[0] = T.float32(0)
                    total[0] = total[0] + X[vi, vk]
            for k in T.thread_binding(8, thread="threadIdx.x"):
                with T.block("Y"):
                    vk = T.axis.spatial(8, k)
                    Y[vi, vk] = X[vi, vk] - total[0]
""")
    every_stage(func, func)


def test_what_differs_between_threads_is_not_taken_for_a_total():
    func = tensorir.parse("""
@T.prim_func
def main(X: T.Buffer((8,), "float32"), Y: T.Buffer((8,), "float32")):
    for b in T.thread_binding(1, thread="blockIdx.x"):
        with T.block("all"):
            vb = T.axis.spatial(1, b)
            last = T.alloc_buffer((1,), "float32", scope="local")
            for k in T.thread_binding(8, thread="threadIdx.x"):
                last[0] = X[k]
            for k in T.thread_binding(8, thread="threadIdx.x"):
                Y[k] = last[0]
""")
    with pytest.raises(LowerError, match="of which each thread has its own"):
        lower(func, GPU)
