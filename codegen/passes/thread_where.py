"""What is around a statement of a kernel: thread axes, loops, conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from ...tir.buffer import Buffer, BufferLoad, Range
from ...tir.expr import Call, Expr, IntImm, Not, Var, const
from ...tir.op import Effect, Intrinsic
from ...tir.stmt import For, LetStmt, Stmt, While
from ...tir.visit import substitute, walk_unique
from .kernels import is_bound


@dataclass(frozen=True)
class Where:
    """What is around a statement: variables of thread axes by axis, loops, conditions.

    Attributes
    ----------
    threads: the variable and the extent of every thread axis of the kernel. under: the axes with a loop around.
    names: what each bound loop's variable is in terms of `threads`.
    diverges: whether threads of a block may differ in getting here. watched: pointers to memory of each thread's own
    that is looked at as well. loaded: variables let to be what a thread loaded. registers: of buffers that each thread
    has alone, the axes along which their values differ (`thread_values`).
    """

    threads: Mapping[str, tuple[Var, Expr]]
    under: frozenset[str] = frozenset()
    names: Mapping[Var, Expr] = field(default_factory=dict)
    loops: Mapping[Var, Range] = field(default_factory=dict)
    conditions: tuple[Expr, ...] = ()
    diverges: bool = False
    nodes: Mapping[str, tuple[For, frozenset[Var]]] = field(default_factory=dict)

    watched: frozenset[Var] = frozenset()
    loaded: frozenset[Var] = frozenset()
    registers: Mapping[Var, frozenset[str]] = field(default_factory=dict)

    def sees(self, buffer: Buffer) -> bool:
        """Whether accesses to a buffer are of interest: threads share it, or its pointer is among `watched`."""
        return not buffer.is_private or buffer.data in self.watched

    def inside(self, node: Stmt) -> Where:
        """What is around the body of a loop or let."""
        if isinstance(node, For) and is_bound(node):
            return self._bound(node)
        if isinstance(node, For):
            loops = {**self.loops, node.loop_var: Range(self.seen(node.min), self.seen(node.extent))}
            return replace(self, loops=loops, diverges=self.diverges or self.differs(node.extent, node.min))
        if isinstance(node, While):
            loops = {**self.loops, turn_of(node): Range(const(0), Var("turns"))}
            return replace(self, loops=loops, diverges=self.diverges or self.differs(node.condition))
        if isinstance(node, LetStmt):
            if loads_memory(node.value):
                return replace(self, loaded=self.loaded | {node.var})
            return replace(self, names={**self.names, node.var: self.seen(node.value)})
        return self

    def where(self, condition: Expr, *, holds: bool) -> Where:
        """What is around a branch."""
        known = self.seen(condition)
        conditions = (*self.conditions, known if holds else Not(known))
        return replace(self, conditions=conditions, diverges=self.diverges or self.differs(condition))

    def _bound(self, node: For) -> Where:
        axis = str(node.thread_binding)
        if axis not in self.threads:
            # All threads of a block are in one iteration.
            return replace(
                self, loops={**self.loops, node.loop_var: Range(self.seen(node.min), self.seen(node.extent))}
            )
        var, extent = self.threads[axis]
        here: Expr = var + self.seen(node.min)
        out = replace(
            self,
            under=self.under | {axis},
            names={**self.names, node.loop_var: here},
            nodes={**self.nodes, axis: (node, frozenset(self.loops))},
        )
        own = self.seen(node.extent)
        if own is extent or (isinstance(own, IntImm) and isinstance(extent, IntImm) and own.value == extent.value):
            return out
        return replace(out, conditions=(*self.conditions, var < own), diverges=True)

    def seen(self, e: Expr) -> Expr:
        """An expression in terms of the thread axes' variables."""
        out: Expr = substitute(e, self.names)
        return out

    def differs(self, *exprs: Expr) -> bool:
        """Whether the values may differ between threads of a block, if nobody changes memory that they share."""
        threads = {var for var, _ in self.threads.values()}
        for e in exprs:
            for n in walk_unique(self.seen(e)):
                if n in threads or n in self.loaded or isinstance(n, Call):
                    return True
                if isinstance(n, BufferLoad) and n.buffer.is_private:
                    if not self.registers.get(n.buffer.data, self.threads.keys()).isdisjoint(self.threads):
                        return True
        return False


_TURNS: WeakKeyDictionary[While, Var] = WeakKeyDictionary()


def turn_of(node: While) -> Var:
    """The variable that stands for the number of a `while`'s iteration."""
    return _TURNS.setdefault(node, Var("turn"))


def loads_memory(e: Expr) -> bool:
    """Whether the value of an expression depends on more than its variables."""
    return any(
        isinstance(n, BufferLoad)
        or (isinstance(n, Call) and not (isinstance(n.op, Intrinsic) and n.op.effect is Effect.PURE))
        for n in walk_unique(e)
    )
