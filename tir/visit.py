"""Walking and rebuilding programs: `Visitor`, `Rewriter`, and the walks that need no class."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from . import buffer, expr, function, stmt
from .buffer import Buffer, MatchBufferRegion
from .errors import InternalError
from .expr import Expr, IntImm, Var
from .function import PrimFunc
from .node import DELETE, Node
from .stmt import Allocate, Block, DeclBuffer, Evaluate, For, IterVar, LetStmt, Stmt

NODES: dict[str, type[Node]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower(): cls
    for module in (expr, buffer, stmt, function)
    for name, cls in vars(module).items()
    if isinstance(cls, type) and issubclass(cls, Node) and cls.__module__ == module.__name__
}
"""Node classes by the name a visitor's method has: "buffer_load" for `visit_buffer_load`."""

_BY_CLASS = {cls: name for name, cls in NODES.items()}


class _Dispatch:
    """Fills `table` (node class -> method) from the `visit_*` methods; `visit_binary_op` serves all binary nodes."""

    table: ClassVar[dict[type[Node], Callable[[Any, Any], Any]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in vars(cls):
            if name.startswith("visit_") and name[6:] not in NODES:
                raise InternalError(f"{cls.__name__}.{name}: there is no node called {name[6:]!r}")
        cls.table = {}
        for node_class in _BY_CLASS:
            for base in node_class.__mro__:
                method = getattr(cls, f"visit_{_BY_CLASS.get(base, '')}", None)
                if method is not None:
                    cls.table[node_class] = method
                    break


class Visitor(_Dispatch):
    """Calls `visit_<node>` where there is one, and otherwise visits the children. Call it on a node.

    A method that handles a node visits its children itself, by `self.descend(node)`.
    """

    def __call__(self, node: Node) -> None:
        method = self.table.get(type(node))
        if method is not None:
            method(self, node)
        else:
            for child in node.children():
                self(child)

    def descend(self, node: Node) -> None:
        """Visit every child of `node`."""
        for child in node.children():
            self(child)

    def visit_prim_func(self, node: PrimFunc) -> None:
        self(node.body)


class Rewriter(_Dispatch):
    """Rebuilds a program: `visit_<node>` returns the replacement, `DELETE` to drop a statement; the rest is shared.

    A method that handles a node rebuilds its children itself, by `node.map_children(self)`.
    """

    def __call__(self, node: Any) -> Any:
        method = self.table.get(type(node))
        return method(self, node) if method is not None else node.map_children(self)

    def visit_prim_func(self, node: PrimFunc) -> Any:
        body = self(node.body)
        return node.with_body(Evaluate(expr.const(0)) if body is DELETE else body)

    def visit_ir_module(self, node: function.IRModule) -> Any:
        for name, f in node.items():
            node = node.with_function(name, self(f))
        return node


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything below it, parents first, in program order."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        if isinstance(top, PrimFunc):
            stack.append(top.body)
        elif isinstance(top, function.IRModule):
            stack.extend(reversed(list(top.functions.values())))
        else:
            stack.extend(reversed(top.children()))


def walk_statements(node: Stmt) -> Iterator[Stmt]:
    """`node` and every statement below it, parents first, in program order; expressions are left out."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(child for child in reversed(top.children()) if isinstance(child, Stmt))


def walk_unique(node: Node) -> Iterator[Node]:
    """`node` and everything below it, parents first, but each expression (they are shared) only once."""
    seen: set[int] = set()
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, Expr):
            if id(top) in seen:
                continue
            seen.add(id(top))
        yield top
        if isinstance(top, PrimFunc):
            stack.append(top.body)
        elif isinstance(top, function.IRModule):
            stack.extend(reversed(list(top.functions.values())))
        else:
            stack.extend(reversed(top.children()))


def free_vars(node: Node) -> dict[Var, None]:
    """The variables used in an expression, in order of occurrence (as an ordered set, which is not to be changed)."""
    if type(node) is Var:
        return {node: None}
    if not isinstance(node, Expr):
        return {n: None for n in walk_unique(node) if type(n) is Var}
    found = _free.get(node)
    if found is None:
        found = {}
        for child in node.children():
            if type(child) is Var:
                found[child] = None
            elif type(child) is not IntImm:
                found.update(free_vars(child))
        if len(_free) >= REMEMBERED:
            _free.clear()
        _free[node] = found
    return found


REMEMBERED = 1 << 14
"""Expressions whose variables are remembered: they are interned, and asked about again and again."""
_free: dict[Expr, dict[Var, None]] = {}


def connected(sets: Iterable[Collection[Var]], start: Iterable[Var]) -> set[Var]:
    """The variables that are in a set with one of `start`, or with one that is, and so on; those of `start` as well."""
    found = set(start)
    rest = list(sets)
    while True:
        apart = [each for each in rest if found.isdisjoint(each)]
        if len(apart) == len(rest):
            return found
        found.update(*(each for each in rest if not found.isdisjoint(each)))
        rest = apart


class Substitute(Rewriter):
    """Replaces variables by expressions and buffers by buffers.

    Buffers declared in the program whose layout mentions a replaced variable are declared anew. Definitions of
    variables are kept (see `fresh` for copies).
    """

    def __init__(self, variables: Mapping[Var, Expr], buffers: Mapping[Buffer, Buffer] | None = None) -> None:
        self.variables = variables
        self.buffers: dict[Buffer, Buffer] = dict(buffers or {})
        self.memo: dict[Expr, Expr] = {}

    def __call__(self, node: Any) -> Any:
        cls = type(node)
        if cls is Var:
            return self.variables.get(node, node)
        if cls is expr.IntImm:
            return node
        if not isinstance(node, Expr):
            return super().__call__(node)
        out = self.memo.get(node)
        if out is None:
            if isinstance(node, expr.BinaryOp):
                a, b = self(node.a), self(node.b)
                out = node if a is node.a and b is node.b else cls(a, b)
            else:
                out = super().__call__(node)
            self.memo[node] = out
        return out

    def visit_buffer(self, node: Buffer) -> Buffer:
        out = self.buffers.get(node)
        if out is None:
            data = self.variables.get(node.data)
            out = node.with_layout(self, data if isinstance(data, Var) else None)
            self.buffers[node] = out
        return out


def substitute(node: Any, variables: Mapping[Var, Any], buffers: Mapping[Buffer, Buffer] | None = None) -> Any:
    """`node` with `variables` replaced by expressions (or numbers) and `buffers` by buffers."""
    if not variables and not buffers:
        return node
    values = {v: e if isinstance(e, Expr) else expr.as_expr(e, v.dtype) for v, e in variables.items()}
    return Substitute(values, buffers)(node)


class _Fresh(Substitute):
    """Also gives every definition inside a new variable or buffer."""

    def __init__(self) -> None:
        super().__init__({})
        self.variables: dict[Var, Expr] = {}

    def define(self, var: Var) -> Var:
        new = var.replace()
        self.variables[var] = new
        return new

    def define_buffer(self, old: Buffer, *, own_data: bool) -> Buffer:
        data = self.define(old.data) if own_data else self.variables.get(old.data, old.data)
        assert isinstance(data, Var)
        new = old.with_layout(self, data)
        self.buffers[old] = new if new is not old else old.replace()
        return self.buffers[old]

    def visit_for(self, node: For) -> For:
        return node.replace(loop_var=self.define(node.loop_var)).map_children(self)

    def visit_let_stmt(self, node: LetStmt) -> LetStmt:
        value = self(node.value)
        return LetStmt(self.define(node.var), value, self(node.body))

    def visit_let(self, node: expr.Let) -> expr.Let:
        value = self(node.value)
        return expr.Let(self.define(node.var), value, self(node.body))

    def visit_allocate(self, node: Allocate) -> Allocate:
        self.define_buffer(node.buffer, own_data=True)
        return node.map_children(self)

    def visit_decl_buffer(self, node: DeclBuffer) -> DeclBuffer:
        self.define_buffer(node.buffer, own_data=False)
        return node.map_children(self)

    def visit_iter_var(self, node: IterVar) -> IterVar:
        return IterVar(self(node.dom), self.define(node.var), node.iter_type)

    def visit_block(self, node: Block) -> Block:
        iter_vars = tuple(self(iv) for iv in node.iter_vars)  # before the buffers, whose shapes they may determine
        for allocated in node.alloc_buffers:
            self.define_buffer(allocated, own_data=True)
        for match in node.match_buffers:
            self.define_match(match)
        return node.replace(iter_vars=()).map_children(self).replace(iter_vars=iter_vars)

    def define_match(self, match: MatchBufferRegion) -> None:
        for var in (match.buffer.elem_offset, *match.buffer.strides):
            if type(var) is Var and var not in self.variables:
                self.define(var)
        self.define_buffer(match.buffer, own_data=True)


def fresh(node: Any) -> Any:
    """A copy of a statement in which every variable and buffer defined inside is new."""
    return _Fresh()(node)


def buffers_in(node: Node) -> dict[Buffer, None]:
    """The buffers loaded, stored or declared below `node`, in order of occurrence (as an ordered set)."""
    return {n: None for n in walk(node) if isinstance(n, Buffer)}
