"""Statements as C: loops, branches, allocations, asserts; parallel loops as OpenMP's."""

from __future__ import annotations

from typing import Any

from ...tir.buffer import Buffer
from ...tir.errors import LowerError
from ...tir.expr import Call, Expr, IntImm, Var
from ...tir.function import PrimFunc
from ...tir.op import Intrinsic
from ...tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
)
from ...tir.visit import Visitor, walk_unique
from ..runtime import codes
from ..streaming import STACK_BYTES, Streams
from .expr import ExprEmitter
from .ranges import interval
from .types import memory_type, value_type
from .writer import UNARY, Code, Writer

ALIGNMENT = 64
"""Bytes that the memory of an allocation is a multiple of."""


class StmtEmitter(Visitor):
    """Emits statements into one function.

    Attributes
    ----------
    blocks: the names of the blocks that compute each buffer, by its name, for comments.
    streams: what is stored past the caches. fenced: whether to wait for that before other threads go on.
    """

    streams = Streams()
    fenced = False

    def __init__(self, w: Writer, func: PrimFunc, threads: int, blocks: dict[str, list[str]]) -> None:
        self.w, self.func, self.threads, self.blocks = w, func, threads, blocks
        self.exprs = ExprEmitter(w)
        self.loops: list[tuple[str, int]] = []
        self.stack_bytes = 0

    def __call__(self, node: Any) -> None:
        method = self.table.get(type(node))
        if method is None:
            raise LowerError(f"a {type(node).__name__} has no code; lower the program first", node, root=self.func)
        method(self, node)

    def visit_seq_stmt(self, node: SeqStmt) -> None:
        for stmt in node.seq:
            self(stmt)

    def visit_buffer_store(self, node: BufferStore) -> None:
        self.exprs.root(node.value, *node.indices, node.predicate)
        self.exprs.memory.store(node)

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.exprs.root(node.value)
        value = self.exprs(node.value)
        known = interval(node.value, self.exprs.ranges)
        if known is not None:
            self.exprs.ranges[node.var] = known
        kind = self.exprs.kind(node.var.dtype)
        self.exprs.vars[node.var] = self.w.let(kind, value, node.var.name)
        self(node.body)

    def visit_attr_stmt(self, node: AttrStmt) -> None:
        pointers = self.streams.pointers.get(node)
        if pointers is None or self.exprs.memory.past_caches:
            self(node.body)
        elif pointers:
            parts = [f"((uintptr_t){self.exprs(data)} & {align - 1})" for data, align in pointers.items()]
            with self.w.block(f"if (({' | '.join(parts)}) == 0)"):
                self.stream(node.body)
            with self.w.block("else"):
                self(node.body)
        else:
            self.stream(node.body)

    def stream(self, body: Stmt) -> None:
        """`body`, with the stores in it past the caches that can be."""
        self.exprs.memory.past_caches = self.streams.stores
        self(body)
        self.exprs.memory.past_caches = {}

    def fence(self) -> None:
        """Wait for the stores past the caches, of which other threads could see later ones first."""
        if self.fenced:
            self.w.line("tir_fence();")

    def visit_decl_buffer(self, node: DeclBuffer) -> None:
        self(node.body)

    def visit_assert_stmt(self, node: AssertStmt) -> None:
        self.exprs.root(node.condition)
        condition = self.exprs(node.condition).within(UNARY)
        self.w.fail_if(f"!{condition}", self.w.shared.message(node.message))

    def visit_evaluate(self, node: Evaluate) -> None:
        value = node.value
        if isinstance(value, IntImm):
            return
        self.exprs.root(value)
        if isinstance(value, Call) and isinstance(value.op, Intrinsic):
            control = getattr(self, f"control_{value.op.name}", None)
            if control is not None:
                control(value)
                return
        text = self.exprs(value)
        if text:
            self.w.line(
                f"{'' if isinstance(value, Call) and value.dtype.kind == 'void' else '(void)'}{text.within(15)};"
            )

    def control_ret(self, call: Call) -> None:
        if self.w.exit is not None:
            raise LowerError("T.ret is in a parallel loop, which C cannot leave", call, root=self.func)
        if call.args and self.func.ret_type.kind != "void":
            (value,) = call.args
            self.w.line(f"*result = {self.exprs.memory.to_memory(self.exprs(value), value.dtype)};")
        for text in reversed(self.w.cleanups):
            self.w.line(text)
        self.fence()
        self.w.line("return 0;")

    def control_trap(self, call: Call) -> None:
        self.w.leave(str(self.w.shared.message("the program trapped")))

    def control_break_loop(self, call: Call) -> None:
        self.jump(call, "break")

    def control_continue_loop(self, call: Call) -> None:
        self.jump(call, "continue")

    def jump(self, call: Call, word: str) -> None:
        if not self.loops or (word == "break" and self.loops[-1][0] == "parallel"):
            raise LowerError(f"T.{call.op.name} is in no serial loop", call, root=self.func)
        for text in reversed(self.w.cleanups[self.loops[-1][1] :]):
            self.w.line(text)
        self.w.line(f"{word};")

    def visit_if_then_else(self, node: IfThenElse) -> None:
        self.exprs.root(node.condition)
        with self.w.block(f"if ({self.exprs(node.condition)})"):
            self(node.then_case)
        if node.else_case is not None:
            with self.w.block("else"):
                self(node.else_case)

    def visit_while(self, node: While) -> None:
        self.exprs.root(node.condition)
        with self.w.aside() as lines:
            condition = self.exprs(node.condition)
        self.loops.append(("serial", len(self.w.cleanups)))
        with self.w.block("for (;;)" if lines else f"while ({condition})"):
            if lines:
                self.w.lines += lines
                self.w.line(f"if (!({condition})) break;")
            self(node.body)
        self.loops.pop()

    def visit_for(self, node: For) -> None:
        if node.kind is ForKind.THREAD_BINDING:
            raise LowerError(
                f"{{0}} is bound to {node.thread_binding}, which a CPU does not have",
                node,
                root=self.func,
                hint="build for a GPU target, or make the loop parallel instead of binding it",
            )
        if self.w.depth == 1:
            self.comment(node)
        self.exprs.root(node.min, node.extent)
        var, kind = node.loop_var, value_type(node.loop_var.dtype)
        counts = kind if var.dtype.is_index else "int64_t"
        begin = self.bound(node.min, counts)
        end = self.end(node, begin, counts)
        low, size = interval(node.min, self.exprs.ranges), interval(node.extent, self.exprs.ranges)
        if low is not None and size is not None:
            self.exprs.ranges[var] = low[0], max(low[0], low[1] + size[1] - 1)
        counter = self.w.names.fresh(var.name)
        header = f"for ({counts} {counter} = {begin}; {counter} < {end}; ++{counter})"
        self.exprs.vars[var] = Code(counter)
        if node.kind is ForKind.PARALLEL and self.w.exit is None:
            self.parallel(node, header, kind if counts != kind else "")
            return
        self.loops.append(("serial", len(self.w.cleanups)))
        with self.w.block(header):
            self.body(node, kind if counts != kind else "")
        self.loops.pop()

    def body(self, node: For, kind: str) -> None:
        if kind:
            self.exprs.vars[node.loop_var] = self.w.let(
                kind, f"({kind}){self.exprs.vars[node.loop_var]}", node.loop_var.name
            )
        self(node.body)

    def bound(self, e: Expr, kind: str) -> Code:
        """A loop's bound, evaluated once."""
        value = self.exprs.index(e)
        return value if isinstance(e, (IntImm, Var)) else self.w.let(kind, value, "n")

    def end(self, node: For, begin: Code, kind: str) -> Code:
        if isinstance(node.min, IntImm) and isinstance(node.extent, IntImm):
            return Code(str(node.min.value + node.extent.value))
        size = self.bound(node.extent, kind)
        return size if isinstance(node.min, IntImm) and node.min.value == 0 else Code(f"{begin} + {size.within(11)}")

    def comment(self, node: For) -> None:
        """Say which blocks of the program a loop nest computes."""
        stored = dict.fromkeys(n.buffer.name for n in walk_unique(node.body) if isinstance(n, BufferStore))
        names = list(dict.fromkeys(block for name in stored for block in self.blocks.get(name, ())))
        if names:
            listed = ", ".join(names).replace("*/", "* /").replace("\n", " ")
            self.w.line(f"/* block{'s' * (len(names) > 1)} {listed} */")

    def parallel(self, node: For, header: str, kind: str) -> None:
        """A loop whose iterations run in OpenMP's threads; the first error to be noticed leaves the function."""
        w = self.w
        error, label = w.names.fresh("error"), w.names.fresh("next")
        before, w.can_fail = w.can_fail, False
        w.exit = error, label, len(w.cleanups)
        self.loops.append(("parallel", len(w.cleanups)))
        lines, w.lines = w.lines, []
        w.depth += 1
        self.body(node, kind)
        self.fence()
        w.depth -= 1
        body, w.lines = w.lines, lines
        self.loops.pop()
        fails, w.exit, w.can_fail = w.can_fail, None, before
        if fails:
            w.line(f"int32_t {error} = 0;")
        self.fence()
        w.lines.append(f"#pragma omp parallel for{f' num_threads({self.threads})' if self.threads else ''}")
        with w.block(header):
            if fails:
                w.line(f"if (tir_failed(&{error})) continue;")
            w.lines += body
            if fails:
                w.lines.append("    " * (w.depth - 1) + f"{label}:;")
        if fails:
            with w.block(f"if ({error} != 0)"):
                w.leave(error)

    def visit_allocate(self, node: Allocate) -> None:
        w, buffer = self.w, node.buffer
        kind = memory_type(buffer.dtype)
        align = max(ALIGNMENT, buffer.data_alignment)
        count = _elements(buffer)
        size = None if count is None else count * buffer.dtype.lanes * buffer.dtype.bytes
        name = w.names.fresh(buffer.name)
        self.exprs.vars[buffer.data] = Code(name)
        self.exprs.memory.kinds[buffer.data] = kind
        if count is not None and size is not None and size <= STACK_BYTES:
            if self.stack_bytes + size <= 4 * STACK_BYTES:
                self.stack_bytes += size
                w.line(f"{kind} {name}[{max(1, count * buffer.dtype.lanes)}] __attribute__((aligned({align})));")
                self(node.body)
                return
        self.exprs.root(*buffer.shape)
        total = " * ".join(["(int64_t)sizeof(" + kind + ")", *(self.exprs(e).within(13) for e in buffer.shape)])
        if buffer.dtype.lanes > 1:
            total += f" * {buffer.dtype.lanes}"
        w.line(f"{kind} *{name} = tir_alloc({total}, {align});")
        with w.block(f"if (!{name})"):
            w.leave(str(codes.OUT_OF_MEMORY))
        w.cleanups.append(f"free({name});")
        self(node.body)
        w.line(w.cleanups.pop())


def _elements(buffer: Buffer) -> int | None:
    """How many elements an allocation has, None where it depends on variables."""
    count = 1
    for extent in buffer.shape:
        if not isinstance(extent, IntImm):
            return None
        count *= max(0, extent.value)
    return count
