"""The code of a reduction across threads: warp shuffles, with shared memory between warps. It has no barriers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...tir.buffer import Buffer, BufferLoad, decl_buffer
from ...tir.dtype import VOID
from ...tir.errors import LowerError
from ...tir.expr import TRUE, Call, CommReducer, Expr, IntImm, Select, Var, all_of, cast, const
from ...tir.function import PrimFunc
from ...tir.op import OPS
from ...tir.stmt import Allocate, AttrStmt, BufferStore, Evaluate, For, ForKind, IfThenElse, Stmt, seq
from ...tir.visit import buffers_in, substitute
from .kernels import THREAD_AXES

ALLREDUCE = "tvm_thread_allreduce"
SCOPE = "reduce_scope"
"""The key of the attribute around a reduction, of the reducer; its value is one of the two that follow."""

FOR_ALL, FOR_FIRST = 0, 1
"""Which threads of those that reduce together need the totals: each of them, or the first alone."""

ALL_LANES = 0xFFFFFFFF


@dataclass(frozen=True)
class Allreduce:
    """What `T.tvm_thread_allreduce(count, *values, condition, *results, *axes)` is given.

    Attributes
    ----------
    values: what each thread gives, where `condition` holds. results: where it is left the totals. axes: the variables
    of the thread axes whose threads reduce together.
    """

    values: tuple[Expr, ...]
    condition: Expr
    results: tuple[Expr, ...]
    axes: tuple[Expr, ...]

    @staticmethod
    def of(node: Stmt) -> Allreduce | None:
        """What a statement reduces, None where it is no reduction across threads."""
        call = node.value if isinstance(node, Evaluate) else None
        if not isinstance(call, Call) or call.op.name != ALLREDUCE:
            return None
        count = int(getattr(call.args[0], "value", 0))
        values, rest = call.args[1 : 1 + count], call.args[1 + count :]
        return Allreduce(values, rest[0], rest[1 : 1 + count], rest[1 + count :])

    @property
    def of_constants(self) -> Evaluate:
        """The same reduction of values that are not loaded: all that it touches is its own memory and the results'."""
        values = [const(0, v.dtype) for v in self.values]
        args = (const(len(values)), *values, TRUE, *self.results, *self.axes)
        return Evaluate(Call(VOID, OPS[ALLREDUCE], args))


def is_for_first(scope: AttrStmt) -> bool:
    """Whether the first of the threads that reduce together is the only one that needs the totals."""
    return isinstance(scope.value, IntImm) and scope.value.value == FOR_FIRST


def reduction(
    node: Evaluate,
    scope: AttrStmt | None,
    axes: Mapping[str, tuple[Var, Expr]],
    bound: Mapping[Var, str],
    warp: int,
    root: PrimFunc,
) -> Stmt:
    """The code of `node`, a reduction across threads, without the barriers that it needs.

    Threads that reduce together and are neighbours in a warp exchange by shuffles: after step k each has the values of
    itself and the `2**k - 1` threads after it, so values are combined in order. Whole warps then put their results into
    shared memory (`red_buf`) and each combines them by shuffles again. Where the threads that belong together are
    scattered, or fill no whole warps, all is done in shared memory.

    Parameters
    ----------
    scope: the `reduce_scope` around. axes: the variable and the extent of each thread axis of the kernel.
    bound: the axes of the loops around, by the loops' variables. warp: its lanes.

    Raises
    ------
    LowerError: no reducer around; a variable of no thread axis; a number of threads that is not a constant.
    """
    call = Allreduce.of(node)
    assert call is not None
    if scope is None or not isinstance(scope.node, CommReducer):
        raise LowerError("{0} stands in no reduce_scope, so it is not known what it does", node, root=root)
    wanted = [a for a in call.axes if not isinstance(a, IntImm)]  # an axis of one thread, since simplified
    names = {bound[a] for a in wanted if isinstance(a, Var) and a in bound}
    if len(names) != len(wanted):
        raise LowerError("{0} names variables of no thread axis around it", node, root=root)
    team = _team(axes, names, node, root)
    pairs = zip(call.values, scope.node.identity_element)
    values = [v if _is_true(call.condition) else Select(call.condition, v, e) for v, e in pairs]
    return _Code(scope.node, team, warp, alone=is_for_first(scope)).reduce(values, call.results)


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


