"""What single instructions of processors compute, as expressions: LLVM intrinsics that programs call by name.

The interpreter evaluates the expression; backends put it in place of the call where the target lacks the instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

from ...tir import op
from ...tir.dtype import DType, dtype
from ...tir.errors import LowerError
from ...tir.expr import LT, Add, Broadcast, Call, Cast, Expr, Let, Mul, Select, Shuffle, StringImm, Var, const

Meaning = Callable[..., Expr]


class Instruction(NamedTuple):
    """A row of `INSTRUCTIONS`.

    Attributes
    ----------
    features: what LLVM calls the extensions of which a processor needs one.
    meaning: the value from the operands.
    """

    features: tuple[str, ...]
    meaning: Meaning


def dots(a_type: str, b_type: str, group: int) -> Meaning:
    """`total[i] + sum(a[group * i + k] * b[group * i + k] for k < group)`, of integers, wrapping.

    An operand may come as any vector of as many bits.
    """

    def meaning(total: Expr, a: Expr, b: Expr) -> Expr:
        wide = total.dtype.with_lanes(total.dtype.lanes * group)
        x, y = (Cast(wide, _read_as(v, t, wide.lanes)) for v, t in ((a, a_type), (b, b_type)))
        products = Var("products", wide)
        terms = [_every(products, group, k) for k in range(group)]
        return Let(products, Mul(x, y), reduce(Add, terms, total))

    return meaning


def dots_bf16(total: Expr, a: Expr, b: Expr) -> Expr:
    """`fma(a[2i], b[2i], fma(a[2i + 1], b[2i + 1], total[i]))`, denormals taken and given as 0 (VDPBF16PS)."""
    wide = total.dtype.with_lanes(total.dtype.lanes * 2)
    x, y, sums = Var("x", wide), Var("y", wide), [Var(f"sum{k}", total.dtype) for k in range(3)]
    values = [total, *(op.call("fma", _every(x, 2, k), _every(y, 2, k), _flushed(sums[1 - k])) for k in (1, 0))]
    out = _flushed(sums[2])
    for var, value in reversed([*zip(sums, values)]):
        out = Let(var, value, out)
    for k, (var, value) in enumerate(((y, b), (x, a))):
        loaded = Var(f"factor{k}", wide)
        out = Let(loaded, Cast(wide, _read_as(value, "bfloat16", wide.lanes)), Let(var, _flushed(loaded), out))
    return out


def _flushed(x: Expr) -> Expr:
    """The 32-bit float, 0 of its sign in place of a denormal."""
    least, zero = (const(value, "float32") for value in (2.0**-126, 0.0))
    if x.dtype.lanes > 1:
        least, zero = (Broadcast(value, x.dtype.lanes) for value in (least, zero))
    return Select(LT(op.call("abs", x), least), op.call("copysign", zero, x), x)


def _read_as(value: Expr, element: str, lanes: int) -> Expr:
    type_ = dtype(element).with_lanes(lanes)
    return value if value.dtype == type_ else op.call("reinterpret", value, dtype_=type_)


def _every(vector: Expr, group: int, k: int) -> Expr:
    """The lanes k, k + group, k + 2 * group, ..."""
    return Shuffle((vector,), tuple(const(i) for i in range(k, vector.dtype.lanes, group)))


_VNNI = ("avx512vnni", "avxvnni")

INSTRUCTIONS: dict[str, Instruction] = {
    **{f"llvm.x86.avx512.vpdpbusd.{w}": Instruction(_VNNI, dots("uint8", "int8", 4)) for w in (128, 256)},
    "llvm.x86.avx512.vpdpbusd.512": Instruction(("avx512vnni",), dots("uint8", "int8", 4)),
    **{f"llvm.x86.avx512.vpdpwssd.{w}": Instruction(_VNNI, dots("int16", "int16", 2)) for w in (128, 256)},
    "llvm.x86.avx512.vpdpwssd.512": Instruction(("avx512vnni",), dots("int16", "int16", 2)),
    **{f"llvm.x86.avx512bf16.dpbf16ps.{w}": Instruction(("avx512bf16",), dots_bf16) for w in (128, 256, 512)},
    "llvm.aarch64.neon.sdot.v4i32.v16i8": Instruction(("dotprod",), dots("int8", "int8", 4)),
    "llvm.aarch64.neon.udot.v4i32.v16i8": Instruction(("dotprod",), dots("uint8", "uint8", 4)),
    "llvm.aarch64.neon.usdot.v4i32.v16i8": Instruction(("i8mm",), dots("uint8", "int8", 4)),
}
"""The instructions by LLVM's names."""


def instruction(node: Call) -> Instruction | None:
    """The row of the LLVM intrinsic that a call names, None where its meaning is not known."""
    name = node.args[0] if node.args else None
    return INSTRUCTIONS.get(_full(name.value)) if isinstance(name, StringImm) else None


def meaning(node: Call) -> Expr | None:
    """What a call of an LLVM intrinsic computes, None where that is not known.

    Raises
    ------
    LowerError: the operands do not fit the instruction.
    """
    row = instruction(node)
    if row is None:
        return None
    operands = node.args[1:]
    if len(operands) != 3 or not all(_fits(v.dtype, node.dtype) for v in operands):
        raise LowerError(
            "{0} takes three operands of as many bits as its result",
            node,
            hint="the sum so far and two vectors of factors",
        )
    return row.meaning(*operands)


def _fits(given: DType, result: DType) -> bool:
    return given.bits * given.lanes == result.bits * result.lanes


def _full(name: str) -> str:
    return name if name.startswith("llvm.") else f"llvm.{name}"
