"""Constructs that are statements: attributes, lets, assertions, evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tir import stmt as nodes
from ...tir.errors import UserError
from ...tir.expr import Expr, Var
from ...tir.node import Node
from ...tir.stmt import Stmt
from ..builder import Builder, Scope, current
from .construct import Rejected, Value, _argument, _type, _value, construct, typed


@construct
def func_attr(attributes: dict[str, Any]) -> None:
    """Attributes of the function: `T.func_attr({"global_symbol": "main", "tir.noalias": True})`.

    >>> T.func_attr({"tir.noalias": True})
    >>> B[0] = 1
    """
    attrs = current("T.func_attr").attrs
    attrs.update({_RENAMED.get(name, name): value for name, value in attributes.items()})


_RENAMED = {"tirx.noalias": "tir.noalias"}
"""Attributes that newer TVM calls otherwise."""


class LetScope(Scope):
    """`x = value` and its spellings: the variable stands for the value in the rest of the suite."""

    __slots__ = ("declared", "like", "value", "var")

    spelling = "T.let"
    forms = frozenset({"with", "rest"})

    def __init__(
        self, value: Expr, var: Var | None = None, like: Var | None = None, declared: Var | None = None
    ) -> None:
        self.value, self.var, self.like, self.declared = value, var, like, declared

    def open(self, builder: Builder, names: Sequence[str]) -> Var:
        if self.declared is not None:
            builder.bind(self.declared)
            self.var = self.declared
        if self.var is None:
            like = self.like
            pointee = (None, "") if like is None else (like.pointee, like.scope)
            self.var = Var(names[0] if names else "x", self.value.dtype, *pointee)
        return self.var

    def close(self, builder: Builder, body: Stmt) -> Stmt:
        assert self.var is not None
        return nodes.LetStmt(self.var, self.value, body)


@construct
def let(value: Value, bound: Value | None = None) -> Any:
    """`x = T.let(value)`: the same as `x = value`. `with T.let(x, value):` binds a variable declared before.

    >>> x = T.let(n * 2)
    >>> B[0] = x * x
    """
    if bound is None:
        return LetScope(_value(value))
    if not isinstance(value, Var):
        raise UserError("T.let of two arguments binds a variable, declared before as in `x = T.int32()`")
    bound = _value(bound)
    if bound.dtype != value.dtype:
        raise UserError(f"T.let binds {typed(bound.dtype)} to the {value.dtype} variable `{value.name}`")
    return LetScope(bound, declared=value)


@construct
def LetStmt(value: Value, type_annotation: Any = None, var: Var | None = None) -> Any:
    """`with T.LetStmt(value) as x:` binds `x` for its suite; `type_annotation` says what a pointer points to.

    >>> with T.LetStmt(n * 2) as x:
    ...     B[0] = x * x
    """
    value = _value(value)
    if var is None and type_annotation is not None:
        wanted = type_annotation if isinstance(type_annotation, Var) else Var("x", _type(type_annotation))
        if wanted.dtype != value.dtype:
            raise UserError(f"T.LetStmt binds {typed(value.dtype)} to {typed(wanted.dtype)} variable")
        return LetScope(value, None, wanted)
    return LetScope(value, declared=var)


class AttrScope(Scope):
    """`with T.attr(node, key, value):`"""

    __slots__ = ("key", "node", "value")

    spelling = "T.attr"
    forms = frozenset({"with", "rest"})

    def __init__(self, node: Node | None, key: str, value: Expr) -> None:
        self.node, self.key, self.value = node, key, value

    def open(self, builder: Builder, names: Sequence[str]) -> None:
        if names:
            raise UserError("T.attr defines nothing that could be named")

    def close(self, builder: Builder, body: Stmt) -> Stmt:
        return nodes.AttrStmt(self.node, self.key, self.value, body)


@construct
def attr(node: Any, key: str | None = None, value: Any = None) -> Any:
    """Says `key` = `value` of `node` (a variable, a buffer or None) for a suite: `with T.attr(None, "k", 1):`.

    `T.attr({"k": 1})` is short for `T.attr(None, "k", 1)`.

    >>> with T.attr(B, "note", 1):
    ...     B[0] = 1
    """
    if isinstance(node, dict) and len(node) == 1 and key is None:
        ((key, value),) = node.items()
        node = None
    if not isinstance(key, str):
        raise UserError('T.attr takes a node, a key and a value, as in T.attr(None, "key", 1)')
    if node is not None and not isinstance(node, Node):
        if not isinstance(node, int):
            raise UserError(f"T.attr speaks of a variable, a buffer or None, not of {node!r}")
        node = _value(node)
    return AttrScope(node, key, _argument(value))


@construct
def Assert(condition: Value, message: str = "assertion failed") -> None:
    """Stops the program with `message` unless `condition` holds; also written `assert condition, "message"`.

    >>> T.Assert(n > 0, "n is positive")
    >>> assert n < 16, "n is less than 16"
    """
    condition = _value(condition)
    if not condition.dtype.is_bool:
        message = f"the condition of T.Assert is {typed(condition.dtype)}, not a bool"
        raise Rejected(0, message, "compare it with something, as in `x > 0`")
    current("T.Assert").emit(nodes.AssertStmt(condition, message))


@construct
def evaluate(value: Any) -> None:
    """Evaluates an expression for its effect: `T.evaluate(T.call_extern("int32", "f"))`.

    >>> T.evaluate(T.call_extern("int32", "f", B.data))
    """
    current("T.evaluate").emit(nodes.Evaluate(_argument(value)))


class MetaVar:
    """A value that an assignment is to bind as it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


@construct
def meta_var(value: Any) -> Any:
    """A name for an expression itself: `x = T.meta_var(i * 4)` puts `i * 4` wherever `x` stands, with no variable.

    >>> x = T.meta_var(n * 2)
    >>> B[x] = x
    """
    return MetaVar(value)
