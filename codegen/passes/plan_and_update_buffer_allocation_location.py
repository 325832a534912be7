"""Moves every allocation to the innermost loop or block that holds all uses of the buffer."""

from __future__ import annotations

from typing import Any

from ...tir.analysis.cover import Supply, supply
from ...tir.analysis.dependence import carried_dependence
from ...tir.analysis.lca import buffer_lca
from ...tir.analysis.scope import Child, Scope, scope_of
from ...tir.buffer import Buffer, BufferRegion
from ...tir.expr import TRUE, IntImm, Var
from ...tir.function import PrimFunc
from ...tir.node import Attrs
from ...tir.stmt import Block, BlockRealize, BufferStore, For, ForKind, Stmt
from ...tir.visit import Rewriter, Visitor, free_vars
from ..target import Target
from .kernels import is_bound


def plan_and_update_buffer_allocation_location(func: PrimFunc, target: Target) -> PrimFunc:
    """Let blocks allocate what lives only inside them; an allocation inside a loop gets a block of its own there.

    A buffer that may keep a value from one iteration of a loop to the next stays outside of that loop. One in global
    memory stays outside of the loops of a GPU, unless iterations would meet in it, so that each needs one for itself.
    """
    allocated = _Allocated()
    allocated(func.body)
    if not allocated.buffers:
        return func
    lowest = {b: stmt for b, stmt in buffer_lca(func).items() if b in allocated.buffers}
    carried = _Carried({b: home for b, home in allocated.buffers.items() if lowest.get(b, home) is not home})
    carried(func.body)
    places: dict[Stmt | None, list[Buffer]] = {}
    for buffer, home in allocated.buffers.items():
        if buffer in lowest:
            outermost = carried.outermost.get(buffer)
            inside = lowest[buffer]
            # Walk out of the loops that carry a value.
            while outermost is not None and inside is not home and carried.depth(inside) > outermost:
                inside = carried.parents[inside]
            while inside is not None and not isinstance(inside, (For, Block)):
                inside = carried.parents[inside]
            if buffer.scope == "global":
                inside = carried.around_grid(inside, home, buffer)
            places.setdefault(inside if inside is not None else home, []).append(buffer)
    return _Place(places, allocated.buffers)(func)


class _Allocated(Visitor):
    """The buffers that blocks allocate, each with the block that does."""

    def __init__(self) -> None:
        self.buffers: dict[Buffer, Block] = {}

    def visit_block(self, node: Block) -> None:
        self.buffers.update(dict.fromkeys(node.alloc_buffers, node))
        self(node.body)
        if node.init is not None:
            self(node.init)


