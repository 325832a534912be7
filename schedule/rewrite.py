"""What primitives share: substituting loop variables in what lies below a loop, and building nests of loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..tir.arith.analyzer import Analyzer
from ..tir.arith.iter_form import iter_map_form, keeps_form
from ..tir.buffer import Range
from ..tir.expr import TRUE, Expr, Var, all_of, const
from ..tir.stmt import Block, BlockRealize, BufferStore, Evaluate, For, ForKind, Stmt
from ..tir.visit import Rewriter, Substitute, free_vars
from .errors import require
from .sref import BlockSRef, LoopSRef, SRef
from .state import State


def bind_loops(analyzer: Analyzer, sref: SRef, *, own: bool = False) -> Analyzer:
    """Tell `analyzer` the ranges of the loops above `sref` (and its own, with `own`), across blocks; gives it back.

    Outermost first, the order in which the analyzer writes the terms of a sum.
    """
    for above in reversed([sref, *sref.ancestors()] if own else [*sref.ancestors()]):
        if isinstance(above, LoopSRef):
            analyzer.bind(above.stmt.loop_var, above.stmt.range)
        else:
            for iter_var in above.stmt.iter_vars:
                analyzer.bind(iter_var.var, iter_var.dom)
    return analyzer


class _LoopVars(Rewriter):
    """Puts expressions for loop variables into loops' ranges and blocks' bindings, and a predicate on the blocks."""

    def __init__(
        self, values: Mapping[Var, Expr], loops: Mapping[Var, Range], predicate: Expr, drop_units: bool
    ) -> None:
        self.expr = Substitute(values)
        self.new = {v for value in values.values() for v in free_vars(value)}
        self.loops = dict(loops)
        self.predicate = predicate
        self.drop_units = drop_units
        self.blocks: dict[Block, Block] = {}

    def __call__(self, node: Any) -> Any:
        if isinstance(node, Expr):
            return self.expr(node)
        method = self.table.get(type(node))
        return method(self, node) if method is not None else node.map_children(self)

    def visit_buffer(self, node: Any) -> Any:
        return self.expr(node)

    def visit_for(self, node: For) -> For:
        lower, extent = self.expr(node.min), self.expr(node.extent)
        self.loops[node.loop_var] = Range(lower, extent)
        body = self(node.body)
        del self.loops[node.loop_var]
        if lower is node.min and extent is node.extent and body is node.body:
            return node
        return For(node.loop_var, lower, extent, node.kind, body, node.thread_binding, node.annotations)

    def visit_block_realize(self, node: BlockRealize) -> BlockRealize:
        values = tuple(map(self.expr, node.iter_values))
        predicate = all_of(self.expr(node.predicate), self.predicate)
        bounded = predicate is not TRUE
        changed = [
            new
            for new, old in zip(values, node.iter_values, strict=True)
            if new is not old and (bounded or not keeps_form(old, self.expr.variables))
        ]
        about = (self.new if bounded else set()).union(*map(free_vars, changed))
        if about or self.drop_units:
            values = iter_map_form(values, self.loops, about, predicate, drop_units=self.drop_units)
        return BlockRealize(values, predicate, self.block(node.block))

    def block(self, block: Block) -> Block:
        # A block with iterators speaks of them alone; one without may name the loops around it.
        if block.iter_vars:
            return block
        outer, self.predicate = self.predicate, TRUE
        new = block.map_children(self)
        self.predicate = outer
        if new is not block:
            self.blocks[block] = new
        return new

    def unguarded(self, node: Stmt) -> Any:
        require(
            self.predicate is TRUE,
            "the new loops run past the old one, and {0} stands outside of any block, so that nothing can hold it back",
            node,
            hint="use factors that divide the extent, or put the statement into a block",
        )
        return node.map_children(self)

    def visit_buffer_store(self, node: BufferStore) -> Any:
        return self.unguarded(node)

    def visit_evaluate(self, node: Evaluate) -> Any:
        return self.unguarded(node)


def substitute_loop_vars(
    body: Stmt,
    values: Mapping[Var, Expr],
    loops: Mapping[Var, Range],
    predicate: Expr = TRUE,
    *,
    drop_units: bool = False,
) -> tuple[Stmt, dict[Block, Block]]:
    """`body` with the loop variables `values` replaced in inner loops' ranges and in blocks' bindings.

    Bindings are written as their iterator maps write them, see `iter_map_form`; all else is as it stands. Gives also
    what became of blocks that name the variables themselves (old -> new), for `State.replace` to reuse.

    Parameters
    ----------
    loops: the ranges of the loops around, outermost first, those in `values`' expressions among them.
    predicate: added to the predicate of every block.
    drop_units: put the only value of loops of extent 1 into the bindings.
    """
    rewriter = _LoopVars(values, loops, predicate, drop_units)
    return rewriter(body), rewriter.blocks


def drivers(block: BlockSRef, value: Expr) -> set[Var]:
    """The variables that a binding of `block` depends on: those that its iterator map names in vain left out."""
    named = set(free_vars(value))
    return named if len(named) < 2 else set(free_vars(bind_loops(Analyzer(), block).simplify(value)))


def loops_around(sref: SRef) -> dict[Var, Range]:
    """The ranges of the loops above `sref` within its block, outermost first."""
    return {above.stmt.loop_var: above.stmt.range for above in sref.loops()}


def make_nest(loops: Sequence[tuple[Var, Expr]], body: Stmt) -> Stmt:
    """Serial loops from 0 over `body`, outermost first."""
    for var, extent in reversed(loops):
        body = For(var, const(0, var.dtype), extent, ForKind.SERIAL, body)
    return body


def nest_refs(s: State, outermost: Stmt, depth: int) -> list[LoopSRef]:
    """The references of `depth` loops, each the whole body of the one before, from `outermost` inwards."""
    out: list[LoopSRef] = []
    at: Any = outermost
    for _ in range(depth):
        ref = s.srefs[at]
        assert isinstance(ref, LoopSRef)
        out.append(ref)
        at = at.body
    return out


def swap_loop(s: State, loop: LoopSRef, **fields: Any) -> None:
    """Give a loop another kind, thread binding or annotations."""
    s.replace(loop, loop.stmt.replace(**fields))
