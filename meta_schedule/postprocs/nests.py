"""What postprocs share: the leaves of a program, the chain of loops above a block, steps between turns of a loop."""

from __future__ import annotations

from collections.abc import Iterator

from ...schedule.edit import statements
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef, LoopSRef, SRef
from ...schedule.trace import BlockRV
from ...tir.arith.analyzer import Analyzer
from ...tir.expr import Expr, IntImm, Var, const
from ...tir.stmt import BlockRealize, For, ForKind, IterType, Stmt
from ...tir.visit import free_vars, substitute
from ..space import blocks_of


def leaves(sch: Schedule) -> list[BlockRV]:
    """Handles on the blocks that hold no others."""
    return [b for b in blocks_of(sch) if not sch.state.child_blocks(sch.get_sref(b))]


def outermost(sch: Schedule) -> Iterator[tuple[BlockSRef, LoopSRef]]:
    """The outermost loops of the functions' root blocks, each with the root."""
    for root in sch.state.roots.values():
        for stmt in statements(root.stmt.body):
            found = sch.state.srefs.get(stmt)
            if isinstance(found, LoopSRef):
                yield root, found


def only_loop(stmt: Stmt) -> For | None:
    """The loop that is all of a loop's body."""
    body = stmt.body  # type: ignore[attr-defined]
    return body if isinstance(body, For) else None


def drives(sch: Schedule, loop: LoopSRef) -> set[IterType]:
    """The types of the iterators that a loop drives, of all blocks nearest below it."""
    found: set[IterType] = set()
    for block in sch.state.child_blocks(loop):
        found |= drives_of(sch, block, loop.stmt.loop_var)
    return found


def drives_of(sch: Schedule, block: BlockSRef, var: Var) -> set[IterType]:
    """The types of the iterators of one block that a loop variable drives."""
    values = sch.state.realize(block).iter_values
    return {iv.iter_type for iv, value in zip(block.stmt.iter_vars, values) if var in free_vars(value)}


def is_serial(loop: LoopSRef) -> bool:
    """Whether nothing was decided about a loop yet."""
    return loop.stmt.kind is ForKind.SERIAL and not loop.stmt.annotations


def alone(loop: SRef) -> bool:
    """Whether a loop holds one block and nothing else."""
    return isinstance(loop.stmt.body, BlockRealize)


def extent_of(loop: LoopSRef) -> int | None:
    """The constant extent of a loop, None where it has none."""
    extent = loop.stmt.extent
    return extent.value if isinstance(extent, IntImm) else None


def steps(sch: Schedule, block: BlockSRef, indices: tuple[Expr, ...], loop: LoopSRef) -> list[int | None]:
    """By how much each index of an access grows from the first turn of a loop to the second; None if that varies."""
    an = Analyzer()
    for each in block.loops():
        an.bind(each.stmt.loop_var, each.stmt.range)
    values = {iv.var: value for iv, value in zip(block.stmt.iter_vars, sch.state.realize(block).iter_values)}
    var = loop.stmt.loop_var
    out: list[int | None] = []
    for index in indices:
        if var not in {w for v in free_vars(index) for w in free_vars(values.get(v, v))}:
            out.append(0)
            continue
        at = substitute(index, values)
        first, second = (an.simplify(substitute(at, {var: const(i, var.dtype)})) for i in (0, 1))
        delta = an.simplify(second - first)
        out.append(delta.value if isinstance(delta, IntImm) else None)
    return out
