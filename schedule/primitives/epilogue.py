"""Primitives that finish a reduction where it is computed: fuse_reduction_epilogue."""

from __future__ import annotations

from ...tir.analysis.access import block_access_regions
from ...tir.arith.analyzer import Analyzer
from ...tir.arith.regions import box_contains, box_of, eval_box
from ...tir.buffer import Buffer, BufferLoad, Range
from ...tir.expr import TRUE, Add, Expr, Var, all_of
from ...tir.node import DELETE
from ...tir.op import if_then_else
from ...tir.stmt import Block, BufferStore, IterType
from ...tir.visit import Rewriter, substitute, walk
from ..conditions import require_affine, require_complete, require_reduction
from ..edit import Edit
from ..errors import require
from ..footprint import Footprints, bindings
from ..primitive import primitive
from ..sref import BlockSRef
from ..state import State


@primitive
def fuse_reduction_epilogue(s: State, reduction_block: BlockSRef, epilogue_block: BlockSRef) -> None:
    """Let a reduction compute what a later block makes of each of its results, and drop that block.

    What is added to a result (a bias) becomes what the reduction starts from. Anything else, as a relu or a clip, is
    applied by the last instance of the reduction, that in which all reduce axes are at their end; from then on the
    loops of these axes must keep their order.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), b: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
            C = T.alloc_buffer((16,), "float32")
            for i, k in T.grid(16, 8):
                with T.block("C"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init():
                        C[vi] = T.float32(0)
                    C[vi] = C[vi] + A[vi, vk]
            for i in range(16):
                with T.block("D"):
                    vi = T.axis.spatial(16, i)
                    D[vi] = C[vi] + b[vi]
    step:
        sch.fuse_reduction_epilogue("C", "D")
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), b: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
            C = T.alloc_buffer((16,), "float32")
            for i, k in T.grid(16, 8):
                with T.block("C"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init():
                        D[vi] = b[vi]
                    D[vi] = D[vi] + A[vi, vk]
    """
    require_reduction(s, reduction_block)
    require_affine(s, reduction_block)
    require_complete(s, epilogue_block)
    require_affine(s, epilogue_block)
    require(
        reduction_block.scope is epilogue_block.scope,
        "{0} and {1} are not inside the same block",
        reduction_block,
        epilogue_block,
    )
    update, finish = _only_store(reduction_block), _only_store(epilogue_block)
    init = reduction_block.stmt.init
    require(isinstance(init, BufferStore), "the init of {0} is not one store", reduction_block)
    assert isinstance(init, BufferStore)
    partial, result = update.buffer, finish.buffer
    _require_private(s, reduction_block, epilogue_block, partial)
    _require_in_time(s, reduction_block, epilogue_block, partial, result)
    require(
        partial.dtype == result.dtype,
        f"{{0}} holds {partial.dtype}, {{1}} {result.dtype}, in which the sums would lose precision",
        partial,
        result,
    )
    values = _corresponding(reduction_block, epilogue_block, update, finish, partial)
    _require_whole(s, reduction_block, epilogue_block)
    final: Expr = substitute(finish.value, values)
    at = tuple(substitute(i, values) for i in finish.indices)
    load = BufferLoad(partial, update.indices)
    new = _fused(reduction_block.stmt, update, init, final, load, BufferLoad(result, at))
    edit = Edit(s)
    edit.block(reduction_block, new)
    edit.realize(epilogue_block, DELETE)
    edit.commit()


def _only_store(block: BlockSRef) -> BufferStore:
    body = block.stmt.body
    require(isinstance(body, BufferStore), "the body of {0} is not one store", block)
    assert isinstance(body, BufferStore)
    return body


def _require_private(s: State, reduction: BlockSRef, epilogue: BlockSRef, partial: Buffer) -> None:
    """Require that what is reduced is used by nothing but the epilogue."""
    require(
        partial in reduction.scope.stmt.alloc_buffers,
        "{0} writes {1}, which lives on after {2}",
        reduction,
        partial,
        reduction.scope,
        hint="only an intermediate buffer (T.alloc_buffer) can be dropped",
    )
    for other in s.child_blocks(reduction.scope):
        if other not in (reduction, epilogue):
            require(
                all(r.buffer is not partial for r in (*other.stmt.reads, *other.stmt.writes)),
                "{0} uses {1} as well",
                other,
                partial,
            )


