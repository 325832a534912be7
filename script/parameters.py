"""Signatures of a program: parameters, their types, and annotations."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..tir.errors import UserError
from ..tir.expr import Var
from .lang.buffers import BufferType
from .lang.construct import _type
from .lang.types import void
from .scopes import Scopes
from .syntax import Tree


class Parameters(Scopes):
    """Reads signatures."""

    def parameters(self, tree: Tree | None) -> None:
        """Declare the parameters: scalars first, since the shapes of buffers may name them."""
        parts: list[Tree] = [] if tree is None else tree.parts
        types: dict[str, Any] = {}
        for part in parts:
            if part.kind != "parameter":
                self.report(part, "a program takes a fixed number of parameters, each by its own name")
                continue
            if part.parts[0] in types:
                self.report(part, f"there are two parameters called `{part.parts[0]}`")
            types[part.parts[0]] = part
        scalars: dict[str, Any] = {}
        buffers: list[tuple[str, Tree]] = []
        for name, part in types.items():
            if _mentions(part.parts[1], "Buffer"):
                buffers.append((name, part))
            else:
                self.guarded(part, partial(self.read_scalar, scalars, name, part), [name])
        shapes: dict[str, BufferType] = {}
        for name, part in buffers:
            self.guarded(part, partial(self.read_buffer, shapes, name, part), [name])
        for name, part in types.items():
            if name in shapes:
                made = shapes[name]
                if not isinstance(made, BufferType):
                    self.scalar(name, made, part)
                    continue
                param = self.builder.param(name)
                buffer = made.declare(self.builder, name)
                self.builder.buffer_map[param] = buffer
                self.define(name, buffer, part)
            elif isinstance(scalars.get(name), Var):
                self.builder.params.append(scalars[name])

    def read_scalar(self, into: dict[str, Any], name: str, part: Tree) -> None:
        into[name] = self.scalar_parameter(name, part)

    def read_buffer(self, into: dict[str, Any], name: str, part: Tree) -> None:
        into[name] = self.annotation(part.parts[1])

    def scalar_parameter(self, name: str, part: Tree) -> Any:
        annotation, default = part.parts[1:]
        if annotation is None:
            if default is None:
                self.fail(
                    part,
                    f"parameter `{name}` says no type",
                    f"write `{name}: T.Buffer((128, 128), 'float32')`, `{name}: T.handle` or `{name}: T.int32`",
                )
            self.define(name, self.evaluate(default))
            return None
        if default is not None:
            self.fail(
                default, "a parameter of a program has no default value", "leave out its type to make it a constant"
            )
        return self.scalar(name, self.annotation(annotation), part)

    def scalar(self, name: str, annotation: Any, part: Tree) -> Var | None:
        """The parameter of an evaluated annotation that is no buffer."""
        if isinstance(annotation, BufferType):
            param = self.builder.param(name)
            self.define(name, annotation.declare(self.builder, name), part)
            self.builder.buffer_map[param] = self.names[name]
            return None
        var = self.typed_variable(name, annotation, part.parts[1])
        self.define(name, var, part)
        return var

    def annotation(self, tree: Tree) -> Any:
        """The value of a type annotation; one in quotes is read as an expression."""
        value = self.evaluate(tree)
        if isinstance(value, str) and not value.isidentifier():
            return self.evaluate(self.quoted(tree, value))
        return value

    def typed_variable(self, name: str, annotation: Any, tree: Tree) -> Var:
        """A variable of the type that an annotation says."""
        if isinstance(annotation, Var):
            return Var(name, annotation.dtype, annotation.pointee, annotation.scope)

        try:
            return Var(name, _type(annotation))
        except UserError as e:
            self.fail(tree, str(e), "a type is T.int32, T.float32, T.handle, T.Buffer((16,), 'float32'), ...")

    def return_type(self, tree: Tree) -> None:
        value = self.annotation(tree)
        if value is None:
            return

        if value is not void:
            self.builder.ret_type = self.typed_variable("result", value, tree).dtype


def _mentions(tree: Tree | None, word: str) -> bool:
    """Whether an annotation names `word` (as `T.Buffer` does)."""
    return tree is not None and any(
        word in part for node in tree.walk() for part in node.parts if isinstance(part, str)
    )
