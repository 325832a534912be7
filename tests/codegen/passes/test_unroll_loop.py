"""Unrolling, by kind and by pragma, in the program or by the compiler after it."""

from typing import Any

import pytest
from tensorir import lower, parse
from tensorir.codegen.passes.unroll_loop import unroll_loop
from tensorir.codegen.target import as_target
from tensorir.tir.stmt import For, ForKind
from tensorir.tir.visit import walk

from .checks import apply, becomes, floats


def test_copies_define_their_own_variables() -> None:
    becomes(
        unroll_loop,
        """
@T.prim_func
def main(A: T.Buffer((8,), "int32")):
    for i in T.unroll(1, 3):
        x: T.int32 = A[i]
        for j in range(2):
            A[i * 2 + j] = x
""",
        """
@T.prim_func
def main(A: T.Buffer((8,), "int32")):
    with T.LetStmt(A[1]) as x:
        for j in range(2):
            A[T.Mul(1, 2) + j] = x
    y: T.int32 = A[2]
    for j in range(2):
        A[T.Mul(2, 2) + j] = y
""",
        [floats(8).astype("int32")],
    )


PRAGMA = """
@T.prim_func
def main(A: T.Buffer((8, 8), "float32"), n: T.int32):
    for i in T.serial(0, 8, annotations={{{pragmas}}}):
        for j in range(8):
            A[i, j] = A[i, j] + T.float32(1)
    for i in T.{kind}(n):
        A[i, 0] = A[i, 0] * T.float32(2)
"""


@pytest.mark.parametrize(
    "pragmas, kind, loops",
    [
        ("", "serial", ["serial", "serial", "serial"]),
        ('"pragma_auto_unroll_max_step": 7', "serial", ["serial", "serial", "serial"]),
        ('"pragma_auto_unroll_max_step": 8', "serial", ["serial", "serial"]),
        ('"pragma_auto_unroll_max_step": 72', "serial", ["serial"]),
        ('"pragma_auto_unroll_max_step": 72, "pragma_unroll_explicit": 0', "serial", ["unroll", "unroll", "serial"]),
        ("", "unroll", ["serial", "serial", "serial"]),
    ],
)
def test_pragmas(pragmas: str, kind: str, loops: list[str]) -> None:
    program = parse(PRAGMA.format(pragmas=pragmas, kind=kind))
    out = apply(unroll_loop, program, [floats(8, 8), 5])
    assert [n.kind.value for n in walk(out) if isinstance(n, For)] == loops


def test_pragmas_of_blocks() -> None:
    def loops(*pragmas: Any) -> list[ForKind]:
        attributes = ", ".join(f'"{key}": {value}' for key, value in pragmas)
        out = lower(
            parse(f"""
@T.prim_func
def main(A: T.Buffer((8,), "float32")):
    with T.block("root"):
        T.block_attr({{{attributes}}})
        for i in range(8):
            with T.block("A"):
                vi = T.axis.spatial(8, i)
                A[vi] = T.float32(1)
""")
        )
        return [n.kind for n in walk(out) if isinstance(n, For)]

    assert loops() == [ForKind.SERIAL]
    assert loops(("pragma_auto_unroll_max_step", 16)) == []
    assert loops(("pragma_auto_unroll_max_step", 16), ("pragma_unroll_explicit", 0)) == [ForKind.UNROLLED]


def test_a_loop_too_long_to_copy_stays() -> None:
    program = parse("""
@T.prim_func
def main(A: T.Buffer((8,), "float32")):
    for i in T.unroll(100000):
        A[i % 8] = T.float32(1)
""")
    (loop,) = (n for n in walk(unroll_loop(program, as_target("llvm"))) if isinstance(n, For))
    assert loop.kind is ForKind.SERIAL
