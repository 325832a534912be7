"""Software pipelining: overlaps stages of a loop's iterations, with a copy of each buffer for every one in flight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...tir.arith import Analyzer
from ...tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ...tir.dtype import VOID
from ...tir.errors import LowerError
from ...tir.expr import FALSE, TRUE, Call, Expr, IntImm, StringImm, Var, all_of, const
from ...tir.function import PrimFunc
from ...tir.op import OPS, floormod
from ...tir.stmt import (
    AttrStmt,
    Block,
    BlockRealize,
    BufferStore,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    SeqStmt,
    Stmt,
    seq,
)
from ...tir.visit import Rewriter, fresh, substitute, walk
from ..target import Target
from .bulk_copies import Box, at, barriers, is_bulk, multiplies, op, overlapped

STAGE, ORDER, ASYNC = "software_pipeline_stage", "software_pipeline_order", "software_pipeline_async_stages"
"""Loop annotations: of each statement of the body its stage and its place; the stages that run asynchronously."""


def inject_software_pipeline(func: PrimFunc, target: Target) -> PrimFunc:
    """Replace loops annotated as pipelines by a prologue, a steady loop and an epilogue.

    In step `t` of the pipeline a statement of stage `s` runs for iteration `t - s`, the statements in their order.
    A buffer of the loop's body that is written in one stage and read in a later one gets as many versions as
    iterations may hold it at once, and version `i % versions` in iteration `i`. On a GPU that can, the statements of
    asynchronous stages stand under "async_scope", from which `inject_ptx_async_copy` makes copies that go on beside
    the program. Every step makes one group of those it begins, of none at the end, so that what a step reads is there
    when as many groups as steps lie between are left in flight; it waits first, and so do all threads, for each other.

    Raises
    ------
    LowerError: stages and order do not fit the body, or a statement would run before what it depends on.
    """
    return _Inject(func, target)(func)


@dataclass(frozen=True)
class _Part:
    """A statement of the pipeline: its stage, its place, what it reads and writes."""

    stmt: Stmt
    stage: int
    order: int
    reads: frozenset[Buffer]
    writes: frozenset[Buffer]


class _Inject(Rewriter):
    def __init__(self, func: PrimFunc, target: Target) -> None:
        self.func, self.target = func, target

    def require(self, condition: bool, template: str, *nodes: Any, hint: str = "") -> None:
        if not condition:
            raise LowerError(template, *nodes, root=self.func, hint=hint)

    def visit_for(self, node: For) -> Stmt:
        rebuilt: For = node.map_children(self)
        if STAGE not in node.annotations:
            return rebuilt
        return self.pipeline(node, rebuilt)

    def pipeline(self, original: For, loop: For) -> Stmt:
        self.require(loop.kind is ForKind.SERIAL, "{0} is a pipeline but not serial", original)
        buffers, stmts = _body(loop.body)
        stages, order = loop.annotations[STAGE], loop.annotations.get(ORDER, tuple(range(len(stmts))))
        self.require(
            len(stages) == len(order) == len(stmts),
            f"{{0}} consists of {len(stmts)} statements, but {len(stages)} stages and {len(order)} places are given",
            original,
            hint=f"{STAGE} and {ORDER} have one entry for each statement of the body",
        )
        stages, order = tuple(map(_int, stages)), tuple(map(_int, order))
        self.require(sorted(order) == list(range(len(stmts))), f"{ORDER} of {{0}} is not a permutation", original)
        self.require(min(stages) >= 0, f"{STAGE} of {{0}} has a negative entry", original)
        known = {*buffers, *(n for n in walk(loop.body) if isinstance(n, Buffer))}
        parts = [_Part(s, stages[k], order[k], *_accesses(s, known)) for k, s in enumerate(stmts)]
        self.check(original, parts, set(buffers))
        given = frozenset(map(_int, loop.annotations.get(ASYNC, ())))
        asynchronous = given if copies_beside(self.target) else frozenset()
        for part in parts:
            for other in parts:
                together = part.stage == other.stage and other.stage in asynchronous
                self.require(
                    not (together and part is not other and part.writes & other.reads),
                    "{0} reads what {1} writes in the same asynchronous stage",
                    _named(other.stmt),
                    _named(part.stmt),
                    hint="give it a later stage",
                )
        bulk = asynchronous and has_tma(self.target) and any(is_bulk(p.stmt) for p in parts if p.stage in asynchronous)
        made = (_BulkPipeline if bulk else _Pipeline)(self, original, loop, parts, asynchronous)
        return made.build(buffers)

    def check(self, original: For, parts: list[_Part], own: set[Buffer]) -> None:
        """Require that every statement runs after those it depends on."""
        for k, first in enumerate(parts):
            for second in parts[k + 1 :]:
                met = (first.writes & (second.reads | second.writes)) | (first.reads & second.writes)
                for buffer in met:
                    self.require(
                        (first.stage, first.order) < (second.stage, second.order),
                        "{0} would run before {1}, which comes first: both use {2}",
                        _named(second.stmt),
                        _named(first.stmt),
                        buffer,
                        hint="give it a later stage, or in the same stage a later place",
                    )
                    self.require(
                        first.stage == second.stage or buffer in own,
                        "{0} is used in two stages of {1} but not allocated in its body",
                        buffer,
                        original,
                        hint="one iteration would overwrite what another still needs; allocate it inside the loop",
                    )


class _Pipeline:
    """One loop being turned into a pipeline."""

    def __init__(
        self, inject: _Inject, original: For, loop: For, parts: list[_Part], asynchronous: frozenset[int]
    ) -> None:
        self.inject, self.original, self.loop = inject, original, loop
        self.parts = sorted(parts, key=lambda p: p.order)
        self.asynchronous = asynchronous
        self.depth = max(p.stage for p in parts)
        self.analyzer = Analyzer()
        self.own: tuple[Buffer, ...] = ()

    def opening(self) -> list[Stmt]:
        """What comes before the first step."""
        return []

    def closing(self) -> list[Stmt]:
        """What comes after the last step."""
        return []

    def build(self, buffers: tuple[Buffer, ...]) -> Stmt:
        """The pipeline, in a block that allocates its buffers."""
        grown = self.grown(buffers)
        t = self.loop.loop_var.dtype
        begin, end = self.loop.min, self.loop.min + self.loop.extent
        prologue = [self.step(begin + const(k, t), grown, begin, end, steady=False) for k in range(self.depth)]
        epilogue = [
            self.after(k, self.step(end + const(k, t), grown, begin, end, steady=False)) for k in range(self.depth)
        ]
        var = self.loop.loop_var.replace()
        steady = self.loop.replace(
            loop_var=var,
            min=self.analyzer.simplify(begin + const(self.depth, t)),
            extent=self.analyzer.simplify(self.loop.extent - const(self.depth, t)),
            annotations=self.loop.annotations.without(STAGE, ORDER, ASYNC),
            body=self.step(var, grown, begin, end, steady=True) or seq(),
        )
        loop = steady if not (isinstance(steady.extent, IntImm) and steady.extent.value <= 0) else None
        parts = (*self.opening(), *prologue, loop, *epilogue, *self.closing())
        body = seq(*(s for s in parts if s is not None))
        allocated = (*(grown.get(b, b) for b in buffers), *self.own)
        if not allocated:
            return body
        return BlockRealize((), TRUE, Block((), (), (), "", body, alloc_buffers=allocated))

    def after(self, k: int, step: Stmt | None) -> Stmt | None:
        """A step of the epilogue, unless it is one of the prologue, as in a loop of fewer iterations than stages."""
        late = self.analyzer.simplify(self.loop.extent + const(k, self.loop.extent.dtype) >= self.depth)
        if late is FALSE or step is None:
            return None
        return step if late is TRUE else IfThenElse(late, step)

    def grown(self, buffers: tuple[Buffer, ...]) -> dict[Buffer, Buffer]:
        """The buffers that iterations hold several versions of, with those."""
        return {b: _grown(b, versions) for b in buffers if (versions := self.versions(b)) > 1}

    def versions(self, buffer: Buffer) -> int:
        """How many iterations may hold the buffer at once."""
        writers = [p for p in self.parts if buffer in p.writes]
        users = [p for p in self.parts if buffer in p.reads | p.writes]
        if not writers:
            return 1
        first = min(writers, key=lambda p: (p.stage, p.order))
        last = max(p.stage for p in users)
        # Where the last users of iteration i come before the writer of i + last - first, they share a version.
        freed = all(p.order < first.order for p in users if p.stage == last) and first.stage not in self.asynchronous
        return max(last - first.stage + (0 if freed and last > first.stage else 1), 1)

    def step(self, at: Expr, grown: dict[Buffer, Buffer], begin: Expr, end: Expr, *, steady: bool) -> Stmt | None:
        """The statements of step `at` of the pipeline, those whose iteration there is not."""
        out: list[Stmt] = []
        t = self.loop.loop_var.dtype
        behind: list[int] = []
        for part in self.parts:
            iteration = self.analyzer.simplify(at - const(part.stage, t))
            exists = TRUE if steady else self.exists(iteration, begin, end)
            concurrent = part.stage in self.asynchronous
            if exists is FALSE:
                continue
            version = _Version(self.inject, self.original, grown, self.loop.loop_var - begin)
            stmt = fresh(substitute(version(part.stmt), {self.loop.loop_var: iteration}))
            if concurrent:
                stmt = AttrStmt(None, "async_scope", const(1), stmt)
            behind += self.behind(part)
            out.append(stmt if exists is TRUE else IfThenElse(exists, stmt))
        # Steps that begin nothing have a group, too: those that wait count them.
        if self.asynchronous:
            out.append(Evaluate(Call(VOID, OPS["ptx_commit_group"], ())))
        if behind:
            out[:0] = [
                Evaluate(Call(VOID, OPS["ptx_wait_group"], (const(min(behind)),))),
                _barrier(),
            ]
        return seq(*out) if out else None

    def behind(self, part: _Part) -> list[int]:
        """How many groups may be in flight when a part reads what asynchronous ones wrote; nothing where it does not.

        Each step makes one group; those of the steps between, and not yet that of its own, come after the one needed.
        """
        sources = [p for p in self.parts if p.stage in self.asynchronous and p.writes & part.reads and p is not part]
        return [part.stage - p.stage - 1 for p in sources if p.stage < part.stage]

    def exists(self, iteration: Expr, begin: Expr, end: Expr) -> Expr:
        """Whether the loop has an iteration."""
        return all_of(*(self.analyzer.simplify(c) for c in (begin <= iteration, iteration < end)))


class _BulkPipeline(_Pipeline):
    """One whose copies the copy engine does: a barrier for each version tells that all of its bytes have come.

    A step waits for the barrier of what it reads, computes, and begins the copies that take the place of what the step
    before has read, when all threads are done with it: products by wgmma go on for one step.
    """

    def grown(self, buffers: tuple[Buffer, ...]) -> dict[Buffer, Buffer]:
        self.copied = {b for p in self.copies() for b in p.writes & set(buffers)}
        self.count = max(self.versions(b) for b in self.copied)
        self.full = barriers(self.count)
        self.own = (self.full,)
        out = {b: _grown(b, versions) for b in buffers if (versions := self.versions(b)) > 1}
        return out | {b: _grown(b, self.count).replace(data_alignment=ALIGNMENT) for b in self.copied}

    def copies(self) -> list[_Part]:
        """The parts that the copy engine does."""
        return [p for p in self.parts if p.stage in self.asynchronous]

    def opening(self) -> list[Stmt]:
        made = [op("ptx_init_barrier_thread_count", at(self.full, k), 1) for k in range(self.count)]
        return [*made, _barrier()]

    def closing(self) -> list[Stmt]:
        return [op("ptx_wgmma_wait_group", 0)] if self.overlaps else []

    @property
    def overlaps(self) -> bool:
        """Whether there are products that go on beside the program."""
        return any(multiplies(p.stmt) for p in self.parts)

    def step(self, at_: Expr, grown: dict[Buffer, Buffer], begin: Expr, end: Expr, *, steady: bool) -> Stmt | None:
        t = self.loop.loop_var.dtype
        out: list[Stmt] = []
        bulk: list[Stmt] = []
        announced, exist = 0, FALSE
        for part in self.parts:
            iteration = self.analyzer.simplify(at_ - const(part.stage, t))
            exists = TRUE if steady else self.exists(iteration, begin, end)
            if exists is FALSE:
                continue
            version = _Version(self.inject, self.original, grown, self.loop.loop_var - begin)
            stmt = fresh(substitute(version(part.stmt), {self.loop.loop_var: iteration}))
            number = self.analyzer.simplify(iteration - begin)
            slot = at(self.full, floormod(number, const(self.count, t)))
            if part.stage in self.asynchronous:
                box = Box(stmt)
                self.inject.require(
                    not box.problem, f"the copy engine cannot do {{0}}: {box.problem}", _named(part.stmt)
                )
                bulk.append(box.copy(slot))
                announced, exist = announced + box.bytes, exists
                begun = slot
                continue
            stmt = overlapped(stmt) if multiplies(stmt) else stmt
            if any(part.reads & p.writes for p in self.copies()):
                parity = floormod(number // const(self.count, t), const(2, t))
                stmt = seq(op("ptx_wait_barrier", slot, parity), stmt)
            out.append(stmt if exists is TRUE else IfThenElse(exists, stmt))
        if bulk:
            copies = seq(op("ptx_arrive_barrier_expect_tx", begun, announced), *bulk)
            whole = AttrStmt(None, "async_scope", const(1), copies)
            # What is copied takes the place of what the step before has read: of its products none may go on.
            out += [op("ptx_wgmma_wait_group", 1)] if out and self.overlaps else []
            out += [_barrier()] if out else []
            out.append(whole if exist is TRUE else IfThenElse(exist, whole))
        return seq(*out) if out else None


class _Version(Rewriter):
    """Directs accesses to the version of a buffer that an iteration uses."""

    def __init__(self, inject: _Inject, original: For, grown: dict[Buffer, Buffer], count: Expr) -> None:
        self.inject, self.original, self.grown, self.count = inject, original, grown, count
        self.pointers = {b.data: b for b in grown}

    def version(self, buffer: Buffer) -> Expr:
        return floormod(self.count, self.grown[buffer].shape[0])

    def visit_buffer(self, node: Buffer) -> Buffer:
        return self.grown.get(node, node)

    def visit_buffer_load(self, node: BufferLoad) -> Any:
        out = node.map_children(self)
        return out.replace(indices=(self.version(node.buffer), *out.indices)) if node.buffer in self.grown else out

    def visit_buffer_store(self, node: BufferStore) -> Any:
        out = node.map_children(self)
        return out.replace(indices=(self.version(node.buffer), *out.indices)) if node.buffer in self.grown else out

    def visit_buffer_region(self, node: BufferRegion) -> Any:
        out = node.map_children(self)
        if node.buffer not in self.grown:
            return out
        return out.replace(region=(Range.point(self.version(node.buffer)), *out.region))

    def visit_call(self, node: Call) -> Any:
        if node.op.name == "tvm_access_ptr" and node.args[1] in self.pointers:
            buffer = self.pointers[node.args[1]]  # type: ignore[index]
            annotation, data, offset, extent, mask = node.args
            offset = self(offset) + self.version(buffer) * _span(self.grown[buffer])
            return node.replace(args=(annotation, data, offset, self(extent), mask))
        return node.map_children(self)

    def visit_var(self, node: Var) -> Var:
        self.inject.require(
            node not in self.pointers,
            "the pointer of {0} is passed on in a pipeline, {1}, where each iteration has its own version of it",
            self.pointers.get(node),
            self.original,
            hint="pass T.address_of(buffer[...]) or buffer.access_ptr(...)",
        )
        return node


def _barrier() -> Stmt:
    return Evaluate(Call(VOID, OPS["tvm_storage_sync"], (StringImm("shared"),)))


ALIGNMENT = 1024
"""Bytes that what the copy engine writes starts at a multiple of."""


def has_tma(target: Target) -> bool:
    """Whether a GPU has the copy engine for boxes of tensors, and wgmma: Hopper's "sm_90a"."""
    return target.is_gpu and target.arch == "sm_90a"


