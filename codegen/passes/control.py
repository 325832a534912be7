"""Which loops can be left before their end: they must stay the loops they are."""

from __future__ import annotations

from ...tir.expr import Call
from ...tir.stmt import BufferStore, For, Stmt, While
from ...tir.visit import Visitor


def leaves_loop(body: Stmt) -> bool:
    """Whether a loop's `body` breaks out of that loop, or goes on with its next iteration, or returns."""
    finder = _Finder()
    finder(body)
    return finder.found


class _Finder(Visitor):
    def __init__(self) -> None:
        self.found = False
        self.loops = 0

    def visit_call(self, node: Call) -> None:
        name = node.op.name
        self.found |= name == "ret" or (self.loops == 0 and name in ("break_loop", "continue_loop"))
        self.descend(node)

    def visit_buffer_store(self, node: BufferStore) -> None:
        """What is stored is a value: it leaves nothing."""

    def visit_for(self, node: For) -> None:
        self.inside(node)

    def visit_while(self, node: While) -> None:
        self.inside(node)

    def inside(self, node: Stmt) -> None:
        self.loops += 1
        self.descend(node)
        self.loops -= 1
