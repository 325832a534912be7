"""Statements of a script: the syntax tree of a function to the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..tir import op
from ..tir.buffer import Buffer, BufferRegion
from ..tir.dtype import BOOL, VOID
from ..tir.errors import UserError
from ..tir.expr import Call, Expr, GlobalVar, IntImm, const
from ..tir.function import PrimFunc
from ..tir.stmt import AssertStmt, BlockRealize, Evaluate, ForKind, IfThenElse, Stmt, While
from .assignments import Assignments
from .builder import Scope, building
from .diagnostics import suggest
from .lang.construct import CONSTRUCTS, Rejected, convert, describe, expression, typed
from .lang.functions import DECORATORS, macro, prim_func
from .lang.loops import LoopScope, loop_over
from .lang.statements import MetaVar
from .limits import MAX_EXPANSION
from .macros import Macro
from .names import Function
from .reader import POISON, Poisoned
from .scopes import names_of
from .syntax import MAX_ERRORS, Tree


class FunctionParser(Assignments):
    """Reads one function."""

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

    def statements(self, suite: Tree) -> None:
        """Read a suite into the builder's open one."""
        for part in suite.parts:
            if len(self.errors) >= MAX_ERRORS:
                return
            self.statement(part)

    def statement(self, tree: Tree) -> None:
        handler = _STATEMENTS.get(tree.kind)
        if handler is None:
            what, hint = _OUTSIDE[tree.kind]
            end = self.source.text.find("\n", tree.start)
            end = len(self.source.text) if end < 0 else end
            self.report(
                Tree(tree.kind, [], tree.start, min(tree.end, end)), f"{what} has no place inside a program", hint
            )
            for name in _targets(tree):
                self.define(name, POISON)
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
        value = self.evaluate(inner)
        if isinstance(value, Call) and isinstance(value.op, GlobalVar) and inner.kind == "call":
            # A function called as a statement gives nothing; T.call_function says a type and keeps it.
            if isinstance(self.evaluate(inner.parts[0]), Function):
                value = Call(VOID, value.op, value.args)
        self.effect(inner, value)

    def effect(self, tree: Tree, value: Any) -> None:
        """What a value does that stands as a statement."""
        if value is None or isinstance(value, MetaVar):
            return
        if isinstance(value, Scope):
            self.check_form(tree, value, "rest")
            self.open_rest(value, [])
        elif isinstance(value, Call):
            self.builder.emit(self.placed(Evaluate(value), tree))
        elif isinstance(value, (Expr, Buffer, BufferRegion)):
            hint = "write T.evaluate(...) to have it evaluated, or store it in a buffer"
            if tree.kind == "compare" and tree.parts[1] == "==" and tree.parts[0].kind == "subscript":
                hint = "write `=` to store"
            self.fail(tree, f"{describe(value)} stands here and nothing is done with it", hint)
        elif not self.env.hosted and not isinstance(value, (list, tuple)):
            self.fail(tree, f"{describe(value)} stands here and nothing is done with it")

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
        names = names_of(target)
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
        if isinstance(loop, Scope):
            self.check_form(source, loop, "for")
        if not isinstance(loop, LoopScope):
            self.env.repeat(self, tree, loop)
            return
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
                for name, value in zip(names, loop.values):
                    self.define(name, value, target)
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
                self.fail(trees[i], f"a loop runs over integers, and this is {typed(value.dtype)}")
            values.append(value)
        step = values.pop() if len(values) == 3 else const(1)
        if not isinstance(step, IntImm):
            self.fail(
                trees[2],
                "the step of a loop is a number known when the program is read",
                "loop over the number of steps and compute the index, as in `i * n` for a step of `n`",
            )
        try:
            return loop_over(ForKind.SERIAL, values[0], values[1] if values[1:] else None, step.value)
        except UserError as e:
            self.rethrow(trees[2] if isinstance(e, Rejected) else tree, e)

    def with_(self, tree: Tree) -> None:
        *items, body = tree.parts
        self.with_items(tree, items, body)

    def with_items(self, tree: Tree, items: list[Tree], body: Tree) -> None:
        """Open the first item around the rest."""
        source, target = items[0].parts
        names = [] if target is None else names_of(target)
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
            if isinstance(made, BlockRealize):
                self.placed(made.block, source)

    # Definitions

    def decoration(self, tree: Tree) -> tuple[Any, dict[str, Any]]:
        """What a decorator names, and the options it gives.

        Raises
        ------
        ScriptError: it names no decorator of programs.
        """
        callee = tree.parts[0] if tree.kind == "call" else tree
        if callee.kind == "name" and callee.parts[0] not in self.names and not self.env.hosted:
            self.fail(tree, f"`{callee.parts[0]}` decorates no program", "use @T.prim_func, @T.macro or @I.ir_module")
        value = self.evaluate(callee)
        if not any(value is known for known in DECORATORS):
            self.fail(tree, f"{describe(value)} decorates no program", "use @T.prim_func, @T.macro or @I.ir_module")
        if tree.kind != "call":
            return value, {}
        args, kwargs, trees = self.arguments(tree.parts[1])
        try:
            return value, convert(CONSTRUCTS[value], [None, *args], kwargs)[1]
        except Rejected as e:
            self.fail(tree if e.argument is None else trees.get(e.argument, tree), e.message, e.hint)

    def decorations(self, decorators: list[Tree]) -> tuple[Any, dict[str, Any]]:
        """What the decorator of programs among several says; Python's own are Python's business.

        Raises
        ------
        ScriptError: there is none, or, in a text, another one.
        """
        if self.env.hosted:
            for decorator in decorators:
                tree = decorator.parts[0]
                value = self.evaluate(tree.parts[0] if tree.kind == "call" else tree)
                if any(value is known for known in DECORATORS):
                    return self.decoration(tree)
        return [self.decoration(decorator.parts[0]) for decorator in decorators][-1]

    def decorated(self, tree: Tree) -> None:
        """A function inside a function: a macro, or a program that is a value."""
        *decorators, definition = tree.parts
        value, options = self.decorations(decorators)
        name = definition.parts[0]
        if value is macro and definition.kind == "function":
            self.define(name, Macro(definition, self.source, self.env, options.get("hygienic", True), dict(self.names)))
            return
        if value is not prim_func or definition.kind != "function":
            self.fail(tree, "inside a program only functions can be defined, under @T.macro or @T.prim_func")
        inner = type(self)(self.source, self.env, self.names)
        made = inner.function(definition, private=options.get("private", False))
        self.errors += inner.errors
        self.define(name, POISON if made is None else made)

    def expand(
        self, called: Macro, tree: Tree, args: list[Any], kwargs: dict[str, Any], trees: dict[int | str, Tree]
    ) -> Any:
        """Put a macro's statements in place of a call; its value is what it returns at its end."""
        bound = self.macro_arguments(called, tree, args, kwargs)
        for key, part in trees.items():
            self.substituted(part, args[key] if isinstance(key, int) else kwargs.get(key))
        if self.macros >= 40:
            self.fail(tree, f"macro `{called.name}` is called within itself too deep")
        body = called.tree.parts[3].parts
        self.expanded += len(body)
        if self.expanded > MAX_EXPANSION:
            self.fail(tree, f"the macros of this function make more than {MAX_EXPANSION} statements")
        before = self.source, self.env, self.names, self.gone, self.returned, len(self.errors)
        self.source = called.source
        if called.hygienic:
            self.env, self.names = called.env, dict(called.names)
        self.gone = {}
        self.open_scope()
        for name, value in bound.items():
            self.define(name, value)
        self.macros += 1
        self.returned = None
        try:
            for part in body:
                if part.kind == "return_":
                    self.guarded(part, partial(self.macro_return, part, part is body[-1]))
                else:
                    self.statement(part)
            result = self.returned
        finally:
            self.macros -= 1
            self.close_scope(called.tree)
            self.source, self.env, self.names, self.gone, self.returned, known = before
        note = (f"in this call of macro `{called.name}`", self.source, tree.start, tree.end)
        for i in range(known, len(self.errors)):
            # Of a long way in, the ends are shown.
            self.errors[i] = replace(self.errors[i], notes=(*self.errors[i].notes[:2], note))
        if len(self.errors) > known:
            raise Poisoned
        return result

    def macro_return(self, tree: Tree, last: bool) -> None:
        if not last:
            self.fail(tree, "in a macro `return` stands at the end")
        self.returned = None if tree.parts[0] is None else self.evaluate(tree.parts[0])

    def macro_arguments(self, called: Macro, tree: Tree, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The values of a macro's parameters."""
        parameters = called.tree.parts[1]
        parts: list[Tree] = [] if parameters is None else parameters.parts
        named = [p for p in parts if p.kind == "parameter"]
        rest = next((i for i, p in enumerate(parts) if p.kind == "rest_parameter"), None)
        n = len(named) if rest is None else rest
        bound: dict[str, Any] = {p.parts[0]: value for p, value in zip(named[:n], args)}
        if rest is not None:
            bound[parts[rest].parts[0]] = tuple(args[n:])
        elif len(args) > n:
            self.fail(tree, f"macro `{called.name}` takes {n} argument{'s' * (n != 1)}, got {len(args)}")
        others: dict[str, Any] = {}
        names = [p.parts[0] for p in named]
        for name, value in kwargs.items():
            if name in bound:
                self.fail(tree, f"macro `{called.name}` is given `{name}` twice")
            (bound if name in names else others)[name] = value
        keywords = next((p.parts[0] for p in parts if p.kind == "rest_keywords"), None)
        if keywords is not None:
            bound[keywords] = others
        elif others:
            self.fail(
                tree,
                f"macro `{called.name}` has no parameter `{next(iter(others))}`",
                suggest(next(iter(others)), names),
            )
        for part in named:
            name, _, default = part.parts
            if name in bound:
                continue
            if default is None:
                self.fail(tree, f"macro `{called.name}` lacks its argument `{name}`")
            bound[name] = type(self)(called.source, called.env, called.names).evaluate(default)
        return bound

    # Other statements

    def assert_(self, tree: Tree) -> None:
        condition, message = tree.parts
        text = "assertion failed" if message is None else self.evaluate(message)
        if isinstance(text, tuple) and len(text) == 2 and isinstance(text[1], list):
            # TVM's form: the kind of error, and the pieces of its message.
            text = "".join(map(str, text[1]))
        if not isinstance(text, str):
            self.fail(message, f"the message of an assertion is a string, not {describe(text)}")
        value = self.evaluate(condition)
        test = const(value, BOOL) if isinstance(value, bool) else self.condition(condition, value, "`assert`")
        self.builder.emit(self.placed(AssertStmt(test, text), tree))

    def return_(self, tree: Tree) -> None:
        if self.macros:
            self.fail(tree, "in a macro `return` stands at the end", "use T.ret(...) to return from the program")
        value = () if tree.parts[0] is None else (self.value(tree.parts[0]),)
        self.builder.emit(self.placed(Evaluate(op.raw_call("ret", *value)), tree))

    def leave(self, tree: Tree) -> None:
        word = tree.kind.rstrip("_")
        if not self.loops:
            self.fail(tree, f"`{word}` stands in no loop")
        self.builder.emit(self.placed(Evaluate(op.raw_call(f"{word}_loop")), tree))

    def nothing(self, tree: Tree) -> None:
        """`pass`, `global`, and statements that were left out for their syntax errors."""


def _targets(tree: Tree) -> list[str]:
    """The names that a statement was to define, for when it fails."""
    if tree.kind == "assign":
        return [name for target in tree.parts[:-1] for name in names_of(target)]
    if tree.kind in ("function", "class_"):
        return [tree.parts[0]]
    return names_of(tree.parts[0]) if tree.kind == "annotated" else []


_OUTSIDE = {
    "function": ("a function of Python", "define it outside, or write @T.macro above it"),
    "class_": ("a class", "define it outside"),
    "import_": ("an import", "import outside of the function"),
    "import_from": ("an import", "import outside of the function"),
}
"""Statements that only Python has, with what to do instead."""

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
    "decorated": FunctionParser.decorated,
    **dict.fromkeys(("break_", "continue_"), FunctionParser.leave),
    **dict.fromkeys(("pass_", "outer", "error"), FunctionParser.nothing),
}
"""How each kind of statement is read."""
