"""Macros: pieces of program put in place of their calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnostics import Source
    from .names import Environment
    from .syntax import Tree


class Macro:
    """A function under `@T.macro`.

    Attributes
    ----------
    tree: its definition.
    source, env, names: where it was defined: the text, the names around, and those bound in the program then.
    hygienic: whether its body sees those names, rather than the ones where it is called.
    """

    __slots__ = ("env", "hygienic", "names", "source", "tree")

    def __init__(self, tree: Tree, source: Source, env: Environment, hygienic: bool, names: dict[str, Any]) -> None:
        self.tree, self.source, self.env, self.hygienic, self.names = tree, source, env, hygienic, names

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.tree.parts[0])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from ..tir.errors import UserError

        raise UserError(f"macro `{self.name}` is a piece of program: only a program can call it")
