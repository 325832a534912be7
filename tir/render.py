"""The seam between nodes and text: `tir` and `codegen` ask here for text, or for the program in one; the script layer
registers how that is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .errors import InternalError


class Renderer(Protocol):
    """What the script layer's printer offers to the layers below it."""

    def script(self, node: Any, **options: Any) -> str:
        """The program text of a function, module, statement or expression."""

    def show(self, node: Any, **options: Any) -> None:
        """Print the program text of a node, in colour where there is a terminal or a notebook."""

    def html(self, node: Any) -> str:
        """The program text of a node as HTML."""

    def underline(self, root: Any, nodes: Sequence[Any]) -> str:
        """The text of `root` with line numbers and carets under each of `nodes`; long programs are cut around them."""

    def describe(self, node: Any, root: Any = None) -> str:
        """A few words naming `node`, as it is called in the program `root`: "loop `i` (range(0, 128))", "block `C`"."""

    def parse(self, text: str) -> Any:
        """The function or module in a text."""


_load: Callable[[], Renderer] | None = None


def set_renderer(load: Callable[[], Renderer]) -> None:
    """Install the renderer; `load` is called at first use, so that importing the package stays cheap."""
    global _load
    _load = load


def script(node: Any, **options: Any) -> str:
    """The program text of `node`; the plain structural `repr` where no printer is installed."""
    return _load().script(node, **options) if _load else repr(node)


def show(node: Any, **options: Any) -> None:
    """Print the program text of `node`."""
    if _load:
        _load().show(node, **options)
    else:
        print(repr(node))


def html(node: Any) -> str | None:
    """The program text of `node` as HTML; None where no printer is installed."""
    return _load().html(node) if _load else None


def underline(root: Any, nodes: Sequence[Any]) -> str:
    """The text of `root` with carets under `nodes`."""
    return _load().underline(root, nodes) if _load else ""


def describe(node: Any, root: Any = None) -> str:
    """A few words naming `node` inside an error message that shows the program `root`."""
    return _load().describe(node, root) if _load else str(node)


def parse(text: str) -> Any:
    """The function or module in a text of this package's own."""
    if _load is None:
        raise InternalError("a program's text is to be read, and no parser is installed")
    return _load().parse(text)
