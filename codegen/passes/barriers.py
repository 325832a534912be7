"""Where barriers stand in a kernel: between accesses that may come too early otherwise, as few as there can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from ...tir.dtype import VOID
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, StringImm, Var
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
from .kernels import is_bound
from .one_writer import Once, once, require_uncontested
from .thread_accesses import Access, accesses
from .thread_conflicts import Order, conflict
from .thread_reductions import SCOPE, Allreduce, reduction
from .thread_where import Where, turn_of

NOTHING, WARP, BLOCK = range(3)
"""What a barrier lets wait for each other, in order: none, the threads of a warp, those of a block."""

_BARRIER = "tvm_storage_sync"


@dataclass
class _Part:
    """A statement with its barriers.

    Attributes
    ----------
    head: the accesses before the first barrier in it that orders them. tail: those after the last one. Both hold all
    where there is none.
    barrier: the widest barrier that every thread surely passes in it.
    """

    stmt: Stmt
    head: list[Access] = field(default_factory=list)
    tail: list[Access] = field(default_factory=list)
    barrier: int = NOTHING


class Plan:
    """Places the barriers of one kernel, whose threads' axes have these variables and extents."""

    def __init__(self, func: PrimFunc, threads: Mapping[str, tuple[Var, Expr]], warp: int) -> None:
        self.func, self.threads, self.warp = func, threads, warp
        self.reduces: AttrStmt | None = None
        self.known: dict[tuple[Any, Any, Order, bool], bool] = {}

    def code(self, node: Evaluate, scope: AttrStmt | None, bound: Mapping[Var, str]) -> Stmt:
        """The code of a reduction across threads (`reduction`) with the barriers that are needed inside of it."""
        code = reduction(node, scope, self.threads, bound, self.warp, self.func)
        return self.stmt(code, Where(self.threads, under=frozenset(self.threads))).stmt

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
            return _Part(Once(where)(node), self.stmt(node.body, where).head)
        if isinstance(node, (LetStmt, AttrStmt, Allocate, DeclBuffer)):
            return self.scope(node, where)
        if isinstance(node, BufferStore):
            require_uncontested(self.func, node, where)
        own = accesses(node, where)
        call = Allreduce.of(node)
        if call is not None:
            return self.reduction(node, call, own, where)
        level = barrier_of(node)
        return _Part(once(node, where), own, _unordered(own, level), level)

    def scope(self, node: LetStmt | AttrStmt | Allocate | DeclBuffer, where: Where) -> _Part:
        outer = self.reduces
        if isinstance(node, AttrStmt) and node.attr_key == SCOPE:
            self.reduces = node
        own = accesses(node, where)
        part = self.body(node.body, where.inside(node), _same_turn(own, where))
        self.reduces = outer
        rebuilt = node if part.stmt is node.body else node.replace(body=part.stmt)
        return _Part(rebuilt, own + part.head, _unordered(own, part.barrier) + part.tail, part.barrier)

    def reduction(self, node: Stmt, call: Allreduce, own: list[Access], where: Where) -> _Part:
        """A reduction across threads, which `lower_thread_allreduce` gives its code with the barriers inside of it."""
        bound = {loop.loop_var: axis for axis, (loop, _) in where.nodes.items()}
        code = self.code(call.of_constants, self.reduces, bound)
        # All threads run it, and none in place of others.
        inner = self.stmt(code, replace(where, under=frozenset(self.threads), nodes={}))
        return _Part(node, own + inner.head, _unordered(own, inner.barrier) + inner.tail, inner.barrier)

    def parts(self, body: Stmt, where: Where) -> list[_Part]:
        """The statements that a body consists of, each with its barriers."""
        return [self.stmt(node, where) for node in (body.seq if isinstance(body, SeqStmt) else (body,))]

    def body(self, node: Stmt, where: Where, before: _Carried) -> _Part:
        """What stands inside of a statement, after the accesses of the statement itself."""
        return self.sequence(node, self.parts(node, where), where, before)

    def sequence(self, body: Stmt, parts: Sequence[_Part], where: Where, carry: _Carried = ()) -> _Part:
        """The parts of a body in order, after what comes before the first of them."""
        out: list[Stmt] = []
        head: list[Access] = []
        pending: list[Access] = []
        passed = NOTHING
        order = Order(frozenset(where.loops))
        for part in parts:
            before = [(a, order) for a in pending] + [(a, o) for a, o in carry if _needs(a) > passed]
            level = self.meets(before, part.head)
            if level:
                if where.diverges:
                    self.refuse(part.head, before)
                out.append(_barrier(level))
                passed, pending = max(passed, level), _unordered(pending, level)
            head += _unordered(part.head, passed)
            pending = _unordered(pending, part.barrier) + part.tail
            passed = max(passed, part.barrier)
            out.append(part.stmt)
        stmts = body.seq if isinstance(body, SeqStmt) else (body,)
        changed = len(out) != len(stmts) or any(a is not b for a, b in zip(out, stmts))
        return _Part(seq(*out) if changed else body, head, pending, passed)

    def meets(self, before: _Carried, head: list[Access]) -> int:
        """The barrier without which an access may come too early."""
        return max((_needs(a) for b in head for a, order in before if self.conflict(a, b, order)), default=NOTHING)

    def conflict(self, a: Access, b: Access, order: Order) -> bool:
        """Whether two accesses meet, asked once of those that touch alike."""
        if a.buffer.data is not b.buffer.data:
            return False
        key = (a.touches, b.touches, order, a.is_own(b, order.carried))
        if key not in self.known:
            self.known[key] = conflict(a, b, order, self.threads)
        return self.known[key]

    def refuse(self, after: list[Access], before: _Carried) -> NoReturn:
        """Say that there can be no barrier between accesses of which one may come too early."""
        a, b = next((a, b) for b in after for a, order in before if self.conflict(a, b, order))
        raise LowerError(
            f"between {{0}} and {{1}} threads must wait for each other, as both touch {a.buffer.name}, but not all "
            "threads of the block come there",
            a.stmt,
            b.stmt,
            root=self.func,
            hint="let all threads take part: put the condition around the accesses only, or give the loops bound to "
            "one thread axis the same extent",
        )

    def loop(self, node: For | While, where: Where) -> _Part:
        inner = where.inside(node)
        own = accesses(node, where)
        parts, first = self.parts(node.body, inner), _same_turn(own, where)
        part = self.sequence(node.body, parts, inner, first)
        if not is_bound(node):
            part = self.carried(node, parts, inner, part, first)
        if isinstance(node, While):
            before = self.turns(part.tail, node, inner, part.barrier)
            level = self.meets(before, own)
            if level and inner.diverges:
                self.refuse(own, before)
            if level:
                # What the condition reads, the turn before has left.
                stmt, tail = seq(part.stmt, _barrier(level)), _unordered(part.tail, level)
                part = _Part(stmt, part.head, tail, max(level, part.barrier))
        rebuilt = node if part.stmt is node.body else node.replace(body=part.stmt)
        once = isinstance(node, For) and isinstance(node.extent, IntImm) and node.extent.value > 0
        surely = part.barrier if once else NOTHING
        return _Part(rebuilt, own + part.head, _unordered(own + part.head, surely) + part.tail, surely)

    def carried(self, node: For | While, parts: Sequence[_Part], inner: Where, part: _Part, first: _Carried) -> _Part:
        """The body with barriers between the end of one iteration and the start of the next."""
        if isinstance(node, For) and isinstance(node.extent, IntImm) and node.extent.value < 2:
            return part
        tail: list[Access] = []
        while True:
            fresh = [a for a in part.tail if not any(a is b for b in tail)]
            before = self.turns([*tail, *fresh], node, inner, part.barrier)
            if not fresh or not self.meets(before[len(tail) :], part.head):
                return part
            tail += fresh
            part = self.sequence(node.body, parts, inner, [*first, *before])

    def turns(self, tail: Sequence[Access], node: For | While, inner: Where, barrier: int) -> _Carried:
        """The accesses of a loop's turn as they come before those of later ones, with a barrier in each turn.

        What the barrier orders only the very next turn can come too early for.
        """
        var = node.loop_var if isinstance(node, For) else turn_of(node)
        around = frozenset(v for v in inner.loops if v is not var)
        near, far = (Order(around, var, next_only=next_only) for next_only in (True, False))
        return [(a, near if barrier >= _needs(a) else far) for a in tail]

    def branch(self, node: IfThenElse, where: Where) -> _Part:
        own = accesses(node, where)
        before = _same_turn(own, where)
        then = self.body(node.then_case, where.where(node.condition, holds=True), before)
        other = None
        if node.else_case is not None:
            other = self.body(node.else_case, where.where(node.condition, holds=False), before)
        parts = [then, other] if other is not None else [then]
        same = then.stmt is node.then_case and (other is None or other.stmt is node.else_case)
        rebuilt = node if same else node.replace(then_case=then.stmt, else_case=None if other is None else other.stmt)
        barrier = min(p.barrier for p in parts) if other is not None else NOTHING
        head = own + [a for p in parts for a in p.head]
        tail = [a for p in parts for a in p.tail]
        return _Part(rebuilt, head, _unordered(head, barrier) + tail, barrier)


_Carried = Sequence[tuple[Access, Order]]
"""What comes before: accesses, and how they do."""


def _same_turn(own: list[Access], where: Where) -> _Carried:
    """The accesses of a statement, before those inside of it."""
    return [(a, Order(frozenset(where.loops))) for a in own]


def _needs(access: Access) -> int:
    """The barrier that orders an access and a later one of another thread."""
    return WARP if access.buffer.scope.startswith("warp") else BLOCK


def _unordered(found: list[Access], level: int) -> list[Access]:
    """Those accesses that a barrier does not order."""
    return [a for a in found if _needs(a) > level]


def _barrier(level: int) -> Stmt:
    return Evaluate(Call(VOID, OPS[_BARRIER], (StringImm("warp" if level == WARP else "shared"),)))


def barrier_of(node: Stmt) -> int:
    """Which threads wait for each other at a statement."""
    if not isinstance(node, Evaluate) or not isinstance(node.value, Call) or node.value.op.name != _BARRIER:
        return NOTHING
    (scope,) = node.value.args[:1] or (None,)
    return WARP if isinstance(scope, StringImm) and scope.value.startswith("warp") else BLOCK
