"""Primitives that make a block of a part of the program: blockize."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.iter_divide import Division, subspace_divide
from ...tir.arith.iter_types import IterSumExpr
from ...tir.arith.regions import region_contains, relax_region, union_region, without_loads
from ...tir.buffer import Buffer, BufferRegion, Range
from ...tir.expr import TRUE, Expr, IntImm, Var, as_expr, const
from ...tir.stmt import Block, BlockRealize, For, IterType, IterVar, Stmt, seq
from ...tir.visit import Rewriter, free_vars, substitute, walk
from ..concurrency import require_still_private
from ..conditions import require_affine, require_reduction
from ..edit import child_towards, common, statements
from ..errors import refusal, require
from ..primitive import primitive
from ..rewrite import bind_loops
from ..sref import BlockSRef, LoopSRef, SRef
from ..state import State
from .reduction import init_nest, require_in_turn, update_of


class Target(NamedTuple):
    """What becomes a block: `body`, in which `blocks` lie, directly inside of `around`."""

    body: Stmt
    blocks: list[BlockSRef]
    around: SRef


class Axis(NamedTuple):
    """An iterator divided into `outer`, over the new block's instances, and `inner`, within one (None for one value).

    Attributes
    ----------
    value: what the old iterator's variable becomes, in terms of the two.
    """

    outer: IterVar
    outer_value: Expr
    inner: IterVar | None
    inner_value: Expr
    value: Expr


class Divided(NamedTuple):
    """A block whose iterators are divided, and its predicate likewise."""

    ref: BlockSRef
    axes: list[Axis]
    outer_predicate: Expr
    inner_predicate: Expr


@primitive
def blockize(
    s: State, target: BlockSRef | LoopSRef | list[BlockSRef], *, preserve_unit_iters: bool = True
) -> BlockSRef:
    """Make a block of all that lies below a loop, or of blocks that stand side by side; gives the new block.

    Parameters
    ----------
    target: a loop, or blocks. The blocks' iterators are divided into outer ones, of the new block, and inner ones.
    preserve_unit_iters: keep the variables of loops of extent 1, by outer iterators bound to them.

    before:
        @T.prim_func
        def main(A: T.Buffer((32, 32), "float32"), B: T.Buffer((32, 32), "float32")):
            for i_0, j_0, i_1, j_1 in T.grid(4, 2, 8, 16):
                with T.block("B"):
                    vi = T.axis.spatial(32, i_0 * 8 + i_1)
                    vj = T.axis.spatial(32, j_0 * 16 + j_1)
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    step:
        i_0, j_0, i_1, j_1 = sch.get_loops("B")
        sch.blockize(i_1)
    after:
        @T.prim_func
        def main(A: T.Buffer((32, 32), "float32"), B: T.Buffer((32, 32), "float32")):
            for i_0, j_0 in T.grid(4, 2):
                with T.block("B_o"):
                    vi_o, vj_o = T.axis.remap("SS", [i_0, j_0])
                    T.reads(A[vi_o * 8:vi_o * 8 + 8, vj_o * 16:vj_o * 16 + 16])
                    T.writes(B[vi_o * 8:vi_o * 8 + 8, vj_o * 16:vj_o * 16 + 16])
                    for i_1, j_1 in T.grid(8, 16):
                        with T.block("B"):
                            vi_i, vj_i = T.axis.remap("SS", [i_1, j_1])
                            T.reads(A[vi_o * 8 + vi_i, vj_o * 16 + vj_i])
                            T.writes(B[vi_o * 8 + vi_i, vj_o * 16 + vj_i])
                            B[vi_o * 8 + vi_i, vj_o * 16 + vj_i] = A[vi_o * 8 + vi_i, vj_o * 16 + vj_i] * T.float32(2)
    """
    found = _at_loop(s, target) if isinstance(target, LoopSRef) else _around_blocks(s, target)
    outer_loops = _loops_from_scope(found.around)
    an = bind_loops(Analyzer(), found.around, own=True)
    divided = [_divide(s, an, block, outer_loops, preserve_unit_iters) for block in found.blocks]
    iter_vars, values, divided = _united(divided)
    predicate = _one_predicate(an, divided)
    new, reuse = _block_of(s, an, found, divided, iter_vars)
    above = found.around.ancestors() if iter_vars else ()
    outside = {ref.stmt.loop_var: ref for ref in (*outer_loops, *above) if isinstance(ref, LoopSRef)}
    for node in walk(new):
        if isinstance(node, Var) and node in outside:
            raise refusal(
                "the new block would use {0}, the variable of a loop outside of it, where no block lies between",
                outside[node],
                hint="blockize more, that loop included, or put what uses it into a block",
            )
    realize = BlockRealize(values, predicate, new)
    if isinstance(target, LoopSRef):
        s.replace(target, realize, reuse)
    else:
        at = found.around
        stmts = [
            realize if any(s_ is part for part in statements(found.body)) else s_ for s_ in statements(at.stmt.body)
        ]
        s.replace(at, at.stmt.replace(body=seq(*dict.fromkeys(stmts))), reuse)
    ref = s.srefs[new]
    assert isinstance(ref, BlockSRef)
    require_still_private(s, ref)
    return ref


def _at_loop(s: State, loop: LoopSRef) -> Target:
    assert loop.parent is not None
    return Target(loop.stmt, s.child_blocks(loop), loop.parent)


def _around_blocks(s: State, target: BlockSRef | list[BlockSRef]) -> Target:
    wanted = [target] if isinstance(target, BlockSRef) else target
    require(len(wanted) > 0, "blockize takes at least one block")
    for i, block in enumerate(wanted):
        require(block not in wanted[:i], "{0} is given twice", block)
        require(block.parent is not None, "{0} is the root block, around which there is no other", block)
        require(
            block.scope is wanted[0].scope,
            "{0} and {1} are not inside the same block, so no block can be put around just them",
            wanted[0],
            block,
        )
    around = common([block.parent for block in wanted if block.parent is not None])
    places = sorted({child_towards(around, block) for block in wanted})
    body = statements(around.stmt.body)[places[0] : places[-1] + 1]
    inside = [b for b in s.child_blocks(around) if child_towards(around, b) in range(places[0], places[-1] + 1)]
    for block in inside:
        require(
            block in wanted,
            "{0} lies between the blocks given, but is not one of them",
            block,
            hint="give it as well, or move it away first",
        )
    return Target(seq(*body), inside, around)


def _loops_from_scope(at: SRef) -> list[LoopSRef]:
    """The loops from `at` up to its scope, outermost first; none where `at` is a block."""
    out = []
    for ref in (at, *at.ancestors()):
        if not isinstance(ref, LoopSRef):
            break
        out.append(ref)
    return out[::-1]


def _divide(s: State, an: Analyzer, block: BlockSRef, outer: Sequence[LoopSRef], keep_units: bool) -> Divided:
    """The iterators of a block divided by whether the loops that drive them are `outer` ones."""
    require_affine(s, block)
    realize = s.realize(block)
    loops = {loop.stmt.loop_var: loop.stmt.range for loop in block.loops()}
    outer_vars = {loop.stmt.loop_var for loop in outer}
    sub_iters = [var for var in loops if var not in outer_vars]
    found = subspace_divide(realize.iter_values, loops, sub_iters, realize.predicate, analyzer=an)
    all_loops = {ref.stmt.loop_var for ref in block.ancestors() if isinstance(ref, LoopSRef)}
    if found and not any(all(_varies(e, all_loops) for e in (d.outer_extent, d.inner_extent)) for d in found.indices):
        divisions, outer_predicate, inner_predicate = found.indices, found.outer_predicate, found.inner_predicate
    else:
        pure = [
            _pure(iv, value, outer_vars) for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True)
        ]
        require(
            None not in pure and not (set(free_vars(realize.predicate)) & loops.keys()),
            "the iterators of {0} cannot be divided into those of the loops outside and those of the loops inside: {1}",
            block,
            found.error,
            hint="each iterator is to be a multiple of what the inner loops count, plus that; split by factors that "
            "divide the extents; pad_einsum makes extents that they divide",
        )
        divisions, outer_predicate, inner_predicate = tuple(d for d in pure if d is not None), realize.predicate, TRUE
    divisions = tuple(_fixed(iv, d, all_loops) for iv, d in zip(block.stmt.iter_vars, divisions, strict=True))
    axes = [_axis(an, iv, d, keep_units) for iv, d in zip(block.stmt.iter_vars, divisions, strict=True)]
    if keep_units:
        axes = [
            axis._replace(outer_value=value) if axis.inner is None and value in outer_vars else axis
            for axis, value in zip(axes, realize.iter_values, strict=True)
        ]
    return Divided(block, axes, outer_predicate, inner_predicate)


def _varies(extent: Any, loops: Collection[Var]) -> bool:
    """Whether an extent is another in each iteration of some loop."""
    return isinstance(extent, Expr) and any(v in loops for v in free_vars(extent))


def _fixed(iter_var: IterVar, division: Division, loops: Collection[Var]) -> Division:
    """The division with the iterator's whole domain in place of an extent that varies with the loops."""
    whole = iter_var.dom.extent
    if _varies(division.outer_extent, loops):
        division = division._replace(outer=IterSumExpr((), division.outer.to_expr()), outer_extent=whole)
    if _varies(division.inner_extent, loops):
        division = division._replace(inner=IterSumExpr((), division.inner.to_expr()), inner_extent=whole)
    return division


