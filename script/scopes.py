"""The scopes of a program being read, and its errors: a statement in error is noted and the next one read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..tir.buffer import Buffer
from ..tir.dtype import INT32
from ..tir.errors import ScriptError, UserError
from ..tir.expr import Var
from .builder import Builder, Scope
from .diagnostics import Diagnostic, Source
from .evaluate import Evaluator
from .names import Environment
from .reader import POISON, Poisoned
from .syntax import Tree, text_of

_ABSENT: Any = object()


_FORMS = {
    "for": ("is a loop, opened by `for`", "write `for i in {}:`, with a name for each loop"),
    "with": ("holds statements, opened by `with`", "write `with {}:` and indent them"),
    "rest": ("stands as a statement of its own", "write it on a line of its own"),
}
"""What to say of a construct opened in another way than it should be, by the right way."""


class Scopes(Evaluator):
    """Keeps the names of the open suites and the errors found.

    Attributes
    ----------
    builder: the function under construction.
    errors: those found so far.
    scopes: for each open suite, the names bound in it with what they stood for before.
    lets: the names that stand for one value, with the number of scopes open where they were bound.
    places: where nodes were read from.
    """

    def __init__(self, source: Source, env: Environment, names: Mapping[str, Any] | None = None) -> None:
        super().__init__(source, env)
        self.names.update(names or {})
        self.builder = Builder("main")
        self.errors: list[Diagnostic] = []
        self.scopes: list[dict[str, tuple[Any, int | None]]] = [{}]
        self.lets: dict[str, int] = {}
        self.places: dict[Any, tuple[Source, Tree]] = {}
        self.loops = 0
        self.macros = 0
        self.expanded = 0
        self.returned: Any = None

    def define(self, name: str, value: Any, tree: Tree | None = None) -> None:
        """Bind a name until the suite ends."""
        scope = self.scopes[-1]
        if name not in scope:
            scope[name] = (self.names.get(name, _ABSENT), self.lets.get(name))
        self.names[name] = value
        self.gone.pop(name, None)
        self.lets.pop(name, None)
        if isinstance(value, Var):
            self.builder.fresh.discard(value)
            self.builder.symbols[name] = value
        if tree is not None and isinstance(value, (Var, Buffer)):
            self.places.setdefault(value, (self.source, tree))

    def open_scope(self) -> None:
        self.scopes.append({})

    def close_scope(self, tree: Tree) -> None:
        """Forget the names bound since the scope was opened."""
        symbols = self.builder.symbols
        for name, (before, level) in self.scopes.pop().items():
            if isinstance(self.names[name], Var) and symbols.get(name) is self.names[name]:
                del symbols[name]
            if before is _ABSENT:
                del self.names[name]
                self.gone[name] = tree
            else:
                self.names[name] = before
                if isinstance(before, Var):
                    symbols[name] = before
            if level is not None:
                self.lets[name] = level
            else:
                self.lets.pop(name, None)

    def begin_definition(self, names: list[str]) -> None:
        self.builder.names = list(names)

    def symbol(self, name: str) -> Var:
        var = self.builder.symbol(name, INT32)
        self.define(name, var)
        return var

    def unknown(self, tree: Tree, name: str) -> Any:
        found = self.builder.symbols.get(name)
        return found if found is not None and name not in self.gone else super().unknown(tree, name)

    def report(self, tree: Tree, message: str, hint: str = "") -> None:
        """Note an error and go on."""
        self.errors.append(Diagnostic(message, self.source, tree.start, tree.end, hint))

    def guarded(self, tree: Tree, work: Callable[[], Any], names: list[str] | None = None) -> bool:
        """Do `work`; note its errors, and poison `names`, which it was to define. Whether it went well."""
        depth = self.depth
        try:
            work()
            return True
        except ScriptError as e:
            self.errors.extend(e.diagnostics or [Diagnostic(str(e), self.source, tree.start, tree.end)])
        except Poisoned:
            pass
        except UserError as e:
            self.report(tree, str(e))
        except RecursionError:
            self.report(tree, "the program nests too deep here", "give parts of it names or functions of their own")
        self.depth = depth
        for name in names or ():
            self.define(name, POISON)
        return False

    def placed(self, node: Any, tree: Tree) -> Any:
        """`node`, remembered to stand at `tree`."""
        self.places[node] = (self.source, tree)
        return node

    def check_form(self, tree: Tree, scope: Scope, form: str) -> None:
        if form in scope.forms:
            return
        text = text_of(self.source, tree)
        what, right = next(_FORMS[f] for f in ("for", "with", "rest") if f in scope.forms)
        self.fail(tree, f"`{text}` {what}", right.format(text))

    def open_rest(self, scope: Scope, names: list[str]) -> Any:
        """Open a construct around the rest of the suite."""
        value = scope.open(self.builder, names)
        self.builder.enclose(lambda body: scope.close(self.builder, body))
        return value


def names_of(tree: Tree) -> list[str]:
    """The names of a target, if it consists of names; else nothing."""
    if tree.kind == "name":
        return [tree.parts[0]]
    if tree.kind in ("tuple", "list") and all(isinstance(p, Tree) and p.kind == "name" for p in tree.parts):
        return [part.parts[0] for part in tree.parts]
    return []
