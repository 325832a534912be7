"""Buffers that each iteration of a loop could have for itself, so that its iterations need not keep their order."""

from __future__ import annotations

from functools import cached_property

from ..tir.arith.region_bounds import exact_unions
from ..tir.buffer import Buffer
from ..tir.stmt import Block, IfThenElse, IterType
from ..tir.visit import free_vars
from .edit import common, wrappers
from .footprint import Footprints
from .presence import written_boxes
from .rewrite import drivers
from .sref import BlockSRef, LoopSRef, SRef
from .state import State


class Privacy:
    """Which buffers are private to an iteration of `loop`: no value in them passes from one to another."""

    def __init__(self, s: State, loop: LoopSRef) -> None:
        self.s = s
        self.loop = loop
        self.known: dict[Buffer, bool] = {}
        self.feet: dict[SRef, Footprints] = {}

    @cached_property
    def blocks(self) -> list[BlockSRef]:
        """The blocks below the loop."""
        return self.s.child_blocks(self.loop)

    def foot(self, boundary: SRef) -> Footprints:
        """What the blocks touch in one iteration of the loop or of one inside."""
        if boundary not in self.feet:
            self.feet[boundary] = Footprints(self.s, boundary)
        return self.feet[boundary]

    def of(self, buffer: Buffer) -> bool:
        """Whether `buffer` is private."""
        known = self.known.get(buffer)
        if known is None:
            known = self._is_intermediate(buffer) and (
                (not self._accumulates(buffer) and self._own_values(buffer)) or self._is_private_further_in(buffer)
            )
            self.known[buffer] = known
        return known

    def _is_intermediate(self, buffer: Buffer) -> bool:
        """Whether nothing outside of the loop touches the buffer, so that it can be allocated in the loop."""
        scope, inside = self.loop.scope, set(self.blocks)
        while True:
            if any(touches(block.stmt, buffer) for block in self.s.child_blocks(scope) if block not in inside):
                return False
            if buffer in scope.stmt.alloc_buffers:
                return True
            # A block that is said to read the buffer is taken to find values in it.
            if scope.parent is None or any(region.buffer is buffer for region in scope.stmt.reads):
                return False
            scope, inside = scope.scope, {scope}

    def _is_private_further_in(self, buffer: Buffer) -> bool:
        """Whether the buffer is private to an iteration of a loop inside, around all that touches it."""
        users: list[SRef] = [block for block in self.blocks if touches(block.stmt, buffer)]
        at = common(users)
        return at is not self.loop and isinstance(at, LoopSRef) and Privacy(self.s, at).of(buffer)

    def _accumulates(self, buffer: Buffer) -> bool:
        """Whether each iteration adds to what the others did."""
        var = self.loop.stmt.loop_var
        for block in self.blocks:
            if any(region.buffer is buffer for region in block.stmt.writes):
                values = zip(block.stmt.iter_vars, self.s.realize(block).iter_values, strict=True)
                reduced = [value for iv, value in values if iv.iter_type is not IterType.SPATIAL]
                if any(var in free_vars(value) and var in drivers(block, value) for value in reduced):
                    return True
        return False

    def _own_values(self, buffer: Buffer) -> bool:
        """Whether all that is read in an iteration has been written in it before."""
        writers: list[BlockSRef] = []
        for block in self.blocks:
            if not all(isinstance(stmt, IfThenElse) for stmt in wrappers(self.loop, block)):
                return False
            if any(region.buffer is buffer for region in block.stmt.reads):
                if not self._finds_all(block, writers, buffer):
                    return False
            if any(region.buffer is buffer for region in block.stmt.writes):
                writers.append(block)
        return True

    def _finds_all(self, reader: BlockSRef, writers: list[BlockSRef], buffer: Buffer) -> bool:
        """Whether blocks before `reader` have written all that it reads, in the same turn of the loops they share."""
        shared = [common([writer, reader]) for writer in writers]
        innermost = self.foot(max(shared, key=lambda ref: len(ref.ancestors()), default=self.loop))
        needed = innermost.union(reader, reader.stmt.reads, buffer)
        assert needed is not None
        pairs = zip(writers, shared, strict=True)
        written = [box for writer, at in pairs for box in written_boxes(self.foot(at), [writer], reader, buffer)]
        boxes = exact_unions(innermost.an, written)
        return any(innermost.contains(box, needed) for box in boxes) or any(
            innermost.contains(box, innermost.clipped(needed, buffer)) for box in boxes
        )


def touches(block: Block, buffer: Buffer) -> bool:
    """Whether a block declares to read or write `buffer`."""
    return any(region.buffer is buffer for region in (*block.reads, *block.writes))
