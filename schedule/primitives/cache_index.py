"""The primitive that computes the indices of a block beforehand: cache_index."""

from __future__ import annotations

from typing import Any

from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range, decl_buffer
from ...tir.expr import TRUE, Call, Expr, FloatImm, IntImm, Var, const
from ...tir.op import Effect, Intrinsic
from ...tir.stmt import (
    Block,
    BlockRealize,
    BufferStore,
    Evaluate,
    For,
    IfThenElse,
    IterType,
    IterVar,
    LetStmt,
)
from ...tir.visit import Rewriter, free_vars, substitute, walk
from ..copies import Stage
from ..edit import Edit, child_towards
from ..errors import require
from ..primitive import primitive
from ..rewrite import make_nest
from ..scopes import require_scope
from ..sref import BlockSRef
from ..stages import made, require_below_a_block
from ..state import State


@primitive
def cache_index(s: State, block: BlockSRef, *, storage_scope: str, cse_thresh: int = 0) -> list[BlockSRef]:
    """Compute what `block` computes of its iterators alone, its indices above all, into buffers of their own before it.

    Gives the blocks that do. Plain iterators and constants are left alone; of an expression with loads in it the parts
    without are computed.

    Parameters
    ----------
    storage_scope: "global", "shared", "local", ...
    cse_thresh: how often an expression must occur to be computed beforehand; at 0 and 1 every one is, as a whole, and
        above 1 also parts of them are.

    before:
        @T.prim_func
        def main(A: T.Buffer((40, 40), "float32"), B: T.Buffer((80, 80), "float32")):
            for i, j in T.grid(80, 80):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi // 4 + vj // 4, vj // 2]
    step:
        sch.cache_index("B", "global")
    after:
        @T.prim_func
        def main(A: T.Buffer((40, 40), "float32"), B: T.Buffer((80, 80), "float32")):
            index_var_0 = T.alloc_buffer((80, 80), "int32")
            index_var_1 = T.alloc_buffer((80,), "int32", strides=(1,))
            for ax0, ax1 in T.grid(80, 80):
                with T.block("index_0"):
                    v0, v1 = T.axis.remap("SS", [ax0, ax1])
                    index_var_0[v0, v1] = v0 // 4 + v1 // 4
            for ax0 in range(80):
                with T.block("index_1"):
                    v0 = T.axis.spatial(80, ax0)
                    index_var_1[v0] = v0 // 2
            for i, j in T.grid(80, 80):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    T.reads(
                        A[vi // 4 + vj // 4, vj // 2], index_var_0[vi, vj], index_var_1[vj]
                    )
                    B[vi, vj] = A[index_var_0[vi, vj], index_var_1[vj]]
    """
    require_scope(storage_scope)
    require_below_a_block(block)
    require(cse_thresh >= 0, f"cse_thresh counts occurrences, got {cse_thresh!r}")
    old = block.stmt
    doms = {iv.var: iv for iv in old.iter_vars}
    found = _common(old, doms, cse_thresh) if cse_thresh > 1 else _whole(old, doms)
    if not found:
        return []
    stages: list[Stage] = []
    buffers: list[Buffer] = []
    loads: dict[Expr, Expr] = {}
    for number, e in enumerate(found):
        used = set(free_vars(e))
        iter_vars = [iv for iv in old.iter_vars if iv.var in used]
        shape = [iv.dom.extent for iv in iter_vars]
        strides = (const(1, shape[0].dtype),) if len(shape) == 1 else ()
        buffer = decl_buffer(shape, e.dtype, f"index_var_{number}", strides=strides, scope=storage_scope)
        stages.append(_stage(buffer, e, iter_vars, f"index_{number}"))
        buffers.append(buffer)
        loads[e] = BufferLoad(buffer, tuple(iv.var - iv.dom.min for iv in iter_vars))
    rewriter = _Computed(loads)
    body, init = rewriter(old.body), None if old.init is None else rewriter(old.init)
    read = [
        BufferRegion(load.buffer, tuple(map(Range.point, load.indices)))
        for load in loads.values()
        if isinstance(load, BufferLoad)
    ]
    edit = Edit(s)
    at = child_towards(block.scope, block)
    edit.allocate(block.scope, *buffers)
    for stage in stages:
        edit.insert(block.scope, at, stage.nest)
    edit.block(block, old.replace(body=body, init=init, reads=(*old.reads, *read)), rewriter.inner)
    edit.commit()
    return [made(s, stage) for stage in stages]


