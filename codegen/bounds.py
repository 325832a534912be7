"""Accesses and the bounds of their buffers: which are refused before the program runs, which are checked when it does.

An access that is shown to be inside costs nothing. One that is shown to leave its buffer is an error at build time.
What is left, where data or symbolic extents decide, compiled code checks.
"""

from __future__ import annotations

import math

from ..tir.arith import Analyzer
from ..tir.arith.stmt import is_lasting
from ..tir.buffer import Buffer, BufferLoad, MatchBufferRegion
from ..tir.errors import LowerError
from ..tir.expr import Call, Expr, GlobalVar, IntImm, Not, Select, Var, const
from ..tir.function import IRModule, PrimFunc
from ..tir.op import Effect, Intrinsic
from ..tir.stmt import (
    Allocate,
    AssertStmt,
    Block,
    BlockRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    IfThenElse,
    SeqStmt,
    While,
)
from ..tir.visit import walk
from .passes.conditions import extents_known
from .reached import Reached

Access = tuple[Buffer, Expr]


def to_check(source: PrimFunc, lowered: PrimFunc) -> frozenset[Access]:
    """The accesses of a lowered function, by buffer and flat index, that must be checked when they are made.

    Those of parameters whose every access in the source is shown to be inside, dimension by dimension, need no check:
    lowering moves no access elsewhere, though the flat indices of symbolic shapes are beyond the prover.
    """
    seen = _Source(source)
    seen(source.body)
    pairs = zip(source.buffers, lowered.buffers, strict=True)
    proofs = _Lowered(extents_known(lowered), {ours.data for theirs, ours in pairs if theirs.data not in seen.open})
    proofs(lowered.body)
    return frozenset(proofs.open)


def refuse_outside(program: IRModule) -> None:
    """Refuse a program that makes an access outside of its buffer whatever its data.

    Raises
    ------
    LowerError: naming the first such access, and where it is made.
    """
    for func in program.functions.values():
        _Source(func, refuse=True)(func.body)


class _Lowered(Reached):
    """open: the accesses met that are not proved. Of an access made in several places every one must be.

    safe: the pointers of buffers that need no proof.
    """

    def __init__(self, analyzer: Analyzer, safe: set[Var]) -> None:
        super().__init__(analyzer)
        self.safe = safe
        self.open: set[Access] = set()

    def access(self, node: BufferLoad | BufferStore) -> None:
        buffer = node.buffer
        if buffer.data in self.safe:
            return
        index = node.indices[0] if node.indices else const(0)
        size = buffer.shape[0] if buffer.shape else const(1)
        if (buffer, index) not in self.open and not self.inside(index, size, node.predicate):
            self.open.add((buffer, index))


