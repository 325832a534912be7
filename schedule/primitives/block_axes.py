"""Primitives that change how a block writes its iterators: reorder_block_iter_var."""

from __future__ import annotations

from ...tir.stmt import BlockRealize
from ..errors import require
from ..primitive import primitive
from ..sref import BlockSRef
from ..state import State


@primitive
def reorder_block_iter_var(s: State, block: BlockSRef, new_order: list[int]) -> None:
    """Put the iterators of a block into another order; what it computes, and when, stays the same.

    Parameters
    ----------
    new_order: the numbers of the iterators, each once, in the order wanted.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i, j in T.grid(16, 8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    step:
        sch.reorder_block_iter_var("B", [1, 0])
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i, j in T.grid(16, 8):
                with T.block("B"):
                    vj, vi = T.axis.remap("SS", [j, i])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    """
    old = block.stmt
    count = len(old.iter_vars)
    require(
        sorted(new_order) == list(range(count)),
        f"{{0}} has {count} iterators; an order names each number from 0 to {count - 1} once, not {new_order}",
        block,
    )
    realize = s.realize(block)
    new = old.replace(iter_vars=tuple(old.iter_vars[i] for i in new_order))
    values = tuple(realize.iter_values[i] for i in new_order)
    s.replace(block, BlockRealize(values, realize.predicate, new), {old: new})
