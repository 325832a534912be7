"""Rewriting a program to a buffer's new layout: accesses, declared regions, and what fills the padding."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..tir.arith.analyzer import Analyzer
from ..tir.arith.index_map import IndexMap
from ..tir.arith.interval import eval_set
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ..tir.expr import EQ, TRUE, Expr, IntImm, Not, Or, Var, const
from ..tir.op import call
from ..tir.stmt import Block, BlockRealize, BufferStore, Evaluate, For, ForKind, IterType, IterVar, Stmt
from ..tir.visit import substitute
from .redirect import Indices, Redirect
from .rewrite import make_nest


class Layout(NamedTuple):
    """A change of layout.

    Attributes
    ----------
    inverse: from new indices to old ones; None where it is not known.
    padding: the condition on the inverse's indices under which there is no old element.
    pad_value: from new indices to what padding holds; None where there is none.
    """

    old: Buffer
    new: Buffer
    map: IndexMap
    inverse: IndexMap | None
    padding: Expr
    pad_value: IndexMap | None

    def names(self) -> list[str]:
        """Names for the new axes: those of old ones that stay whole, `axis0`, `axis1`, ... for the others."""
        return [
            e.name if isinstance(e, Var) and e in self.map.initial_indices else f"axis{k}"
            for k, e in enumerate(self.map.final_indices)
        ]

    def is_padding(self, at: Indices) -> Expr:
        """The condition under which there is no old element at new indices."""
        assert self.inverse is not None
        out: Expr = substitute(self.padding, dict(zip(self.inverse.initial_indices, at, strict=True)))
        return out

    def pad(self, at: Indices) -> Expr:
        """What padding holds at new indices."""
        assert self.pad_value is not None
        (value,) = self.pad_value.final_indices
        out: Expr = substitute(value, dict(zip(self.pad_value.initial_indices, at, strict=True)))
        return out


class Relayout(Redirect):
    """Puts a buffer's new layout into a block and those inside; `instead` gives statements that replace others."""

    def __init__(self, layout: Layout, instead: dict[Stmt, Stmt]) -> None:
        super().__init__(layout.old, layout.new, indices=self.mapped, region=self.mapped_region)
        self.layout = layout
        self.instead = instead
        self.an = Analyzer()

    def mapped(self, indices: Indices) -> Indices:
        """The new indices of an element."""
        return self.layout.map.map_indices(indices, self.an)

    def mapped_region(self, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        """The least known box that holds the new indices of a box."""
        if all(r.is_point for r in ranges):
            return tuple(map(Range.point, self.mapped(tuple(r.min for r in ranges))))
        own = self.layout.map.retyped(ranges[0].min.dtype)
        domains = dict(zip(own.initial_indices, ranges, strict=True))
        whole = [Range(const(0, e.dtype), e) for e in self.new.shape]
        return tuple(
            eval_set(self.an, e, domains).to_range(self.an, full)
            for e, full in zip(own.final_indices, whole, strict=True)
        )

    def visit_for(self, node: For) -> Any:
        if node in self.instead:
            return self.instead[node]
        self.an.bind(node.loop_var, node.range, allow_override=True)
        return node.map_children(self)

    def visit_block(self, node: Block) -> Block:
        for iv in node.iter_vars:
            self.an.bind(iv.var, iv.dom, allow_override=True)
        return super().visit_block(node)


def _over(layout: Layout) -> tuple[list[tuple[Var, Expr]], tuple[IterVar, ...], Indices]:
    """Loops over the new buffer, iterators they drive, and the iterators as indices."""
    loops = [(Var(n, e.dtype), e) for n, e in zip(layout.names(), layout.new.shape, strict=True)]
    iter_vars = tuple(
        IterVar(Range(const(0, e.dtype), e), Var(f"v_{v.name}", e.dtype), IterType.SPATIAL) for v, e in loops
    )
    return loops, iter_vars, tuple(iv.var for iv in iter_vars)


def padding_stage(layout: Layout) -> Stmt:
    """Loops over the new buffer that write what its padding holds."""
    name = f"buffer_{layout.old.name}_padding"
    loops, iter_vars, at = _over(layout)
    region = BufferRegion(layout.new, tuple(map(Range.point, at)))
    block = Block(iter_vars, (), (region,), name, BufferStore(layout.new, layout.pad(at), at))
    values = tuple(v for v, _ in loops)
    return make_nest(loops, BlockRealize(values, layout.is_padding(values), block))


def assumption_stage(layout: Layout) -> Stmt:
    """Loops over the new buffer that state what its padding holds."""
    name = f"buffer_{layout.old.name}_assumptions"
    loops, iter_vars, at = _over(layout)
    region = BufferRegion(layout.new, tuple(map(Range.point, at)))
    fact = Or(Not(layout.is_padding(at)), EQ(BufferLoad(layout.new, at), layout.pad(at)))
    block = Block(iter_vars, (region,), (), name, Evaluate(call("assume", fact)))
    values = tuple(v for v, _ in loops)
    return make_nest(loops, BlockRealize(values, TRUE, block))


def padded_producer(layout: Layout, realize: BlockRealize, loops: list[For]) -> tuple[Block, Stmt] | None:
    """The writer's block and loops over the new buffer, its padding included; None where it is no plain nest over it.

    A plain nest has serial loops from 0, one for each iterator in order, and one store at the iterators of the
    buffer's dimensions, the reduce iterators coming after these. It is not said to read the buffer.
    """
    block, old = realize.block, layout.old
    spatial = tuple(iv.var for iv in block.iter_vars[: old.ndim])
    stores = [block.body, *([block.init] if block.init is not None else [])]
    plain = (
        realize.predicate is TRUE
        and realize.iter_values == tuple(loop.loop_var for loop in loops)
        and all(_is_plain(loop, iv) for loop, iv in zip(loops, block.iter_vars, strict=True))
        and all(outer.body is inner for outer, inner in zip(loops, [*loops[1:], realize]))
        and all(iv.iter_type is IterType.SPATIAL for iv in block.iter_vars[: old.ndim])
        and all(iv.iter_type is IterType.REDUCE for iv in block.iter_vars[old.ndim :])
        and all(isinstance(store, BufferStore) and store.buffer is old for store in stores)
        and all(store.indices == spatial for store in stores if isinstance(store, BufferStore))
        and all(iv.dom.extent is e for iv, e in zip(block.iter_vars, old.shape))
        and not block.alloc_buffers
        and all(region.buffer is not old for region in block.reads)
    )
    if not plain or layout.inverse is None:
        return None
    new_loops, iter_vars, at = _over(layout)
    values = dict(
        zip(spatial, layout.inverse.map_indices(at, Analyzer({iv.var: iv.dom for iv in iter_vars})), strict=True)
    )
    put = _Put(layout, values, at)
    reducing = loops[old.ndim :]
    new = block.replace(
        iter_vars=(*iter_vars, *block.iter_vars[old.ndim :]),
        reads=tuple(substitute(r, values) for r in block.reads),
        writes=(BufferRegion(layout.new, tuple(map(Range.point, at))),),
        body=put(block.body),
        init=None if block.init is None else put(block.init),
    )
    bound = (*(v for v, _ in new_loops), *(loop.loop_var for loop in reducing))
    nest = make_nest(
        [*new_loops, *((loop.loop_var, loop.extent) for loop in reducing)], BlockRealize(bound, realize.predicate, new)
    )
    return new, nest


def _is_plain(loop: For, iter_var: IterVar) -> bool:
    same = loop.extent is iter_var.dom.extent and loop.min is iter_var.dom.min
    from_zero = isinstance(loop.min, IntImm) and loop.min.value == 0
    return same and from_zero and loop.kind is ForKind.SERIAL and not loop.annotations


class _Put(Redirect):
    """Rewrites the store of a producer to the new buffer, where there is padding to what it holds."""

    def __init__(self, layout: Layout, values: dict[Var, Expr], at: Indices) -> None:
        super().__init__(layout.old, layout.new, indices=lambda indices: at)
        self.layout, self.values, self.at = layout, values, at

    def visit_var(self, node: Var) -> Expr:
        return self.values.get(node, node)

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        new = super().visit_buffer_store(node)
        value = call("if_then_else", self.layout.is_padding(self.at), self.layout.pad(self.at), new.value)
        return BufferStore(new.buffer, value, self.at)
