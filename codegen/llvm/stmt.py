"""Statements as LLVM basic blocks: loops, branches, allocations, asserts; parallel loops as functions of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...tir.buffer import Buffer
from ...tir.errors import LowerError
from ...tir.expr import Call, IntImm, Var
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
from ...tir.visit import Visitor, free_vars, walk_unique
from ..runtime import codes
from ..signatures import kernel_params
from ..streaming import STACK_BYTES, fenced, find
from .calls import passed_type
from .expr import ExprEmitter
from .function import FunctionBuilder
from .memory import Aliasing
from .module import ModuleBuilder, quoted, symbol
from .types import memory_type, register_type

ALIGNMENT = 64
"""Bytes that the memory of an allocation is a multiple of: a cache line, and the widest vector register."""

UNROLL_LINES, UNROLL_BODY = 200, 32
"""A loop may be unrolled by LLVM if that makes so many instructions in all, or if its body has no more than so many."""


def emit_function(module: ModuleBuilder, func: PrimFunc) -> None:
    """Add the code of `func` to `module`."""
    fb = FunctionBuilder(module)
    fb.declared = {buffer.data: buffer for buffer in func.buffers}
    # The native entry lets no written array overlap another; a call from within the module is its author's business.
    noalias = bool(func.attrs.get("tir.noalias")) or func.name not in module.called
    emitter = StmtEmitter(fb, func, Aliasing(fb, func.name, _groups(func, noalias)))
    params = []
    for var in kernel_params(func):
        buffer = func.buffer_map.get(var)
        name = fb.fresh(_identifier(var.name))
        if buffer is not None:
            alias = " noalias" if noalias else ""
            params.append(f"ptr{alias} align {max(buffer.data_alignment, buffer.dtype.bytes)} {name}")
            emitter.exprs.vars[buffer.data] = emitter.exprs.vars[var] = name
        else:
            kind = passed_type(var)
            params.append(f"{kind} {name}")
            emitter.exprs.vars[var] = emitter.parameter(var, kind, name)
    if func.ret_type.kind != "void":
        params.insert(len(func.params), "ptr noalias %result")
    emitter(func.body)
    emitter.fence()
    fb.leave("0")
    header = f"define i32 {quoted(symbol(func.name))}({', '.join(params)}) {attributes(module)}"
    module.functions.append(fb.text(header))


def attributes(module: ModuleBuilder) -> str:
    """Attributes of every function: what the optimiser may choose for loops we left scalar."""
    return f'nounwind "prefer-vector-width"="{module.target.vector_bits}"'


def _groups(func: PrimFunc, noalias: bool) -> list[list[Var]]:
    """The pointers of the function, grouped so that different groups never overlap."""
    params = [buffer.data for buffer in func.buffers]
    own = [[n.buffer.data] for n in walk_unique(func.body) if isinstance(n, Allocate) and not _on_stack(n.buffer)]
    return [*([p] for p in params), *own] if noalias else [params, *own]


def _bytes(buffer: Buffer) -> int | None:
    """The size of an allocation, None where it depends on variables."""
    size = buffer.dtype.bytes * buffer.dtype.lanes
    for extent in buffer.shape:
        if not isinstance(extent, IntImm):
            return None
        size *= max(0, extent.value)
    return size


def _on_stack(buffer: Buffer) -> bool:
    size = _bytes(buffer)
    return size is not None and size <= STACK_BYTES


def _identifier(name: str) -> str:
    return "".join(c if (c.isalnum() and c.isascii()) or c == "_" else "_" for c in name) or "v"


def may_unroll(lines: int, extent: int | None, *, innermost: bool) -> bool:
    """Whether the optimiser may unroll a loop whose body has so many instructions.

    It would happily unroll loops that a schedule has shaped: large bodies, and outer loops of a few iterations, which
    gains nothing and can make compilation three times as long.
    """
    if extent is not None and lines * extent <= UNROLL_LINES:
        return True
    return innermost and lines <= UNROLL_BODY


class StmtEmitter(Visitor):
    """Emits statements into one function."""

    def __init__(self, fb: FunctionBuilder, func: PrimFunc, aliasing: Aliasing) -> None:
        self.fb, self.func, self.aliasing = fb, func, aliasing
        self.exprs = ExprEmitter(fb, aliasing)
        self.loops: list[tuple[str, str, int]] = []
        self.stack_bytes = 0
        self.loop_count = 0
        self.outlined = False
        self.streams = find(func, fb.module.target)
        self.fenced = fenced(func, fb.module.target)

    def __call__(self, node: Any) -> None:
        method = self.table.get(type(node))
        if method is None:
            raise LowerError(f"a {type(node).__name__} has no code; lower the program first", node, root=self.func)
        method(self, node)

    def parameter(self, var: Var, kind: str, name: str) -> str:
        """A scalar parameter as the register its type has."""
        if kind == register_type(var.dtype):
            return name
        if kind in ("half", "bfloat"):
            return self.fb.let(f"fpext {kind} {name} to float")
        return self.exprs.memory.from_memory(name, var.dtype)

    def visit_seq_stmt(self, node: SeqStmt) -> None:
        for stmt in node.seq:
            self(stmt)
            self.fb.split_long_block()

    def visit_buffer_store(self, node: BufferStore) -> None:
        self.exprs.memory.store(node, self.exprs(node.value))

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.exprs.vars[node.var] = self.exprs(node.value)
        self(node.body)

    def visit_attr_stmt(self, node: AttrStmt) -> None:
        pointers = self.streams.pointers.get(node)
        if pointers is None or self.exprs.memory.past_caches:
            self(node.body)
        elif pointers:
            bits = "0"
            for data, align in pointers.items():
                address = self.fb.let(f"ptrtoint ptr {self.exprs.pointer(data)} to i64")
                low = self.fb.let(f"and i64 {address}, {align - 1}")
                bits = self.fb.let(f"or i64 {bits}, {low}")
            aligned = self.fb.let(f"icmp eq i64 {bits}, 0")
            self.branches(aligned, lambda: self.stream(node.body), lambda: self(node.body))
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
            self.fb.emit(f"call void @{self.fb.module.intrinsic('llvm.x86.sse.sfence', 'void')}()")

    def visit_decl_buffer(self, node: DeclBuffer) -> None:
        self(node.body)

    def visit_assert_stmt(self, node: AssertStmt) -> None:
        self.fb.fail_unless(self.exprs(node.condition), self.fb.module.message(node.message))

    def visit_evaluate(self, node: Evaluate) -> None:
        value = node.value
        if isinstance(value, Call) and isinstance(value.op, Intrinsic):
            control = getattr(self, f"control_{value.op.name}", None)
            if control is not None:
                control(value)
                return
        if not isinstance(value, IntImm):
            self.exprs(value)

    def refuse_in_parallel(self, call: Call) -> None:
        raise LowerError(
            "{0} cannot leave the parallel loop around it: other threads run its other iterations",
            call,
            root=self.func,
            hint="make the loop serial",
        )

    def control_ret(self, call: Call) -> None:
        if self.outlined:
            self.refuse_in_parallel(call)
        if call.args and self.func.ret_type.kind != "void":
            (value,) = call.args
            stored = self.exprs.memory.to_memory(self.exprs(value), value.dtype)
            self.fb.emit(f"store {memory_type(value.dtype)} {stored}, ptr %result")
        self.fence()
        self.fb.leave("0")
        self.fb.start(self.fb.new_label("unreachable"))

    def control_trap(self, call: Call) -> None:
        self.fb.leave(self.fb.module.message("the program trapped"))
        self.fb.start(self.fb.new_label("unreachable"))

    def control_break_loop(self, call: Call) -> None:
        self.jump(call, 1)

    def control_continue_loop(self, call: Call) -> None:
        self.jump(call, 0)

    def jump(self, call: Call, which: int) -> None:
        if not self.loops:
            raise LowerError(f"T.{call.op.name} is in no loop", call, root=self.func)
        if self.outlined and len(self.loops) == 1:
            self.refuse_in_parallel(call)
        *targets, depth = self.loops[-1]
        for lines in reversed(self.fb.cleanups[depth:]):
            for line in lines:
                self.fb.emit(line)
        self.fb.branch(str(targets[which]))
        self.fb.start(self.fb.new_label("unreachable"))

    def visit_if_then_else(self, node: IfThenElse) -> None:
        other = node.else_case
        self.branches(
            self.exprs(node.condition), lambda: self(node.then_case), None if other is None else lambda: self(other)
        )

    def branches(self, condition: str, then_case: Callable[[], None], else_case: Callable[[], None] | None) -> None:
        """Emit one of two pieces of code where the i1 `condition` holds, the other where it does not."""
        fb = self.fb
        then, done = fb.new_label("then"), fb.new_label("endif")
        other = fb.new_label("else") if else_case is not None else done
        fb.branch_if(condition, then, other)
        for label, branch in ((then, then_case), (other, else_case)):
            if branch is None:
                continue
            fb.start(label)
            with fb.region():
                branch()
            fb.branch(done)
        fb.start(done)

    def visit_while(self, node: While) -> None:
        fb = self.fb
        test, body, done = (fb.new_label(hint) for hint in ("while", "do", "done"))
        fb.branch(test)
        fb.start(test)
        with fb.region():
            fb.known.forget()
            fb.branch_if(self.exprs(node.condition), body, done)
            fb.start(body)
            self.loops.append((test, done, len(fb.cleanups)))
            self(node.body)
            self.loops.pop()
            fb.branch(test)
        fb.start(done)

    def visit_for(self, node: For) -> None:
        if node.kind is ForKind.THREAD_BINDING:
            raise LowerError(
                f"{{0}} is bound to {node.thread_binding}, which a CPU does not have",
                node,
                root=self.func,
                hint="build for a GPU target, or make the loop parallel instead of binding it",
            )
        begin = self.exprs.index(node.min)
        extent = node.extent.value if isinstance(node.extent, IntImm) else None
        if extent is not None and extent <= 0:
            return
        end = self.end(node, begin, extent)
        if node.kind is ForKind.PARALLEL:
            self.parallel(node, begin, end)
        else:
            self.loop(node, begin, end, runs=extent is not None)

    def end(self, node: For, begin: str, extent: int | None) -> str:
        if extent is not None and isinstance(node.min, IntImm):
            return str(node.min.value + extent)
        size = self.exprs.index(node.extent)
        if isinstance(node.min, IntImm) and node.min.value == 0:
            return size
        return self.fb.let(f"add nsw i64 {begin}, {size}")

    def loop(self, node: For, begin: str, end: str, *, runs: bool) -> None:
        """A loop from `begin` to `end`, known to run at least once where `runs`."""
        fb = self.fb
        body, latch, done = (fb.new_label(hint) for hint in ("loop", "next", "done"))
        if runs:
            fb.branch(body)
        else:
            fb.branch_if(fb.let(f"icmp slt i64 {begin}, {end}"), body, done)
        before = fb.label
        fb.start(body)
        after = fb.fresh("next")
        var = fb.let(f"phi i64 [ {begin}, %{before} ], [ {after}, %{latch} ]", _identifier(node.loop_var.name))
        self.exprs.wide[node.loop_var] = var
        self.loops.append((latch, done, len(fb.cleanups)))
        fb.known.forget()
        first, inner = len(fb.lines), self.loop_count
        with fb.region():
            self(node.body)
        self.loops.pop()
        fb.branch(latch)
        fb.start(latch)
        fb.emit(f"{after} = add nsw i64 {var}, 1")
        extent = node.extent.value if isinstance(node.extent, IntImm) else None
        hint = "enable" if node.kind is ForKind.UNROLLED else ""
        if not hint and not may_unroll(len(fb.lines) - first, extent, innermost=self.loop_count == inner):
            hint = "disable"
        self.loop_count += 1
        fb.branch_if(fb.let(f"icmp slt i64 {after}, {end}"), body, done, loop=self.unroll_hint(hint))
        fb.start(done)

    def unroll_hint(self, hint: str) -> str:
        """Metadata that makes the optimiser unroll the loop it is attached to, or keeps it from doing so."""
        if not hint:
            return ""
        module = self.fb.module
        content = module.node(f"unroll {hint}", f'!{{!"llvm.loop.unroll.{hint}"}}')
        return module.distinct(f"loop {module.number()}", content)

    def visit_allocate(self, node: Allocate) -> None:
        fb, buffer = self.fb, node.buffer
        size = _bytes(buffer)
        align = max(ALIGNMENT, buffer.data_alignment)
        if size is not None and _on_stack(buffer) and self.stack_bytes + size <= 4 * STACK_BYTES:
            self.stack_bytes += size
            count = max(1, size // (buffer.dtype.bytes * buffer.dtype.lanes))
            kind = memory_type(buffer.dtype)
            self.exprs.vars[buffer.data] = fb.alloca(f"[{count} x {kind}]", align, _identifier(buffer.name))
            self(node.body)
            return
        elements = "1"
        for extent in buffer.shape:
            elements = fb.let(f"mul nsw i64 {elements}, {self.exprs.index(extent)}")
        total = fb.let(f"mul nsw i64 {elements}, {buffer.dtype.bytes * buffer.dtype.lanes}")
        fb.module.declare("tir_alloc", "noalias ptr", "i64, i64", " nounwind")
        fb.module.declare("tir_free", "void", "ptr", " nounwind")
        memory = fb.let(
            f"call noalias align {align} ptr @tir_alloc(i64 {total}, i64 {align})", _identifier(buffer.name)
        )
        granted = fb.let(f"icmp ne ptr {memory}, null")
        fb.fail_unless(granted, str(codes.OUT_OF_MEMORY))
        self.exprs.vars[buffer.data] = memory
        with fb.cleanup(f"call void @tir_free(ptr {memory})"):
            self(node.body)

    def parallel(self, node: For, begin: str, end: str) -> None:
        """Outline the loop's body into a function of a range of iterations and hand it to the thread pool."""
        fb, module = self.fb, self.fb.module
        captured = [(var, *self.operand(var)) for var in self.captures(node)]
        fields = [kind for _, kind, _ in captured]
        layout = f"{{ {', '.join(fields)} }}" if fields else "{ i8 }"
        env = fb.alloca(layout, 16, "env")
        for i, (_, kind, value) in enumerate(captured):
            fb.emit(f"store {kind} {value}, ptr {fb.let(f'getelementptr {layout}, ptr {env}, i64 0, i32 {i}')}")
        name = quoted(f"{symbol(self.func.name)}.parallel.{module.number()}")
        self.outline(node, name, layout, captured)
        module.declare("tir_parallel_for", "i32", "ptr, ptr, i64, i64, i64", " nounwind")
        self.fence()
        grain = node.annotations.get("grain", 0)
        grain = int(getattr(grain, "value", grain))
        code = fb.let(f"call i32 @tir_parallel_for(ptr {name}, ptr {env}, i64 {begin}, i64 {end}, i64 {grain})", "code")
        self.propagate(code)

    def propagate(self, code: str) -> None:
        """Leave with `code` unless it is 0; whatever gave it may have changed memory."""
        fb = self.fb
        fb.known.forget()
        good, bad = fb.new_label("ok"), fb.new_label("failed")
        fb.branch_if(fb.let(f"icmp eq i32 {code}, 0"), good, bad, weights=(1 << 20, 1))
        fb.start(bad)
        fb.leave(code)
        fb.start(good)

    def operand(self, var: Var) -> tuple[str, str]:
        """LLVM type and operand of a variable in scope."""
        if var in self.exprs.wide:
            return "i64", self.exprs.wide[var]
        return register_type(var.dtype), self.exprs.vars[var]

    def captures(self, node: For) -> list[Var]:
        """The variables of this function that the loop's body uses."""
        used: dict[Var, None] = {}
        for n in walk_unique(node.body):
            if isinstance(n, Buffer):
                used.setdefault(n.data)
                for part in n.layout():
                    used.update(free_vars(part))
            elif isinstance(n, Var):
                used.setdefault(n)
        return [var for var in used if var in self.exprs.wide or var in self.exprs.vars]

    def outline(self, node: For, name: str, layout: str, captured: list[tuple[Var, str, str]]) -> None:
        module = self.fb.module
        fb = FunctionBuilder(module)
        fb.declared = self.fb.declared
        inner = StmtEmitter(fb, self.func, self.aliasing)
        inner.outlined = True
        inner.exprs.memory.past_caches = self.exprs.memory.past_caches
        for i, (var, kind, _) in enumerate(captured):
            at = fb.let(f"getelementptr {layout}, ptr %env, i64 0, i32 {i}")
            value = fb.let(
                f"load {kind}, ptr {at}, !invariant.load {module.node('empty', '!{}')}", _identifier(var.name)
            )
            (inner.exprs.wide if var in self.exprs.wide else inner.exprs.vars)[var] = value
        inner.loop(node, "%begin", "%end", runs=False)
        inner.fence()
        fb.leave("0")
        header = f"define internal i32 {name}(ptr noalias readonly %env, i64 %begin, i64 %end) {attributes(module)}"
        module.functions.append(fb.text(header))
