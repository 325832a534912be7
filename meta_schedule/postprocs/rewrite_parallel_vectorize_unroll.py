"""The postproc that decides how loops run on a CPU: the outermost in parallel, the innermost as vectors or copies."""

from __future__ import annotations

from math import prod

from ...codegen.target import Target
from ...schedule.schedule import Schedule
from ...schedule.sref import BlockSRef, LoopSRef
from ...schedule.tiling import divisors
from ...schedule.trace import BlockRV, LoopRV
from ...tir.analysis.cost import count_ops
from ...tir.errors import ScheduleError
from ...tir.stmt import BufferStore, Evaluate, For, IfThenElse, IterType, While
from ...tir.visit import walk
from ..facts import instances, is_costly, ref_of
from ..space import blocks_of
from . import postproc
from .nests import alone, drives, drives_of, extent_of, is_serial, leaves, only_loop, outermost, steps

PARALLEL = "meta_schedule.parallel"
UNROLL = "meta_schedule.unroll_explicit"
RFACTOR = "meta_schedule.rfactor"
TENSORIZE = "meta_schedule.auto_tensorize"
TILED = "meta_schedule.tiling_structure"
LITTLE = 1 << 14
"""Operations below which a loop is not worth waking other threads."""
MANY = 1 << 10
"""Operations on vector registers above which nothing is unrolled: compiling them takes longer than they save."""

REGISTERS = 4
"""How many vector registers a vectorised loop that nothing else decided fills: enough to overlap their latencies."""


@postproc(kinds=("llvm", "c"))
def rewrite_parallel_vectorize_unroll(sch: Schedule, target: Target) -> None:
    """Run independent outer loops in parallel, contiguous inner ones as vectors, and copy out what is small.

    The root block's annotations say how many parallel parts each thread is to have, and up to how many copies loops are
    unrolled. The outermost loops that drive spatial iterators only are fused until there are parts enough. Of each
    block, the innermost loop becomes vectors where it is contiguous in what is written; the loops around it are copied
    out as long as the copies do not exceed the limit.
    """
    parts, copies = 8, 16
    for name, root in list(sch.state.roots.items()):
        given = root.stmt.annotations
        parts, copies = (
            int(getattr(given.get(k, v), "value", given.get(k, v))) for k, v in ((PARALLEL, parts), (UNROLL, copies))
        )
        for key in (PARALLEL, UNROLL):
            if key in given:
                sch.unannotate(sch.get_block(root.stmt.name_hint, name), key)
    if parts:
        _parallel(sch, parts * max(target.num_threads, 1))
    for block in blocks_of(sch):
        inside = any(TENSORIZE in a.stmt.annotations for a in ref_of(sch, block).ancestors())
        if TENSORIZE in ref_of(sch, block).stmt.annotations and copies:
            _unroll(sch, block, copies, target)
        if inside or sch.state.child_blocks(sch.get_sref(block)):
            continue
        if RFACTOR in ref_of(sch, block).stmt.annotations:
            sch.unannotate(block, RFACTOR)
            _vectors_innermost(sch, block)
        if TILED in ref_of(sch, block).stmt.annotations:
            sch.unannotate(block, TILED)
        _vectorize(sch, block, target)
        if copies:
            _unroll(sch, block, copies, target)


def _parallel(sch: Schedule, parts: int) -> None:
    for _, loop in list(outermost(sch)):
        chain: list[LoopSRef] = []
        at: LoopSRef | None = loop
        turns = 1
        while at is not None and turns < parts and is_serial(at) and drives(sch, at) <= {IterType.SPATIAL}:
            chain.append(at)
            turns *= extent_of(at) or parts
            inner = only_loop(at.stmt)
            found = None if inner is None else sch.state.srefs[inner]
            at = found if isinstance(found, LoopSRef) else None
        if not chain or turns < 2 or _work(sch, loop) < LITTLE:
            continue
        handles = _handles(sch, chain)
        try:
            sch.parallel(sch.fuse(*handles) if len(handles) > 1 else handles[0])
        except ScheduleError:
            continue  # iterations that need each other stay in order


def _handles(sch: Schedule, chain: list[LoopSRef]) -> list[LoopRV]:
    """Handles on loops, by way of a block below them."""
    block = next(b for b in leaves(sch) if chain[-1] in sch.get_sref(b).ancestors())
    while ref_of(sch, block).loops()[:1] != chain[:1]:
        (block,) = _above(sch, block)
    return sch.get_loops(block)[: len(chain)]