class _Source(Reached):
    """open: the pointers of buffers that an access is not proved to stay inside of."""

    def __init__(self, func: PrimFunc, *, refuse: bool = False) -> None:
        super().__init__(extents_known(func))
        self.func, self.refuse = func, refuse
        self.open: set[Var] = set()
        self.views: dict[Var, Var] = {}
        self.loops: dict[Var, For] = {}
        self.declared = {b.data: b for b in func.buffers}
        self.doubts = sum(isinstance(n, While) or _leaves(n) for n in walk(func.body)) if refuse else 1

    def access(self, node: BufferLoad | BufferStore) -> None:
        buffer = node.buffer
        if len(node.indices) != buffer.ndim:
            self.leave(buffer)
            return
        for index, extent in zip(node.indices, buffer.shape):
            if not self.inside(index, extent, node.predicate):
                self.leave(buffer)
                if index.dtype.lanes == 1 and node.predicate is None:
                    self.refuse_if_certain(node, index, extent)

    def leave(self, buffer: Buffer) -> None:
        """Note that an access may be outside."""
        data = buffer.data
        while data in self.views:
            data = self.views[data]
        self.open.add(data)

    def refuse_if_certain(self, node: BufferLoad | BufferStore, index: Expr, extent: Expr) -> None:
        if self.doubts or not isinstance(extent, IntImm) or not is_lasting(index):
            return
        for legal, wanted in ((index >= 0, "at least 0"), (index < extent, f"below {extent}")):
            found = self.an.explain(self.an.simplify(legal)).counterexample
            if found is None or not all(v in self.loops for v in found) or not self.all_run(found):
                continue
            what = "written" if isinstance(node, BufferStore) else "read"
            at = " and ".join(f"`{v.name}` is {n}" for v, n in found.items())
            raise LowerError(
                f"`{node.buffer.name}` is {what} outside of its shape {_shown(node.buffer)}: "
                f"`{index}` is not {wanted}{f' where {at}' if at else ''}\n{{0}}",
                node,
                root=self.func,
                hint="guard the access with an `if` or T.if_then_else, or correct its index",
            )

    def all_run(self, found: dict[Var, int]) -> bool:
        """Whether the loops around that the counterexample does not speak of run at all."""
        return all(
            isinstance(loop.extent, IntImm) and loop.extent.value > 0
            for var, loop in self.loops.items()
            if var not in found
        )

    def visit_for(self, node: For) -> None:
        self.loops[node.loop_var] = node
        super().visit_for(node)
        del self.loops[node.loop_var]

    def visit_block_realize(self, node: BlockRealize) -> None:
        for value in (*node.iter_values, node.predicate):
            self(value)
        doubt = not is_lasting(node.predicate)
        self.doubts += doubt
        with self.an.scope():
            self.assume(node.predicate)
            for iv, value in zip(node.block.iter_vars, node.iter_values):
                self.define(iv.var, value)
            self.visit_block(node.block)
        self.doubts -= doubt

    def visit_allocate(self, node: Allocate) -> None:
        self.declared[node.buffer.data] = node.buffer
        self.descend(node)

    def visit_block(self, node: Block) -> None:
        self.declared |= {b.data: b for b in node.alloc_buffers}
        for match in node.match_buffers:
            self.view(match)
        if node.init is not None:
            self.doubts += 1  # it runs in some of the iterations alone
            self(node.init)
            self.doubts -= 1
        self(node.body)

    def view(self, match: MatchBufferRegion) -> None:
        source = match.source
        self.views[match.buffer.data] = source.buffer.data
        for r, extent in zip(source.region, source.buffer.shape):
            last = r.min + r.extent - 1
            if not self.between(r.min, last, extent):
                self.leave(source.buffer)

    def visit_decl_buffer(self, node: DeclBuffer) -> None:
        """A second view of memory known under another name must not reach further than that."""
        first = self.declared.setdefault(node.buffer.data, node.buffer)
        have, wanted = _bytes(first), _bytes(node.buffer)
        if have is not None and wanted is not None and wanted > have and self.refuse:
            raise LowerError(
                f"`{node.buffer.name}` is declared over the {have} bytes of `{first.name}`, but takes {wanted}\n{{0}}",
                node,
                root=self.func,
                hint="declare it no larger than what it is a view of",
            )
        self.descend(node)

    def visit_if_then_else(self, node: IfThenElse) -> None:
        doubt = not is_lasting(node.condition)
        self.doubts += doubt
        super().visit_if_then_else(node)
        self.doubts -= doubt

    def visit_seq_stmt(self, node: SeqStmt) -> None:
        doubts = self.doubts
        with self.an.scope():
            for part in node.seq:
                self(part)
                if isinstance(part, AssertStmt):
                    self.assume(part.condition)
                    self.doubts += not is_lasting(part.condition)
                elif isinstance(part, Evaluate) and not _pure(part.value):
                    self.doubts += 1
        self.doubts = doubts

    def visit_select(self, node: Select) -> None:
        # Lowering makes a T.if_then_else of one whose branches cannot be evaluated both.
        self(node.condition)
        if node.condition.dtype.lanes == 1:
            self.choice(node.condition, node.true_value, node.false_value)
        else:
            self.doubts += 1
            self.descend(node)
            self.doubts -= 1

    def visit_call(self, node: Call) -> None:
        if node.op.name == "if_then_else" and node.args[0].dtype.lanes == 1:
            self(node.args[0])
            self.choice(*node.args)
        else:
            self.descend(node)

    def choice(self, condition: Expr, then: Expr, other: Expr) -> None:
        doubt = not is_lasting(condition)
        self.doubts += doubt
        self.under(condition, then)
        self.under(Not(condition), other)
        self.doubts -= doubt


def _pure(e: Expr) -> bool:
    return not any(isinstance(n, Call) and (isinstance(n.op, GlobalVar) or _effect(n)) for n in walk(e))


def _effect(call: Call) -> bool:
    return not isinstance(call.op, Intrinsic) or call.op.effect is not Effect.PURE


def _leaves(node: object) -> bool:
    return isinstance(node, Call) and isinstance(node.op, Intrinsic) and node.op.effect is Effect.CONTROL


def _bytes(buffer: Buffer) -> int | None:
    """What a buffer takes from its pointer on, None where that is not a constant."""
    parts = (*buffer.shape, buffer.elem_offset)
    if buffer.strides or not all(isinstance(e, IntImm) for e in parts):
        return None
    *extents, offset = (e.value for e in parts if isinstance(e, IntImm))
    return (math.prod(extents) + offset) * buffer.dtype.bytes


def _shown(buffer: Buffer) -> str:
    """The shape as Python writes a tuple."""
    inner = ", ".join(map(str, buffer.shape))
    return f"({inner},)" if buffer.ndim == 1 else f"({inner})"
