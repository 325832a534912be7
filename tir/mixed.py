"""What intrinsics take whose operands have types of their own: each brings its operands to them, or refuses."""

from __future__ import annotations

from collections.abc import Callable

from .dtype import BOOL, FLOAT32, INT32, DType
from .errors import UserError
from .expr import Broadcast, Expr, IntImm, cast, const

Operands = tuple[Expr, ...]


def _ldexp(x: Expr, n: Expr) -> Operands:
    if x.dtype.is_integral:
        x = cast(x, FLOAT32.with_lanes(x.dtype.lanes))
    if not x.dtype.is_float:
        raise UserError(f"T.ldexp takes a float first, got {x.dtype}")
    return _alike("T.ldexp", x, _int32(n, "T.ldexp takes an int32 exponent"))


def _q_multiply_shift(x: Expr, y: Expr, q: Expr, s: Expr) -> Operands:
    word = "T.q_multiply_shift"
    x, y, s = (_int32(e, f"{word} takes int32") for e in (x, y, s))
    digits, by = _digits(q, word), constant_of(s)
    if by is not None:
        _require_shifts(word, digits, max(by, 0), max(-by, 0))
    return _alike(word, x, y, _int32(q, word), s)


def _q_multiply_shift_per_axis(
    x: Expr, y: Expr, ls: Expr, rs: Expr, q: Expr, is_lshift_required: Expr, is_rshift_required: Expr
) -> Operands:
    word = "T.q_multiply_shift_per_axis"
    x, y, ls, rs = (_int32(e, f"{word} takes int32") for e in (x, y, ls, rs))
    digits, flags = _digits(q, word), []
    for name, e in (("is_lshift_required", is_lshift_required), ("is_rshift_required", is_rshift_required)):
        flag = constant_of(e)
        if flag is None or e.dtype.is_handle:
            raise UserError(f"{word} takes a constant bool as {name}, got {e.dtype}")
        flags.append(e if e.dtype.is_bool else const(bool(flag), BOOL))
    left, right = (constant_of(e) if constant_of(flag) else 0 for e, flag in zip((ls, rs), flags))
    _require_shifts(word, digits, left or 0, right or 0)
    return _alike(word, x, y, ls, rs, _int32(q, word), *flags)


def _dp4a(vec1: Expr, vec2: Expr, acc: Expr) -> Operands:
    for e in (vec1, vec2):
        if e.dtype not in ("int8x4", "uint8x4"):
            raise UserError(f"T.dp4a takes vectors of type int8x4 or uint8x4, got {e.dtype}")
    acc = _int32(acc, "T.dp4a adds to an int32")
    if acc.dtype.lanes > 1:
        raise UserError(f"T.dp4a adds to one int32, got {acc.dtype}")
    return vec1, vec2, acc


def _isnullptr(x: Expr) -> Operands:
    if not x.dtype.is_handle:
        raise UserError(f"T.isnullptr takes a handle, got {x.dtype}")
    return (x,)


OPERANDS: dict[str, Callable[..., Operands]] = {
    "ldexp": _ldexp,
    "q_multiply_shift": _q_multiply_shift,
    "q_multiply_shift_per_axis": _q_multiply_shift_per_axis,
    "dp4a": _dp4a,
    "isnullptr": _isnullptr,
}
"""The operands of an intrinsic, brought to their types."""


def constant_of(e: Expr) -> int | None:
    """The integer that an expression is, or a vector is in all of its lanes; None where it is no constant."""
    e = e.value if isinstance(e, Broadcast) else e
    return e.value if isinstance(e, IntImm) else None


def _int32(e: Expr, what: str) -> Expr:
    """An integer as one of 32 bits: constants that fit, and what is narrower."""
    type_ = e.dtype.element
    if type_ == INT32:
        return e
    if isinstance(e, IntImm) and type_.is_integral and INT32.min <= e.value <= INT32.max:
        return const(e.value, INT32)
    if type_.is_integral and type_.bits < 32:
        return cast(e, INT32.with_lanes(e.dtype.lanes))
    raise UserError(f"{what}, got {_shown(e.dtype)}")


def _shown(type_: DType) -> str:
    hint = "; cast it, as in T.Cast('int32', x)" if type_.is_integral or type_.is_float else ""
    return f"{type_}{hint}"


def _digits(q: Expr, word: str) -> int:
    digits = constant_of(q)
    if digits is None or not q.dtype.is_integral or not 1 <= digits <= 62:
        raise UserError(f"{word} takes a constant number of fractional bits, 1 to 62, got {_shown_value(q, digits)}")
    return digits


def _shown_value(e: Expr, value: int | None) -> str:
    return str(e.dtype) if value is None else str(value)


def _require_shifts(word: str, digits: int, left: int, right: int) -> None:
    """Require that constant shifts, of a product of 64 bits, are fewer than all of it."""
    if not 0 <= left <= 63 or right < 0 or digits + right > 63:
        raise UserError(
            f"{word} shifts a product of 64 bits to the left by 0 to 63, got {left}, and to the right by the "
            f"{digits} fractional bits and 0 to {63 - digits} more, got {right}"
        )


def _alike(word: str, *operands: Expr) -> Operands:
    """The operands with as many lanes each; scalars stand for all lanes."""
    lanes = {e.dtype.lanes for e in operands if e.dtype.lanes > 1}
    if len(lanes) > 1:
        counts = " and ".join(map(str, sorted(lanes)))
        raise UserError(f"{word} takes operands of as many lanes each, got {counts}")
    if not lanes:
        return operands
    (count,) = lanes
    return tuple(e if e.dtype.lanes > 1 else Broadcast(e, count) for e in operands)
