"""The primitive that keeps only a rolling window of a buffer: rolling_buffer."""

from __future__ import annotations

from typing import NamedTuple

from ...tir.arith.analyzer import Analyzer
from ...tir.arith.regions import region_contains, union_region
from ...tir.arith.stmt import conjuncts
from ...tir.buffer import Buffer, BufferRegion, Range
from ...tir.expr import LE, CmpOp, Expr, IntImm, Var, all_of, const
from ...tir.stmt import BlockRealize, ForKind, IterType
from ...tir.visit import free_vars
from ..arguments import BufferIndex, numbered
from ..edit import Edit, common
from ..errors import require
from ..footprint import bindings, relaxed
from ..primitive import primitive
from ..redirect import Redirect, require_no_pointer
from ..rewrite import bind_loops
from ..sref import BlockSRef, LoopSRef
from ..stages import precedes, readers_of, require_below_a_block, require_one_writer, writers_of
from ..state import State
from .storage import owner_of

CONCURRENT = (ForKind.PARALLEL, ForKind.VECTORIZED, ForKind.THREAD_BINDING)


class _Window(NamedTuple):
    """How the window on one dimension of a buffer moves: `overlap` elements remain when `loop` goes on by one."""

    loop: LoopSRef
    overlap: int


@primitive(prepare=numbered("write_buffer_index", "write"))
def rolling_buffer(s: State, block: BlockSRef, *, write_buffer_index: BufferIndex) -> None:
    """Keep of a buffer that `block` writes only the window its consumers need, and compute each element once.

    The block and the consumers stand in one loop, as `compute_at` puts them. The outermost loop whose iterations need
    overlapping parts rolls: the buffer's dimension becomes as long as the part and is indexed modulo that, the block
    gets a predicate that leaves out what earlier iterations computed, and iterators over the rolling loop are opaque.

    Parameters
    ----------
    write_buffer_index: the number of the region among those `block` writes, or the name of its buffer, or the buffer.

    before:
        @T.prim_func
        def main(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((18,), "float32")
            for i in range(16):
                for ax0 in range(3):
                    with T.block("B"):
                        vi = T.axis.spatial(18, i + ax0)
                        B[vi] = A[vi] * T.float32(2)
                for k in range(3):
                    with T.block("C"):
                        vi, vk = T.axis.remap("SR", [i, k])
                        with T.init():
                            C[vi] = T.float32(0)
                        C[vi] = C[vi] + B[vi + vk]
    step:
        sch.rolling_buffer("B", 0)
    after:
        @T.prim_func
        def main(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
            B = T.alloc_buffer((3,), "float32")
            for i in range(16):
                for ax0 in range(3):
                    with T.block("B"):
                        vi = T.axis.opaque(18, i + ax0)
                        T.where(i < 1 or 2 <= ax0)
                        B[vi % 3] = A[vi] * T.float32(2)
                for k in range(3):
                    with T.block("C"):
                        vi = T.axis.opaque(16, i)
                        vk = T.axis.reduce(3, k)
                        with T.init():
                            C[vi] = T.float32(0)
                        C[vi] = C[vi] + B[(vi + vk) % 3]
    """
    require_below_a_block(block)
    assert isinstance(write_buffer_index, int)
    region = block.stmt.writes[write_buffer_index]
    buffer, scope = region.buffer, block.scope
    owner_of(s, block, buffer)
    require(
        buffer in scope.stmt.alloc_buffers,
        "{1} is not allocated by the block around {0}, so others may use it",
        block,
        buffer,
    )
    require_one_writer(writers_of(s, scope, buffer), buffer)
    readers = readers_of(s, scope, buffer)
    require(len(readers) > 0, "no block reads {1}, which {0} writes", block, buffer)
    around = common([block, *readers])
    require(
        isinstance(around, LoopSRef) and around.scope is scope,
        "{0} and the consumers of {1} are not in one loop",
        block,
        buffer,
        hint="compute_at puts the block under a loop of its consumers",
    )
    assert isinstance(around, LoopSRef)
    an = bind_loops(Analyzer(), around, own=True)
    needed = relaxed(s, an, block, region, around)
    for reader in readers:
        require(
            reader is not block and precedes(s, block, reader),
            "{1} reads {2} before {0} writes it",
            block,
            reader,
            buffer,
        )
        reads = [relaxed(s, an, reader, r, around) for r in reader.stmt.reads if r.buffer is buffer]
        require(
            region_contains(an, needed, union_region(an, reads)),
            "{1} reads more of {2} than {0} writes in the same iteration of {3}",
            block,
            reader,
            buffer,
            around,
        )
    for user in (block, *readers):
        require_no_pointer(user, buffer, "be folded")
    windows = _windows(an, around, needed)
    axis = _rolling(windows)
    require(
        axis is not None,
        "no loop around {0} needs overlapping parts of {1}, one iteration after another: they are {2}",
        block,
        buffer,
        needed,
        hint="the place of the part is to be the loop's variable, or that times a number, plus what does not change",
    )
    assert axis is not None
    _require_in_order(block, around, windows, axis)
    _require_same_elements(s, block, windows)
    _roll(s, block, readers, buffer, needed, windows, axis)


