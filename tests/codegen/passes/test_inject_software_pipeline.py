"""Software pipelines compute what the loop computes, and overlap its iterations."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import parse
from tensorir.codegen.passes.inject_software_pipeline import inject_software_pipeline
from tensorir.codegen.target import Target
from tensorir.tir.errors import LowerError
from tensorir.tir.stmt import Block
from tensorir.tir.visit import walk

from .checks import apply, becomes, floats

LOOP = "loop `i` (range(0, 16))"

GPU = Target("cuda", arch="sm_80")


def program(stages: Any, order: Any, extent: Any = 16, more: str = "") -> str:
    """Three statements: two copies and a use, over two buffers of one iteration."""
    return f"""
@T.prim_func
def main(A: T.Buffer((16, 8), "float32"), C: T.Buffer((16, 8), "float32"), n: T.int32):
    for i in T.serial(0, {extent}, annotations={{"software_pipeline_stage": {list(stages)},
                                              "software_pipeline_order": {list(order)}{more}}}):
        with T.block(""):
            T.reads()
            T.writes()
            X = T.alloc_buffer((8,), "float32")
            Y = T.alloc_buffer((8,), "float32")
            with T.block("X"):
                T.reads(A[i, 0:8])
                T.writes(X[0:8])
                for j in range(8):
                    X[j] = A[i, j] + T.float32(1)
            with T.block("Y"):
                T.reads(X[0:8])
                T.writes(Y[0:8])
                for j in range(8):
                    Y[j] = X[7 - j] * T.float32(2)
            with T.block("C"):
                T.reads(X[0:8], Y[0:8])
                T.writes(C[i, 0:8])
                for j in range(8):
                    C[i, j] = X[j] + Y[j]
"""


def test_two_stages() -> None:
    becomes(
        inject_software_pipeline,
        """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    for i in T.serial(0, 16, annotations={"software_pipeline_stage": [0, 1], "software_pipeline_order": [0, 1]}):
        with T.block(""):
            T.reads()
            T.writes()
            X = T.alloc_buffer((1,), "float32")
            with T.block("X"):
                T.reads(A[i])
                T.writes(X[0])
                X[0] = A[i] + T.float32(1)
            with T.block("C"):
                T.reads(X[0])
                T.writes(C[i])
                C[i] = X[0] * T.float32(2)
""",
        """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads()
        T.writes()
        with T.block(""):
            T.reads()
            T.writes()
            X = T.alloc_buffer((2, 1), "float32")
            with T.block("X"):
                T.reads(A[0])
                T.writes(X[0 % 2, 0])
                X[0 % 2, 0] = A[0] + T.float32(1)
            for i in range(1, 16):
                with T.block("X"):
                    T.reads(A[i])
                    T.writes(X[i % 2, 0])
                    X[i % 2, 0] = A[i] + T.float32(1)
                with T.block("C"):
                    T.reads(X[(i - 1) % 2, 0])
                    T.writes(C[i - 1])
                    C[i - 1] = X[(i - 1) % 2, 0] * T.float32(2)
            with T.block("C"):
                T.reads(X[15 % 2, 0])
                T.writes(C[15])
                C[15] = X[15 % 2, 0] * T.float32(2)
