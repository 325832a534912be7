"""Primitives that look at the program: get_block, get_loops, get_child_blocks, get_producers, get_consumers, ..."""

from __future__ import annotations

import difflib

from ...tir.stmt import Block
from ..errors import refusal, require
from ..primitive import primitive
from ..sref import BlockSRef, LoopSRef
from ..state import State


def find_block(s: State, name: str, function: str) -> BlockSRef:
    """The one block called `name` in `function`.

    Raises
    ------
    ScheduleError: there is none (near names are suggested), or there are several.
    """
    known = ", ".join(map(repr, s.roots))
    require(function in s.roots, f"there is no function {function!r} with blocks; there are {known}")
    found: list[BlockSRef] = []
    names: dict[str, None] = {}
    for stmt, sref in s.srefs.items():
        if isinstance(stmt, Block) and isinstance(sref, BlockSRef) and s.function_name(sref) == function:
            names[stmt.name_hint] = None
            if stmt.name_hint == name:
                found.append(sref)
    if not found:
        near = difflib.get_close_matches(name, names, 3, 0.5)
        blocks = ", ".join(f"`{n}`" for n in names)
        hint = f"did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else ""
        raise refusal(f"function `{function}` has no block `{name}`; its blocks are {blocks}", hint=hint)
    if len(found) > 1:
        places = ", ".join(f"{{{i}}}" for i in range(len(found)))
        hint = "reach the one meant by get_child_blocks of what is around it"
        raise refusal(f"function `{function}` has {len(found)} blocks called `{name}`: {places}", *found, hint=hint)
    return found[0]


@primitive(pure=True)
def get_block(s: State, name: str, *, func_name: str | None = None) -> BlockSRef:
    """Give the block called `name`, in `func_name` or the function worked on."""
    return find_block(s, name, func_name or s.func_working_on)


@primitive(pure=True)
def get_loops(s: State, block: BlockSRef) -> list[LoopSRef]:
    """Give the loops around `block` up to the block that holds it, outermost first."""
    return block.loops()


@primitive(pure=True)
def get_child_blocks(s: State, block_or_loop: BlockSRef | LoopSRef) -> list[BlockSRef]:
    """Give the blocks below a block or loop that no other block lies between, in program order."""
    return s.child_blocks(block_or_loop)


def _feeds(producer: BlockSRef, consumer: BlockSRef) -> bool:
    """Whether one block writes what the other reads, or writes as well: the second adds to what the first began."""
    touched = {r.buffer for r in (*consumer.stmt.reads, *consumer.stmt.writes)}
    return any(r.buffer in touched for r in producer.stmt.writes)


@primitive(pure=True)
def get_producers(s: State, block: BlockSRef) -> list[BlockSRef]:
    """Give the blocks of the same scope, before `block`, that write what it reads or writes."""
    scope = s.child_blocks(block.scope)
    return [b for b in scope[: scope.index(block)] if _feeds(b, block)]


@primitive(pure=True)
def get_consumers(s: State, block: BlockSRef) -> list[BlockSRef]:
    """Give the blocks of the same scope, after `block`, that read or write what it writes."""
    scope = s.child_blocks(block.scope)
    return [b for b in scope[scope.index(block) + 1 :] if _feeds(block, b)]


@primitive(pure=True)
def get_output_blocks(s: State, scope_block: BlockSRef) -> list[BlockSRef]:
    """Give the blocks below `scope_block` that write a buffer it does not allocate: the function's results."""
    inside = set(scope_block.stmt.alloc_buffers)

    def below(block: BlockSRef) -> list[BlockSRef]:
        out = []
        for child in s.child_blocks(block):
            inside.update(child.stmt.alloc_buffers)
            if s.child_blocks(child):
                out += below(child)
            elif any(r.buffer not in inside for r in child.stmt.writes):
                out.append(child)
        return out

    return below(scope_block)


@primitive(pure=False, postproc=True)
def enter_postproc(s: State) -> None:
    """Mark where the decisions of a design space end and the finishing of the program begins."""
