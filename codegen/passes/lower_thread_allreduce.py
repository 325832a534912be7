"""Turns reductions across threads into warp shuffles, with shared memory between warps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...tir.buffer import Buffer, BufferLoad, decl_buffer
from ...tir.dtype import VOID
from ...tir.errors import LowerError
from ...tir.expr import Call, CommReducer, Expr, IntImm, Select, StringImm, Var, all_of, cast, const
from ...tir.function import PrimFunc
from ...tir.op import OPS
from ...tir.stmt import Allocate, AttrStmt, BufferStore, Evaluate, For, ForKind, IfThenElse, Stmt, While, seq
from ...tir.visit import Rewriter, buffers_in, substitute, walk
from ..target import Target
from .kernels import THREAD_AXES, is_bound

ALL_LANES = 0xFFFFFFFF


def lower_thread_allreduce(func: PrimFunc, target: Target) -> PrimFunc:
    """Give `T.tvm_thread_allreduce` its code. The threads' loops stand around the kernel (`unify_thread_binding`).

    Threads that reduce together and are neighbours in a warp exchange by shuffles: after step k each has the values of
    itself and the `2**k - 1` threads after it, so values are combined in order. Whole warps then put their results into
    shared memory (`red_buf`) and each combines them by shuffles again. Where the threads that belong together are
    scattered, or fill no whole warps, all is done in shared memory.

    Barriers around that memory are enough, but not proved needed as those of `thread_sync` are: a reduction in a loop
    waits before it stores again though a barrier of another one in the same turn may already have come between.

    Raises
    ------
    LowerError: a number of threads that is not a constant; a reduction where not all threads come.
    """
    return _Lower(func, target)(func) if target.is_gpu else func


@dataclass(frozen=True)
class _Team:
    """The threads that reduce together.

    Attributes
    ----------
    rank: a thread's number in its group. group: the number of its group. size, groups: how many there are.
    adjacent: whether a group's threads follow each other in the block. threads: of the block. number: a thread's number
    among them.
    """

    rank: Expr
    group: Expr
    size: int
    groups: int
    adjacent: bool
    threads: int
    number: Expr


class _Lower(Rewriter):
    def __init__(self, func: PrimFunc, target: Target) -> None:
        self.func, self.warp = func, target.thread_warp_size
        self.axes: dict[str, For] = {}
        self.reducer: CommReducer | None = None
        self.repeated = False
        self.guarded: list[Stmt] = []

    def visit_for(self, node: For) -> Stmt:
        if is_bound(node) and node.thread_binding in THREAD_AXES:
            self.axes[str(node.thread_binding)] = node
            out = node.map_children(self)
            del self.axes[str(node.thread_binding)]
            return out
        outer = self.repeated
        self.repeated = outer or (node.kind is not ForKind.THREAD_BINDING and not _waits(node.body))
        out = node.map_children(self)
        self.repeated = outer
        return out

    def visit_while(self, node: While) -> Stmt:
        outer, self.repeated = self.repeated, True
        out = node.map_children(self)
        self.repeated = outer
        return out

    def visit_if_then_else(self, node: IfThenElse) -> Stmt:
        threads = {loop.loop_var for loop in self.axes.values()}
        differs = any(n in threads or isinstance(n, BufferLoad) for n in walk(node.condition))
        if not differs:
            return node.map_children(self)
        self.guarded.append(node)
        out = node.map_children(self)
        self.guarded.pop()
        return out

    def visit_attr_stmt(self, node: AttrStmt) -> Stmt:
        if node.attr_key != "reduce_scope" or not isinstance(node.node, CommReducer):
            return node.map_children(self)
        outer, self.reducer = self.reducer, node.node
        out = self(node.body)
        self.reducer = outer
        return out

    def visit_evaluate(self, node: Evaluate) -> Stmt:
        call = node.value
        if not isinstance(call, Call) or call.op.name != "tvm_thread_allreduce":
            return node
        if self.reducer is None:
            raise LowerError("{0} stands in no reduce_scope, so it is not known what it does", node, root=self.func)
        if self.guarded:
            raise LowerError(
                "threads reduce together in {1}, under {0}, where not all of them come",
                self.guarded[-1],
                node,
                root=self.func,
                hint="let all threads take part, and give the condition to the values: T.Select(condition, x, unit)",
            )
        count = int(getattr(call.args[0], "value", 0))
        values, condition = call.args[1 : 1 + count], call.args[1 + count]
        results, axes = call.args[2 + count : 2 + 2 * count], call.args[2 + 2 * count :]
        team = self.team(axes, node)
        identity = self.reducer.identity_element
        values = tuple(v if _is_true(condition) else Select(condition, v, e) for v, e in zip(values, identity))
        return _Code(self.reducer, team, self.warp, repeated=self.repeated).reduce(values, results)

    def team(self, axes: Sequence[Expr], node: Stmt) -> _Team:
        """Which threads reduce together, given the variables of the axes to reduce."""
        rank: Expr = const(0)
        group: Expr = const(0)
        number: Expr = const(0)
        size, groups, adjacent = 1, 1, True
        axes = [a for a in axes if not isinstance(a, IntImm)]  # an axis of one thread, since simplified
        known = {loop.loop_var: axis for axis, loop in self.axes.items()}
        wanted = {known.get(a) for a in axes if isinstance(a, Var)}
        if None in wanted or len(wanted) != len(axes):
            raise LowerError("{0} names variables of no thread axis around it", node, root=self.func)
        for axis in THREAD_AXES:
            loop = self.axes.get(axis)
            if loop is None:
                continue
            if not isinstance(loop.extent, IntImm):
                raise LowerError(
                    f"{{0}} has {loop.extent} threads, which is no constant; threads cannot reduce together then",
                    loop,
                    root=self.func,
                    hint="split the loop by a constant number of threads and bind the inner one",
                )
            extent, var = loop.extent.value, cast(loop.loop_var, "int32")
            number = var if size * groups == 1 else number + var * (size * groups)
            if axis in wanted:
                adjacent = adjacent and groups == 1
                rank, size = (var if size == 1 else rank + var * size), size * extent
            else:
                group, groups = (var if groups == 1 else group + var * groups), groups * extent
        return _Team(rank, group, size, groups, adjacent or size == 1, size * groups, number)


class _Code:
    """The code of one reduction.

    `repeated`: whether it runs again without a barrier in between, so that its shared memory may still be read.
    """

    def __init__(self, reducer: CommReducer, team: _Team, warp: int, *, repeated: bool) -> None:
        self.reducer, self.team, self.warp, self.repeated = reducer, team, warp, repeated
        self.mask: Expr = const(ALL_LANES, "uint32")
        rest = team.threads % warp
        if rest:
            there = const((1 << rest) - 1, "uint32")
            self.mask = Select(team.number < team.threads - rest, self.mask, there) if team.threads > warp else there
        self.types = [e.dtype for e in reducer.identity_element]

    def reduce(self, values: Sequence[Expr], results: Sequence[Expr]) -> Stmt:
        """Leave the total of each group's values with each of its threads."""
        team, warp = self.team, self.warp
        red = self.local("red_buf")
        start = self.set(red, values)
        if team.size == 1:
            body = start
        elif team.adjacent and (warp % team.size == 0 or (team.groups == 1 and team.size <= warp)):
            width = team.size if warp % team.size == 0 else warp
            body = seq(start, self.among(red, team.rank, team.size, width), self.spread(red, width))
        elif team.adjacent and (team.size % warp == 0 or team.groups == 1):
            body = seq(start, self.between_warps(red))
        else:
            body = seq(start, self.in_memory(red))
        stores = seq(*(_give(target, BufferLoad(b, (const(0),))) for b, target in zip(red, results)))
        return self.allocated(red, seq(body, stores))

    # -- by shuffles

    def among(self, red: Sequence[Buffer], lane: Expr, count: int, width: int) -> Stmt:
        """The total of `count` neighbouring lanes, with the first of them."""
        return self.halving(red, lane, count, width, lambda by: None if count == width else lane + by < count)

    def halving(
        self, red: Sequence[Buffer], lane: Expr, count: int, width: int, there: Callable[[int], Expr | None]
    ) -> Stmt:
        """Totals with the first of `count` lanes; `there` says of a lane whether the one so far behind it takes part.

        A lane without the other one asks for its own value, since that of no thread would be undefined, and keeps it.
        """
        other = self.local("t")
        steps: list[Stmt] = []
        offset = 1
        while offset < count:
            has = there(offset)
            got = [
                self.shuffle("tvm_warp_shuffle_down", _value(b), const(offset), width)
                if has is None
                else self.shuffle("tvm_warp_shuffle", _value(b), Select(has, lane + offset, lane), width)
                for b in red
            ]
            steps += [self.set(other, got), self.combine(red, other, has)]
            offset *= 2
        return self.allocated(other, seq(*steps))

    def spread(self, red: Sequence[Buffer], width: int) -> Stmt:
        """What the first lane has, for all."""
        loads = [BufferLoad(b, (const(0),)) for b in red]
        return self.set(red, [self.shuffle("tvm_warp_shuffle", x, const(0), width) for x in loads])

    def shuffle(self, name: str, value: Expr, by: Expr, width: int) -> Expr:
        args = (self.mask, value, by, const(width), const(self.warp))
        return Call(value.dtype, OPS[name], args)

    def between_warps(self, red: Sequence[Buffer]) -> Stmt:
        """First the lanes of each warp, then the warps of each group through shared memory."""
        team, warp = self.team, self.warp
        warps = -(-team.size // warp)
        lane, mine = team.rank % warp, team.rank // warp
        last = team.size % warp
        steps: list[Stmt] = []
        if last == 0:
            steps.append(self.among(red, lane, warp, warp))
        else:
            steps.append(self.among_some(red, team.rank, warp))
        shared = self.shared("red_buf_shared", warps * team.groups)
        place = team.group * warps + mine if team.groups > 1 else mine
        first = lane == const(0)
        if self.repeated:
            steps.append(_barrier())
        steps.append(IfThenElse(first, seq(*(BufferStore(b, _value(r), (place,)) for b, r in zip(shared, red)))))
        steps.append(_barrier())
        steps.append(self.among_warps(red, shared, lane, warps, full=last == 0))
        return self.allocated(shared, seq(*steps))

    def among_warps(
        self, red: Sequence[Buffer], shared: Sequence[Buffer], lane: Expr, warps: int, *, full: bool
    ) -> Stmt:
        """What the `warps` of a group have left in shared memory, combined: by shuffles if all have `full` lanes."""
        base = self.team.group * warps if self.team.groups > 1 else const(0)
        if not full:
            other, w = self.local("t"), Var("w")
            each = seq(
                self.set(other, [BufferLoad(b, (base + w,)) for b in shared]),
                self.combine(red, other, None),
            )
            rest = For(w, const(1), const(warps - 1), ForKind.SERIAL, each)
            return self.allocated(other, seq(self.set(red, [BufferLoad(b, (base,)) for b in shared]), rest))
        width = 1 << (warps - 1).bit_length()
        units = self.reducer.identity_element
        loads = [
            Call(b.dtype, OPS["if_then_else"], (lane < warps, BufferLoad(b, (base + lane,)), unit))
            for b, unit in zip(shared, units)
        ]
        return seq(self.set(red, loads), self.among(red, lane, width, width), self.spread(red, self.warp))

    def among_some(self, red: Sequence[Buffer], rank: Expr, warp: int) -> Stmt:
        """The total of each warp's lanes, the last warp being partly there."""
        lane = rank % warp
        size = self.team.size
        return self.halving(red, lane, warp, warp, lambda by: all_of(lane + by < const(warp), rank + by < const(size)))

    # -- in shared memory

    def in_memory(self, red: Sequence[Buffer]) -> Stmt:
        """A tree over the threads of each group, in shared memory."""
        team = self.team
        shared = self.shared("red_buf_shared", team.threads)
        base = team.group * team.size
        mine = base + team.rank
        steps: list[Stmt] = [_barrier()] if self.repeated else []
        steps.append(seq(*(BufferStore(b, _value(r), (mine,)) for b, r in zip(shared, red))))
        offset = 1
        while offset < team.size:
            steps.append(_barrier())
            inner = team.rank % (2 * offset) == 0
            there = all_of(inner, team.rank + offset < const(team.size))
            steps.append(IfThenElse(there, self.merged(red, shared, mine, mine + offset)))
            offset *= 2
        steps.append(_barrier())
        steps.append(self.set(red, [BufferLoad(b, (base,)) for b in shared]))
        return self.allocated(shared, seq(*steps))

    def merged(self, red: Sequence[Buffer], shared: Sequence[Buffer], mine: Expr, other: Expr) -> Stmt:
        values = self.combined([_value(b) for b in red], [BufferLoad(b, (other,)) for b in shared])
        if len(values) == 1:
            store: Stmt = BufferStore(red[0], values[0], (const(0),))
        else:
            temporaries = self.local("t")
            store = self.allocated(
                temporaries, seq(self.set(temporaries, values), self.set(red, [_value(t) for t in temporaries]))
            )
        return seq(store, *(BufferStore(b, _value(r), (mine,)) for b, r in zip(shared, red)))

    # -- small things

    def combine(self, red: Sequence[Buffer], other: Sequence[Buffer], there: Expr | None) -> Stmt:
        """`red = combined(red, other)`, where `there` holds."""
        values = self.combined([_value(b) for b in red], [_value(b) for b in other])
        if len(values) == 1:
            store: Stmt = BufferStore(red[0], values[0], (const(0),))
        else:
            # All are computed before the first is stored: each may depend on the former values of all.
            store = seq(self.set(other, values), self.set(red, [_value(b) for b in other]))
            if _shares(values, other):
                kept = self.local("u")
                moved = [self.set(kept, values), self.set(red, [_value(b) for b in kept])]
                store = self.allocated(kept, seq(*moved))
        return store if there is None else IfThenElse(there, store)

    def combined(self, left: Sequence[Expr], right: Sequence[Expr]) -> list[Expr]:
        operands: dict[Var, Expr] = dict(zip(self.reducer.lhs, left)) | dict(zip(self.reducer.rhs, right))
        return [substitute(e, operands) for e in self.reducer.result]

    def set(self, buffers: Sequence[Buffer], values: Sequence[Expr]) -> Stmt:
        return seq(*(BufferStore(b, v, (const(0),)) for b, v in zip(buffers, values)))

    def local(self, name: str) -> list[Buffer]:
        return [decl_buffer((1,), t, f"{name}{k}", scope="local") for k, t in enumerate(self.types)]

    def shared(self, name: str, size: int) -> list[Buffer]:
        return [decl_buffer((size,), t, f"{name}{k}", scope="shared") for k, t in enumerate(self.types)]

    @staticmethod
    def allocated(buffers: Sequence[Buffer], body: Stmt) -> Stmt:
        for buffer in reversed(buffers):
            body = Allocate(buffer, body)
        return body


def _value(buffer: Buffer) -> Expr:
    return BufferLoad(buffer, (const(0),))


def _shares(values: Sequence[Expr], buffers: Sequence[Buffer]) -> bool:
    """Whether a value depends on a buffer that an earlier one would be stored to."""
    return any(set(buffers_in(v)) & set(buffers[:k]) for k, v in enumerate(values))


def _give(target: Expr, value: Expr) -> Stmt:
    """Store a total to the element that a load names, or to the first that a pointer points to."""
    if isinstance(target, BufferLoad):
        return BufferStore(target.buffer, value, target.indices)
    if isinstance(target, Var):
        scope = target.scope or "local"
        return BufferStore(decl_buffer((1,), value.dtype, target.name, data=target, scope=scope), value, (const(0),))
    raise LowerError("tvm_thread_allreduce stores to an element or to a buffer's pointer, not to {0}", target)


def _is_true(e: Expr) -> bool:
    return isinstance(e, IntImm) and e.value == 1


def _barrier() -> Stmt:
    return Evaluate(Call(VOID, OPS["tvm_storage_sync"], (StringImm("shared"),)))


def _waits(body: Stmt) -> bool:
    """Whether every iteration of a loop surely passes a barrier of its own."""
    stmts = body.children() if type(body).__name__ == "SeqStmt" else (body,)
    return any(
        isinstance(s, Evaluate) and isinstance(s.value, Call) and s.value.op.name == "tvm_storage_sync" for s in stmts
    )
