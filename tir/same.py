"""Structural equality up to renaming, the path of the first difference, and the matching hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from .buffer import Buffer
from .errors import UserError
from .expr import GlobalVar, Op, Var
from .function import IRModule, PrimFunc
from .node import Attrs, Node
from .stmt import Block

# Names a program may change without becoming another one.
_NAMES: dict[type[Node], frozenset[str]] = {Block: frozenset({"name_hint"}), Buffer: frozenset({"name"})}


class _Compare:
    """Walks two programs in step; the first difference is kept with its path."""

    def __init__(self, map_free_vars: bool) -> None:
        self.map_free_vars = map_free_vars
        self.vars: dict[Var, Var] = {}
        self.reverse: dict[Var, Var] = {}
        self.buffers: dict[Buffer, Buffer] = {}
        self.reverse_buffers: dict[Buffer, Buffer] = {}
        self.difference: tuple[str, Any, Any] | None = None

    def differ(self, path: str, a: Any, b: Any) -> bool:
        if self.difference is None:
            self.difference = (path, a, b)
        return False

    def bind(self, path: str, a: Var, b: Var) -> bool:
        if a.dtype != b.dtype:
            return self.differ(f"{path}.dtype", a.dtype, b.dtype)
        if a.pointee != b.pointee or a.scope != b.scope:
            return self.differ(path, a, b)
        self.vars[a], self.reverse[b] = b, a
        return True

    def var(self, path: str, a: Var, b: Var) -> bool:
        if a in self.vars or b in self.reverse:
            return (self.vars.get(a) is b and self.reverse.get(b) is a) or self.differ(path, a, b)
        return self.bind(path, a, b) if a is b or self.map_free_vars else self.differ(path, a, b)

    def buffer(self, path: str, a: Buffer, b: Buffer) -> bool:
        if a in self.buffers or b in self.reverse_buffers:
            return (self.buffers.get(a) is b and self.reverse_buffers.get(b) is a) or self.differ(path, a, b)
        if a is b and not self.vars and not self.map_free_vars:
            return True
        self.buffers[a], self.reverse_buffers[b] = b, a
        if a.data not in self.vars and b.data not in self.reverse and not self.bind(f"{path}.data", a.data, b.data):
            return False
        return self.fields(path, a, b)

    def __call__(self, path: str, a: Any, b: Any) -> bool:
        if type(a) is not type(b):
            return self.differ(path, a, b)
        if isinstance(a, Node):
            if isinstance(a, Var):
                return self.var(path, a, b)
            if isinstance(a, Buffer):
                return self.buffer(path, a, b)
            if a is b and not self.vars and not self.buffers and not self.map_free_vars:
                return True
            if isinstance(a, PrimFunc):
                return self.function(path, a, b)
            return self.fields(path, a, b)
        if isinstance(a, tuple):
            if not isinstance(b, tuple) or len(a) != len(b):
                return self.differ(path, a, b)
            return all(self(f"{path}[{i}]", x, y) for i, (x, y) in enumerate(zip(a, b, strict=True)))
        if isinstance(a, Mapping):
            if not isinstance(b, Mapping) or a.keys() != b.keys():
                return self.differ(path, a, b)
            return all(self(f"{path}[{key!r}]", a[key], b[key]) for key in a)
        equal = a.hex() == b.hex() if isinstance(a, float) and isinstance(b, float) else type(a) is type(b) and a == b
        return equal or self.differ(path, a, b)

    def fields(self, path: str, a: Node, b: Node) -> bool:
        ignored = _NAMES.get(type(a), frozenset())
        # Definitions come first, so that every other field sees them bound.
        if isinstance(a, Block) and isinstance(b, Block):
            for x, y in zip(a.alloc_buffers, b.alloc_buffers, strict=False):
                self.bind_new(path, x.data, y.data)
            for m, n in zip(a.match_buffers, b.match_buffers, strict=False):
                self.bind_layout(path, m.buffer, n.buffer)
        for name in a.def_fields if not isinstance(a, Buffer) else ():
            x, y = getattr(a, name), getattr(b, name)
            pairs = [(x, y)] if isinstance(x, Var) else list(zip(x, y, strict=False))
            if not isinstance(x, Var) and len(x) != len(y):
                return self.differ(f"{path}.{name}", x, y)
            for v, w in pairs:
                if not self.bind(f"{path}.{name}", v, w):
                    return False
        return all(
            self(f"{path}.{name}", getattr(a, name), getattr(b, name))
            for name in a.fields
            if name not in ignored and name not in a.def_fields
        )

    def bind_layout(self, path: str, a: Buffer, b: Buffer) -> None:
        """Bind the pointer and the variables that are an extent, a stride or the offset by themselves."""
        for v, w in zip((a.data, *a.layout()), (b.data, *b.layout()), strict=False):
            if isinstance(v, Var) and isinstance(w, Var):
                self.bind_new(path, v, w)

    def bind_new(self, path: str, a: Var, b: Var) -> None:
        """Bind two variables that are defined here, unless they were met before."""
        if a not in self.vars and b not in self.reverse:
            self.bind(path, a, b)

    def function(self, path: str, a: PrimFunc, b: PrimFunc) -> bool:
        if len(a.params) != len(b.params):
            return self.differ(f"{path}.params", a.params, b.params)
        for i, (p, q) in enumerate(zip(a.params, b.params, strict=True)):
            if not self.bind(f"{path}.params[{i}]", p, q):
                return False
            x, y = a.buffer_map.get(p), b.buffer_map.get(q)
            if x is None or y is None:
                if x is not y:
                    return self.differ(f"{path}.buffer_map[{p.name}]", x, y)
                continue
            # A symbolic extent is defined where a parameter's shape names it, be it after one that computes with it.
            self.bind_layout(f"{path}.buffer_map[{p.name}]", x, y)
        for p, q in zip(a.params, b.params, strict=True):
            x, y = a.buffer_map.get(p), b.buffer_map.get(q)
            if x is not None and y is not None and not self.buffer(f"{path}.buffer_map[{p.name}]", x, y):
                return False
        return (
            self(f"{path}.body", a.body, b.body)
            and self(f"{path}.ret_type", a.ret_type, b.ret_type)
            and self(f"{path}.attrs", a.attrs, b.attrs)
        )


def structural_equal(a: Any, b: Any, *, map_free_vars: bool = False) -> bool:
    """Whether two nodes are the same program, up to the names of variables, buffers and blocks.

    With `map_free_vars` variables that neither program defines may correspond as well.
    """
    return first_difference(a, b, map_free_vars=map_free_vars) is None


def first_difference(a: Any, b: Any, *, map_free_vars: bool = False) -> tuple[str, Any, Any] | None:
    """The path of the first difference in program order and the two things there; None if there is none."""
    compare = _Compare(map_free_vars)
    return None if compare("", a, b) else compare.difference


def assert_structural_equal(a: Any, b: Any, *, map_free_vars: bool = False) -> None:
    """Check that two nodes are the same program.

    Raises
    ------
    UserError: they differ; the message gives the path of the first difference and both sides of it.
    """
    found = first_difference(a, b, map_free_vars=map_free_vars)
    if found is not None:
        path, x, y = found
        raise UserError(f"the programs differ at {path or '<root>'}:\n  left:  {_short(x)}\n  right: {_short(y)}")


def _short(value: Any) -> str:
    text = str(value) if isinstance(value, Node) else repr(value)
    lines = text.strip().splitlines() or [""]
    return lines[0] if len(lines) == 1 else "\n         ".join([*lines[:6], *(["..."] if len(lines) > 6 else [])])


class _Tokens:
    """The stream of tokens that stands for a program, variables by their order of occurrence."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}

    def __call__(self, value: Any) -> Iterator[str]:
        if isinstance(value, (Var, Buffer)):
            known = self.numbers.get(value)
            if known is not None:
                yield f"#{known}"
                return
            self.numbers[value] = len(self.numbers)
            yield f"new {type(value).__name__}"
            if isinstance(value, Var):
                yield f"{value.dtype} {value.pointee} {value.scope}"
                return
        if isinstance(value, Node):
            yield type(value).__name__
            if isinstance(value, PrimFunc):
                for param in value.params:
                    yield from self(param)
                    yield from self(value.buffer_map.get(param))
            ignored = _NAMES.get(type(value), frozenset())
            for name in (*value.def_fields, *(n for n in value.fields if n not in value.def_fields)):
                if name not in ignored and name != "buffer_map":
                    yield from self(getattr(value, name))
        elif isinstance(value, tuple):
            yield f"({len(value)}"
            for item in value:
                yield from self(item)
        elif isinstance(value, (Attrs, Mapping)):
            yield f"{{{len(value)}"
            for key in sorted(value) if not isinstance(value, IRModule) else value:
                yield key
                yield from self(value[key])
        elif isinstance(value, float):
            yield value.hex()
        elif isinstance(value, (Op, GlobalVar)):
            yield value.name
        else:
            yield f"{type(value).__name__} {value!s}"


def structural_hash(node: Any) -> int:
    """A 64-bit hash, stable across processes, equal for nodes that `structural_equal` (with free variables mapped)."""
    digest = hashlib.blake2b(digest_size=8)
    for token in _Tokens()(node):
        digest.update(token.encode())
        digest.update(b"\0")
    return int.from_bytes(digest.digest(), "little")
