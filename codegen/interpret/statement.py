"""Statements as Python source: loops, blocks, allocations, and the functions that threads run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...tir import stmt as st
from ...tir.buffer import Buffer, MatchBufferRegion
from ...tir.expr import Call, CommReducer, Expr, IntImm, StringImm, Var
from ...tir.node import Node
from ...tir.op import Effect, Intrinsic
from ...tir.stmt import ForKind, IterType, Stmt
from ...tir.visit import free_vars, walk
from ..fragments import LANE_OPERATIONS, WARP_OPERATIONS, is_whole
from ..passes.kernels import GROUPS, ONCE, WAITING
from . import scalars
from .access import View
from .intrinsic import Calls
from .source import Val, number

NESTED = 15
"""Loops after which the rest goes into a function of its own: CPython nests at most 20 blocks."""

GLOBAL = "global"
"""The scope of memory that all blocks of threads share."""


ORDERED = (ForKind.SERIAL, ForKind.UNROLLED)
"""Kinds of loops whose iterations run one after the other."""


def exchanges(stmt: Node) -> bool:
    """Whether a thread that runs `stmt` waits for others."""
    return bool(exchanging(stmt))


def exchanging(stmt: Node) -> list[Call]:
    """The calls by which threads wait for others."""
    calls = [n for n in walk(stmt) if isinstance(n, Call) and isinstance(n.op, Intrinsic)]
    # While memory holds what all lanes have, what they do together needs no lanes.
    return [n for n in calls if n.op.name in WAITING or (n.op.name in LANE_OPERATIONS and not is_whole(n))]


def begins_exchange(loop: st.For) -> bool:
    """Whether the iterations of a loop bound to threads have to run as threads.

    Where they only reduce together, those do that reduce, each group by itself: other threads do not wait for them.
    """
    calls = exchanging(loop)
    together = [n for n in calls if n.op.name == "tvm_thread_allreduce"]
    if len(together) < len(calls):
        return True
    return any(loop.loop_var in free_vars(n) for n in together)


def has_effects(stmt: Node) -> bool:
    """Whether running `stmt` changes more than its stores do."""
    return any(
        isinstance(n, Call) and not (isinstance(n.op, Intrinsic) and n.op.effect in (Effect.PURE, Effect.READ))
        for n in walk(stmt)
    )


def updates(value: Expr) -> bool:
    """Whether a call changes memory that threads share, each by itself and without waiting for others."""
    called = [n.op for n in walk(value) if isinstance(n, Call) and isinstance(n.op, Intrinsic)]
    named = {str(op.name) for op in called}
    return any(op.effect is Effect.UPDATE for op in called) and not named & (WAITING | GROUPS | ONCE | WARP_OPERATIONS)


def meets_grid(stmt: Node) -> bool:
    """Whether a thread that runs `stmt` waits for those of other blocks."""
    calls = (n for n in walk(stmt) if isinstance(n, Call) and n.op.name == "tvm_storage_sync")
    return any(isinstance(call.args[0], StringImm) and call.args[0].value == "global" for call in calls)


class Statements(Calls):
    """Turns statements into lines."""

    stmt_table: dict[type[Stmt], Callable[[Any, Any], None]] = {}

    def __init__(self, *, sanitize: bool, check_regions: bool) -> None:
        super().__init__(sanitize=sanitize, check_regions=check_regions)
        self.nested = 0
        self.effects = True
        """Whether there are calls with effects at all."""
        self.launched: dict[Buffer, tuple[Val, tuple[str, ...]]] = {}
        """Buffers that threads share, allocated where they are launched: for each warp, or each block or virtual thread
        around their allocation."""
        self.coordinates: dict[str, tuple[str, Val]] = {}
        """Of each thread axis running: the name of the coordinate and the extent."""
        self.bound: dict[Var, str] = {}
        """The thread axis of the loops running, by their variables."""
        self.under: tuple[str, ...] = ()
        """The thread axes with a loop around, of those running."""
        self.concurrent: list[tuple[st.For, str, str]] = []
        """Concurrent loops around, each with the names of its run and of its iteration."""

    def run(self, stmt: Stmt) -> None:
        """Append the lines of `stmt`."""
        method = self.stmt_table.get(type(stmt))
        if method is None:
            raise scalars.Fault(f"a statement of class {type(stmt).__name__} cannot be run")
        outer, visible = self.stmt, self.visible
        if not isinstance(stmt, st.SeqStmt):
            self.stmt = stmt
            self.slots = 0
        method(self, stmt)
        self.stmt, self.visible = outer, visible

    def visit_seq(self, stmt: st.SeqStmt) -> None:
        for child in stmt.seq:
            self.run(child)

    def visit_evaluate(self, stmt: st.Evaluate) -> None:
        if isinstance(stmt.value, IntImm):
            return
        if self.thread and updates(stmt.value):
            return self.first(GLOBAL, lambda: self.evaluated(stmt))
        self.evaluated(stmt)

    def evaluated(self, stmt: st.Evaluate) -> None:
        self.ordered = self.effects and has_effects(stmt)
        for v in self.lanes(stmt.value):
            if not v.atomic:
                self.line(v.src)
        self.ordered = False

    def visit_store(self, stmt: st.BufferStore) -> None:
        scope = stmt.buffer.scope
        if self.thread and not stmt.buffer.is_private:
            return self.first(scope, lambda: self.stored(stmt))
        self.stored(stmt)

    def first(self, scope: str, change: Callable[[], None]) -> None:
        """What changes memory that threads share, where they all come: by the first of each axis with no loop around.

        Blocks of threads share only global memory.
        """
        axes = [axis for axis in self.coordinates if axis not in self.under]
        names = [self.coordinates[axis][0] for axis in axes if scope == GLOBAL or not axis.startswith("blockIdx")]
        if not names:
            return change()
        with self.block(f"if {' and '.join(f'{name} == 0' for name in names)}:"):
            change()

    def stored(self, stmt: st.BufferStore) -> None:
        self.ordered = self.effects and has_effects(stmt)
        view = self.view_of(stmt.buffer)
        lanes = self.lanes(stmt.value)
        mask = [self.atom(v) for v in self.values(stmt.predicate)] if stmt.predicate is not None else None
        if len(lanes) > 1 or self.sanitize:
            lanes = [self.atom(v) for v in lanes]
        places = self.elements(view, stmt.indices, "write", mask)
        self.store(view, places, lanes, mask)
        self.ordered = False

    def visit_if(self, stmt: st.IfThenElse) -> None:
        condition = self.value(stmt.condition)
        if condition.constant is not None:
            chosen = stmt.then_case if condition.constant else stmt.else_case
            if chosen is not None:
                self.run(chosen)
            return
        with self.block(f"if {condition.src}:"):
            self.run(stmt.then_case)
        if stmt.else_case is not None:
            with self.block("else:"):
                self.run(stmt.else_case)

    def visit_let_stmt(self, stmt: st.LetStmt) -> None:
        depth = self.depth
        self.ordered = self.effects and has_effects(stmt.value)
        lanes = self.values(stmt.value)
        self.ordered = False
        self.bind(stmt.var, lanes)
        self.run(stmt.body)
        self.close_scopes(depth)

    def visit_assert(self, stmt: st.AssertStmt) -> None:
        self.line(f"if not ({self.value(stmt.condition).src}): fail({stmt.message!r})")

    def visit_attr(self, stmt: st.AttrStmt) -> None:
        outer = self.reducer
        if stmt.attr_key == "reduce_scope" and isinstance(stmt.node, CommReducer):
            self.reducer = stmt.node
        self.run(stmt.body)
        self.reducer = outer

    def visit_while(self, stmt: st.While) -> None:
        with self.block("while True:"):
            self.nested += 1
            condition = self.value(stmt.condition)
            self.line(f"if not ({condition.src}): break")
            self.run(stmt.body)
            self.nested -= 1

    def allocated(self, buffer: Buffer) -> None:
        """Give `buffer` fresh memory, or what its threads share, from here on."""
        pointer = self.settle(self.shared(buffer) if buffer in self.launched else self.allocation(buffer))
        self.vars[buffer.data] = [pointer]
        self.declare(buffer, pointer)

    def shared(self, buffer: Buffer) -> Val:
        """What the running thread has of memory that was allocated for all."""
        memory, axes = self.launched[buffer]
        if buffer.scope.startswith("warp"):
            return Val(f"{memory.src}[{self.thread}.warp]", self.depth)
        if not axes:
            return memory
        place = number(0)
        for axis in axes:
            name, extent = self.coordinates[axis]
            place = self.plus(self.times(place, extent), Val(name, self.depth, True, 0, max(extent.bounds[1] - 1, 0)))
        return Val(f"{memory.src}[{place.src}]", self.depth)

    def allocation(self, buffer: Buffer) -> Val:
        """The expression that allocates the memory of `buffer`."""
        count = number(1)
        if buffer.strides:
            count = self.plus(count, self.index(buffer.elem_offset))
            for extent, stride in zip(buffer.shape, buffer.strides):
                count = self.plus(count, self.times(self.plus(self.index(extent), number(-1)), self.index(stride)))
        else:
            for extent in buffer.shape:
                count = self.times(count, self.index(extent))
        size = self.times(count, number(buffer.dtype.bytes * buffer.dtype.lanes))
        return Val(f"rt.allocate({size.src}, {self.constant(buffer)})", self.depth)

    def visit_allocate(self, stmt: st.Allocate) -> None:
        depth = self.depth
        self.allocated(stmt.buffer)
        self.run(stmt.body)
        self.close_scopes(depth)

    def visit_decl_buffer(self, stmt: st.DeclBuffer) -> None:
        depth = self.depth
        self.declare(stmt.buffer, self.vars[stmt.buffer.data][0])
        self.run(stmt.body)
        self.close_scopes(depth)

    def matched(self, match: MatchBufferRegion) -> None:
        """Make a match_buffer a view of its source: what its offset and strides name is found there."""
        buffer, region = match.buffer, match.source
        source = self.view_of(region.buffer)
        origin = [self.settle(self.index(r.min)) for r in region.region]
        place = self.settle(self.flat(source, origin))
        offset = self.settle(self.minus(place, source.start))
        strides = source.strides[len(source.strides) - buffer.ndim :]
        for declared, actual in zip((buffer.elem_offset, *buffer.strides), (offset, *strides)):
            if isinstance(declared, Var) and declared not in self.vars:
                self.bind(declared, [actual])
        for declared, actual in zip(buffer.strides, strides):
            required = self.index(declared)
            if required.src != actual.src:
                message = f"match_buffer `{buffer.name}` declares strides that its source does not have"
                self.line(f"if {required.src} != {actual.src}: fail({message!r})")
        self.vars[buffer.data] = [source.pointer]
        shape = [self.settle(self.index(e)) for e in buffer.shape]
        self.views[buffer] = View(
            buffer, source.memory, source.pointer, shape, strides, place, source.start, source.shadow, source, origin
        )

    def visit_for(self, loop: st.For) -> None:
        if loop.thread_binding is not None:
            if loop.thread_binding in self.coordinates:
                return self.thread_loop(loop)
            # Blocks run one after the other, unless they wait for each other.
            among = loop.bound_to != "blockIdx" or meets_grid(loop)
            if among and not self.thread and begins_exchange(loop):
                return self.launch(loop)
        if self.nested >= NESTED:
            return self.outlined(loop)
        depth = self.depth
        low, extent = self.index(loop.min), self.index(loop.extent)
        name = self.fresh("i")
        concurrent = self.sanitize and loop.kind not in ORDERED
        run = self.fresh("r")
        if concurrent:
            self.line(f"{run} = Run({self.constant(loop)})")
        bounds = extent.src if low.constant == 0 else f"{low.src}, {self.plus(low, extent).src}"
        self.nested += 1
        with self.block(f"for {name} in range({bounds}):"):
            least, most = low.bounds[0], low.bounds[1] + max(extent.bounds[1] - 1, 0)
            self.enter(loop, Val(name, 0, True, least, most))
            if concurrent:
                self.concurrent.append((loop, run, name))
            self.run(loop.body)
        self.nested -= 1
        if concurrent:
            self.concurrent.pop()
        self.close_scopes(depth)

    def enter(self, loop: st.For, value: Val) -> None:
        """Let the loop's variable stand for `value` in its body, whose scope begins here."""
        self.see(loop.loop_var, value)
        self.open_scope()
        self.vars[loop.loop_var] = [Val(value.src, self.depth, True, value.lo, value.hi, stable=True)]

    def outlined(self, loop: st.For) -> None:
        name = self.fresh("f")
        depth = self.depth
        outer, self.nested = self.nested, 0
        with self.block(f"def {name}():"):
            self.open_scope()
            self.visit_for(loop)
        self.nested = outer
        self.close_scopes(depth)
        self.line(f"yield from {name}()" if self.thread and exchanges(loop) else f"{name}()")

    def launch(self, loop: st.For) -> None:
        """Run all threads of the loops at and below `loop`, each as a coroutine that waits where they exchange."""
        depth = self.depth
        axes: dict[str, Val] = {}
        for node in walk(loop):
            if isinstance(node, st.For) and node.thread_binding is not None:
                axes.setdefault(node.thread_binding, self.settle(self.index(node.extent)))
        path = self.path_text((run, name) for _, run, name in self.concurrent)
        outer = self.launched, self.thread, self.coordinates, self.under, self.nested, self.concurrent
        for buffer, under in _shared(loop, ()):
            memory = self.allocation(buffer)
            counted = (*axes,) if buffer.scope.startswith("warp") else under
            if counted:
                count = number(1)
                for axis in counted:
                    count = self.times(count, axes[axis])
                memory = Val(f"[{memory.src} for _ in range({count.src})]", self.depth)
            self.launched = {**self.launched, buffer: (self.settle(memory), under)}
        body, self.thread = self.fresh("g"), self.fresh("h")
        self.nested, self.concurrent, self.under = 0, [], ()
        with self.block(f"def {body}({self.thread}):"):
            self.line("S = array('f', SLOTS)")
            names = [self.fresh("c") for _ in axes]
            self.line(f"{', '.join(names)}, = {self.thread}.place")
            self.coordinates = {axis: (name, axes[axis]) for axis, name in zip(axes, names)}
            self.open_scope()
            self.thread_loop(loop)
            self.line("yield from ()")
        self.launched, self.thread, self.coordinates, self.under, self.nested, self.concurrent = outer
        self.close_scopes(depth)
        extents = ", ".join(f"({axis!r}, {extent.src})" for axis, extent in axes.items())
        self.line(f"launch({body}, ({extents},), {path}, {self.constant(loop)})")

    def path_text(self, frames: Iterable[tuple[str, str]], *, threads: bool = True) -> str:
        """The Python tuple that says which iterations run: those of the `threads`, then of the loops in `frames`."""
        before = f"*{self.thread}.path, " if self.thread and threads else ""
        return f"({before}{''.join(f'{run}, {name}, ' for run, name in frames)})"

    def thread_loop(self, loop: st.For) -> None:
        """The body for the running thread's coordinate, where the loop has it."""
        assert loop.thread_binding is not None
        name, whole = self.coordinates[loop.thread_binding]
        low, extent = self.index(loop.min), self.index(loop.extent)
        depth = self.depth
        value = self.plus(Val(name, self.depth, True, 0, max(whole.bounds[1] - 1, 0)), low)
        value = self.settle(value)
        self.bound[loop.loop_var] = loop.thread_binding
        outer, self.under = self.under, (*self.under, loop.thread_binding)
        if extent.src == whole.src:
            self.enter(loop, value)
            self.run(loop.body)
        else:
            with self.block(f"if {name} < {extent.src}:"):
                self.enter(loop, value)
                self.run(loop.body)
        self.under = outer
        self.close_scopes(depth)

    def axis_of(self, e: Expr) -> str:
        if isinstance(e, Var) and self.bound.get(e) in self.coordinates:
            return self.bound[e]
        raise scalars.Fault("tvm_thread_allreduce names loop variables bound to thread axes")

    def visit_block_realize(self, stmt: st.BlockRealize) -> None:
        depth = self.depth
        block = stmt.block
        predicate = self.value(stmt.predicate)
        if predicate.constant == 1:
            self.instance(stmt, block)
        else:
            with self.block(f"if {predicate.src}:"):
                self.instance(stmt, block)
        self.close_scopes(depth)

    def instance(self, stmt: st.BlockRealize, block: st.Block) -> None:
        for iter_var, value in zip(block.iter_vars, stmt.iter_values):
            self.bind(iter_var.var, [self.index(value)])
            self.see(iter_var.var, self.vars[iter_var.var][0])
        for buffer in block.alloc_buffers:
            self.allocated(buffer)
        for match in block.match_buffers:
            self.matched(match)
        self.declare_regions(block)
        if block.init is not None:
            tests = [
                self.combine("{} == {}", self.vars[iv.var][0], self.index(iv.dom.min))
                for iv in block.iter_vars
                if iv.iter_type is IterType.REDUCE
            ]
            with self.block(f"if {' and '.join(t.text for t in tests)}:"):
                self.run(block.init)
        self.run(block.body)

    def declare_regions(self, block: st.Block) -> None:
        """Let every access until the block ends be compared with what it declares (in the sanitizer)."""


