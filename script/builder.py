"""The program under construction: open scopes, the statements gathered so far, and what blocks have been told."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range
from ..tir.dtype import HANDLE, VOID, DType
from ..tir.errors import UserError
from ..tir.expr import TRUE, And, Expr, Var
from ..tir.function import PrimFunc
from ..tir.node import Attrs
from ..tir.stmt import Block, BlockRealize, IterType, IterVar, Stmt, seq

Close = Callable[[Stmt], Stmt | None]


class Scope(ABC):
    """A construct that holds statements: a loop, a block, a let, an allocation.

    `for` and `with` open it around their suite; the others open around the rest of the suite they stand in.

    Attributes
    ----------
    spelling: what it is called in messages.
    forms: how it may be opened: "for", "with", "rest".
    """

    __slots__ = ()

    spelling: str = ""
    forms: frozenset[str] = frozenset({"with"})

    @abstractmethod
    def open(self, builder: Builder, names: Sequence[str]) -> Any:
        """Begin; `names` are those the script gives to what is defined, which is the result."""

    @abstractmethod
    def close(self, builder: Builder, body: Stmt) -> Stmt | None:
        """The statement around `body`; None where there is none to put in the program."""


class BlockScope(Scope):
    """A block; the constructs inside say what it is by way of `Builder.block`."""

    __slots__ = (
        "allocs",
        "annotations",
        "axes",
        "builder",
        "domains",
        "init",
        "matches",
        "name",
        "predicate",
        "reads",
        "values",
        "visible",
        "writes",
    )

    spelling = "T.block"

    def __init__(self, name: str, domains: Sequence[tuple[Range, IterType]] = ()) -> None:
        self.name = name
        self.domains = tuple(domains)
        self.axes: list[IterVar] = []
        self.values: list[Expr | None] = []
        self.reads: list[BufferRegion] | None = None
        self.writes: list[BufferRegion] | None = None
        self.predicate: Expr = TRUE
        self.init: Stmt | None = None
        self.allocs: list[Buffer] = []
        self.matches: list[MatchBufferRegion] = []
        self.visible: tuple[Buffer, ...] = ()
        self.annotations: dict[str, Any] = {}

    def open(self, builder: Builder, names: Sequence[str]) -> Any:
        self.builder = builder
        self.visible = tuple(builder.buffers)
        if len(names) not in (0, len(self.domains)):
            raise UserError(f"the block has {len(self.domains)} axes but {len(names)} names are given after `as`")
        builder.blocks.append(self)
        for i, (dom, iter_type) in enumerate(self.domains):
            self.axis(dom, iter_type, None, names[i] if names else f"v{i}")
        return [axis.var for axis in self.axes]

    def axis(self, dom: Range, iter_type: IterType, value: Expr | None, name: str) -> Var:
        """A new iterator."""
        var = self.builder.new(Var(name, dom.extent.dtype))
        self.axes.append(IterVar(dom, var, iter_type))
        self.values.append(value)
        return var

    def where(self, condition: Expr) -> None:
        """Run only where `condition` holds as well."""
        self.predicate = condition if self.predicate is TRUE else And(self.predicate, condition)

    def close(self, builder: Builder, body: Stmt) -> Stmt:
        builder.blocks.pop()
        builder.has_blocks = True
        if self.name == "root" and not self.axes and builder.block is builder.root:
            self.is_root()
        for axis, value in zip(self.axes, self.values, strict=True):
            if value is None:
                raise UserError(f"axis `{axis.var.name}` of block `{self.name}` is bound to nothing")
        return BlockRealize(tuple(v for v in self.values if v is not None), self.predicate, self.finish(body))

    def is_root(self) -> None:
        """Say nothing of reads and writes where nothing was said: those of a root block serve no analysis."""
        self.reads, self.writes = self.reads or [], self.writes or []

    def finish(self, body: Stmt) -> Block:
        """The block around `body`, with reads and writes found where none were written."""
        block = Block(
            tuple(self.axes),
            tuple(self.reads or ()),
            tuple(self.writes or ()),
            self.name,
            body,
            self.init,
            tuple(self.allocs),
            tuple(self.matches),
            Attrs(self.annotations),
        )
        if self.reads is not None and self.writes is not None:
            return block
        from ..tir.analysis.access import block_access_regions

        reads, writes = block_access_regions(block, self.visible)
        if self.reads is None and self.writes is None:
            return block.replace(reads=reads, writes=writes)
        return block.replace(reads=reads) if self.reads is None else block.replace(writes=writes)


class Builder:
    """Gathers one function's statements.

    Attributes
    ----------
    root: the block that top-level allocations go to.
    blocks: the open blocks, the root first.
    params, buffer_map, attrs: as the function will have them.
    symbols: variables by name, for shapes that name them in strings.
    buffers: those declared so far.
    fresh: variables that a construct made and no assignment has named yet.
    unbound: variables declared as in `x = T.int32()`, which a let may bind.
    undeclared: symbolic variables that only shapes have named yet.
    domains: the ranges of the open loops' variables.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = BlockScope("root")
        self.blocks: list[BlockScope] = [self.root]
        self.params: list[Var] = []
        self.buffer_map: dict[Var, Buffer] = {}
        self.attrs: dict[str, Any] = {}
        self.ret_type: DType = VOID
        self.symbols: dict[str, Var] = {}
        self.domains: dict[Var, Range] = {}
        self.names: list[str] = []
        self.fresh: set[Var] = set()
        self.unbound: set[Var] = set()
        self.undeclared: set[Var] = set()
        self.buffers: list[Buffer] = []
        self.has_blocks = False
        self._suites: list[list[Stmt | Close]] = [[]]

    @property
    def block(self) -> BlockScope:
        """The innermost open block."""
        return self.blocks[-1]

    def emit(self, stmt: Stmt) -> None:
        """Add a statement."""
        self._suites[-1].append(stmt)

    def enclose(self, close: Close) -> None:
        """Put the rest of the suite into what `close` makes of it."""
        self._suites[-1].append(close)

    def begin(self) -> None:
        """Begin a suite."""
        self._suites.append([])

    def end(self) -> Stmt:
        """End the suite: its statements as one."""
        return _fold(self._suites.pop())

    def bind(self, var: Var) -> None:
        """Mark a declared variable as bound.

        Raises
        ------
        UserError: it has a value already.
        """
        if var not in self.unbound:
            raise UserError(f"`{var.name}` has a value already; declare a new variable, as in `x = T.{var.dtype}()`")
        self.unbound.discard(var)

    def take_name(self, default: str) -> str:
        """The name that the running assignment gives to what a construct defines."""
        return self.names.pop(0) if self.names else default

    def new(self, var: Var) -> Var:
        """A variable for an assignment to name."""
        self.fresh.add(var)
        return var

    def symbol(self, name: str, dtype: DType) -> Var:
        """The symbolic variable of a shape called `name`."""
        found = self.symbols.get(name)
        if found is None:
            found = self.symbols[name] = Var(name, dtype)
            self.undeclared.add(found)
        return found

    def param(self, name: str, dtype: DType = HANDLE, pointee: DType | None = None, scope: str = "") -> Var:
        """A new parameter."""
        var = Var(name, dtype, pointee, scope)
        self.params.append(var)
        return var

    def finish(self) -> PrimFunc:
        """The function."""
        body = self.end()
        if _is_explicit_root(body) and not self.root.allocs and not _told(self.root):
            pass
        elif self.has_blocks or self.root.allocs or _told(self.root):
            self.root.is_root()
            body = BlockRealize((), self.root.predicate, self.root.finish(body))
        return PrimFunc(tuple(self.params), self.buffer_map, body, self.ret_type, Attrs(self.attrs))