""".replace("0 % 2", "T.FloorMod(0, 2)").replace("15 % 2", "T.FloorMod(15, 2)"),
        [floats(16), floats(16)],
    )


def versions(text: str) -> dict[str, int]:
    """How many versions of each buffer of `program` there are."""
    found = {}
    for node in walk(apply(inject_software_pipeline, parse(text))):
        if isinstance(node, Block):
            found.update({b.name: b.shape[0].value if b.ndim == 2 else 1 for b in node.alloc_buffers})
    return found


@pytest.mark.parametrize(
    "stages, order, expected",
    [
        ((0, 0, 0), (0, 1, 2), {"X": 1, "Y": 1}),
        ((0, 0, 1), (0, 1, 2), {"X": 2, "Y": 2}),
        ((0, 1, 2), (0, 1, 2), {"X": 3, "Y": 2}),
        ((0, 0, 1), (1, 2, 0), {"X": 1, "Y": 1}),  # the use comes first, so the copy overwrites what it is done with
        ((0, 3, 3), (0, 1, 2), {"X": 4, "Y": 1}),
    ],
)
def test_versions_are_as_many_as_iterations_in_flight(stages: Any, order: Any, expected: dict[str, int]) -> None:
    assert versions(program(stages, order)) == expected


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_any_legal_pipeline_computes_the_same(data: st.DataObject) -> None:
    stages = [data.draw(st.integers(0, 1))]
    for _ in range(2):
        stages.append(data.draw(st.integers(stages[-1], stages[-1] + 2)))
    # Within a stage the order of the program stays; between stages any order is legal.
    order = sorted(range(3), key=lambda k: (data.draw(st.integers(0, 9)) if len(set(stages)) == 3 else stages[k], k))
    places = [order.index(k) for k in range(3)]
    extent = data.draw(st.sampled_from(("0", "1", "2", "5", "16", "n")))
    for n in (0, 1, 3, 7) if extent == "n" else (0,):
        apply(inject_software_pipeline, parse(program(stages, places, extent)), [floats(16, 8), floats(16, 8), n])


def refusal(text: str) -> str:
    """The message, without the program, with which the pass refuses."""
    with pytest.raises(LowerError) as caught:
        inject_software_pipeline(parse(text), Target("llvm"))
    return caught.value.message


def test_refusals() -> None:
    assert refusal(program((0, 0), (0, 1))) == (
        "loop `i` (range(0, 16)) consists of 3 statements, but 2 stages and 2 places are given\n"
        "  hint: software_pipeline_stage and software_pipeline_order have one entry for each statement of the body"
    )
    assert refusal(program((0, 0, 0), (0, 1, 1))) == f"software_pipeline_order of {LOOP} is not a permutation"
    assert refusal(program((0, -1, 0), (0, 1, 2))) == f"software_pipeline_stage of {LOOP} has a negative entry"
    assert refusal(program((1, 0, 1), (0, 1, 2))) == (
        "block `Y` would run before block `X`, which comes first: both use buffer `X`\n"
        "  hint: give it a later stage, or in the same stage a later place"
    )
    assert refusal(program((0, 0, 0), (1, 0, 2))).startswith("block `Y` would run before block `X`")
    outside = program((0, 0, 1), (0, 1, 2)).replace("Y = T.alloc_buffer", "Z = T.alloc_buffer")
    outside = outside.replace("Y[", "C[i, ").replace("C[i, 0:8], C[i, 0:8]", "C[i, 0:8]")
    assert refusal(outside).startswith(f"buffer `C` is used in two stages of {LOOP} but not allocated in its body")
    parallel = program((0, 0, 1), (0, 1, 2)).replace("T.serial", "T.parallel")
    assert refusal(parallel) == "parallel loop `i` (range(0, 16)) is a pipeline but not serial"


def test_asynchronous_stages_commit_and_wait_on_a_gpu() -> None:
    text = program((0, 2, 2), (0, 1, 2), more=', "software_pipeline_async_stages": [0]')
    arrays = [floats(16, 8), floats(16, 8), 0]
    made = apply(inject_software_pipeline, parse(text), arrays, GPU).script()
    # A group a step: two in the prologue, one in the steady loop, two at the end, of no copies.
    assert made.count("T.ptx_commit_group()") == 5
    assert made.count("async_scope") == 3
    # What was begun two steps ago has come when one group is left in flight, wherever there is something to read.
    assert made.count("T.ptx_wait_group(1)") == 3
    # Then all threads wait for each other.
    assert made.count('T.tvm_storage_sync("shared")') == 3
    assert "ptx" not in apply(inject_software_pipeline, parse(text), arrays).script()
    old = Target("cuda", arch="sm_75")
    assert "ptx" not in apply(inject_software_pipeline, parse(text), arrays, old).script()


def test_pointers_into_versions() -> None:
    text = """
@T.prim_func
def main(A: T.Buffer((16,), "float32")):
    for i in T.serial(0, 16, annotations={"software_pipeline_stage": [0, 1], "software_pipeline_order": [0, 1]}):
        with T.block(""):
            T.reads()
            T.writes()
            X = T.alloc_buffer((4,), "float32")
            with T.block("X"):
                T.reads(A[i])
                T.writes(X[0:4])
                X[1] = A[i]
            with T.block("C"):
                T.reads(X[0:4])
                T.writes(A[i])
                T.evaluate(POINTER)
"""
    access = 'T.tvm_access_ptr(T.type_annotation("float32"), X.data, 1, 3, 1)'
    text = text.replace("T.reads(A[i])", "T.reads()").replace("X[1] = A[i]", "X[1] = T.float32(1)")
    shown = apply(inject_software_pipeline, parse(text.replace("POINTER", access))).script()
    assert "X.data, 1 + (i - 1) % 2 * 4, 3, 1" in shown
    assert refusal(text.replace("POINTER", 'T.call_extern("int32", "f", X.data)')).startswith(
        f"the pointer of buffer `X` is passed on in a pipeline, {LOOP}, where each iteration has its own version"
    )
