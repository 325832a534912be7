"""The sanitizer's part of the generated code: what is asked before memory is touched."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ...tir import stmt as st
from ...tir.buffer import Buffer, BufferRegion
from ...tir.stmt import IterType
from ...tir.visit import free_vars
from .access import View
from .expression import Lanes
from .source import Val
from .statement import GLOBAL, Statements

_METHODS = {"read": "load", "write": "store", "atomic": "add"}


class Declared:
    """What a block declares: the buffers visible outside it, and its regions as bounds of each dimension."""

    __slots__ = ("block", "reads", "visible", "writes")

    def __init__(self, block: st.Block, visible: Container[Buffer], reads: Any, writes: Any) -> None:
        self.block, self.visible, self.reads, self.writes = block, visible, reads, writes


class Sanitized(Statements):
    """Statements that check every access."""

    def __init__(self, *, sanitize: bool, check_regions: bool) -> None:
        super().__init__(sanitize=sanitize, check_regions=check_regions)
        self.declared: list[Declared] = []
        self.in_blocks = 0
        self.reducing: frozenset[Any] = frozenset()
        """Thread loops over which the blocks around reduce together."""
        self.declared_in: dict[Buffer, set[st.For]] = {}
        """The concurrent loops in whose iterations a buffer is declared."""

    def examine(self, view: View, index: Lanes, place: Val, kind: str, condition: str) -> None:
        if condition:
            with self.block(f"if {condition}:"):
                self.examine(view, index, place, kind, "")
            return
        if self.sanitize:
            self.check_bounds(view, index, kind)
            name = repr(view.buffer.name)
            where = f"{place.src}, {view.buffer.dtype.lanes}, {self.path_of(view)}"
            self.line(f"{view.shadow}.{_METHODS[kind]}({name}, {where}, {self.constant(self.stmt)}, {_tuple(index)})")
        for what in {"read": ("read",), "write": ("write",), "atomic": ("read", "write")}[kind]:
            self.check_declared(view, index, what)

    def check_bounds(self, view: View, index: Lanes, kind: str) -> None:
        tests = []
        for i, extent in zip(index, view.shape):
            (low, high), (least, _) = i.bounds, extent.bounds
            if low < 0:
                tests.append(f"0 <= {i.text} < {extent.text}")
            elif high >= least:
                tests.append(f"{i.text} < {extent.text}")
        if tests:
            name = view.buffer.name
            self.line(
                f"if not ({' and '.join(tests)}): outside({kind!r}, {name!r}, {_tuple(index)}, {_tuple(view.shape)})"
            )

    def check_declared(self, view: View, index: Lanes, kind: str) -> None:
        """Compare an access with what the blocks around it declare, innermost first."""
        for block in reversed(self.declared):
            while view.buffer not in block.visible:
                if view.base is None or view.origin is None:
                    return  # the block's own memory, which it need not declare
                offset = len(view.origin) - len(index)
                index = [*view.origin[:offset], *(self.plus(i, o) for i, o in zip(index, view.origin[offset:]))]
                index = [self.atom(i) for i in index]
                view = view.base
            regions = block.writes if kind == "write" else block.reads
            inside = [
                " and ".join(f"{low.text} <= {i.text} < {high.text}" for i, (low, high) in zip(index, bounds)) or "True"
                for buffer, bounds in regions
                if buffer is view.buffer
            ]
            test = " or ".join(f"({t})" for t in inside) or "False"
            call = f"undeclared({kind!r}, {self.constant(block.block)}, {view.buffer.name!r}, {_tuple(index)})"
            self.line(f"if not ({test}): {call}")

    def path_of(self, view: View) -> str:
        """The path of an access: the iterations running, without those that cannot race for this memory.

        In a program of blocks lowering has yet to put barriers around what threads share, and to combine what they
        reduce together. What each thread has for itself is one memory here while it is allocated around them; so is
        shared memory of which each iteration declares a buffer, once such pieces are merged.
        """
        unordered = view.buffer.scope != GLOBAL and (self.in_blocks or view.buffer.is_private)
        own = self.declared_in.get(view.buffer, ()) if view.buffer.scope != GLOBAL else ()
        kept = [
            (run, name)
            for loop, run, name in self.concurrent
            if loop.thread_binding is None or not (unordered or loop in self.reducing or loop in own)
        ]
        return self.path_text(kept, threads=not unordered)

    def declare(self, buffer: Buffer, pointer: Val) -> View:
        self.declared_in[buffer] = {loop for loop, _, _ in self.concurrent}
        return super().declare(buffer, pointer)

    def instance(self, stmt: st.BlockRealize, block: st.Block) -> None:
        outer = self.reducing
        self.in_blocks += 1
        if block.init is not None:
            together = {
                var
                for iv, value in zip(block.iter_vars, stmt.iter_values)
                if iv.iter_type is IterType.REDUCE
                for var in free_vars(value)
            }
            self.reducing |= {loop for loop, _, _ in self.concurrent if loop.loop_var in together}
        declared = len(self.declared)
        super().instance(stmt, block)
        del self.declared[declared:]
        self.reducing = outer
        self.in_blocks -= 1

    def declare_regions(self, block: st.Block) -> None:
        if not self.check_regions or not (block.iter_vars or block.reads or block.writes):
            return
        own = {*block.alloc_buffers, *(m.buffer for m in block.match_buffers)}
        reads = (*block.reads, *(block.writes if block.init is not None else ()))
        visible = self.views.keys() - own
        self.declared.append(Declared(block, visible, self.bounds_of(reads), self.bounds_of(block.writes)))

    def bounds_of(self, regions: tuple[BufferRegion, ...]) -> list[tuple[Buffer, list[tuple[Val, Val]]]]:
        """Regions as the least index and the one past the last of each dimension."""
        out = []
        for region in regions:
            bounds = []
            for r in region.region:
                low = self.settle(self.index(r.min))
                bounds.append((low, self.settle(self.plus(low, self.index(r.extent)))))
            out.append((region.buffer, bounds))
        return out


def _tuple(values: Lanes) -> str:
    return f"({''.join(f'{v.src}, ' for v in values)})"