def _pure(iter_var: IterVar, value: Expr, outer: set[Var]) -> Division | None:
    """The division of a binding by loops of one side only; None for one by both."""
    used = set(free_vars(value))
    nothing = IterSumExpr((), const(0, value.dtype))
    whole = IterSumExpr((), value)
    if not used & outer:
        return Division(nothing, 1, whole, iter_var.dom.extent)
    return None if used - outer else Division(whole, iter_var.dom.extent, nothing, 1)


def _axis(an: Analyzer, iter_var: IterVar, division: Division, keep_unit: bool) -> Axis:
    var, dtype = iter_var.var, iter_var.var.dtype
    zero = const(0, dtype)
    outer_extent = an.simplify(as_expr(division.outer_extent, dtype))
    inner_extent = an.simplify(as_expr(division.inner_extent, dtype))
    one_outer, one_inner = _is_one(outer_extent), _is_one(inner_extent)
    outer_value = an.simplify(division.outer.to_expr())
    inner_value = an.simplify(division.inner.to_expr())
    inner: IterVar | None = None
    rest: Expr = inner_value
    if not one_inner:
        start = division.inner.base if division.inner.args else iter_var.dom.min
        inner = IterVar(Range(start, inner_extent), var.replace(name=f"{var.name}_i"), iter_var.iter_type)
        rest = inner.var
    start = division.outer.base if division.outer.args else (outer_value if one_outer else iter_var.dom.min)
    # What an iterator of one value is bound to may be a variable of the blocks around.
    dom = iter_var.dom if free_vars(start) and one_inner else Range(zero if free_vars(start) else start, outer_extent)
    outer = IterVar(dom, var.replace(name=f"{var.name}_o"), iter_var.iter_type)
    own = dom.min if _is_one(dom.extent) and not (one_inner and keep_unit) else outer.var
    return Axis(outer, outer_value, inner, inner_value, an.simplify(own * inner_extent + rest))