class _Carried(Visitor):
    """For each buffer how deep it may be placed so that no value it carries between iterations is lost.

    A block with iterators, or one that declares what it writes, writes each element in one instance, or its reduction
    iterators say otherwise, which `buffer_lca` knows. For a store under a loop of the same block, or of no block at
    all, nothing is known; nor for a block that reads what it writes without reducing, under a loop its iterators do
    not follow, unless blocks before it in that loop have written what it reads, or the loop lies outside of a block
    that is said to write the buffer, of which the same is asked. What a block reads of another's may come from another
    turn of a loop around both, unless it is written before it in the same turn.
    """

    def __init__(self, buffers: dict[Buffer, Block]) -> None:
        self.buffers = buffers
        self.path: list[Stmt] = []
        self.parents: dict[Any, Stmt | None] = {None: None}
        self.depths: dict[Any, int] = {None: 0}
        self.bare: list[int] = []
        self.outermost: dict[Buffer, int] = {}
        self.scopes: dict[Block, Scope] = {}

    def depth(self, stmt: Stmt | None) -> int:
        return self.depths[stmt]

    def enter(self, node: Stmt) -> None:
        self.parents[node] = self.path[-1] if self.path else None
        self.path.append(node)
        self.depths[node] = len(self.path)

    def limit(self, buffer: Buffer, depth: int) -> None:
        """Say that `buffer` lies outside of the loop at `depth`."""
        if buffer in self.buffers:
            self.outermost[buffer] = min(self.outermost.get(buffer, depth - 1), depth - 1)

    def around(self) -> tuple[int, Scope] | None:
        """How deep the innermost block around lies, and its scope; None outside of all blocks."""
        for depth, stmt in reversed(list(enumerate(self.path, 1))):
            if isinstance(stmt, Block):
                if stmt not in self.scopes:
                    self.scopes[stmt] = scope_of(stmt)
                return depth, self.scopes[stmt]
        return None

    def supplied(self, block: Block, region: BufferRegion) -> int:
        """How deep the innermost loop lies in each turn of which a block finds a region written; 0 for none."""
        around = self.around()
        if around is None:
            return 0
        _, scope = around
        found = supply(scope, scope.child(block), region)
        return 0 if found is None or found.loop is None else self.depth(found.loop)

    def answered(self, buffer: Buffer) -> int:
        """How deep the innermost block around lies that is said to write a buffer; 0 for none.

        What that reads of it, from outside of the block, has been looked at there. What its reduction takes over from
        another instance, `buffer_lca` knows.
        """
        for depth, stmt in reversed(list(enumerate(self.path, 1))):
            if isinstance(stmt, Block) and buffer in {region.buffer for region in stmt.writes}:
                return depth
        return 0

    def handed_on(self, block: Block, region: BufferRegion) -> None:
        """Keep a buffer outside of the loops in whose turns a block reads what former turns have written."""
        around = self.around()
        if around is None:
            return
        outside, scope = around
        supplied = self.supplied(block, region)
        for depth, loop in enumerate(self.path[outside:], outside + 1):
            if depth <= supplied or not isinstance(loop, For) or loop.kind not in _IN_TURN or _once(loop):
                continue
            if carried_dependence(scope, loop, apart=lambda src, dst, a, b: b is not region) is not None:
                self.limit(region.buffer, depth)
                return

    def around_grid(self, inside: Stmt | None, home: Block, buffer: Buffer) -> Stmt | None:
        """The place for a buffer in global memory, around loops over a GPU's threads or blocks of them, which all see
        one; `inside` if it is in no such loop, or if iterations that run at once need one each.
        """
        path: list[Stmt] = []
        at = inside
        while at is not None and at is not home:
            path.append(at)
            at = self.parents[at]
        grid = [k for k, stmt in enumerate(path) if is_bound(stmt)]
        passed = path[: grid[-1] + 1] if grid else []
        if any(isinstance(stmt, For) and self.need_one_each(stmt, buffer) for stmt in passed):
            return inside
        return self.parents[passed[-1]] if passed else inside

    def need_one_each(self, loop: For, buffer: Buffer) -> bool:
        """Whether iterations of a loop run at once and may meet in a buffer, of which each reads only what it wrote."""
        if loop.kind in _IN_TURN or _once(loop):
            return False
        above = self.parents[loop]
        while above is not None and not isinstance(above, Block):
            above = self.parents[above]
        if above is None:
            return False
        scope = self.scopes.setdefault(above, scope_of(above))
        for child in scope.by_loop.get(loop, ()):
            for region in child.block.reads:
                found = supply(scope, child, region) if region.buffer is buffer else Supply(loop)
                if found is None or self.depth(found.loop) < self.depth(loop):
                    return False

        def other(src: Child, dst: Child, a: BufferRegion, b: BufferRegion) -> bool:
            return a.buffer is not buffer

        return carried_dependence(scope, loop, reductions=loop.bound_to != "threadIdx", apart=other) is not None

    def visit_for(self, node: For) -> None:
        self.enter(node)
        self.bare.append(len(self.path))
        self(node.body)
        self.bare.pop()
        self.path.pop()

    def visit_block_realize(self, node: BlockRealize) -> None:
        block = node.block
        written = {region.buffer for region in block.writes}
        followed: set[Var] = set().union(*(free_vars(value) for value in node.iter_values))
        for region in block.reads:
            if region.buffer in self.buffers and region.buffer not in written:
                self.handed_on(block, region)
            elif region.buffer in self.buffers:
                known = max(self.supplied(block, region), self.answered(region.buffer))
                for depth, loop in enumerate(self.path, 1):
                    if depth > known and isinstance(loop, For) and loop.loop_var not in followed and not _once(loop):
                        self.limit(region.buffer, depth)
                        break
        outer, self.bare = self.bare, [] if block.iter_vars or block.writes else list(self.bare)
        self.enter(block)
        if block.init is not None:
            self(block.init)
        self(block.body)
        self.path.pop()
        self.bare = outer

    def visit_buffer_store(self, node: BufferStore) -> None:
        if self.bare:
            self.limit(node.buffer, self.bare[0])


_IN_TURN = frozenset({ForKind.SERIAL, ForKind.UNROLLED})
"""Kinds of loops whose turns come one after the other, so that one can use what another left."""


def _once(loop: For) -> bool:
    """Whether a loop has one iteration, which hands nothing on."""
    return isinstance(loop.extent, IntImm) and loop.extent.value <= 1


class _Place(Rewriter):
    """Moves the allocations; a block no longer declares to access what is allocated inside it, or never used."""

    def __init__(self, places: dict[Stmt | None, list[Buffer]], moved: dict[Buffer, Block]) -> None:
        self.places, self.moved = places, moved
        self.visible: set[Buffer] = set()

    def visit_block(self, node: Block) -> Block:
        buffers = tuple(self.places.get(node, ()))
        reads, writes = (tuple(filter(self.is_declared, regions)) for regions in (node.reads, node.writes))
        self.visible.update(buffers)
        if (len(reads), len(writes)) != (len(node.reads), len(node.writes)) or buffers != node.alloc_buffers:
            annotations = _renumbered(node, writes)
            node = node.replace(reads=reads, writes=writes, alloc_buffers=buffers, annotations=annotations)
        out = node.map_children(self)
        self.visible.difference_update(buffers)
        return out

    def is_declared(self, region: BufferRegion) -> bool:
        return region.buffer not in self.moved or region.buffer in self.visible

    def visit_for(self, node: For) -> For:
        buffers = tuple(self.places.get(node, ()))
        self.visible.update(buffers)
        out = node.map_children(self)
        self.visible.difference_update(buffers)
        if not buffers:
            return out
        return out.replace(body=BlockRealize((), TRUE, Block((), (), (), "", out.body, alloc_buffers=buffers)))

    def visit_buffer(self, node: Buffer) -> Buffer:
        return node


def _renumbered(block: Block, writes: tuple[BufferRegion, ...]) -> Attrs:
    """The annotations of a block that keeps these of its written regions, which `buffer_dim_align` counts."""
    key = "buffer_dim_align"
    if key not in block.annotations or len(writes) == len(block.writes):
        return block.annotations
    kept = [i for i, region in enumerate(block.writes) if region in writes]
    entries = [(kept.index(int(which)), *rest) for which, *rest in block.annotations[key] if int(which) in kept]
    return block.annotations.with_(key, entries) if entries else block.annotations.without(key)
