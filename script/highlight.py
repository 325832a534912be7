"""Programs in colour, in a terminal and in a notebook, by pygments where it is installed."""

from __future__ import annotations

import difflib
import html as markup
import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ..tir.errors import UserError
from .printer import WIDTH, render, script

STYLES = {"light": "friendly", "dark": "monokai"}
"""Our names for styles of pygments; its own names are understood too. "ansi" is the terminal's own colours."""


def _formatter(style: str | None, medium: str) -> Any:
    """pygments' formatter for a "terminal" or a "page"; None where pygments is not installed.

    Raises
    ------
    UserError: there is no such style.
    """
    try:
        from pygments.formatters import HtmlFormatter, Terminal256Formatter, TerminalFormatter
        from pygments.styles import get_all_styles
    except ImportError:
        return None
    if style == "ansi" or style is None:
        return TerminalFormatter() if medium == "terminal" else HtmlFormatter(noclasses=True, style=STYLES["light"])
    name = STYLES.get(style, style)
    if name not in get_all_styles():
        near = difflib.get_close_matches(name, [*STYLES, *get_all_styles()], 3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UserError(f'unknown style {style!r}: a style is "ansi", "light", "dark" or one of pygments\'{hint}')
    return Terminal256Formatter(style=name) if medium == "terminal" else HtmlFormatter(noclasses=True, style=name)


def colour(text: str, style: str | None = None) -> str:
    """Program text with terminal colours; unchanged where pygments is not installed."""
    formatter = _formatter(style, "terminal")
    if formatter is None:
        return text
    from pygments import highlight
    from pygments.lexers import PythonLexer

    lexer = PythonLexer(stripnl=False, ensurenl=False)
    return str(highlight(text, lexer, formatter))


def page(text: str, style: str | None = None) -> str:
    """Program text as HTML with colours; plain preformatted HTML where pygments is not installed."""
    formatter = _formatter(style, "page")
    if formatter is None:
        return f"<pre>{markup.escape(text)}</pre>"
    from pygments import highlight
    from pygments.lexers import PythonLexer

    return str(highlight(text, PythonLexer(stripnl=False), formatter))


def html(node: Any, **options: Any) -> str:
    """The program text of `node` as HTML with colours, for a notebook."""
    return page(script(node, **options))


def wants_colour(file: IO[str]) -> bool:
    """Whether `file` is a terminal whose user has not asked for no colours (the variable NO_COLOR)."""
    return file.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def in_notebook() -> bool:
    """Whether output goes to a notebook, which shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def present(text: str, *, style: str | None = None, file: IO[str] | None = None) -> None:
    """Print program text: in colour in a terminal or a notebook, plain into a file or a pipe."""
    if file is None and in_notebook():
        from IPython.display import HTML, display

        display(HTML(page(text, style)))
        return
    out = sys.stdout if file is None else file
    print(colour(text, style) if wants_colour(out) else text, file=out)


def show(
    node: Any,
    *,
    black: bool = False,
    style: str | None = None,
    file: IO[str] | None = None,
    underline: Sequence[Any] = (),
    annotate: Mapping[Any, str] | None = None,
    **options: Any,
) -> None:
    """Print the program text of `node`, in colour in a terminal or a notebook.

    Parameters
    ----------
    black: whether to run the text through the formatter black, where that is installed.
    style: "ansi" (the terminal's own colours), "light", "dark", or the name of a style of pygments.
    file: where to print; standard output by default.
    underline: nodes to put carets under.
    annotate: nodes to put carets under, each with a note behind them.
    options: those of `script`: `dialect`, `width`, `header`.

    Raises
    ------
    UserError: there is no such style, or black is asked for and not installed.
    """
    if style is not None:
        _formatter(style, "terminal")
    if underline or annotate:
        notes = dict.fromkeys(underline, "") | dict(annotate or {})
        program = render(node, dialect_name=options.get("dialect", "tensorir"), width=options.get("width", WIDTH))
        text = program.underline([*notes], notes=[*notes.values()], context=None, numbers=False)
    else:
        text = script(node, **options)
    present(_blackened(text) if black else text, style=style, file=file)


def _blackened(text: str) -> str:
    try:
        import black
    except ImportError:
        raise UserError("show(black=True) needs the package black, which is not installed") from None
    return str(black.format_str(text, mode=black.FileMode())).rstrip()
