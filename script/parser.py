"""Whole programs: the definitions of a text, or of a decorated class, to functions and modules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..tir.dtype import VOID, DType
from ..tir.errors import NodeError, ScriptError, UserError, VerifyError
from ..tir.expr import Var
from ..tir.function import IRModule, PrimFunc
from ..tir.node import Attrs
from ..tir.stmt import Block, Stmt
from ..tir.verify import verify
from ..tir.visit import walk
from .diagnostics import Diagnostic, Source
from .lang.construct import CONSTRUCTS, Rejected, convert
from .lang.functions import ir_module, macro, module_attrs, prim_func
from .macros import Macro
from .names import MODULES, Environment, Function, Namespace
from .statements import FunctionParser
from .syntax import Tree, read

Program = PrimFunc | IRModule


def parse(text: str, *, extra_vars: Mapping[str, Any] | None = None, filename: str = "<text>") -> Program:
    """The program in a text: one function under `@T.prim_func`, or one module under `@I.ir_module`.

    Nothing in the text is executed: names of `T` and `I` are found by table, and a text can build nodes or be in
    error, nothing else. Import lines of `tensorir.script` and `tvm.script` are understood, others without effect.

    Parameters
    ----------
    extra_vars: further names for the text: numbers, strings, tuples, functions, buffers.
    filename: shown in messages.

    Raises
    ------
    ScriptError: the text is no valid program; all errors that could be found are reported together.
    UserError: `text` is no text.
    """
    if not isinstance(text, str):
        raise UserError(f"a program's text is expected, got {type(text).__name__}")
    source = Source(text, filename)
    tree, errors = read(source)
    if errors:
        raise ScriptError.of(errors)
    return TextProgram(source, Environment(extra_vars)).run(tree)


class Definitions:
    """Reads the definitions of one text or class: functions, modules and macros."""

    def __init__(self, source: Source, env: Environment) -> None:
        self.source, self.env = source, env
        self.errors: list[Diagnostic] = []
        self.names: dict[str, Any] = {}

    def reader(self) -> FunctionParser:
        """A reader of what stands at this level, errors collected here."""
        reader = FunctionParser(self.source, self.env, self.names)
        reader.errors = self.errors
        return reader

    def function(self, tree: Tree, options: Mapping[str, Any], names: Mapping[str, Any]) -> PrimFunc | None:
        """The function of a definition, verified; None where there are errors, which are kept."""
        reader = FunctionParser(self.source, self.env, {**self.names, **names})
        made = reader.function(tree, private=options.get("private", False))
        self.errors += reader.errors
        if made is not None and options.get("check_well_formed", True):
            check(made, reader, tree, self.errors)
        return made

    def define_macro(self, tree: Tree, options: Mapping[str, Any]) -> None:
        self.names[tree.parts[0]] = Macro(tree, self.source, self.env, options.get("hygienic", True), self.names)

    def module(self, tree: Tree) -> IRModule:
        """The module of a class."""
        name, bases, body = tree.parts
        reader = self.reader()
        if bases is not None:
            reader.report(bases, "the class of a module has no bases")
        attrs: dict[str, Any] = {}
        wanted: list[tuple[Tree, Mapping[str, Any]]] = []
        members: dict[str, Any] = {}
        for part in body.parts:
            if part.kind == "decorated":
                reader.guarded(part, partial(self.member, part, wanted, members))
            elif self.env.hosted and part.kind in ("assign", "annotated", "import_", "import_from"):
                # Python has run these lines; the class has their names.
                continue
            elif part.kind in ("assign", "import_", "import_from"):
                reader.guarded(part, partial(self.constant, reader, part))
            elif part.kind == "expression_statement" and part.parts[0].kind in ("string", "ellipsis"):
                continue
            elif part.kind == "expression_statement":
                reader.guarded(part, partial(self.module_statement, reader, part.parts[0], attrs))
            elif part.kind == "function":
                reader.report(
                    header(part), f"function `{part.parts[0]}` is not decorated", "write @T.prim_func above it"
                )
            elif part.kind != "pass_" and not self.env.hosted:
                reader.report(part, "a module holds functions, each under @T.prim_func")
        space = Namespace(name, members)
        names = {name: space, "self": space, "cls": space}
        functions: dict[str, PrimFunc] = {}
        for definition, options in wanted:
            made = self.function(definition, options, names)
            if made is not None:
                functions[definition.parts[0]] = made
        return IRModule(functions, Attrs(attrs))

    def member(self, tree: Tree, wanted: list[tuple[Tree, Mapping[str, Any]]], members: dict[str, Any]) -> None:
        *decorators, definition = tree.parts
        value, options = self.reader().decorations(decorators)
        name = definition.parts[0]
        if value is macro:
            self.define_macro(definition, options)
            return
        if value is not prim_func or definition.kind != "function":
            self.reader().fail(tree, "a module holds functions, each under @T.prim_func")
        if name in members:
            self.reader().fail(definition, f"the module has two functions called `{name}`")
        members[name] = Function(name, self.result(definition))
        wanted.append((definition, options))

    def result(self, definition: Tree) -> DType:
        """The type that a function's `->` says."""
        returns = definition.parts[2]
        if returns is None:
            return VOID
        reader = self.reader()
        reader.guarded(returns, lambda: reader.return_type(returns))
        return reader.builder.ret_type

    def constant(self, reader: FunctionParser, tree: Tree) -> None:
        """A name of Python's given outside of any function, or an import."""
        if tree.kind != "assign":
            self.imported(reader, tree)
            return
        *targets, source = tree.parts
        value = reader.evaluate(source)
        for target in targets:
            if target.kind != "name":
                reader.fail(target, "only a name can be given a value outside of a function")
            self.names[target.parts[0]] = reader.names[target.parts[0]] = value

    def imported(self, reader: FunctionParser, tree: Tree) -> None:
        """The names an import line binds: those of this package's and TVM's words; others stay unknown."""
        if tree.kind == "import_":
            self.env.imported.update(part.parts[1] or part.parts[0].parts[0] for part in tree.parts)
            return
        package = ".".join(tree.parts[0].parts)
        for part in tree.parts[1:]:
            name, alias = part.parts
            found = MODULES.get(f"{package}.{name}")
            if found is not None:
                self.names[alias or name] = found
            else:
                self.env.imported.add(alias or name)

    def module_statement(self, reader: FunctionParser, tree: Tree, attrs: dict[str, Any]) -> None:
        if tree.kind == "call" and reader.evaluate(tree.parts[0]) is module_attrs:
            args, kwargs, trees = reader.arguments(tree.parts[1])
            try:
                args, _ = convert(CONSTRUCTS[module_attrs], args, kwargs)
            except Rejected as e:
                reader.fail(tree if e.argument is None else trees.get(e.argument, tree), e.message, e.hint)
            attrs.update(args[0])
            return
        reader.fail(tree, "a module holds functions, each under @T.prim_func")

    def finish(self) -> None:
        """Raise what errors there are."""
        if self.errors:
            unique = list({(d.source, d.start, d.message): d for d in self.errors}.values())
            ordered = sorted(unique, key=lambda d: (d.filename, d.line, d.column))
            raise ScriptError.of(ordered) from next((d.cause for d in ordered if d.cause is not None), None)


