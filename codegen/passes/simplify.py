"""Simplifies expressions under what is known of the loops and conditions around them; drops what is provably idle."""

from __future__ import annotations

from ...tir.arith import Analyzer
from ...tir.function import PrimFunc
from ..target import Target


def simplify(func: PrimFunc, target: Target) -> PrimFunc:
    """Bring expressions into normal form, fold conditions that are decided, remove loops that run no iteration."""
    return Analyzer().simplify_stmt(func)
