"""Common subexpressions get a name where they are needed first."""

import pytest
from hypothesis import given, settings
from tensorir import lower, parse
from tensorir.codegen.passes.common_subexpr_elim import common_subexpr_elim, eliminate
from tensorir.codegen.target import Target
from tensorir.tir.function import PrimFunc

from ...strategies import arrays_for, programs
from .checks import apply, becomes, floats


def step(func: PrimFunc, target: Target) -> PrimFunc:
    """The pass for any target."""
    return eliminate(func)


def test_an_index_is_computed_once() -> None:
    becomes(
        step,
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i, j in T.grid(4, 8):
        A[(i * 8 + j) * 2] = B[(i * 8 + j) * 2]
        A[(i * 8 + j) * 2 + 1] = T.float32(0)
""",
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i, j in T.grid(4, 8):
        cse: T.int32 = (i * 8 + j) * 2
        A[cse] = B[cse]
        A[cse + 1] = T.float32(0)
""",
        [floats(64), floats(64)],
    )


def test_nested_ones_and_the_innermost_place() -> None:
    becomes(
        step,
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32"), n: T.int32):
    A[0] = T.float32(1)
    for i in range(4):
        if i < n:
            A[i * 8 + n] = T.float32(2)
            B[(i * 8 + n) % 5] = T.float32(3)
        else:
            B[(i * 8 + n) % 5 + 1] = T.float32(4)
""",
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32"), n: T.int32):
    A[0] = T.float32(1)
    for i in range(4):
        x: T.int32 = i * 8 + n
        y: T.int32 = x % 5
        if i < n:
            A[x] = T.float32(2)
            B[y] = T.float32(3)
        else:
            B[y + 1] = T.float32(4)
""",
        [floats(64), floats(64), 3],
    )


def test_a_definition_stands_before_the_first_use() -> None:
    becomes(
        step,
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), x: T.float32):
    A[0] = T.float32(1)
    A[1] = T.exp(x + T.float32(1))
    A[2] = T.float32(3)
    A[3] = T.exp(x + T.float32(1)) * x
""",
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), x: T.float32):
    A[0] = T.float32(1)
    y: T.float32 = T.exp(x + T.float32(1))
    A[1] = y
    A[2] = T.float32(3)
    A[3] = y * x
""",
        [floats(8), 0.5],
    )


@pytest.mark.parametrize(
    "expression",
    (
        "A[i + 1] * T.float32(2)",  # memory may change between
        'T.Cast("float32", 8 // n)',  # it may fault
        'T.Cast("float32", i)',  # it is too cheap
    ),
)
def test_what_stays(expression: str) -> None:
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer((9,), "float32"), B: T.Buffer((9,), "float32"), n: T.int32):
    for i in range(8):
        A[i] = {expression}
        B[i] = {expression}
""")
    assert apply(step, program, [floats(9), floats(9), 3]) is program


def test_llvm_sees_the_expressions() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((64,), "float32")):
    for i in range(4):
        A[i * 8 % 7] = T.float32(0)
        A[i * 8 % 7 + 1] = T.float32(0)
""")
    assert common_subexpr_elim(program, Target("llvm")) is program
    assert common_subexpr_elim(program, Target("c")) is not program


@given(programs())
@settings(max_examples=40, deadline=None)
def test_random_programs_compute_the_same(program: PrimFunc) -> None:
    apply(step, lower(program, until="flatten_buffer"), arrays_for(program))


def test_what_mentions_a_variable_of_an_expression_stays_inside_it() -> None:
    text = """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(8):
        B[i] = T.Let((t * t + t) * (t * t + t), where={t: A[i]})
"""
    becomes(step, text, text, [floats(8), floats(8)])
