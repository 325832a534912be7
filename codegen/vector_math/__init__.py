"""Mathematical functions as expressions of arithmetic and bits, so that any number of lanes computes them at once.

Each rule is within 2 units in the last place of the exact value on its whole domain, special values included.
"""

from __future__ import annotations

from collections.abc import Callable

from ...tir.dtype import FLOAT32
from ...tir.expr import Call, Cast, Expr
from ...tir.op import if_then_else
from . import double, exponential, logarithm, special, trigonometric
from .kit import Kit

Rule = Callable[..., Expr]

RULES: dict[str, Rule] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "exp10": exponential.exp10,
    "expm1": exponential.expm1,
    "sigmoid": exponential.sigmoid,
    "tanh": exponential.tanh,
    "log": logarithm.log,
    "log2": logarithm.log2,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
}
"""The functions of 32 and of 64 bit floats."""

SINGLE: dict[str, Rule] = {
    "sinh": exponential.sinh,
    "cosh": exponential.cosh,
    "asinh": logarithm.asinh,
    "acosh": logarithm.acosh,
    "atanh": logarithm.atanh,
    "tan": trigonometric.tan,
    "asin": trigonometric.asin,
    "acos": trigonometric.acos,
    "atan": trigonometric.atan,
    "atan2": trigonometric.atan2,
    "erf": special.erf,
    "hypot": special.hypot,
    "pow": special.pow_,
}
"""The functions of 32-bit floats only."""

DOUBLE: dict[str, Rule] = {
    "sinh": double.sinh,
    "cosh": double.cosh,
    "asinh": double.asinh,
    "acosh": double.acosh,
    "atanh": double.atanh,
    "tan": double.tan,
    "asin": double.asin,
    "acos": double.acos,
    "atan": double.atan,
    "atan2": double.atan2,
    "erf": double.erf,
    "hypot": double.hypot,
    "pow": double.pow_,
}
"""The functions of 64-bit floats on targets with fused multiply-add, besides those above."""

_REDUCED = frozenset({"sin", "cos", "tan"})


def expand(node: Call, fma: bool) -> Expr | None:
    """The call of a float function as arithmetic, or None where there is no rule for it.

    Floats of fewer than 32 bits are computed in 32.

    Parameters
    ----------
    fma: whether the target rounds `x * y + z` once.
    """
    name, type_ = node.op.name, node.dtype
    if not type_.is_float:
        return None
    if type_.bits < 32:
        wide = FLOAT32.with_lanes(type_.lanes)
        value = expand(Call(wide, node.op, tuple(Cast(wide, arg) for arg in node.args)), fma)
        return None if value is None else Cast(type_, value)
    rule = RULES.get(name) or (SINGLE if type_.bits == 32 else DOUBLE if fma else {}).get(name)
    if rule is None:
        return None
    kit = Kit(type_, fma)
    args = [kit.let(arg, "x") for arg in node.args]
    if name in _REDUCED:
        # Arguments beyond the reduction here go to the C library, in the rare vector that has one.
        fast = Kit(type_, fma)
        inner = fast.close(rule(fast, *args))
        slow = Call(type_, node.op, tuple(args))
        return kit.close(if_then_else(trigonometric.within_limit(kit, args[0]), inner, slow))
    return kit.close(rule(kit, *args))
