"""How each kind of statement prints: a table from node class to the parts of its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..tir.buffer import Buffer, BufferRegion, MatchBufferRegion
from ..tir.dtype import INT32
from ..tir.expr import Call, Expr, IntImm, Not, Var, same_expr
from ..tir.node import Node
from ..tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    Block,
    BlockRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    IterType,
    IterVar,
    LetStmt,
    SeqStmt,
    Stmt,
    While,
)
from ..tir.visit import free_vars
from .numerals import int_text, quoted
from .print_expr import ATOM, attrs, called, definitions, joined, level, listed, operator, subscripts

if TYPE_CHECKING:
    from .printer import Parts, Printer


class Nested:
    """A statement whose scope ends before its suite does, and which therefore has a suite of its own."""

    __slots__ = ("stmt",)

    def __init__(self, stmt: Stmt) -> None:
        self.stmt = stmt


class Root:
    """A root block that is printed: it is called "root", whatever its name, since a text knows it by that."""

    __slots__ = ("stmt",)

    def __init__(self, stmt: BlockRealize) -> None:
        self.stmt = stmt


class ElseIf:
    """An `if` that is all there is after an `else`."""

    __slots__ = ("stmt",)

    def __init__(self, stmt: IfThenElse) -> None:
        self.stmt = stmt


def wrapped(value: Expr) -> Parts:
    """A value that may be put in parentheses to break the line: the empty tokens around it are where."""
    return ["", value, ""] if operator(value) or type(value) is Not else [value]


def condition(value: Expr) -> Parts:
    """The condition of an `if`, `while` or `assert`; a constant is typed, since a bare one is decided by Python."""
    if type(value) is IntImm:
        return [int_text(value, typed=True)]
    return wrapped(value)


def type_text(var: Var) -> str:
    """The annotation that declares a variable."""
    if not var.dtype.is_handle or (var.pointee is None and not var.scope):
        return f"T.{var.dtype}"
    pointee = quoted(var.pointee) if var.pointee else None
    return f"T.handle({pointee}, {quoted(var.scope)})" if var.scope else f"T.handle({pointee})"


def tuple_of(items: tuple[Expr, ...]) -> Parts:
    """A tuple; constants alone are one token, so that no line is broken inside it."""
    if all(type(e) is IntImm and e.dtype == INT32 for e in items):
        return [f"({items[0].value},)" if len(items) == 1 else str(tuple(e.value for e in items))]  # type: ignore[attr-defined]
    return ["(", items[0], ",", ")"] if len(items) == 1 else ["(", *joined(items), ")"]


def layout_arguments(buffer: Buffer, data: Var | None = None, inherited: str = "global") -> Iterator[Parts]:
    """The arguments that describe a buffer: shape, type, then what differs from the defaults.

    `inherited` is the scope of the memory that the buffer is a view of: a view without a scope has that one.
    """
    yield tuple_of(buffer.shape)
    yield [quoted(buffer.dtype)]
    if data is not None:
        yield ["data=", data]
    if buffer.strides:
        yield ["strides=", *listed(buffer.strides)]
    offset = buffer.elem_offset
    # A factor alone would say that the offset is unknown.
    if buffer.offset_factor or not (type(offset) is IntImm and offset.value == 0 and offset.dtype == INT32):
        yield ["elem_offset=", offset]
    if buffer.scope != "global" or inherited != "global":
        yield [f"scope={quoted(buffer.scope)}"]
    if buffer.data_alignment:
        yield [f"align={buffer.data_alignment}"]
    if buffer.offset_factor:
        yield [f"offset_factor={buffer.offset_factor}"]
    if buffer.axis_separators:
        yield [f"axis_separators={list(buffer.axis_separators)}"]


def arguments(items: Iterator[Parts]) -> Parts:
    """Several arguments, each made of parts, with commas between them."""
    parts: Parts = []
    for item in items:
        parts += item
        parts.append(", ")
    del parts[-1:]
    return parts


def define_buffer(p: Printer, buffer: Buffer) -> Any:
    """Name a buffer and its pointer; the part that writes the name where the buffer is declared."""
    name = p.names.define(buffer, buffer.name)
    if buffer.data not in p.names.of:
        p.names.alias(buffer.data, f"{name}.data")
    return p.named(name, buffer)


def undeclared(p: Printer, buffer: Buffer) -> Iterator[Any]:
    """Lines that declare the symbolic variables which a matched buffer is the first to mention."""
    for part in buffer.layout():
        for var in () if type(part) is IntImm else free_vars(part):
            if var not in p.names.of:
                yield from (p.named(p.names.define(var, var.name), var), " = ", f"T.{var.dtype}()", p.newline)


def suite(p: Printer, body: Stmt) -> Parts:
    """The end of a header line, and the body indented under it."""
    return [":", p.open, body, partial(p.close, p.names.mark())]


def _store(p: Printer, s: BufferStore) -> Parts:
    name = p.buffer_name(s.buffer)
    if s.predicate is not None:
        args = [*listed(s.indices), ", ", s.value, ", ", "predicate=", s.predicate]
        return [name + ".vstore(", *args, ")", p.newline]
    return [name + "[", *subscripts(s.indices), "]", " = ", *wrapped(s.value), p.newline]


def _evaluate(p: Printer, s: Evaluate) -> Parts:
    if type(s.value) is Call and operator(s.value) is None and level(s.value) == ATOM:
        return [s.value, p.newline]
    return ["T.evaluate(", s.value, ")", p.newline]


SCOPING = (LetStmt, Allocate, DeclBuffer)


def _seq(p: Printer, s: SeqStmt) -> Parts:
    *init, last = s.seq
    return [*(Nested(stmt) if isinstance(stmt, SCOPING) else stmt for stmt in init), last]


def _if(p: Printer, s: IfThenElse, keyword: str = "if ") -> Parts:
    parts = [keyword, *condition(s.condition), *suite(p, s.then_case)]
    other = s.else_case
    if isinstance(other, IfThenElse):
        return [*parts, ElseIf(other)]
    return parts if other is None else [*parts, "else", *suite(p, other)]


def _else_if(p: Printer, s: ElseIf) -> Parts:
    p.header(s.stmt)
    return _if(p, s.stmt, "elif ")


def _while(p: Printer, s: While) -> Parts:
    return ["while ", *condition(s.condition), *suite(p, s.body)]


def _let(p: Printer, s: LetStmt) -> Parts:
    # The value does not see the variable, but a name taken by it would be confusing: it is named first.
    name = p.named(p.names.define(s.var, s.var.name), s.var)
    return [name, f": {type_text(s.var)} = ", *wrapped(s.value), p.newline, s.body]


def _assert(p: Printer, s: AssertStmt) -> Parts:
    return ["assert ", *condition(s.condition), ", ", quoted(s.message), p.newline]


def _attr(p: Printer, s: AttrStmt) -> Parts:
    node = "None" if s.node is None else p.buffer_name(s.node) if isinstance(s.node, Buffer) else s.node
    return ["with ", "T.attr(", node, ", ", quoted(s.attr_key), ", ", s.value, ")", *suite(p, s.body)]


def _declaration(p: Printer, s: Allocate | DeclBuffer) -> tuple[Any, Parts]:
    """The name and the call that a statement declaring a buffer consists of."""
    if isinstance(s, Allocate):
        items = [*layout_arguments(s.buffer)]
        if s.annotations:
            items.append(["annotations=", *attrs(p, s.annotations)])
        call = ["T.allocate(", *arguments(iter(items)), ")"]
    else:
        data = s.buffer.data
        if data not in p.names.of:
            # A parameter's own pointer, or a free variable: the buffer to be named is not what it belongs to.
            p.names.free(data, data.name)
        call = ["T.decl_buffer(", *arguments(layout_arguments(s.buffer, data, data.scope or "global")), ")"]
    return define_buffer(p, s.buffer), call


def _declare(p: Printer, s: Allocate | DeclBuffer) -> Parts:
    name, call = _declaration(p, s)
    return [name, " = ", *call, p.newline, s.body]


def _nested(p: Printer, item: Nested) -> Parts:
    s = item.stmt
    p.header(s)
    before = definitions(p, s.annotations) if isinstance(s, Allocate) else []
    scope = p.names.mark()
    if isinstance(s, LetStmt):
        name = p.named(p.names.define(s.var, s.var.name), s.var)
        kind = [", ", type_text(s.var)] if s.var.pointee or s.var.scope else []
        call: Parts = ["T.LetStmt(", s.value, *kind, ")"]
    else:
        assert isinstance(s, (Allocate, DeclBuffer))
        name, call = _declaration(p, s)
    return [*before, "with ", *call, " as ", name, ":", p.open, s.body, partial(p.close, scope)]


def _is_plain(s: For) -> bool:
    """Whether the loop is `for i in range(n)` of `n`'s type."""
    low = s.min
    return (
        s.kind is ForKind.SERIAL
        and not s.annotations
        and type(low) is IntImm
        and low.value == 0
        and low.dtype == s.extent.dtype
    )


