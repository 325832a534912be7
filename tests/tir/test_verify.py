"""Well-formedness: each rule broken once, and named."""

from collections.abc import Callable

import pytest
from tensorir.tir.buffer import Range, decl_buffer
from tensorir.tir.dtype import HANDLE
from tensorir.tir.errors import VerifyError
from tensorir.tir.expr import TRUE, Var, cast, const
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import (
    Allocate,
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
    Stmt,
    While,
    loop,
    seq,
)
from tensorir.tir.verify import verify

A = decl_buffer((8, 8), name="A")
I, J, V = Var("i"), Var("j"), Var("v")


def function(body: Stmt) -> PrimFunc:
    """A function of the 8 by 8 buffer A."""
    a = Var("a", HANDLE)
    return PrimFunc((a,), {a: A}, body)


def store(*indices: object) -> BufferStore:
    """A[indices] = 1."""
    return BufferStore(A, const(1.0), indices)  # type: ignore[arg-type]


def block(body: Stmt, init: Stmt | None = None, values: tuple = (I,)) -> BlockRealize:
    """A block with one spatial iterator `v`."""
    return BlockRealize(
        values, TRUE, Block((IterVar(Range(const(0), const(8)), V, IterType.SPATIAL),), (), (), "B", body, init)
    )


def fine() -> list[Stmt]:
    """Programs without fault."""
    return [
        loop(I, 8, block(store(V, V))),
        loop(I, 8, loop(J, 8, store(I, J))),
        LetStmt(I, const(1), store(I, I)),
        Allocate(decl_buffer((4,), name="B"), Evaluate(const(0))),
        loop(I, 8, BlockRealize((), TRUE, Block((), (), (), "opaque", store(I, I)))),
    ]


@pytest.mark.parametrize("body", fine())
def test_accepted(body: Stmt) -> None:
    verify(function(body))


WRONG: list[tuple[str, Callable[[], Stmt]]] = [
    ("variable .* is used where it is not defined", lambda: store(I, I)),
    ("variable .* is defined twice", lambda: loop(I, 8, loop(I, 8, store(I, I)))),
    ("variable .* is defined twice", lambda: seq(loop(I, 8, store(I, I)), loop(I, 8, store(I, I)))),
    ("used where it is not defined", lambda: seq(loop(I, 8, store(I, I)), store(I, I))),
    ("is used where it is not declared", lambda: BufferStore(decl_buffer((8,), name="B"), const(1.0), (const(0),))),
    ("has 2 dimensions but 1 indices are given", lambda: store(const(0))),
    ("an index .* is of type float32", lambda: store(const(0.0), const(0))),
    ("stores a value of type int32 where float32 is held", lambda: BufferStore(A, const(1), (const(0), const(0)))),
    ("uses variable .*, the variable of a loop around it", lambda: loop(I, 8, block(store(V, I)))),
    ("has 1 iterators but is given 0 values", lambda: block(store(V, V), values=())),
    ("has an init but no reduce axis", lambda: loop(I, 8, block(store(V, V), store(V, V)))),
    ("is of type int32, not bool", lambda: IfThenElse(const(1), store(const(0), const(0)))),
    ("is of type int32, not bool", lambda: While(const(1), store(const(0), const(0)))),
    ("binds a int64 to a int32", lambda: LetStmt(I, cast(const(1), "int64"), store(I, I))),
    ("only if its kind is thread_binding", lambda: For(I, const(0), const(8), ForKind.THREAD_BINDING, store(I, I))),
]  # fmt: skip


@pytest.mark.parametrize("message,body", WRONG)
def test_refused(message: str, body: Callable[[], Stmt]) -> None:
    with pytest.raises(VerifyError, match=message):
        verify(function(body()))
