"""Puts barriers where threads of a block touch what others of them have written, or write what others have read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...tir.dtype import VOID
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, StringImm, Var, all_of, const
from ...tir.function import PrimFunc
from ...tir.op import OPS
from ...tir.stmt import (
    Allocate,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
    seq,
)
from ...tir.visit import Rewriter, walk
from ..fragments import lanes_needed
from ..target import Target
from .kernels import THREAD_AXES, is_bound, is_kernel
from .thread_accesses import Access, Where, accesses, contested, repeated, scope_of, turn_of
from .thread_conflicts import Order, conflict
from .thread_memory import require_one_writer, require_private
from .thread_values import differing


def thread_sync(func: PrimFunc, target: Target) -> PrimFunc:
    """Insert `T.tvm_storage_sync` barriers in kernels: as few as there can be, as late as they may stand.

    In a sequence of statements there is a barrier before each that meets an access after the last barrier: that is
    the least number there can be. In a loop, an access of the next iteration may meet one of this. Loops bound to one
    axis are one set of threads, whether they stand inside of each other or one after the other.

    From here on shared memory is one piece for a block also where it is allocated inside of its threads' loops. What
    all of them would store there alike, the first one stores.

    Raises
    ------
    LowerError: a barrier is needed where not all threads of a block come; or threads store different values at one
        place in shared memory.
    """
    return _Kernels(func)(func) if target.is_gpu else func


class _Kernels(Rewriter):
    def __init__(self, func: PrimFunc) -> None:
        self.func = func

    def visit_for(self, node: For) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def visit_allocate(self, node: Allocate) -> Stmt:
        return self.kernel(node) if is_kernel(node) else node.map_children(self)

    def kernel(self, node: Stmt) -> Stmt:
        threads = thread_axes(node)
        require_private(self.func, node, threads)
        require_one_writer(self.func, node)
        if not threads:
            return node
        return _Plan(self.func, threads).stmt(node, Where(threads, registers=differing(node))).stmt


def thread_axes(kernel: Stmt) -> dict[str, tuple[Var, Expr]]:
    """The axes of a block's threads: a variable for each, and the greatest extent of the loops bound to it."""
    out: dict[str, tuple[Var, Expr]] = {}
    lanes = lanes_needed(kernel)
    if lanes and not any(isinstance(n, For) and n.thread_binding == "threadIdx.x" for n in walk(kernel)):
        out["threadIdx.x"] = Var("threadIdx.x"), const(lanes)
    for n in walk(kernel):
        if is_bound(n) and isinstance(n, For) and n.thread_binding in THREAD_AXES:
            known = out.get(n.thread_binding)
            if known is None:
                out[n.thread_binding] = Var(n.thread_binding, n.loop_var.dtype), n.extent
            elif isinstance(n.extent, IntImm) and isinstance(known[1], IntImm) and n.extent.value > known[1].value:
                out[n.thread_binding] = known[0], n.extent
    return out


@dataclass
class _Part:
    """A statement with its barriers.

    Attributes
    ----------
    head: the accesses before the first barrier in it. tail: those after the last. Both hold all where there is none.
    barrier: whether every thread surely passes a barrier in it.
    """

    stmt: Stmt
    head: list[Access] = field(default_factory=list)
    tail: list[Access] = field(default_factory=list)
    barrier: bool = False


_BARRIER = "tvm_storage_sync"


