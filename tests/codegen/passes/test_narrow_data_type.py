"""64-bit indices become 32-bit ones where every value fits."""

import numpy as np
import pytest
from tensorir import parse
from tensorir.codegen.passes.narrow_data_type import narrow_data_type

from .checks import apply, becomes, floats


def test_loops_lets_conditions_and_indices() -> None:
    becomes(
        narrow_data_type,
        """
@T.prim_func
def main(A: T.Buffer((T.int64(16), T.int64(8)), "float32"), B: T.Buffer((16, 8), "float32")):
    for i in range(T.int64(16)):
        x: T.int64 = i * T.int64(2) % T.int64(16)
        for j in range(T.int64(8)):
            if i + j < T.int64(20):
                A[x, j] = B[T.Cast("int32", i), T.Cast("int32", j)] * T.Cast("float32", i * j)
""",
        """
@T.prim_func
def main(A: T.Buffer((T.int64(16), T.int64(8)), "float32"), B: T.Buffer((16, 8), "float32")):
    for i in range(16):
        x: T.int32 = i * 2 % 16
        for j in range(8):
            if i + j < 20:
                A[x, j] = B[i, j] * T.Cast("float32", i * j)
""",
        [floats(16, 8), floats(16, 8)],
    )


def test_vectors() -> None:
    becomes(
        narrow_data_type,
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32")):
    for i in range(T.int64(16)):
        A[T.Ramp(i * T.int64(4), T.int64(1), 4)] = T.Broadcast(T.float32(1), 4)
""",
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32")):
    for i in range(16):
        A[T.Ramp(i * 4, 1, 4)] = T.Broadcast(T.float32(1), 4)
""",
        [floats(64)],
    )


@pytest.mark.parametrize(
    "index",
    (
        "i * T.int64(1000000000) // T.int64(1000000000)",  # a step in between does not fit
        "K[i] + T.int64(0) * n",  # what memory holds is not known
        "T.max(T.min(i + n, T.int64(15)), T.int64(0))",  # nor what a parameter is
    ),
)
def test_what_does_not_fit_stays_exact(index: str) -> None:
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer((16,), "float32"), K: T.Buffer((16,), "int64"), n: T.int64):
    for i in range(T.int64(16)):
        A[{index}] = T.Cast("float32", i)
""")
    out = apply(narrow_data_type, program, [floats(16), np.arange(16), 3])
    assert "int64(" in out.script().split("A[")[1]


def test_symbolic_extents_stay_wide() -> None:
    program = parse("""
@T.prim_func
def main(a: T.handle):
    n = T.int64()
    A = T.match_buffer(a, (n,), "float32")
    for i in range(n):
        A[i] = T.float32(1)
""")
    assert apply(narrow_data_type, program, [floats(5)]) is program


def test_programs_without_wide_integers_are_left_alone() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((16,), "float32")):
    for i in range(16):
        A[i] = T.float32(1)
""")
    assert narrow_data_type(program, None) is program
