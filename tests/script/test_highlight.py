"""Programs in colour: plain where there is no terminal, coloured text and HTML that hold the same program."""

import builtins
import html
import io
import re
import sys
from typing import Any

import pytest
from tensorir.script import highlight, script
from tensorir.script.diff import diff
from tensorir.tir.errors import UserError
from tensorir.tir.expr import Var
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import Evaluate, loop

I = Var("i")
FUNC = PrimFunc((), {}, loop(I, 16, Evaluate(I + 1)))
OTHER = PrimFunc((), {}, loop(I, 17, Evaluate(I + 1)))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


@pytest.fixture
def without_pygments(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "pygments":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.parametrize("style", [None, "ansi", "light", "dark", "vim"])
def test_colour_changes_nothing_but_colour(style: str | None) -> None:
    text = script(FUNC)
    coloured = highlight.colour(text, style)
    assert coloured != text
    assert plain(coloured) == text


def test_show_colours_a_terminal_and_nothing_else(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    FUNC.show()
    assert capsys.readouterr().out == script(FUNC) + "\n"
    terminal = Terminal()
    FUNC.show(file=terminal, style="dark")
    assert "\x1b[" in terminal.getvalue()
    assert plain(terminal.getvalue()) == script(FUNC) + "\n"
    monkeypatch.setenv("NO_COLOR", "1")
    quiet = Terminal()
    FUNC.show(file=quiet)
    assert quiet.getvalue() == script(FUNC) + "\n"


def test_show_takes_the_options_of_script(capsys: Any) -> None:
    FUNC.show(dialect="tvm", header=True)
    assert capsys.readouterr().out == script(FUNC, dialect="tvm", header=True) + "\n"


def test_show_underlines_and_annotates(capsys: Any) -> None:
    FUNC.show(underline=[FUNC.body], annotate={I + 1: "one more"})
    assert capsys.readouterr().out.splitlines() == [
        "@T.prim_func(private=True)",
        "def main():",
        "    for i in range(16):",
        "    ^^^^^^^^^^^^^^^^^^^",
        "        T.evaluate(i + 1)",
        "                   ^^^^^ one more",
    ]


def test_a_page_holds_the_program() -> None:
    page = FUNC._repr_html_()
    assert page is not None
    assert "style=" in page
    assert html.unescape(re.sub("<[^>]*>", "", page)).strip() == script(FUNC)


def test_an_unknown_style_is_refused_with_near_names() -> None:
    with pytest.raises(UserError) as error:
        FUNC.show(style="monokay")
    expected = (
        'unknown style \'monokay\': a style is "ansi", "light", "dark" or one of pygments\'; did you mean \'monokai\'?'
    )
    assert str(error.value) == expected


@pytest.mark.usefixtures("without_pygments")
def test_without_pygments_programs_are_plain() -> None:
    assert highlight.colour(script(FUNC), "dark") == script(FUNC)
    assert highlight.page("a < b") == "<pre>a &lt; b</pre>"


def test_black_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "black", None)
    with pytest.raises(UserError, match="needs the package black, which is not installed"):
        FUNC.show(black=True)


def test_diff_shows_what_changed() -> None:
    changes = diff(FUNC, OTHER)
    assert str(changes).splitlines() == [
        "--- before",
        "+++ after",
        "@@ -1,4 +1,4 @@",
        " @T.prim_func(private=True)",
        " def main():",
        "-    for i in range(16):",
        "+    for i in range(17):",
        "         T.evaluate(i + 1)",
    ]
    assert plain(changes.coloured()) == str(changes)
    assert "\x1b[31m-    for i in range(16):\x1b[0m" in changes.coloured()
    assert html.unescape(re.sub("<[^>]*>", "", changes._repr_html_())) == str(changes)


def test_diff_of_equal_programs_is_empty() -> None:
    assert not diff(FUNC, FUNC)
    assert str(diff(script(FUNC), FUNC)) == ""


def test_diff_shows_itself_in_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    changes = diff(FUNC, OTHER, names=("a", "b"), context=0)
    assert repr(changes) == str(changes)
    monkeypatch.setattr(sys, "stdout", Terminal())
    coloured = repr(changes)
    monkeypatch.undo()
    assert coloured == changes.coloured()
    assert str(changes).startswith("--- a\n+++ b\n@@ -3 +3 @@\n")
