"""Several changes of a program made at once: blocks replaced or dropped, statements put between others."""

from __future__ import annotations

from typing import Any

from ..tir.buffer import Buffer
from ..tir.expr import const
from ..tir.node import DELETE
from ..tir.stmt import Block, BlockRealize, Evaluate, For, SeqStmt, Stmt, seq
from .sref import BlockSRef, SRef
from .state import State


def statements(body: Stmt) -> tuple[Stmt, ...]:
    """The statements a body consists of."""
    return body.seq if isinstance(body, SeqStmt) else (body,)


def common(refs: list[SRef]) -> SRef:
    """The innermost loop or block that holds all of `refs`, one of them perhaps."""
    first, *others = refs
    chain = [first, *first.ancestors()]
    for ref in others:
        above = {ref, *ref.ancestors()}
        chain = [at for at in chain if at in above]
    return chain[0]


def child_towards(at: SRef, inner: SRef) -> int:
    """The number of the statement in the body of `at` that holds `inner`."""
    below = inner
    while below.parent is not at:
        assert below.parent is not None
        below = below.parent
    return next(i for i, stmt in enumerate(statements(at.stmt.body)) if _path(stmt, below.stmt, []))


def wrappers(at: SRef, inner: SRef) -> list[Stmt]:
    """The statements between `at` and `inner`, below it, that are neither loops, blocks nor sequences."""
    out: list[Stmt] = []
    below = inner
    while below is not at:
        above = below.parent
        assert above is not None
        if type(above.stmt.body) not in (For, BlockRealize):
            _path(above.stmt.body, below.stmt, out)
        below = above
    return out


def _path(stmt: Stmt, wanted: Stmt, out: list[Stmt]) -> bool:
    if isinstance(stmt, BlockRealize):
        return stmt.block is wanted
    if isinstance(stmt, For):
        return stmt is wanted
    found = any(_path(child, wanted, out) for child in stmt.children() if isinstance(child, Stmt))
    if found and not isinstance(stmt, SeqStmt):
        out.append(stmt)
    return found


class Edit:
    """Changes to a schedule's program, collected and then made in one pass over the paths that lead to them."""

    def __init__(self, s: State) -> None:
        self.s = s
        self.refs: list[SRef] = []
        self.path: set[Stmt] = set()
        self.blocks: dict[Block, Block] = {}
        self.realizes: dict[Block, Any] = {}
        self.inserted: dict[Stmt, list[tuple[int, Stmt]]] = {}
        self.allocated: dict[Stmt, tuple[Buffer, ...]] = {}
        self.freed: set[Buffer] = set()

    def _touch(self, ref: SRef) -> None:
        self.refs.append(ref)
        self.path.add(ref.stmt)
        self.path.update(above.stmt for above in ref.ancestors())

    def block(self, ref: BlockSRef, new: Block, inner: dict[Block, Block] | None = None) -> None:
        """Put `new` where a block is; `inner` says which blocks inside became which."""
        self._touch(ref)
        self.blocks.update(inner or {})
        self.blocks[ref.stmt] = new

    def realize(self, ref: BlockSRef, new: Any) -> None:
        """Put a statement where a block runs, or `DELETE`."""
        self._touch(ref)
        self.realizes[ref.stmt] = new

    def insert(self, at: SRef, index: int, new: Stmt) -> None:
        """Put `new` before the statement number `index` of the body of `at`, as it is now."""
        self._touch(at)
        self.inserted.setdefault(at.stmt, []).append((index, new))

    def allocate(self, scope: BlockSRef, *buffers: Buffer) -> None:
        """Let a block allocate more buffers."""
        self._touch(scope)
        self.allocated[scope.stmt] = (*self.allocated.get(scope.stmt, ()), *buffers)

    def free(self, scope: BlockSRef, buffer: Buffer) -> None:
        """Let a block no longer allocate `buffer`."""
        self._touch(scope)
        self.freed.add(buffer)

    def commit(self) -> None:
        """Make the changes."""
        at = common(self.refs)
        reuse: dict[Block, Block] = dict(self.blocks)
        new = self._block(at.stmt, reuse) if isinstance(at, BlockSRef) else self._stmt(at.stmt, reuse)
        self.s.replace(at, new, reuse)

    def _block(self, block: Block, reuse: dict[Block, Block]) -> Block:
        new = self.blocks.get(block, block)
        if block not in self.path:
            return new
        body = self._body(block, new.body, reuse)
        if body is DELETE:
            body = Evaluate(const(0))
        allocated = tuple(b for b in new.alloc_buffers if b not in self.freed) + self.allocated.get(block, ())
        if body is not new.body or allocated != new.alloc_buffers:
            new = new.replace(body=body, alloc_buffers=allocated)
        reuse[block] = new
        return new

    def _body(self, of: Stmt, body: Stmt, reuse: dict[Block, Block]) -> Any:
        news = sorted(self.inserted.get(of, ()), key=lambda pair: pair[0])
        if not news:
            return self._stmt(body, reuse)
        out: list[Any] = []
        for i, stmt in enumerate([*statements(body), None]):
            out += [new for at, new in news if at == i]
            if stmt is not None:
                out.append(self._stmt(stmt, reuse))
        return seq(*(stmt for stmt in out if stmt is not DELETE))

    def _stmt(self, stmt: Stmt, reuse: dict[Block, Block]) -> Any:
        if isinstance(stmt, For):
            if stmt not in self.path:
                return stmt
            body = self._body(stmt, stmt.body, reuse)
            if body is stmt.body or body is DELETE:
                return stmt if body is stmt.body else DELETE
            return stmt.with_body(body)
        if isinstance(stmt, BlockRealize):
            if stmt.block in self.realizes:
                return self.realizes[stmt.block]
            block = self._block(stmt.block, reuse)
            return stmt if block is stmt.block else BlockRealize(stmt.iter_values, stmt.predicate, block)
        return stmt.map_children(lambda child: self._stmt(child, reuse) if isinstance(child, Stmt) else child)
