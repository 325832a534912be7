"""Calls that are more than a function of numbers: memory, control flow, lanes; every intrinsic is accounted for."""

from __future__ import annotations

import numpy as np
import pytest
from tensorir import build, parse
from tensorir.codegen import interpreter
from tensorir.codegen.intrinsics.composed import COMPOSED
from tensorir.codegen.llvm.intrinsics import _LIBM, _LLVM_FLOAT, RULES
from tensorir.codegen.llvm.stmt import StmtEmitter
from tensorir.tir.errors import LowerError, RunError
from tensorir.tir.op import OPS

from .compilers import needs_compiler

HEAD = """
@T.prim_func
def main(A: T.Buffer((16,), "int32"), F: T.Buffer((16,), "float32"), B: T.Buffer((16,), "int32")):
"""

BODIES = {
    "atomic_add": """
    for i in T.parallel(16):
        B[i] = T.atomic_add(A[i], i)
    for i in range(16):
        F[i] = T.atomic_add(F[i], T.float32(0.5))
""",
    "pointers": """
    C = T.decl_buffer((8,), "int32", data=A.data, elem_offset=4)
    for i in range(8):
        C[i] = C[i] + 1
        B[i] = A[i + 4]
""",
    "break and continue": """
    for i in range(16):
        t = T.alloc_buffer((1,), "int32")
        t[0] = 0
        for j in range(100):
            if j % 2 == 1:
                T.continue_loop()
            if j > A[i]:
                T.break_loop()
            t[0] = t[0] + j
        B[i] = t[0]
""",
    "early return": """
    for i in range(16):
        B[i] = i
        if A[i] == 7:
            T.ret(0)
""",
    "lanes": """
    B[0:4] = T.Shuffle([A[0:4], A[8:12]], [7, 0, 3, 4])
    B[4] = T.vector_reduce_add(A[0:8])
    B[5] = T.vector_reduce_max(A[0:8])
    B[6] = T.vector_reduce_min(A[0:8])
    F[1] = T.vector_reduce_max(F[0:16])
    F[2] = T.vector_reduce_min(F[0:16])
    F[3] = T.vector_reduce_add(F[8:12])
    B[8:16] = T.Ramp(A[0], A[1], 8) + T.Broadcast(A[2], 8)
    F[4:8] = T.Broadcast(T.float32(2), 4) * T.Cast("float32x4", A[4:8])
""",
    "lets": """
    x: T.int32 = A[3] * 2
    for i in range(16):
        y = x + i
        B[i] = T.Let(z * z + y, where={z: y % 5})
""",
    "hints": """
    for i in range(16):
        T.assume(A[i] >= 0)
        T.prefetch(A[i], 0, 3)
        B[i] = T.if_then_else(T.likely(A[i] < 10), A[i], -A[i])
""",
    "guards": """
    for i in range(16):
        B[i] = T.if_then_else(A[i] != 0, 100 // A[i], 0) + T.Cast("int32", i > 2 and A[i - 3] == 7 or i == 0)
""",
    "strings of conditions": """
    for i in T.vectorized(16):
        if A[i] > 3 and A[i] < 11:
            if A[i] == 7:
                B[i] = 1
            else:
                B[i] = A[i] * 2
        elif A[i] == 2:
            B[i] = -1
""",
}


@pytest.mark.parametrize("target", ["llvm", pytest.param("c", marks=needs_compiler)])
def test_what_is_assumed_wrongly_does_no_harm(target):
    """A caller may pass what `T.assume` rules out: it is told where the module is checked, and served elsewhere."""
    func = parse("""
@T.prim_func
def main(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
    for i in range(4):
        T.assume(A[i] == 0)
        B[i] = T.Select(A[i] == 0, 1, 2)
""")
    a, b = np.array([0, 3, 0, 5], "int32"), np.zeros(4, "int32")
    build(func, target)(a, b)
    assert b.tolist() == [1, 2, 1, 2]
    checked = build(func, target, sanitize=True)
    checked(np.zeros(4, "int32"), b)
    with pytest.raises(RunError, match=r"what T\.assume states does not hold"):
        checked(a, b)


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name):
    func = parse(HEAD + BODIES[name].strip("\n"))
    start = [np.arange(16, dtype=np.int32), np.arange(16, dtype=np.float32) * 3 % 17, np.full(16, -9, np.int32)]
    want, got = ([a.copy() for a in start] for _ in range(2))
    interpreter.run(func, *want)
    build(func)(*got)
    for a, b in zip(want, got):
        np.testing.assert_array_equal(a, b)


def test_trap():
    mod = build(parse(HEAD + "    if A[3] == 3:\n        T.trap()\n    B[0] = 1"))
    a, f, b = np.zeros(16, np.int32), np.zeros(16, np.float32), np.zeros(16, np.int32)
    mod(a, f, b)
    assert b[0] == 1
    a[3] = 3
    with pytest.raises(RunError, match="trap"):
        mod(a, f, b)


# What only has a meaning among the threads of a GPU, or for Python.
ELSEWHERE = {
    "tvm_storage_sync", "tvm_thread_allreduce", "tvm_warp_activemask", "tvm_warp_shuffle", "tvm_warp_shuffle_down",
    "tvm_warp_shuffle_up", "tvm_fill_fragment", "tvm_load_matrix_sync", "tvm_mma_sync", "tvm_store_matrix_sync",
    "ptx_cp_async", "ptx_commit_group", "ptx_wait_group", "ptx_init_barrier_thread_count", "ptx_wait_barrier",
    "ptx_arrive_barrier_expect_tx", "ptx_cp_async_bulk_tensor", "ptx_wgmma_mma_async", "ptx_wgmma_fence",
    "ptx_wgmma_commit_group", "ptx_wgmma_wait_group", "lane_load_matrix", "lane_mma", "call_packed", "vscale",
}  # fmt: skip


def test_every_intrinsic_has_code_or_is_refused():
    control = {name.removeprefix("control_") for name in vars(StmtEmitter) if name.startswith("control_")}
    inside = {"type_annotation"}
    here = {*RULES, *_LIBM, *_LLVM_FLOAT, *COMPOSED, *control, *inside}
    unknown = [name for name in OPS if name not in here | ELSEWHERE]
    assert not unknown, f"intrinsics that are neither: {unknown}"
    assert not here & ELSEWHERE


@pytest.mark.parametrize("call", ('T.call_packed("int32", "f", A[0])', "T.vscale()", "T.tvm_warp_activemask()"))
def test_what_has_no_code_is_refused(call):
    with pytest.raises(LowerError, match="has no code for this target"):
        build(parse(HEAD + f'    B[0] = T.Cast("int32", {call})'))
