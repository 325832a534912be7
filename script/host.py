"""The Python around a decorated function: the values it captured, and what may be computed with them."""

from __future__ import annotations

import builtins
import linecache
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..tir.errors import ScriptError, UserError
from ..tir.expr import Expr
from ..tir.function import PrimFunc
from .diagnostics import Source, error, suggest
from .lang.construct import describe
from .literals import pieces
from .names import BUILTINS, OURS, Environment, Namespace

if TYPE_CHECKING:
    from .evaluate import Evaluator
    from .reader import Reader
    from .statements import FunctionParser
    from .syntax import Tree

_EMPTY: Any = object()


class _Closure(Mapping[str, Any]):
    """The variables of enclosing functions that a function captured, with the values they have when looked up."""

    def __init__(self, cells: Mapping[str, types.CellType] | None = None) -> None:
        self.cells = dict(cells or {})

    @staticmethod
    def of(*functions: types.FunctionType) -> _Closure:
        """What `functions` captured."""
        return _Closure(
            {name: cell for f in functions for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ())}
        )

    def __getitem__(self, name: str) -> Any:
        cell = self.cells[name]
        try:
            return cell.cell_contents
        except ValueError:
            return _EMPTY

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)


class HostEnvironment(Environment):
    """Names as the function's closure, the scope of its definition, its module and Python's builtins bind them."""

    hosted = True

    def __init__(self, function: types.FunctionType | None, scopes: Iterable[Mapping[str, Any]]) -> None:
        super().__init__()
        closure = _Closure() if function is None else _Closure.of(function)
        self.scopes: list[Mapping[str, Any]] = [closure, *scopes, vars(builtins)]

    def lookup(self, name: str, evaluator: Reader, tree: Tree) -> Any:
        for scope in self.scopes:
            if name in scope:
                value = scope[name]
                if value is _EMPTY:
                    evaluator.fail(
                        tree,
                        f"`{name}` has no value yet where this function is defined",
                        "assign to it before the definition",
                    )
                if scope is self.scopes[-1] and name in BUILTINS:
                    return BUILTINS[name]
                return OURS.get(id(value), value)
        return evaluator.unknown(tree, name)

    def is_builtin(self, name: str) -> bool:
        return not any(name in scope for scope in self.scopes[:-1])

    def names(self) -> Iterable[str]:
        return [name for scope in self.scopes[:-1] for name in scope]

    def is_iterable(self, value: Any) -> bool:
        return hasattr(value, "__iter__") and not isinstance(value, (Expr, str))

    def compute(
        self, evaluator: Reader, tree: Tree, symbol: str, function: Callable[[Any, Any], Any], a: Any, b: Any
    ) -> Any:
        return self.run(evaluator, tree, lambda: function(a, b))

    def run(self, evaluator: Reader, tree: Tree, work: Callable[[], Any]) -> Any:
        """The value of Python code; what it raises is reported at `tree`."""
        try:
            return work()
        except UserError as e:
            evaluator.rethrow(tree, e)
        except RecursionError:
            raise
        except Exception as e:  # noqa: BLE001 (any exception of the user's own code is the program's error)
            self.failed_call(evaluator, tree, e)

    def failed_call(self, evaluator: Reader, tree: Tree, e: Exception) -> Any:
        message = f"Python fails here: {type(e).__name__}: {e}"
        raise error(evaluator.source, tree.start, tree.end, message, cause=e)

    def truth(self, evaluator: Reader, tree: Tree, value: Any) -> bool:
        return bool(self.run(evaluator, tree, lambda: bool(value)))

    def identity(self, evaluator: Reader, tree: Tree, symbol: str, a: Any, b: Any) -> bool:
        if isinstance(a, Expr) or isinstance(b, Expr):
            return super().identity(evaluator, tree, symbol, a, b)
        return bool(
            self.run(evaluator, tree, lambda: super(HostEnvironment, self).identity(evaluator, tree, symbol, a, b))
        )

    def missing(self, evaluator: Reader, tree: Tree, space: Namespace, name: str) -> Any:
        return super().missing(evaluator, tree, space, name)

    def attribute(self, evaluator: Reader, tree: Tree, value: Any, name: str) -> Any:
        if not self.run(evaluator, tree, lambda: hasattr(value, name)):
            evaluator.fail(tree, f"{describe(value)} has no attribute `{name}`", suggest(name, dir(value)))
        found = self.run(evaluator, tree, lambda: getattr(value, name))
        return OURS.get(id(found), found)

    def subscript(self, evaluator: Reader, tree: Tree, value: Any, key: Any) -> Any:
        constant = getattr(key, "value", key) if isinstance(key, Expr) else key
        if isinstance(constant, Expr):
            return super().subscript(evaluator, tree, value, key)
        return self.run(evaluator, tree, lambda: value[constant])

    def store(self, evaluator: Reader, target: Tree, value: Any, stored: Any) -> None:
        evaluator.fail(
            target,
            f"{describe(value)} is a value of Python; a program stores to buffers only",
            "change it before the function is defined",
        )

    def may_call(self, function: Any) -> bool:
        return callable(function) and not isinstance(function, PrimFunc)

    def comprehension(self, evaluator: Evaluator, tree: Tree) -> Any:
        kind = tree.kind
        if kind == "set":
            return set(evaluator.items(tree.parts))
        before = evaluator.names
        evaluator.names = dict(before)
        try:
            if kind == "generator_argument":
                element, clauses = tree.parts[0], tree.parts[1:]
            else:
                element, *clauses = tree.parts[0].parts
            if kind == "dict_of":
                return {
                    evaluator.evaluate(element.parts[0]): evaluator.evaluate(element.parts[1])
                    for _ in self.clauses(evaluator, clauses)
                }
            values = [evaluator.evaluate(element) for _ in self.clauses(evaluator, clauses)]
            return set(values) if kind == "set_of" else values
        finally:
            evaluator.names = before

    def clauses(self, evaluator: Reader, clauses: list[Tree]) -> Iterable[None]:
        """Runs through the clauses of a comprehension, binding their names."""
        if not clauses:
            yield None
            return
        target, iterated, *conditions = clauses[0].parts
        values = evaluator.evaluate(iterated)
        if not self.is_iterable(values):
            evaluator.fail(iterated, f"a comprehension runs over values of Python, not {describe(values)}")
        for value in values:
            self.assign(evaluator, target, value)
            if all(self.condition(evaluator, c) for c in conditions):
                yield from self.clauses(evaluator, clauses[1:])

    def condition(self, evaluator: Reader, tree: Tree) -> bool:
        value = evaluator.evaluate(tree)
        if isinstance(value, Expr):
            evaluator.fail(tree, "the condition of a comprehension is one of Python, known when the program is read")
        return self.truth(evaluator, tree, value)

    def assign(self, evaluator: Reader, target: Tree, value: Any) -> None:
        if target.kind == "name":
            evaluator.names[target.parts[0]] = value
            return
        values = list(self.run(evaluator, target, lambda: iter(value)))
        if target.kind not in ("tuple", "list") or len(values) != len(target.parts):
            evaluator.fail(target, f"{len(values)} values for {len(target.parts)} names")
        for part, item in zip(target.parts, values):
            self.assign(evaluator, part, item)

    def matmul(self, evaluator: Reader, tree: Tree) -> Any:
        a, b = map(evaluator.evaluate, tree.parts)
        if isinstance(a, Expr) or isinstance(b, Expr):
            return super().matmul(evaluator, tree)
        return self.run(evaluator, tree, lambda: a @ b)

    def formatted(self, evaluator: Evaluator, tree: Tree, text: str) -> str:
        out = ""
        for kind, part in pieces(text):
            if kind == "text":
                out += part
                continue
            expression, conversion, spec = part
            value = evaluator.evaluate(evaluator.quoted(tree, expression.strip()))
            value = _CONVERSIONS[conversion](value)
            spec = self.formatted(evaluator, tree, spec) if "{" in spec else spec
            out += self.run(evaluator, tree, partial(format, value, spec))
        return out

    def repeat(self, evaluator: FunctionParser, tree: Tree, values: Any) -> None:
        target, source, body = tree.parts
        if isinstance(values, Namespace) or not self.is_iterable(values):
            super().repeat(evaluator, tree, values)
        for value in self.run(evaluator, source, lambda: list(values)):
            self.bind_each(evaluator, target, value)
            evaluator.statements(body)

    def bind_each(self, evaluator: FunctionParser, target: Tree, value: Any) -> None:
        if target.kind == "name":
            evaluator.define(target.parts[0], value)
            return
        items = list(self.run(evaluator, target, lambda: iter(value)))
        if len(items) != len(target.parts):
            evaluator.fail(target, f"{len(items)} values for {len(target.parts)} names")
        for part, item in zip(target.parts, items):
            self.bind_each(evaluator, part, item)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"r": repr, "s": str, "a": ascii, "": lambda value: value}


def source_of(code: types.CodeType, line: int, globals_: Mapping[str, Any], what: str) -> Source:
    """The text of a file from `line` on.

    Raises
    ------
    ScriptError: the text is not to be had.
    """
    filename = code.co_filename
    if not filename.startswith("<"):
        linecache.checkcache(filename)
    lines = linecache.getlines(filename, dict(globals_) if "__loader__" in globals_ else None)
    if len(lines) < line:
        raise ScriptError(
            f"the source of {what} cannot be read: Python knows it only as coming from {filename!r}. "
            "Write the program in a file, or give its text to tensorir.parse(text); "
            "code run with exec can put its text into `linecache.cache` under the name it is compiled with."
        )
    return Source("".join(lines[line - 1 :]), filename, line)
