"""The parse tables: fresh, loaded without lark, and giving the trees that lark itself gives."""

import json
import subprocess
import sys
from typing import Any

import lark
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark.indenter import Indenter
from tensorir.script import tables
from tensorir.script.diagnostics import Source
from tensorir.script.syntax import Tree, read

from ..strategies import modules


def test_the_file_is_what_the_grammar_says() -> None:
    grammar = tables.GRAMMAR.read_text(encoding="utf-8")
    assert tables.encode(tables.generate(grammar)) == tables.FILE.read_text(encoding="utf-8"), (
        "grammar.lark has changed: run `python -m tensorir.script.tables`"
    )


def test_tables_do_not_depend_on_the_hash_seed() -> None:
    program = "from tensorir.script import tables as t; print(t.encode(t.generate(t.GRAMMAR.read_text())), end='')"
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert made.stdout == tables.FILE.read_text(encoding="utf-8")


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="lark"):
        grammar = tables.GRAMMAR.read_text(encoding="utf-8")
        lark.Lark(grammar, parser="lalr", start=list(tables.STARTS), maybe_placeholders=True, debug=True)
    assert not caplog.messages

    with caplog.at_level("DEBUG", logger="lark"):
        lark.Lark('start: a "x"?\na: "x"*', parser="lalr", debug=True)
    assert any("conflict" in message for message in caplog.messages), "lark no longer says so; find another way"


def test_parsing_does_not_load_lark() -> None:
    program = (
        "import sys, tensorir\n"
        "tensorir.parse('@T.prim_func\\ndef f(n: T.int32): pass')\n"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'lark'], 'lark is loaded'"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tables_of_another_grammar_are_not_used(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = json.loads(tables.FILE.read_text(encoding="utf-8"))
    stale["digest"] = "of another grammar"
    stale["actions"] = []
    (tmp_path / "grammar.json").write_text(json.dumps(stale), encoding="utf-8")
    monkeypatch.setattr(tables, "FILE", tmp_path / "grammar.json")
    assert len(tables.load.__wrapped__().actions) > 100


class Layout(Indenter):
    """Lark's own treatment of lines and indentation."""

    NL_type = "_NEWLINE"
    OPEN_PAREN_types = ("LPAR", "LSQB", "LBRACE")
    CLOSE_PAREN_types = ("RPAR", "RSQB", "RBRACE")
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 8


@pytest.fixture(scope="module")
def oracle() -> lark.Lark:
    """Lark's parser of the same grammar, with its own lexer."""
    grammar = tables.GRAMMAR.read_text(encoding="utf-8").replace(
        "%declare _NEWLINE _INDENT _DEDENT", "_NEWLINE: /(\\r?\\n[\\t ]*(#[^\\n]*)?)+/\n%declare _INDENT _DEDENT"
    )
    return lark.Lark(grammar, parser="lalr", lexer="basic", start="program", postlex=Layout(), maybe_placeholders=True)


def shape(tree: Any) -> Any:
    """A tree of either parser as nested tuples."""
    if isinstance(tree, Tree):
        return (tree.kind, *map(shape, tree.parts))
    if isinstance(tree, lark.Tree):
        return (str(tree.data), *map(shape, tree.children))
    return None if tree is None else str(tree)


def check_same_tree(oracle: lark.Lark, text: str) -> None:
    ours, errors = read(Source(text))
    assert not errors
    assert shape(ours) == shape(oracle.parse(text.lstrip("\n") + "\n"))


STATEMENTS = """
x = y = z
x: T.int32 = 1
x: T.int32
A[i, 0:4, ::2, :] += f(a, *b, k=1, **c)
a, b = [1, 2], {"k": 1, **d}
if a: pass
elif b:
    x; y
else:
    # a comment
    z

for i, (j, k) in f(), g(): break
while not a and b or c: continue
with f() as x, g() as [y, z]:
    pass
@d
@e(1)
class C(B):
    def f(self, *args, a: int = 1, **kw) -> None:
        return a, b
assert x == 1 < y is not z not in w, "message"
import a.b as c, d
from a.b import (c as d, e,)
global g
f = lambda x, y,: x if y else z ** -w
l = [x for x in y if z for w in x] + [(x, y), (), (x,)] + [*a]
s = {1, 2} | {a for a in b} | {k: v for k, v in c} | {}
t = f(x for x in y)
n = 0x_1F + 0b1 + 0o17 + 1_000 + 1.5e-3 + .5 + 1. + 1e10
u = "a" 'b' f"{c}" r"\\d" \"\"\"long
string\"\"\"
v = a | b ^ c & d << e >> f + g - h * i / j // k % l @ m
w = -a.b[c](d) ** +~e
x = \\
    1
y = None, True, False, ...
"""