def _is_one(e: Expr) -> bool:
    return isinstance(e, IntImm) and e.value == 1


def _united(divided: list[Divided]) -> tuple[tuple[IterVar, ...], tuple[Expr, ...], list[Divided]]:
    """The outer iterators of all blocks, each that several blocks have once, and what they are bound to."""
    known: dict[Any, IterVar] = {}
    values: dict[IterVar, Expr] = {}
    out = []
    for block in divided:
        shared: dict[Axis, IterVar] = {}
        for axis in block.axes:
            for (kind, value, extent), iter_var in known.items():
                same = kind is axis.outer.iter_type and value is axis.outer_value and extent is axis.outer.dom.extent
                if same and iter_var not in shared.values():
                    shared[axis] = iter_var
                    break
        # Those of the block itself are independent of one another, whatever drives them.
        foreign = {iter_var: value for iter_var, value in values.items() if iter_var not in shared.values()}
        axes: list[Axis] = []
        for axis in block.axes:
            if axis not in shared:
                for other, value in foreign.items():
                    require(
                        not set(free_vars(value)) & set(free_vars(axis.outer_value)),
                        "the axes {1} of {0} and {2} are driven by the same loop in different ways, so they are no "
                        "iterators of one block",
                        block.ref,
                        axis.outer.var,
                        other.var,
                    )
                shared[axis] = axis.outer
                known[axis.outer.iter_type, axis.outer_value, axis.outer.dom.extent] = axis.outer
                values[axis.outer] = axis.outer_value
            outer = shared[axis]
            axes.append(axis._replace(outer=outer, value=substitute(axis.value, {axis.outer.var: outer.var})))
        out.append(block._replace(axes=axes))
    return tuple(values), tuple(values.values()), out


def _one_predicate(an: Analyzer, divided: Sequence[Divided]) -> Expr:
    first = divided[0]
    for other in divided[1:]:
        require(
            an.equal(other.outer_predicate, first.outer_predicate),
            "{0} and {1} run under different conditions on the loops outside, {2} and {3}",
            first.ref,
            other.ref,
            first.outer_predicate,
            other.outer_predicate,
            hint="blockize them one by one",
        )
    return first.outer_predicate


