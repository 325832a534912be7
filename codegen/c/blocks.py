"""Which blocks a loop program's statements come from, for the comments of generated text."""

from __future__ import annotations

from ...tir.function import PrimFunc
from ...tir.stmt import Block, BufferStore
from ...tir.visit import walk_unique


def blocks_of(func: PrimFunc) -> dict[str, list[str]]:
    """The names of the blocks that store to each buffer, by the buffer's name."""
    out: dict[str, list[str]] = {}
    for block in walk_unique(func.body):
        if isinstance(block, Block) and block is not func.root:
            own = [n for n in walk_unique(block.body) if isinstance(n, (BufferStore, Block))]
            if not any(isinstance(n, Block) for n in own):
                for store in own:
                    assert isinstance(store, BufferStore)
                    names = out.setdefault(store.buffer.name, [])
                    if block.name_hint not in names:
                        names.append(block.name_hint)
    return out
