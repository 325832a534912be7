"""Statements as CUDA C++: loops, branches, memory of threads and of blocks, barriers, comments that name blocks."""

from __future__ import annotations

from typing import Any

from ...tir.buffer import Buffer, BufferLoad, Range
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
from ...tir.visit import Visitor, free_vars, walk, walk_unique
from ..c.writer import UNARY, Code, Writer
from ..fragments import LANE_LOAD, LANE_MMA, MMA, OPERATIONS, fragments_in, is_fragment
from .expr import Exprs
from .fragments import declaration
from .types import scalar

ALIGNMENT = 16
"""Bytes that memory of a block starts at a multiple of."""

LONGEST = 256
"""Iterations up to which a loop that indexes registers is unrolled, without which they would lie in memory."""

CONTROL = {"ret": "return", "break_loop": "break", "continue_loop": "continue"}


class Stmts(Visitor):
    """Emits statements into one kernel.

    Attributes
    ----------
    blocks: the names of the blocks that compute each buffer, by its name, for comments.
    shared: declarations of the memory that a block's threads share, for the head of the kernel.
    static_bytes: how much of it is allocated statically. dynamic: the buffer that is allocated at launch, if any.
    """

    def __init__(self, w: Writer, func: PrimFunc, blocks: dict[str, list[str]], *, arch: int) -> None:
        self.w, self.func, self.blocks = w, func, blocks
        self.exprs = Exprs(w, arch=arch)
        self.shared: list[tuple[str, str, Var]] = []
        self.static_bytes = 0
        self.dynamic: Buffer | None = None
        self.locals: dict[Var, tuple[list[str], int]] = {}
        self.announced: tuple[str, ...] = ()
        self.fragments = fragments_in(func)

    def __call__(self, node: Any) -> None:
        method = self.table.get(type(node))
        if method is None:
            raise LowerError(f"a {type(node).__name__} has no code; lower the program first", node, root=self.func)
        if isinstance(node, (For, BufferStore, IfThenElse)):
            self.announce(node)
        method(self, node)

    def announce(self, node: Stmt) -> None:
        """Say in a comment which blocks of the program a statement computes, where that is news."""
        stored = dict.fromkeys(n.buffer.name for n in walk_unique(node) if isinstance(n, BufferStore))
        names = tuple(dict.fromkeys(block for name in stored for block in self.blocks.get(name, ())))
        if names and names != self.announced:
            listed = ", ".join(names).replace("\n", " ").replace("\\", "/")
            self.w.line(f"// block{'s' * (len(names) > 1)} {listed}")
        if names:
            self.announced = names

    def visit_seq_stmt(self, node: SeqStmt) -> None:
        for stmt in node.seq:
            self(stmt)

    def visit_buffer_store(self, node: BufferStore) -> None:
        self.exprs.root(node.value, *node.indices, node.predicate)
        self.exprs.memory.store(node)

    def visit_let_stmt(self, node: LetStmt) -> None:
        self.exprs.root(node.value)
        value = self.exprs(node.value)
        if node.var.dtype.is_index and not any(isinstance(n, (BufferLoad, Call)) for n in walk(node.value)):
            self.exprs.analyzer.bind(node.var, node.value, allow_override=True)
        self.exprs.vars[node.var] = self.w.let(self.exprs.kind(node.var.dtype), value, node.var.name)
        self(node.body)

    def visit_attr_stmt(self, node: AttrStmt) -> None:
        self(node.body)

    def visit_assert_stmt(self, node: AssertStmt) -> None:
        self.exprs.root(node.condition)
        self.w.line(f"if (!{self.exprs(node.condition).within(UNARY)}) __trap();  // {_comment(node.message)}")

    def visit_evaluate(self, node: Evaluate) -> None:
        value = node.value
        if isinstance(value, IntImm):
            return
        self.exprs.root(value)
        if isinstance(value, Call) and isinstance(value.op, Intrinsic) and value.op.name in CONTROL:
            self.w.line(f"{CONTROL[value.op.name]};")
            return
        text = self.exprs(value)
        if text:
            self.w.line(f"{text};")

    def visit_if_then_else(self, node: IfThenElse) -> None:
        self.exprs.root(node.condition)
        with self.w.block(f"if ({self.exprs(node.condition)})"), self.exprs.analyzer.constraint(node.condition):
            self(node.then_case)
        if node.else_case is not None:
            with self.w.block("else"):
                self(node.else_case)

    def visit_while(self, node: While) -> None:
        self.exprs.root(node.condition)
        with self.w.aside() as lines:
            condition = self.exprs(node.condition)
        with self.w.block("for (;;)" if lines else f"while ({condition})"):
            if lines:
                self.w.lines += lines
                self.w.line(f"if (!({condition})) break;")
            self(node.body)

    def visit_for(self, node: For) -> None:
        if node.kind is ForKind.THREAD_BINDING:
            raise LowerError(
                f"{{0}} is bound to {node.thread_binding} inside a kernel", node, root=self.func, hint="lower it first"
            )
        self.exprs.root(node.min, node.extent)
        var, kind = node.loop_var, scalar(node.loop_var.dtype)
        low, extent = self.exprs(node.min), self.exprs(node.extent)
        zero = isinstance(node.min, IntImm) and node.min.value == 0
        if isinstance(node.min, IntImm) and isinstance(node.extent, IntImm):
            end: str = str(node.min.value + node.extent.value)
        else:
            end = extent if zero else f"{low.within(11)} + {extent.within(11)}"
        counter = self.w.names.fresh(var.name)
        self.exprs.vars[var] = Code(counter)
        self.exprs.analyzer.bind(var, Range(node.min, node.extent), allow_override=True)
        if node.kind is ForKind.UNROLLED or _indexes_registers(node):
            self.w.line("#pragma unroll")
        elif "pragma_unroll_factor" in node.annotations:
            self.w.line(f"#pragma unroll {int(getattr(f := node.annotations['pragma_unroll_factor'], 'value', f))}")
        with self.w.block(f"for ({kind} {counter} = {low}; {counter} < {end}; ++{counter})"):
            self(node.body)

    def visit_decl_buffer(self, node: DeclBuffer) -> None:
        buffer, memory = node.buffer, self.exprs.memory
        kind = memory.kinds.get(buffer.data)
        at_start = isinstance(buffer.elem_offset, IntImm) and buffer.elem_offset.value == 0
        if not (kind is not None and scalar(kind) == scalar(buffer.dtype) and at_start):
            self.exprs.types.add(str(buffer.dtype.element))
            name = self.w.names.fresh(buffer.name)
            data = self.exprs(buffer.data)
            size = buffer.dtype.bytes * buffer.dtype.lanes
            at = self.exprs(buffer.elem_offset * size)
            offset = "" if at_start else f" + {at}"
            base = f"({data}{offset})" if offset else data
            if kind is not None and kind.bytes != 1:
                base = f"((char*){data}{offset})" if offset else data
            self.w.line(f"{scalar(buffer.dtype)}* {name} = ({scalar(buffer.dtype)}*){base};")
            memory.views[buffer] = Code(name)
        self(node.body)

    def visit_allocate(self, node: Allocate) -> None:
        buffer = node.buffer
        name = self.w.names.fresh(buffer.name)
        self.exprs.vars[buffer.data] = Code(name)
        self.exprs.memory.kinds[buffer.data] = buffer.dtype
        kind = scalar(buffer.dtype)
        self.exprs.types.add(str(buffer.dtype.element))
        count = elements(buffer)
        if buffer.scope == "shared.dyn":
            if self.dynamic is not None:
                raise LowerError(
                    f"{self.dynamic.name} and {buffer.name} are both dynamic shared memory, which is one piece",
                    node,
                    root=self.func,
                    hint="run merge_shared_memory_allocations",
                )
            self.dynamic = buffer
            self.shared.append((f"extern __shared__ __align__({{align}}) {kind} {name}[];", kind, buffer.data))
        elif count is None:
            raise LowerError(
                f"{buffer.name} in {buffer.scope!r} memory has no constant size", node, root=self.func,
                hint="bind the loops that its size depends on inside of it, or give them constant extents",
            )  # fmt: skip
        elif buffer.scope == "shared":
            self.static_bytes += count * buffer.dtype.bytes
            self.shared.append((f"__shared__ __align__({{align}}) {kind} {name}[{count}];", kind, buffer.data))
        elif is_fragment(buffer.scope):
            self.exprs.memory.fragments[buffer.data] = buffer
            known = self.fragments.get(buffer.data)
            if known is None:
                raise LowerError(
                    f"{buffer.name} is in {buffer.scope!r} memory, but no intrinsic fills or loads it",
                    node,
                    root=self.func,
                    hint="tensorize the blocks that write it",
                )
            self.w.line(declaration(buffer, name, count, known))
        elif buffer.scope == "local":
            self.locals[buffer.data] = self.w.lines, len(self.w.lines)
            self.w.line(f"{kind} {name}[{count}];")
        else:
            raise LowerError(
                f"{buffer.name} is in {buffer.scope!r} memory, which a kernel cannot allocate", node, root=self.func,
                hint="allocate it outside of the bound loops, or give it the scope 'local' or 'shared'",
            )  # fmt: skip
        self(node.body)

    def align_locals(self) -> None:
        """Align the arrays of registers through which vectors are moved."""
        for data, (lines, at) in self.locals.items():
            align = self.exprs.memory.aligned.get(data, 1)
            if align > self.exprs.memory.kinds[data].bytes:
                text = lines[at]
                body = text.lstrip()
                lines[at] = f"{text[: len(text) - len(body)]}alignas({align}) {body}"


