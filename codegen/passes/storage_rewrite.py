"""Lets allocations whose contents are never needed at the same time share memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...tir.buffer import Buffer
from ...tir.expr import IntImm, Var
from ...tir.function import PrimFunc
from ...tir.stmt import Allocate, DeclBuffer, SeqStmt, Stmt
from ...tir.visit import Rewriter, substitute, walk
from ..target import Target

SMALL = 1 << 12
"""Bytes below which an allocation is left alone: such buffers live in registers."""

SCOPES = ("global", "local")
"""Memory that is shared so. What threads share needs barriers between its users, which come later; what is a thread's
own on a GPU are registers, which its compiler gives out."""


def storage_rewrite(func: PrimFunc, target: Target) -> PrimFunc:
    """Place allocations of constant size into the memory of others that are dead by then.

    Allocations around one sequence of statements compete, each over the interval of statements that touch it. Taken
    by size, the greatest first, each goes into memory of its scope that is free over its interval, the smallest that
    holds it (linear scan, best fit). A buffer in another's memory becomes a view of it.
    """
    return _Share(SCOPES[:1] if target.is_gpu else SCOPES)(func)


@dataclass
class _Piece:
    """An allocation: its size in bytes, the first and last statement that touches it."""

    buffer: Buffer
    size: int
    first: int
    last: int


@dataclass
class _Pool:
    """Memory, allocated for `host`, and the intervals in which it is in use."""

    host: _Piece
    taken: list[_Piece] = field(default_factory=list)

    def has_room(self, piece: _Piece) -> bool:
        """Whether `piece` fits and is free of the others."""
        host = self.host.buffer
        return (
            host.scope == piece.buffer.scope
            and self.host.size >= piece.size
            and max(host.data_alignment, host.dtype.bytes) >= max(piece.buffer.data_alignment, piece.buffer.dtype.bytes)
            and all(piece.last < other.first or other.last < piece.first for other in self.taken)
        )


class _Share(Rewriter):
    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes

    def visit_allocate(self, node: Allocate) -> Stmt:
        chain: list[Allocate | DeclBuffer] = []
        inner: Stmt = node
        while isinstance(inner, (Allocate, DeclBuffer)):
            chain.append(inner)
            inner = inner.body
        body = self(inner)
        hosts = _hosts(chain, inner.seq if isinstance(inner, SeqStmt) else (inner,), self.scopes)
        if not hosts:
            return _nest(chain, body) if body is not inner else node
        for buffer, host in hosts.items():
            moved = buffer.replace(data=host.data)
            views = [s.buffer for s in chain if isinstance(s, DeclBuffer) and s.buffer.data is buffer.data]
            renamed = {buffer: moved, **{v: v.replace(data=host.data) for v in views}}
            body = substitute(body, {buffer.data: host.data}, renamed)
            chain = [
                DeclBuffer(renamed[s.buffer], s.body) if s.buffer in renamed else s  # an allocation becomes a view
                for s in chain
            ]
        allocations = [s for s in chain if isinstance(s, Allocate)]
        return _nest([*allocations, *(s for s in chain if isinstance(s, DeclBuffer))], body)


def _nest(chain: list[Allocate | DeclBuffer], body: Stmt) -> Stmt:
    for stmt in reversed(chain):
        body = stmt.replace(body=body)
    return body


def _hosts(
    chain: list[Allocate | DeclBuffer], steps: tuple[Stmt, ...], scopes: tuple[str, ...]
) -> dict[Buffer, Buffer]:
    """Which buffer's memory each buffer that moves goes into."""
    touched = [_pointers(step) for step in steps]
    pieces = [
        piece
        for s in chain
        if isinstance(s, Allocate) and not s.annotations and s.buffer.scope in scopes
        if (piece := _piece(s.buffer, touched))
    ]
    pools: list[_Pool] = []
    hosts: dict[Buffer, Buffer] = {}
    for piece in sorted(pieces, key=lambda p: -p.size):
        fitting = [pool for pool in pools if pool.has_room(piece)]
        pool = min(fitting, key=lambda p: p.host.size) if fitting else _Pool(piece)
        if fitting:
            hosts[piece.buffer] = pool.host.buffer
        else:
            pools.append(pool)
        pool.taken.append(piece)
    return hosts


def _piece(buffer: Buffer, touched: list[set[Var]]) -> _Piece | None:
    size = buffer.dtype.bytes * buffer.dtype.lanes
    for extent in buffer.shape:
        if not isinstance(extent, IntImm):
            return None
        size *= extent.value
    uses = [k for k, pointers in enumerate(touched) if buffer.data in pointers]
    if buffer.strides or size < SMALL or not uses:
        return None
    return _Piece(buffer, size, uses[0], uses[-1])


def _pointers(stmt: Stmt) -> set[Var]:
    """The pointers through which a statement touches memory, or which it passes on."""
    found: set[Var] = set()
    for node in walk(stmt):
        if isinstance(node, Buffer):
            found.add(node.data)
        elif type(node) is Var and node.dtype.is_handle:
            found.add(node)
    return found
