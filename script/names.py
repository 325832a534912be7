"""What names mean around a program and what may be done with the values they stand for: the rules for text."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from ..tir import op
from ..tir.buffer import Buffer
from ..tir.dtype import VOID, DType
from ..tir.errors import UserError
from ..tir.expr import Expr
from ..tir.function import PrimFunc
from ..tir.node import Node
from . import ir, tir
from .diagnostics import either, suggest
from .lang.blocks import AXES, axis
from .lang.construct import CONSTRUCTS, _argument, describe, expression
from .lang.types import type_name
from .syntax import text_of

if TYPE_CHECKING:
    from .evaluate import Evaluator
    from .reader import Reader
    from .statements import FunctionParser
    from .syntax import Tree

BITS = 4096
"""Width beyond which text computes no integers."""


class Namespace:
    """`T`, `I`, `T.axis` or a module of functions: names that attribute access finds by table alone."""

    __slots__ = ("members", "name")

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self.name, self.members = name, members


class Function:
    """A function of the module being read, to be called by name."""

    __slots__ = ("name", "ret_type")

    def __init__(self, name: str, ret_type: DType = VOID) -> None:
        self.name, self.ret_type = name, ret_type

    def call(self, evaluator: Reader, tree: Tree, args: list[Any], kwargs: dict[str, Any]) -> Expr:
        """The call in a program."""
        if kwargs:
            evaluator.fail(tree, f"function `{self.name}` takes its arguments by position")
        try:
            return op.call_function(self.name, tuple(map(_argument, args)), self.ret_type)
        except UserError as e:
            evaluator.rethrow(tree, e)


T = Namespace("T", {**tir.TABLE, "axis": Namespace("T.axis", AXES)})
I = Namespace("I", ir.TABLE)


class _AnyFunction(dict[str, Function]):
    """Functions of a module that is not there: every name is one."""

    def get(self, name: str, default: Any = None) -> Any:
        return Function(name)


ANY_MODULE = Namespace("Module", _AnyFunction())
"""What `Module` is to the text of a lone function, which may call functions of the module it was taken from."""

OURS: dict[int, Namespace] = {id(tir): T, id(ir): I, id(axis): T.members["axis"]}
"""The namespaces by the identity of the Python object that is them."""

MODULES: dict[str, Any] = {
    f"{package}.{name}": space
    for package in ("tvm.script", "tensorir.script", "tensorir")
    for name, space in (("tir", T), ("tirx", T), ("ir", I), ("T", T), ("I", I))
} | {"tvm.tir": T}
"""What `from package import name` means in a text's header."""


def _extreme(name: str, choose: Callable[..., Any]) -> Callable[..., Any]:
    def pick(*values: Any) -> Any:
        items = values[0] if len(values) == 1 and isinstance(values[0], (tuple, list)) else values
        if not items:
            raise UserError(f"{name} takes at least one value")
        if all(isinstance(v, (bool, int, float)) for v in items):
            return choose(items)
        out = expression(items[0])
        for item in items[1:]:
            out = tir.TABLE[name](out, expression(item))
        return out

    return pick


def _float(value: Any = 0.0) -> float:
    if isinstance(value, Expr):
        raise UserError("a value of the program is converted by T.Cast('float32', ...)")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as e:
        raise UserError(str(e)) from None


def _length(value: Any) -> int:
    if not isinstance(value, (tuple, list, dict, str)):
        raise UserError(f"{describe(value)} has no length")
    return len(value)


BUILTINS: dict[str, Callable[..., Any]] = {
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "float": _float,
    "len": _length,
    "abs": lambda value: op.raw_call("abs", value) if isinstance(value, Expr) else abs(expression(value)),
}
"""Python's functions that mean the same in a program."""

for _name, _function in BUILTINS.items():
    _function.__name__ = _name

_SAFE = frozenset(map(id, BUILTINS.values()))


