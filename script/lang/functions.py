"""The decorators: functions, modules and macros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .construct import construct


@construct
def prim_func(
    func: Callable[..., Any] | None = None,
    private: bool = False,
    check_well_formed: bool = True,
    s_tir: bool = False,
    tirp: bool = False,
) -> Any:
    """Make the function below a program: `@T.prim_func`.

    Its text is parsed, never run. It may use the Python values around it: numbers, tuples, types, buffers, macros,
    other functions. Parameters are annotated with T.Buffer(...), T.handle or a scalar type.

    Parameters
    ----------
    private: the function gets no "global_symbol", so only its module can call it.
    check_well_formed: verify the program.
    s_tir: accepted, since Apache TVM asks for it; without effect.

    Raises
    ------
    ScriptError: the function is no valid program.

    >>> @T.prim_func(private=True)
    ... def scale(A: T.Buffer((16,), "float32"), k: T.float32):
    ...     for i in range(16):
    ...         A[i] = A[i] * k
    """
    from ..decorate import define_function

    options = {"private": private, "verify": check_well_formed}
    if func is None:
        return lambda f: define_function(f, **options)
    return define_function(func, **options)


@construct
def macro(func: Callable[..., Any] | None = None, *, hygienic: bool = True) -> Any:
    """Make the function below a piece of program that is put in place wherever a program calls it: `@T.macro`.

    A hygienic macro sees the names around its definition; one with `hygienic=False` sees those where it is called.

    >>> @T.macro
    ... def clear(buffer, extent):
    ...     for i in range(extent):
    ...         buffer[i] = 0
    ...
    >>> @T.prim_func
    ... def f(A: T.Buffer((16,)), B: T.Buffer((4,), "int32")):
    ...     clear(A, 16)
    ...     clear(B, 4)
    """
    from ..decorate import define_macro

    if func is None:
        return lambda f: define_macro(f, hygienic)
    return define_macro(func, hygienic)


@construct
def ir_module(cls: type | None = None, check_well_formed: bool = True) -> Any:
    """Make the class below a module of the functions in it, each under `@T.prim_func`: `@I.ir_module`.

    Functions call each other as `Module.add(...)`, by the class's name, or as `self.add(...)` or `cls.add(...)`.

    Raises
    ------
    ScriptError: a function is no valid program.

    >>> @I.ir_module
    ... class Module:
    ...     @T.prim_func
    ...     def main(A: T.Buffer((16,)), B: T.Buffer((16,))):
    ...         Module.copy(A.data, B.data)
    ...         self.copy(B.data, A.data)
    ...
    ...     @T.prim_func(private=True)
    ...     def copy(a: T.handle, b: T.handle):
    ...         A = T.match_buffer(a, (16,))
    ...         B = T.match_buffer(b, (16,))
    ...         for i in range(16):
    ...             B[i] = A[i]
    """
    from ..decorate import define_module

    if cls is None:
        return lambda c: define_module(c, check_well_formed)
    return define_module(cls, check_well_formed)


@construct
def module_attrs(attributes: dict[str, Any]) -> None:
    """Attributes of the module: `I.module_attrs({"runtime": 1})` in its class.

    Python runs this line, too, when it makes the class; it means something only to the reader of the module.

    >>> @I.ir_module
    ... class Module:
    ...     I.module_attrs({"version": 1})
    ...
    ...     @T.prim_func
    ...     def main(A: T.Buffer((16,))):
    ...         A[0] = 1
    """


DECORATORS: tuple[Any, ...] = (prim_func, macro, ir_module)
"""The words that stand above definitions."""
