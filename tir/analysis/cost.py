"""Cost facts: operations, memory touched at every loop level, distance to the next reuse, memory allocated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from ..arith import Analyzer
from ..buffer import Buffer, BufferLoad
from ..dtype import VOID
from ..errors import UserError
from ..expr import BinaryOp, Call, Expr, IntImm, Not, Select, Var
from ..function import PrimFunc
from ..node import Node
from ..op import Intrinsic
from ..stmt import Allocate, Block, BlockRealize, BufferStore, Evaluate, For, IterType, LetStmt, Stmt
from ..visit import free_vars, substitute
from .traffic import Access as Access
from .traffic import AccessCost as AccessCost
from .traffic import Traffic

_OPS = {"likely": 0, "if_then_else": 0, "reinterpret": 0, "fma": 2, "tvm_mma_sync": 2 * 16**3 // 32}
"""Operations of an intrinsic for each lane, where it is not one; of a warp's matrix product, those of one thread."""


@dataclass(frozen=True, eq=False)
class StoreCost:
    """What one store, or evaluated call, costs.

    Attributes
    ----------
    store: the statement; `blocks` and `loops` are around it, outermost first.
    runs: how often it runs.
    flops: operations of one run, on values rather than indices.
    accesses: what it does with each buffer.
    """

    store: BufferStore | Evaluate
    blocks: tuple[Block, ...]
    loops: tuple[For, ...]
    runs: int
    flops: int
    accesses: tuple[AccessCost, ...]

    def footprint(self, level: int) -> int:
        """Distinct bytes of all buffers together that one run of the loops from `level` inwards touches."""
        return sum(access.bytes[level] for access in self.accesses)


Sizes = Mapping[Var, int]
"""What symbolic extents are."""


def store_costs(program: PrimFunc | Stmt, sizes: Sizes | None = None) -> tuple[StoreCost, ...]:
    """The cost of every store of a program, in program order.

    Parameters
    ----------
    sizes: values of the variables in extents; what is not given counts by its greatest known value.
    """
    return tuple(cost for cost in statement_costs(program, sizes) if isinstance(cost.store, BufferStore))


def statement_costs(program: PrimFunc | Stmt, sizes: Sizes | None = None) -> tuple[StoreCost, ...]:
    """The cost of every store and every call evaluated for its effect, in program order; see `store_costs`."""
    body = program.body if isinstance(program, PrimFunc) else program
    return tuple(_Walk(sizes or {}).costs(body))


def flops(program: PrimFunc | Stmt, sizes: Sizes | None = None) -> int:
    """Operations on values in one run of a program: a fused multiply-add counts two, a vector one for each lane.

    Indices and conditions of branches do not count. An init runs as often as its block does with the reducing loops
    left out.
    """
    return sum(cost.runs * cost.flops for cost in statement_costs(program, sizes))


def bytes_moved(program: PrimFunc | Stmt, sizes: Sizes | None = None) -> int:
    """Bytes loaded and stored if nothing were cached: every access of every run."""
    total = 0
    for cost in statement_costs(program, sizes):
        for access in cost.accesses:
            times = 2 if access.access is Access.READ_WRITE else 1
            total += cost.runs * times * access.bytes[-1]
    return total


def footprint(program: PrimFunc | Stmt, sizes: Sizes | None = None) -> dict[str, int]:
    """Distinct bytes a program touches, by memory scope."""
    found: dict[Buffer, int] = {}
    for cost in statement_costs(program, sizes):
        for access in cost.accesses:
            found[access.buffer] = max(found.get(access.buffer, 0), access.bytes[0])
    out: dict[str, int] = {}
    for buffer, size in found.items():
        out[buffer.scope] = out.get(buffer.scope, 0) + size
    return out


def allocated_bytes(program: PrimFunc | Stmt, sizes: Sizes | None = None) -> dict[str, int]:
    """The most bytes allocated at one time, by memory scope; allocations live as long as the block that makes them.

    Raises
    ------
    UserError: an allocation's extent is not constant.
    """
    body = program.body if isinstance(program, PrimFunc) else program
    return _allocated(body, sizes or {})


def _allocated(node: Node, sizes: Sizes) -> dict[str, int]:
    own: dict[str, int] = {}
    if isinstance(node, Block):
        for buffer in node.alloc_buffers:
            own[buffer.scope] = own.get(buffer.scope, 0) + buffer_bytes(buffer, sizes)
    elif isinstance(node, Allocate):
        own[node.buffer.scope] = buffer_bytes(node.buffer, sizes)
    parts = [_allocated(child, sizes) for child in node.children() if isinstance(child, Stmt)]
    for scope in {scope for part in parts for scope in part}:
        own[scope] = own.get(scope, 0) + max(part.get(scope, 0) for part in parts)
    return own