def _block_of(
    s: State, an: Analyzer, found: Target, divided: Sequence[Divided], iter_vars: tuple[IterVar, ...]
) -> tuple[Block, dict[Block, Block]]:
    """The new block, and which of the old blocks inside became which."""
    inner = {d.ref.stmt: _inner_block(d) for d in divided}
    init: Stmt | None = None
    for d in divided:
        if d.ref.stmt.init is None:
            continue
        require_reduction(s, d.ref)
        for iv, axis in zip(d.ref.stmt.iter_vars, d.axes, strict=True):
            starts = [part.dom.min for part in (axis.outer, axis.inner) if part is not None]
            require(
                iv.iter_type is IterType.SPATIAL or all(an.equal(start, iv.dom.min) for start in starts),
                "the loops of {0} do not start at the start of its axis {1}, where the init runs",
                d.ref,
                iv.var,
                hint="decompose_reduction first",
            )
        block, realize = inner[d.ref.stmt]
        outside = [a.outer for a in d.axes if a.outer.iter_type is IterType.REDUCE]
        if outside and len(divided) == 1:
            inside = {node for node in walk(found.body) if isinstance(node, For)}
            loops = [loop.stmt for loop in d.ref.loops() if loop.stmt in inside]
            require_in_turn(s, d.ref, loops)
            _, init = init_nest(block, realize, loops, "", "_init")
            block = update_of(block).replace(name_hint=block.name_hint)
        elif all(iv.iter_type is IterType.SPATIAL for iv in block.iter_vars):
            # What it reduces over is but one instance, whose axis is dropped.
            block = block.replace(init=None, body=seq(block.init, block.body))
        require(
            len(divided) == 1 or all(_is_one(iv.dom.extent) for iv in outside),
            "the reduction of {0} goes on over loops outside, so its init cannot stay inside of the new block",
            d.ref,
            hint="decompose_reduction first",
        )
        inner[d.ref.stmt] = block, BlockRealize(realize.iter_values, realize.predicate, block)
    name = f"{divided[0].ref.stmt.name_hint}_o"
    if len(divided) > 1:
        name = "outer_" + "".join(f"{d.ref.stmt.name_hint}_" for d in divided)
    for iv in iter_vars:
        if not iv.dom.is_point:
            an.bind(iv.var, iv.dom)
    body = _PutBlocks({old: realize for old, (_, realize) in inner.items()})(found.body)
    reads, writes = _regions(an, divided, inner, _loops_from_scope(found.around))
    reuse = {old: block for old, (block, _) in inner.items()}
    return Block(iter_vars, reads, writes, name, body, init), reuse


def _inner_block(d: Divided) -> tuple[Block, BlockRealize]:
    old = d.ref.stmt
    values = {iv.var: axis.value for iv, axis in zip(old.iter_vars, d.axes, strict=True)}
    moved = _simplified(substitute(old.replace(iter_vars=()), values))
    block = moved.replace(iter_vars=tuple(axis.inner for axis in d.axes if axis.inner is not None))
    bound = tuple(axis.inner_value for axis in d.axes if axis.inner is not None)
    return block, BlockRealize(bound, d.inner_predicate, block)


def _simplified(block: Block) -> Block:
    """The declared regions in normal form."""
    an = Analyzer()

    def region(r: BufferRegion) -> BufferRegion:
        return BufferRegion(r.buffer, tuple(Range(an.simplify(x.min), an.simplify(x.extent)) for x in r.region))

    return block.replace(reads=tuple(map(region, block.reads)), writes=tuple(map(region, block.writes)))


class _PutBlocks(Rewriter):
    def __init__(self, realizes: dict[Block, BlockRealize]) -> None:
        self.realizes = realizes

    def visit_block_realize(self, node: BlockRealize) -> BlockRealize:
        return self.realizes.get(node.block, node)


def _regions(
    an: Analyzer,
    divided: Sequence[Divided],
    inner: dict[Block, tuple[Block, BlockRealize]],
    outer: Sequence[LoopSRef],
) -> tuple[tuple[BufferRegion, ...], tuple[BufferRegion, ...]]:
    """What the blocks read and write together in one instance of the new block, but for what they read of their own."""
    reads: dict[Buffer, list[BufferRegion]] = {}
    writes: dict[Buffer, list[BufferRegion]] = {}
    made = {region.buffer for d in divided for region in d.ref.stmt.writes}
    for d in divided:
        block, _ = inner[d.ref.stmt]
        # A block without iterators may speak of the loops around it.
        domains = {loop.stmt.loop_var: loop.stmt.range for loop in d.ref.loops() if loop not in outer}
        domains.update((iv.var, iv.dom) for iv in block.iter_vars)
        for var, dom in domains.items():
            an.bind(var, dom, allow_override=True)
        own = {w.buffer for w in block.writes} if d.ref.stmt.init is not None else set()
        for region in block.reads:
            relaxed = without_loads(relax_region(an, region, domains), made)
            before = writes.get(region.buffer)
            if region.buffer in own or (before and region_contains(an, union_region(an, before), relaxed)):
                continue
            reads.setdefault(region.buffer, []).append(relaxed)
        for region in block.writes:
            relaxed = without_loads(relax_region(an, region, domains), made)
            writes.setdefault(region.buffer, []).append(relaxed)
    return tuple(union_region(an, r) for r in reads.values()), tuple(union_region(an, w) for w in writes.values())
