"""References to loops and blocks that stay valid while the program under them is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from ..tir.stmt import Block, BlockRealize, For, Stmt
from .errors import refusal


class Mark(Enum):
    """Places a sampled location can stand for instead of a loop: where the block is, or inside of its consumers."""

    ROOT = "root"
    INLINE = "inline"


class SRef:
    """A node of the tree of loops and blocks.

    Attributes
    ----------
    stmt: the loop or block as it is now; as it last was, if it is gone.
    parent: the loop or block around it; None for a root block.
    removed_at: the step that removed the statement; None while it is there.
    """

    __slots__ = ("parent", "removed_at", "stmt")

    stmt: Any

    def __init__(self, stmt: Stmt, parent: SRef | None) -> None:
        self.stmt = stmt
        self.parent = parent
        self.removed_at: int | None = None

    def ancestors(self) -> list[SRef]:
        """The references above this one, innermost first."""
        out = []
        at = self.parent
        while at is not None:
            out.append(at)
            at = at.parent
        return out

    @property
    def scope(self) -> BlockSRef:
        """The nearest block above: the scope in which this statement is a child.

        Raises
        ------
        ScheduleError: this is a root block, which has none.
        """
        at = self.parent
        while at is not None:
            if isinstance(at, BlockSRef):
                return at
            at = at.parent
        raise refusal("{0} is the root block, which has no other around or beside it", self)

    def loops(self) -> list[LoopSRef]:
        """The loops above, outermost first, up to the nearest block."""
        out = []
        at = self.parent
        while isinstance(at, LoopSRef):
            out.append(at)
            at = at.parent
        return out[::-1]

    def __repr__(self) -> str:
        name = self.stmt.loop_var.name if isinstance(self.stmt, For) else self.stmt.name_hint
        return f"{type(self).__name__}({name})"


class LoopSRef(SRef):
    """A reference to a loop."""

    __slots__ = ()
    stmt: For


class BlockSRef(SRef):
    """A reference to a block; `function` is set on root blocks, where it names the function."""

    __slots__ = ("function",)
    stmt: Block

    def __init__(self, stmt: Block, parent: SRef | None, function: str | None = None) -> None:
        super().__init__(stmt, parent)
        self.function = function


def reference(stmt: Stmt, parent: SRef | None) -> SRef:
    """A new reference to a loop or block."""
    return LoopSRef(stmt, parent) if isinstance(stmt, For) else BlockSRef(stmt, parent)  # type: ignore[arg-type]


def nearest(stmt: Stmt) -> list[For | Block]:
    """The outermost loops and blocks within `stmt`, itself included, in program order."""
    found: list[For | Block] = []
    stack: list[Any] = [stmt]
    while stack:
        top = stack.pop()
        cls = type(top)
        if cls is For or cls is Block:
            found.append(top)
        elif cls is BlockRealize:
            found.append(top.block)
        elif isinstance(top, Stmt):
            stack.extend(reversed(top.children()))
    return found


def blocks_below(stmt: For | Block) -> Iterator[Block]:
    """The blocks inside a loop or block, those of other blocks included, in no particular order."""
    stack = [stmt]
    while stack:
        for child in below(stack.pop()):
            stack.append(child)
            if type(child) is Block:
                yield child


def below(stmt: For | Block) -> list[For | Block]:
    """The loops and blocks directly under a loop or block."""
    return nearest(stmt.body)
