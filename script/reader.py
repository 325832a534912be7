"""What every part of the reader shares: the source, the names, and how errors are reported."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from ..tir.errors import ScriptError, UserError
from ..tir.expr import Expr
from .diagnostics import Source, error
from .lang.construct import Rejected, expression
from .limits import Sizes
from .names import Environment
from .syntax import Tree


class Poisoned(Exception):
    """A name is used whose definition was in error; what uses it is passed over in silence."""


POISON: Any = object()
"""What a name stands for whose definition was in error."""


class Reader(ABC):
    """Reads trees in the scope of a program.

    Attributes
    ----------
    env: the names around the program.
    names: the names in it, as bound at the moment.
    gone: where the names were bound that are no longer visible.
    depth: how deep the trees being read are nested.
    poison: what a name stands for whose definition was in error.
    sizes: how much the values met so far stand for.
    define_unknown: makes what an unknown name stands for, where one may be new.
    """

    poison: ClassVar[Any] = POISON

    def __init__(self, source: Source, env: Environment) -> None:
        self.source, self.env = source, env
        self.names: dict[str, Any] = {}
        self.gone: dict[str, Tree] = {}
        self.depth = 0
        self.sizes = Sizes()
        self.define_unknown: Callable[[str], Any] | None = None

    def fail(self, tree: Tree, message: str, hint: str = "") -> NoReturn:
        """Report an error at `tree`."""
        raise error(self.source, tree.start, tree.end, message, hint)

    @abstractmethod
    def evaluate(self, tree: Tree) -> Any:
        """The value of an expression."""

    @abstractmethod
    def unknown(self, tree: Tree, name: str) -> Any:
        """The value of a name that nothing defines."""

    def value(self, tree: Tree) -> Expr:
        """The value of an expression, as one of the program."""
        try:
            return expression(self.evaluate(tree))
        except UserError as e:
            self.rethrow(tree, e)

    def rethrow(self, tree: Tree, e: UserError) -> NoReturn:
        """Report at `tree` an error that says no place."""
        if isinstance(e, ScriptError) and e.diagnostics:
            raise e
        if isinstance(e, Rejected):
            self.fail(tree, e.message, e.hint)
        # By custom an error says what is wrong, then, after a semicolon, what would be right.
        message, _, hint = str(e).partition("; ")
        self.fail(tree, message, hint)