def _above(sch: Schedule, block: BlockRV) -> list[BlockRV]:
    scope = ref_of(sch, block).scope
    return [b for b in blocks_of(sch) if sch.get_sref(b) is scope]


def _work(sch: Schedule, loop: LoopSRef) -> int:
    """Operations under a loop, loads and stores counting one."""
    total = 0
    for block in sch.state.child_blocks(loop):
        turns = prod(extent_of(each) or 64 for each in block.loops())
        stores = [n for n in walk(block.stmt.body) if isinstance(n, BufferStore)]
        inner = max((instances(b.stmt) for b in sch.state.child_blocks(block)), default=1)
        total += turns * inner * sum(2 + count_ops(store.value) for store in stores)
    return total


def _vectors_innermost(sch: Schedule, block: BlockRV) -> None:
    """Put the loop along which a block stores one element after the other inside of its others."""
    ref = ref_of(sch, block)
    loops = ref.loops()
    first = len(loops) - 1
    if not loops or not alone(loops[first]):
        return
    while first > 0 and only_loop(loops[first - 1].stmt) is not None:
        first -= 1
    for i in range(first, len(loops) - 1):
        spatial = drives_of(sch, ref, loops[i].stmt.loop_var) == {IterType.SPATIAL}
        if spatial and is_serial(loops[i]) and _contiguous(sch, ref, loops[i]):
            handles = sch.get_loops(block)
            try:
                sch.reorder(*handles[i + 1 :], handles[i])
            except ScheduleError:
                pass  # results that several turns compute stay in the order they are computed in
            return


def _vectorize(sch: Schedule, block: BlockRV, target: Target) -> None:
    ref = ref_of(sch, block)
    if not ref.loops():
        return
    loop = ref.loops()[-1]
    extent = extent_of(loop)
    if extent is None or extent < 2 or not alone(loop) or not is_serial(loop):
        return
    if drives_of(sch, ref, loop.stmt.loop_var) != {IterType.SPATIAL} or not _contiguous(sch, ref, loop):
        return
    handle = sch.get_loops(block)[-1]
    width = _width(extent, min(target.lanes(r.buffer.dtype.bits) for r in ref.stmt.writes))
    try:
        sch.vectorize(handle if width == extent else sch.split(handle, [None, width])[1])
    except ScheduleError:
        pass  # lanes that need each other, or opaque code, stay a loop


def _contiguous(sch: Schedule, ref: BlockSRef, loop: LoopSRef) -> bool:
    """Whether a block stores one element after the other along a loop, under no condition and in no inner loop."""
    nodes = list(walk(ref.stmt.body))
    stores = [n for n in nodes if isinstance(n, BufferStore) and n.indices]
    if not stores or any(isinstance(n, (For, While, IfThenElse, Evaluate)) for n in nodes):
        return False
    for store in stores:
        *outer, last = steps(sch, ref, store.indices, loop)
        if last != 1 or any(step != 0 for step in outer):
            return False
    return True


def _width(extent: int, lanes: int) -> int:
    """How many lanes to make of a loop: all of a short one, else some registers full, a divisor if possible."""
    most = REGISTERS * lanes
    if extent <= most:
        return extent
    whole = [d for d in divisors(extent) if d <= most and d % lanes == 0]
    if whole:
        return whole[-1]
    return most if extent >= 4 * most else lanes


def _unroll(sch: Schedule, block: BlockRV, copies: int, target: Target) -> None:
    """Unroll the innermost loops but for the vectors, as long as there is nothing beside them."""
    loops = ref_of(sch, block).loops()
    handles = sch.get_loops(block)
    stmt = ref_of(sch, block).stmt
    if stmt.init is None and isinstance(stmt.body, BufferStore) and is_costly(stmt.body.value):
        return  # nothing to gain: there are no accumulators, and a vector keeps the units busy by itself
    one = sum(1 + count_ops(n.value) for n in walk(stmt.body) if isinstance(n, BufferStore))
    total, most = 1, MANY // max(one, 1)
    for i in reversed(range(len(loops))):
        loop = loops[i]
        if (i + 1 < len(loops) and only_loop(loop.stmt) is None) or (i + 1 == len(loops) and not alone(loop)):
            return
        if not is_serial(loop):
            if i + 1 < len(loops):
                return
            width = (extent_of(loop) or 1) * min(r.buffer.dtype.bits for r in stmt.writes)
            most //= max(1, width // target.vector_bits)
            continue
        total *= extent_of(loop) or copies + 1
        if total > min(copies, most):
            return
        if extent_of(loop) != 1:
            sch.unroll(handles[i])
