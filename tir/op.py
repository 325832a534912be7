"""The intrinsics: one table row each, giving name, types, effect and meaning. What calls them is derived from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Any

from . import meanings
from .dtype import BOOL, HANDLE, INT32, VOID, DType, dtype
from .errors import UserError
from .expr import (
    Call,
    Div,
    Expr,
    FloatImm,
    FloorDiv,
    FloorMod,
    GlobalVar,
    IntImm,
    Max,
    Min,
    Mod,
    Op,
    arith,
    as_expr,
    cast,
    const,
    match_types,
    wrap,
)
from .meanings import BY_TYPE, atanh_pole, keep_sign, log_pole, odd_overflow, power, round_away, rsqrt, sigmoid, total
from .mixed import OPERANDS


class Effect(Enum):
    """What a call does besides giving a value."""

    PURE = "pure"
    READ = "read"
    UPDATE = "update"
    CONTROL = "control"


class Result(Enum):
    """How the result's type follows from the arguments': as the first, bool, or given by the caller."""

    SAME = "same"
    BOOL = "bool"
    GIVEN = "given"
    VOID = "void"
    HANDLE = "handle"


class Domain(Enum):
    """Which types an intrinsic takes."""

    FLOAT = "float"
    INT = "integer"
    NUMBER = "number"
    MIXED = "mixed"
    ANY = "any"


FITS: dict[Domain, Callable[[DType], bool]] = {
    Domain.FLOAT: lambda t: t.is_float,
    Domain.INT: lambda t: t.is_integral or t.is_bool,
    Domain.NUMBER: lambda t: t.is_float or t.is_integral,
}
"""Whether an operand's type is of a domain."""


class Intrinsic(Op):
    """A row of the table.

    Attributes
    ----------
    arity: number of arguments; None where it varies.
    domain: types the arguments must have; they are brought to one type, or where it is mixed each to its own
        (`mixed.OPERANDS`).
    result: how the result's type is found.
    effect: what a call does besides.
    evaluate: the meaning on Python numbers, in exact or double arithmetic; the result is rounded to the type once.
        None where it has a meaning only in a running program.
    doc: one sentence, shown in the language reference.
    """

    __slots__ = ("arity", "doc", "domain", "effect", "evaluate", "result")

    def __init__(
        self,
        name: str,
        arity: int | None,
        domain: Domain,
        result: Result,
        effect: Effect,
        evaluate: Callable[..., Any] | None,
        doc: str,
    ) -> None:
        super().__init__(name)
        self.arity, self.domain, self.result = arity, domain, result
        self.effect, self.evaluate, self.doc = effect, evaluate, doc

    def __reduce__(self) -> tuple[Any, ...]:
        return intrinsic, (self.name,)


OPS: dict[str, Intrinsic] = {}
"""Every intrinsic by name."""


def _rows(domain: Domain, result: Result, effect: Effect, *rows: tuple[str, int | None, Any, str]) -> None:
    for name, arity, evaluate, doc in rows:
        OPS[name] = Intrinsic(name, arity, domain, result, effect, evaluate, doc)


