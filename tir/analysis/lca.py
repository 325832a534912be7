"""Where a buffer must live: the innermost loop or block that holds every access to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..buffer import Buffer
from ..dtype import HANDLE
from ..expr import Var
from ..function import PrimFunc
from ..stmt import Allocate, Block, BlockRealize, DeclBuffer, For, IterType, Stmt
from ..visit import Visitor, buffers_in, free_vars


class Scope(NamedTuple):
    """A loop or block on the way to an access; `stmt` None is the function."""

    stmt: Stmt | None
    parent: Scope | None
    depth: int


def buffer_lca(func: PrimFunc) -> dict[Buffer, Stmt | None]:
    """The lowest `For` or `Block` around all accesses to each buffer; None where that is the function itself.

    A use of a buffer's pointer is an access. A buffer that a reduction writes keeps its value across the loops that
    drive the reduction, so it lies outside of them.
    A view made by `match_buffer` is an access to what it views, at the block; it has no place of its own.
    """
    finder = _Finder(func)
    finder(func.body)
    return {buffer: scope.stmt for buffer, scope in finder.found.items()}


class _Finder(Visitor):
    def __init__(self, func: PrimFunc) -> None:
        self.scope = Scope(None, None, 0)
        self.found: dict[Buffer, Scope] = {}
        self.loops: dict[Var, Scope] = {}
        self.views: set[Buffer] = set()
        self.lifted: dict[Buffer, Scope] = {}
        self.pointers: dict[Var, list[Buffer]] = {}
        for buffer in (*func.buffers, *buffers_in(func.body)):
            owners = self.pointers.setdefault(buffer.data, [])
            if buffer not in owners:
                owners.append(buffer)

    def access(self, buffer: Buffer) -> None:
        """Widen the scope of a buffer to hold the present place."""
        if buffer in self.views:
            return
        scopes = [self.scope]
        if buffer in self.found:
            scopes.append(self.found[buffer])
        if buffer in self.lifted:
            scopes.append(self.lifted[buffer])
        self.found[buffer] = lowest(scopes)

    def inside(self, stmt: Stmt, parts: Iterable[Any]) -> None:
        """Visit the parts of a loop or block."""
        outer = self.scope
        self.scope = Scope(stmt, outer, outer.depth + 1)
        for part in parts:
            self(part)
        self.scope = outer

    def visit_for(self, node: For) -> None:
        self(node.min)
        self(node.extent)
        self.loops[node.loop_var] = self.scope
        self.inside(node, [node.body])

    def visit_block_realize(self, node: BlockRealize) -> None:
        for value in (*node.iter_values, node.predicate):
            self(value)
        block = node.block
        outer = dict(self.lifted)
        carrying = [
            self.loops[var]
            for iv, value in zip(block.iter_vars, node.iter_values, strict=True)
            if iv.iter_type is not IterType.SPATIAL
            for var in free_vars(value)
            if var in self.loops
        ]
        if carrying:
            highest = min(carrying, key=lambda scope: scope.depth)
            for region in block.writes:
                before = self.lifted.get(region.buffer)
                if before is None or highest.depth < before.depth:
                    self.lifted[region.buffer] = highest
        self.visit_block(block)
        self.lifted = outer

    def visit_block(self, node: Block) -> None:
        for match in node.match_buffers:
            self.views.add(match.buffer)
        regions = [r for m in node.match_buffers for r in m.source.region]
        sources = [m.source.buffer for m in node.match_buffers]
        self.inside(node, [*regions, *sources, *([node.init] if node.init is not None else []), node.body])

    def visit_buffer(self, node: Buffer) -> None:
        # Buffers that share a pointer are one piece of memory.
        for buffer in self.pointers.get(node.data, ()):
            self.access(buffer)

    def visit_allocate(self, node: Allocate) -> None:
        self(node.body)

    def visit_decl_buffer(self, node: DeclBuffer) -> None:
        self(node.body)

    def visit_var(self, node: Var) -> None:
        if node.dtype is HANDLE:
            for buffer in self.pointers.get(node, ()):
                self.access(buffer)


def lowest(scopes: list[Scope]) -> Scope:
    """The lowest scope that holds all of `scopes`."""
    a = scopes[0]
    for b in scopes[1:]:
        while a is not b:
            if a.depth >= b.depth:
                assert a.parent is not None
                a = a.parent
            else:
                assert b.parent is not None
                b = b.parent
    return a
