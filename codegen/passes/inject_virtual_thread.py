"""Virtual threads: interleaves the iterations of loops bound to "vthread" axes, statement by statement."""

from __future__ import annotations

from ...tir.buffer import Buffer, BufferLoad
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Let, Var, const
from ...tir.function import PrimFunc
from ...tir.node import Node
from ...tir.op import Effect, Intrinsic
from ...tir.stmt import (
    Allocate,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
    seq,
)
from ...tir.visit import Rewriter, fresh, substitute, walk
from ..target import Target
from .kernels import GROUPS, WAITING

MAX_COPIES = 16
"""Virtual threads up to which a statement is copied; beyond, it gets a loop."""

_COMPOUND = (SeqStmt, For, While, IfThenElse, LetStmt, AttrStmt, Allocate, DeclBuffer)


def inject_virtual_thread(func: PrimFunc, target: Target) -> PrimFunc:
    """Replace loops over virtual threads by copies of the statements that differ between them.

    What all virtual threads do alike is done once, barriers among it; a buffer that each fills with values of its own
    gets a dimension for them. Where a statement that holds a barrier differs between virtual threads as a whole, there
    is nothing to interleave.

    Raises
    ------
    LowerError: a barrier under a condition or loop that differs between virtual threads; an extent not constant.
    """
    return _Inject(func)(func)


class _Inject(Rewriter):
    def __init__(self, func: PrimFunc) -> None:
        self.func = func

    def visit_for(self, node: For) -> Stmt:
        rebuilt: For = node.map_children(self)
        if node.bound_to != "vthread":
            return rebuilt
        if not isinstance(rebuilt.extent, IntImm):
            raise LowerError("{0} binds virtual threads, but its extent is not a constant", node, root=self.func)
        return _Interleave(self.func, node, rebuilt)(rebuilt.body)


def _has_barrier(stmt: Node) -> bool:
    return any(isinstance(n, Call) and n.op.name in WAITING for n in walk(stmt))


def _updates(node: Node) -> bool:
    """Whether running a statement once more makes a difference, other than by its stores."""
    return any(
        isinstance(n, Call)
        and n.op.name not in WAITING | GROUPS
        and not (isinstance(n.op, Intrinsic) and n.op.effect in (Effect.PURE, Effect.READ, Effect.CONTROL))
        for n in walk(node)
    )