def _shared(stmt: Stmt, under: tuple[str, ...]) -> Iterator[tuple[Buffer, tuple[str, ...]]]:
    """The buffers allocated below that threads share, each with the axes of virtual threads and blocks around it."""
    found: tuple[Buffer, ...] = ()
    if isinstance(stmt, st.For) and stmt.thread_binding is not None:
        under = under if stmt.bound_to == "threadIdx" else (*under, stmt.thread_binding)
    elif isinstance(stmt, st.Allocate):
        found = (stmt.buffer,)
    elif isinstance(stmt, st.Block):
        found = stmt.alloc_buffers
    yield from ((b, under) for b in found if b.scope != GLOBAL and not b.is_private)
    for child in stmt.children():
        if isinstance(child, Stmt):
            yield from _shared(child, under)


Statements.stmt_table = {
    st.SeqStmt: Statements.visit_seq,
    st.Evaluate: Statements.visit_evaluate,
    st.BufferStore: Statements.visit_store,
    st.IfThenElse: Statements.visit_if,
    st.LetStmt: Statements.visit_let_stmt,
    st.AssertStmt: Statements.visit_assert,
    st.AttrStmt: Statements.visit_attr,
    st.While: Statements.visit_while,
    st.Allocate: Statements.visit_allocate,
    st.DeclBuffer: Statements.visit_decl_buffer,
    st.For: Statements.visit_for,
    st.BlockRealize: Statements.visit_block_realize,
}
