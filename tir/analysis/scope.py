"""Block scopes: the blocks directly inside a block, the loops they run under, and the questions asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..arith import Analyzer
from ..buffer import Buffer, BufferRegion, Range
from ..errors import filled
from ..expr import Expr, Not, Var
from ..function import PrimFunc
from ..stmt import Block, BlockRealize, Evaluate, For, IfThenElse, LetStmt, Stmt, While
from ..visit import substitute


@dataclass(frozen=True, eq=False)
class Child:
    """A block directly inside a scope: no other block lies between.

    Attributes
    ----------
    realize: runs the block.
    loops: the loops between the scope and the block, outermost first.
    conditions: conditions of branches on the way, all of which hold where the block runs.
    repeated: whether a `while` lies on the way, so that nothing is known of how often the block runs.
    index: its place in the program order of the scope.
    lets: what variables bound on the way stand for, in terms of the loops. (`realize` does not speak of them.)
    """

    realize: BlockRealize
    loops: tuple[For, ...]
    conditions: tuple[Expr, ...]
    repeated: bool
    index: int
    lets: Mapping[Var, Expr] = field(default_factory=dict)

    @property
    def block(self) -> Block:
        """The block."""
        return self.realize.block

    @cached_property
    def values(self) -> dict[Var, Expr]:
        """What each iterator of the block is bound to."""
        return {iv.var: value for iv, value in zip(self.block.iter_vars, self.realize.iter_values, strict=True)}

    def bound(self, region: BufferRegion) -> BufferRegion:
        """A region of the block in terms of the loops."""
        return substitute(region, self.values)

    def below(self, loop: For | None) -> dict[Var, Range]:
        """The ranges of the loops inside `loop` (all of them for None), outermost first."""
        start = 0 if loop is None else self.loops.index(loop) + 1
        return {inner.loop_var: substitute(inner.range, self.lets) for inner in self.loops[start:]}


@dataclass(eq=False)
class Scope:
    """The blocks directly inside `block`, in program order, and tables of who reads and writes what."""

    block: Block
    children: tuple[Child, ...] = ()
    readers: dict[Buffer, list[Child]] = field(default_factory=dict)
    writers: dict[Buffer, list[Child]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Child]:
        return iter(self.children)

    def child(self, block: Block) -> Child:
        """The entry of a block."""
        return self.by_block[block]

    @cached_property
    def by_block(self) -> Mapping[Block, Child]:
        """The entries by block."""
        return {child.block: child for child in self.children}

    @cached_property
    def by_loop(self) -> Mapping[For, tuple[Child, ...]]:
        """The blocks under each loop of the scope, in program order."""
        found: dict[For, list[Child]] = {}
        for child in self.children:
            for loop in child.loops:
                found.setdefault(loop, []).append(child)
        return {loop: tuple(under) for loop, under in found.items()}

    @cached_property
    def local(self) -> frozenset[Buffer]:
        """The buffers that live inside the scope."""
        return frozenset(self.block.alloc_buffers)

    def with_inside(self, loops: Sequence[For], loop: For) -> Scope:
        """The scope as if `loops`, which are around `loop`, were inside of it: for questions about other orders."""

        def moved(child: Child) -> Child:
            if loop not in child.loops:
                return child
            end = child.loops.index(loop) + 1
            outer = [other for other in child.loops[:end] if other not in loops]
            return replace(child, loops=(*outer, *loops, *child.loops[end:]))

        return Scope(self.block, tuple(map(moved, self.children)), self.readers, self.writers)

    def analyzer(self, around: Mapping[Var, Range] | None = None) -> Analyzer:
        """An analyzer that knows the iterators of the scope's block and the loops around it that are given."""
        an = Analyzer()
        for var, range_ in (around or {}).items():
            an.bind(var, range_, allow_override=True)
        for iv in self.block.iter_vars:
            an.bind(iv.var, iv.dom, allow_override=True)
        return an


def scope_of(block: Block) -> Scope:
    """The scope of a block: what lies directly in it."""
    children: list[Child] = []

    def visit(
        stmt: Stmt, loops: tuple[For, ...], conditions: tuple[Expr, ...], repeated: bool, lets: Mapping[Var, Expr]
    ) -> None:
        nest = list(loops)
        while isinstance(stmt, For):
            nest.append(stmt)
            stmt = stmt.body
        loops = tuple(nest)
        if isinstance(stmt, BlockRealize):
            if lets:
                values = tuple(substitute(value, lets) for value in stmt.iter_values)
                stmt = BlockRealize(values, substitute(stmt.predicate, lets), stmt.block)
            children.append(Child(stmt, loops, conditions, repeated, len(children), lets))
        elif isinstance(stmt, IfThenElse):
            condition = substitute(stmt.condition, lets)
            visit(stmt.then_case, loops, (*conditions, condition), repeated, lets)
            if stmt.else_case is not None:
                visit(stmt.else_case, loops, (*conditions, Not(condition)), repeated, lets)
        elif isinstance(stmt, LetStmt):
            visit(stmt.body, loops, conditions, repeated, {**lets, stmt.var: substitute(stmt.value, lets)})
        elif not isinstance(stmt, Evaluate):
            for part in stmt.children():
                if isinstance(part, Stmt):
                    visit(part, loops, conditions, repeated or isinstance(stmt, While), lets)

    if block.init is not None:
        visit(block.init, (), (), False, {})
    visit(block.body, (), (), False, {})
    scope = Scope(block, tuple(children))
    for child in children:
        for regions, table in ((child.block.reads, scope.readers), (child.block.writes, scope.writers)):
            for buffer in dict.fromkeys([region.buffer for region in regions]):
                table.setdefault(buffer, []).append(child)
    return scope


def root_scope(func: PrimFunc) -> Scope | None:
    """The scope of a function's root block, or None for a program without blocks."""
    return None if func.root is None else scope_of(func.root)


def common_loop(a: Child, b: Child) -> For | None:
    """The innermost loop around both of two blocks of a scope, or None."""
    found: For | None = None
    for x, y in zip(a.loops, b.loops):
        if x is not y:
            break
        found = x
    return found


@dataclass(frozen=True)
class Failure:
    """A condition that does not hold, as data: `template` with `{0}`, `{1}`, ... standing for `nodes`.

    `condition` names it, for callers that treat conditions apart.
    """

    condition: str
    template: str
    nodes: tuple[Any, ...] = ()

    def __str__(self) -> str:
        from ..render import describe

        return filled(self.template, map(describe, self.nodes))
