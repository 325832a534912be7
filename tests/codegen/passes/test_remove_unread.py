"""What stays in registers: all that some load, call or condition needs, and nothing else."""

from __future__ import annotations

import pytest
from tensorir import Target, parse
from tensorir.codegen.passes.remove_unread import remove_unread
from tensorir.tir.stmt import Allocate
from tensorir.tir.visit import walk

from ..cuda.stages import GPU

HEAD = """
@T.prim_func
def main(A: T.Buffer((8,), "int32"), B: T.Buffer((8,), "int32")):
    for t in T.thread_binding(8, thread="threadIdx.x"):
        x = T.allocate((2,), "int32", scope="local")
        y = T.allocate((2,), "int32", scope="local")
        S = T.allocate((8,), "int32", scope="shared")
"""

CASES = {
    "a sum that nobody reads": ("S", """
x[0] = 0
for k in range(8):
    x[0] = x[0] + A[k]
B[t] = A[t]
"""),
    "one that feeds another which nobody reads": ("S", """
x[0] = A[t]
y[0] = x[0] + 1
B[t] = A[t]
"""),
    "one that feeds what is read": ("xyS", """
x[0] = A[t]
y[0] = x[0] + 1
B[t] = y[0]
"""),
    "what a condition reads": ("xS", """
x[0] = A[t]
y[0] = A[t]
if x[0] > 3:
    B[t] = 1
"""),
    "what an index reads": ("xS", """
x[0] = A[t]
B[x[0]] = 1
"""),
    "what is reached by a pointer": ("xS", """
x[0] = A[t]
T.evaluate(T.call_extern("int32", "f", x.data))
"""),
    "what comes from a call": ("xS", """
x[0] = T.call_extern("int32", "f", A[t])
y[0] = 1
"""),
    "two that feed each other": ("S", """
x[0] = 1
y[0] = x[0]
x[0] = y[0]
B[t] = A[t]
"""),
    "a total": ("S", """
x[0] = A[t]
with T.attr(T.comm_reducer(lambda a, b: a + b, [0]), "reduce_scope", 0):
    T.tvm_thread_allreduce(1, x[0], True, y[0], t)
B[t] = A[t]
"""),
    "memory that threads share": ("S", """
S[t] = A[t]
"""),
}  # fmt: skip


def program(body: str):
    return parse(HEAD + "".join(f"        {line}\n" for line in body.strip("\n").split("\n")))


@pytest.mark.parametrize("name", CASES)
def test_what_stays(name: str) -> None:
    kept, body = CASES[name]
    out = remove_unread(program(body), GPU)
    assert "".join(n.buffer.name for n in walk(out.body) if isinstance(n, Allocate)) == kept


def test_processors_keep_all() -> None:
    func = program(CASES["a sum that nobody reads"][1])
    assert remove_unread(func, Target("llvm")) is func