class TextProgram(Definitions):
    """Reads a text."""

    def run(self, tree: Tree) -> Program:
        """The one program in it."""
        programs: list[tuple[Tree, Program | None]] = []
        reader = self.reader()
        for part in tree.parts:
            reader.guarded(part, partial(self.statement, reader, part, programs))
        self.finish()
        if not programs:
            raise ScriptError.of([Diagnostic("there is no program here", self.source, 0, 1, _EXPECTED)])
        if len(programs) > 1:
            second = programs[1][0]
            reader.fail(
                header(second), "a text holds one program", "put several functions into a class under @I.ir_module"
            )
        made = programs[0][1]
        assert made is not None
        return made

    def statement(self, reader: FunctionParser, tree: Tree, programs: list[tuple[Tree, Program | None]]) -> None:
        kind = tree.kind
        if kind == "decorated":
            *decorators, definition = tree.parts
            value, options = self.reader().decorations(decorators)
            if value is macro:
                self.define_macro(definition, options)
            elif (value is ir_module) != (definition.kind == "class_"):
                wanted = "a class" if value is ir_module else "a function"
                reader.fail(tree, f"this decorator stands above {wanted}")
            elif value is ir_module:
                programs.append((tree, self.module(definition)))
            else:
                programs.append((tree, self.function(definition, options, {})))
        elif kind in ("assign", "import_", "import_from"):
            self.constant(reader, tree)
        elif kind == "function":
            reader.fail(header(tree), f"function `{tree.parts[0]}` is not decorated", "write @T.prim_func above it")
        elif kind == "class_":
            reader.fail(header(tree), f"class `{tree.parts[0]}` is not decorated", "write @I.ir_module above it")
        elif not (kind == "expression_statement" and tree.parts[0].kind == "string"):
            reader.fail(tree, "this stands outside of any function", _EXPECTED)


_EXPECTED = "a program is a function under @T.prim_func, or a class of them under @I.ir_module"


def check(function: PrimFunc, reader: FunctionParser, tree: Tree, errors: list[Diagnostic]) -> None:
    """Verify a function; an offence is noted at the place its node was read from."""
    try:
        verify(function)
    except VerifyError as e:
        source, at = culprit(e, reader) or (reader.source, header(tree))
        errors.append(Diagnostic(_message(e), source, at.start, max(at.end, at.start + 1), e.hint))
    except RecursionError:
        reader.report(tree, "the program nests too deep", "give parts of it names or functions of their own")


def header(tree: Tree) -> Tree:
    """The first part of a definition, to point at."""
    return (
        header(tree.parts[-1])
        if tree.kind == "decorated"
        else Tree(tree.kind, [], tree.start, tree.start + _HEADER[tree.kind] + len(tree.parts[0]))
    )


_HEADER = {"function": len("def "), "class_": len("class ")}


def culprit(e: VerifyError, reader: FunctionParser) -> tuple[Source, Tree] | None:
    """The place of an ill-formed node; of a variable used in a block, the innermost statement there that uses it."""
    block = next((node for node in e.nodes if isinstance(node, Block)), None)
    var = next((node for node in e.nodes if isinstance(node, Var)), None)
    if block is not None and var is not None:
        using = [s for s in walk(block) if isinstance(s, Stmt) and s in reader.places and var in walk(s)]
        if using:
            return reader.places[using[-1]]
    return next((reader.places[node] for node in e.nodes if node in reader.places), None)


def _message(e: NodeError) -> str:
    hint, e.hint = e.hint, ""
    message, e.hint = e.message, hint
    return message
