"""Primitives that attach facts to loops and blocks: annotate, unannotate."""

from __future__ import annotations

from typing import Any

from ...tir.errors import said
from ...tir.expr import Expr
from ...tir.node import Attrs
from ...tir.same import structural_equal
from ..errors import require
from ..primitive import primitive
from ..sref import BlockSRef, LoopSRef
from ..state import State


def _set(s: State, block_or_loop: BlockSRef | LoopSRef, annotations: Attrs) -> None:
    s.replace(block_or_loop, block_or_loop.stmt.replace(annotations=annotations))


def _strange(value: Any) -> list[Any]:
    """What of `value` is no annotation."""
    if isinstance(value, (list, tuple)):
        return [found for v in value for found in _strange(v)]
    if isinstance(value, (dict, Attrs)):
        return _strange([*value.keys(), *value.values()])
    return [] if isinstance(value, (str, int, float, Expr)) else [value]


@primitive
def annotate(s: State, block_or_loop: BlockSRef | LoopSRef, *, ann_key: str, ann_val: Any) -> None:
    """Attach `ann_val` to a block or loop under the name `ann_key`.

    Parameters
    ----------
    ann_val: a number, a string, an expression, or lists and dicts of these; the same again changes nothing.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.annotate(sch.get_loops("B")[0], "pragma_auto_unroll_max_step", 16)
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in T.serial(16, annotations={"pragma_auto_unroll_max_step": 16}):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    """
    strange = _strange(ann_val)
    require(
        not strange,
        "an annotation is a number, a string, an expression, or lists and dicts of these, not {0}",
        *map(said, strange[:1]),
    )
    old = block_or_loop.stmt.annotations
    new = old.with_(ann_key, ann_val)
    if ann_key in old and structural_equal(new, old):
        return
    require(
        ann_key not in old,
        f"{{0}} already has the annotation {ann_key!r}: {old.get(ann_key)!r}",
        block_or_loop,
        hint="remove it first by unannotate",
    )
    _set(s, block_or_loop, new)


@primitive
def unannotate(s: State, block_or_loop: BlockSRef | LoopSRef, *, ann_key: str) -> None:
    """Remove the annotation `ann_key` from a block or loop.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in T.serial(16, annotations={"note": 1}):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.unannotate(sch.get_loops("B")[0], "note")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    """
    old = block_or_loop.stmt.annotations
    names = ", ".join(map(repr, old)) or "none"
    require(ann_key in old, f"{{0}} has no annotation {ann_key!r}; it has {names}", block_or_loop)
    _set(s, block_or_loop, old.without(ann_key))
