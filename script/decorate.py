"""What the decorators do: find the source and the captured values of a function or class, and read it."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from ..tir.errors import ScriptError
from ..tir.function import IRModule, PrimFunc
from .diagnostics import Source
from .host import HostEnvironment, _Closure, source_of
from .lang.construct import describe
from .macros import Macro
from .parser import Definitions
from .syntax import Tree, read


def define_function(function: Callable[..., Any], *, private: bool, verify: bool) -> Any:
    """The program that `@T.prim_func` makes of a function; in the class of a module, the function for later."""
    function = _plain(function)
    frame = _definer(function)
    if frame is not None and _is_module_class(frame):
        return function
    source, tree = _definition(function)
    definitions = Definitions(source, _environment(function, frame))
    made = definitions.function(tree, {"private": private, "check_well_formed": verify}, {})
    definitions.finish()
    assert made is not None
    return made


def define_macro(function: Callable[..., Any], hygienic: bool) -> Macro:
    """The macro that `@T.macro` makes of a function."""
    function = _plain(function)
    source, tree = _definition(function)
    return Macro(tree, source, _environment(function, _definer(function)), hygienic, {})


def define_module(cls: type, verify: bool) -> IRModule:
    """The module that `@I.ir_module` makes of a class."""
    functions = {name: value for name, value in vars(cls).items() if isinstance(value, PrimFunc)}
    waiting = [value for value in vars(cls).values() if isinstance(value, types.FunctionType)]
    if not waiting:
        return IRModule(functions)
    frame = sys._getframe(2)
    source = _class_source(cls, waiting[0], frame)
    tree, errors = read(source, one_definition=True)
    if errors:
        raise ScriptError.of(errors)
    env = HostEnvironment(None, [_Closure.of(*map(_plain, waiting)), vars(cls), frame.f_locals, frame.f_globals])
    definitions = Definitions(source, env)
    made = definitions.module(_stripped(tree.parts[0]))
    definitions.finish()
    return made


def _stripped(tree: Tree) -> Tree:
    """A definition without its decorators."""
    return tree.parts[-1] if tree.kind == "decorated" else tree


def _plain(function: Any) -> types.FunctionType:
    """The function itself, without what other decorators wrapped around it.

    Raises
    ------
    ScriptError: there is none.
    """
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType):
        raise ScriptError(f"a program is made of a function, not of {describe(function)}")
    return function


def _definition(function: types.FunctionType) -> tuple[Source, Tree]:
    code = function.__code__
    source = source_of(code, code.co_firstlineno, function.__globals__, f"function `{function.__name__}`")
    tree, errors = read(source, one_definition=True)
    if errors:
        raise ScriptError.of(errors)
    definition = _stripped(tree.parts[0])
    if definition.kind != "function":
        raise ScriptError(f"the source of `{function.__name__}` begins with a {definition.kind}, not with its `def`")
    return source, definition


def _definer(function: types.FunctionType) -> types.FrameType | None:
    """The frame that is running the definition of `function`, if one is."""
    frame: types.FrameType | None = sys._getframe(2)
    code = function.__code__
    while frame is not None:
        if any(constant is code for constant in frame.f_code.co_consts):
            return frame
        frame = frame.f_back
    return None


def _is_module_class(frame: types.FrameType) -> bool:
    """Whether a frame runs the body of a class under `@I.ir_module`."""
    if "__qualname__" not in frame.f_locals or "__module__" not in frame.f_locals:
        return False
    code = frame.f_code
    try:
        source = source_of(code, code.co_firstlineno, frame.f_globals, "the class")
    except ScriptError:
        return False
    for line in source.text.splitlines():
        if line.lstrip().startswith("class "):
            return False
        if "ir_module" in line:
            return True
    return False


def _environment(function: types.FunctionType, frame: types.FrameType | None) -> HostEnvironment:
    return HostEnvironment(function, [*([frame.f_locals] if frame is not None else []), function.__globals__])


def _class_source(cls: type, function: types.FunctionType, frame: types.FrameType) -> Source:
    """The source of a class from its `@I.ir_module` on; the decorator is being called from that line."""
    filename = function.__code__.co_filename
    if frame.f_code.co_filename == filename:
        source = source_of(frame.f_code, frame.f_lineno, frame.f_globals, f"class `{cls.__name__}`")
        if source.text.lstrip().startswith("@"):
            return source
    import inspect

    try:
        lines, first = inspect.getsourcelines(cls)
    except (OSError, TypeError) as e:
        raise ScriptError(f"the source of class `{cls.__name__}` cannot be read: {e}") from None
    return Source("".join(lines), filename, first)
