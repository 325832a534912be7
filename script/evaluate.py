"""Expressions of a script: syntax trees to values, be they values of the program or of the Python around it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

from ..tir import expr as nodes
from ..tir import op
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ..tir.dtype import BOOL
from ..tir.errors import ScriptError, UserError
from ..tir.expr import Expr, IntImm, Ramp, binary, const
from .diagnostics import Source, error, suggest
from .lang.construct import CONSTRUCTS, Rejected, convert, describe, expression
from .lang.methods import Members, Method, members_of
from .literals import number, string
from .names import Environment, Function, Namespace
from .syntax import Tree

MAX_DEPTH = 200
"""How deep expressions and suites may nest, together."""


class Poisoned(Exception):
    """A name is used whose definition was in error; what uses it is passed over in silence."""


POISON: Any = object()
"""What a name stands for whose definition was in error."""

BINARY: dict[str, tuple[type[Any], Callable[[Any, Any], Any], str]] = {
    "add": (nodes.Add, operator.add, "+"),
    "sub": (nodes.Sub, operator.sub, "-"),
    "mul": (nodes.Mul, operator.mul, "*"),
    "div": (nodes.Div, operator.truediv, "/"),
    "floordiv": (nodes.FloorDiv, operator.floordiv, "//"),
    "floormod": (nodes.FloorMod, operator.mod, "%"),
    "==": (nodes.EQ, operator.eq, "=="),
    "!=": (nodes.NE, operator.ne, "!="),
    "<": (nodes.LT, operator.lt, "<"),
    "<=": (nodes.LE, operator.le, "<="),
    ">": (nodes.GT, operator.gt, ">"),
    ">=": (nodes.GE, operator.ge, ">="),
}
"""Operators that are nodes: the node, Python's meaning on plain numbers, the spelling."""

CALLS: dict[str, tuple[str, Callable[[Any, Any], Any], str, type[Any] | None]] = {
    "bit_and": ("bitwise_and", operator.and_, "&", nodes.And),
    "bit_or": ("bitwise_or", operator.or_, "|", nodes.Or),
    "bit_xor": ("bitwise_xor", operator.xor, "^", nodes.NE),
    "shift_left": ("shift_left", operator.lshift, "<<", None),
    "shift_right": ("shift_right", operator.rshift, ">>", None),
    "pow": ("pow", operator.pow, "**", None),
}
"""Operators that are calls: the intrinsic, Python's meaning, the spelling, the node where the operands are bools."""

AUGMENTED = {symbol + "=": kind for kind, (_, _, symbol) in BINARY.items() if kind.isalpha()} | {
    row[2] + "=": kind for kind, row in CALLS.items()
}
"""The operator of each augmented assignment."""