class Environment:
    """The names around a text, and its rules: nothing is run, and only plain data is computed with.

    Parameters
    ----------
    values: further names, for plain data, nodes and constructs.
    """

    hosted = False

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        given = {name: OURS.get(id(value), value) for name, value in (values or {}).items()}
        self.imported: set[str] = set()
        self.values: dict[str, Any] = {"T": T, "I": I, "tir": T, "Module": ANY_MODULE, **given}

    def lookup(self, name: str, evaluator: Reader, tree: Tree) -> Any:
        """The value of a name that the program does not bind."""
        found = self.values.get(name, BUILTINS.get(name))
        return evaluator.unknown(tree, name) if found is None else found

    def names(self) -> Iterable[str]:
        """The known names, for suggestions."""
        return self.values

    def words(self) -> Mapping[str, Any]:
        """The words of `T`."""
        return T.members

    def missing(self, evaluator: Reader, tree: Tree, space: Namespace, name: str) -> Any:
        """The member of a namespace that is not in its table: a vector type, or an error."""
        if space is T:
            found = type_name(name)
            if found is not None:
                return found
        start = tree.end - len(name)
        kind = "word" if space in (T, I) else "member"
        hint = suggest(name, space.members, f"`{space.name}.{{}}`")
        raise _at(evaluator, start, tree.end, f"`{space.name}` has no {kind} `{name}`", hint)

    def undefined(self, evaluator: Reader, tree: Tree, name: str) -> NoReturn:
        """Report a name that nothing defines."""
        if name in self.imported:
            evaluator.fail(
                tree, f"`{name}` is imported, and text imports nothing but T and I", "write the value itself"
            )
        if not self.hosted and hasattr(builtins, name):
            evaluator.fail(tree, f"`{name}` is a function of Python, and text runs no Python", "write the value itself")
        known = dict.fromkeys([*evaluator.names, *self.names()])
        hint = suggest(name, known) or suggest(name, self.words(), "`T.{}`")
        own = [f"`{name}`" for name, value in evaluator.names.items() if value is not evaluator.poison]
        if not hint and 0 < len(own) <= 8:
            hint = f"the names of this program are {either(own, 'and')}"
        evaluator.fail(tree, f"`{name}` is not defined", hint)

    def is_builtin(self, name: str) -> bool:
        """Whether a name that the program does not bind is Python's own."""
        return name not in self.values

    def no_host(self, evaluator: Reader, tree: Tree, what: str) -> NoReturn:
        """Refuse what only a decorated function can do."""
        evaluator.fail(tree, f"text runs no Python, so {what} has no value here", "write the value itself")

    def is_iterable(self, value: Any) -> bool:
        """Whether `*value` is possible."""
        return isinstance(value, (tuple, list))

    def compute(
        self, evaluator: Reader, tree: Tree, symbol: str, function: Callable[[Any, Any], Any], a: Any, b: Any
    ) -> Any:
        """`a <symbol> b` of two values of Python."""
        if symbol == "+" and isinstance(a, (tuple, list)) and type(a) is type(b):
            return [*a, *b] if isinstance(a, list) else (*a, *b)
        if symbol in ("==", "!=") and isinstance(a, (str, tuple, list)) and type(a) is type(b):
            return function(a, b)
        for value in (a, b):
            if not isinstance(value, (int, float)):
                evaluator.fail(tree, f"`{symbol}` does not apply to {describe(value)}")
        if isinstance(a, int) and isinstance(b, int):
            bits = {"*": a.bit_length() + b.bit_length(), "<<": a.bit_length() + max(b, 0)}.get(symbol, 0)
            if (
                bits > BITS
                or (symbol == "**" and a.bit_length() * abs(b) > BITS)
                or max(a.bit_length(), b.bit_length()) > BITS
            ):
                evaluator.fail(tree, f"this number has more than {BITS} bits")
        try:
            return function(a, b)
        except (ArithmeticError, TypeError, ValueError) as e:
            evaluator.fail(tree, f"`{symbol}` fails here: {e}")

    def truth(self, evaluator: Reader, tree: Tree, value: Any) -> bool:
        """The truth of a value of Python."""
        if value is None or isinstance(value, (bool, int, float, str, tuple, list, dict)):
            return bool(value)
        evaluator.fail(tree, f"{describe(value)} is neither true nor false")

    def identity(self, evaluator: Reader, tree: Tree, symbol: str, a: Any, b: Any) -> bool:
        """`a <symbol> b`, where the symbol is `is`, `is not`, `in` or `not in`."""
        if isinstance(a, Node) and symbol.startswith("is") and b is None:
            return symbol == "is not"
        if isinstance(a, Node) or isinstance(b, Node):
            evaluator.fail(tree, f"`{symbol}` does not apply to values of a program", "compare with `==` or `!=`")
        try:
            return bool(_IDENTITY[symbol](a, b))
        except TypeError as e:
            evaluator.fail(tree, f"`{symbol}` fails here: {e}")

    def attribute(self, evaluator: Reader, tree: Tree, value: Any, name: str) -> Any:
        """`value.name` of a value of Python."""
        evaluator.fail(tree, f"{describe(value)} has no attributes in a text")

    def subscript(self, evaluator: Reader, tree: Tree, value: Any, key: Any) -> Any:
        """`value[key]` of a value of Python."""
        key = getattr(key, "value", key) if isinstance(key, Expr) and not isinstance(key, Buffer) else key
        if isinstance(key, Expr):
            evaluator.fail(
                tree,
                f"{describe(value)} is a value of Python, from which an index of the program cannot pick",
                "keep the values in a buffer, or choose among them with T.Select",
            )
        construct = CONSTRUCTS.get(value) if callable(value) else None
        if construct is not None and construct.name == "T.Buffer":
            return self.buffer_type(evaluator, tree, value, key)
        if not isinstance(value, (tuple, list, dict, str)):
            evaluator.fail(tree, f"{describe(value)} has no elements")
        try:
            return value[key]
        except (LookupError, TypeError) as e:
            evaluator.fail(tree, f"there is no element [{key!r}]: {e}")

    def buffer_type(self, evaluator: Reader, tree: Tree, value: Any, key: Any) -> Any:
        """`T.Buffer[shape, dtype]`, the older spelling."""
        try:
            return value[key]
        except UserError as e:
            evaluator.rethrow(tree, e)

    def store(self, evaluator: Reader, target: Tree, value: Any, stored: Any) -> None:
        """`value[...] = stored`, where `value` is no buffer."""
        evaluator.fail(target, f"{describe(value)} has no elements to store to; a program stores to buffers")

    def repeat(self, evaluator: FunctionParser, tree: Tree, values: Any) -> None:
        """A `for` over something that is no loop of the program: its body once for each value of Python."""
        hint = "loop over range(n), T.grid(n, m), T.serial, T.parallel, T.vectorized, T.unroll or T.thread_binding"
        if isinstance(values, Expr):
            hint = f"write `range({text_of(evaluator.source, tree.parts[1])})`"
        evaluator.fail(tree.parts[1], f"a program does not loop over {describe(values)}", hint)

    def may_call(self, function: Any) -> bool:
        """Whether a callable that is no construct may be called."""
        from .evaluate import Lambda

        return id(function) in _SAFE or type(function) is Lambda

    def refuse_call(self, evaluator: Reader, tree: Tree, function: Any) -> NoReturn:
        """Report a call that is not possible."""
        if isinstance(function, PrimFunc):
            hint = "put both into a class under @I.ir_module, and call it by the name of the class"
            evaluator.fail(tree.parts[0], f"{describe(function)} belongs to no module of this program", hint)
        if isinstance(function, Namespace) or not callable(function):
            name = f"`{function.name}`" if isinstance(function, Namespace) else describe(function)
            evaluator.fail(tree.parts[0], f"{name} cannot be called")
        self.no_host(evaluator, tree, "a call of a Python function")

    def failed_call(self, evaluator: Reader, tree: Tree, e: Exception) -> NoReturn:
        """Report an exception that a called function let out."""
        evaluator.fail(tree, f"this call fails: {type(e).__name__}: {e}")

    def comprehension(self, evaluator: Evaluator, tree: Tree) -> Any:
        """A comprehension, set or generator."""
        self.no_host(evaluator, tree, "a comprehension" if tree.kind != "set" else "a set")

    def matmul(self, evaluator: Reader, tree: Tree) -> Any:
        """`a @ b`."""
        evaluator.fail(tree, "`@` has no meaning in a program", "write the product as loops over a block")

    def formatted(self, evaluator: Evaluator, tree: Tree, text: str) -> str:
        """An f-string."""
        self.no_host(evaluator, tree, "an f-string")


_IDENTITY: dict[str, Callable[[Any, Any], Any]] = {
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


def _at(evaluator: Reader, start: int, end: int, message: str, hint: str) -> Exception:
    from .diagnostics import error

    return error(evaluator.source, start, end, message, hint)
