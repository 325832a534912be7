"""Primitives that take reductions apart: decompose_reduction."""

from __future__ import annotations

from collections.abc import Sequence

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.iter_map import IterMapLevel, detect_iter_map
from ...tir.arith.stmt import conjuncts
from ...tir.buffer import BufferRegion
from ...tir.expr import Expr, IntImm, Var, all_of
from ...tir.same import structural_equal
from ...tir.stmt import Block, BlockRealize, For, IterType, IterVar, Stmt, seq
from ...tir.visit import free_vars, fresh, substitute
from ..bindings import is_one_to_one
from ..concurrency import concurrent_loops
from ..conditions import binding_predicate, require_affine, require_reduction
from ..errors import refusal, require
from ..primitive import primitive
from ..rewrite import bind_loops
from ..sref import BlockSRef, LoopSRef
from ..state import State


@primitive
def decompose_reduction(s: State, block: BlockSRef, loop: LoopSRef) -> BlockSRef:
    """Move the init of a reduction block into a block of its own, run before `loop`; gives the new block.

    before:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16,), "float32")):
            for i, k in T.grid(16, 8):
                with T.block("B"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + A[vi, vk]
    step:
        i, k = sch.get_loops("B")
        sch.decompose_reduction("B", k)
    after:
        @T.prim_func
        def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B_init"):
                    vi = T.axis.spatial(16, i)
                    T.reads()
                    B[vi] = T.float32(0)
                for k in range(8):
                    with T.block("B_update"):
                        vi, vk = T.axis.remap("SR", [i, k])
                        T.reads(B[vi], A[vi, vk])
                        B[vi] = B[vi] + A[vi, vk]
    """
    old = block.stmt
    require_reduction(s, block)
    require_affine(s, block)
    loops = block.loops()
    require(
        loop in loops,
        "{0} is not a loop around {1}",
        loop,
        block,
        hint="give one of sch.get_loops(block)",
    )
    realize = s.realize(block)
    reducing = [
        (iv, value)
        for iv, value in zip(old.iter_vars, realize.iter_values, strict=True)
        if iv.iter_type is not IterType.SPATIAL
    ]
    at = loops.index(loop)
    inner_loops = [ref.stmt for ref in loops[at:]]
    outside = {ref.stmt.loop_var: ref for ref in loop.ancestors() if isinstance(ref, LoopSRef)}
    for iter_var, value in reducing:
        for var in free_vars(value):
            require(
                var not in outside,
                "{0}, outside of {1}, drives the reduce axis {2}, so the init would run again and again",
                outside.get(var),
                loop,
                iter_var.var,
                hint="choose the outermost loop of the reduction or one around it",
            )
    require_in_turn(s, block, inner_loops)
    _require_run_once(s, block, realize, inner_loops)
    _require_started(block, realize, [ref.stmt for ref in loops])
    init, nest = init_nest(old, realize, inner_loops, "_init")
    updated = update_of(old)
    inner = _put_block(loop.stmt, old, updated)
    s.replace(loop, seq(nest, inner), {old: updated})
    ref = s.srefs[init]
    assert isinstance(ref, BlockSRef)
    return ref


def require_in_turn(s: State, block: BlockSRef, loops: Sequence[For]) -> None:
    """Require that no iterations of `loops` that run at once reduce together, which takes a block that starts the
    reduction itself."""
    values = zip(block.stmt.iter_vars, s.realize(block).iter_values, strict=True)
    reducing = {v for iv, value in values if iv.iter_type is not IterType.SPATIAL for v in free_vars(value)}
    for loop in concurrent_loops(block).values():
        require(
            loop not in loops or loop.loop_var not in reducing,
            "the iterations of {1} run at once, and reduce together only as long as {0} starts its reduction itself",
            block,
            loop,
            hint="take the reduction apart first; only loops over spatial axes can be bound then",
        )


def _require_run_once(s: State, block: BlockSRef, realize: BlockRealize, loops: Sequence[For]) -> None:
    """Require that `loops` run each instance of the block once, so that none is repeated without its init."""
    if is_one_to_one(s, block):
        return
    an = bind_loops(Analyzer(), block)
    domains = {loop.loop_var: loop.range for loop in loops}
    driving = {v for value in realize.iter_values for v in free_vars(an.simplify(value))}
    for loop in loops:
        require(
            loop.loop_var in driving or _is_one(loop.extent),
            "{0} drives no axis of {1}: it computes all of the reduction again in each iteration, which takes its init "
            "each time",
            loop,
            block,
            hint="choose a loop inside of it",
        )
    predicate = binding_predicate(realize, {ref.stmt.loop_var for ref in block.loops()})
    require(
        detect_iter_map(realize.iter_values, domains, predicate, IterMapLevel.BIJECTIVE, an),
        "the loops from {0} inwards may run an instance of {1} more than once, which takes its init each time",
        loops[0],
        block,
        hint="choose a loop further inside",
    )


