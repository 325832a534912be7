"""Statements: stores, control flow, loops, and blocks. They have identity: the same text twice is two statements."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any

from .buffer import Buffer, BufferRegion, MatchBufferRegion, Range
from .expr import Expr, Not, Var, as_expr, cast, const
from .node import DELETE, EMPTY, Attrs, Map, Node, map_tuple, node


class Stmt(Node):
    """Base of statements."""

    __slots__ = ("__weakref__",)


@node
class BufferStore(Stmt):
    """`buffer[indices] = value`. A vector as last index stores a vector; `predicate` masks its lanes."""

    buffer: Buffer
    value: Expr
    indices: tuple[Expr, ...]
    predicate: Expr | None = None


@node
class Evaluate(Stmt):
    """Evaluates `value` for its effect."""

    value: Expr


@node
class SeqStmt(Stmt):
    """Statements one after the other: at least two, none of them a `SeqStmt`. Build it with `seq`."""

    seq: tuple[Stmt, ...]

    def map_children(self, f: Map) -> Any:
        stmts = map_tuple(self.seq, f)
        return self if stmts is self.seq else seq(*stmts) if stmts else DELETE


def seq(*stmts: Stmt | None) -> Stmt:
    """The statements in sequence, flattened; the statement itself if there is one, a no-op if there is none."""
    flat: list[Stmt] = []
    for stmt in stmts:
        if isinstance(stmt, SeqStmt):
            flat.extend(stmt.seq)
        elif stmt is not None:
            flat.append(stmt)
    return flat[0] if len(flat) == 1 else SeqStmt(tuple(flat)) if flat else Evaluate(const(0))


@node
class IfThenElse(Stmt):
    """`if condition: then_case else: else_case`."""

    condition: Expr
    then_case: Stmt
    else_case: Stmt | None = None

    def map_children(self, f: Map) -> Any:
        condition = f(self.condition)
        then_case = f(self.then_case)
        else_case = None if self.else_case is None else f(self.else_case)
        if else_case is DELETE:
            else_case = None
        if then_case is DELETE:
            return DELETE if else_case is None else IfThenElse(Not(condition), else_case)
        if condition is self.condition and then_case is self.then_case and else_case is self.else_case:
            return self
        return IfThenElse(condition, then_case, else_case)


@node
class LetStmt(Stmt):
    """`body` in which `var` stands for `value`, evaluated once."""

    var: Var
    value: Expr
    body: Stmt


@node
class AssertStmt(Stmt):
    """Stops the program with `message` unless `condition` holds."""

    condition: Expr
    message: str


@node
class AttrStmt(Stmt):
    """Says `attr_key` = `value` of `node` (None where it is about the body) for the extent of `body`."""

    node: Node | None
    attr_key: str
    value: Expr
    body: Stmt


@node
class Allocate(Stmt):
    """Allocates the memory of `buffer`, uninitialised, for the extent of `body`; defines `buffer.data`."""

    buffer: Buffer
    body: Stmt
    annotations: Attrs = EMPTY


@node
class DeclBuffer(Stmt):
    """Declares `buffer`, a view of memory that `buffer.data` already points to, for the extent of `body`."""

    buffer: Buffer
    body: Stmt


@node
class While(Stmt):
    """Runs `body` as long as `condition` holds."""

    condition: Expr
    body: Stmt


class ForKind(Enum):
    """How a loop's iterations run: in order, across threads, as vector lanes, unrolled, or bound to a thread axis."""

    SERIAL = "serial"
    PARALLEL = "parallel"
    VECTORIZED = "vectorized"
    UNROLLED = "unroll"
    THREAD_BINDING = "thread_binding"


@node
class For(Stmt):
    """`for loop_var in range(min, min + extent): body`.

    `thread_binding` is the thread axis of a THREAD_BINDING loop: "blockIdx.x", "threadIdx.y", "vthread.x", ...
    """

    loop_var: Var
    min: Expr
    extent: Expr
    kind: ForKind
    body: Stmt
    thread_binding: str | None = None
    annotations: Attrs = EMPTY

    @property
    def bound_to(self) -> str:
        """What its iterations are: "blockIdx", blocks of a grid; "threadIdx", threads of a block; "vthread"; or ""."""
        return (self.thread_binding or "").partition(".")[0]

    @property
    def range(self) -> Range:
        """The loop's domain."""
        return Range(self.min, self.extent)

    def with_body(self, body: Stmt) -> For:
        """The loop over another body."""
        return For(self.loop_var, self.min, self.extent, self.kind, body, self.thread_binding, self.annotations)


class IterType(StrEnum):
    """What a block's iterator is: data-parallel, reducing, ordered, or unknown to the compiler."""

    SPATIAL = "spatial"
    REDUCE = "reduce"
    SCAN = "scan"
    OPAQUE = "opaque"


@node
class IterVar(Node):
    """A block's iterator: `var` takes the values of `dom`."""

    dom: Range
    var: Var
    iter_type: IterType


@node
class Block(Stmt):
    """A unit of computation, isolated from its loops: `body` speaks only of `iter_vars` and of what it declares.

    `reads` and `writes` bound what an instance touches, in terms of `iter_vars`. `init`, for reductions, runs before
    the first instance that writes an element, when all REDUCE iterators are at their minimum.
    """

    iter_vars: tuple[IterVar, ...]
    reads: tuple[BufferRegion, ...]
    writes: tuple[BufferRegion, ...]
    name_hint: str
    body: Stmt
    init: Stmt | None = None
    alloc_buffers: tuple[Buffer, ...] = ()
    match_buffers: tuple[MatchBufferRegion, ...] = ()
    annotations: Attrs = EMPTY


@node
class BlockRealize(Stmt):
    """Runs `block` with its iterators at `iter_values`, expressions of the loops around, where `predicate` holds."""

    iter_values: tuple[Expr, ...]
    predicate: Expr
    block: Block


def loop(var: Var, extent: Any, body: Stmt, kind: ForKind = ForKind.SERIAL, **fields: Any) -> For:
    """`for var in range(extent)`, the extent in the variable's type."""
    return For(var, const(0, var.dtype), cast(as_expr(extent, var.dtype), var.dtype), kind, body, **fields)
