"""`T.exp`, `T.call_extern`, ...: a construct for every row of the table of intrinsics."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from ...tir import op
from ...tir.errors import UserError
from ...tir.expr import Call, Expr, StringImm
from .construct import Argument, Type, Value, _argument, _type, construct
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


def _signature(row: op.Intrinsic) -> Signature:
    """How an intrinsic is called, for its row's number of arguments."""

    def parameter(name: str, annotation: str, kind: Any = Parameter.POSITIONAL_ONLY) -> Parameter:
        return Parameter(name, kind, annotation=annotation)

    parameters = [parameter("dtype", "Type")] if op.needs_type(row) else []
    if row.arity is None:
        parameters.append(parameter("args", "Argument", Parameter.VAR_POSITIONAL))
    else:
        parameters += [parameter(name, "Argument") for name in _NAMES[: row.arity]]
    return Signature(parameters, return_annotation="Expr")


_NAMES = ("x", "y", "z", "u", "v")


def _construct(row: op.Intrinsic) -> Callable[..., Expr]:
    call = _typed(row) if op.needs_type(row) else _plain(row)
    if not op.needs_type(row):
        call.__signature__ = _signature(row)  # type: ignore[attr-defined]
    call.__name__ = call.__qualname__ = row.name
    call.__doc__ = row.doc
    call.__module__ = __name__
    construct(call)
    # Where the type comes first, the older spelling with `dtype=` at the end is read as well, but not shown.
    call.__signature__ = _signature(row)  # type: ignore[attr-defined]
    return call


INTRINSICS: dict[str, Callable[..., Expr]] = {name: _construct(row) for name, row in op.OPS.items()}
INTRINSICS["if_then_else"] = if_then_else


@construct
def call_function(dtype: Type, name: str, *args: Argument) -> Expr:
    """A call of the module's function `name`, whose result has the type `dtype`.

    >>> @I.ir_module
    ... class Module:
    ...     @T.prim_func
    ...     def main(B: T.Buffer((16,), "int32")):
    ...         B[0] = T.call_function("int32", "twice", B[1])
    ...
    ...     @T.prim_func
    ...     def twice(x: T.int32) -> T.int32:
    ...         return x * 2
    """
    return op.call_function(name, args, _type(dtype))


@construct
def call_intrin(dtype: Type, name: str, *args: Argument) -> Expr:
    """The intrinsic `name` on exactly these operands, its result of the type `dtype`, whatever is usual for it.

    >>> A[0, 0] = T.call_intrin("float32", "exp", A[0, 1])
    """
    row = op.intrinsic(name)
    if row.arity is not None and len(args) != row.arity:
        raise UserError(f"{row.name} takes {row.arity} argument{'s' * (row.arity != 1)}, got {len(args)}")
    call = Call(_type(dtype), row, tuple(map(_argument, args)))
    fits = op.FITS.get(row.domain)
    wrong = [str(e.dtype) for e in call.args if fits and not fits(e.dtype)]
    if wrong:
        raise UserError(f"T.{name} takes {row.domain.value}s, got {wrong[0]}")
    if row.domain is op.Domain.MIXED and op.raw_call(name, *call.args) is not call:
        raise UserError(
            f"T.call_intrin takes the operands of T.{name} as it takes them: {op.raw_call(name, *call.args)}"
        )
    return call


@construct
def ldexp(x: Value, n: Value) -> Expr:
    """`x` times 2 to the power `n`, rounded once; `n` is of the type int32.

    >>> A[0, 0] = T.ldexp(A[0, 1], B[0])
    """
    return op.raw_call("ldexp", x, n)


@construct
def q_multiply_shift(x: Value, y: Value, q: Value, s: Value) -> Expr:
    """The product of two fixed-point numbers, `x * y * 2**(s - q)` with halves rounded up: int32, in 64-bit arithmetic.

    `q`, a constant, is the number of fractional bits; `s` > 0 shifts `x` to the left before, `s` < 0 the product to the
    right. What overflows wraps. (`s` counts to the left, as what Apache TVM compiles does and its docstring does not.)

    >>> B[0] = T.q_multiply_shift(B[1], 1395864371, 31, -3)
    """
    return op.raw_call("q_multiply_shift", x, y, q, s)


@construct
def q_multiply_shift_per_axis(
    x: Value, y: Value, ls: Value, rs: Value, q: Value, is_lshift_required: Value, is_rshift_required: Value
) -> Expr:
    """`T.q_multiply_shift` with `x` shifted by `ls` bits to the left and the product by `rs` more to the right.

    The constants `is_lshift_required` and `is_rshift_required` tell which of the two shifts there are.

    >>> B[0] = T.q_multiply_shift_per_axis(B[1], B[2], 0, B[3], 31, False, True)
    """
    return op.raw_call("q_multiply_shift_per_axis", x, y, ls, rs, q, is_lshift_required, is_rshift_required)


@construct
def dp4a(vec1: Argument, vec2: Argument, acc: Argument = 0, *typed: Argument) -> Expr:
    """`acc` plus the dot product of two vectors of four 8-bit integers, signed or not: int32, wrapping.

    `T.dp4a("int32", vec1, vec2, acc)`, as Apache TVM prints it, is the same.

    >>> X = T.alloc_buffer((16,), "int8")
    ... B[0] = T.dp4a(X[0:4], X[4:8], B[0])
    """
    operands = (vec1, vec2, acc, *typed)
    first = vec1.value if isinstance(vec1, StringImm) else vec1
    return op.raw_call("dp4a", *(operands[1:] if isinstance(first, str) and first == "int32" else operands))


INTRINSICS |= {f.__name__: f for f in (ldexp, q_multiply_shift, q_multiply_shift_per_axis, dp4a)}