class _Plan:
    """Places the barriers of one kernel."""

    def __init__(self, func: PrimFunc, threads: dict[str, tuple[Var, Expr]]) -> None:
        self.func, self.threads = func, threads
        self.known: dict[tuple[int, int, Order], tuple[Access, Access, bool]] = {}

    def stmt(self, node: Stmt, where: Where) -> _Part:
        """`node` with the barriers it needs inside."""
        if isinstance(node, SeqStmt):
            return self.sequence(node, self.parts(node, where), where)
        if isinstance(node, (For, While)):
            return self.loop(node, where)
        if isinstance(node, IfThenElse):
            return self.branch(node, where)
        if isinstance(node, AttrStmt) and node.attr_key == "async_scope":
            # They may not begin before what they overwrite is done with; for what comes after them the pipeline waits.
            return _Part(_Once(where)(node), self.stmt(node.body, where).head)
        if isinstance(node, (LetStmt, AttrStmt, Allocate, DeclBuffer)):
            own = accesses(node, where)
            part = self.stmt(node.body, where.inside(node))
            before = [(a, Order(frozenset(where.loops))) for a in own]
            if self.meets(before, part.head):
                # What a variable is to hold, all have read when the body changes it.
                self.require_uniform(where, part, before)
                part = _Part(seq(_barrier(before), part.stmt), [], part.tail, barrier=True)
            rebuilt = node if part.stmt is node.body else node.replace(body=part.stmt)
            return _Part(rebuilt, own + part.head, part.tail if part.barrier else own + part.tail, part.barrier)
        if _is_barrier(node):
            return _Part(node, barrier=True)
        if isinstance(node, BufferStore):
            self.require_uncontested(node, where)
        own = accesses(node, where)
        return _Part(_once(node, where), own, own)

    def require_uncontested(self, node: BufferStore, where: Where) -> None:
        """Require that threads do not each store a value of their own at one place."""
        loop = contested(node, where)
        if loop is not None:
            raise LowerError(
                "each thread of {1} stores a value of its own at one place in {0}, in memory that the threads share",
                node,
                loop,
                root=self.func,
                hint=f"give {node.buffer.name} the scope 'local' (sch.set_scope), or each thread an element of its own",
            )

    # -- one after the other

    def parts(self, body: Stmt, where: Where) -> list[_Part]:
        """The statements that a body consists of, each with its barriers."""
        return [self.stmt(node, where) for node in (body.seq if isinstance(body, SeqStmt) else (body,))]

    def sequence(self, body: Stmt, parts: Sequence[_Part], where: Where, carry: _Carry | None = None) -> _Part:
        """The parts of a body in order, after the accesses of a loop's iteration before, if there are any."""
        out: list[Stmt] = []
        head: list[Access] = []
        pending: list[Access] = []
        barrier = False
        order = Order(frozenset(where.loops))
        for part in parts:
            before = [(a, order) for a in pending]
            if carry is not None and not barrier:
                before += [(a, carry.order) for a in carry.accesses]
            if self.meets(before, part.head):
                self.require_uniform(where, part, before)
                out.append(_barrier(before))
                barrier, pending = True, []
            if not barrier:
                head += part.head
            pending = part.tail if part.barrier else pending + part.tail
            barrier = barrier or part.barrier
            out.append(part.stmt)
        stmts = body.seq if isinstance(body, SeqStmt) else (body,)
        changed = len(out) != len(stmts) or any(a is not b for a, b in zip(out, stmts))
        return _Part(seq(*out) if changed else body, head, pending, barrier)

    def meets(self, before: list[tuple[Access, Order]], head: list[Access]) -> bool:
        """Whether an access may come too early without a barrier."""
        return any(self.conflict(a, b, order) for b in head for a, order in before)

    def conflict(self, a: Access, b: Access, order: Order) -> bool:
        """Whether two accesses meet, asked once."""
        key = (id(a), id(b), order)
        if key not in self.known:
            self.known[key] = a, b, conflict(a, b, order, self.threads)
        return self.known[key][2]

    def require_uniform(self, where: Where, part: _Part, before: list[tuple[Access, Order]]) -> None:
        if not where.diverges:
            return
        a, b = next((a, b) for b in part.head for a, order in before if self.conflict(a, b, order))
        raise LowerError(
            f"between {{0}} and {{1}} threads must wait for each other, as both touch {a.buffer.name}, but not all "
            "threads of the block come there",
            a.stmt,
            b.stmt,
            root=self.func,
            hint="let all threads take part: put the condition around the accesses only, or give the loops bound to "
            "one thread axis the same extent",
        )

    # -- loops and branches

    def loop(self, node: For | While, where: Where) -> _Part:
        inner = where.inside(node)
        own = accesses(node, where)
        parts = self.parts(node.body, inner)
        part = self.sequence(node.body, parts, inner)
        if not is_bound(node):
            part = self.carried(node, parts, inner, part)
        rebuilt = node if part.stmt is node.body else node.replace(body=part.stmt)
        once = isinstance(node, For) and isinstance(node.extent, IntImm) and node.extent.value > 0
        if isinstance(node, While):
            own = own + own
            part = _Part(part.stmt, own + part.head, own + part.tail, part.barrier)
        surely = part.barrier and once
        return _Part(rebuilt, own + part.head, part.tail if surely else own + part.head + part.tail, surely)

    def carried(self, node: For | While, parts: Sequence[_Part], inner: Where, part: _Part) -> _Part:
        """The body with barriers between the end of one iteration and the start of the next."""
        if isinstance(node, For) and isinstance(node.extent, IntImm) and node.extent.value < 2:
            return part
        var = node.loop_var if isinstance(node, For) else turn_of(node)
        around = frozenset(v for v in inner.loops if v is not var)
        tail: list[Access] = []
        while True:
            fresh = [a for a in part.tail if not any(a is b for b in tail)]
            order = Order(around, var, next_only=part.barrier)
            if not fresh or not self.meets([(a, order) for a in fresh], part.head):
                return part
            tail += fresh
            # With a barrier in the body, the next iteration is the only one that can come too early.
            part = self.sequence(node.body, parts, inner, _Carry(tail, Order(around, var, next_only=part.barrier)))

    def branch(self, node: IfThenElse, where: Where) -> _Part:
        own = accesses(node, where)
        then = self.stmt(node.then_case, where.where(node.condition, holds=True))
        other = None
        if node.else_case is not None:
            other = self.stmt(node.else_case, where.where(node.condition, holds=False))
        parts = [then, other] if other is not None else [then]
        same = then.stmt is node.then_case and (other is None or other.stmt is node.else_case)
        rebuilt = node if same else node.replace(then_case=then.stmt, else_case=None if other is None else other.stmt)
        barrier = other is not None and all(p.barrier for p in parts)
        head = own + [a for p in parts for a in p.head]
        tail = [a for p in parts for a in p.tail]
        return _Part(rebuilt, head, tail if barrier else own + head + tail, barrier)


