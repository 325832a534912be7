"""The data types of `T`: `T.float32(1)` is a constant, `T.int32()` a new variable, `T.float32` alone names the type."""

from __future__ import annotations

from typing import Any

from ...tir.dtype import HANDLE, NAMES, DType, dtype
from ...tir.errors import UserError
from ...tir.expr import Expr, Var, as_expr, cast, const
from ..builder import Builder, _running
from .construct import Value, _type, _value, construct, register


class TypeName:
    """A data type as a word of the language.

    `T.float32(x)` is the constant or converted value, `T.float32()` a new variable, `T.float32("inf")`, `"-inf"` and
    `"nan"` the special values. In a signature `n: T.int32` declares a scalar parameter.

    >>> x = T.float32(1)
    >>> y = T.float32("inf")
    >>> A[0, 0] = x + y + T.float32(n)
    """

    __slots__ = ("__tensorir_dtype__",)

    def __init__(self, name: str) -> None:
        self.__tensorir_dtype__ = dtype(name)

    def __call__(self, value: Value | str | None = None) -> Expr:
        target: DType = self.__tensorir_dtype__
        if value is None:
            return _variable(str(target), target)
        if isinstance(value, str):
            special = str(value).lower().lstrip("+-")
            if special not in ("inf", "infinity", "nan") or not target.is_float:
                raise UserError(f"T.{target} takes a number, or 'inf', '-inf' or 'nan' if it is a float, got {value!r}")
            return const(float(value), target)
        if isinstance(value, (bool, int, float)):
            return const(value, target)
        return cast(_value(value), target)

    def __repr__(self) -> str:
        return f"T.{self.__tensorir_dtype__}"


class HandleType:
    """A pointer: `p: T.handle` in a signature, `T.handle("float32", "shared")` with what it points to.

    `T.handle()` is a new pointer variable, `T.handle(0)` the null pointer.

    >>> @T.prim_func
    ... def f(a: T.handle, p: T.handle("float32", "shared")):
    ...     A = T.match_buffer(a, (16,))
    ...     P = T.decl_buffer((16,), "float32", data=p)
    ...     A[0] = P[0]
    """

    __slots__ = ("__tensorir_dtype__",)

    def __init__(self) -> None:
        self.__tensorir_dtype__ = HANDLE

    def __call__(self, pointee: Any = None, scope: str | None = None) -> Expr:
        if isinstance(pointee, (int, float)) and not isinstance(pointee, bool):
            return const(pointee, HANDLE)
        if isinstance(pointee, Expr):
            return as_expr(pointee) if pointee.dtype.is_handle else cast(pointee, HANDLE)
        element = None if pointee is None else _type(pointee)
        return _variable("handle", HANDLE, element, scope or "")

    def __repr__(self) -> str:
        return "T.handle"


def _variable(default: str, dtype: DType, pointee: DType | None = None, scope: str = "") -> Var:
    """A new variable, named by the running assignment."""
    builder: Builder | None = _running.builder
    if builder is None:
        return Var(default, dtype, pointee, scope)
    made = builder.new(Var(builder.take_name(default), dtype, pointee, scope))
    builder.unbound.add(made)
    return made


def _call(value: Any = None) -> None: ...


def _call_handle(pointee: Any = None, scope: str | None = None) -> None: ...


_made: dict[str, TypeName] = {}


def type_name(name: str) -> TypeName | None:
    """The word for the data type `name` (also of vectors: "float32x4"), or None when it names no type."""
    found = _made.get(name)
    if found is None:
        try:
            found = TypeName(name)
        except UserError:
            return None
        if len(_made) > 1024:
            return None
        _made[name] = found
        register(found, _call, f"T.{name}")
    return found


handle = HandleType()
register(handle, _call_handle, "T.handle")
TYPES: dict[str, Any] = {name: type_name(name) for name in NAMES if name not in ("handle", "void")} | {"handle": handle}
"""The words for the scalar types."""

SHORT: dict[str, Any] = {
    f"{kind[0] if kind != 'bfloat' else 'bf'}{bits}": TYPES[f"{kind}{bits}"]
    for kind, widths in {
        "bfloat": (16,),
        "float": (16, 32, 64),
        "int": (8, 16, 32, 64),
        "uint": (8, 16, 32, 64),
    }.items()
    for bits in widths
}
"""Shorter names of some: `T.f32` is `T.float32`."""


@construct
def void() -> None:
    """No value: the type of a function that returns nothing, as in `-> T.void`.

    >>> @T.prim_func
    ... def f(A: T.Buffer((16,))) -> T.void:
    ...     A[0] = 1
    """


@construct
def Ptr(dtype: Any, scope: str | None = None) -> Expr:
    """A pointer to elements of `dtype` in the memory `scope`; the older name of `T.handle(dtype, scope)`.

    >>> @T.prim_func
    ... def f(p: T.Ptr("float32", "global")):
    ...     A = T.decl_buffer((16,), "float32", data=p)
    ...     A[0] = 1
    """
    return handle(dtype, scope)


@construct
def var(dtype: Any, name: str = "v") -> Var:
    """A new variable of the type `dtype`; `x = T.int32()` is the newer spelling.

    >>> x = T.var("int32")
    >>> with T.let(x, n * 2):
    ...     B[0] = x
    """
    return _variable(name, _type(dtype))
