"""Virtual threads are interleaved at statements, barriers done once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import parse
from tensorir.codegen.passes.inject_virtual_thread import inject_virtual_thread
from tensorir.codegen.target import Target
from tensorir.tir.errors import LowerError
from tensorir.tir.expr import Call
from tensorir.tir.stmt import BufferStore
from tensorir.tir.visit import walk

from .checks import apply, becomes, floats


def test_what_differs_is_copied_and_what_does_not_is_done_once() -> None:
    becomes(
        inject_virtual_thread,
        """
@T.prim_func
def main(A: T.Buffer((2, 4, 8), "float32"), B: T.Buffer((2, 4), "float32")):
    for v in T.thread_binding(2, thread="vthread.x"):
        for t in T.thread_binding(4, thread="threadIdx.x"):
            S = T.allocate((4,), "float32", scope="shared")
            L = T.allocate((1,), "float32", scope="local")
            L[0] = T.float32(0)
            for k in range(8):
                T.tvm_storage_sync("shared")
                S[t] = A[0, t, k]
                T.tvm_storage_sync("shared")
                L[0] = L[0] + A[v, t, k] * S[3 - t]
            B[v, t] = L[0]
""",
        """
@T.prim_func
def main(A: T.Buffer((2, 4, 8), "float32"), B: T.Buffer((2, 4), "float32")):
    for t in T.thread_binding(4, thread="threadIdx.x"):
        S = T.allocate((4,), "float32", scope="shared")
        L = T.allocate((2, 1), "float32", scope="local")
        L[0, 0] = T.float32(0)
        L[1, 0] = T.float32(0)
        for k in range(8):
            T.tvm_storage_sync("shared")
            S[t] = A[0, t, k]
            T.tvm_storage_sync("shared")
            L[0, 0] = L[0, 0] + A[0, t, k] * S[3 - t]
            L[1, 0] = L[1, 0] + A[1, t, k] * S[3 - t]
        B[0, t] = L[0, 0]
        B[1, t] = L[1, 0]
""",
    )


def run_equal(text: str, *arrays: object) -> str:
    """The program after the pass as text, after checking that it computes the same."""
    return apply(inject_virtual_thread, parse(text), arrays).script()


def test_buffers_filled_differently_get_a_dimension_also_by_way_of_others() -> None:
    shown = run_equal(
        """
@T.prim_func
def main(A: T.Buffer((3, 4), "float32"), B: T.Buffer((3, 4), "float32")):
    for v in T.thread_binding(3, thread="vthread"):
        X = T.allocate((4,), "float32", scope="local")
        Y = T.allocate((4,), "float32", scope="local")
        Z = T.allocate((4,), "float32", scope="local")
        for i in range(4):
            X[i] = A[v, i]
            Z[i] = T.float32(2)
        for i in range(4):
            Y[i] = X[3 - i] * Z[i]
        for i in range(4):
            B[v, i] = Y[i]
""",
        floats(3, 4),
        floats(3, 4),
    )
    assert shown.count("(3, 4)") == 4
    assert shown.count("Z[i] = ") == 1


def test_conditions_lets_and_loops_that_differ_are_copied_whole() -> None:
    shown = run_equal(
        """
@T.prim_func
def main(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")):
    for v in T.thread_binding(4, thread="vthread.y"):
        x: T.float32 = A[v, 0] * T.float32(3)
        if v < 2:
            B[v, 0] = x
        else:
            B[v, 1] = T.float32(1)
        for k in range(v):
            B[v, k] = B[v, k] + A[v, k]
""",
        floats(4, 4),
        floats(4, 4),
    )
    assert shown.count("A[") == 8


def test_updates_of_outside_memory_are_made_by_each() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((1,), "int32")):
    for v in T.thread_binding(5, thread="vthread.x"):
        T.atomic_add(A[0], 10)
""")
    apply(inject_virtual_thread, program, [np.zeros(1, "int32")])


def test_many_virtual_threads_become_a_loop() -> None:
    shown = run_equal(
        """
@T.prim_func
def main(A: T.Buffer((40,), "float32")):
    for v in T.thread_binding(40, thread="vthread.x"):
        A[v] = A[v] * T.float32(2)
""",
        floats(40),
    )
    assert "for v in range(40)" in shown


