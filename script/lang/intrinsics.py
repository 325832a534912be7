"""`T.exp`, `T.call_extern`, ...: a construct for every row of the table of intrinsics."""

from __future__ import annotations

from collections.abc import Callable

from ...tir import op
from ...tir.errors import UserError
from ...tir.expr import Call, Expr
from .construct import Argument, Type, _argument, _type, construct
from .values import if_then_else


def _typed(row: op.Intrinsic) -> Callable[..., Expr]:
    def call(*args: Argument, dtype: Type | None = None) -> Expr:
        if dtype is None:
            if not args:
                raise UserError(f"T.{row.name} takes the type of its result first, as in T.{row.name}('int32', ...)")
            first, args = getattr(args[0], "value", args[0]), args[1:]
            if not isinstance(first, str):
                raise UserError(f"T.{row.name} takes the type of its result first, as in T.{row.name}('int32', ...)")
            dtype = first
        return op.raw_call(row.name, *args, dtype_=_type(dtype))

    return call


def _plain(row: op.Intrinsic) -> Callable[..., Expr]:
    def call(*args: Argument) -> Expr:
        return op.raw_call(row.name, *args)

    return call


def _construct(row: op.Intrinsic) -> Callable[..., Expr]:
    call = _typed(row) if op.needs_type(row) else _plain(row)
    call.__name__ = call.__qualname__ = row.name
    call.__doc__ = row.doc
    call.__module__ = __name__
    return construct(call)


INTRINSICS: dict[str, Callable[..., Expr]] = {name: _construct(row) for name, row in op.OPS.items()}
INTRINSICS["if_then_else"] = if_then_else


@construct
def call_function(dtype: Type, name: str, *args: Argument) -> Expr:
    """A call of the module's function `name`, whose result has the type `dtype`."""
    return op.call_function(name, args, _type(dtype))


@construct
def call_intrin(dtype: Type, name: str, *args: Argument) -> Expr:
    """The intrinsic `name` on exactly these operands, its result of the type `dtype`, whatever is usual for it."""
    row = op.intrinsic(name)
    if row.arity is not None and len(args) != row.arity:
        raise UserError(f"{row.name} takes {row.arity} argument{'s' * (row.arity != 1)}, got {len(args)}")
    return Call(_type(dtype), row, tuple(map(_argument, args)))