def _is_explicit_root(body: Stmt) -> bool:
    return isinstance(body, BlockRealize) and not body.iter_values and body.block.name_hint == "root"


def _told(block: BlockScope) -> bool:
    return bool(block.annotations or block.matches or block.reads is not None or block.writes is not None)


def _fold(items: Iterable[Stmt | Close]) -> Stmt:
    """The items in sequence, each closing function applied to all that follows it."""
    after: list[Stmt] = []
    for item in reversed(list(items)):
        if isinstance(item, Stmt):
            after.append(item)
        else:
            made = item(seq(*reversed(after)))
            after = [] if made is None else [made]
    return seq(*reversed(after))


class _Running(threading.local):
    builder: Builder | None = None


_running = _Running()


def current(construct: str) -> Builder:
    """The program being read.

    Raises
    ------
    UserError: none is; `construct` was called in ordinary Python.
    """
    if _running.builder is None:
        raise UserError(
            f"{construct} is a part of a program: it means something only inside a function under @T.prim_func"
        )
    return _running.builder


class building:
    """While it lasts, the constructs of `T` speak to `builder`."""

    __slots__ = ("before", "builder")

    def __init__(self, builder: Builder | None) -> None:
        self.builder = builder

    def __enter__(self) -> None:
        self.before, _running.builder = _running.builder, self.builder

    def __exit__(self, *_: object) -> None:
        _running.builder = self.before


def as_region(value: Buffer | BufferLoad | BufferRegion) -> BufferRegion:
    """A buffer, an element or a region as a region."""
    if isinstance(value, Buffer):
        return value.full_region()
    if isinstance(value, BufferLoad):
        if any(index.dtype.lanes != 1 for index in value.indices):
            raise UserError("a region has no step; name the whole range, as in A[0:16]")
        return BufferRegion(value.buffer, tuple(map(Range.point, value.indices)))
    return value
