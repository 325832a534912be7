"""`@node`: slots, children, rebuilding, deletion, interning, pickling, immutability."""

import gc

import pytest
from tensorir.tir import node as node_module
from tensorir.tir.buffer import Range, decl_buffer
from tensorir.tir.errors import InternalError
from tensorir.tir.expr import Add, FloatImm, IntImm, Mul, Var, const
from tensorir.tir.node import DELETE, Attrs
from tensorir.tir.stmt import (
    AttrStmt,
    BufferStore,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    SeqStmt,
    While,
    loop,
    seq,
)
from tensorir.tir.visit import NODES, Rewriter, Visitor


def test_equal_expressions_are_one_object() -> None:
    i, j = Var("i"), Var("j")
    assert Add(i, j) is Add(i, j)
    assert Add(i, j) is not Add(j, i)
    assert (i * 4 + j) % 8 is (i * 4 + j) % 8


def test_numbers_that_python_equates_stay_apart() -> None:
    assert IntImm(const(1).dtype, 1) is IntImm(const(1).dtype, True)
    assert type(IntImm(const(1).dtype, True).value) is int
    zero, negative = const(0.0, "float32"), const(-0.0, "float32")
    assert zero is not negative
    assert isinstance(negative, FloatImm) and str(negative.value) == "-0.0"
    assert const(float("nan"), "float32") is const(float("nan"), "float32")
    assert const(1, "int32") is not const(1, "int64")


def test_variables_and_statements_have_identity() -> None:
    assert Var("i") is not Var("i")
    assert Evaluate(const(0)) is not Evaluate(const(0))


def test_the_intern_table_forgets_what_nobody_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    i = Var("i")
    kept = [Add(i, const(n)) for n in range(50)]
    for n in range(1000):
        Mul(Add(i, const(n + 10_000)), i)
    before = len(node_module._interned)
    node_module._sweep()
    gc.collect()
    assert len(node_module._interned) <= before - 1900
    assert all(Add(i, const(n)) is old for n, old in enumerate(kept))


def test_nodes_refuse_assignment() -> None:
    with pytest.raises(InternalError, match="immutable"):
        Add(Var("i"), const(1)).a = const(2)


def test_map_children_gives_the_node_itself_when_nothing_changes() -> None:
    i = Var("i")
    A = decl_buffer((8,), name="A")
    program = loop(i, 8, seq(BufferStore(A, A[i] * 2, (i,)), IfThenElse(i < 4, Evaluate(i), Evaluate(i + 1))))
    assert Rewriter()(program) is program


def test_rebuilding_shares_what_is_unchanged() -> None:
    i, j = Var("i"), Var("j")
    A = decl_buffer((8,), name="A")
    first, second = BufferStore(A, const(1.0), (i,)), BufferStore(A, const(2.0), (j,))

    class Rename(Rewriter):
        def visit_var(self, node: Var) -> Var:
            return i if node is j else node

    new = Rename()(SeqStmt((first, second)))
    assert new.seq[0] is first
    assert new.seq[1].indices == (i,)


class Delete(Rewriter):
    """Deletes every `Evaluate`."""

    def visit_evaluate(self, node: Evaluate) -> object:
        return DELETE


def test_deletion_removes_emptied_parents() -> None:
    i = Var("i")
    gone = Evaluate(const(0))
    A = decl_buffer((8,), name="A")
    kept = BufferStore(A, const(0.0), (i,))
    assert Delete()(loop(i, 8, gone)) is DELETE
    assert Delete()(LetStmt(i, const(1), While(i < 3, gone))) is DELETE
    assert Delete()(AttrStmt(None, "k", const(1), gone)) is DELETE
    assert Delete()(SeqStmt((gone, kept))) is kept
    assert Delete()(SeqStmt((gone, Evaluate(const(1))))) is DELETE
    only_else = Delete()(IfThenElse(i < 3, gone, kept))
    assert str(type(only_else.condition).__name__) == "Not" and only_else.then_case is kept
    assert Delete()(IfThenElse(i < 3, kept, gone)).else_case is None
    assert Delete()(IfThenElse(i < 3, gone, gone)) is DELETE


def test_seq_flattens() -> None:
    a, b, c = (Evaluate(const(n)) for n in range(3))
    assert seq(a) is a
    flat = seq(a, SeqStmt((b, c)), None)
    assert isinstance(flat, SeqStmt) and flat.seq == (a, b, c)
    assert isinstance(seq(), Evaluate)


def test_visitors_reject_unknown_names() -> None:
    with pytest.raises(InternalError, match="no node called 'loop'"):

        class Wrong(Visitor):
            def visit_loop(self, node: object) -> None: ...


def test_a_base_class_method_serves_its_subclasses() -> None:
    seen = []

    class Binaries(Visitor):
        def visit_binary_op(self, node: object) -> None:
            seen.append(type(node).__name__)
            self.descend(node)  # type: ignore[arg-type]

    i = Var("i")
    Binaries()((i + 1) * 2 < 3)
    assert seen == ["LT", "Mul", "Add"]


def test_replace_names_unknown_fields() -> None:
    with pytest.raises(InternalError, match="Range has no field extend"):
        Range(const(0), const(1)).replace(extend=const(2))


def test_attrs_are_frozen_and_hashable() -> None:
    attrs = Attrs(a=1, b=[1, 2], c={"d": [3]})
    assert attrs["b"] == (1, 2) and attrs["c"]["d"] == (3,)
    assert hash(attrs) == hash(Attrs(c={"d": (3,)}, b=(1, 2), a=1)) and attrs == Attrs(c={"d": (3,)}, b=(1, 2), a=1)
    assert attrs.without("a", "c") == Attrs(b=(1, 2)) and attrs.with_("a", 2)["a"] == 2
    i = Var("i")
    with_node = Attrs(n=(i + 1,))
    assert with_node.nodes() == (i + 1,) and with_node.map_nodes(lambda e: e) is with_node


@pytest.mark.parametrize("name", sorted(NODES))
def test_every_node_has_a_docstring(name: str) -> None:
    assert NODES[name].__doc__


def test_for_range() -> None:
    stmt = For(Var("i"), const(2), const(6), ForKind.SERIAL, Evaluate(const(0)))
    assert stmt.range.end is const(8)
