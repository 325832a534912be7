"""Primitives that round a computation up to whole tiles: pad_einsum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...tir.analysis.access import block_access_regions
from ...tir.analysis.reducers import combiner
from ...tir.arith.analyzer import Analyzer
from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range, decl_buffer
from ...tir.expr import TRUE, Add, Cast, Div, Expr, FloorDiv, FloorMod, Max, Min, Mod, Mul, Sub, Var, all_of, const
from ...tir.op import if_then_else
from ...tir.stmt import Block, BlockRealize, BufferStore, For, IfThenElse, IterType, IterVar, Stmt, While, seq
from ...tir.visit import Rewriter, free_vars, walk
from ..conditions import require_complete_or_reduction
from ..errors import require
from ..primitive import primitive
from ..rewrite import bind_loops, make_nest
from ..sref import BlockSRef
from ..state import State
from .loops import require_plain


class _Padded(NamedTuple):
    """A buffer whose indices are iterators, and the larger one that stands for it."""

    old: Buffer
    new: Buffer
    axes: tuple[IterVar, ...]


@primitive
def pad_einsum(s: State, block: BlockSRef, padding: list[int]) -> None:
    """Round the extent of each iterator of `block` up to a multiple, computing on copies that are filled with zeros.

    Parameters
    ----------
    padding: what the extent of each iterator is made a multiple of; 1 leaves it as it is.

    before:
        @T.prim_func
        def main(A: T.Buffer((15, 10), "float32"), B: T.Buffer((15,), "float32")):
            for i, k in T.grid(15, 10):
                with T.block("B"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + A[vi, vk]
    step:
        sch.pad_einsum("B", [1, 4])
    after:
        @T.prim_func
        def main(A: T.Buffer((15, 10), "float32"), B: T.Buffer((15,), "float32")):
            A_pad = T.alloc_buffer((15, 12), "float32")
            for i0, i1 in T.grid(15, 12):
                with T.block("A_pad"):
                    v0, v1 = T.axis.remap("SS", [i0, i1])
                    T.reads(A[v0, v1])
                    A_pad[v0, v1] = T.if_then_else(v1 < 10, A[v0, v1], T.float32(0))
            for i, k in T.grid(15, 12):
                with T.block("B"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + A_pad[vi, vk]
    """
    old = block.stmt
    require_complete_or_reduction(s, block)
    count = len(old.iter_vars)
    require(
        len(padding) == count and all(p >= 1 for p in padding),
        f"padding takes a positive number for each of the {count} iterators of {{0}}, got {padding}",
        block,
    )
    loops = _plain_nest(s, block)
    an = bind_loops(Analyzer(), block)
    extents = [
        an.simplify((iv.dom.extent + (p - 1)) // p * p) if p > 1 else iv.dom.extent
        for iv, p in zip(old.iter_vars, padding, strict=True)
    ]
    grown = {iv.var: e for iv, e in zip(old.iter_vars, extents, strict=True) if not an.equal(e, iv.dom.extent)}
    _require_padding_vanishes(block, grown)
    padded = _padded_buffers(an, block, grown)
    new = _on_padded(old, grown, padded)
    written = {w.buffer for w in old.writes}
    padded.sort(key=lambda p: p.old in written)
    before = [_copy(an, p, into=True) for p in padded if p.old not in written]
    after = [_copy(an, p, into=False) for p in padded if p.old in written]
    realize = s.realize(block)
    body: Stmt = BlockRealize(realize.iter_values, TRUE, new)
    for loop, value in reversed([(loop, loop.loop_var) for loop in loops]):
        at = realize.iter_values.index(value)
        body = For(loop.loop_var, loop.min, extents[at], loop.kind, body)
    scope = block.scope
    s.replace(block.loops()[0], seq(*before, body, *after), {old: new})
    s.replace(scope, scope.stmt.replace(alloc_buffers=(*scope.stmt.alloc_buffers, *(p.new for p in padded))))


def _plain_nest(s: State, block: BlockSRef) -> list[For]:
    """The loops of a block, each the whole body of the one before, and each one of its iterators."""
    realize = s.realize(block)
    refs = block.loops()
    for ref in refs:
        require_plain(ref)
    loops = [ref.stmt for ref in refs]
    nest: list[Stmt] = [*loops, realize]
    alone = [outer.body is inner for outer, inner in zip(loops, nest[1:], strict=True)]
    values = [loop.loop_var for loop in loops]
    doms = {v: iv.dom for iv, v in zip(block.stmt.iter_vars, realize.iter_values, strict=True)}
    require(
        len(loops) > 0
        and all(alone)
        and realize.predicate is TRUE
        and len(doms) == len(block.stmt.iter_vars) == len(values)
        and all(
            loop.loop_var in doms
            and loop.extent is doms[loop.loop_var].extent
            and loop.min is doms[loop.loop_var].min is const(0, loop.loop_var.dtype)
            for loop in loops
        ),
        "the loops around {0} are not its iterators, one for one and each in full",
        block,
        hint="pad before splitting and fusing loops",
    )
    return loops


def _require_padding_vanishes(block: BlockSRef, grown: dict[Var, Expr]) -> None:
    """Require that the padding stores to elements of its own, adds zeros to others, and that nothing faults there."""
    for iv in block.stmt.iter_vars:
        for write in block.stmt.writes if iv.iter_type is IterType.SPATIAL and iv.var in grown else ():
            require(
                iv.var in free_vars(write),
                "padding the axis {1} of {0} would store to {2} again, which does not depend on it",
                block,
                iv.var,
                write,
                hint="give 1 for an axis that does not index what is written",
            )
    reducing = {iv.var for iv in block.stmt.iter_vars if iv.iter_type is IterType.REDUCE} & grown.keys()
    for node in walk(block.stmt.body):
        require(
            not isinstance(node, (IfThenElse, While)),
            "{0} stores under a condition, so that all of what it writes could not be copied back",
            block,
            node,
            hint="T.if_then_else in the value that is stored may say the same",
        )
        require(
            not (isinstance(node, (Div, Mod, FloorDiv, FloorMod)) and node.dtype.is_integral),
            "{0} computes {1}, which would divide by the zeros of the padding",
            block,
            node,
        )
    if not reducing:
        return
    found = combiner(block.stmt)
    for combined, value in zip(found.combined, found.values, strict=True):
        for var in reducing:
            require(
                isinstance(combined, Add) and _vanishes(value, var),
                "padding the reduce axis {1} of {0} would add to the result: {2} is not zero where what it reads is",
                block,
                var,
                value,
                hint="only sums of products of elements at that axis can be padded along it",
            )


def _vanishes(e: Expr, var: Var) -> bool:
    """Whether an expression is zero where every element read at an index `var` is."""
    if isinstance(e, BufferLoad):
        return var in e.indices
    if isinstance(e, Cast):
        return _vanishes(e.value, var)
    if isinstance(e, Mul):
        return _vanishes(e.a, var) or _vanishes(e.b, var)
    if isinstance(e, (Add, Sub, Min, Max)):
        return _vanishes(e.a, var) and _vanishes(e.b, var)
    return False


def _padded_buffers(an: Analyzer, block: BlockSRef, grown: dict[Var, Expr]) -> list[_Padded]:
    """The buffers that some grown iterator indexes, each with a larger one."""
    axes = {iv.var: iv for iv in block.stmt.iter_vars}
    out: dict[Buffer, _Padded] = {}
    parts = [part for part in (block.stmt.init, block.stmt.body) if part is not None]
    accesses = [n for part in parts for n in walk(part) if isinstance(n, (BufferLoad, BufferStore))]
    larger = {n.buffer for n in accesses if any(v in grown for i in n.indices for v in walk(i))}
    for node in accesses:
        if node.buffer not in larger:
            continue
        indices = tuple(i for i in node.indices if isinstance(i, Var) and i in axes)
        known = out.get(node.buffer)
        used = tuple(axes[i] for i in indices)
        require(
            len(indices) == len(node.indices) and (known is None or known.axes == used),
            "{0} uses {1} at ({2}), not at the same plain iterators everywhere",
            block,
            node.buffer,
            ", ".join(map(str, node.indices)),
            hint="reindex gives a copy that is indexed so",
        )
        if known is None:
            shape = tuple(grown.get(iv.var, iv.dom.extent) for iv in used)
            new = decl_buffer(shape, node.buffer.dtype, f"{node.buffer.name}_pad", scope=node.buffer.scope)
            out[node.buffer] = _Padded(node.buffer, new, used)
    return list(out.values())


class _Put(Rewriter):
    """Puts the larger buffers for the others."""

    def __init__(self, padded: Sequence[_Padded]) -> None:
        self.buffers = {p.old: p.new for p in padded}

    def visit_buffer(self, node: Buffer) -> Buffer:
        return self.buffers.get(node, node)


def _on_padded(old: Block, grown: dict[Var, Expr], padded: Sequence[_Padded]) -> Block:
    put = _Put(padded)
    iter_vars = tuple(
        IterVar(Range(iv.dom.min, grown.get(iv.var, iv.dom.extent)), iv.var, iv.iter_type) for iv in old.iter_vars
    )
    new = old.replace(iter_vars=iter_vars, body=put(old.body), init=None if old.init is None else put(old.init))
    reads, writes = block_access_regions(new)
    return new.replace(reads=reads, writes=writes)


def _copy(an: Analyzer, padded: _Padded, *, into: bool) -> Stmt:
    """The copy into the larger buffer, zeros where the other has no element; or (`into` false) back."""
    loops: list[tuple[Var, Expr]] = []
    iter_vars: list[IterVar] = []
    inside: list[Expr] = []
    for k, (iv, extent) in enumerate(zip(padded.axes, padded.new.shape, strict=True)):
        dtype = iv.var.dtype
        size = extent if into else iv.dom.extent
        var = Var(f"v{k}", dtype)
        loops.append((Var(f"i{k}", dtype), size))
        iter_vars.append(IterVar(Range(const(0, dtype), size), var, IterType.SPATIAL))
        if into:
            # The block may go through more than the buffer has, and keep from reading it there.
            ends = dict.fromkeys((iv.dom.extent, padded.old.shape[k]))
            inside += [var < end for end in ends if not an.prove(extent <= end)]
    at = tuple(iv.var for iv in iter_vars)
    source, target = (padded.old, padded.new) if into else (padded.new, padded.old)
    value: Expr = BufferLoad(source, at)
    if inside:
        value = if_then_else(all_of(*inside), value, const(0, source.dtype))
    points = tuple(map(Range.point, at))
    block = Block(
        tuple(iter_vars),
        (BufferRegion(source, points),),
        (BufferRegion(target, points),),
        padded.new.name,
        BufferStore(target, value, at),
    )
    return make_nest(loops, BlockRealize(tuple(var for var, _ in loops), TRUE, block))