def _team(axes: Mapping[str, tuple[Var, Expr]], wanted: set[str], node: Stmt, root: PrimFunc) -> _Team:
    """Which threads reduce together: those that differ along the axes `wanted`."""
    rank: Expr = const(0)
    group: Expr = const(0)
    number: Expr = const(0)
    size, groups, adjacent = 1, 1, True
    for axis in THREAD_AXES:
        if axis not in axes:
            continue
        own, threads = axes[axis]
        if not isinstance(threads, IntImm):
            raise LowerError(
                f"{axis} has {threads} threads, which is no constant; threads cannot reduce together then, as in {{0}}",
                node,
                root=root,
                hint="split the loop by a constant number of threads and bind the inner one",
            )
        extent, var = threads.value, cast(own, "int32")
        number = var if size * groups == 1 else number + var * (size * groups)
        if axis in wanted:
            adjacent = adjacent and groups == 1
            rank, size = (var if size == 1 else rank + var * size), size * extent
        else:
            group, groups = (var if groups == 1 else group + var * groups), groups * extent
    return _Team(rank, group, size, groups, adjacent or size == 1, size * groups, number)


class _Code:
    """The code of one reduction. `alone`: the first thread of each group is the only one that needs the total."""

    def __init__(self, reducer: CommReducer, team: _Team, warp: int, *, alone: bool) -> None:
        self.reducer, self.team, self.warp, self.alone = reducer, team, warp, alone
        self.mask: Expr = const(ALL_LANES, "uint32")
        rest = team.threads % warp
        if rest:
            there = const((1 << rest) - 1, "uint32")
            self.mask = Select(team.number < team.threads - rest, self.mask, there) if team.threads > warp else there
        self.types = [e.dtype for e in reducer.identity_element]

    def reduce(self, values: Sequence[Expr], results: Sequence[Expr]) -> Stmt:
        """Leave the total of each group's values with each of its threads, or with the first."""
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
        """What the first lane has, for all that need it."""
        if self.alone:
            return seq()
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
        steps.append(IfThenElse(first, seq(*(BufferStore(b, _value(r), (place,)) for b, r in zip(shared, red)))))
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

    def in_memory(self, red: Sequence[Buffer]) -> Stmt:
        """A tree over the threads of each group, in shared memory."""
        team = self.team
        shared = self.shared("red_buf_shared", team.threads)
        base = team.group * team.size
        mine = base + team.rank
        steps: list[Stmt] = [BufferStore(b, _value(r), (mine,)) for b, r in zip(shared, red)]
        offset = 1
        while offset < team.size:
            inner = team.rank % (2 * offset) == 0
            there = all_of(inner, team.rank + offset < const(team.size))
            merged = [self.merged(red, shared, mine + offset)]
            offset *= 2
            if offset < team.size or not self.alone:
                merged += [BufferStore(b, _value(r), (mine,)) for b, r in zip(shared, red)]
            steps.append(IfThenElse(there, seq(*merged)))
        if not self.alone:
            steps.append(self.set(red, [BufferLoad(b, (base,)) for b in shared]))
        return self.allocated(shared, seq(*steps))

    def merged(self, red: Sequence[Buffer], shared: Sequence[Buffer], other: Expr) -> Stmt:
        """`red` combined with what is at the place `other` in shared memory."""
        values = self.combined([_value(b) for b in red], [BufferLoad(b, (other,)) for b in shared])
        if len(values) == 1:
            return BufferStore(red[0], values[0], (const(0),))
        temporaries = self.local("t")
        return self.allocated(
            temporaries, seq(self.set(temporaries, values), self.set(red, [_value(t) for t in temporaries]))
        )

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