_rows(
    Domain.FLOAT, Result.SAME, Effect.PURE,
    ("exp", 1, total(math.exp), "e to the power x."),
    ("exp2", 1, total(lambda x: 2.0**x), "2 to the power x."),
    ("exp10", 1, total(lambda x: 10.0**x), "10 to the power x."),
    ("expm1", 1, total(math.expm1), "exp(x) - 1, exact near 0."),
    ("log", 1, total(math.log, pole=log_pole), "The natural logarithm; -inf at 0, NaN below."),
    ("log2", 1, total(math.log2, pole=log_pole), "The logarithm to base 2."),
    ("log10", 1, total(math.log10, pole=log_pole), "The logarithm to base 10."),
    ("log1p", 1, total(math.log1p, pole=lambda x: -math.inf if x == -1 else math.nan), "log(1 + x), exact near 0."),
    ("sqrt", 1, total(math.sqrt), "The square root; NaN below 0."),
    ("rsqrt", 1, total(rsqrt), "1 / sqrt(x)."),
    ("sin", 1, total(math.sin), "Sine of x radians."),
    ("cos", 1, total(math.cos), "Cosine of x radians."),
    ("tan", 1, total(math.tan), "Tangent of x radians."),
    ("sinh", 1, total(math.sinh, pole=odd_overflow), "Hyperbolic sine."),
    ("cosh", 1, total(math.cosh), "Hyperbolic cosine."),
    ("tanh", 1, total(math.tanh), "Hyperbolic tangent."),
    ("asin", 1, total(math.asin), "Arc sine, in radians."),
    ("acos", 1, total(math.acos), "Arc cosine, in radians."),
    ("atan", 1, total(math.atan), "Arc tangent, in radians."),
    ("asinh", 1, total(math.asinh), "Inverse hyperbolic sine."),
    ("acosh", 1, total(math.acosh), "Inverse hyperbolic cosine."),
    ("atanh", 1, total(math.atanh, pole=atanh_pole), "Inverse hyperbolic tangent."),
    ("atan2", 2, total(math.atan2), "The angle of the point (x=second, y=first), in radians."),
    ("hypot", 2, math.hypot, "sqrt(x*x + y*y) without overflow on the way."),
    ("copysign", 2, math.copysign, "The magnitude of x with the sign of y."),
    ("nextafter", 2, None, "The next number of the type after x towards y."),
    ("fmod", 2, total(math.fmod), "The remainder of x / y with the sign of x."),
    ("erf", 1, total(math.erf), "The error function."),
    ("sigmoid", 1, total(sigmoid), "1 / (1 + exp(-x))."),
    ("floor", 1, keep_sign(math.floor), "The greatest integer not above x."),
    ("ceil", 1, keep_sign(math.ceil), "The least integer not below x."),
    ("trunc", 1, keep_sign(math.trunc), "x without its fraction."),
    ("round", 1, round_away, "The nearest integer, halves away from zero."),
    ("nearbyint", 1, keep_sign(round), "The nearest integer, halves to even."),
    ("fma", 3, None, "x * y + z with one rounding."),
)  # fmt: skip
_rows(
    Domain.NUMBER, Result.SAME, Effect.PURE,
    ("abs", 1, abs, "The absolute value; the least integer of a signed type is its own."),
    ("pow", 2, power, "x to the power y; of integers wrapping, and truncated for a negative power."),
)  # fmt: skip
_rows(
    Domain.FLOAT, Result.BOOL, Effect.PURE,
    ("isnan", 1, math.isnan, "Whether x is NaN."),
    ("isinf", 1, math.isinf, "Whether x is an infinity."),
    ("isfinite", 1, math.isfinite, "Whether x is neither NaN nor an infinity."),
)  # fmt: skip
_rows(
    Domain.INT, Result.SAME, Effect.PURE,
    ("bitwise_and", 2, lambda x, y: x & y, "Bit by bit and."),
    ("bitwise_or", 2, lambda x, y: x | y, "Bit by bit or."),
    ("bitwise_xor", 2, lambda x, y: x ^ y, "Bit by bit exclusive or."),
    ("bitwise_not", 1, lambda x: ~x, "Every bit flipped."),
    ("shift_left", 2, lambda x, y: x << y, "x times 2 to the power y, wrapping; 0 <= y < bits."),
    ("shift_right", 2, lambda x, y: x >> y, "x shifted right by y bits, keeping the sign; 0 <= y < bits."),
    ("popcount", 1, None, "The number of bits set."),
    ("clz", 1, None, "The number of leading zero bits; all of them at 0."),
    ("mulhi", 2, None, "The upper half of the double-width product."),
)  # fmt: skip
_rows(
    Domain.MIXED, Result.SAME, Effect.PURE,
    ("ldexp", 2, total(math.ldexp, pole=lambda x, n: odd_overflow(x)), "x times 2 to the power n, rounded once."),
    (
        "q_multiply_shift", 4, meanings.q_multiply_shift,
        "x * y * 2**(s - q) of fixed-point numbers with q fractional bits, halves rounded up.",
    ),
    (
        "q_multiply_shift_per_axis", 7, meanings.q_multiply_shift_per_axis,
        "`q_multiply_shift` by `ls` bits to the left and `rs` to the right, those of the two that are required.",
    ),
)  # fmt: skip
_rows(
    Domain.MIXED, Result.GIVEN, Effect.PURE,
    ("dp4a", 3, None, "The dot product of two vectors of four 8-bit integers, added to a 32-bit one."),
)  # fmt: skip
_rows(
    Domain.MIXED, Result.BOOL, Effect.PURE,
    ("isnullptr", 1, lambda address: address == 0, "Whether a pointer is null."),
)  # fmt: skip
_rows(
    Domain.ANY, Result.GIVEN, Effect.PURE,
    ("if_then_else", 3, None, "The second argument where the first holds, else the third; the other is not evaluated."),
    ("likely", 1, None, "The condition itself, known to hold nearly always."),
    ("reinterpret", 1, None, "The bits of x read as another type of the same width."),
    ("vscale", 0, None, "The run-time multiple of a scalable vector."),
    ("call_pure_extern", None, None, "Calls the C function named first; it has no effects."),
    ("call_llvm_pure_intrin", None, None, "Calls the LLVM intrinsic named first; it has no effects."),
    ("vector_reduce_add", 1, None, "The sum of the lanes."),
    ("vector_reduce_max", 1, None, "The greatest lane."),
    ("vector_reduce_min", 1, None, "The least lane."),
    ("undef", 0, None, "Any value of the type."),
    ("type_annotation", 0, None, "Names the element type to tvm_access_ptr."),
)  # fmt: skip
_rows(
    Domain.ANY, Result.HANDLE, Effect.PURE,
    ("address_of", 1, None, "The address of the element that a load names."),
    ("tvm_access_ptr", 5, None, "A pointer into a buffer: (type annotation, data, offset, extent, access mask)."),
)  # fmt: skip
_rows(
    Domain.ANY, Result.GIVEN, Effect.UPDATE,
    ("call_extern", None, None, "Calls the C function named first."),
    ("call_llvm_intrin", None, None, "Calls the LLVM intrinsic named first."),
    ("call_packed", None, None, "Calls a registered Python function by name."),
    ("atomic_add", 2, None, "Adds to the element a load names and gives its former value, in one step."),
    ("tvm_warp_shuffle", 5, None, "The value of the lane given: (mask, value, lane, width, warp size)."),
    ("tvm_warp_shuffle_up", 5, None, "The value of the lane `offset` below."),
    ("tvm_warp_shuffle_down", 5, None, "The value of the lane `offset` above."),
    ("tvm_warp_activemask", 0, None, "The mask of the warp's active lanes."),
)  # fmt: skip
_rows(
    Domain.ANY, Result.VOID, Effect.UPDATE,
    ("prefetch", None, None, "Asks for the memory of the element a load names: (load, rw, locality)."),
    ("tvm_storage_sync", 1, None, "A barrier over the threads that share the memory named."),
    ("tvm_thread_allreduce", None, None, "Reduces values across the threads bound to the axes named."),
    ("tvm_fill_fragment", None, None, "Sets a matrix in a warp's registers: (fragment, m, n, k, index, value)."),
    (
        "tvm_load_matrix_sync", None, None,
        "Loads a matrix into a warp's registers: (fragment, m, n, k, index, pointer, stride, layout).",
    ),
    (
        "tvm_mma_sync", None, None,
        "D = A @ B + C of fragments: (d, index, a, index, b, index, c, index), then the layouts of A and B.",
    ),
    (
        "tvm_store_matrix_sync", None, None,
        "Stores a matrix from a warp's registers: (fragment, m, n, k, index, pointer, stride, layout).",
    ),
    (
        "lane_load_matrix", None, None,
        "Loads an operand into registers of a warp's lanes: "
        "(registers, m, n, k, offset, pointer, stride, layout, operand, whether memory holds all lanes' registers).",
    ),
    (
        "lane_mma", None, None,
        "C += A @ B of matrices in registers of a warp's lanes: "
        "(c, offset, a, offset, b, offset, m, n, k, whether memory holds all lanes' registers).",
    ),
    (
        "ptx_cp_async", None, None,
        "Begins a copy of so many bytes from the second to the first pointer: (to, from, n); of zeros "
        "where a condition that may follow does not hold.",
    ),
    ("ptx_commit_group", 0, None, "Makes a group of the copies that the thread has begun since the last one."),
    ("ptx_wait_group", 1, None, "Waits until at most so many of the thread's groups of copies are under way."),
    ("ptx_init_barrier_thread_count", 2, None, "Makes a barrier in shared memory for so many threads: (pointer, n)."),
    ("ptx_arrive_barrier_expect_tx", 2, None, "Arrives at a barrier and announces so many bytes: (pointer, n)."),
    ("ptx_wait_barrier", 2, None, "Waits for the phase of a barrier that has this parity to end: (pointer, parity)."),
    (
        "ptx_cp_async_bulk_tensor", None, None,
        "Begins a copy of a box of a matrix: (to, data, barrier, rows, columns, box rows, box columns, row, column).",
    ),
    (
        "ptx_wgmma_mma_async", None, None,
        "C += A @ B.T by four warps: (fragment, m, n, k, index, pointer a, pointer b, whether waited for later).",
    ),
    ("ptx_wgmma_fence", 0, None, "Lets products that follow see the registers that they add to."),
    ("ptx_wgmma_commit_group", 0, None, "Makes a group of the products begun since the last one."),
    ("ptx_wgmma_wait_group", 1, None, "Waits until at most so many groups of products are under way."),
    ("assume", 1, None, "States a fact, for passes; checked by the interpreter and in sanitized modules."),
    ("trap", 0, None, "Stops the program with an error."),
)  # fmt: skip
_rows(
    Domain.ANY, Result.VOID, Effect.CONTROL,
    ("ret", None, None, "Returns from the function."),
    ("break_loop", 0, None, "Leaves the innermost loop."),
    ("continue_loop", 0, None, "Goes on with the innermost loop's next iteration."),
)  # fmt: skip


