"""Statements of a script: the syntax tree of a function to the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..tir import op
from ..tir.buffer import Buffer, BufferLoad, BufferRegion
from ..tir.dtype import BOOL, VOID
from ..tir.errors import ScriptError, UserError
from ..tir.expr import Call, Expr, GlobalVar, Var, as_expr, const
from ..tir.expr import cast as convert_type
from ..tir.function import PrimFunc
from ..tir.stmt import AssertStmt, BufferStore, Evaluate, ForKind, IfThenElse, Stmt, While
from .builder import Builder, Scope, building
from .diagnostics import Diagnostic, Source
from .evaluate import AUGMENTED, POISON, Evaluator, Poisoned
from .lang.buffers import BufferType
from .lang.construct import describe, expression
from .lang.loops import LoopScope, domain
from .lang.statements import LetScope, MetaVar
from .lang.statements import let as let_construct
from .names import Environment
from .syntax import Tree

_ABSENT: Any = object()


class Macro:
    """A piece of program that stands in for its calls."""

    __slots__ = ("env", "hygienic", "names", "source", "tree")

    def __init__(self, tree: Tree, source: Source, env: Environment, hygienic: bool, names: dict[str, Any]) -> None:
        self.tree, self.source, self.env, self.hygienic, self.names = tree, source, env, hygienic, names


class FunctionParser(Evaluator):
    """Reads one function. Errors of a statement are kept and the next statement read."""

    def __init__(self, source: Source, env: Environment, names: Mapping[str, Any] | None = None) -> None:
        super().__init__(source, env)
        self.names.update(names or {})
        self.builder = Builder("main")
        self.errors: list[Diagnostic] = []
        self.scopes: list[dict[str, Any]] = [{}]
        self.lets: dict[str, int] = {}
        self.places: dict[Any, Tree] = {}
        self.loops = 0
        self.expansions = 0

    # Names

    def define(self, name: str, value: Any, tree: Tree | None = None) -> None:
        """Bind a name until the suite ends."""
        scope = self.scopes[-1]
        if name not in scope:
            scope[name] = self.names.get(name, _ABSENT)
        self.names[name] = value
        self.gone.pop(name, None)
        self.lets.pop(name, None)
        if isinstance(value, Var):
            self.builder.fresh.discard(value)
            self.builder.symbols[name] = value
        if tree is not None and isinstance(value, (Var, Buffer)):
            self.places.setdefault(value, tree)

    def open_scope(self) -> None:
        self.scopes.append({})

    def close_scope(self, tree: Tree) -> None:
        """Forget the names bound since the scope was opened."""
        for name, before in self.scopes.pop().items():
            if before is _ABSENT:
                del self.names[name]
                self.gone[name] = tree
            else:
                self.names[name] = before

    def begin_definition(self, names: list[str]) -> None:
        self.builder.names = list(names)

    def symbol(self, name: str) -> Var:
        var = self.builder.symbol(name, as_expr(0).dtype)
        self.define(name, var)
        return var

    def unknown(self, tree: Tree, name: str) -> Any:
        found = self.builder.symbols.get(name)
        return found if found is not None and name not in self.gone else super().unknown(tree, name)

    # Functions

    def function(self, tree: Tree, *, private: bool = False, attrs: Mapping[str, Any] | None = None) -> PrimFunc | None:
        """The function of a definition; None where there are errors."""
        name, parameters, returns, body = tree.parts
        builder = self.builder
        builder.name = name
        with building(builder):
            self.parameters(parameters)
            if returns is not None:
                self.guarded(returns, lambda: self.return_type(returns))
            self.statements(body)
            if self.errors:
                return None
            if not private:
                builder.attrs = {"global_symbol": name, **builder.attrs}
            builder.attrs.update(attrs or {})
            made: list[PrimFunc] = []
            self.guarded(tree, lambda: made.append(builder.finish()))
        return made[0] if made else None

    def parameters(self, tree: Tree | None) -> None:
        """Declare the parameters: scalars first, since the shapes of buffers may name them."""
        parts: list[Tree] = [] if tree is None else tree.parts
        types: dict[str, Any] = {}
        for part in parts:
            if part.kind != "parameter":
                self.report(part, "a program takes a fixed number of parameters, each by its own name")
                continue
            if part.parts[0] in types:
                self.report(part, f"there are two parameters called `{part.parts[0]}`")
            types[part.parts[0]] = part
        scalars: dict[str, Any] = {}
        buffers: list[tuple[str, Tree]] = []
        for name, part in types.items():
            if _mentions(part.parts[1], "Buffer"):
                buffers.append((name, part))
            else:
                self.guarded(part, lambda n=name, p=part: scalars.setdefault(n, self.scalar_parameter(n, p)), [name])
        shapes: dict[str, BufferType] = {}
        for name, part in buffers:
            self.guarded(part, lambda n=name, p=part: shapes.setdefault(n, self.annotation(p.parts[1])), [name])
        for name, part in types.items():
            if name in shapes:
                made = shapes[name]
                if not isinstance(made, BufferType):
                    self.scalar(name, made, part)
                    continue
                param = self.builder.param(name)
                buffer = made.declare(self.builder, name)
                self.builder.buffer_map[param] = buffer
                self.define(name, buffer, part)
            elif isinstance(scalars.get(name), Var):
                self.builder.params.append(scalars[name])

    def scalar_parameter(self, name: str, part: Tree) -> Any:
        annotation, default = part.parts[1:]
        if annotation is None:
            if default is None:
                self.fail(
                    part,
                    f"parameter `{name}` says no type",
                    f"write `{name}: T.Buffer((128, 128), 'float32')`, `{name}: T.handle` or `{name}: T.int32`",
                )
            self.define(name, self.evaluate(default))
            return None
        if default is not None:
            self.fail(
                default, "a parameter of a program has no default value", "leave out its type to make it a constant"
            )
        return self.scalar(name, self.annotation(annotation), part)

    def scalar(self, name: str, annotation: Any, part: Tree) -> Var | None:
        """The parameter of an evaluated annotation that is no buffer."""
        if isinstance(annotation, BufferType):
            param = self.builder.param(name)
            self.define(name, annotation.declare(self.builder, name), part)
            self.builder.buffer_map[param] = self.names[name]
            return None
        var = self.typed_variable(name, annotation, part.parts[1])
        self.define(name, var, part)
        return var

    def annotation(self, tree: Tree) -> Any:
        """The value of a type annotation; one in quotes is read as an expression."""
        value = self.evaluate(tree)
        if isinstance(value, str) and not value.isidentifier():
            return self.evaluate(self.quoted(tree, value))
        return value

    def quoted(self, tree: Tree, text: str) -> Tree:
        """The expression in a string, placed where the string stands."""
        from .syntax import read

        try:
            inner, errors = read(Source(text, self.source.filename), "only_expression")
        except ScriptError as e:
            errors = list(e.diagnostics)
        if errors:
            self.fail(tree, f"the annotation {text!r} is no expression: {errors[0].message}", errors[0].hint)
        for node in inner.walk():
            node.start, node.end = tree.start, tree.end
        return inner.parts[0]  # type: ignore[no-any-return]

    def typed_variable(self, name: str, annotation: Any, tree: Tree) -> Var:
        """A variable of the type that an annotation says."""
        if isinstance(annotation, Var):
            return Var(name, annotation.dtype, annotation.pointee, annotation.scope)
        from .lang.construct import _type

        try:
            return Var(name, _type(annotation))
        except UserError as e:
            self.fail(tree, str(e), "a type is T.int32, T.float32, T.handle, T.Buffer((16,), 'float32'), ...")

    def return_type(self, tree: Tree) -> None:
        value = self.annotation(tree)
        if value is None:
            return
        from .lang.types import void

        if value is not void:
            self.builder.ret_type = self.typed_variable("result", value, tree).dtype

    # Errors

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

    # Statements

    def statements(self, suite: Tree) -> None:
        """Read a suite into the builder's open one."""
        for part in suite.parts:
            self.statement(part)

    def statement(self, tree: Tree) -> None:
        handler = _STATEMENTS.get(tree.kind)
        if handler is None:
            self.report(tree, f"`{tree.kind.rstrip('_')}` has no place inside a program")
            return
        self.guarded(tree, lambda: handler(self, tree), _targets(tree))

    def suite(self, tree: Tree) -> Stmt:
        """The statements of a suite as one."""
        self.depth += 1
        if self.depth > 100:
            self.depth -= 1
            self.fail(tree, "the program nests more than 100 blocks of statements deep here")
        self.builder.begin()
        self.open_scope()
        try:
            self.statements(tree)
        finally:
            self.close_scope(tree)
            body = self.builder.end()
            self.depth -= 1
        return body

    def expression_statement(self, tree: Tree) -> None:
        inner = tree.parts[0]
        if inner.kind in ("string", "ellipsis"):
            return
        self.effect(inner, self.evaluate(inner))

    def effect(self, tree: Tree, value: Any) -> None:
        """What a value does that stands as a statement."""
        if value is None:
            return
        if isinstance(value, Scope):
            self.check_form(tree, value, "rest")
            self.open_rest(value, [])
        elif isinstance(value, Call):
            if isinstance(value.op, GlobalVar):
                value = Call(VOID, value.op, value.args)
            self.builder.emit(self.placed(Evaluate(value), tree))
        elif isinstance(value, (Expr, Buffer, BufferRegion)):
            self.fail(
                tree,
                f"{describe(value)} stands here and nothing is done with it",
                "write T.evaluate(...) to have it evaluated, or store it in a buffer",
            )
        elif not self.env.hosted and not isinstance(value, (list, tuple)):
            self.fail(tree, f"{describe(value)} stands here and nothing is done with it")

    def placed(self, node: Any, tree: Tree) -> Any:
        """`node`, remembered to stand at `tree`."""
        self.places[node] = tree
        return node

    def check_form(self, tree: Tree, scope: Scope, form: str) -> None:
        if form in scope.forms:
            return
        spelling = scope.spelling or _text(self.source, tree)
        right = {"for": "`for ... in {}:`", "with": "`with {}:`", "rest": "a statement of its own"}
        wanted = " or ".join(right[f].format(spelling) for f in ("for", "with", "rest") if f in scope.forms)
        self.fail(tree, f"`{spelling}` opens in another way", f"write {wanted}")

    def open_rest(self, scope: Scope, names: list[str]) -> Any:
        """Open a construct around the rest of the suite."""
        value = scope.open(self.builder, names)
        self.builder.enclose(lambda body: scope.close(self.builder, body))
        return value

    # Assignments

    def assign(self, tree: Tree) -> None:
        *targets, source = tree.parts
        names = [] if len(targets) > 1 else _names(targets[0])
        values: Any
        if source.kind == "call":
            values = self.invoke(source, names)
        elif source.kind == "tuple" and len(names) == len(source.parts):
            values = tuple(
                self.invoke(part, [name]) if part.kind == "call" else self.evaluate(part)
                for part, name in zip(source.parts, names)
            )
        else:
            values = self.evaluate(source)
        for target in targets:
            self.bind(target, values, source)

    def bind(self, target: Tree, value: Any, source: Tree) -> None:
        """Give a value to a target: a name, several names, or an element of a buffer."""
        if target.kind == "name":
            self.bind_name(target, value, source)
        elif target.kind in ("tuple", "list"):
            if isinstance(value, Scope):
                value = self.open_rest(value, _names(target))
            if isinstance(value, Expr) or not isinstance(value, (tuple, list)):
                if isinstance(value, Expr) or not self.env.is_iterable(value):
                    self.fail(source, f"{len(target.parts)} names stand on the left, and here is {describe(value)}")
                value = list(value)
            if len(value) != len(target.parts):
                self.fail(source, f"{len(target.parts)} names stand on the left, and here are {len(value)} values")
            for part, item in zip(target.parts, value):
                self.bind(part, item, source)
        elif target.kind == "subscript":
            self.store(target, value, source)
        else:
            self.fail(target, "only names and elements of buffers can be assigned to")

    def bind_name(self, target: Tree, value: Any, source: Tree) -> None:
        name = target.parts[0]
        if isinstance(value, MetaVar):
            self.define(name, value.value)
            return
        if isinstance(value, BufferRegion):
            value = expression(value)
        if isinstance(value, Expr) and not (isinstance(value, Var) and value in self.builder.fresh):
            value = LetScope(value)
        if isinstance(value, Scope):
            self.check_form(source, value, "rest")
            if isinstance(value, LetScope):
                self.check_rebinding(target, name)
            self.define(name, self.open_rest(value, [name]), target)
            if isinstance(value, LetScope):
                self.lets[name] = len(self.scopes)
            return
        if isinstance(value, (bool, int, float)):
            self.check_rebinding(target, name)
            self.define(name, value)
            self.lets[name] = len(self.scopes)
            return
        self.define(name, value, target)

    def check_rebinding(self, target: Tree, name: str) -> None:
        """Refuse to give a name of an enclosing suite a new value: it would not be seen there."""
        level = self.lets.get(name)
        if level is not None and level < len(self.scopes) and name in self.names:
            value = self.names[name]
            what = "a Python number" if not isinstance(value, Expr) else "a variable with one value"
            self.fail(
                target,
                f"`{name}` is {what}, bound outside of this block of statements, and cannot be changed inside it",
                f"keep what changes in a buffer, as in `{name} = T.alloc_buffer((1,), 'float32')` and "
                f"`{name}[0] = ...`, or use another name",
            )

    def store(self, target: Tree, value: Any, source: Tree) -> None:
        """`A[i] = value`"""
        buffer = self.evaluate(target.parts[0])
        if not isinstance(buffer, Buffer):
            self.env.store(self, target, buffer, value)
            return
        place: Any = self.element(target, buffer, self.indices(target.parts[1]))
        try:
            if isinstance(place, BufferRegion):
                place = place.to_expr()
            stored = self.fitting(place, value, source)
        except UserError as e:
            self.rethrow(target, e)
        self.builder.emit(self.placed(BufferStore(buffer, stored, place.indices), target))

    def fitting(self, place: BufferLoad, value: Any, source: Tree) -> Expr:
        """`value` in the type of the element it is stored to: numbers are converted, scalars broadcast."""
        held = place.dtype
        if isinstance(value, (bool, int, float)):
            try:
                if held.is_bool or isinstance(value, bool) or isinstance(value, float) <= held.is_float:
                    return const(value, held)
            except UserError as e:
                self.rethrow(source, e)
        try:
            stored = expression(value)
        except UserError as e:
            self.rethrow(source, e)
        if stored.dtype == held:
            return stored
        if stored.dtype == held.element:
            return convert_type(stored, held)
        shown = _text(self.source, source)
        self.fail(
            source,
            f"a {stored.dtype} is stored in buffer `{place.buffer.name}`, which holds {held}",
            f"convert it: T.Cast({str(held)!r}, {shown})" if stored.dtype.lanes == held.lanes else "",
        )

    def augmented(self, tree: Tree) -> None:
        target, symbol, source = tree.parts
        kind = AUGMENTED.get(symbol)
        if kind is None:
            self.fail(tree, f"`{symbol}` has no meaning in a program")
        if target.kind not in ("subscript", "name"):
            self.fail(target, "only names and elements of buffers can be assigned to")
        before = self.evaluate(target)
        value = self.operate(tree, kind, before, self.evaluate(source))
        if target.kind == "name" and isinstance(before, Expr):
            name = target.parts[0]
            self.fail(
                target,
                f"`{name}` is a variable with one value and cannot be changed",
                f"keep what changes in a buffer, as in `{name} = T.alloc_buffer((1,), '{before.dtype}')` and "
                f"`{name}[0] {symbol} ...`",
            )
        self.bind(target, value, source)

    def annotated(self, tree: Tree) -> None:
        target, annotation, source = tree.parts
        if target.kind != "name":
            self.fail(target, "only a name can be given a type")
        name = target.parts[0]
        var = self.typed_variable(name, self.let_type(annotation), annotation)
        if source is None:
            self.define(name, var, target)
            return
        given = self.invoke(source, [name]) if source.kind == "call" else self.evaluate(source)
        if isinstance(given, LetScope) and given.var is None:
            given = given.value
        try:
            value = as_expr(given, var.dtype) if isinstance(given, (bool, int, float)) else expression(given)
        except UserError as e:
            self.rethrow(source, e)
        if value.dtype != var.dtype:
            self.fail(
                source,
                f"a {value.dtype} is bound to `{name}`, which is said to be a {var.dtype}",
                f"convert it: T.Cast({str(var.dtype)!r}, {_text(self.source, source)})",
            )
        self.check_rebinding(target, name)
        self.define(name, self.open_rest(LetScope(value, var), [name]), target)
        self.lets[name] = len(self.scopes)

    def let_type(self, tree: Tree) -> Any:
        """The type of `x: T.int32 = ...`, or of `x: T.let[T.int32] = ...`."""
        if tree.kind == "subscript" and self.evaluate(tree.parts[0]) is let_construct:
            return self.annotation(tree.parts[1])
        return self.annotation(tree)

    # Control flow

    def if_(self, tree: Tree) -> None:
        condition, then, otherwise = tree.parts
        value = self.evaluate(condition)
        if not isinstance(value, (Expr, Buffer, BufferRegion)):
            chosen = then if self.env.truth(self, condition, value) else otherwise
            if chosen is not None:
                self.statement(chosen) if chosen.kind == "elif_" else self.statements(chosen)
            return
        test = self.condition(condition, value, "`if`")
        first = self.suite(then)
        second = None
        if otherwise is not None:
            if otherwise.kind == "elif_":
                otherwise = Tree("suite", [otherwise], otherwise.start, otherwise.end)
            second = self.suite(otherwise)
        self.builder.emit(self.placed(IfThenElse(test, first, second), condition))

    def while_(self, tree: Tree) -> None:
        condition, body = tree.parts
        value = self.evaluate(condition)
        test = const(value, BOOL) if isinstance(value, bool) else self.condition(condition, value, "`while`")
        self.loops += 1
        try:
            self.builder.emit(self.placed(While(test, self.suite(body)), condition))
        finally:
            self.loops -= 1

    def for_(self, tree: Tree) -> None:
        target, source, body = tree.parts
        names = _names(target)
        header: list[Any] = []
        if not names:
            self.fail(target, "a loop's variables are names")
        if not self.guarded(source, lambda: header.append(self.iterated(source)), None):
            self.open_scope()
            for name in names:
                self.define(name, POISON)
            self.suite(body)
            self.close_scope(body)
            return
        loop = header[0]
        if not isinstance(loop, LoopScope):
            self.env.repeat(self, tree, loop)
            return
        self.check_form(source, loop, "for")
        single = len(names) == 1 and target.kind == "name" and len(loop.domains) > 1
        try:
            made = loop.open(self.builder, [f"{names[0]}_{d}" for d in range(len(loop.domains))] if single else names)
        except UserError as e:
            self.rethrow(target, e)
        self.open_scope()
        self.loops += 1
        try:
            if single:
                self.define(names[0], made)
            else:
                for name, var in zip(names, loop.variables):
                    self.define(name, var, target)
            inside = self.suite(body)
        finally:
            self.loops -= 1
            self.close_scope(body)
        self.builder.emit(self.placed(loop.close(self.builder, inside), source))

    def iterated(self, tree: Tree) -> Any:
        """What a `for` runs over: a loop of the program, or values of Python."""
        if tree.kind != "call" or tree.parts[0].kind != "name" or tree.parts[0].parts[0] != "range":
            return self.evaluate(tree)
        if "range" in self.names or not self.env.is_builtin("range"):
            return self.evaluate(tree)
        args, kwargs, trees = self.arguments(tree.parts[1])
        if kwargs or not 1 <= len(args) <= 3:
            self.fail(tree, "`range` takes an extent, or a begin and an end")
        values = []
        for i, arg in enumerate(args):
            try:
                value = expression(arg)
            except UserError as e:
                self.rethrow(trees[i], e)
            if not value.dtype.is_integral:
                self.fail(trees[i], f"a loop runs over integers, and this is a {value.dtype}")
            values.append(value)
        if len(values) == 3:
            if values[2] is not const(1):
                self.fail(
                    trees[2],
                    "a loop of a program has no step",
                    "loop over the number of steps and compute the index, as in `i * 4` for a step of 4",
                )
            values.pop()
        try:
            return LoopScope(ForKind.SERIAL, [domain(*values)])
        except UserError as e:
            self.rethrow(tree, e)

    def with_(self, tree: Tree) -> None:
        *items, body = tree.parts
        self.with_items(tree, items, body)

    def with_items(self, tree: Tree, items: list[Tree], body: Tree) -> None:
        """Open the first item around the rest."""
        source, target = items[0].parts
        names = [] if target is None else _names(target)
        scope = self.invoke(source, names) if source.kind == "call" else self.evaluate(source)
        if not isinstance(scope, Scope):
            self.fail(
                source,
                f"`with` opens a block or the like, not {describe(scope)}",
                "open a block: with T.block('name'):",
            )
        self.check_form(source, scope, "with")
        try:
            value = scope.open(self.builder, names)
        except UserError as e:
            self.rethrow(source, e)
        self.open_scope()
        try:
            if target is not None:
                if isinstance(value, list):
                    self.bind(target, tuple(value), source)
                else:
                    self.define(names[0], value, target)
            if len(items) == 1:
                inside = self.suite(body)
            else:
                self.builder.begin()
                self.guarded(tree, lambda: self.with_items(tree, items[1:], body))
                inside = self.builder.end()
        finally:
            self.close_scope(body)
        try:
            made = scope.close(self.builder, inside)
        except UserError as e:
            self.rethrow(source, e)
        if made is not None:
            self.builder.emit(self.placed(made, source))

    def assert_(self, tree: Tree) -> None:
        condition, message = tree.parts
        text = "assertion failed" if message is None else self.evaluate(message)
        if not isinstance(text, str):
            self.fail(message, f"the message of an assertion is a string, not {describe(text)}")
        value = self.evaluate(condition)
        test = const(value, BOOL) if isinstance(value, bool) else self.condition(condition, value, "`assert`")
        self.builder.emit(self.placed(AssertStmt(test, text), tree))

    def return_(self, tree: Tree) -> None:
        value = () if tree.parts[0] is None else (self.value(tree.parts[0]),)
        self.builder.emit(self.placed(Evaluate(op.raw_call("ret", *value)), tree))

    def leave(self, tree: Tree) -> None:
        word = tree.kind.rstrip("_")
        if not self.loops:
            self.fail(tree, f"`{word}` stands in no loop")
        self.builder.emit(self.placed(Evaluate(op.raw_call(f"{word}_loop")), tree))

    def nothing(self, tree: Tree) -> None:
        """`pass`, `global`, and statements that were left out for their syntax errors."""


