"""Words for nodes in messages, and programs with the culprits underlined."""

import re
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from tensorir.script import render
from tensorir.script.messages import describe, underline
from tensorir.tir import op
from tensorir.tir.buffer import BufferRegion, Range, decl_buffer
from tensorir.tir.dtype import HANDLE
from tensorir.tir.errors import NodeError
from tensorir.tir.expr import TRUE, CommReducer, Expr, Var, const
from tensorir.tir.function import IRModule, PrimFunc
from tensorir.tir.node import Attrs, Node
from tensorir.tir.stmt import (
    AssertStmt,
    Block,
    BlockRealize,
    BufferStore,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    IterType,
    IterVar,
    LetStmt,
    While,
    loop,
    seq,
)
from tensorir.tir.visit import walk

from ..strategies import functions

A, C = decl_buffer((16, 16), "float32", "A"), decl_buffer((16, 16), "float32", "C")
I, J, VI, VJ = Var("i"), Var("j"), Var("vi"), Var("vj")
VALUE = A[VI, VJ] + const(1.0)
STORE = BufferStore(C, VALUE, (VI, VJ))
AXES = tuple(IterVar(Range(const(0), const(16)), v, IterType.SPATIAL) for v in (VI, VJ))
WRITES = (BufferRegion(C, (Range.point(VI), Range.point(VJ))),)
BLOCK = Block(AXES, (), WRITES, "C", STORE)
INNER = loop(J, 16, BlockRealize((I, J), TRUE, BLOCK))
OUTER = loop(I, 16, INNER)
ROOT = Block((), (), (), "root", OUTER)
PARAMS = (Var("a", HANDLE), Var("c", HANDLE))
FUNC = PrimFunc(PARAMS, dict(zip(PARAMS, (A, C))), BlockRealize((), TRUE, ROOT), attrs=Attrs({"global_symbol": "main"}))


def shown(*nodes: Any, root: Node = FUNC) -> str:
    return f"\n{underline(root, nodes)}\n"


def golden(expected: str) -> str:
    return dedent(expected).rstrip(" ")