def intrinsic(name: str) -> Intrinsic:
    """The row called `name`.

    Raises
    ------
    UserError: there is none; the message suggests near names.
    """
    found = OPS.get(name)
    if found is None:
        import difflib

        near = difflib.get_close_matches(name, OPS, 3)
        raise UserError(
            f"there is no intrinsic {name!r}" + (f"; did you mean {' or '.join(map(repr, near))}?" if near else "")
        )
    return found


def call(name: str, *args: Any, dtype_: Any = None) -> Expr:
    """A call of the intrinsic `name`, its arguments brought to its domain, constants folded.

    Raises
    ------
    UserError: wrong number or types of arguments; `dtype_` missing where the result's type is the caller's to give.
    """
    made = raw_call(name, *args, dtype_=dtype_)
    folded = _fold(intrinsic(name), made.args, made.dtype)
    return folded if folded is not None else made


def raw_call(name: str, *args: Any, dtype_: Any = None) -> Call:
    """`call` with nothing computed: what a script says is what the program has."""
    row = intrinsic(name)
    if row.arity is not None and len(args) != row.arity:
        raise UserError(f"T.{name} takes {row.arity} argument{'s' * (row.arity != 1)}, got {len(args)}")
    operands = _operands(row, args)
    return Call(result_type(row, operands, dtype_), row, operands)


