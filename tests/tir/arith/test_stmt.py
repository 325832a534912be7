"""Simplification of statements: as text, and with the same results."""

from __future__ import annotations

import numpy as np
import pytest
from tensorir.codegen.interpreter import run
from tensorir.script import parse
from tensorir.tir.arith import Analyzer
from tensorir.tir.expr import Var
from tensorir.tir.function import PrimFunc
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.stmt import Evaluate, loop

HEADER = '@T.prim_func\ndef main(A: T.Buffer((64,), "int32"), B: T.Buffer((64,), "int32")):\n'


def program(body: str) -> PrimFunc:
    return parse(HEADER + "\n".join("    " + line for line in body.strip("\n").splitlines()) + "\n")


CASES = [
    (
        "indices",
        """
for i, j in T.grid(16, 4):
    B[(i * 4 + j) // 4 * 4 + (i * 4 + j) % 4] = A[i * 4 + j + 0 * i]
""",
        """
for i, j in T.grid(16, 4):
    B[i * 4 + j] = A[i * 4 + j]
""",
    ),
    (
        "guards that always hold",
        """
for i, j in T.grid(16, 4):
    if i * 4 + j < 64:
        B[i * 4 + j] = A[i * 4 + j]
""",
        """
for i, j in T.grid(16, 4):
    B[i * 4 + j] = A[i * 4 + j]
""",
    ),
    (
        "guards that never hold",
        """
for i in range(16):
    if i > 20:
        B[i] = A[i]
    else:
        B[i] = 2
    if i < 0:
        B[0] = 7
""",
        """
for i in range(16):
    B[i] = 2
""",
    ),
    (
        "what a guard says holds inside",
        """
for i in range(16):
    if i < 4:
        B[T.min(i, 10)] = T.Select(i < 8, A[i % 4], 3)
    else:
        B[i] = T.Select(i >= 4, A[i], 3)
""",
        """
for i in range(16):
    if i < 4:
        B[i] = A[i]
    else:
        B[i] = A[i]
""",
    ),
    (
        "loops that never run",
        """
for i in range(16):
    B[i] = A[i]
    for j in range(i - i):
        B[i] = 0
for k in range(0):
    B[k] = 1
""",
        """
for i in range(16):
    B[i] = A[i]
""",
    ),
    (
        "memory may change",
        """
if A[0] > 0:
    B[0] = 1
    A[0] = 0
    if A[0] > 0:
        B[1] = 1
""",
        """
if 1 <= A[0]:
    B[0] = 1
    A[0] = 0
    if 1 <= A[0]:
        B[1] = 1
""",
    ),
    (
        "blocks",
        """
for i, j in T.grid(16, 4):
    with T.block("b"):
        vi = T.axis.spatial(64, i * 4 + j + 0)
        T.where((i * 4 + j < 100) and (i * 4 + j < 60))
        T.reads(A[vi % 64])
        T.writes(B[vi // 1])
        B[vi // 64 + vi] = A[vi % 64]
""",
        """
for i, j in T.grid(16, 4):
    with T.block("b"):
        vi = T.axis.spatial(64, i * 4 + j)
        T.where(i < 15)
        T.reads(A[vi])
        T.writes(B[vi])
        B[vi] = A[vi]
""",
    ),
]


@pytest.mark.parametrize("name,before,after", CASES, ids=[c[0] for c in CASES])
def test_simplified(name: str, before: str, after: str) -> None:
    first = program(before)
    simple = Analyzer().simplify_stmt(first)
    assert_structural_equal(simple, program(after))
    results = []
    for func in (first, simple):
        a = (np.arange(64) * 7 % 11 - 3).astype("int32")
        b = np.full(64, -1, "int32")
        run(func, a, b)
        results.append((a, b))
    for x, y in zip(*results):
        np.testing.assert_array_equal(x, y)


def test_what_is_simple_stays_itself() -> None:
    for _, _, after in CASES:
        func = program(after)
        simple = Analyzer().simplify_stmt(func)
        if "1 <= A[0]" not in after and "T.where" not in after:
            assert simple is func or str(simple) == str(func)


def test_an_unchanged_function_is_returned_as_it_is() -> None:
    func = program(CASES[0][2])
    assert Analyzer().simplify_stmt(func) is func


def test_nothing_left_is_a_statement_that_does_nothing() -> None:
    i = Var("i")
    empty = loop(i, 0, Evaluate(i))
    assert isinstance(Analyzer().simplify_stmt(empty), Evaluate)
