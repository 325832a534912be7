"""What rules ask about a block: its loops and iterators, how often it runs, who reads it, whether it is a reduction."""

from __future__ import annotations

from math import prod

from ..schedule.schedule import Schedule
from ..schedule.sref import BlockSRef
from ..schedule.trace import BlockRV
from ..tir.analysis.cost import count_ops
from ..tir.analysis.kinds import reduction_failure
from ..tir.analysis.scope import scope_of
from ..tir.arith.analyzer import Analyzer
from ..tir.expr import Call, Expr, IntImm, Select, Var
from ..tir.op import Intrinsic
from ..tir.stmt import Block, BufferStore, IterType
from ..tir.visit import free_vars, walk

CHEAP = frozenset({"likely", "reinterpret", "fma", "fabs", "abs", "floor", "ceil", "round", "trunc", "nearbyint"})
"""Intrinsics that cost no more than an addition."""


def ref_of(sch: Schedule, block: BlockRV) -> BlockSRef:
    """The reference of a block's handle."""
    ref = sch.get_sref(block)
    assert isinstance(ref, BlockSRef)
    return ref


def constant(e: Expr) -> int | None:
    """The value of a constant, None for anything else."""
    return e.value if isinstance(e, IntImm) else None


def instances(block: Block) -> int:
    """How many instances a block has at most; extents that are not constant count by their greatest known value, 1024
    where there is none."""
    an = Analyzer()
    return prod(
        min(max(an.const_int_bound(iv.dom.extent).max_value, 1), _unknown(iv.dom.extent)) for iv in block.iter_vars
    )


def _unknown(extent: Expr) -> int:
    return 1 << 62 if isinstance(extent, IntImm) else 1024


def consumers(sch: Schedule, ref: BlockSRef) -> list[BlockSRef]:
    """The blocks of the same scope that read what a block writes."""
    written = {region.buffer for region in ref.stmt.writes}
    order = sch.state.child_blocks(ref.scope)
    return [b for b in order if b is not ref and any(region.buffer in written for region in b.stmt.reads)]


def producers(sch: Schedule, ref: BlockSRef) -> list[BlockSRef]:
    """The blocks of the same scope that write what a block reads."""
    read = {region.buffer for region in ref.stmt.reads}
    order = sch.state.child_blocks(ref.scope)
    return [b for b in order if b is not ref and any(region.buffer in read for region in b.stmt.writes)]


def is_output(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether a block writes a buffer that its scope does not allocate."""
    own = set(ref.scope.stmt.alloc_buffers)
    return any(region.buffer not in own for region in ref.stmt.writes)


def is_spatial(ref: BlockSRef) -> bool:
    """Whether a block has no init and spatial iterators only."""
    stmt = ref.stmt
    return stmt.init is None and all(iv.iter_type is IterType.SPATIAL for iv in stmt.iter_vars)


def is_reduction(ref: BlockSRef) -> bool:
    """Whether a block is a reduction along at least one axis."""
    stmt = ref.stmt
    if stmt.init is None or all(iv.iter_type is not IterType.REDUCE for iv in stmt.iter_vars):
        return False
    scope = scope_of(ref.scope.stmt)
    return reduction_failure(scope, scope.child(stmt)) is None


def one_store(ref: BlockSRef) -> BufferStore | None:
    """The store that is the body of a block, if it is one."""
    return ref.stmt.body if isinstance(ref.stmt.body, BufferStore) else None


def is_costly(value: Expr) -> bool:
    """Whether a value has more than 8 operations, a branch, or a function that takes a series to compute."""
    for node in walk(value):
        if isinstance(node, Select):
            return True
        if isinstance(node, Call) and not (isinstance(node.op, Intrinsic) and node.op.name in CHEAP):
            return True
    return count_ops(value) > 8


def has_branch(value: Expr) -> bool:
    """Whether a value is computed under a condition."""
    return any(
        isinstance(n, Select) or (isinstance(n, Call) and getattr(n.op, "name", "") == "if_then_else")
        for n in walk(value)
    )


def loop_kinds(sch: Schedule, ref: BlockSRef) -> list[IterType | None]:
    """Of each loop around a block in its scope, outermost first, what it drives: spatial iterators, reducing ones, or
    None for both, neither, or other ones."""
    values = sch.state.realize(ref).iter_values
    out: list[IterType | None] = []
    for loop in ref.loops():
        var = loop.stmt.loop_var
        kinds = {iv.iter_type for iv, value in zip(ref.stmt.iter_vars, values) if var in free_vars(value)}
        out.append(kinds.pop() if len(kinds) == 1 else None)
    return out


def is_plain_nest(sch: Schedule, ref: BlockSRef) -> bool:
    """Whether every iterator of a block is one loop of its own with a constant extent, and nothing else is in them."""
    loops, realize = ref.loops(), sch.state.realize(ref)
    values = [v for v in realize.iter_values if not isinstance(v, IntImm)]
    alone = not loops or len(sch.state.child_blocks(loops[0])) == 1
    plain = all(isinstance(v, Var) for v in values) and len(set(values)) == len(values) == len(loops)
    return (
        alone
        and plain
        and all(constant(loop.stmt.extent) is not None for loop in loops)
        and constant(realize.predicate) == 1
    )


def is_decided(ref: BlockSRef) -> bool:
    """Whether a rule has decided about a block: it is marked."""
    return any(str(key).startswith("meta_schedule.") for key in ref.stmt.annotations)
