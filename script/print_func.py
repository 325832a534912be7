"""How functions, modules and buffer declarations print."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..tir.buffer import Buffer
from ..tir.dtype import VOID
from ..tir.expr import IntImm, Var
from ..tir.function import IRModule, PrimFunc
from ..tir.node import Attrs
from ..tir.stmt import Block, BlockRealize, Stmt
from ..tir.visit import free_vars
from .naming import identifier
from .print_expr import Definition, attrs, definitions
from .print_stmt import (
    Root,
    arguments,
    block_buffers,
    define_buffer,
    layout_arguments,
    match_buffer,
    type_text,
)

if TYPE_CHECKING:
    from .dialect import Dialect
    from .printer import Parts, Printer


def implicit_root(func: PrimFunc, dialect: Dialect) -> Block | None:
    """The root block where nothing need be said of it; None where there is none or it prints as a block.

    Exactly the blocks are left out that a reader of the text puts back: a body of which one block without iterators,
    called "root" or in some dialects anything, is the whole is itself the root.
    """
    realize, block = func.body, func.root
    if block is None or not isinstance(realize, BlockRealize):
        return None
    said = block.reads or block.writes or block.match_buffers or block.annotations or block.init is not None
    holds = type(realize.predicate) is IntImm and realize.predicate.value == 1
    if said or not holds:
        return None
    body = block.body
    if block.alloc_buffers:
        return block
    if isinstance(body, BlockRealize) and not body.iter_values:
        if dialect.lone_block_is_root or body.block.name_hint == "root":
            return None
    return block if _has_block(body) else None


def _has_block(body: Stmt) -> bool:
    """Whether there is a block below, outside all blocks."""
    stack: list[Any] = [body]
    while stack:
        s = stack.pop()
        if isinstance(s, BlockRealize):
            return True
        stack.extend(reversed([c for c in s.children() if isinstance(c, Stmt)]))
    return False


def _mentioned(buffer: Buffer) -> set[Var]:
    """The variables in a buffer's shape, strides and offset."""
    return {v for part in buffer.layout() if type(part) is not IntImm for v in free_vars(part)}


class _Function:
    """Prints one function; once more where its body turns out to use a parameter that was thought to be a buffer.

    Attributes
    ----------
    handles: parameters written as handles, with a `T.match_buffer` in the body: those that are typed, used, or whose
        buffer's layout mentions variables that no parameter before them declares.
    """

    def __init__(self, p: Printer, func: PrimFunc, name: str) -> None:
        self.p, self.func, self.name = p, func, name
        self.handles: set[Var] = set()
        known: set[Var] = set()
        for param in func.params:
            buffer = func.buffer_map.get(param)
            if buffer is not None and (param.pointee or param.scope or not _mentioned(buffer) <= known):
                self.handles.add(param)
            known.add(param)

    def write(self) -> None:
        p = self.p
        lines, spans, scope = len(p.lines), len(p.spans), p.names.mark()
        while True:
            p.run(*self.parts())
            p.names.leave(scope)
            used = [v for v in self.func.buffer_map if v in p.names.of]
            if not used:
                return
            for var in used:
                p.names.forget(var)
            self.handles.update(used)
            del p.lines[lines:], p.spans[spans:]

    def parts(self) -> Parts:
        p, func = self.p, self.func
        own = func.attrs.get("global_symbol")
        flags = [*p.dialect.prim_func, *(["private=True"] if own is None else [])]
        parts: Parts = [f"@T.prim_func({', '.join(flags)})" if flags else "@T.prim_func", p.newline]
        root = implicit_root(func, p.dialect)
        signature = self.signature(self.declare())
        name = identifier(self.name)
        places = (func,) if root is None else (func, func.body, root)
        head = ["def ", p.named(name, *places), *(["(", *signature, ")"] if signature else ["()"])]
        result = f" -> T.{func.ret_type}" if func.ret_type != VOID else ""
        shown = func.attrs.without("global_symbol") if own == name else func.attrs
        parts += [*head, f"{result}:", p.open]
        renamed = p.dialect.attributes
        if renamed.keys() & shown.keys():
            shown = Attrs({renamed.get(key, key): value for key, value in shown.items()})
        if shown:
            parts += definitions(p, shown)
            parts += ["T.func_attr(", *attrs(p, shown), ")", p.newline]
        for param in func.params:
            if param in self.handles:
                parts += match_buffer(p, func.buffer_map[param], param)
        body = func.body
        if root is not None:
            parts += [*block_buffers(p, root), root.body]
        elif isinstance(body, BlockRealize) and not body.iter_values:
            parts.append(Root(body))
        else:
            parts.append(body)
        return [*parts, partial(p.close, p.names.mark())]

    def declare(self) -> dict[Var, Any]:
        """Name the parameters, the buffers first; the parts that write each."""
        p, func = self.p, self.func
        declared: dict[Var, Any] = {}
        for param in func.params:
            if param in func.buffer_map and param not in self.handles:
                declared[param] = define_buffer(p, func.buffer_map[param])
        wanted = {func.buffer_map[v].name for v in self.handles}
        for param in func.params:
            if param not in declared:
                name = f"{param.name}_handle" if param.name in wanted and param in self.handles else param.name
                declared[param] = p.named(p.names.define(param, name), param)
        return declared

    def signature(self, declared: dict[Var, Any]) -> Parts:
        """The parameters."""
        parts: Parts = []
        for param in self.func.params:
            parts.append(declared[param])
            if param in self.func.buffer_map and param not in self.handles:
                parts += [": ", "T.Buffer(", *arguments(layout_arguments(self.func.buffer_map[param])), ")", ", "]
            else:
                parts += [f": {type_text(param)}", ", "]
        return parts[:-1]


def _function(p: Printer, func: PrimFunc) -> Parts:
    return [_Function(p, func, func.name).write]


def _define(p: Printer, definition: Definition) -> Parts:
    return p.apart(_Function(p, definition.func, definition.name).write)


def _module(p: Printer, mod: IRModule) -> Parts:
    parts: Parts = ["@I.ir_module", p.newline, "class Module", ":", p.open]
    if mod.attrs:
        parts += ["I.module_attrs(", *attrs(p, mod.attrs), ")", p.newline]
    elif not mod.functions:
        parts += ["pass", p.newline]
    for i, (name, func) in enumerate(mod.items()):
        if i:
            parts += [p.newline]
        parts += [_Function(p, func, name).write]
    return [*parts, partial(p.close, p.names.mark())]


def _buffer(p: Printer, buffer: Buffer) -> Parts:
    return [define_buffer(p, buffer), ": ", "T.Buffer(", *arguments(layout_arguments(buffer)), ")"]


FUNC_RULES: dict[type[Any], Callable[[Printer, Any], Parts]] = {
    PrimFunc: _function,
    IRModule: _module,
    Buffer: _buffer,
    Definition: _define,
}
"""The parts of functions, modules and declarations."""
