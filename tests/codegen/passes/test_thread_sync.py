"""Barriers: where they are put, and that each is needed: without it the sanitizer sees a race."""

from __future__ import annotations

import numpy as np
import pytest
from tensorir import parse
from tensorir.codegen import interpreter
from tensorir.codegen.lower import lower
from tensorir.codegen.passes.thread_sync import thread_sync
from tensorir.tir.errors import LowerError, RunError
from tensorir.tir.expr import Call, const
from tensorir.tir.stmt import Evaluate
from tensorir.tir.visit import Rewriter, walk

from ..cuda.gpu import blocked_matmul
from ..cuda.stages import GPU, arguments, every_stage

HEAD = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for bx in T.thread_binding(1, thread="blockIdx.x"):
        for tx in T.thread_binding(64, thread="threadIdx.x"):
            S = T.allocate((128,), "float32", scope="shared")
"""

CASES = {
    "a thread reads its own": (0, """
S[tx] = A[tx]
B[tx] = S[tx]
"""),
    "a thread reads another's": (1, """
S[tx] = A[tx]
B[tx] = S[63 - tx]
"""),
    "pairs of one thread": (0, """
S[tx * 2] = A[tx]
S[tx * 2 + 1] = A[tx]
B[tx] = S[tx * 2] + S[tx * 2 + 1]
"""),
    "what is read is written again": (3, """
S[tx] = A[tx]
B[tx] = S[63 - tx]
S[tx] = A[tx] + T.float32(1)
B[tx] = B[tx] + S[63 - tx]
"""),
    "halves that are apart": (1, """
S[tx] = A[tx]
S[tx + 64] = A[tx]
B[tx] = S[63 - tx] + S[127 - tx]
"""),
    "a loop's next iteration": (2, """
B[tx] = T.float32(0)
for k in range(4):
    S[tx] = A[tx]
    B[tx] = B[tx] + S[63 - tx]
"""),
    "two buffers in turns need one": (1, """
B[tx] = T.float32(0)
for k in range(4):
    S[k % 2 * 64 + tx] = A[tx]
    B[tx] = B[tx] + S[k % 2 * 64 + 63 - tx]
"""),
    "one thread writes for all": (1, """
if tx == 0:
    S[0] = A[0]
B[tx] = S[0]
"""),
    "swizzled places": (1, """
S[T.bitwise_xor(tx, tx // 8)] = A[tx]
B[tx] = S[T.bitwise_xor(63 - tx, (63 - tx) // 8)]
"""),
    "swizzled places of its own": (0, """
S[T.bitwise_xor(tx, tx // 8)] = A[tx]
B[tx] = S[T.bitwise_xor(tx, tx // 8)]
"""),
    "vectors": (1, """
if tx < 16:
    S[tx * 4 : tx * 4 + 4] = A[tx * 4 : tx * 4 + 4]
B[tx] = S[tx]
"""),
    "ranges that depend on the loop around": (2, """
for k in range(2):
    if k < 1:
        S[tx] = T.float32(0)
    for r in range(1 - k, 2):
        S[r * 64 + 63 - tx] = A[tx]
B[tx] = S[64 + tx]
"""),
    "vectors of which a mask takes what no other thread touches": (0, """
S.vstore([T.Ramp(tx * 2, 1, 4)], T.Broadcast(A[tx], 4), predicate=T.Ramp(0, 1, 4) < T.Broadcast(2, 4))
B[tx] = S[tx * 2 + 1]
"""),
    "vectors of which a mask takes what others read": (1, """
S.vstore([T.Ramp(tx * 2, 1, 4)], T.Broadcast(A[tx], 4), predicate=T.Ramp(0, 1, 4) < T.Broadcast(2, 4))
B[tx] = S[126 - tx * 2]
"""),
    "a barrier of warps orders nothing else": (3, """
W = T.allocate((64,), "float32", scope="warp")
S[tx] = A[tx]
for k in range(2):
    W[tx % 32] = A[tx]
    B[tx] = W[31 - tx % 32] + S[63 - tx]
"""),
    "a condition that each turn changes": (3, """
S[tx] = T.float32(0)
while S[0] < T.float32(3):
    if tx == 0:
        S[0] = S[0] + T.float32(1)
B[tx] = S[0]
"""),
    "a condition that its branch changes": (2, """
S[tx] = A[tx]
if S[5] < T.float32(9):
    if tx == 5:
        S[5] = T.float32(9)
B[tx] = S[tx]
"""),
    "a barrier that is there": (1, """
S[tx] = A[tx]
T.tvm_storage_sync("shared")
B[tx] = S[63 - tx]
"""),
}  # fmt: skip


def program(body):
    return parse(HEAD + "".join(f"            {line}\n" for line in body.strip("\n").split("\n")))


def barriers(func):
    return [n for n in walk(func.body) if isinstance(n, Call) and n.op.name == "tvm_storage_sync"]


def without(func, number):
    """The function without one of its barriers."""

    class Drop(Rewriter):
        count = -1

        def visit_evaluate(self, node):
            if isinstance(node.value, Call) and node.value.op.name == "tvm_storage_sync":
                self.count += 1
                return Evaluate(const(0)) if self.count == number else node
            return node

    return Drop()(func)


def assert_barriers_are_needed(func, arrays):
    """All is well with every barrier, and a race is seen without any one of them."""
    interpreter.run(func, *[a.copy() for a in arrays], sanitize=True)
    for number in range(len(barriers(func))):
        with pytest.raises(RunError, match=r"race for|nothing has been written"):
            interpreter.run(without(func, number), *[a.copy() for a in arrays], sanitize=True)


@pytest.mark.parametrize("name", CASES)
def test_as_many_as_needed(name):
    count, body = CASES[name]
    out = thread_sync(program(body), GPU)
    assert len(barriers(out)) == count
    arrays = [np.arange(64, dtype="float32"), np.zeros(64, "float32")]
    if count:
        assert_barriers_are_needed(out, arrays)
    else:
        # Some threads' own elements are checked below the sanitizer's view of bound loops: just run it.
        interpreter.run(out, *arrays)


def test_loops_of_one_axis_one_after_the_other():
    func = parse(
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for bx in T.thread_binding(2, thread="blockIdx.x"):
        S = T.allocate((32,), "float32", scope="shared")
        for tx in T.thread_binding(32, thread="threadIdx.x"):
            S[tx] = A[bx * 32 + tx]
        for ty in T.thread_binding(32, thread="threadIdx.x"):
            B[bx * 32 + ty] = S[31 - ty]
"""
    )
    out = every_stage(func, func)
    assert len(barriers(out)) == 1
    assert_barriers_are_needed(out, arguments(func))


def test_a_blocked_matmul():
    sch = blocked_matmul(32, 32, 32)
    out = every_stage(sch.func, sch.original[sch.func_working_on])
    assert len(barriers(out)) == 2
    assert_barriers_are_needed(out, arguments(out))


def test_a_condition_that_differs_and_that_the_turn_before_changes():
    body = """
S[tx] = A[tx]
while S[tx] < T.float32(3):
    S[63 - tx] = T.float32(3)
"""
    with pytest.raises(LowerError, match="not all threads"):
        thread_sync(program(body), GPU)


def test_a_barrier_where_not_all_come():
    body = """
if tx < 32:
    S[tx] = A[tx]
    B[tx] = S[31 - tx]
"""
    with pytest.raises(LowerError, match="not all threads"):
        lower(program(body), GPU)