def _require_whole(s: State, reduction: BlockSRef, epilogue: BlockSRef) -> None:
    """Require that the epilogue runs for all values in the domains of its axes, as the reduction does."""
    foot, axes, values = Footprints(s, epilogue.scope), epilogue.stmt.iter_vars, bindings(s, epilogue)
    swept = eval_box(foot.an, [Range.point(values[iv.var]) for iv in axes], foot.loops(epilogue))
    require(
        box_contains(foot.an, swept, box_of(foot.an, [iv.dom for iv in axes]))
        and foot.runs_for_all(epilogue, axes, TRUE),
        "{0} is not known to run for all values of its axes, and {1} would store the results for others, too",
        epilogue,
        reduction,
    )


def _require_in_time(s: State, reduction: BlockSRef, epilogue: BlockSRef, partial: Buffer, result: Buffer) -> None:
    """Require that what the epilogue reads is there when the reduction runs, and that its result is not used yet."""
    order = s.child_blocks(reduction.scope)
    first, last = order.index(reduction), order.index(epilogue)
    require(first < last, "{1} does not come after {0}", reduction, epilogue)
    wanted = {r.buffer for r in epilogue.stmt.reads} - {partial}
    for other in order[first:last]:
        writes = {w.buffer for w in other.stmt.writes}
        touched = writes | {r.buffer for r in other.stmt.reads}
        require(
            not wanted & writes,
            "{0} writes what {1} reads, so that it is not there when {2} runs",
            other,
            epilogue,
            reduction,
        )
        require(result not in touched, "{0} touches {1}, which {2} would write earlier", other, result, epilogue)


def _corresponding(
    reduction: BlockSRef, epilogue: BlockSRef, update: BufferStore, finish: BufferStore, partial: Buffer
) -> dict[Var, Expr]:
    """The reduction's iterator for each of the epilogue's."""
    loads = {n: None for n in walk(finish) if isinstance(n, BufferLoad) and n.buffer is partial}
    mine = {iv.var: iv for iv in epilogue.stmt.iter_vars}
    theirs = {iv.var: iv for iv in reduction.stmt.iter_vars}
    values: dict[Var, Expr] = {}
    an = Analyzer()
    for load in loads:
        for index, stored in zip(load.indices, update.indices, strict=True):
            known = isinstance(index, Var) and index in mine and isinstance(stored, Var) and stored in theirs
            same = known and values.setdefault(index, stored) is stored  # type: ignore[arg-type]
            if same:
                a, b = mine[index].dom, theirs[stored].dom  # type: ignore[index]
                same = an.equal(a.min, b.min) and an.equal(a.extent, b.extent)
            require(
                same,
                "{0} reads {1}, which is not just each element that {2} stores",
                epilogue,
                load,
                reduction,
                hint="both are to use plain iterators of the same domains as indices",
            )
    spatial = [iv for iv in reduction.stmt.iter_vars if iv.iter_type is IterType.SPATIAL]
    require(
        len(values) == len(mine) == len(spatial) == len(set(values.values())),
        "the axes of {0} do not correspond one to one with the spatial axes of {1}",
        epilogue,
        reduction,
    )
    return values


class _Replace(Rewriter):
    """Puts an expression for another."""

    def __init__(self, old: Expr, new: Expr) -> None:
        self.old, self.new = old, new

    def visit_buffer_load(self, node: BufferLoad) -> Expr:
        return self.new if node is self.old else node.map_children(self)


def _fused(
    old: Block, update: BufferStore, init: BufferStore, final: Expr, load: BufferLoad, result: BufferLoad
) -> Block:
    put = _Replace(load, result)
    summed = put(update.value)
    start = init.value
    bias = _added(final, load) if isinstance(update.value, Add) and load in (update.value.a, update.value.b) else None
    if bias is not None:
        zero = getattr(start, "value", None) == 0
        start, value = bias if zero else start + bias, summed
    else:
        ends = [iv.var == iv.dom.min + iv.dom.extent - 1 for iv in old.iter_vars if iv.iter_type is IterType.REDUCE]
        last = Analyzer({iv.var: iv.dom for iv in old.iter_vars}).simplify(all_of(*ends))
        value = if_then_else(last, _Replace(load, summed)(final), summed)
    new = old.replace(
        body=BufferStore(result.buffer, value, result.indices), init=BufferStore(result.buffer, start, result.indices)
    )
    reads, writes = block_access_regions(new)
    return new.replace(reads=reads, writes=writes)


def _added(final: Expr, load: BufferLoad) -> Expr | None:
    """What is added to a result, where nothing else is done with it."""
    if not isinstance(final, Add) or (final.a is not load and final.b is not load):
        return None
    other = final.b if final.a is load else final.a
    return None if any(n is load for n in walk(other)) else other