def test_nested_virtual_threads() -> None:
    run_equal(
        """
@T.prim_func
def main(A: T.Buffer((2, 3, 4), "float32")):
    for t in T.thread_binding(4, thread="threadIdx.x"):
        S = T.allocate((2, 3, 4), "float32", scope="shared")
        for v in T.thread_binding(2, thread="vthread.x"):
            for w in T.thread_binding(3, thread="vthread.y"):
                S[v, w, t] = A[v, w, t]
                T.tvm_storage_sync("shared")
                A[v, w, t] = S[1 - v, 2 - w, 3 - t]
""",
        floats(2, 3, 4),
    )


@pytest.mark.parametrize(
    "body, message",
    [
        ('if v == 0:\n            T.tvm_storage_sync("shared")', "a barrier stands where virtual threads differ"),
        ("A[v] = T.float32(0)", "its extent is not a constant"),
        (
            "X = T.allocate((4,), 'float32')\n        X[v] = T.float32(0)\n"
            "        T.evaluate(T.call_extern('int32', 'f', X.data))",
            "the pointer of a buffer that differs between virtual threads is passed on",
        ),
    ],
)
def test_refusals(body: str, message: str) -> None:
    extent = "n" if "extent" in message else "4"
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer((4,), "float32"), n: T.int32):
    for v in T.thread_binding({extent}, thread="vthread.x"):
        {body}
""")
    with pytest.raises(LowerError) as caught:
        inject_virtual_thread(program, Target("llvm"))
    assert message in caught.value.message


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_random_bodies_compute_the_same(data: st.DataObject) -> None:
    """Statements over private and shared memory, each phase ended by a barrier."""
    lines = []
    for _ in range(data.draw(st.integers(1, 6))):
        target = data.draw(st.sampled_from(("X[i]", "Y[i]", "S[v, t, i]", "C[v, t, i]")))
        sources = ["A[v, t, i]", "A[0, t, i]", "X[3 - i]", "Y[i]", "T.float32(2)"]
        if not target.startswith("S"):
            sources.append("S[1 - v, 2 - t, i]")
        source = data.draw(st.sampled_from(sources))
        loop = f"                for i in range(4):\n                    {target} = {source} + T.Cast('float32', i)"
        if data.draw(st.booleans()):
            loop = f"                if {data.draw(st.sampled_from(('v == 0', 't < 2')))}:\n    " + loop.replace(
                "\n", "\n    "
            )
        lines += [loop, '                T.tvm_storage_sync("shared")']
    text = f"""
@T.prim_func
def main(A: T.Buffer((2, 3, 4), "float32"), C: T.Buffer((2, 3, 4), "float32")):
    for t in T.thread_binding(3, thread="threadIdx.x"):
        S = T.allocate((2, 3, 4), "float32", scope="shared")
        for v in T.thread_binding(2, thread="vthread.x"):
            X = T.allocate((4,), "float32", scope="local")
            Y = T.allocate((4,), "float32", scope="local")
            for i in range(4):
                X[i] = A[v, t, i]
                Y[i] = A[1, t, i]
                S[v, t, i] = A[v, t, i]
            T.tvm_storage_sync("shared")
            for k in range(2):
{chr(10).join(lines)}
            for i in range(4):
                C[v, t, i] = X[i] + Y[i] * T.float32(3) + S[v, t, i]
"""
    apply(inject_virtual_thread, parse(text), [floats(2, 3, 4), floats(2, 3, 4)])


def test_groups_of_copies_are_counted_once():
    program = parse(
        """
@T.prim_func
def main(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    for v in T.thread_binding(4, thread="vthread.x"):
        B[v] = A[v]
        T.ptx_commit_group()
        T.ptx_wait_group(1)
"""
    )
    out = inject_virtual_thread(program, Target("cuda"))
    assert sum(isinstance(n, Call) for n in walk(out)) == 2
    assert sum(isinstance(n, BufferStore) for n in walk(out)) == 4