def _is_one(e: Expr) -> bool:
    return isinstance(e, IntImm) and e.value == 1


def _require_started(block: BlockSRef, realize: BlockRealize, loops: Sequence[For]) -> None:
    """Require that the block runs its init: it runs in the first iteration of the loops of the reduction."""
    reduced = {
        var
        for iv, value in zip(block.stmt.iter_vars, realize.iter_values, strict=True)
        if iv.iter_type is not IterType.SPATIAL
        for var in free_vars(value)
    }
    order = [loop for loop in loops if loop.loop_var in reduced]
    skipped = skipped_at_first(block, realize, order, order)
    if skipped is not None:
        raise refusal(
            "{0} runs only where {1}, which leaves out iterations that would run its init",
            block,
            skipped,
            hint="reduce over a range that begins where the condition holds",
        )


def skipped_at_first(
    block: BlockSRef, realize: BlockRealize, order: Sequence[For], first: Sequence[For]
) -> Expr | None:
    """A condition of the block on loops of its reduction, `order`, not shown to hold where those of `first` begin."""
    an = bind_loops(Analyzer(), block)
    begin = {loop.loop_var: loop.min for loop in first}
    involved = {loop.loop_var for loop in order}
    with an.constraint(all_of(*(loop.extent > 0 for loop in order))):
        for condition in conjuncts(realize.predicate):
            if involved & set(free_vars(condition)) and not an.prove(substitute(condition, begin)):
                return condition
    return None


def init_nest(
    old: Block, realize: BlockRealize, inner: list[For], suffix: str, axis_suffix: str = ""
) -> tuple[Block, Stmt]:
    """The block that runs the init of `old`, run by `realize`, and the loops it needs: those of `inner` that drive
    spatial axes.

    Parameters
    ----------
    suffix, axis_suffix: of the names of the new loops and iterators.
    """
    assert old.init is not None
    spatial = [
        (iv, value)
        for iv, value in zip(old.iter_vars, realize.iter_values, strict=True)
        if iv.iter_type is IterType.SPATIAL
    ]
    used = {v for _, value in spatial for v in free_vars(value)}
    kept = [loop for loop in inner if loop.loop_var in used]
    dropped = {loop.loop_var for loop in inner} - used
    guards = _where_started(realize.predicate, inner, dropped)
    renamed = {outer.loop_var: Var(outer.loop_var.name + suffix, outer.loop_var.dtype) for outer in kept}
    iter_vars = {iv.var: iv.var.replace(name=iv.var.name + axis_suffix) for iv, _ in spatial}
    writes = tuple(substitute(region, iter_vars) for region in old.writes)
    init = Block(
        tuple(IterVar(iv.dom, iter_vars[iv.var], IterType.SPATIAL) for iv, _ in spatial),
        (),
        writes,
        f"{old.name_hint}_init",
        fresh(substitute(old.init, iter_vars)),
        annotations=old.annotations,
    )
    body: Stmt = BlockRealize(
        tuple(substitute(value, renamed) for _, value in spatial),
        substitute(all_of(*guards), renamed),
        init,
    )
    for old_loop in reversed(kept):
        var = renamed[old_loop.loop_var]
        lower, extent = substitute(old_loop.min, renamed), substitute(old_loop.extent, renamed)
        body = For(var, lower, extent, old_loop.kind, body, old_loop.thread_binding)
    return init, body


def _where_started(predicate: Expr, inner: Sequence[For], dropped: set[Var]) -> list[Expr]:
    """What a predicate asks of the other loops where the loops `dropped` of the reduction are in their first iteration.

    What it asks of the dropped loops alone holds there, or nothing starts.
    """
    first = {loop.loop_var: loop.min for loop in inner if loop.loop_var in dropped}
    an = Analyzer({loop.loop_var: loop.range for loop in inner})
    guards = []
    for condition in conjuncts(predicate):
        used = set(free_vars(condition))
        if not used & dropped:
            guards.append(condition)
        elif used - dropped:
            started = an.simplify(substitute(condition, first))
            if not an.prove(started):
                guards.append(started)
    return guards


def update_of(old: Block) -> Block:
    """A reduction block without its init: it reads what it updates."""
    known = list(old.reads)
    missing = tuple(w for w in old.writes if not any(_same_region(w, r) for r in known))
    return old.replace(init=None, reads=missing + old.reads, name_hint=f"{old.name_hint}_update")


def _same_region(a: BufferRegion, b: BufferRegion) -> bool:
    return a.buffer is b.buffer and structural_equal(a, b)


def _put_block(stmt: Stmt, old: Block, new: Block) -> Stmt:
    if isinstance(stmt, BlockRealize):
        return BlockRealize(stmt.iter_values, stmt.predicate, new) if stmt.block is old else stmt
    if isinstance(stmt, Block):
        return stmt
    return stmt.map_children(lambda c: _put_block(c, old, new) if isinstance(c, Stmt) else c)
