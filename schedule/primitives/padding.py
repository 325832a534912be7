"""Primitives that write padding and inside of a padded buffer apart: decompose_padding, can_decompose_padding."""

from __future__ import annotations

from typing import NamedTuple

from ...tir.analysis.access import block_access_regions
from ...tir.arith.analyzer import Analyzer
from ...tir.arith.stmt import conjuncts
from ...tir.buffer import BufferLoad, Range
from ...tir.errors import ScheduleError
from ...tir.expr import GE, GT, LE, LT, Call, Expr, Select, Var, all_of, const
from ...tir.stmt import Block, BlockRealize, BufferStore, For, IterVar, Stmt, seq
from ...tir.visit import free_vars, substitute, walk
from ..concurrency import concurrent_loops, loops_at_once, require_still_concurrent
from ..conditions import require_complete
from ..errors import require
from ..primitive import primitive
from ..rewrite import bind_loops
from ..sref import BlockSRef, LoopSRef
from ..state import State


class _Padding(NamedTuple):
    """What a block stores: `inside` where `condition` holds, the constant `fill` elsewhere."""

    store: BufferStore
    condition: Expr
    inside: Expr
    fill: Expr


@primitive
def decompose_padding(s: State, block: BlockSRef, loop: LoopSRef) -> BlockSRef:
    """Fill a padded buffer with its padding in a block of its own, before `loop`, and then store what is inside only.

    Gives the block that fills.

    before:
        @T.prim_func
        def main(A: T.Buffer((30,), "float32"), B: T.Buffer((34,), "float32")):
            for i in range(34):
                with T.block("B"):
                    vi = T.axis.spatial(34, i)
                    B[vi] = T.if_then_else(2 <= vi and vi < 32, A[vi - 2], T.float32(0))
    step:
        sch.decompose_padding("B", sch.get_loops("B")[0])
    after:
        @T.prim_func
        def main(A: T.Buffer((30,), "float32"), B: T.Buffer((34,), "float32")):
            for i in range(34):
                with T.block("B_pad_const"):
                    vi = T.axis.spatial(34, i)
                    T.reads()
                    B[vi] = T.float32(0)
            for i in range(30):
                with T.block("B"):
                    vi = T.axis.spatial(30, i)
                    B[vi + 2] = A[vi]
    """
    old = block.stmt
    require_complete(s, block)
    refs = block.loops()
    require(loop in refs, "{0} is not a loop around {1}", loop, block, hint="give one of sch.get_loops(block)")
    found = _padding(block)
    inner = [ref.stmt for ref in refs[refs.index(loop) :]]
    realize = s.realize(block)
    an = bind_loops(Analyzer(), block)
    for iv in old.iter_vars:
        an.bind(iv.var, iv.dom)
    fill = _with_regions(old.replace(body=found.store, name_hint=f"{old.name_hint}_pad_const"), found.fill)
    renamed: dict[Var, Expr] = {stmt.loop_var: stmt.loop_var.replace() for stmt in inner}
    own = {iv.var: iv.var.replace() for iv in old.iter_vars}
    fill = substitute(fill.replace(iter_vars=()), own).replace(
        iter_vars=tuple(IterVar(iv.dom, own[iv.var], iv.iter_type) for iv in old.iter_vars)
    )
    outer = bind_loops(Analyzer(), loop)
    bound = tuple(outer.simplify(substitute(v, renamed)) for v in realize.iter_values)
    filling: Stmt = BlockRealize(bound, substitute(realize.predicate, renamed), fill)
    for stmt in reversed(inner):
        var = renamed[stmt.loop_var]
        assert isinstance(var, Var)
        low, extent = substitute(stmt.min, renamed), substitute(stmt.extent, renamed)
        filling = For(var, low, extent, stmt.kind, filling, stmt.thread_binding)
    new, body = _inside(an, outer, block, realize, inner, found)
    buffer = found.store.buffer
    at_once = loops_at_once(s, block.scope, buffer)
    s.replace(loop, seq(filling, body), {old: new})
    ref = s.srefs[fill]
    assert isinstance(ref, BlockSRef)
    hint = "choose a loop inside of it, or decompose before iterations run at once"
    require_still_concurrent(s, at_once | concurrent_loops(ref), fill, hint, buffer)
    return ref


