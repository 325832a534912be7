"""What is known of blocks' bindings without working it out: loops that drive one iterator each, then divided and fused.

Dividing and fusing loops renames the points of their space one to one. So what held of a binding before holds after,
and neither the affine check nor the check of independent iterations need look at the indices that come of it.
"""

from __future__ import annotations

from typing import Any

from ..tir.buffer import BufferRegion
from ..tir.expr import TRUE, IntImm, Var
from ..tir.stmt import Block, IterType
from ..tir.visit import connected, free_vars
from .sref import BlockSRef, LoopSRef
from .state import State


def key_of(s: State, block: BlockSRef) -> Any:
    """What decides whether the binding of a block is affine: its values, its predicate, and its loops in any order."""
    realize = s.realize(block)
    loops = frozenset([(loop.loop_var, loop.min, loop.extent) for loop in [ref.stmt for ref in block.loops()]])
    return tuple([iv.var for iv in block.stmt.iter_vars]), realize.iter_values, realize.predicate, loops


def is_plain(s: State, block: BlockSRef) -> bool:
    """Whether each iterator is bound to a loop of its own, and there is no predicate."""
    realize = s.realize(block)
    values = set(realize.iter_values)
    return (
        realize.predicate is TRUE
        and len(values) == len(realize.iter_values)
        and values <= {ref.stmt.loop_var for ref in block.loops()}
    )


def is_one_to_one(s: State, block: BlockSRef) -> bool:
    """Whether the binding is known to come, by divisions and fusions, of loops each of which drove one iterator."""
    if s.one_to_one and key_of(s, block) in s.one_to_one:
        return True
    used = set(s.realize(block).iter_values)
    return is_plain(s, block) and all(
        ref.stmt.loop_var in used or (type(ref.stmt.extent) is IntImm and ref.stmt.extent.value == 1)
        for ref in block.loops()
    )


class Carried:
    """The blocks below `loop` whose bindings are known to be one to one, to say so of what becomes of them."""

    def __init__(self, s: State, loop: LoopSRef) -> None:
        self.s = s
        self.blocks = [block for block in s.child_blocks(loop) if is_one_to_one(s, block)]

    def to_present(self) -> None:
        """The loop has been divided or fused: note that the bindings are as good as before."""
        for block in self.blocks:
            key = key_of(self.s, block)
            self.s.one_to_one.add(key)
            self.s.affine[key] = None


class Turns:
    """What tells the iterations of `loop` apart: the iterators of each block below that only it and its like drive.

    The iterators that are driven by the loop, or by a loop that drives one of these, are a map of those loops, one to
    one. If all are spatial, then what is touched at all of them is touched in one iteration alone.
    """

    def __init__(self, s: State, loop: LoopSRef) -> None:
        self.s = s
        self.loop = loop
        self.known: dict[Block, set[Var]] = {}

    def are_apart(self, block: Block, a: BufferRegion, b: BufferRegion) -> bool:
        """Whether what `block` touches by `a` in one iteration and by `b` in another is known to be apart."""
        telling = self.known.get(block)
        if telling is None:
            telling = self.known[block] = self._telling(block)
        same = {x.min for x, y in zip(a.region, b.region, strict=True) if x.min is y.min and x.is_point and y.is_point}
        return bool(telling) and telling <= same

    def _telling(self, block: Block) -> set[Var]:
        ref = self.s.srefs[block]
        assert isinstance(ref, BlockSRef)
        if not is_one_to_one(self.s, ref):
            return set()
        values = self.s.realize(ref).iter_values
        parts = {iv: free_vars(value) for iv, value in zip(block.iter_vars, values, strict=True)}
        linked = connected(parts.values(), [self.loop.stmt.loop_var])
        joined = [iv for iv, part in parts.items() if not linked.isdisjoint(part)]
        return {iv.var for iv in joined} if all(iv.iter_type is IterType.SPATIAL for iv in joined) else set()
