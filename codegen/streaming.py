"""Stores past the caches: which of the stores under `pragma_nontemporal` can be made so, and what that depends on.

A processor reads a cache line before it writes to it, unless it is told that whole lines will be written and not read
again soon: a third of the traffic of a copy. Its instructions for that store whole vectors to aligned addresses only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..tir.arith import Analyzer
from ..tir.buffer import Buffer
from ..tir.expr import IntImm, Ramp, Var
from ..tir.function import PrimFunc
from ..tir.stmt import Allocate, AttrStmt, BufferStore, LetStmt, Stmt
from ..tir.visit import walk_unique
from .target import Target

KEY = "pragma_nontemporal"

LEAST_BYTES = 16
"""The narrowest vector that is stored past the caches."""

STACK_BYTES = 1 << 16
"""Temporaries up to this size, of constant extent, live on the stack."""


@dataclass(frozen=True)
class Streams:
    """What a function stores past the caches.

    Attributes
    ----------
    stores: the bytes that the address of each such store has to be a multiple of.
    pointers: for each statement under the pragma, the pointers that have to be aligned when the program runs, and the
        bytes each has to be a multiple of. Where one is not, all of the statement stores as usual.
    """

    stores: Mapping[BufferStore, int] = field(default_factory=dict)
    pointers: Mapping[AttrStmt, Mapping[Var, int]] = field(default_factory=dict)


def find(func: PrimFunc, target: Target) -> Streams:
    """What the lowered `func` stores past the caches.

    These are consecutive vectors without a mask, at indices that provably are multiples of the vector's length, in
    memory that is not on the stack.
    """
    marked = [n for n in walk_unique(func.body) if isinstance(n, AttrStmt) and asks(n)]
    if not marked:
        return Streams()
    analyzer = Analyzer()
    local: set[Var] = set()
    aligned: set[Var] = set()
    for node in walk_unique(func.body):
        if isinstance(node, LetStmt) and node.var.dtype.is_index:
            analyzer.bind(node.var, node.value, allow_override=True)
        elif isinstance(node, Allocate):
            (local if _is_small(node.buffer) else aligned).add(node.buffer.data)
    stores: dict[BufferStore, int] = {}
    pointers: dict[AttrStmt, dict[Var, int]] = {}
    for attr in marked:
        needed: dict[Var, int] = {}
        for node in walk_unique(attr.body):
            if not isinstance(node, BufferStore) or node.buffer.data in local:
                continue
            align = _alignment(node, target, analyzer)
            if align is not None:
                stores[node] = align
                data = node.buffer.data
                if data not in aligned and max(node.buffer.data_alignment, 1) % align:
                    needed[data] = max(align, needed.get(data, 0))
        pointers[attr] = needed
    return Streams(stores, pointers)


def asks(node: Stmt) -> bool:
    """Whether the statement is the pragma, set."""
    return (
        isinstance(node, AttrStmt) and node.attr_key == KEY and isinstance(node.value, IntImm) and node.value.value != 0
    )


def fenced(func: PrimFunc, target: Target) -> bool:
    """Whether the function stores past the caches on a processor that keeps such stores in no order: before other
    threads are told that it is done, it has to wait for them."""
    return not target.is_arm and any(asks(n) for n in walk_unique(func.body) if isinstance(n, AttrStmt))


def _is_small(buffer: Buffer) -> bool:
    """Whether a temporary may be on the stack, as neither backend puts a longer one there."""
    size = buffer.dtype.bytes * buffer.dtype.lanes
    for extent in buffer.shape:
        size *= extent.value if isinstance(extent, IntImm) else STACK_BYTES + 1
    return size <= STACK_BYTES


def _alignment(node: BufferStore, target: Target, analyzer: Analyzer) -> int | None:
    """Bytes that the address of a store has to be a multiple of for it to go past the caches; None if it cannot."""
    (index,), type_ = node.indices, node.value.dtype
    if node.predicate is not None or type_.is_bool or node.buffer.dtype.lanes > 1:
        return None
    if not (isinstance(index, Ramp) and isinstance(index.stride, IntImm) and index.stride.value == 1):
        return None
    size = type_.bytes * type_.lanes
    align = min(size, target.vector_bits // 8)
    if align < LEAST_BYTES or size % align:
        return None
    coeff, base = analyzer.modular_set(index.base)
    return align if coeff * type_.bytes % align == 0 and base * type_.bytes % align == 0 else None