class Evaluator:
    """Evaluates expressions in the scope of a program being read.

    Attributes
    ----------
    env: the names around the program.
    names: the names in it, as bound at the moment.
    depth: how many suites are open.
    """

    def __init__(self, source: Source, env: Environment) -> None:
        self.source, self.env = source, env
        self.names: dict[str, Any] = {}
        self.gone: dict[str, Tree] = {}
        self.depth = 0
        self.define_unknown: Callable[[str], Any] | None = None

    # Errors

    def fail(self, tree: Tree, message: str, hint: str = "") -> NoReturn:
        """Report an error at `tree`."""
        raise error(self.source, tree.start, tree.end, message, hint)

    # Dispatch

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
        self.fail(tree, str(e))

    # Names and literals

    def name(self, tree: Tree) -> Any:
        name = tree.parts[0]
        try:
            value = self.names[name]
        except KeyError:
            value = self.env.lookup(name, self, tree)
        if value is POISON:
            raise Poisoned
        return value

    def unknown(self, tree: Tree, name: str) -> Any:
        """The value of a name that nothing defines: a new symbolic variable in a shape, else an error."""
        if self.define_unknown is not None:
            return self.define_unknown(name)
        if name in self.gone:
            self.fail(
                tree,
                f"`{name}` is defined only inside the block of statements that ends above",
                "define it outside of that block, or use it inside",
            )
        words = self.env.words()
        if name in words:
            self.fail(tree, f"`{name}` is not defined", f"did you mean `T.{name}`?")
        self.fail(tree, f"`{name}` is not defined", suggest(name, [*self.names, *self.env.names()]))

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

    def tuple(self, tree: Tree) -> tuple[Any, ...]:
        return tuple(self.items(tree.parts))

    def list(self, tree: Tree) -> list[Any]:
        return self.items([part for part in tree.parts if part is not None])

    def items(self, parts: list[Tree]) -> list[Any]:
        out: list[Any] = []
        for part in parts:
            if part.kind == "starred":
                out.extend(self.spread(part.parts[0]))
            else:
                out.append(self.evaluate(part))
        return out

    def spread(self, tree: Tree) -> Any:
        """The items of the value of `tree`, for `*tree`."""
        value = self.evaluate(tree)
        if not isinstance(value, (tuple, list)) and not self.env.is_iterable(value):
            self.fail(tree, f"`*` spreads a tuple or a list, not {describe(value)}")
        return value

    def dict(self, tree: Tree) -> dict[Any, Any]:
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

    # Arithmetic

    def binary(self, tree: Tree) -> Any:
        left, right = tree.parts
        return self.operate(tree, tree.kind, self.evaluate(left), self.evaluate(right))

    def operate(self, tree: Tree, kind: str, a: Any, b: Any) -> Any:
        """The value of `a <kind> b`: a node as written, or Python's own value of plain numbers."""
        if isinstance(a, (Expr, BufferRegion, Buffer)) or isinstance(b, (Expr, BufferRegion, Buffer)):
            try:
                return _program_operation(kind, a, b)
            except UserError as e:
                self.rethrow(tree, e)
        compute, symbol = (BINARY if kind in BINARY else CALLS)[kind][1:3]
        return self.env.compute(self, tree, symbol, compute, a, b)

    def negative(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if not isinstance(value, (Expr, BufferRegion, Buffer)):
            return self.env.compute(self, tree, "-", lambda _, x: -x, 0, value)
        try:
            value = expression(value)
            if value.dtype.is_float:
                return binary(nodes.Mul, value, const(-1.0, value.dtype))
            return binary(nodes.Sub, const(0, value.dtype), value)
        except UserError as e:
            self.rethrow(tree, e)

    def positive(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if isinstance(value, (bool, int, float, Expr)):
            return +value
        self.fail(tree, f"`+` does not apply to {describe(value)}")

    def invert(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if not isinstance(value, (Expr, BufferRegion, Buffer)):
            return self.env.compute(self, tree, "~", lambda _, x: ~x, 0, value)
        try:
            value = expression(value)
            return nodes.Not(value) if value.dtype.is_bool else op.raw_call("bitwise_not", value)
        except UserError as e:
            self.rethrow(tree, e)

    def not_(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        if not isinstance(value, (Expr, BufferRegion, Buffer)):
            return not self.env.truth(self, tree, value)
        return nodes.Not(self.condition(tree.parts[0], value, "`not`"))

    def condition(self, tree: Tree, value: Any, where: str) -> Expr:
        """`value` as a bool of the program."""
        try:
            value = expression(value)
        except UserError as e:
            self.rethrow(tree, e)
        if not value.dtype.is_bool:
            self.fail(
                tree, f"{where} takes a bool, and this is a {value.dtype}", "compare it with something, as in `x != 0`"
            )
        return value  # type: ignore[no-any-return]

    def logical(self, tree: Tree) -> Any:
        cls, word, stops = (nodes.And, "and", False) if tree.kind == "and_" else (nodes.Or, "or", True)
        left, right = tree.parts
        a = self.evaluate(left)
        if not isinstance(a, (Expr, BufferRegion, Buffer)):
            if self.env.truth(self, left, a) is stops:
                return a
            b = self.evaluate(right)
            if not isinstance(b, (Expr, BufferRegion, Buffer)):
                return b
            a = const(bool(a), BOOL)
        else:
            b = self.evaluate(right)
        if isinstance(b, bool):
            b = const(b, BOOL)
        return cls(self.condition(left, a, f"`{word}`"), self.condition(right, b, f"`{word}`"))

    def compare(self, tree: Tree) -> Any:
        parts = tree.parts
        left = self.evaluate(parts[0])
        out: Any = None
        at = 1
        while at < len(parts):
            symbol = parts[at]
            at += 1
            while not isinstance(parts[at], Tree):
                symbol += " " + parts[at]
                at += 1
            right = self.evaluate(parts[at])
            at += 1
            step = (
                self.operate(tree, symbol, left, right)
                if symbol in BINARY
                else self.env.identity(self, tree, symbol, left, right)
            )
            if out is None:
                out = step
            elif isinstance(out, Expr) or isinstance(step, Expr):
                out = nodes.And(*(const(x, BOOL) if isinstance(x, bool) else x for x in (out, step)))
            else:
                out = out and step
            left = right
        return out

    def conditional(self, tree: Tree) -> Any:
        then, condition, otherwise = tree.parts
        chosen = self.evaluate(condition)
        if not isinstance(chosen, (Expr, BufferRegion, Buffer)):
            return self.evaluate(then if self.env.truth(self, condition, chosen) else otherwise)
        test = self.condition(condition, chosen, "`if`")
        try:
            a, b = nodes.match_types(expression(self.evaluate(then)), self.evaluate(otherwise))
        except UserError as e:
            self.rethrow(tree, e)
        return nodes.Call(a.dtype, op.OPS["if_then_else"], (test, a, b))

    # Parts of values

    def attribute(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        name = tree.parts[1]
        if type(value) is Namespace:
            found = value.members.get(name)
            return found if found is not None else self.env.missing(self, tree, value, name)
        members = members_of(value)
        if members is not None:
            return self.member(tree, value, members, name)
        return self.env.attribute(self, tree, value, name)

    def member(self, tree: Tree, value: Any, members: Members, name: str) -> Any:
        found = members.get(name)
        if found is None:
            hint = suggest(name, members, f"`{_text(tree.parts[0])}.{{}}`")
            self.fail(tree, f"{describe(value)} has no `{name}`", hint)
        return found(value)

    def subscript(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        index = tree.parts[1]
        if isinstance(value, Buffer):
            return self.element(tree, value, self.indices(index))
        key = self.slice(index) if index.kind == "slice" else self.evaluate(index)
        if isinstance(value, Expr):
            self.fail(
                tree,
                f"{describe(value)} has no elements",
                "only buffers do" if not isinstance(value, BufferLoad) else "",
            )
        return self.env.subscript(self, tree, value, key)

    def indices(self, tree: Tree) -> list[Any]:
        """The indices of a subscript: values, and slices of them."""
        out: list[Any] = []
        for part in tree.parts if tree.kind == "tuple" else [tree]:
            if part.kind == "slice":
                out.append(self.slice(part))
            elif part.kind == "starred":
                out.extend(self.spread(part.parts[0]))
            else:
                value = self.evaluate(part)
                if isinstance(value, tuple) and tree is part:
                    out.extend(value)
                else:
                    out.append(value)
        return out

    def slice(self, tree: Tree) -> slice:
        return slice(*(None if part is None else self.evaluate(part) for part in tree.parts))

    def element(self, tree: Tree, buffer: Buffer, indices: list[Any]) -> BufferLoad | BufferRegion:
        """`buffer[indices]`: an element, a vector, or, with slices, a region."""
        if len(indices) != len(buffer.shape):
            n, shape = len(buffer.shape), ", ".join(map(str, buffer.shape)) + "," * (len(buffer.shape) == 1)
            self.fail(
                tree,
                f"buffer `{buffer.name}` has {n} dimension{'s' * (n != 1)}, of shape ({shape}), and here are "
                f"{len(indices)} ind{'ices' if len(indices) != 1 else 'ex'}",
                f"write {buffer.name}[{', '.join('ijklmnop'[d % 8] for d in range(n)) or '()'}]",
            )
        made: list[Any] = []
        sliced = False
        for i, index in enumerate(indices):
            if type(index) is slice:
                made.append(self.range(tree, index, buffer.shape[i]))
                sliced = sliced or type(made[-1]) is Range
                continue
            if type(index) is Range:
                made.append(index)
                sliced = True
                continue
            try:
                value = index if isinstance(index, Expr) else expression(index)
            except UserError as e:
                self.rethrow(self.index_tree(tree, i), e)
            if not value.dtype.is_integral:
                where = self.index_tree(tree, i)
                self.fail(
                    where,
                    f"an index is an integer, and this is a {value.dtype}",
                    f"convert it, as in T.Cast('int32', {_text(where)})" if value.dtype.is_float else "",
                )
            made.append(value)
        if not sliced:
            return BufferLoad(buffer, tuple(made))
        return BufferRegion(buffer, tuple(m if type(m) is Range else Range.point(m) for m in made))

    def index_tree(self, tree: Tree, i: int) -> Tree:
        """The tree of index `i` of a subscript, or all of it where indices are spread."""
        index: Tree = tree.parts[1]
        parts = index.parts if index.kind == "tuple" else [index]
        return parts[i] if i < len(parts) and all(p.kind != "starred" for p in parts) else tree

    def range(self, tree: Tree, index: slice, extent: Expr) -> Range | Expr:
        """The range of a slice; with a step the vector of its integers."""
        try:
            begin = const(0, extent.dtype) if index.start is None else expression(index.start)
            end = extent if index.stop is None else expression(index.stop)
            begin, end = nodes.match_types(begin, end)
            if index.step is None or index.step == 1:
                return Range.of(begin, end)
            step = index.step.value if isinstance(index.step, IntImm) else index.step
            span = Range.of(begin, end).extent
        except UserError as e:
            self.rethrow(tree, e)
        if not isinstance(step, int) or step < 2 or not isinstance(span, IntImm) or span.value <= step:
            self.fail(
                tree,
                "a slice with a step is a vector: its step and its length are constants",
                "use T.Ramp(start, step, lanes)",
            )
        return Ramp(begin, const(step, begin.dtype), -(-span.value // step))

    # Calls

    def call(self, tree: Tree) -> Any:
        return self.invoke(tree, [])

    def invoke(self, tree: Tree, names: list[str]) -> Any:
        """The value of a call; `names` are those that an assignment gives to what it defines."""
        function = self.evaluate(tree.parts[0])
        arguments = tree.parts[1]
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
                self.fail(trees.get(e.argument, tree), e.message, e.hint)  # type: ignore[arg-type]
        elif type(function) is Function:
            return function.call(self, tree, args, kwargs)
        elif not self.env.may_call(function):
            self.env.refuse_call(self, tree, function)
        self.begin_definition(names)
        try:
            return function(*args, **kwargs)
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

    def begin_definition(self, names: list[str]) -> None:
        """Let the construct called next take its names from `names`."""

    def symbol(self, name: str) -> Any:
        """A new symbolic variable, for an unknown name in a shape."""
        raise NotImplementedError

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
        if len(args) != len(self.parameter_names):
            raise UserError(f"the function takes {len(self.parameter_names)} arguments, got {len(args)}")
        evaluator = self.evaluator
        before, evaluator.names = evaluator.names, {**self.scope, **dict(zip(self.parameter_names, args))}
        try:
            return evaluator.evaluate(self.body)
        finally:
            evaluator.names = before


def _program_operation(kind: str, a: Any, b: Any) -> Expr:
    """The node of `a <kind> b`, at least one of them a value of the program."""
    if not isinstance(a, (Expr, bool, int, float)):
        a = expression(a)
    if not isinstance(b, (Expr, bool, int, float)):
        b = expression(b)
    row = BINARY.get(kind)
    if row is not None:
        if kind == "div":
            a, b = nodes.match_types(a, b)
            if not a.dtype.is_float:
                return nodes.divide(a, b)
        return binary(row[0], a, b)
    name, _, _, logical = CALLS[kind]
    a, b = nodes.match_types(a, b)
    if logical is not None and a.dtype.is_bool:
        return logical(a, b)  # type: ignore[no-any-return]
    return op.raw_call(name, a, b)


def _text(tree: Tree) -> str:
    """A short spelling of a tree for a hint."""
    if tree.kind == "name":
        return str(tree.parts[0])
    if tree.kind == "attribute":
        return f"{_text(tree.parts[0])}.{tree.parts[1]}"
    return "x"


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
    "tuple": Evaluator.tuple,
    "list": Evaluator.list,
    "dict": Evaluator.dict,
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
    "slice": Evaluator.slice,
    "call": Evaluator.call,
    "lambda_": Evaluator.lambda_,
    **dict.fromkeys(
        ("set", "generator", "list_of", "dict_of", "set_of", "generator_argument"),
        lambda self, tree: self.env.comprehension(self, tree),
    ),
    "matmul": lambda self, tree: self.env.matmul(self, tree),
}
"""How each kind of tree is evaluated."""
