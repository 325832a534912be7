"""Parts of values in a script: attributes, indices, slices."""

from __future__ import annotations

from typing import Any

from ..tir import expr as nodes
from ..tir.buffer import Buffer, BufferLoad, BufferRegion, Range
from ..tir.errors import UserError
from ..tir.expr import Expr, IntImm, Ramp, const
from .diagnostics import suggest
from .lang.construct import describe, expression, typed
from .lang.methods import Members, members_of
from .names import Namespace
from .reader import Reader
from .syntax import Tree, text_of


class Access(Reader):
    """Evaluates attributes and subscripts."""

    def attribute(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        name = tree.parts[1]
        if type(value) is Namespace:
            found = value.members.get(name)
            return found if found is not None else self.env.missing(self, tree, value, name)
        members = members_of(value)
        if members is not None:
            return self.member(tree, value, members, name)
        return self.env.attribute(self, tree, value, name)

    def member(self, tree: Tree, value: Any, members: Members, name: str) -> Any:
        found = members.get(name)
        if found is None:
            hint = suggest(name, members, f"`{text_of(self.source, tree.parts[0])}.{{}}`")
            at = Tree("name", [name], tree.end - len(name), tree.end)
            self.fail(at, f"{describe(value)} has no `{name}`", hint)
        return found(value)

    def subscript(self, tree: Tree) -> Any:
        value = self.evaluate(tree.parts[0])
        index = tree.parts[1]
        if isinstance(value, Buffer):
            return self.element(tree, value, self.indices(index))
        key = self.slice_(index) if index.kind == "slice" else self.evaluate(index)
        if isinstance(value, Expr):
            self.fail(
                tree,
                f"{describe(value)} has no elements",
                "only buffers do" if not isinstance(value, BufferLoad) else "",
            )
        return self.env.subscript(self, tree, value, key)

    def indices(self, tree: Tree) -> list[Any]:
        """The indices of a subscript: values, and slices of them."""
        out: list[Any] = []
        for part in tree.parts if tree.kind == "tuple" else [tree]:
            if part.kind == "slice":
                out.append(self.slice_(part))
            elif part.kind == "starred":
                out.extend(self.spread(part.parts[0]))
            else:
                value = self.evaluate(part)
                if isinstance(value, tuple) and tree is part:
                    out.extend(value)
                else:
                    out.append(value)
        return out

    def slice_(self, tree: Tree) -> slice:
        return slice(*(None if part is None else self.evaluate(part) for part in tree.parts))

    def element(self, tree: Tree, buffer: Buffer, indices: list[Any]) -> BufferLoad | BufferRegion:
        """`buffer[indices]`: an element, a vector, or, with slices, a region."""
        if len(indices) != len(buffer.shape):
            n, shape = len(buffer.shape), ", ".join(map(str, buffer.shape)) + "," * (len(buffer.shape) == 1)
            self.fail(
                tree,
                f"buffer `{buffer.name}` has {n} dimension{'s' * (n != 1)}, of shape ({shape}), but "
                f"{len(indices)} ind{'ices are' if len(indices) != 1 else 'ex is'} given",
                f"write {buffer.name}[{', '.join('ijklmnop'[d % 8] for d in range(n)) or '()'}]",
            )
        made: list[Any] = []
        sliced = False
        for i, index in enumerate(indices):
            if type(index) is slice:
                made.append(self.range_(tree, index, buffer.shape[i]))
                sliced = sliced or type(made[-1]) is Range
                continue
            if type(index) is Range:
                made.append(index)
                sliced = True
                continue
            try:
                value = index if isinstance(index, Expr) else expression(index)
            except UserError as e:
                self.rethrow(self.index_tree(tree, i), e)
            if not value.dtype.is_integral:
                where = self.index_tree(tree, i)
                self.fail(
                    where,
                    f"an index is an integer, and this is {typed(value.dtype)}",
                    f"convert it, as in T.Cast('int32', {text_of(self.source, where)})" if value.dtype.is_float else "",
                )
            made.append(value)
        if not sliced:
            return BufferLoad(buffer, tuple(made))
        return BufferRegion(buffer, tuple(m if type(m) is Range else Range.point(m) for m in made))

    def index_tree(self, tree: Tree, i: int) -> Tree:
        """The tree of index `i` of a subscript, or all of it where indices are spread."""
        index: Tree = tree.parts[1]
        parts = index.parts if index.kind == "tuple" else [index]
        return parts[i] if i < len(parts) and all(p.kind != "starred" for p in parts) else tree

    def range_(self, tree: Tree, index: slice, extent: Expr) -> Range | Expr:
        """The range of a slice; with a step the vector of its integers."""
        try:
            begin = const(0, extent.dtype) if index.start is None else expression(index.start)
            end = extent if index.stop is None else expression(index.stop)
            begin, end = nodes.match_types(begin, end)
            if index.step is None or index.step == 1:
                return Range.of(begin, end)
            step = index.step.value if isinstance(index.step, IntImm) else index.step
            span = Range.of(begin, end).extent
        except UserError as e:
            self.rethrow(tree, e)
        if not isinstance(step, int) or step < 2 or not isinstance(span, IntImm) or span.value <= step:
            self.fail(
                tree,
                "a slice with a step is a vector: its step and its length are constants",
                "use T.Ramp(start, step, lanes)",
            )
        return Ramp(begin, const(step, begin.dtype), -(-span.value // step))

    def spread(self, tree: Tree) -> Any:
        """The items of the value of `tree`, for `*tree`."""
        value = self.evaluate(tree)
        if not isinstance(value, (tuple, list)) and not self.env.is_iterable(value):
            self.fail(tree, f"`*` spreads a tuple or a list, not {describe(value)}")
        return value
