"""Drops the facts that `T.assume` states."""

from __future__ import annotations

from typing import Any

from ...tir.expr import Call
from ...tir.function import PrimFunc
from ...tir.node import DELETE
from ...tir.stmt import Evaluate
from ...tir.visit import Rewriter
from ..target import Target


def remove_assume(func: PrimFunc, target: Target) -> PrimFunc:
    """Remove every `T.assume`, once nothing is left that uses what it states."""
    return _Remove()(func)


class _Remove(Rewriter):
    def visit_evaluate(self, node: Evaluate) -> Any:
        return DELETE if isinstance(node.value, Call) and node.value.op.name == "assume" else node
