"""Loop partition: the hot part of a loop carries no guard."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import lower, parse
from tensorir.codegen.interpreter import run
from tensorir.codegen.passes.loop_partition import loop_partition
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import BufferStore, For, IfThenElse, Stmt
from tensorir.tir.visit import walk

from ...strategies import arrays_for, programs
from .checks import apply, becomes, floats


def test_a_tail_is_split_off() -> None:
    becomes(
        loop_partition,
        """
@T.prim_func
def main(A: T.Buffer((37,), "float32"), B: T.Buffer((37,), "float32")):
    for i, j in T.grid(3, 16):
        if i * 16 + j < 37:
            B[i * 16 + j] = A[i * 16 + j] + T.float32(1)
""",
        """
@T.prim_func
def main(A: T.Buffer((37,), "float32"), B: T.Buffer((37,), "float32")):
    for i, j in T.grid(2, 16):
        B[i * 16 + j] = A[i * 16 + j] + T.float32(1)
    for j in range(5):
        B[j + 32] = A[j + 32] + T.float32(1)
""",
        [floats(37), floats(37)],
    )


def test_the_first_iteration_of_a_reduction_is_peeled() -> None:
    becomes(
        loop_partition,
        """
@T.prim_func
def main(A: T.Buffer((8, 24), "float32"), C: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 24):
        if k == 0:
            C[i] = T.float32(0)
        C[i] = C[i] + A[i, k]
""",
        """
@T.prim_func
def main(A: T.Buffer((8, 24), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        C[i] = T.float32(0)
        C[i] = C[i] + A[i, 0]
        for k in range(1, 24):
            C[i] = C[i] + A[i, k]
""",
        [floats(8, 24), floats(8)],
    )


def test_padding_becomes_three_parts() -> None:
    becomes(
        loop_partition,
        """
@T.prim_func
def main(A: T.Buffer((10,), "float32"), B: T.Buffer((14,), "float32")):
    for i in range(14):
        B[i] = T.if_then_else(2 <= i and i < 12, A[i - 2], T.float32(0))
""",
        """
@T.prim_func
def main(A: T.Buffer((10,), "float32"), B: T.Buffer((14,), "float32")):
    for i in range(2):
        B[i] = T.float32(0)
    for i in range(2, 12):
        B[i] = A[i - 2]
    for i in range(12, 14):
        B[i] = T.float32(0)
""",
        [floats(10), floats(14)],
    )


def test_what_a_condition_takes_of_an_inner_loop_is_bounded_by_its_range() -> None:
    # By the type alone `j // 2 * 4` reaches 2**32 - 4, which is -4 as an int32.
    becomes(
        loop_partition,
        """
@T.prim_func
def main(A: T.Buffer((3, 4), "float32"), B: T.Buffer((3, 4), "float32")):
    for i, j in T.grid(3, 4):
        if i * 8 + j // 2 * 4 < 14:
            B[i, j] = A[i, j]
""",
        """
@T.prim_func
def main(A: T.Buffer((3, 4), "float32"), B: T.Buffer((3, 4), "float32")):
    for i, j in T.grid(2, 4):
        B[i, j] = A[i, j]
""",
        [floats(3, 4), floats(3, 4)],
    )


def test_statements_of_a_parallel_loop_that_ask_nothing_are_not_copied() -> None:
    """The work of a convolution behind its padding would be compiled once for each case of the padding."""
    before = parse("""
@T.prim_func
def main(A: T.Buffer((30,), "float32"), B: T.Buffer((4, 8), "float32")):
    for i in T.parallel(4):
        C = T.allocate((8,), "float32", scope="global")
        for j in range(8):
            C[j] = T.if_then_else(i * 8 + j < 30, A[i * 8 + j], T.float32(0))
        for j in range(8):
            B[i, j] = C[7 - j] * T.float32(2)
""")
    after = apply(loop_partition, before)
    stores = [n.buffer.name for n in walk(after.body) if isinstance(n, BufferStore)]
    assert stores.count("B") == 1 and stores.count("C") > 1
    a, got, want = floats(30), np.zeros((4, 8), "float32"), np.zeros((4, 8), "float32")
    run(before, a, want)
    run(after, a, got)
    np.testing.assert_array_equal(got, want)


def test_a_parallel_loop_stays_whole() -> None:
    becomes(
        loop_partition,
        """
@T.prim_func
def main(A: T.Buffer((37,), "float32"), B: T.Buffer((37,), "float32")):
    for i in T.parallel(3):
        for j in T.vectorized(16):
            if i * 16 + j < 37:
                B[i * 16 + j] = A[i * 16 + j]
""",
        """
@T.prim_func
def main(A: T.Buffer((37,), "float32"), B: T.Buffer((37,), "float32")):
    for i in T.parallel(3):
        if i < 2:
            for j in T.vectorized(16):
                B[i * 16 + j] = A[i * 16 + j]
        else:
            for j in T.vectorized(5):
                B[j + 32] = A[j + 32]
""",
        [floats(37), floats(37)],
    )


def test_a_vectorized_loop_loses_its_idle_lanes() -> None:
    becomes(
        loop_partition,
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), n: T.int32):
    for i in T.vectorized(16):
        if i >= 3 and i < 7 and i < n:
            A[i] = T.float32(1)
    for i in T.vectorized(16):
        if i < n:
            A[i + 16] = T.float32(1)
    for i in T.unroll(8):
        if i * 3 < 7:
            A[i + 32] = T.float32(1)
""",
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), n: T.int32):
    for i in T.vectorized(3, 7):
        if i < n:
            A[i] = T.float32(1)
    for i in T.vectorized(16):
        if i < n:
            A[i + 16] = T.float32(1)
    for i in T.unroll(3):
        A[i + 32] = T.float32(1)
