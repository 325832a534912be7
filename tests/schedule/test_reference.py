"""The files generated from the registry are as it makes them now."""

import ast
from pathlib import Path

import pytest
from tensorir.schedule.primitive import REGISTRY
from tensorir.schedule.reference import FILES, page, stub

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FILES)
def test_generated_files_are_fresh(name: str) -> None:
    assert (ROOT / name).read_text() == FILES[name](), f"run `python -m tensorir.schedule.reference` to write {name}"


def test_the_stub_has_every_primitive_and_known_names_only() -> None:
    tree = ast.parse(stub())
    (methods,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    functions = {node.name: node for node in methods.body if isinstance(node, ast.FunctionDef)}
    assert set(functions) == set(REGISTRY)
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    used = {
        node.id
        for f in functions.values()
        for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs, f.args.vararg, f)
        if a is not None
        for annotation in [a.returns if isinstance(a, ast.FunctionDef) else a.annotation]
        if annotation is not None
        for node in ast.walk(annotation)
        if isinstance(node, ast.Name)
    }
    assert used <= imported | {"bool", "float", "int", "list", "str", "tuple", "dict"}
    for name, function in functions.items():
        wanted = [p.name for p in REGISTRY[name].parameters] + ["decision"] * REGISTRY[name].samples
        args = [
            *function.args.args,
            *([function.args.vararg] if function.args.vararg else []),
            *function.args.kwonlyargs,
        ]
        assert [a.arg for a in args if a.arg != "self"] == wanted


def test_the_page_shows_every_example() -> None:
    text = page()
    for name, primitive in REGISTRY.items():
        assert f"## {name}\n" in text
        if "before:" in primitive.doc:
            section = text.split(f"## {name}\n")[1].split("\n## ")[0]
            assert all(f"*{part}*" in section for part in ("before", "step", "after"))