def buffer_bytes(buffer: Buffer, sizes: Sizes | None = None) -> int:
    """The size of a buffer's memory.

    Raises
    ------
    UserError: an extent or stride is not constant.
    """
    extents = [_constant(e, buffer, sizes) for e in buffer.shape]
    elements = prod(extents)
    if buffer.strides and elements:
        elements = 1 + sum(
            (n - 1) * abs(_constant(s, buffer, sizes)) for n, s in zip(extents, buffer.strides, strict=True)
        )
    return elements * buffer.dtype.bytes * buffer.dtype.lanes


def _constant(e: Expr, buffer: Buffer, sizes: Sizes | None) -> int:
    if sizes:
        e = Analyzer().simplify(substitute(e, sizes))
    if not isinstance(e, IntImm):
        raise UserError(f"the size of buffer `{buffer.name}` is not constant: `{e}`")
    return e.value


def count_ops(e: Expr) -> int:
    """Operations to compute a value, loads being free and indices not counted."""
    if isinstance(e, BufferLoad):
        return 0
    own = 0
    if isinstance(e, (BinaryOp, Not, Select)):
        own = e.dtype.lanes
    elif isinstance(e, Call):
        usual = 0 if e.dtype is VOID or e.dtype.is_handle else 1
        own = e.dtype.lanes * (_OPS.get(e.op.name, usual) if isinstance(e.op, Intrinsic) else usual)
    return own + sum(count_ops(child) for child in e.children() if isinstance(child, Expr))


class _Walk:
    """Finds the statements with what is around them; iterators of blocks are read as expressions of the loops."""

    def __init__(self, sizes: Sizes) -> None:
        self.traffic = Traffic(sizes)
        self.values: dict[Var, Expr] = {}
        self.loops: list[For] = []
        self.blocks: list[Block] = []

    def costs(self, stmt: Stmt) -> Iterator[StoreCost]:
        """The costs of the stores and calls in a statement."""
        if isinstance(stmt, (BufferStore, Evaluate)):
            if isinstance(stmt, BufferStore) or stmt.value.children():
                yield self.cost(stmt)
        elif isinstance(stmt, For):
            self.traffic.enter(stmt.loop_var, self.at(stmt.min), self.at(stmt.extent))
            self.loops.append(stmt)
            yield from self.costs(stmt.body)
            self.loops.pop()
        elif isinstance(stmt, BlockRealize):
            yield from self.block(stmt)
        elif isinstance(stmt, LetStmt):
            outer = self.values
            self.values = {**outer, stmt.var: self.at(stmt.value)}
            yield from self.costs(stmt.body)
            self.values = outer
        else:
            for child in stmt.children():
                if isinstance(child, Stmt):
                    yield from self.costs(child)

    def block(self, realize: BlockRealize) -> Iterator[StoreCost]:
        """The costs of what is in a block; of its init without the loops that drive its reduction."""
        block = realize.block
        outer = self.values
        values = [self.at(value) for value in realize.iter_values]
        self.values = {**outer, **dict(zip((iv.var for iv in block.iter_vars), values, strict=True))}
        self.blocks.append(block)
        if block.init is not None:
            pairs = zip(block.iter_vars, values, strict=True)
            reducing = {v for iv, value in pairs if iv.iter_type is not IterType.SPATIAL for v in free_vars(value)}
            loops, self.loops = self.loops, [loop for loop in self.loops if loop.loop_var not in reducing]
            yield from self.costs(block.init)
            self.loops = loops
        yield from self.costs(block.body)
        self.blocks.pop()
        self.values = outer

    def at(self, e: Expr) -> Expr:
        """An expression in terms of the loops."""
        return substitute(e, self.values)

    def cost(self, stmt: BufferStore | Evaluate) -> StoreCost:
        """The cost of one statement."""
        found: dict[Buffer, list[tuple[Access, tuple[Expr, ...]]]] = {}
        for kind, load in _loads(stmt):
            found.setdefault(load.buffer, []).append((kind, tuple(map(self.at, load.indices))))
        if isinstance(stmt, BufferStore):
            found.setdefault(stmt.buffer, []).append((Access.WRITE, tuple(map(self.at, stmt.indices))))
        accesses = self.traffic.accesses(found, [loop.loop_var for loop in self.loops])
        runs = prod(self.traffic.extents[loop.loop_var] for loop in self.loops)
        return StoreCost(stmt, tuple(self.blocks), tuple(self.loops), runs, count_ops(stmt.value), accesses)


def _loads(stmt: BufferStore | Evaluate) -> Iterator[tuple[Access, BufferLoad]]:
    """What a statement loads, last first; an atomic addition reads and writes what it names."""
    stack: list[Any] = list(stmt.children())
    updated = {}
    while stack:
        e = stack.pop()
        if isinstance(e, BufferLoad):
            yield (Access.READ_WRITE if e in updated else Access.READ), e
        elif isinstance(e, Call) and isinstance(e.op, Intrinsic) and e.op.name == "atomic_add":
            updated[e.args[0]] = True
        stack.extend(child for child in e.children() if isinstance(child, Expr))