def _for(p: Printer, s: For) -> Parts:
    scope = p.names.mark()
    nest = [s]
    if _is_plain(s):
        loop_vars = {s.loop_var}
        inner = s.body
        while type(inner) is For and _is_plain(inner) and _independent(inner.extent, loop_vars):
            nest.append(inner)
            loop_vars.add(inner.loop_var)
            inner = inner.body
    names: Parts = []
    for loop in nest:
        name = p.names.define(loop.loop_var, loop.loop_var.name)
        p.loops[loop.loop_var] = loop
        names += [p.named(name, loop.loop_var, *([loop] if len(nest) > 1 else [])), ", "]
    if len(nest) > 1:
        p.placed_by_name()
        domain = called("T.grid", [loop.extent for loop in nest])
    else:
        domain = _domain(p, s)
    del names[-1]
    return ["for ", *names, " in ", *domain, ":", p.open, nest[-1].body, partial(p.close, scope)]


def _independent(extent: Expr, loop_vars: set[Var]) -> bool:
    return type(extent) is IntImm or not any(v in loop_vars for v in free_vars(extent))


def _domain(p: Printer, s: For) -> Parts:
    bounds: Parts = [s.extent]
    if not (type(s.min) is IntImm and s.min.value == 0 and s.min.dtype == s.extent.dtype):
        bounds = [s.min, ", ", s.range.end]
    if s.kind is ForKind.SERIAL and not s.annotations:
        return ["range(", *bounds, ")"]
    name = {ForKind.UNROLLED: "T.unroll(", ForKind.SERIAL: "T.serial("}.get(s.kind, f"T.{s.kind.value}(")
    thread = [", ", f"thread={quoted(s.thread_binding)}"] if s.thread_binding is not None else []
    notes = [", ", "annotations=", *attrs(p, s.annotations)] if s.annotations else []
    return [name, *bounds, *thread, *notes, ")"]