def _mentions(tree: Tree | None, word: str) -> bool:
    """Whether an annotation names `word` (as `T.Buffer` does)."""
    return tree is not None and any(
        word in part for node in tree.walk() for part in node.parts if isinstance(part, str)
    )


def _names(tree: Tree) -> list[str]:
    """The names of a target, if it consists of names; else nothing."""
    if tree.kind == "name":
        return [tree.parts[0]]
    if tree.kind in ("tuple", "list") and all(isinstance(p, Tree) and p.kind == "name" for p in tree.parts):
        return [part.parts[0] for part in tree.parts]
    return []


def _targets(tree: Tree) -> list[str]:
    """The names that a statement was to define, for when it fails."""
    if tree.kind == "assign":
        return [name for target in tree.parts[:-1] for name in _names(target)]
    return _names(tree.parts[0]) if tree.kind == "annotated" else []


def _text(source: Source, tree: Tree) -> str:
    text = source.text[tree.start : tree.end]
    return text if len(text) <= 60 and "\n" not in text else "..."


_STATEMENTS: dict[str, Callable[[FunctionParser, Tree], None]] = {
    "expression_statement": FunctionParser.expression_statement,
    "assign": FunctionParser.assign,
    "augmented": FunctionParser.augmented,
    "annotated": FunctionParser.annotated,
    "assert_": FunctionParser.assert_,
    "return_": FunctionParser.return_,
    "if_": FunctionParser.if_,
    "elif_": FunctionParser.if_,
    "while_": FunctionParser.while_,
    "for_": FunctionParser.for_,
    "with_": FunctionParser.with_,
    **dict.fromkeys(("break_", "continue_"), FunctionParser.leave),
    **dict.fromkeys(("pass_", "outer", "error"), FunctionParser.nothing),
}
"""How each kind of statement is read."""