@pytest.mark.parametrize("text", [STATEMENTS, *(line + "\n" for line in STATEMENTS.splitlines()[1:4]), "pass"])
def test_trees_are_those_that_lark_gives(oracle: lark.Lark, text: str) -> None:
    check_same_tree(oracle, text)


@settings(max_examples=25, deadline=None)
@given(module=modules())
def test_trees_of_programs_are_those_that_lark_gives(oracle: lark.Lark, module: Any) -> None:
    check_same_tree(oracle, module.script())


OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "@", "<", "<=", "==", "in", "and", "or"]

EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "1", "2.5", "'s'", "None", "A[i]", "f()", "()"]),
    lambda e: st.one_of(
        st.tuples(e, st.sampled_from(OPERATORS), e).map(" ".join),
        e.map("not {}".format),
        e.map("-{}".format),
        e.map("({})".format),
        e.map("[{}]".format),
        e.map("f({})".format),
        st.tuples(e, e, e).map(lambda t: "{} if {} else {}".format(*t)),
        st.tuples(e, e).map(", ".join).map("({})".format),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(text=EXPRESSIONS)
def test_expressions_bind_as_lark_and_python_bind_them(oracle: lark.Lark, text: str) -> None:
    import ast

    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        with pytest.raises(lark.exceptions.UnexpectedInput):
            oracle.parse(text + "\n")
        assert read(Source(text))[1]
        return
    check_same_tree(oracle, text + "\n")
    tree = read(Source(text))[0].parts[0].parts[0]
    assert ast.dump(ast.parse(grouped(tree, text), mode="eval")) == ast.dump(ast.parse(text, mode="eval"))


def grouped(tree: Tree, text: str) -> str:
    """The expression with every operand in parentheses, so that Python's grouping is the tree's."""
    operators = {"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "floormod": "%", "pow": "**"}
    operators |= {"shift_left": "<<", "shift_right": ">>", "bit_and": "&", "bit_or": "|", "bit_xor": "^", "matmul": "@"}
    operators |= {"and_": "and", "or_": "or"}
    parts = [grouped(p, text) if isinstance(p, Tree) else p for p in tree.parts]
    if tree.kind in ("and_", "or_"):
        # Python's own tree has a chain of `and` in one node.
        word, chain = operators[tree.kind], []
        while isinstance(tree, Tree) and tree.kind == word + "_":
            chain.insert(0, f"({grouped(tree.parts[1], text)})")
            tree = tree.parts[0]
        return f" {word} ".join([f"({grouped(tree, text)})", *chain])
    if tree.kind in operators:
        return f"({parts[0]}) {operators[tree.kind]} ({parts[1]})"
    if tree.kind == "compare":
        return " ".join(f"({p})" if isinstance(q, Tree) else p for p, q in zip(parts, tree.parts))
    if tree.kind == "not_":
        return f"not ({parts[0]})"
    if tree.kind == "negative":
        return f"-({parts[0]})"
    if tree.kind == "conditional":
        return f"({parts[0]}) if ({parts[1]}) else ({parts[2]})"
    if tree.kind == "tuple":
        return f"({', '.join(f'({p})' for p in parts)}{',' * (len(parts) == 1)})"
    if tree.kind == "list":
        return f"[{', '.join(p for p in parts if p is not None)}]"
    if tree.kind == "call":
        return f"({parts[0]})({parts[1] or ''})"
    if tree.kind == "arguments":
        return ", ".join(parts)
    if tree.kind == "subscript":
        return f"({parts[0]})[{parts[1]}]"
    return text[tree.start : tree.end]