def _is_remap(p: Printer, iter_var: IterVar, value: Expr | None) -> bool:
    """Whether the iterator just follows a loop over its whole domain."""
    if iter_var.iter_type not in (IterType.SPATIAL, IterType.REDUCE) or type(value) is not Var:
        return False
    loop = p.loops.get(value)
    dom = iter_var.dom
    return loop is not None and same_expr(loop.min, dom.min) and same_expr(loop.extent, dom.extent)


def _axes(p: Printer, block: Block, values: tuple[Expr, ...]) -> Parts:
    pairs = list(zip_longest(block.iter_vars, (values or ())[: len(block.iter_vars)]))
    parts: Parts = []
    i = 0
    while i < len(pairs):
        run = 0
        while i + run < len(pairs) and _is_remap(p, *pairs[i + run]):
            run += 1
        group = pairs[i : i + max(run, 1)]
        names = joined([p.named(p.names.define(iv.var, iv.var.name), iv, iv.var) for iv, _ in group])
        if run > 1:
            kinds = "".join("S" if iv.iter_type is IterType.SPATIAL else "R" for iv, _ in group)
            axis = ["T.axis.remap(", quoted(kinds), ", ", *listed([value for _, value in group]), ")"]
        else:
            axis = _axis(*group[0])
        parts += [*names, " = ", *axis, p.newline]
        i += len(group)
    return parts