def _operands(row: Intrinsic, args: tuple[Any, ...]) -> tuple[Expr, ...]:
    if row.domain is Domain.ANY or not args:
        return tuple(map(as_expr, args))
    if row.domain is Domain.MIXED:
        return OPERANDS[row.name](*map(as_expr, args))
    first: Any = args[0]
    if len(args) == 1:
        exprs = [as_expr(float(first) if row.domain is Domain.FLOAT and isinstance(first, int) else first)]
    else:
        for other in args[1:]:
            first, _ = match_types(first, other)
        exprs = [match_types(arg, first)[0] for arg in args]
        exprs[0] = first
    element = exprs[0].dtype
    if row.domain is Domain.FLOAT and element.is_integral:
        exprs = [cast(e, dtype("float32").with_lanes(e.dtype.lanes)) for e in exprs]
    elif row.domain is Domain.INT and not (element.is_integral or element.is_bool):
        raise UserError(f"T.{row.name} takes integers, got {element}")
    elif element.is_handle or (row.domain is Domain.FLOAT and element.is_bool):
        raise UserError(f"T.{row.name} takes {row.domain.value}s, got {element}")
    return tuple(exprs)


def result_type(row: Intrinsic, args: tuple[Expr, ...], given: Any = None) -> DType:
    """The type of a call of `row`.

    Raises
    ------
    UserError: it does not follow from the arguments and none is given.
    """
    if given is not None:
        return dtype(given)
    infer = _INFER.get(row.name) or _INFER_BY_RESULT.get(row.result)
    if infer is None:
        raise UserError(f"T.{row.name} needs the type of its result")
    return infer(args)


_Infer = Callable[[tuple[Expr, ...]], DType]

_INFER_BY_RESULT: dict[Result, _Infer] = {
    Result.SAME: lambda args: args[0].dtype,
    Result.BOOL: lambda args: BOOL.with_lanes(args[0].dtype.lanes),
    Result.VOID: lambda args: VOID,
    Result.HANDLE: lambda args: HANDLE,
}

