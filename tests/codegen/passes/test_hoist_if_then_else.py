"""Hoisting: what a loop does not change is decided and computed outside of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from tensorir import lower, parse
from tensorir.codegen.passes.hoist_if_then_else import hoist_if_then_else
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import Stmt
from tensorir.tir.visit import walk

from ...strategies import arrays_for, programs
from .checks import apply, becomes, floats


def test_a_condition_leaves_every_loop_that_does_not_change_it() -> None:
    becomes(
        hoist_if_then_else,
        """
@T.prim_func
def main(A: T.Buffer((8, 8, 8), "float32"), n: T.int32):
    for i, j, k in T.grid(8, 8, 8):
        if i + n < 5:
            A[i, j, k] = T.float32(1)
""",
        """
@T.prim_func
def main(A: T.Buffer((8, 8, 8), "float32"), n: T.int32):
    for i in range(8):
        if i + n < 5:
            for j, k in T.grid(8, 8):
                A[i, j, k] = T.float32(1)
""",
        [floats(8, 8, 8), 2],
    )


def test_both_branches_get_a_loop() -> None:
    becomes(
        hoist_if_then_else,
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), n: T.int32):
    for i in T.parallel(8):
        if n < 5:
            A[i] = T.float32(1)
        else:
            A[i] = T.float32(2)
""",
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), n: T.int32):
    if n < 5:
        for i in T.parallel(8):
            A[i] = T.float32(1)
    else:
        for i in T.parallel(8):
            A[i] = T.float32(2)
""",
        [floats(8), 2],
    )


def test_conditions_inside_expressions_and_beside_other_statements() -> None:
    becomes(
        hoist_if_then_else,
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), n: T.int32):
    for i in range(8):
        B[i] = T.float32(3)
        A[i] = T.if_then_else(n >= 0 and n < 8, B[n], T.float32(0))
""",
        """
@T.prim_func
def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), n: T.int32):
    if 0 <= n:
        if n < 8:
            for i in range(8):
                B[i] = T.float32(3)
                A[i] = B[n]
        else:
            for i in range(8):
                B[i] = T.float32(3)
                A[i] = T.float32(0)
    else:
        for i in range(8):
            B[i] = T.float32(3)
            A[i] = T.float32(0)
""",
        [floats(8), floats(8), 9],
    )


def test_lets_leave_together() -> None:
    becomes(
        hoist_if_then_else,
        """
@T.prim_func
def main(A: T.Buffer((8, 64), "int32")):
    for i, j in T.grid(8, 8):
        x: T.int32 = i * 8
        y: T.int32 = x + 1
        z: T.int32 = y + j
        A[i, z] = x
""",
        """
@T.prim_func
def main(A: T.Buffer((8, 64), "int32")):
    for i in range(8):
        x: T.int32 = i * 8
        y: T.int32 = x + 1
        for j in range(8):
            z: T.int32 = y + j
            A[i, z] = x
""",
    )


@pytest.mark.parametrize(
    "body",
    (
        "if A[0] < 3: A[i] = 1",  # a store may change it
        "if 8 // n < 3: A[i] = 1",  # it may fault where the loop runs no iteration
        "if i < 3: A[i] = 1",
    ),
)
def test_what_stays(body: str) -> None:
    head, statement = body.split(": ")
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer((8,), "int32"), n: T.int32):
    for i in range(8):
        {head}:
            {statement}
""")
    assert apply(hoist_if_then_else, program, [np.zeros(8, "int32"), 4]) is program


def test_growth_is_bounded() -> None:
    tests = "\n".join(f"        if n < {k}:\n            A[i] = {k}" for k in range(30))
    program = parse(f"""
@T.prim_func
def main(A: T.Buffer((8,), "int32"), n: T.int32):
    for i in range(8):
{tests}
""")
    out = apply(hoist_if_then_else, program, [np.zeros(8, "int32"), 7])
    assert sum(isinstance(n, Stmt) for n in walk(out)) < 1500


@given(programs())
@settings(max_examples=40, deadline=None)
def test_random_programs_compute_the_same(program: PrimFunc) -> None:
    apply(hoist_if_then_else, lower(program, until="lower_opaque_block"), arrays_for(program))
