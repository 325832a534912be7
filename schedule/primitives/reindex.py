"""Primitives that copy a buffer into the order in which a block uses it: reindex, reindex_cache_read and _write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.index_map import IndexMap
from ...tir.arith.interval import eval_set
from ...tir.arith.stmt import conjuncts
from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range, decl_buffer
from ...tir.expr import TRUE, Expr, IntImm, Var, all_of, const
from ...tir.op import call
from ...tir.stmt import Block, BlockRealize, BufferStore, For, ForKind, IterType, IterVar, Stmt
from ...tir.visit import free_vars, substitute, walk
from ..arguments import BufferArgument, BufferIndex, paired, region_at, region_number, region_pair
from ..concurrency import concurrent_loops, require_still_concurrent
from ..conditions import require_affine
from ..copies import Stage
from ..edit import Edit, child_towards
from ..errors import require
from ..filling import surely_reads, surely_writes
from ..footprint import Footprints, bindings
from ..index_maps import as_index_map, determined
from ..presence import require_present
from ..primitive import primitive
from ..redirect import Redirect
from ..rewrite import make_nest
from ..scopes import require_scope, suffixed
from ..solve import Axis, axis
from ..sref import BlockSRef
from ..stages import Place, made, read_place, require_below_a_block, require_filled, write_place
from ..state import State

Indices = tuple[Expr, ...]


class Access(NamedTuple):
    """The one way in which a block accesses a buffer: the indices, and the iterators they speak of."""

    buffer: Buffer
    indices: Indices
    iter_vars: tuple[IterVar, ...]


def _access(block: BlockSRef, buffer: Buffer) -> Access:
    """How a block accesses `buffer`: always at the same indices, expressions of its iterators."""
    stmt = block.stmt
    found: dict[Indices, None] = {}
    for node in walk(stmt):
        if isinstance(node, (BufferLoad, BufferStore)) and node.buffer is buffer:
            found[node.indices] = None
            require(node.predicate is None, "{0} accesses {1} under a mask of lanes", block, buffer)
    require(
        len(found) > 0,
        "{0} itself does not access {1} by indices",
        block,
        buffer,
        hint="an access by pointer or by match_buffer has no indices to follow",
    )
    require(
        len(found) == 1,
        f"{{0}} accesses {{1}} at {len(found)} different places: {'; '.join(', '.join(map(str, f)) for f in found)}",
        block,
        buffer,
        hint="only a buffer that is accessed at one place for each instance can be put into the block's order",
    )
    (indices,) = found
    require(
        not any(isinstance(node, BufferLoad) for index in indices for node in walk(index)),
        "{0} accesses {1} at indices that it loads, ({2})",
        block,
        buffer,
        ", ".join(map(str, indices)),
        hint="only indices computed from the block's iterators can be followed",
    )
    used = {v for index in indices for v in free_vars(index)}
    own = {iv.var for iv in stmt.iter_vars}
    inner = [v for node in walk(stmt.body) for v in _defined(node) if v in used]
    require(
        not inner,
        "{0} accesses {1} at indices that depend on {2}, which is not one of its iterators",
        block,
        buffer,
        *inner[:1],
    )
    return Access(buffer, indices, tuple(iv for iv in stmt.iter_vars if iv.var in used & own))


def _defined(node: Any) -> Sequence[Var]:
    if isinstance(node, For):
        return (node.loop_var,)
    return tuple(iv.var for iv in node.iter_vars) if isinstance(node, Block) else ()


def _require_written_once(s: State, block: BlockSRef, access: Access, *, everywhere: bool) -> None:
    """Require that every instance stores, each at an element of its own, so that what it stored can be copied later.

    Parameters
    ----------
    everywhere: the copy is made wherever the iterators may be, not only where the block's loops bring them.
    """
    if everywhere or s.realize(block).predicate is not TRUE:
        require_affine(s, block)
    require(
        all(surely_writes(block.stmt, w) for w in block.stmt.writes if w.buffer is access.buffer),
        "{0} stores to {1} only under a condition, so a copy would hold elements without a value",
        block,
        access.buffer,
    )
    doms = {iv.var: iv.dom for iv in access.iter_vars}
    for iv in access.iter_vars:
        require(
            determined(Analyzer(), access.indices, iv.var, doms),
            "several instances of {0} may store to the same element of {1}: {2} does not follow from the indices",
            block,
            access.buffer,
            iv.var,
        )


def _guards(an: Analyzer, access: Access, indices: Sequence[Expr]) -> list[Expr]:
    """The conditions under which the indices lie in the buffer, where that is not known."""
    out = []
    for index, extent in zip(indices, access.buffer.shape, strict=True):
        out += [c for c in (index >= 0, index < extent) if not an.prove(c)]
    return [an.simplify(c) for c in out]


def _copied(
    an: Analyzer, access: Access, new: Buffer, at: Indices, iter_vars: dict[Var, IterVar], name: str, *, into: bool
) -> Block:
    """The block that copies between an access's element and the new buffer's element `at`.

    Where the indices lie outside of the buffer, in instances that do not use the element, the new one gets a zero.
    """
    for iv in iter_vars.values():
        an.bind(iv.var, iv.dom)
    fresh = {old: iv.var for old, iv in iter_vars.items()}
    old_at = tuple(substitute(i, fresh) for i in access.indices)
    new_at = tuple(substitute(i, fresh) for i in at)
    pairs = ((access.buffer, old_at), (new, new_at))
    (source, source_at), (target, target_at) = pairs if into else pairs[::-1]
    value: Expr = BufferLoad(source, source_at)
    guards = _guards(an, access, old_at)
    if guards and into:
        value = call("if_then_else", all_of(*guards), value, const(0, value.dtype))
    require(
        into or not guards,
        "{0} is not known to be written inside its shape, at ({1})",
        access.buffer,
        ", ".join(map(str, access.indices)),
    )
    return Block(
        tuple(iter_vars.values()),
        (BufferRegion(source, tuple(map(Range.point, source_at))),),
        (BufferRegion(target, tuple(map(Range.point, target_at))),),
        name,
        BufferStore(target, value, target_at),
    )


def _put(
    s: State, block: BlockSRef, place: Place, access: Access, new: Buffer, at: Indices, stage: Stage, *, stores: bool
) -> BlockSRef:
    """Put the copy in its place and let the block access the new buffer at `at`; or only read it there."""

    def moved(indices: Indices) -> Indices:
        return at

    def region(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        return tuple(map(Range.point, at))

    rewriter = Redirect(access.buffer, new, indices=moved, region=region, stores=stores)
    edit = Edit(s)
    edit.allocate(block.scope, new)
    edit.insert(place.at, place.number, stage.nest)
    edit.block(block, rewriter(block.stmt), rewriter.inner)
    concurrent, before = concurrent_loops(block), block.stmt
    edit.commit()
    require_still_concurrent(s, concurrent, before)
    return made(s, stage)


def _place(s: State, block: BlockSRef, access: Access, kind: str, *, everywhere: bool) -> Place:
    if kind == "read":
        return read_place(s, block, access.buffer, [block])
    place = write_place(s, block, access.buffer, [])
    _require_written_once(s, block, access, everywhere=everywhere)
    return place


@primitive(prepare=paired)
def reindex(s: State, block: BlockSRef, *, buffer: BufferArgument) -> BlockSRef:
    """Copy a buffer that `block` accesses at one place into one indexed by the block's iterators; gives the copy.

    Parameters
    ----------
    buffer: ("read", number) or ("write", number), or the buffer's name, or the buffer.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((8, 16), "float32")):
            for i, j in T.grid(8, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vj, vi] * T.float32(2)
    step:
        sch.reindex("B", ("read", 0))
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((8, 16), "float32")):
            A_reindex = T.alloc_buffer((8, 16), "float32")
            for ax0, ax1 in T.grid(8, 16):
                with T.block("A_reindex_reindex"):
                    v0, v1 = T.axis.remap("SS", [ax0, ax1])
                    A_reindex[v0, v1] = A[v1, v0]
            for i, j in T.grid(8, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A_reindex[vi, vj] * T.float32(2)
    """
    require_below_a_block(block)
    kind, number = region_pair(block, buffer)
    access = _access(block, region_at(block, kind, number).buffer)
    place = _place(s, block, access, kind, everywhere=True)
    if kind == "read" and place.writer is None:
        place = place._replace(number=child_towards(block.scope, block))
    foot = Footprints(s, place.at)
    given = foot.settled(block, access.buffer.scope if kind == "write" else "")
    if kind == "write":
        require_filled(foot, block, access.buffer, given)
    else:
        _require_present(foot, block, access, given)
    values = bindings(s, block)
    domains = foot.loops(block)
    axes = [axis(foot.an, iv, eval_set(foot.an, values[iv.var], domains)) for iv in access.iter_vars]
    stage, new = _reindexed(foot.an, access, axes, given, into=kind == "read")
    at = tuple(iv.var - iv.dom.min for iv in access.iter_vars)
    return _put(s, block, place, access, new, at, stage, stores=kind == "write")


def _require_present(foot: Footprints, block: BlockSRef, access: Access, given: Sequence[Expr]) -> None:
    """Require that what a copy for each value of the access's iterators reads, where `given` holds, was written."""
    regions = [r for r in block.stmt.reads if r.buffer is access.buffer]
    exact = foot.runs_for_all(block, access.iter_vars, all_of(*given))
    if not (exact and any(surely_reads(block.stmt, region) for region in regions)):
        box = foot.union(block, block.stmt.reads, access.buffer)
        assert box is not None
        inside = foot.clipped(box, access.buffer)
        require_present(foot.s, block, foot.boundary, access.buffer, inside, block)


def _reindexed(
    an: Analyzer, access: Access, axes: Sequence[Axis], given: Sequence[Expr], *, into: bool
) -> tuple[Stage, Buffer]:
    """The copy over the block's iterators where `given` holds, in loops `ax0`, `ax1`, ..., and the new buffer."""
    name = f"{access.buffer.name}_reindex"
    new = decl_buffer([iv.dom.extent for iv in access.iter_vars], access.buffer.dtype, name)
    iter_vars: dict[Var, IterVar] = {}
    loops: list[tuple[Var, Expr]] = []
    values: list[Expr] = []
    guards = list(given)
    for k, (iv, (low, extent, below, above)) in enumerate(zip(access.iter_vars, axes, strict=True)):
        dtype = iv.var.dtype
        loop = Var(f"ax{k}", dtype)
        loops.append((loop, extent))
        an.bind(loop, Range(IntImm(dtype, 0), extent))
        iter_vars[iv.var] = IterVar(iv.dom, Var(f"v{k}", dtype), IterType.SPATIAL)
        values.append(low + loop)
        guards += [an.simplify(values[-1] >= iv.dom.min)] * below + [an.simplify(values[-1] < iv.dom.end)] * above
    at = tuple(iv.var - iv.dom.min for iv in access.iter_vars)
    block = _copied(an, access, new, at, iter_vars, f"{name}_reindex" if into else name, into=into)
    return Stage(block, make_nest(loops, BlockRealize(tuple(values), all_of(*guards), block))), new


def _mapped(index: str, kind: str) -> Callable[[State, dict[str, Any]], dict[str, Any]]:
    def prepare(s: State, given: dict[str, Any]) -> dict[str, Any]:
        block: BlockSRef = given["block"]
        number = region_number(block, kind, given[index])
        dtype = next((iv.var.dtype for iv in block.stmt.iter_vars), "int32")
        return {index: number, "index_map": as_index_map(given["index_map"], len(block.stmt.iter_vars), dtype)}

    return prepare


@primitive(prepare=_mapped("read_buffer_index", "read"))
def reindex_cache_read(
    s: State, block: BlockSRef, *, read_buffer_index: BufferIndex, storage_scope: str, index_map: IndexMap
) -> BlockSRef:
    """Copy a buffer that `block` reads at one place into one in `storage_scope`, indexed as `index_map` says.

    The copy has those of the block's loops and iterators that the place depends on. Gives the copy.

    Parameters
    ----------
    read_buffer_index: the number of the region among those `block` reads, or the name of its buffer, or the buffer.
    storage_scope: "global", "shared", "local", ...
    index_map: from the block's iterators to the new buffer's indices; a Python function or an `IndexMap`.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((8, 16), "float32")):
            for i, j in T.grid(8, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vj, vi] * T.float32(2)
    step:
        sch.reindex_cache_read("B", 0, "local", lambda i, j: (j // 4, i, j % 4))
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((8, 16), "float32")):
            A_local = T.alloc_buffer((4, 8, 4), "float32", scope="local")
            for i, j in T.grid(8, 16):
                with T.block("A_local"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    A_local[vj // 4, vi, vj % 4] = A[vj, vi]
            for i, j in T.grid(8, 16):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A_local[vj // 4, vi, vj % 4] * T.float32(2)
    """
    assert isinstance(read_buffer_index, int)
    return _reindex_cache(s, block, "read", read_buffer_index, storage_scope, index_map)


@primitive(prepare=_mapped("write_buffer_index", "write"))
def reindex_cache_write(
    s: State, block: BlockSRef, *, write_buffer_index: BufferIndex, storage_scope: str, index_map: IndexMap
) -> BlockSRef:
    """Let `block` write into a new buffer in `storage_scope`, indexed as `index_map` says, which is copied later.

    The copy has those of the block's loops and iterators that the place written to depends on. Gives the copy.

    Parameters
    ----------
    write_buffer_index: the number of the region among those `block` writes, or the name of its buffer, or the buffer.
    storage_scope: "global", "shared", "local", ...
    index_map: from the block's iterators to the new buffer's indices; a Python function or an `IndexMap`.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            for i, j in T.grid(16, 8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
    step:
        sch.reindex_cache_write("B", 0, "local", lambda i, j: (i // 4, j, i % 4))
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
            B_local = T.alloc_buffer((4, 8, 4), "float32", scope="local")
            for i, j in T.grid(16, 8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B_local[vi // 4, vj, vi % 4] = A[vi, vj] * T.float32(2)
            for i, j in T.grid(16, 8):
                with T.block("B_local"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = B_local[vi // 4, vj, vi % 4]
    """
    assert isinstance(write_buffer_index, int)
    return _reindex_cache(s, block, "write", write_buffer_index, storage_scope, index_map)


def _reindex_cache(
    s: State, block: BlockSRef, kind: str, number: int, storage_scope: str, index_map: IndexMap
) -> BlockSRef:
    require_scope(storage_scope)
    require_below_a_block(block)
    access = _access(block, region_at(block, kind, number).buffer)
    doms = {iv.var: iv.dom for iv in access.iter_vars}
    an = Analyzer(doms)
    # Iterators of one value are kept, as all are.
    known = Analyzer({v: dom for v, dom in doms.items() if not dom.is_point})
    at = index_map.map_indices([iv.var for iv in block.stmt.iter_vars], known)
    extra = [v for index in at for v in free_vars(index) if v not in doms]
    require(
        not extra,
        "the index map uses {2}, on which the place where {0} accesses {1} does not depend",
        block,
        access.buffer,
        *extra[:1],
        hint=f"map ({', '.join(iv.var.name for iv in access.iter_vars)}) alone",
    )
    for index in access.indices:
        require(
            determined(an, at, index, doms),
            "the index map sends different elements of {0} to one place: the index {1} does not follow from ({2})",
            access.buffer,
            index,
            ", ".join(map(str, at)),
            hint="give a map from which the indices used by the block can be told",
        )
    place = _place(s, block, access, kind, everywhere=False)
    if kind == "read":
        foot = Footprints(s, place.at)
        _require_present(foot, block, access, foot.settled(block))
    else:
        require(
            Footprints(s, block.scope).begins(block, access.iter_vars),
            "{0} perhaps goes on with a reduction begun elsewhere, so a new buffer would not hold what {1} does",
            block,
            access.buffer,
            hint="make the cache before the reduction is taken apart",
        )
    shape = _shape(an, at, doms)
    new = decl_buffer(shape, access.buffer.dtype, suffixed(access.buffer.name, storage_scope), scope=storage_scope)
    name = f"{access.buffer.name}_{storage_scope}"
    stage = _like_block(s, block, place, access, new, at, name, into=kind == "read")
    return _put(s, block, place, access, new, at, stage, stores=kind == "write")


def _shape(an: Analyzer, at: Indices, doms: dict[Var, Range]) -> list[Expr]:
    """One past the greatest value of each index."""
    shape = []
    for index in at:
        low, high = eval_set(an, index, doms)
        require(
            low is not None and high is not None and an.prove(low >= 0),
            "the index {0} of the map may be negative, or has no bounds",
            index,
        )
        assert high is not None
        shape.append(an.simplify(high + 1))
    return shape


def _like_block(
    s: State, block: BlockSRef, place: Place, access: Access, new: Buffer, at: Indices, name: str, *, into: bool
) -> Stage:
    """The copy in the loops of the block on which the access depends."""
    foot = Footprints(s, place.at)
    values = bindings(s, block)
    used = {v for iv in access.iter_vars for v in free_vars(values[iv.var])}
    kept = [ref.stmt for ref in block.loops() if ref.stmt.loop_var in used & set(foot.loops(block))]
    fresh = {loop.loop_var: Var(loop.loop_var.name, loop.loop_var.dtype) for loop in kept}
    iter_vars = {iv.var: IterVar(iv.dom, Var(iv.var.name, iv.var.dtype), IterType.SPATIAL) for iv in access.iter_vars}
    guards: list[Expr] = []
    for iv in access.iter_vars:
        value = values[iv.var]
        guards += [c for c in (value >= iv.dom.min, value < iv.dom.end) if not foot.an.prove(c)]
    own = {loop.loop_var for loop in kept}
    inside = foot.loops(block).keys() - own
    # What the block's predicate says of these loops alone: where it never runs there may be nothing to copy.
    said = [c for c in conjuncts(s.realize(block).predicate) if c is not TRUE and not inside & free_vars(c).keys()]
    guards = list(dict.fromkeys(map(foot.an.simplify, [*guards, *said])))
    copied = _copied(foot.an, access, new, at, iter_vars, name, into=into)
    bound = tuple(substitute(values[v], fresh) for v in iter_vars)
    nest: Stmt = BlockRealize(bound, substitute(all_of(*guards), fresh), copied)
    for loop in reversed(kept):
        low, extent = substitute(loop.min, fresh), substitute(loop.extent, fresh)
        nest = For(fresh[loop.loop_var], low, extent, ForKind.SERIAL, nest)
    return Stage(copied, nest)