""",
        [floats(64), 5],
    )


SYMBOLIC = """
@T.prim_func
def main(a: T.handle, b: T.handle):
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    for i in range((n + 15) // 16):
        for j in T.vectorized(16):
            if i * 16 + j < n:
                B[i * 16 + j] = A[i * 16 + j] * T.float32(2)
"""


@pytest.mark.parametrize("n", (0, 1, 15, 16, 17, 40))
def test_a_symbolic_extent_has_a_main_loop_without_the_guard(n: int) -> None:
    out = apply(loop_partition, parse(SYMBOLIC), [floats(n), floats(n)])
    first = next(n for n in walk(out) if isinstance(n, For))
    assert not any(isinstance(n, IfThenElse) for n in walk(first))
    assert any(isinstance(n, IfThenElse) for n in walk(out))


@pytest.mark.parametrize("n", (0, 1, 2, 9))
def test_a_symbolic_reduction_is_peeled(n: int) -> None:
    program = parse("""
@T.prim_func
def main(a: T.handle, C: T.Buffer((1,), "float32")):
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    for k in range(n):
        if k == 0:
            C[0] = T.float32(0)
        C[0] = C[0] + A[k]
""")
    out = apply(loop_partition, program, [floats(n), floats(1)])
    assert not any(isinstance(n, IfThenElse) for n in walk(out))


@pytest.mark.parametrize(
    "guard",
    (
        "A[i] < T.float32(0)",  # hangs on memory
        "i * i < 30",  # not linear
        "i % 3 == 0",  # changes too often
        "j < 2",  # does not change in the loop that has it inside
    ),
)
def test_what_cannot_be_decided_stays(guard: str) -> None:
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32"), j: T.int32):
    for i in range(16):
        if {guard}:
            B[i] = A[i]
""")
    assert apply(loop_partition, program, [floats(16), floats(16), 1]) is program


def test_a_let_inside_keeps_the_condition() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((16,), "int32")):
    for i in range(16):
        x: T.int32 = A[i]
        if x + i < 8:
            A[i] = 0
""")
    assert apply(loop_partition, program, [np.arange(16, dtype="int32")]) is program


def test_growth_is_bounded() -> None:
    """Fifteen conditions on each of four loops would give thousands of copies."""
    guards = " and ".join(f"i + j + k + l != {7 * k}" for k in range(3))
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer((20, 20, 20, 20), "int8")):
    for i, j, k, l in T.grid(20, 20, 20, 20):
        if i < 7 and j < 9 and k < 11 and l < 13 and i >= 2 and j >= 3 and k >= 4 and l >= 5 and {guards}:
            A[i, j, k, l] = T.int8(1)
""")
    out = apply(loop_partition, program)
    assert sum(isinstance(n, Stmt) for n in walk(out)) < 2000


@given(programs(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_random_programs_compute_the_same(program: PrimFunc, lowered: bool) -> None:
    apply(loop_partition, lower(program, until="simplify" if lowered else "lower_opaque_block"), arrays_for(program))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(-9, 45), st.sampled_from(("<", "<=", ">", ">=", "==", "!=")))
@settings(max_examples=60, deadline=None)
def test_every_comparison_is_cut_at_the_right_place(extent: int, factor: int, bound: int, relation: str) -> None:
    outer = -(-extent // factor)
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer(({outer}, {factor}), "int32"), B: T.Buffer(({outer}, {factor}), "int32")):
    for i, j in T.grid({outer}, {factor}):
        if i * {factor} + j {relation} {bound}:
            A[i, j] = 1
        B[{outer - 1} - i, j] = T.Select({bound} - i * {factor} - j {relation} 0, 5, 7)
""")
    shape = (outer, factor)
    apply(loop_partition, program, [np.zeros(shape, "int32"), np.zeros(shape, "int32")])
