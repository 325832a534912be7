"""The postproc that gives to blocks and threads of a GPU what no rule gave to them."""

from __future__ import annotations

from math import prod

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef, LoopSRef
from ...schedule.trace import BlockRV
from ...tir.stmt import IterType
from ..facts import ref_of
from . import postproc
from .nests import drives, extent_of, is_serial, leaves, only_loop

THREADS = "meta_schedule.threads"


@postproc(kinds=("cuda",))
def rewrite_unbound_block(sch: Schedule, target: Target) -> None:
    """Fuse the outer loops of each stage that drive spatial iterators only, and bind them to blocks and threads.

    Where threads are taken by loops below, those outer loops are blocks; a stage without such loops runs in one thread.
    """
    threads = 256
    for name, root in list(sch.state.roots.items()):
        given = root.stmt.annotations.get(THREADS)
        if given is not None:
            threads = int(getattr(given, "value", given))
            sch.unannotate(sch.get_block(root.stmt.name_hint, name), THREADS)
    for block in leaves(sch):
        ref = ref_of(sch, block)
        if ref.parent is None or ref.scope.parent is not None:
            continue
        if "meta_schedule.cross_thread" in ref.stmt.annotations:
            sch.unannotate(block, "meta_schedule.cross_thread")
        if "meta_schedule.tiling_structure" in ref.stmt.annotations:
            sch.unannotate(block, "meta_schedule.tiling_structure")
        if not any(_binding(a) == "blockIdx.x" for a in ref.ancestors()):
            _bind(sch, block, threads)


def _binding(ref: object) -> str:
    return (ref.stmt.thread_binding or "") if isinstance(ref, LoopSRef) else ""


def _bind(sch: Schedule, block: BlockRV, threads: int) -> None:
    ref = ref_of(sch, block)
    taken = any(_binding(loop) == "threadIdx.x" for loop in _below(sch, ref))
    chain: list[LoopSRef] = []
    for loop in ref.loops():
        if not is_serial(loop) or not drives(sch, loop) <= {IterType.SPATIAL}:
            break
        chain.append(loop)
        if only_loop(loop.stmt) is None:
            break
    handles = sch.get_loops(block)[: len(chain)]
    if not chain:
        handles = [sch.add_unit_loop(sch.get_loops(block)[0] if ref.loops() else block)]
    fused = sch.fuse(*handles) if len(handles) > 1 else handles[0]
    if taken:
        sch.bind(fused, "blockIdx.x")
        return
    turns = prod(extent_of(loop) or threads for loop in chain)
    outer, inner = sch.split(fused, [None, min(threads, turns)])
    sch.bind(outer, "blockIdx.x")
    sch.bind(inner, "threadIdx.x")


def _below(sch: Schedule, ref: BlockSRef) -> list[LoopSRef]:
    """The loops in the nest of a block, all of its blocks together."""
    loops = ref.loops()
    if not loops:
        return []
    return [
        a for a in sch.state.srefs.values() if isinstance(a, LoopSRef) and (a is loops[0] or loops[0] in a.ancestors())
    ]
