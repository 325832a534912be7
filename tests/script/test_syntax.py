"""Syntax trees: places, and what is read after an error."""

import pytest
from tensorir.script.diagnostics import Source
from tensorir.script.syntax import Tree, read
from tensorir.tir.errors import ScriptError


def find(tree: Tree, kind: str) -> list[Tree]:
    return [node for node in tree.walk() if node.kind == kind]


def test_a_tree_knows_its_place() -> None:
    text = "for i in range(n):\n    A[i, 0:4] = (b + c) * 2.5  # comment\n"
    tree, errors = read(Source(text))
    assert not errors
    places = {
        kind: text[node.start : node.end]
        for kind in ("call", "subscript", "mul", "add", "slice", "number")
        for node in find(tree, kind)[:1]
    }
    assert places == {
        "call": "range(n)",
        "subscript": "A[i, 0:4]",
        "mul": "(b + c) * 2.5",
        "add": "b + c",
        "slice": "0:4",
        "number": "0",
    }
    loop = find(tree, "for_")[0]
    assert text[loop.start : loop.end] == "for i in range(n):\n    A[i, 0:4] = (b + c) * 2.5"


@pytest.mark.parametrize(
    "text, lines, kept",
    [
        ("a = = 1\nb = 2\nc d\ne = 3\n", [1, 3], ["b", "e"]),
        ("if a\n    b = 1\nc = 2\n", [1], ["c"]),
        ("for i in x:\nb = 1\nc = 2\n", [1], ["b", "c"]),
        ("a = 1\n    b = 1\n    c = 2\nd = 3\n", [2], ["a", "d"]),
        ("if a:\n    b = = 1\n    c = 2\nelse x:\n    d = 3\ne = 4\n", [2, 4], ["e"]),
        ("with a as b:\n    c d\n", [2], []),
        ("x = (1 2)\ny = 1\n", [1], ["y"]),
        ("@a\nb = 1\nc = 2\n", [2], ["c"]),
        ("else:\n    a = 1\nb = 2", [1], ["b"]),
    ],
)
def test_reading_goes_on_after_an_error(text: str, lines: list[int], kept: list[str]) -> None:
    tree, errors = read(Source(text))
    assert [e.line for e in errors] == lines
    assert [node.parts[0].parts[0] for node in find(tree, "assign")] == kept


def test_errors_end_somewhere() -> None:
    with pytest.raises(ScriptError) as e:
        read(Source("a b\n" * 1000))
    assert len(e.value.diagnostics) == 50
    assert str(e.value).endswith("... and 30 more errors")


def test_an_expression_by_itself() -> None:
    tree, errors = read(Source("T.Buffer((n, 4), 'float32')"), "only_expression")
    assert not errors
    assert tree.parts[0].kind == "call"
    with pytest.raises(ScriptError):
        read(Source("x = 1"), "only_expression")


def test_ten_thousand_brackets_are_read_without_a_stack() -> None:
    tree, errors = read(Source("x = " + "(" * 10_000 + "y" + ")" * 10_000))
    assert not errors
    assert tree.parts[0].parts[1].kind == "name"
    deep, errors = read(Source("x = " + "[" * 10_000 + "y" + "]" * 10_000))
    assert not errors
    depth = sum(1 for _ in deep.walk())
    assert depth == 10_004