def test_everything_can_be_underlined() -> None:
    assert shown(INNER, BLOCK, VALUE, A, FUNC, AXES[1]) == golden(
        """
        1  @T.prim_func
        2  def main(A: T.Buffer((16, 16), "float32"), C: T.Buffer((16, 16), "float32")):
               ^^^^ ^
        3      for i, j in T.grid(16, 16):
                      ^
        4          with T.block("C"):
                   ^^^^^^^^^^^^^^^^^^
        5              vi, vj = T.axis.remap("SS", [i, j])
                           ^^
        6              T.reads()
        7              T.writes(C[vi, vj])
        8              C[vi, vj] = A[vi, vj] + T.float32(1)
                                   ^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_an_expression_is_underlined_wherever_it_stands() -> None:
    twice = seq(Evaluate(I + J), BufferStore(A, const(1.0), (I + J, I + J)))
    assert shown(I + J, root=twice) == golden(
        """
        1  T.evaluate(i + j)
                      ^^^^^
        2  A[i + j, i + j] = T.float32(1)
             ^^^^^  ^^^^^
        """
    )


def test_a_broken_line_is_underlined_line_by_line() -> None:
    long: Expr = I
    for k in range(12):
        long = long + (J + 100 * k) * (I + k)
    text = shown(long, root=BufferStore(A, long.astype("float32"), (I, J)))
    assert text.count("^") > 150
    assert all(len(line) < 104 for line in text.splitlines())


def test_long_programs_are_cut_around_the_culprits() -> None:
    stores = [BufferStore(A, const(float(k)), (I, J)) for k in range(60)]
    func = PrimFunc((), {}, loop(I, 16, seq(*stores)))
    assert shown(stores[30], root=func) == golden(
        """
         1  @T.prim_func(private=True)
         2  def main():
            ...
        31          A[i, j] = T.float32(27)
        32          A[i, j] = T.float32(28)
        33          A[i, j] = T.float32(29)
        34          A[i, j] = T.float32(30)
                    ^^^^^^^^^^^^^^^^^^^^^^^
        35          A[i, j] = T.float32(31)
        36          A[i, j] = T.float32(32)
        37          A[i, j] = T.float32(33)
            ...
        """
    )
    assert len(shown(root=func).strip("\n").splitlines()) == 25


def test_a_module_is_underlined_in_the_function_meant() -> None:
    text = shown(BLOCK, root=IRModule({"first": FUNC.with_name("first"), "main": FUNC.with_body(Evaluate(const(0)))}))
    assert text.count("^") == len('with T.block("C"):')


def test_notes_stand_behind_the_carets() -> None:
    text = render(FUNC).underline([INNER, BLOCK], notes=["here", "and here"], numbers=False)
    assert "\n           ^ here\n" in text
    assert "^^^ and here\n" in text


X = Var("x")


@pytest.mark.parametrize(
    "node, words",
    [
        (OUTER, "loop `i` (range(0, 16))"),
        (For(I, const(2), X, ForKind.PARALLEL, STORE), "parallel loop `i` (range(2, 2 + x))"),
        (
            For(I, const(0), const(4), ForKind.THREAD_BINDING, STORE, "threadIdx.x"),
            "loop `i` (range(0, 4), thread threadIdx.x)",
        ),
        (BLOCK, "block `C`"),
        (BlockRealize((), TRUE, BLOCK), "block `C`"),
        (A, "buffer `A`"),
        (X, "variable `x`"),
        (AXES[0], "spatial iterator `vi`"),
        (VALUE, "`A[vi, vj] + T.float32(1)`"),
        (WRITES[0], "`C[vi, vj]`"),
        (Range(X, const(4)), "range(x, x + 4)"),
        (STORE, "the store `C[vi, vj] = A[vi, vj] + T.float32(1)`"),
        (Evaluate(op.call("ret", X)), "the statement `T.ret(x)`"),
        (IfThenElse(X < 3, STORE), "the `if x < 3`"),
        (While(X < 3, STORE), "the `while x < 3`"),
        (LetStmt(X, const(1), STORE), "the binding of `x`"),
        (AssertStmt(X < 3, "no"), 'the assertion `assert x < 3, "no"`'),
        (CommReducer((X,), (I,), (X + I,), (const(0),)), "the reducer `T.comm_reducer(lambda x, i: x + i, [0])`"),
        (FUNC, "function `main`"),
        (IRModule({"f": FUNC, "g": FUNC}), "the module of `f`, `g`"),
        ("plain", "plain"),
        (3, "3"),
    ],
)
def test_words(node: Any, words: str) -> None:
    assert describe(node) == words


def test_a_long_expression_is_cut() -> None:
    total: Expr = X
    for k in range(100):
        total = total + X * k
    words = describe(total)
    assert len(words) == 82
    assert words.endswith(" ...`")


def test_a_message_calls_things_what_the_program_shown_calls_them() -> None:
    other = Var("i")
    func = PrimFunc((), {}, loop(I, 16, loop(other, I, Evaluate(I + other))))
    assert str(NodeError("{0} is not the innermost loop, {1} is", func.body, func.body.body, root=func)) == golden(
        """\
        loop `i` (range(0, 16)) is not the innermost loop, loop `i_1` (range(0, i)) is

        1  @T.prim_func(private=True)
        2  def main():
        3      for i in range(16):
               ^^^^^^^^^^^^^^^^^^^
        4          for i_1 in range(i):
                   ^^^^^^^^^^^^^^^^^^^^
        5              T.evaluate(i + i_1)"""
    )


@given(functions())
def test_spans_hold_the_text_of_expressions(func: PrimFunc) -> None:
    program = render(func, width=1 << 30)
    lines = program.text.split("\n")
    for node in walk(func):
        if isinstance(node, Expr) and type(node) is not Var:
            for span in program.spans.get(node, []):
                assert span.line == span.end_line
                text = re.sub(r'"(\\.|[^"\\])*"', "s", lines[span.line][span.column : span.end_column])
                assert text.strip() == text != ""
                assert [text.count(b) for b in "([{"] == [text.count(b) for b in ")]}"]
    assert all(node in program.spans for node in walk(func.body) if isinstance(node, (For, Block)))
