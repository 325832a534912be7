"""Brings the digits that splitting and fusing loops leave into one form: first divided, then the remainder taken."""

from __future__ import annotations

from typing import Any

from ...tir.expr import Expr, FloorDiv, FloorMod, IntImm, const
from ...tir.function import PrimFunc
from ...tir.op import floordiv, floormod
from ...tir.visit import Rewriter
from ..target import Target


def renormalize_split_pattern(func: PrimFunc, target: Target) -> PrimFunc:
    """Rewrite `x % (a * b) // b` to `x // b % a`, which shares `x // b` with other digits of `x`."""
    return _Renormalize()(func)


class _Renormalize(Rewriter):
    def visit_floor_div(self, node: FloorDiv) -> Any:
        out: FloorDiv = node.map_children(self)
        x, b = out.a, _positive(out.b)
        if isinstance(x, FloorMod) and b:
            whole = _positive(x.b)
            if whole and whole % b == 0:
                return floormod(floordiv(x.a, out.b), const(whole // b, out.dtype))
        return out


def _positive(e: Expr) -> int:
    """The value of a positive constant, 0 for anything else."""
    return e.value if isinstance(e, IntImm) and e.value > 0 else 0
