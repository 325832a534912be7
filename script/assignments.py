"""Assignments of a program: names bound to values, elements of buffers stored."""

from __future__ import annotations

from typing import Any

from ..tir.buffer import Buffer, BufferLoad, BufferRegion
from ..tir.errors import UserError
from ..tir.expr import Expr, Var, as_expr, const
from ..tir.expr import cast as convert_type
from ..tir.stmt import BufferStore
from .arithmetic import AUGMENTED
from .builder import Scope
from .lang.construct import describe, expression, typed
from .lang.statements import LetScope, MetaVar, let
from .parameters import Parameters
from .scopes import names_of
from .syntax import Tree, text_of


class Assignments(Parameters):
    """Reads assignments."""

    def assign(self, tree: Tree) -> None:
        *targets, source = tree.parts
        names = [] if len(targets) > 1 else names_of(targets[0])
        values: Any
        if source.kind == "call":
            values = self.invoke(source, names)
        elif source.kind == "tuple" and len(names) == len(source.parts):
            values = tuple(
                self.invoke(part, [name]) if part.kind == "call" else self.evaluate(part)
                for part, name in zip(source.parts, names)
            )
        else:
            values = self.evaluate(source)
        for target in targets:
            self.bind(target, values, source)

    def bind(self, target: Tree, value: Any, source: Tree) -> None:
        """Give a value to a target: a name, several names, or an element of a buffer."""
        if target.kind == "name":
            self.bind_name(target, value, source)
        elif target.kind in ("tuple", "list"):
            if isinstance(value, Scope):
                value = self.open_rest(value, names_of(target))
            if isinstance(value, Expr) or not isinstance(value, (tuple, list)):
                if isinstance(value, Expr) or not self.env.is_iterable(value):
                    self.fail(source, f"{len(target.parts)} names stand on the left, and here is {describe(value)}")
                value = list(value)
            if len(value) != len(target.parts):
                self.fail(source, f"{len(target.parts)} names stand on the left, and here are {len(value)} values")
            for part, item in zip(target.parts, value):
                self.bind(part, item, source)
        elif target.kind == "subscript":
            self.store(target, value, source)
        else:
            self.fail(target, "only names and elements of buffers can be assigned to")

    def bind_name(self, target: Tree, value: Any, source: Tree) -> None:
        name = target.parts[0]
        if isinstance(value, MetaVar):
            self.define(name, self.substituted(source, value.value))
            return
        if isinstance(value, BufferRegion):
            value = expression(value)
        if isinstance(value, Var) and value in self.builder.fresh:
            value = self.declared(name, value)
        elif isinstance(value, Expr):
            value = LetScope(value)
        if isinstance(value, Scope):
            self.check_form(source, value, "rest")
            if isinstance(value, LetScope):
                self.check_rebinding(target, name)
            self.define(name, self.open_rest(value, [name]), target)
            if isinstance(value, LetScope):
                self.lets[name] = len(self.scopes)
            return
        if isinstance(value, (bool, int, float)):
            self.check_rebinding(target, name)
            self.define(name, value)
            self.lets[name] = len(self.scopes)
            return
        self.define(name, self.substituted(source, value), target)

    def declared(self, name: str, var: Var) -> Var:
        """A new variable, or the symbolic extent of that name, which `n = T.int32()` then only declares again."""
        symbol = self.builder.symbols.get(name)
        if symbol not in self.builder.undeclared or symbol.dtype != var.dtype:
            return var
        self.builder.undeclared.discard(symbol)
        self.builder.fresh.discard(var)
        return symbol

    def check_rebinding(self, target: Tree, name: str) -> None:
        """Refuse to give a name of an enclosing suite a new value, since it would not be seen there; or a buffer's."""
        before = self.names.get(name)
        if isinstance(before, Buffer):
            indices = ", ".join("ijklmnop"[d % 8] for d in range(len(before.shape)))
            hint = f"write {name}[{indices or '()'}] = ... to store to an element, or use another name"
            self.fail(target, f"`{name}` is a buffer", hint)
        level = self.lets.get(name)
        if level is not None and level < len(self.scopes) and name in self.names:
            what = "a variable with one value" if isinstance(before, Expr) else "a number of Python"
            dtype = expression(before).dtype
            self.fail(
                target,
                f"`{name}` is {what}, bound outside of this block of statements, and cannot be changed inside it",
                f"keep what changes in a buffer, as in `{name} = T.alloc_buffer((1,), '{dtype}')` and "
                f"`{name}[0] = ...`, or use another name",
            )

    def store(self, target: Tree, value: Any, source: Tree) -> None:
        """`A[i] = value`"""
        buffer = self.evaluate(target.parts[0])
        if not isinstance(buffer, Buffer):
            self.env.store(self, target, buffer, value)
            return
        place: Any = self.element(target, buffer, self.indices(target.parts[1]))
        try:
            if isinstance(place, BufferRegion):
                place = place.to_expr()
            stored = self.fitting(place, value, source)
        except UserError as e:
            self.rethrow(target, e)
        self.builder.emit(self.placed(BufferStore(buffer, stored, place.indices), target))

    def fitting(self, place: BufferLoad, value: Any, source: Tree) -> Expr:
        """`value` in the type of the element it is stored to: numbers are converted, scalars broadcast."""
        held = place.dtype
        if isinstance(value, (bool, int, float)):
            try:
                if held.is_bool or isinstance(value, bool) or isinstance(value, float) <= held.is_float:
                    return const(value, held)
            except UserError as e:
                self.rethrow(source, e)
            self.fail(source, f"the number {value!r} cannot be held by buffer `{place.buffer.name}` of {held}")
        try:
            stored = expression(value)
        except UserError as e:
            self.rethrow(source, e)
        if stored.dtype == held:
            return stored
        if stored.dtype == held.element:
            return convert_type(stored, held)
        shown = text_of(self.source, source)
        self.fail(
            source,
            f"{typed(stored.dtype)} is stored in buffer `{place.buffer.name}`, which holds {held}",
            f"convert it: T.Cast({str(held)!r}, {shown})" if stored.dtype.lanes == held.lanes else "",
        )

    def augmented(self, tree: Tree) -> None:
        target, symbol, source = tree.parts
        kind = AUGMENTED.get(symbol)
        if kind is None:
            self.fail(tree, f"`{symbol}` has no meaning in a program")
        if target.kind not in ("subscript", "name"):
            self.fail(target, "only names and elements of buffers can be assigned to")
        before = self.evaluate(target)
        value = self.operate(tree, kind, before, self.evaluate(source))
        if target.kind == "name" and isinstance(before, Expr):
            name = target.parts[0]
            self.fail(
                target,
                f"`{name}` is a variable with one value and cannot be changed",
                f"keep what changes in a buffer, as in `{name} = T.alloc_buffer((1,), '{before.dtype}')` and "
                f"`{name}[0] {symbol} ...`",
            )
        self.bind(target, value, source)

    def annotated(self, tree: Tree) -> None:
        target, annotation, source = tree.parts
        if target.kind != "name":
            self.fail(target, "only a name can be given a type")
        name = target.parts[0]
        var = self.typed_variable(name, self.let_type(annotation), annotation)
        if source is None:
            self.define(name, var, target)
            return
        given = self.invoke(source, [name]) if source.kind == "call" else self.evaluate(source)
        if isinstance(given, LetScope) and given.var is None:
            given = given.value
        try:
            value = as_expr(given, var.dtype) if isinstance(given, (bool, int, float)) else expression(given)
        except UserError as e:
            self.rethrow(source, e)
        if value.dtype != var.dtype:
            self.fail(
                source,
                f"{typed(value.dtype)} is bound to `{name}`, which is said to be {typed(var.dtype)}",
                f"convert it: T.Cast({str(var.dtype)!r}, {text_of(self.source, source)})",
            )
        self.check_rebinding(target, name)
        self.define(name, self.open_rest(LetScope(value, var), [name]), target)
        self.lets[name] = len(self.scopes)

    def let_type(self, tree: Tree) -> Any:
        """The type of `x: T.int32 = ...`, or of `x: T.let[T.int32] = ...`."""
        if tree.kind == "subscript" and self.evaluate(tree.parts[0]) is let:
            return self.annotation(tree.parts[1])
        return self.annotation(tree)
