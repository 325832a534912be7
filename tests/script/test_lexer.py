"""Tokens: lines, brackets, indentation, and the text that makes none."""

import pytest
from tensorir.script.diagnostics import Source
from tensorir.script.lexer import tokenize
from tensorir.script.tables import load
from tensorir.tir.errors import ScriptError


def kinds(text: str, one_definition: bool = False) -> str:
    """The tokens' names, in a line."""
    tables = load()
    tokens = tokenize(Source(text), tables, one_definition=one_definition)
    names = (tables.symbols[kind] for kind in tokens.kinds)
    return " ".join(tables.texts[name] if name.startswith("__ANON") else name for name in names)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "$END"),
        ("# nothing\n\n  # at all", "$END"),
        ("x", "NAME _NEWLINE $END"),
        ("x\n", "NAME _NEWLINE $END"),
        ("x\r\ny\r\n", "NAME _NEWLINE NAME _NEWLINE $END"),
        ("x # comment\n\n\ny", "NAME _NEWLINE NAME _NEWLINE $END"),
        ("if x:\n  y\nz", "IF NAME COLON _NEWLINE _INDENT NAME _NEWLINE _DEDENT NAME _NEWLINE $END"),
        ("if x:\n  y\n # z\n", "IF NAME COLON _NEWLINE _INDENT NAME _NEWLINE _DEDENT $END"),
        ("f(\nx,\n  y\n)", "NAME LPAR NAME COMMA NAME RPAR _NEWLINE $END"),
        ("x = \\\n  y", "NAME EQUAL NAME _NEWLINE $END"),
        ("iffy inx", "NAME NAME _NEWLINE $END"),
        ("a<<=b<=c<<d<e", "NAME AUGMENTED NAME COMPARE NAME << NAME COMPARE NAME _NEWLINE $END"),
        ("a**-b//=c", "NAME ** MINUS NAME AUGMENTED NAME _NEWLINE $END"),
        ("1.5.real 1..x", "NUMBER DOT NAME NUMBER DOT NAME _NEWLINE $END"),
        ("'a' \"b\" '''c\n'd''' rb'\\''", "STRING STRING STRING STRING _NEWLINE $END"),
        ("déjà_vu", "NAME _NEWLINE $END"),
        ("  x\n", "_INDENT NAME _NEWLINE _DEDENT $END"),
    ],
)
def test_tokens(text: str, expected: str) -> None:
    assert kinds(text) == expected


def test_one_definition_ends_where_its_block_does() -> None:
    text = "    @d(\n  1)\n    def f():\n        x\n\n        # still inside\n        y\n    z\n"
    expected = "AT NAME LPAR NUMBER RPAR _NEWLINE DEF NAME LPAR RPAR COLON _NEWLINE"
    assert kinds(text, True) == f"{expected} _INDENT NAME _NEWLINE NAME _NEWLINE _DEDENT $END"
    assert kinds("def f(): x\nz", True) == "DEF NAME LPAR RPAR COLON NAME _NEWLINE $END"
    assert kinds("  class C:\n    x\n)(not even read", True).endswith("_INDENT NAME _NEWLINE _DEDENT $END")


@pytest.mark.parametrize(
    "text, message",
    [
        ("x = (1,\ny", "`(` is never closed"),
        ("x = [1)", "`)` does not close `[`"),
        ("x = 1]", "`]` closes nothing"),
        ("x = 'abc\ny'", "this string is never closed"),
        ("x = '''abc\n", "this string is never closed"),
        ("x = 1 ? 2", "the character `?` has no meaning"),
        ("x = \0", "the character U+0000 has no meaning"),
        ("x = “a”", "the character `“` has no meaning"),
        ("x \\ y", "`\\` continues a line only as its last character"),
        ("if x:\n    y\n  z", "indented by 2, as none of the blocks around it is"),
        ("if x:\n    y\n\tz", "tabs and spaces"),
    ],
)
def test_text_that_makes_no_tokens(text: str, message: str) -> None:
    with pytest.raises(ScriptError) as e:
        kinds(text)
    assert message in str(e.value)


@pytest.mark.parametrize("text", ["(" * 50_000, "'" * 50_001, '"""' * 20_001, "[(" * 20_000 + "}"])
def test_hostile_text_takes_linear_time(text: str) -> None:
    with pytest.raises(ScriptError):
        kinds(text)