_INFER: dict[str, _Infer] = {
    "if_then_else": lambda args: args[1].dtype,
    "likely": lambda args: args[0].dtype,
    "tvm_warp_shuffle": lambda args: args[1].dtype,
    "tvm_warp_shuffle_up": lambda args: args[1].dtype,
    "tvm_warp_shuffle_down": lambda args: args[1].dtype,
    "tvm_warp_activemask": lambda args: dtype("uint32"),
    "dp4a": lambda args: INT32,
    "vector_reduce_add": lambda args: args[0].dtype.element,
    "vector_reduce_max": lambda args: args[0].dtype.element,
    "vector_reduce_min": lambda args: args[0].dtype.element,
    "atomic_add": lambda args: args[1].dtype,
    "vscale": lambda args: INT32,
}
"""Result types that follow from the arguments of intrinsics whose `result` does not say how."""


def needs_type(row: Intrinsic) -> bool:
    """Whether the result's type is the caller's to give: in a script it is the call's first argument."""
    return row.result is Result.GIVEN and row.name not in _INFER


def _fold(row: Intrinsic, args: tuple[Expr, ...], result: DType) -> Expr | None:
    if row.effect is not Effect.PURE or not args or not all(isinstance(a, (IntImm, FloatImm)) for a in args):
        return None
    if row.domain is Domain.ANY or not result.is_scalar:
        return None
    return const(evaluate(row, result, *(a.value for a in args if isinstance(a, (IntImm, FloatImm)))), result)


def evaluate(row: Intrinsic, result: DType, *args: Any) -> Any:
    """The value of a pure scalar intrinsic on Python numbers, rounded or wrapped to `result`.

    Raises
    ------
    UserError: a shift by a negative number of bits or by the width or more; 0 to a negative integer power.
    """
    special = BY_TYPE.get(row.name)
    if special is not None:
        return special(result, *args)
    assert row.evaluate is not None, row.name
    if row.name in ("shift_left", "shift_right") and not 0 <= args[1] < result.bits:
        raise UserError(f"T.{row.name} of {result} by {args[1]} bits; 0 to {result.bits - 1} are legal")
    value = row.evaluate(*args)
    if result.is_bool:
        return bool(value)
    if result.is_integral:
        return wrap(int(value), result)
    return result.round(value)


def call_function(name: str, args: tuple[Any, ...], dtype_: Any = VOID) -> Call:
    """A call of the module's function `name`."""
    return Call(dtype(dtype_), GlobalVar(name), tuple(map(as_expr, args)))


def if_then_else(condition: Any, true_value: Any, false_value: Any) -> Expr:
    """`true_value` where `condition` holds, else `false_value`; only the one chosen is evaluated."""
    condition = as_expr(condition)
    if not condition.dtype.is_bool:
        raise UserError(f"the condition of T.if_then_else is of type {condition.dtype}, not bool")
    true_value, false_value = match_types(true_value, false_value)
    if isinstance(condition, IntImm):
        return true_value if condition.value else false_value
    return Call(true_value.dtype, OPS["if_then_else"], (condition, true_value, false_value))


def minimum(a: Any, b: Any) -> Expr:
    """The lesser of two values."""
    return arith(Min, a, b)


def maximum(a: Any, b: Any) -> Expr:
    """The greater of two values."""
    return arith(Max, a, b)


def floordiv(a: Any, b: Any) -> Expr:
    """The quotient rounded down."""
    return arith(FloorDiv, a, b)


def floormod(a: Any, b: Any) -> Expr:
    """The remainder of `floordiv`."""
    return arith(FloorMod, a, b)


def truncdiv(a: Any, b: Any) -> Expr:
    """The quotient rounded towards zero (of integers)."""
    return arith(Div, a, b)


def truncmod(a: Any, b: Any) -> Expr:
    """The remainder of `truncdiv`."""
    return arith(Mod, a, b)


def ceildiv(a: Any, b: Any) -> Expr:
    """The quotient rounded up."""
    a, b = match_types(a, b)
    return floordiv(a + (b - 1), b)


def min_value(type_: Any) -> Expr:
    """The least finite value of a type, as a constant."""
    return const(dtype(type_).min, type_)


def max_value(type_: Any) -> Expr:
    """The greatest finite value of a type, as a constant."""
    return const(dtype(type_).max, type_)


def infinity(type_: Any) -> Expr:
    """Positive infinity of a floating-point type, as a constant."""
    return FloatImm(dtype(type_), math.inf)