def _windows(an: Analyzer, around: LoopSRef, needed: BufferRegion) -> list[_Window | None]:
    """For each dimension the loop along which the part needed moves, if it moves by less than its extent."""
    loops: dict[Var, LoopSRef] = {}
    for ref in (around, *around.ancestors()):
        if not isinstance(ref, LoopSRef):
            break
        loops[ref.stmt.loop_var] = ref
    out: list[_Window | None] = []
    for axis, part in enumerate(needed.region):
        others = [*needed.region[:axis], *needed.region[axis + 1 :]]
        elsewhere = {v for r in others for e in (r.min, r.extent) for v in free_vars(e)}
        form = an.normal(part.min)
        moving = [key for key in form.terms if any(v in loops for v in free_vars(an.build(form, part.min.dtype)))]
        window = None
        if len(moving) == 1 and isinstance(moving[0], Var) and isinstance(part.extent, IntImm):
            step = form.terms[moving[0]]
            loop = loops.get(moving[0])
            if loop is not None and moving[0] not in elsewhere and 0 < step < part.extent.value:
                window = _Window(loop, part.extent.value - step)
        out.append(window)
    return out


def _rolling(windows: list[_Window | None]) -> int | None:
    """The dimension that moves along the outermost loop."""
    places = [(len(w.loop.ancestors()), axis) for axis, w in enumerate(windows) if w is not None]
    return min(places)[1] if places else None


def _require_in_order(block: BlockSRef, around: LoopSRef, windows: list[_Window | None], axis: int) -> None:
    """Require that what a window leaves behind is there when its loop goes on."""
    rolling = windows[axis]
    assert rolling is not None
    for ref in (around, *around.ancestors()):
        assert isinstance(ref, LoopSRef)
        require(
            ref.stmt.kind not in CONCURRENT,
            "the iterations of {1} run at once, but {0} relies on what earlier ones wrote",
            block,
            ref,
            hint="roll first along a serial loop; loops outside of it may run at once",
        )
        if ref is rolling.loop:
            return


def _require_same_elements(s: State, block: BlockSRef, windows: list[_Window | None]) -> None:
    """Require that whether the block computes an element hangs on the element, not on the iteration it is needed in."""
    moving = {w.loop.stmt.loop_var for w in windows if w is not None}
    loops = {ref.stmt.loop_var for ref in block.loops()}
    realize = s.realize(block)
    an = Analyzer()
    for condition in conjuncts(realize.predicate):
        if moving & set(free_vars(condition)):
            require(
                isinstance(condition, CmpOp)
                and any(
                    not loops & set(free_vars(an.simplify(condition.a - condition.b - value)))
                    for value in realize.iter_values
                ),
                "{0} runs where {1}, which is no bound of one of its iterators, so that an element may come up in a "
                "later iteration only",
                block,
                condition,
            )


def _roll(
    s: State,
    block: BlockSRef,
    readers: list[BlockSRef],
    buffer: Buffer,
    needed: BufferRegion,
    windows: list[_Window | None],
    axis: int,
) -> None:
    extent = needed.region[axis].extent
    shape = (*buffer.shape[:axis], extent, *buffer.shape[axis + 1 :])
    new = buffer.replace(shape=shape, strides=())

    def folded(indices: tuple[Expr, ...]) -> tuple[Expr, ...]:
        return (*indices[:axis], indices[axis] % extent, *indices[axis + 1 :])

    def region(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        old = ranges[axis]
        part = Range(old.min % extent, old.extent) if old.is_point else Range(const(0, old.min.dtype), extent)
        return (*ranges[:axis], part, *ranges[axis + 1 :])

    rolling = windows[axis]
    assert rolling is not None
    redirect = Redirect(buffer, new, indices=folded, region=region)
    edit = Edit(s)
    for user in (block, *readers):
        realize = s.realize(user)
        changed = redirect.visit_block(user.stmt)
        opaque = tuple(
            iv.replace(iter_type=IterType.OPAQUE) if rolling.loop.stmt.loop_var in free_vars(value) else iv
            for iv, value in zip(changed.iter_vars, realize.iter_values, strict=True)
        )
        changed = changed.replace(iter_vars=opaque)
        predicate = realize.predicate
        if user is block:
            predicate = all_of(predicate, *_unseen(s, block, buffer, needed, windows))
        edit.blocks.update(redirect.inner)
        edit.block(user, changed)
        edit.realize(user, BlockRealize(realize.iter_values, predicate, changed))
    edit.free(block.scope, buffer)
    edit.allocate(block.scope, new)
    edit.commit()


def _unseen(
    s: State, block: BlockSRef, buffer: Buffer, needed: BufferRegion, windows: list[_Window | None]
) -> list[Expr]:
    """The conditions under which an element was not computed by an earlier iteration."""
    values = bindings(s, block)
    (written,) = (r for r in block.stmt.writes if r.buffer is buffer)
    out: list[Expr] = []
    for part, window, at in zip(needed.region, windows, written.region, strict=True):
        if window is None:
            continue
        index = values.get(at.min) if isinstance(at.min, Var) else None
        require(
            index is not None and at.is_point,
            "{0} writes {1} at {2}, which is no plain iterator, so nothing tells what it computed before",
            block,
            buffer,
            at.min,
            hint="write the buffer at the block's iterators",
        )
        assert index is not None
        place = bind_loops(Analyzer(), block).simplify(index - part.min)
        first = window.loop.stmt.loop_var < window.loop.stmt.min + 1
        out.append(first | LE(const(window.overlap, place.dtype), place))
    return out