def elements(buffer: Buffer) -> int | None:
    """The scalars of an allocation, None where it depends on variables."""
    count = buffer.dtype.lanes
    for extent in buffer.shape:
        if not isinstance(extent, IntImm):
            return None
        count *= max(0, extent.value)
    return max(1, count)


def _indexes_registers(node: For) -> bool:
    """Whether a short loop indexes memory of the thread's own, which is in registers if the loop is unrolled."""
    if node.kind is not ForKind.SERIAL or not isinstance(node.extent, IntImm) or node.extent.value > LONGEST:
        return False
    return any(node.loop_var in free_vars(i) for n in walk_unique(node.body) for i in _register_indices(n))


def _register_indices(n: Any) -> tuple[Any, ...]:
    """The indices at which a node accesses memory of the thread's own."""
    if isinstance(n, (BufferLoad, BufferStore)):
        return n.indices if n.buffer.scope == "local" else ()
    if isinstance(n, Call) and n.op.name in (MMA, LANE_MMA):
        return n.args[1:8:2] if n.op.name == MMA else n.args[1:6:2]
    if isinstance(n, Call) and n.op.name in OPERATIONS | {LANE_LOAD}:
        return (n.args[4],)
    return ()


def _comment(text: str) -> str:
    return text.replace("\n", " ").replace("\\", "/")
