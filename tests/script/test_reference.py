"""The reference page and the stub: fresh, complete, and every example a program."""

import ast
import inspect

import pytest
import tensorir
from tensorir.script import reference, tir
from tensorir.tir import op
from tensorir.tir.same import assert_structural_equal

from .both_ways import both_ways, decorated

ENTRIES = [entry for section in reference.entries().values() for entry in section]


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.name for entry in ENTRIES])
def test_the_example_is_a_program(entry: reference.Entry) -> None:
    assert entry.meaning
    text = reference.program(entry.example)
    word = entry.name.partition(".")[2]
    assert word in text
    if "\n@T.prim_func" in text or "\ntotal" in text:
        assert_structural_equal(decorated(text), tensorir.parse(text))
    else:
        both_ways(text)


def test_every_word_has_an_entry() -> None:
    known = {entry.name for entry in ENTRIES} | {name for name, _ in reference.aliases()}
    types = {f"T.{name}" for name in tir.TYPES}
    missing = {f"T.{name}" for name in tir.TABLE} - known - types - {"T.axis"}
    assert not missing
    assert {f"T.{name}" for name in op.OPS} <= known


def test_every_word_says_what_it_means() -> None:
    for name, word in tir.TABLE.items():
        assert inspect.getdoc(word), f"T.{name} has no docstring"


def test_the_page_is_what_the_docstrings_say() -> None:
    stale = "run `python -m tensorir.script.reference`"
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), stale
    assert reference.STUB.read_text(encoding="utf-8") == reference.stub(), stale


def test_the_stub_declares_every_word() -> None:
    declared = set()
    for node in ast.parse(reference.stub()).body:
        if isinstance(node, ast.FunctionDef):
            declared.add(node.name)
            assert ast.get_docstring(node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            declared.add(node.target.id)
    assert set(tir.TABLE) <= declared
    assert {"float32x4", "int8x16", "uint4"} <= declared
