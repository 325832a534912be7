"""Drops stores of `T.undef()`, which say that an element may hold anything."""

from __future__ import annotations

from typing import Any

from ...tir.expr import Call
from ...tir.function import PrimFunc
from ...tir.node import DELETE
from ...tir.stmt import BufferStore
from ...tir.visit import Rewriter, walk_unique
from ..target import Target


def remove_store_undef(func: PrimFunc, target: Target) -> PrimFunc:
    """Remove every store of a value that `T.undef()` decides: whatever is there will do."""
    return _Remove()(func)


class _Remove(Rewriter):
    def visit_buffer_store(self, node: BufferStore) -> Any:
        undefined = any(isinstance(n, Call) and n.op.name == "undef" for n in walk_unique(node.value))
        return DELETE if undefined else node