class _Once(Rewriter):
    """Copies of an asynchronous stage, begun by one thread where all would begin the same."""

    def __init__(self, where: Where) -> None:
        self.where = where

    def visit_for(self, node: For) -> Stmt:
        return self.below(node)

    def visit_let_stmt(self, node: LetStmt) -> Stmt:
        return self.below(node)

    def visit_if_then_else(self, node: IfThenElse) -> Stmt:
        outer = self.where
        self.where = outer.where(node.condition, holds=True)
        then = self(node.then_case)
        self.where = outer.where(node.condition, holds=False)
        other = None if node.else_case is None else self(node.else_case)
        self.where = outer
        same = then is node.then_case and other is node.else_case
        return node if same else node.replace(then_case=then, else_case=other)

    def visit_buffer_store(self, node: BufferStore) -> Stmt:
        return _once(node, self.where)

    def below(self, node: Stmt) -> Stmt:
        outer, self.where = self.where, self.where.inside(node)
        out: Stmt = node.map_children(self)
        self.where = outer
        return out


def _once(node: Stmt, where: Where) -> Stmt:
    """A statement, done by the first thread of the axes whose threads would all do the same."""
    axes = repeated(node, where) if isinstance(node, BufferStore) else []
    loops = [where.nodes[axis][0] for axis in axes]
    return IfThenElse(all_of(*(n.loop_var == n.min for n in loops)), node) if loops else node


@dataclass
class _Carry:
    """What an iteration leaves for the next: accesses, and how they come before its own."""

    accesses: list[Access]
    order: Order


def _barrier(before: list[tuple[Access, Order]]) -> Stmt:
    warp = all(a.buffer.scope.startswith("warp") for a, _ in before)
    return Evaluate(Call(VOID, OPS[_BARRIER], (StringImm("warp" if warp else "shared"),)))


def _is_barrier(node: Stmt) -> bool:
    """Whether a statement is a barrier of all threads of a block."""
    if not isinstance(node, Evaluate) or not isinstance(node.value, Call) or node.value.op.name != _BARRIER:
        return False
    return not scope_of(node.value).startswith("warp")