def _stage(buffer: Buffer, e: Expr, iter_vars: list[IterVar], name: str) -> Stage:
    """The computation of an index for all values of the iterators it speaks of."""
    fresh = [Var(f"v{k}", iv.var.dtype) for k, iv in enumerate(iter_vars)]
    loops = [(Var(f"ax{k}", iv.var.dtype), iv.dom.extent) for k, iv in enumerate(iter_vars)]
    values = tuple(iv.dom.min + loop for iv, (loop, _) in zip(iter_vars, loops, strict=True))
    at = tuple(v - iv.dom.min for v, iv in zip(fresh, iter_vars, strict=True))
    block = Block(
        tuple(IterVar(iv.dom, v, IterType.SPATIAL) for v, iv in zip(fresh, iter_vars, strict=True)),
        (),
        (BufferRegion(buffer, tuple(map(Range.point, at))),),
        name,
        BufferStore(buffer, substitute(e, dict(zip((iv.var for iv in iter_vars), fresh, strict=True))), at),
    )
    return Stage(block, make_nest(loops, BlockRealize(values, TRUE, block)))


def _expressions(block: Block) -> list[Expr]:
    """Every expression that a block computes, in order: what it stores, where, and under which condition."""
    out: list[Expr] = []
    for node in walk(block):
        if isinstance(node, BufferStore):
            out += [node.value, *node.indices]
        elif isinstance(node, IfThenElse):
            out.append(node.condition)
        elif isinstance(node, (LetStmt, Evaluate)):
            out.append(node.value)
    return out


def _eligible(e: Expr, doms: dict[Var, IterVar]) -> bool:
    """Whether an expression is a computation on the block's iterators alone."""
    if isinstance(e, (Var, IntImm, FloatImm)) or e.dtype.lanes > 1:
        return False
    variables = free_vars(e)
    pure = not any(isinstance(node, (BufferLoad, Call)) and not _is_pure(node) for node in walk(e))
    return bool(variables) and all(v in doms for v in variables) and pure


def _is_pure(node: Expr) -> bool:
    return isinstance(node, Call) and isinstance(node.op, Intrinsic) and node.op.effect is Effect.PURE


def _size(e: Expr) -> int:
    return 1 + sum(_size(child) for child in e.children() if isinstance(child, Expr))


def _whole(block: Block, doms: dict[Var, IterVar]) -> list[Expr]:
    """The expressions to compute, the largest first; of one with loads in it the largest parts without."""
    found: dict[Expr, None] = {}

    def collect(e: Expr) -> None:
        if _eligible(e, doms):
            found[e] = None
        else:
            for child in e.children():
                if isinstance(child, Expr):
                    collect(child)

    for e in _expressions(block):
        collect(e)
    return sorted(found, key=lambda e: -_size(e))


def _common(block: Block, doms: dict[Var, IterVar], least: int) -> list[Expr]:
    """The expressions that occur at least so often, the largest first; parts of those count once."""
    rest = _expressions(block)
    out: list[Expr] = []
    while True:
        counts: dict[Expr, int] = {}
        for e in rest:
            for node in walk(e):
                if isinstance(node, Expr) and _eligible(node, doms):
                    counts[node] = counts.get(node, 0) + 1
        often = [e for e, count in counts.items() if count >= least]
        if not often:
            return out
        chosen = max(often, key=_size)
        out.append(chosen)
        hide = _Hide(chosen)
        rest = [hide(e) for e in rest]


class _Hide(Rewriter):
    """Puts a constant where an expression stands, so that its parts are not counted."""

    def __init__(self, e: Expr) -> None:
        self.hidden = e

    def __call__(self, node: object) -> Expr:
        if node is self.hidden:
            return IntImm(self.hidden.dtype, 0)
        out: Expr = super().__call__(node)
        return out


class _Computed(Rewriter):
    """Puts loads in place of expressions that a block computes."""

    def __init__(self, loads: dict[Expr, Expr]) -> None:
        self.loads = loads
        self.inner: dict[Block, Block] = {}

    def __call__(self, node: Any) -> Any:
        if not isinstance(node, Expr):
            return super().__call__(node)
        load = self.loads.get(node)
        return load if load is not None else node.map_children(lambda c: self(c) if isinstance(c, Expr) else c)

    def visit_buffer(self, node: Buffer) -> Buffer:
        return node

    def visit_buffer_region(self, node: BufferRegion) -> BufferRegion:
        return node

    def visit_for(self, node: For) -> For:
        # Ranges and bindings shape the program, they are no computations of it.
        return node.replace(body=self(node.body))

    def visit_block_realize(self, node: BlockRealize) -> BlockRealize:
        return BlockRealize(node.iter_values, node.predicate, self(node.block))

    def visit_block(self, node: Block) -> Block:
        init = None if node.init is None else self(node.init)
        new: Block = node.replace(body=self(node.body), init=init)
        self.inner[node] = new
        return new