@primitive(pure=True)
def can_decompose_padding(s: State, block: BlockSRef, loop: LoopSRef) -> bool:
    """Whether `decompose_padding` applies to the block and the loop."""
    try:
        require_complete(s, block)
        _padding(block)
    except ScheduleError:
        return False
    return loop in block.loops()


def _padding(block: BlockSRef) -> _Padding:
    store = block.stmt.body
    require(isinstance(store, BufferStore), "the body of {0} is not one store", block)
    assert isinstance(store, BufferStore)
    value = store.value
    lazy = isinstance(value, Call) and getattr(value.op, "name", "") in ("if_then_else", "tir.if_then_else")
    require(
        lazy or isinstance(value, Select),
        "{0} stores {1}, which does not choose between what is inside and a constant",
        block,
        value,
        hint="padding is written as T.if_then_else(inside, value, constant)",
    )
    condition, inside, fill = value.children() if isinstance(value, Select) else value.args  # type: ignore[attr-defined]
    require(
        not any(isinstance(node, (BufferLoad, Var)) for node in walk(fill)),
        "what {0} stores outside, {1}, is no constant",
        block,
        fill,
    )
    return _Padding(store, condition, inside, fill)


def _with_regions(block: Block, value: Expr) -> Block:
    """The block storing `value`."""
    store = block.body
    assert isinstance(store, BufferStore)
    new = block.replace(body=BufferStore(store.buffer, value, store.indices))
    reads, writes = block_access_regions(new)
    return new.replace(reads=reads, writes=writes)


def _inside(
    an: Analyzer, outer: Analyzer, block: BlockSRef, realize: BlockRealize, inner: list[For], found: _Padding
) -> tuple[Block, Stmt]:
    """The block that stores what is inside, and the loops over it.

    Iterators count from the start of the inside. The loops of those that are a loop, alone in its nest, run over it
    only; for others the block gets a predicate. `outer` knows the loops outside of `inner`.
    """
    old = block.stmt
    loops = {loop.loop_var: loop for loop, below in zip(inner, [*inner[1:], realize], strict=True)}
    alone = _alone(inner, realize)
    bounds: dict[Var, tuple[Expr, Expr]] = {}
    rest: list[Expr] = []
    guarded: set[Var] = set()
    values = {iv.var: value for iv, value in zip(old.iter_vars, realize.iter_values, strict=True)}
    doms = {iv.var: iv.dom for iv in old.iter_vars}
    uses = [v for value in realize.iter_values for v in free_vars(value)]
    for condition in conjuncts(an.simplify(found.condition)):
        used = [v for v in free_vars(condition) if v in doms]
        var = used[0] if len(used) == 1 else None
        value = values.get(var) if var is not None else None
        shrinks = (
            isinstance(value, Var)
            and value in alone
            and uses.count(value) == 1
            and value not in free_vars(realize.predicate)
            and loops[value].extent is doms[var].extent  # type: ignore[index]
            and loops[value].min is doms[var].min  # type: ignore[index]
        )
        limits = _limits(an, condition, var, doms[var]) if var is not None else None
        if limits is None or var is None:
            rest.append(substitute(condition, values))
            continue
        if not shrinks:
            rest.append(substitute(condition, values))
            guarded.add(var)
        low, high = bounds.get(var, (doms[var].min, an.simplify(doms[var].min + doms[var].extent)))
        first, end = limits
        tighter = (low if first is None else first, high if end is None else end)
        if an.prove(tighter[0] >= low) and an.prove(tighter[1] <= high) and an.prove(tighter[0] <= tighter[1]):
            bounds[var] = tighter
        elif shrinks:
            rest.append(substitute(condition, values))
    moved: dict[Var, Expr] = {}
    ranges: dict[Var, Range] = {}
    for var, (low, high) in bounds.items():
        zero = const(0, var.dtype)
        ranges[var] = Range(zero, an.simplify(high - low))
        moved[var] = var + low
    within = {iv.var: ranges.get(iv.var, iv.dom) for iv in old.iter_vars}
    inside = Analyzer({v: r for v, r in within.items() if not r.is_point})
    store = found.store
    body = BufferStore(
        store.buffer,
        _simplified(inside, substitute(found.inside, moved)),
        tuple(inside.simplify(substitute(i, moved)) for i in store.indices),
    )
    iter_vars = tuple(IterVar(ranges.get(iv.var, iv.dom), iv.var, iv.iter_type) for iv in old.iter_vars)
    new = old.replace(iter_vars=iter_vars, body=body)
    reads, writes = block_access_regions(new)
    new = new.replace(reads=reads, writes=writes)
    shifted = {var: bounds[var][0] for var in guarded & bounds.keys()}
    bound = tuple(outer.simplify(values[iv.var] - shifted.get(iv.var, 0)) for iv in old.iter_vars)
    out: Stmt = BlockRealize(bound, all_of(realize.predicate, *rest), new)
    sizes = {values[var]: r for var, r in ranges.items() if var not in guarded}
    return new, _nest(inner, realize, out, sizes)