class _Interleave(Rewriter):
    """Rewrites the body of one loop.

    touched: variables whose value differs between virtual threads, and pointers of buffers whose contents do.
    own: buffers allocated inside the loop.
    """

    def __init__(self, func: PrimFunc, original: For, loop: For) -> None:
        self.func, self.original, self.loop = func, original, loop
        assert isinstance(loop.extent, IntImm)
        self.count = loop.extent.value
        self.own = {n.buffer for n in walk(loop.body) if isinstance(n, Allocate)}
        self.touched: set[Var] = {loop.loop_var}
        self.spread()
        self.grown = {b: self.grow(b) for b in self.own if b.data in self.touched}

    def spread(self) -> None:
        """Find everything that hangs on the virtual thread."""
        size = 0
        while size != len(self.touched):
            size = len(self.touched)
            self.spread_from(self.loop.body, under=False)

    def spread_from(self, stmt: Node, *, under: bool) -> None:
        """`under`: whether the statement stands under a condition or loop that differs."""
        if isinstance(stmt, BufferStore) and (under or self.differs(stmt)) and stmt.buffer in self.own:
            self.touched.add(stmt.buffer.data)
        elif isinstance(stmt, (LetStmt, Let)) and (under or self.differs(stmt.value)):
            self.touched.add(stmt.var)
        elif isinstance(stmt, (IfThenElse, While)):
            under = under or self.differs(stmt.condition)
        elif isinstance(stmt, For):
            under = under or self.differs(stmt.min) or self.differs(stmt.extent)
            if under:
                self.touched.add(stmt.loop_var)
        elif isinstance(stmt, Call) and (under or self.differs(stmt)):
            # A pointer passed on may be written through.
            own = {b.data for b in self.own}
            self.touched |= {n for n in walk(stmt) if type(n) is Var and n in own}
            if stmt.op.name in ("address_of", "atomic_add", "tvm_thread_allreduce"):
                self.touched |= {a.buffer.data for a in stmt.args if isinstance(a, BufferLoad) and a.buffer in self.own}
        for child in stmt.children():
            self.spread_from(child, under=under)

    def differs(self, node: Node) -> bool:
        """Whether a value, or what a statement stores, differs between virtual threads."""
        for n in walk(node):
            if (type(n) is Var and n in self.touched) or (isinstance(n, Buffer) and n.data in self.touched):
                return True
        if isinstance(node, BufferStore) and node.buffer not in self.own:
            # Each virtual thread takes part in an update of memory outside.
            return any(isinstance(n, BufferLoad) and n.buffer.data is node.buffer.data for n in walk(node.value))
        return False

    def grow(self, buffer: Buffer) -> Buffer:
        first = const(self.count, buffer.shape[0].dtype if buffer.shape else "int32")
        strides = (buffer.strides[0] * buffer.shape[0], *buffer.strides) if buffer.strides else ()
        return buffer.replace(shape=(first, *buffer.shape), strides=strides)

    def refuse(self, message: str, node: Node) -> None:
        raise LowerError(
            f"{message}: {{0}}", node, root=self.func, hint="bind the loop to a thread axis, or let it be serial"
        )

    def copies(self, stmt: Stmt) -> Stmt:
        """`stmt` once for each virtual thread."""
        if isinstance(stmt, _COMPOUND) and _has_barrier(stmt):
            self.refuse("a barrier stands where virtual threads differ", stmt)
        body = _Accesses(self)(stmt)
        var, low = self.loop.loop_var, self.loop.min
        if self.count > MAX_COPIES:
            index = var.replace()
            return For(index, low, self.loop.extent, ForKind.SERIAL, fresh(substitute(body, {var: index})))
        return seq(*(fresh(substitute(body, {var: low + const(k, var.dtype)})) for k in range(self.count)))

    def leaf(self, stmt: Stmt) -> Stmt:
        return self.copies(stmt) if self.differs(stmt) or _updates(stmt) else stmt

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        return self.leaf(node)

    def visit_evaluate(self, node: Stmt) -> Stmt:
        return self.leaf(node)

    def visit_assert_stmt(self, node: Stmt) -> Stmt:
        return self.leaf(node)

    def visit_let_stmt(self, node: LetStmt) -> Stmt:
        if not self.differs(node.value) and not _updates(node.value):
            return node.replace(body=self(node.body))
        if not _has_barrier(node.body) and not any(isinstance(n, Allocate) for n in walk(node.body)):
            return self.copies(node)
        # A value of its own for each virtual thread, all live across the barrier: copied where it is used.
        if _is_stable(node.value):
            return self(substitute(node.body, {node.var: node.value}))
        self.refuse("a value that differs between virtual threads is kept across a barrier", node)
        return node

    def visit_if_then_else(self, node: IfThenElse) -> Stmt:
        if self.differs(node.condition):
            return self.copies(node)
        other = None if node.else_case is None else self(node.else_case)
        return node.replace(then_case=self(node.then_case), else_case=other)

    def visit_while(self, node: While) -> Stmt:
        return self.copies(node) if self.differs(node.condition) else node.replace(body=self(node.body))

    def visit_for(self, node: For) -> Stmt:
        if self.differs(node.min) or self.differs(node.extent):
            return self.copies(node)
        return node.replace(body=self(node.body))

    def visit_seq_stmt(self, node: SeqStmt) -> Stmt:
        return seq(*map(self, node.seq))

    def visit_attr_stmt(self, node: AttrStmt) -> Stmt:
        return self.copies(node) if self.differs(node.value) else node.replace(body=self(node.body))

    def visit_allocate(self, node: Allocate) -> Stmt:
        return node.replace(buffer=self.grown.get(node.buffer, node.buffer), body=self(node.body))

    def visit_decl_buffer(self, node: DeclBuffer) -> Stmt:
        if node.buffer.data in self.touched:
            self.refuse("a view of memory that differs between virtual threads is declared", node)
        return node.replace(body=self(node.body))


class _Accesses(Rewriter):
    """Directs accesses to the virtual thread's part of the buffers."""

    def __init__(self, outer: _Interleave) -> None:
        self.outer = outer
        self.grown = dict(outer.grown)
        self.var = outer.loop.loop_var

    def visit_buffer(self, node: Buffer) -> Buffer:
        return self.grown.get(node, node)

    def visit_buffer_load(self, node: BufferLoad) -> BufferLoad:
        out: BufferLoad = node.map_children(self)
        return out.replace(indices=(self.var, *out.indices)) if node.buffer in self.grown else out

    def visit_buffer_store(self, node: BufferStore) -> BufferStore:
        out: BufferStore = node.map_children(self)
        return out.replace(indices=(self.var, *out.indices)) if node.buffer in self.grown else out

    def visit_call(self, node: Call) -> Expr:
        if node.op.name != "tvm_access_ptr":
            return node.map_children(self)
        annotation, data, offset, extent, mask = node.args
        for buffer, grown in self.grown.items():
            if data is buffer.data:
                span: Expr = const(1)
                for size in buffer.shape:
                    span = span * size
                offset = self(offset) + self.var * (grown.strides[0] if grown.strides else span)
                return node.replace(args=(annotation, data, offset, self(extent), mask))
        return node.map_children(self)

    def visit_var(self, node: Var) -> Var:
        if any(node is buffer.data for buffer in self.grown):
            self.outer.refuse(
                "the pointer of a buffer that differs between virtual threads is passed on", self.outer.original
            )
        return node

    def visit_allocate(self, node: Allocate) -> Stmt:
        # Copied together with its uses, it needs no dimension for them.
        self.grown.pop(node.buffer, None)
        return node.map_children(self)


def _is_stable(e: Expr) -> bool:
    return not any(isinstance(n, (BufferLoad, Call)) for n in walk(e))