def _axis(iter_var: IterVar, value: Expr | None) -> Parts:
    dom = iter_var.dom
    from_zero = type(dom.min) is IntImm and dom.min.value == 0 and dom.min.dtype == dom.extent.dtype
    domain: Parts = [dom.extent] if from_zero else ["(", dom.min, ", ", dom.end, ")"]
    binding = [] if value is None else [", ", value]
    return [f"T.axis.{iter_var.iter_type.value}(", *domain, *binding, ")"]


def _block(
    p: Printer, block: Block, values: tuple[Expr, ...], predicate: Expr | None, name: str | None = None
) -> Parts:
    """A block with its header, everything declared in it, and its body."""
    p.header(block)
    close = partial(p.close, p.names.mark())
    name = quoted(block.name_hint if name is None else name)
    parts: Parts = ["with ", f"{p.dialect.block}(", name, ")", ":", p.open]
    parts += _axes(p, block, values)
    if predicate is not None and not (type(predicate) is IntImm and predicate.value):
        parts += [*called("T.where", [predicate]), p.newline]
    parts += [*called("T.reads", block.reads), p.newline, *called("T.writes", block.writes), p.newline]
    if block.annotations:
        parts += definitions(p, block.annotations)
        parts += [f"{p.dialect.block_attr}(", *attrs(p, block.annotations), ")", p.newline]
    parts += block_buffers(p, block)
    if block.init is not None:
        parts += ["with ", "T.init()", *suite(p, block.init)]
    return [*parts, block.body, close]


def _root(p: Printer, item: Root) -> Parts:
    realize = item.stmt
    p.header(realize)
    return _block(p, realize.block, realize.iter_values, realize.predicate, "root")


def block_buffers(p: Printer, block: Block) -> Parts:
    """The lines that declare a block's buffers and views."""
    parts: Parts = []
    for buffer in block.alloc_buffers:
        name = define_buffer(p, buffer)
        parts += [name, " = ", f"{p.dialect.alloc_buffer}(", *arguments(layout_arguments(buffer)), ")", p.newline]
    for match in block.match_buffers:
        parts += match_buffer(p, match.buffer, match.source)
    return parts


def match_buffer(p: Printer, buffer: Buffer, source: Node | str) -> Parts:
    """The lines that declare `buffer` to be what a region or a parameter points to."""
    symbols = [*undeclared(p, buffer)]
    name = define_buffer(p, buffer)
    inherited = source.buffer.scope if isinstance(source, BufferRegion) else "global"
    args = arguments(iter([[source], *layout_arguments(buffer, None, inherited)]))
    return [*symbols, name, " = ", "T.match_buffer(", *args, ")", p.newline]


def _match_buffer(p: Printer, m: MatchBufferRegion) -> Parts:
    return match_buffer(p, m.buffer, m.source)[:-1]


STMT_RULES: dict[type[Any], Callable[[Printer, Any], Parts]] = {
    BufferStore: _store,
    Evaluate: _evaluate,
    SeqStmt: _seq,
    IfThenElse: _if,
    ElseIf: _else_if,
    Root: _root,
    While: _while,
    LetStmt: _let,
    AssertStmt: _assert,
    AttrStmt: _attr,
    Allocate: lambda p, s: [*definitions(p, s.annotations), *_declare(p, s)],
    DeclBuffer: _declare,
    Nested: _nested,
    For: lambda p, s: [*definitions(p, s.annotations), *_for(p, s)],
    Block: lambda p, s: _block(p, s, (), None),
    BlockRealize: lambda p, s: _block(p, s.block, s.iter_values, s.predicate),
    MatchBufferRegion: _match_buffer,
    IterVar: lambda p, iv: [p.names.define(iv.var, iv.var.name), " = ", *_axis(iv, None)],
}
"""The parts of each statement's lines."""
