"""Expressions of a script: syntax trees to values, be they values of the program or of the Python around it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from ..tir.errors import ScriptError, UserError
from ..tir.expr import Expr, Var
from ..tir.expr import Let as LetNode
from .access import Access
from .arithmetic import BINARY, CALLS, Arithmetic
from .diagnostics import Source
from .expectations import FOREIGN
from .lang.construct import CONSTRUCTS, Rejected, convert, describe
from .lang.functions import DECORATORS
from .lang.methods import Method
from .lang.values import Let
from .limits import MAX_SIZE
from .literals import number, string
from .macros import Macro
from .names import Function
from .reader import POISON, Poisoned
from .syntax import Tree, read, text_of

MAX_DEPTH = 200
"""How deep expressions and suites may nest, together."""


class Evaluator(Arithmetic, Access):
    """Evaluates expressions."""

    def evaluate(self, tree: Tree) -> Any:
        """The value of an expression."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.depth -= 1
            self.fail(tree, f"the program nests more than {MAX_DEPTH} deep here", "give a part of it a name of its own")
        try:
            return _EVALUATE[tree.kind](self, tree)
        except KeyError:
            if tree.kind in _EVALUATE:
                raise
            self.fail(tree, f"a {tree.kind.strip('_').replace('_', ' ')} is no value")
        finally:
            self.depth -= 1

    def name(self, tree: Tree) -> Any:
        name = tree.parts[0]
        try:
            value = self.names[name]
        except KeyError:
            value = self.env.lookup(name, self, tree)
        if value is POISON:
            raise Poisoned
        return value

    def substituted(self, tree: Tree, value: Any) -> Any:
        """`value`, which a name is to stand for as it is.

        Values that contain one another double with each line; what would grow out of all measure is refused here.
        """
        if not self.env.hosted and self.sizes.of(value) > MAX_SIZE:
            self.fail(tree, f"this stands for more than {MAX_SIZE} nodes", "bind it to a variable, as in `x = ...`")
        return value

    def unknown(self, tree: Tree, name: str) -> Any:
        """The value of a name that nothing defines: a new symbolic variable in a shape, else an error."""
        if self.define_unknown is not None:
            return self.define_unknown(name)
        if name in self.gone:
            first, last = (self.source.locate(at)[0] for at in (self.gone[name].start, self.gone[name].end - 1))
            lines = f"line {first}" if first == last else f"lines {first} to {last}"
            self.fail(
                tree,
                f"`{name}` is defined inside the block of {lines}, and not known after it",
                "keep a value that is to outlive its block in a buffer, or use it inside",
            )
        words = self.env.words()
        if name in words:
            self.fail(tree, f"`{name}` is not defined", f"did you mean `T.{name}`?")
        if name in FOREIGN:
            self.fail(tree, f"`{name}` has no meaning in a program", f"programs have no {FOREIGN[name]}")
        self.env.undefined(self, tree, name)

    def number(self, tree: Tree) -> Any:
        try:
            return number(tree.parts[0])
        except UserError as e:
            self.rethrow(tree, e)

    def string(self, tree: Tree) -> Any:
        try:
            return string(self, tree)
        except UserError as e:
            self.rethrow(tree, e)

    def quoted(self, tree: Tree, text: str) -> Tree:
        """The expression in a string, placed where the string stands."""

        try:
            inner, errors = read(Source(text, self.source.filename), "only_expression")
        except ScriptError as e:
            errors = list(e.diagnostics)
        if errors:
            self.fail(tree, f"{text!r} in this string is no expression: {errors[0].message}", errors[0].hint)
        for node in inner.walk():
            node.start, node.end = tree.start, tree.end
        return inner.parts[0]

    def tuple_(self, tree: Tree) -> tuple[Any, ...]:
        return tuple(self.items(tree.parts))

    def list_(self, tree: Tree) -> list[Any]:
        return self.items([part for part in tree.parts if part is not None])

    def items(self, parts: list[Tree]) -> list[Any]:
        out: list[Any] = []
        for part in parts:
            if part.kind == "starred":
                out.extend(self.spread(part.parts[0]))
            else:
                out.append(self.evaluate(part))
        return out

    def dict_(self, tree: Tree) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        for part in tree.parts:
            if part is None:
                continue
            if part.kind == "double_starred":
                value = self.evaluate(part.parts[0])
                if not isinstance(value, dict):
                    self.fail(part, f"`**` spreads a dictionary, not {describe(value)}")
                out.update(value)
                continue
            key, value = map(self.evaluate, part.parts)
            try:
                out[key] = value
            except TypeError:
                self.fail(part, f"{describe(key)} cannot be a key")
        return out

    def call(self, tree: Tree) -> Any:
        return self.invoke(tree, [])

    def invoke(self, tree: Tree, names: list[str]) -> Any:
        """The value of a call; `names` are those that an assignment gives to what it defines."""
        function = self.evaluate(tree.parts[0])
        arguments = tree.parts[1]
        if any(function is decorator for decorator in DECORATORS):
            name = text_of(self.source, tree.parts[0])
            self.fail(tree, f"`{name}` is no function of a program", f"write @{name} above a definition")
        if function is Let and arguments is not None:
            return self.let(tree, arguments.parts)
        what = None
        try:
            what = CONSTRUCTS.get(function)
        except TypeError:
            pass
        defines = what is not None and what.name in _SHAPED and self.define_unknown is None
        if defines:
            self.define_unknown = self.symbol
        try:
            args, kwargs, trees = self.arguments(arguments)
        finally:
            if defines:
                self.define_unknown = None
        if type(function) is Method:
            args.insert(0, function.receiver)
            trees = {k + 1 if isinstance(k, int) else k: part for k, part in trees.items()}
            function = function.construct
            what = CONSTRUCTS[function]
        if what is not None:
            try:
                args, kwargs = convert(what, args, kwargs)
            except Rejected as e:
                self.fail(tree if e.argument is None else trees.get(e.argument, tree), e.message, e.hint)
        elif type(function) is Function:
            return function.call(self, tree, args, kwargs)
        elif type(function) is Macro:
            return self.expand(function, tree, args, kwargs, trees)
        elif not self.env.may_call(function):
            self.env.refuse_call(self, tree, function)
        self.begin_definition(names)
        try:
            return function(*args, **kwargs)
        except Rejected as e:
            self.fail(tree if e.argument is None else trees.get(e.argument, tree), e.message, e.hint)
        except UserError as e:
            self.rethrow(tree, e)
        except (ScriptError, Poisoned):
            raise
        except Exception as e:
            if what is not None:
                raise
            self.env.failed_call(self, tree, e)
        finally:
            self.begin_definition([])

    def let(self, tree: Tree, parts: list[Tree]) -> Expr:
        """`T.Let(body, where={x: value, ...})`: new names, each known to the values after it and to the body."""
        if len(parts) != 2 or parts[0].kind == "keyword" or _where(parts[1]) is None:
            self.fail(tree, "T.Let takes an expression and its variables", "write T.Let(x * x, where={x: value})")
        before = self.names
        self.names = dict(before)
        bound: list[tuple[Var, Expr]] = []
        try:
            for pair in _where(parts[1]) or ():
                key, source = pair.parts
                if key.kind != "name":
                    self.fail(key, "the keys of `where` are names of new variables")
                value = self.value(source)
                bound.append((Var(key.parts[0], value.dtype), value))
                self.names[key.parts[0]] = bound[-1][0]
            out = self.value(parts[0])
        finally:
            self.names = before
        for var, value in reversed(bound):
            out = LetNode(var, value, out)
        return out

    def begin_definition(self, names: list[str]) -> None:
        """Let the construct called next take its names from `names`."""

    @abstractmethod
    def expand(
        self, called: Macro, tree: Tree, args: list[Any], kwargs: dict[str, Any], trees: dict[int | str, Tree]
    ) -> Any:
        """The value of a call of a macro."""

    @abstractmethod
    def symbol(self, name: str) -> Any:
        """A new symbolic variable, for an unknown name in a shape."""

    def arguments(self, tree: Tree | None) -> tuple[list[Any], dict[str, Any], dict[int | str, Tree]]:
        """The arguments of a call, positional and by keyword, and the tree of each."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        trees: dict[int | str, Tree] = {}
        if tree is None:
            return args, kwargs, trees
        for part in [tree] if tree.kind == "generator_argument" else tree.parts:
            kind = part.kind
            if kind == "keyword":
                name, value = part.parts
                if name in kwargs:
                    self.fail(part, f"`{name}` is given twice")
                kwargs[name] = self.evaluate(value)
                trees[name] = value
            elif kind == "starred":
                items = list(self.spread(part.parts[0]))
                trees.update((len(args) + i, part) for i in range(len(items)))
                args.extend(items)
            elif kind == "double_starred":
                value = self.evaluate(part.parts[0])
                if not isinstance(value, dict):
                    self.fail(part, f"`**` spreads a dictionary, not {describe(value)}")
                kwargs.update(value)
                trees.update((name, part) for name in value)
            else:
                if kwargs:
                    self.fail(
                        part, "a positional argument stands after one with a name", "put it first, or give its name"
                    )
                trees[len(args)] = part
                args.append(self.evaluate(part))
        return args, kwargs, trees

    def lambda_(self, tree: Tree) -> Any:
        parameters, body = tree.parts
        names = [] if parameters is None else parameters.parts
        return Lambda(self, list(names), body)


class Lambda:
    """A function written in the program: `lambda x, y: x + y`, called while the program is read."""

    __slots__ = ("body", "evaluator", "parameter_names", "scope")

    def __init__(self, evaluator: Evaluator, names: list[str], body: Tree) -> None:
        self.evaluator, self.parameter_names, self.body = evaluator, names, body
        self.scope = dict(evaluator.names)

    def __call__(self, *args: Any) -> Any:
        for value in args:
            self.evaluator.substituted(self.body, value)
        if len(args) != len(self.parameter_names):
            raise UserError(f"the function takes {len(self.parameter_names)} arguments, got {len(args)}")
        evaluator = self.evaluator
        before, evaluator.names = evaluator.names, {**self.scope, **dict(zip(self.parameter_names, args))}
        try:
            return evaluator.evaluate(self.body)
        finally:
            evaluator.names = before


def _where(tree: Tree) -> list[Tree] | None:
    """The pairs of the `where` of T.Let, by keyword or position."""
    if tree.kind == "keyword" and tree.parts[0] == "where":
        tree = tree.parts[1]
    pairs = [part for part in tree.parts if part is not None] if tree.kind == "dict" else []
    return pairs if pairs and all(part.kind == "pair" for part in pairs) else None


_SHAPED = frozenset({"T.match_buffer", "T.Buffer"})
"""Constructs whose arguments may name new symbolic variables."""

_EVALUATE: dict[str, Callable[[Any, Tree], Any]] = {
    "name": Evaluator.name,
    "number": Evaluator.number,
    "string": Evaluator.string,
    "none": lambda self, tree: None,
    "true": lambda self, tree: True,
    "false": lambda self, tree: False,
    "ellipsis": lambda self, tree: ...,
    "tuple": Evaluator.tuple_,
    "list": Evaluator.list_,
    "dict": Evaluator.dict_,
    **dict.fromkeys((kind for kind in (*BINARY, *CALLS) if kind[0].isalpha()), Evaluator.binary),
    "negative": Evaluator.negative,
    "positive": Evaluator.positive,
    "invert": Evaluator.invert,
    "not_": Evaluator.not_,
    "and_": Evaluator.logical,
    "or_": Evaluator.logical,
    "compare": Evaluator.compare,
    "conditional": Evaluator.conditional,
    "attribute": Evaluator.attribute,
    "subscript": Evaluator.subscript,
    "slice": Evaluator.slice_,
    "call": Evaluator.call,
    "lambda_": Evaluator.lambda_,
    **dict.fromkeys(
        ("set", "generator", "list_of", "dict_of", "set_of", "generator_argument"),
        lambda self, tree: self.env.comprehension(self, tree),
    ),
    "matmul": lambda self, tree: self.env.matmul(self, tree),
}
"""How each kind of tree is evaluated."""
