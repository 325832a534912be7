"""Buffers that each iteration of a loop could have for itself, so that its iterations need not keep their order."""

from __future__ import annotations

from functools import cached_property

from ..tir.arith.region_bounds import exact_unions
from ..tir.arith.regions import Box
from ..tir.buffer import Buffer
from ..tir.stmt import IfThenElse, IterType
from ..tir.visit import free_vars
from .edit import wrappers
from .footprint import Footprints
from .rewrite import drivers
from .sref import BlockSRef, LoopSRef
from .state import State


class Privacy:
    """Which buffers are private to an iteration of `loop`: no value in them passes from one to another."""

    def __init__(self, s: State, loop: LoopSRef) -> None:
        self.s = s
        self.loop = loop
        self.known: dict[Buffer, bool] = {}

    @cached_property
    def blocks(self) -> list[BlockSRef]:
        """The blocks below the loop."""
        return self.s.child_blocks(self.loop)

    @cached_property
    def foot(self) -> Footprints:
        """What the blocks touch in one iteration."""
        return Footprints(self.s, self.loop)

    def of(self, buffer: Buffer) -> bool:
        """Whether `buffer` is private."""
        known = self.known.get(buffer)
        if known is None:
            known = self._is_intermediate(buffer) and not self._accumulates(buffer) and self._own_values(buffer)
            self.known[buffer] = known
        return known

    def _is_intermediate(self, buffer: Buffer) -> bool:
        """Whether the buffer lives in the scope and nothing outside of the loop touches it."""
        scope = self.loop.scope
        if buffer not in scope.stmt.alloc_buffers:
            return False
        inside = set(self.blocks)
        return not any(
            region.buffer is buffer
            for other in self.s.child_blocks(scope)
            if other not in inside
            for region in (*other.stmt.reads, *other.stmt.writes)
        )

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
        foot = self.foot
        written: list[Box] = []
        for block in self.blocks:
            if not all(isinstance(stmt, IfThenElse) for stmt in wrappers(self.loop, block)):
                return False
            needed = foot.union(block, block.stmt.reads, buffer)
            if needed is not None:
                boxes = exact_unions(foot.an, written)
                if not any(foot.contains(box, needed) for box in boxes):
                    inside = foot.clipped(needed, buffer)
                    if not any(foot.contains(box, inside) for box in boxes):
                        return False
            for region in block.stmt.writes:
                if region.buffer is buffer and foot.fills(block, region):
                    written.append(foot.box(block, region))
        return True