def copies_beside(target: Target) -> bool:
    """Whether a GPU copies to shared memory beside the program: from compute capability 8.0 on."""
    return target.is_gpu and int("".join(filter(str.isdigit, target.arch)) or 0) >= 80


def _grown(buffer: Buffer, versions: int) -> Buffer:
    """A buffer with a dimension for its versions in front."""
    first = const(versions, buffer.shape[0].dtype if buffer.shape else "int32")
    strides = (buffer.strides[0] * buffer.shape[0], *buffer.strides) if buffer.strides else ()
    return buffer.replace(shape=(first, *buffer.shape), strides=strides)


def _span(buffer: Buffer) -> Expr:
    """Elements from one version of a buffer to the next."""
    if buffer.strides:
        return buffer.strides[0]
    span: Expr = const(1, buffer.shape[0].dtype)
    for extent in buffer.shape[1:]:
        span = span * extent
    return span


def _body(stmt: Stmt) -> tuple[tuple[Buffer, ...], tuple[Stmt, ...]]:
    """The buffers and the statements of a loop's body, blocks around several statements being opened."""
    if isinstance(stmt, BlockRealize) and stmt.predicate is TRUE and not stmt.block.annotations:
        buffers, stmts = _body(stmt.block.body)
        if isinstance(stmt.block.body, (SeqStmt, BlockRealize)) or stmt.block.alloc_buffers:
            return (*stmt.block.alloc_buffers, *buffers), stmts
    if isinstance(stmt, SeqStmt):
        opened = [_body(s) if isinstance(s, BlockRealize) and _is_sequence(s) else ((), (s,)) for s in stmt.seq]
        return tuple(b for buffers, _ in opened for b in buffers), tuple(s for _, stmts in opened for s in stmts)
    return (), (stmt,)


def _is_sequence(stmt: BlockRealize) -> bool:
    return isinstance(stmt.block.body, SeqStmt) and stmt.predicate is TRUE and not stmt.block.annotations


def _accesses(stmt: Stmt, known: set[Buffer]) -> tuple[frozenset[Buffer], frozenset[Buffer]]:
    """The buffers a statement reads and writes; those it addresses, or whose pointer it passes on, count as both."""
    nodes = list(walk(stmt))
    pointers = {n for n in nodes if type(n) is Var and n.dtype.is_handle}
    both = {b for b in known if b.data in pointers}
    for node in nodes:
        if isinstance(node, Call) and node.op.name in ("address_of", "atomic_add"):
            both.update(a.buffer for a in node.args if isinstance(a, BufferLoad))
    reads = both | {n.buffer for n in nodes if isinstance(n, BufferLoad)}
    return frozenset(reads), frozenset(both | {n.buffer for n in nodes if isinstance(n, BufferStore)})


def _named(stmt: Stmt) -> Stmt:
    return stmt.block if isinstance(stmt, BlockRealize) else stmt


def _int(value: Any) -> int:
    return int(value.value if isinstance(value, IntImm) else value)