def _nest(inner: list[For], realize: BlockRealize, out: Stmt, sizes: dict[Expr, Range]) -> Stmt:
    """The loops with the block replaced and their ranges changed."""

    def put(stmt: Stmt) -> Stmt:
        if stmt is realize:
            return out
        if isinstance(stmt, For) and stmt.loop_var in sizes:
            r = sizes[stmt.loop_var]
            return For(stmt.loop_var, r.min, r.extent, stmt.kind, put(stmt.body), stmt.thread_binding, stmt.annotations)
        if isinstance(stmt, Block) or (isinstance(stmt, BlockRealize) and stmt is not realize):
            return stmt
        changed: Stmt = stmt.map_children(lambda c: put(c) if isinstance(c, Stmt) else c)
        return changed

    return put(inner[0])


def _alone(inner: list[For], realize: BlockRealize) -> set[Var]:
    """The variables of the loops below which there is nothing but the block."""
    out: set[Var] = set()
    below: Stmt = realize
    for loop in reversed(inner):
        if loop.body is not below:
            break
        out.add(loop.loop_var)
        below = loop
    return out


def _limits(an: Analyzer, condition: Expr, var: Var, dom: Range) -> tuple[Expr | None, Expr | None] | None:
    """The first value and the end that a condition leaves `var`, one of them; None if it is no such bound."""
    if not isinstance(condition, (LT, LE, GT, GE)):
        return None
    a, b = (condition.a, condition.b) if isinstance(condition, (LT, LE)) else (condition.b, condition.a)
    strict = isinstance(condition, (LT, GT))
    for side, other, lower in ((a, b, False), (b, a, True)):
        shift = an.simplify(side - var)
        if var in free_vars(shift) or var in free_vars(other):
            continue
        limit = an.simplify(other - shift)
        # var < limit, var <= limit; limit < var, limit <= var
        if lower:
            low = an.simplify(limit + 1) if strict else limit
            return (low, None) if an.prove(low >= dom.min) else None
        high = limit if strict else an.simplify(limit + 1)
        return (None, high) if an.prove(high <= dom.min + dom.extent) else None
    return None


def _simplified(an: Analyzer, e: Expr) -> Expr:
    """An expression with the indices in it simplified."""
    if isinstance(e, BufferLoad):
        return BufferLoad(e.buffer, tuple(an.simplify(i) for i in e.indices))
    changed: Expr = e.map_children(lambda c: _simplified(an, c) if isinstance(c, Expr) else c)
    return changed
