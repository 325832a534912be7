"""The primitive that gives a block other iterators: transform_block_layout."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.index_map import IndexMap
from ...tir.buffer import Range
from ...tir.errors import UserError
from ...tir.expr import TRUE, Expr, Var
from ...tir.stmt import Block, BlockRealize, IterType, IterVar
from ...tir.visit import Substitute, free_vars
from ..conditions import require_order_does_not_matter
from ..errors import refusal, require
from ..index_maps import as_index_map
from ..primitive import primitive
from ..rewrite import make_nest
from ..sref import BlockSRef, LoopSRef
from ..stages import require_below_a_block
from ..state import State
from .loops import require_plain


def _prepared(s: State, given: dict[str, Any]) -> dict[str, Any]:
    iter_vars = given["block"].stmt.iter_vars
    dtype = iter_vars[0].var.dtype if iter_vars else "int32"
    return {"index_map": as_index_map(given["index_map"], len(iter_vars), dtype)}


@primitive(prepare=_prepared)
def transform_block_layout(s: State, block: BlockSRef, *, index_map: IndexMap) -> None:
    """Give `block` new iterators, `index_map` of the old ones, and a loop for each; what it computes stays the same.

    Parameters
    ----------
    index_map: from the block's iterators to the new ones, a bijection; a Python function or an `IndexMap`.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 16), "float32"), B: T.Buffer((16, 16), "float32")):
            for i, j in T.grid(16, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    step:
        sch.transform_block_layout("B", lambda i, j: (i * 16 + j,))
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 16), "float32"), B: T.Buffer((16, 16), "float32")):
            for ax0 in range(256):
                with T.block("B"):
                    v0 = T.axis.spatial(256, ax0)
                    B[v0 // 16, v0 % 16] = A[v0 // 16, v0 % 16] * T.float32(2)
    """
    require_below_a_block(block)
    old = block.stmt
    _require_own_loops(s, block, index_map)
    domains = [iv.dom for iv in old.iter_vars]
    an = Analyzer()
    try:
        inverse = index_map.inverse(domains, an)
    except UserError as error:
        raise refusal(
            f"the index map is not known to give each instance of {{0}} a place of its own in a box: {error}",
            block,
            hint="give a bijection, such as a permutation of the iterators, their quotients and remainders, or sums "
            "like i * 16 + j",
        ) from None
    ranges = index_map.map_ranges(domains, an)
    iter_vars: list[IterVar] = []
    loops: list[tuple[Var, Expr]] = []
    values: list[Expr] = []
    for k, (index, r) in enumerate(zip(index_map.final_indices, ranges, strict=True)):
        dtype = index.dtype
        extent = an.simplify(r.extent)
        loops.append((Var(f"ax{k}", dtype), extent))
        values.append(r.min + loops[-1][0])
        iter_vars.append(IterVar(Range(r.min, extent), Var(f"v{k}", dtype), _kind(block, index_map, index)))
    put = _Iterators(old, inverse, iter_vars)
    new = put.outermost(old, tuple(iter_vars))
    nest = make_nest(loops, BlockRealize(tuple(values), TRUE, new))
    s.replace(block.loops()[0] if block.loops() else block, nest, {**put.inner, old: new})


def _require_own_loops(s: State, block: BlockSRef, index_map: IndexMap) -> None:
    """Require loops that run this block alone, one for each iterator, and that may run in the order of the map."""
    realize = s.realize(block)
    loops = block.loops()
    variables = {loop.stmt.loop_var for loop in loops}
    require(
        realize.predicate is TRUE
        and set(realize.iter_values) == variables
        and len(realize.iter_values) == len(variables)
        and all(
            loop.stmt.range.min is iv.dom.min and loop.stmt.range.extent is iv.dom.extent
            for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True)
            for loop in loops
            if loop.stmt.loop_var is value
        ),
        "the iterators of {0} are not its loops, each one of them: ({1})",
        block,
        ", ".join(map(str, realize.iter_values)),
        hint="transform the block before its loops are split or fused",
    )
    for outer, inner in pairwise([*loops, block]):
        require(
            outer.stmt.body is (realize if inner is block else inner.stmt),
            "{0} runs more than {1}",
            outer,
            block,
            hint="the loops of the block must be its alone",
        )
    for loop in loops:
        require_plain(loop)
    for iv in block.stmt.iter_vars:
        require(
            iv.iter_type in (IterType.SPATIAL, IterType.REDUCE),
            f"{{0}} has the {iv.iter_type} axis {{1}}, whose order must be kept",
            block,
            iv.var,
        )
    if loops:
        by_var: dict[Expr, LoopSRef] = {loop.stmt.loop_var: loop for loop in loops}
        driven = dict(zip(index_map.initial_indices, map(by_var.__getitem__, realize.iter_values), strict=True))
        after = [driven[e] for e in index_map.final_indices if isinstance(e, Var)]
        require_order_does_not_matter(s, loops, after if len(after) == len(loops) else ())


def _kind(block: BlockSRef, index_map: IndexMap, index: Expr) -> IterType:
    """What kind of axis an index is: that of the iterators it is made of."""
    kinds = dict(zip(index_map.initial_indices, (iv.iter_type for iv in block.stmt.iter_vars), strict=True))
    found = {kinds[v] for v in free_vars(index)}
    require(
        len(found) <= 1,
        "the index {1} mixes axes of {0} of different kinds",
        block,
        index,
        hint="an axis is either spatial or reducing",
    )
    return found.pop() if found else IterType.SPATIAL


class _Iterators(Substitute):
    """Puts a block's new iterators in place of the old ones."""

    def __init__(self, block: Block, inverse: IndexMap, iter_vars: list[IterVar]) -> None:
        # Iterators of one value are kept, as all are.
        known = Analyzer({iv.var: iv.dom for iv in iter_vars if not iv.dom.is_point})
        back = inverse.map_indices([iv.var for iv in iter_vars], known)
        super().__init__({iv.var: value for iv, value in zip(block.iter_vars, back, strict=True)})
        self.inner: dict[Block, Block] = {}

    def outermost(self, block: Block, iter_vars: tuple[IterVar, ...]) -> Block:
        """The block itself with its new iterators."""
        new: Block = block.replace(iter_vars=()).map_children(self)
        return new.replace(iter_vars=iter_vars)

    def visit_block(self, node: Block) -> Block:
        new: Block = node.map_children(self)
        if new is not node:
            self.inner[node] = new
        return new
