"""Functions and modules."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Any, ClassVar

from .buffer import Buffer
from .dtype import VOID, DType
from .errors import UserError
from .expr import GlobalVar, Var
from .node import EMPTY, Attrs, Node, node
from .stmt import Block, BlockRealize, Stmt


@node
class PrimFunc(Node):
    """A function: `buffer_map` gives the buffers that its handle parameters point to.

    A program of blocks has one block around its whole body, the root block, which holds its allocations.

    Attributes
    ----------
    attrs: "global_symbol" is the function's name; "tir.noalias" says that the parameters' memory does not overlap.
    """

    params: tuple[Var, ...]
    buffer_map: Mapping[Var, Buffer]
    body: Stmt
    ret_type: DType = VOID
    attrs: Attrs = EMPTY
    extra_slots: ClassVar[tuple[str, ...]] = ("__weakref__",)

    def __hash__(self) -> int:
        return id(self)

    @property
    def name(self) -> str:
        """The function's name, "main" if it has none."""
        return str(self.attrs.get("global_symbol", "main"))

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The parameters' buffers, in the parameters' order."""
        return tuple(self.buffer_map[p] for p in self.params if p in self.buffer_map)

    @property
    def root(self) -> Block | None:
        """The root block, or None for a program without blocks."""
        body = self.body
        return body.block if isinstance(body, BlockRealize) and not body.iter_values else None

    def with_body(self, body: Stmt) -> PrimFunc:
        """The function with another body; itself if it is the same."""
        return self if body is self.body else self.replace(body=body)

    def with_attr(self, key: str, value: Any) -> PrimFunc:
        """The function with the attribute `key` set to `value`."""
        return self.replace(attrs=self.attrs.with_(key, value))

    def with_attrs(self, attrs: Mapping[str, Any]) -> PrimFunc:
        """The function with several attributes set."""
        return self.replace(attrs=Attrs({**self.attrs, **attrs}))

    def without_attr(self, key: str) -> PrimFunc:
        """The function without the attribute `key`."""
        return self.replace(attrs=self.attrs.without(key))

    def specialize(self, values: Mapping[Any, Any]) -> PrimFunc:
        """The function for given values of scalar parameters and symbolic sizes; the scalars leave the parameters.

        Parameters
        ----------
        values: numbers or expressions, by a scalar parameter or a variable of a buffer's layout, or its name; shapes
            or buffers, by a buffer parameter, its buffer, or the name of either.

        Raises
        ------
        UserError: there is no such parameter or variable, or a value does not fit it or another one.
        VerifyError: a value uses a variable that the function does not have.

        >>> f.specialize({"n": 128})
        >>> f.specialize({"A": (128, 64)})
        """
        from .specialize import specialize

        return specialize(self, values)

    def with_name(self, name: str) -> PrimFunc:
        """The function under another name."""
        return self.with_attr("global_symbol", name)


@node
class IRModule(Node):
    """Functions by name, in order. `mod["main"]` is one of them."""

    functions: Mapping[str, PrimFunc]
    attrs: Attrs = EMPTY
    extra_slots: ClassVar[tuple[str, ...]] = ("__weakref__",)

    def __getitem__(self, name: str | GlobalVar) -> PrimFunc:
        key = name.name if isinstance(name, GlobalVar) else name
        if key not in self.functions:
            raise UserError(
                f"the module has no function {key!r}; it has {', '.join(map(repr, self.functions)) or 'none'}"
            )
        return self.functions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.functions)

    def __len__(self) -> int:
        return len(self.functions)

    def __contains__(self, name: object) -> bool:
        return name in self.functions

    def items(self) -> ItemsView[str, PrimFunc]:
        """Names and functions."""
        return self.functions.items()

    def with_function(self, name: str, function: PrimFunc) -> IRModule:
        """The module with `name` set to `function`; itself if it already is."""
        if self.functions.get(name) is function:
            return self
        return IRModule({**self.functions, name: function}, self.attrs)


def as_module(value: PrimFunc | IRModule) -> IRModule:
    """A function as a module of its own under its own name; a module as it is.

    Raises
    ------
    UserError: `value` is neither.
    """
    if isinstance(value, IRModule):
        return value
    if isinstance(value, PrimFunc):
        return IRModule({value.name: value})
    raise UserError(f"expected a function (@T.prim_func) or a module (@I.ir_module), got {type(value).__name__}")
