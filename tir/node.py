"""`@node` declares a node once: slots, constructor, children, rebuilding and interning follow from its fields."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform

from . import render
from .errors import InternalError

Map = Callable[[Any], Any]

NODE_TYPES = {"Expr", "Stmt", "Node", "Buffer", "Block", "Range", "IterVar", "BufferRegion", "MatchBufferRegion"}
"""Annotations of fields that hold children. `Var` is not among them: a field declared `Var` *defines* a variable."""


class _Delete:
    """The type of `DELETE`."""

    def __repr__(self) -> str:
        return "DELETE"


DELETE: Any = _Delete()
"""What a rewriter returns for a statement that is to vanish. It removes the statement from its sequence, and
removes a parent left without a body."""


class Node:
    """Base of everything in the IR. Immutable by convention.

    Class attributes, filled in by `@node`
    --------------------------------------
    fields: the constructor's arguments, in order.
    def_fields: those that hold variables the node defines.
    """

    __slots__ = ()

    fields: ClassVar[tuple[str, ...]] = ()
    def_fields: ClassVar[tuple[str, ...]] = ()
    interned: ClassVar[bool] = False

    def children(self) -> tuple[Any, ...]:
        """The direct children, in order; definitions are not among them."""
        return ()

    def map_children(self, f: Map) -> Any:
        """The node rebuilt over `f(child)`; the node itself when every child comes back unchanged."""
        return self

    def replace(self, **changes: Any) -> Any:
        """A copy with some fields changed."""
        unknown = changes.keys() - set(self.fields)
        if unknown:
            raise InternalError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return type(self)(*[changes[name] if name in changes else getattr(self, name) for name in self.fields])

    def script(self, **options: Any) -> str:
        """The node as program text; `tensorir.script.parse` reads functions and modules back.

        Options: `dialect` ("tensorir" or "tvm"), `width` (columns), `header` (whether import lines come first).
        """
        return render.script(self, **options)

    def show(self, **options: Any) -> None:
        """Print the node as program text, in colour in a terminal or a notebook.

        Options: those of `script`, `style` ("ansi", "light", "dark" or a style of pygments), `black` (whether that
        formatter is run), `file`, `underline` (nodes) and `annotate` (a note for each of some nodes).
        """
        render.show(self, **options)

    def _repr_html_(self) -> str | None:
        return render.html(self)

    def __str__(self) -> str:
        return render.script(self)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields)
        return f"{type(self).__name__}({inner})"

    def __reduce__(self) -> Any:
        if self.interned:
            return type(self), tuple(getattr(self, name) for name in self.fields)
        return _blank, (type(self),), (None, {name: getattr(self, name) for name in slots_of(type(self))})


def _blank(cls: type[Node]) -> Node:
    return object.__new__(cls)


def slots_of(cls: type[Node]) -> list[str]:
    """The names of every slot that holds a value of a `cls` instance."""
    return [name for base in cls.__mro__ for name in getattr(base, "__slots__", ()) if name != "__weakref__"]


class Attrs(Mapping[str, Any]):
    """An immutable, hashable mapping of annotation names to values.

    Values are ints, floats, bools, strings, None, nodes, and tuples or `Attrs` of these; lists and dicts are frozen.
    """

    __slots__ = ("_items", "has_nodes")

    def __init__(self, items: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        self._items: dict[str, Any] = {str(k): freeze(v) for k, v in {**(items or {}), **more}.items()}
        self.has_nodes = any(_holds_node(v) for v in self._items.values())

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Attrs) and self._items == other._items

    def __repr__(self) -> str:
        return repr(self._items)

    def with_(self, key: str, value: Any) -> Attrs:
        """A copy with `key` set to `value`."""
        return Attrs({**self._items, key: value})

    def without(self, *keys: str) -> Attrs:
        """A copy without `keys`."""
        return Attrs({k: v for k, v in self._items.items() if k not in keys})

    def map_nodes(self, f: Map) -> Attrs:
        """The mapping over `f(node)` for each node among the values; itself when all are unchanged."""
        if not self.has_nodes:
            return self
        changed = {k: _map_value(v, f) for k, v in self._items.items()}
        return self if all(changed[k] is v for k, v in self._items.items()) else Attrs(changed)

    def nodes(self) -> tuple[Node, ...]:
        """The nodes among the values."""
        found: list[Node] = []
        self.map_nodes(lambda n: found.append(n) or n)  # type: ignore[func-returns-value]
        return tuple(found)


def freeze(value: Any) -> Any:
    """`value` with lists turned to tuples, dicts to `Attrs`, and subclasses of str (a `DType`) to plain strings."""
    if isinstance(value, (list, tuple)):
        return tuple(freeze(v) for v in value)
    if isinstance(value, dict):
        return Attrs(value)
    return str(value) if isinstance(value, str) else value


def _holds_node(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_holds_node, value))
    return isinstance(value, Node) or (isinstance(value, Attrs) and value.has_nodes)


def _map_value(value: Any, f: Map) -> Any:
    if isinstance(value, tuple):
        return map_tuple(value, lambda v: _map_value(v, f))
    if isinstance(value, Attrs):
        return value.map_nodes(f)
    return f(value) if isinstance(value, Node) else value


EMPTY = Attrs()


def map_tuple(items: tuple[Any, ...], f: Map) -> tuple[Any, ...]:
    """`items` under `f`, without those for which it returns `DELETE`; `items` itself when nothing changed."""
    out = [f(item) for item in items]
    for new, old in zip(out, items, strict=True):
        if new is not old:
            return tuple([item for item in out if item is not DELETE])
    return items


# Interning: an expression is looked up by its class and fields before it is built, so that equal expressions are
# one object, `is` is structural equality, and memo tables need no hashing of trees. Entries that only the table
# holds are swept when it has doubled; a dropped entry can at worst cost a duplicate, which `same` still equates.
_interned: dict[Any, Any] = {}
_sweep_at = 1 << 16


def _sweep() -> None:
    global _sweep_at
    while True:
        # 4 references: the table, the listed pair, the loop variable, getrefcount's argument.
        dead = [key for key, value in list(_interned.items()) if sys.getrefcount(value) <= 4]
        for key in dead:
            _interned.pop(key, None)
        count = len(dead)
        dead.clear()  # the keys hold the children, which the next round is to find dead
        if count < len(_interned) // 8 + 1:
            break
    _sweep_at = max(1 << 16, 2 * len(_interned))


def _grown() -> None:
    if len(_interned) > _sweep_at:
        _sweep()


T = TypeVar("T", bound=type[Node])


class _Derived:
    """The type of a `derived` default."""

    def __init__(self, source: str) -> None:
        self.source = source


def derived(source: str, *, init: Literal[False] = False) -> Any:
    """A field computed by the expression `source` from the constructor's arguments rather than passed."""
    return _Derived(source)


@dataclass_transform(eq_default=False, field_specifiers=(derived,))
def node(cls: T) -> T:
    """Declare a node class from its annotations, written in order as the constructor takes them.

    Each annotation becomes a slot. From the annotation's text follows what the field is: a child (`Expr`,
    `Stmt | None`, `tuple[Expr, ...]`, ...; see `NODE_TYPES`), a definition (`Var`), or plain data. The class gets
    `__new__` (interned expressions) or `__init__`, `children` and `map_children`, unless it defines them itself,
    and `__post_init__` is called after construction where present.
    """
    namespace = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
    annotations: dict[str, str] = {
        name: text for name, text in namespace.get("__annotations__", {}).items() if not text.startswith("ClassVar")
    }
    defaults = {name: namespace.pop(name) for name in annotations if name in namespace}
    computed = {name: d.source for name, d in defaults.items() if isinstance(d, _Derived)}
    fields = tuple(name for name in annotations if name not in computed)
    kinds = {name: _kind(annotations[name]) for name in fields}

    namespace["__slots__"] = tuple(annotations) + tuple(namespace.get("extra_slots", ()))
    namespace["fields"] = fields
    namespace["def_fields"] = tuple(name for name in fields if kinds[name] == "def")
    new: Any = type(cls)(cls.__name__, cls.__bases__, namespace)  # type: ignore[misc]
    new.__qualname__ = cls.__qualname__

    source = [*_constructor(annotations, defaults, computed, fields, new)]
    if "children" not in namespace:
        source += _children(kinds)
    if "map_children" not in namespace:
        source += _map_children(kinds, fields)
    scope = {**sys.modules[cls.__module__].__dict__, **{f"_default_{k}": v for k, v in defaults.items()}}
    scope |= {"_cls": new, "_interned": _interned, "_grown": _grown, "_object_new": object.__new__}
    scope |= {"map_tuple": map_tuple, "DELETE": DELETE}
    for name in ("__new__", "__init__", "children", "map_children"):
        scope.pop(name, None)
    exec("\n".join(source), scope)
    for name in ("__new__", "__init__", "children", "map_children"):
        if name in scope:
            function = scope[name]
            function.__qualname__ = f"{cls.__qualname__}.{name}"
            setattr(new, name, staticmethod(function) if name == "__new__" else function)
    return new


def _kind(annotation: str) -> str:
    if annotation == "Var":
        return "def"
    if annotation == "tuple[Var, ...]":
        return "def"
    if annotation == "Attrs":
        return "attrs"
    if annotation.startswith("tuple[") and annotation[6:].split(",")[0] in NODE_TYPES:
        return "tuple"
    base, _, rest = annotation.partition(" | ")
    if base in NODE_TYPES:
        return ("optional " if rest == "None" else "") + ("stmt" if base == "Stmt" else "node")
    return "data"


def _constructor(
    annotations: dict[str, str],
    defaults: dict[str, Any],
    computed: dict[str, str],
    fields: tuple[str, ...],
    cls: type[Node],
) -> Iterator[str]:
    signature = ", ".join(f"{n}=_default_{n}" if n in defaults else n for n in fields)
    post = ["    self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    if not cls.interned:
        yield f"def __init__(self, {signature}):"
        yield from (f"    self.{name} = {computed.get(name, name)}" for name in annotations)
        yield from post
        yield "    return None"
        return
    yield f"def __new__(cls, {signature}):"
    # 1 == True == 1.0 and 0.0 == -0.0 as dictionary keys, so numbers are made exact before they are looked up.
    yield from (f"    {n} = {n} if type({n}) is int else int({n})" for n in fields if annotations[n] == "int")
    yield from (f"    {n} = float({n})" for n in fields if annotations[n] == "float")
    parts = (f"{n}.hex()" if annotations[n] == "float" else n for n in fields)
    yield f"    key = (_cls, {', '.join(parts)})"
    yield "    self = _interned.get(key)"
    yield "    if self is None:"
    yield "        self = _object_new(_cls)"
    yield from (f"        self.{name} = {computed.get(name, name)}" for name in annotations)
    yield from ("    " + line for line in post)
    yield "        _interned[key] = self"
    yield "        _grown()"
    yield "    return self"


def _children(kinds: dict[str, str]) -> Iterator[str]:
    parts = []
    for name, kind in kinds.items():
        if kind in ("node", "stmt"):
            parts.append(f"(self.{name},)")
        elif kind.startswith("optional"):
            parts.append(f"(() if self.{name} is None else (self.{name},))")
        elif kind == "tuple":
            parts.append(f"self.{name}")
        elif kind == "attrs":
            parts.append(f"self.{name}.nodes()")
    yield "def children(self):"
    yield f"    return {' + '.join(parts) or '()'}"


def _map_children(kinds: dict[str, str], fields: tuple[str, ...]) -> Iterator[str]:
    mapped = [name for name, kind in kinds.items() if kind not in ("data", "def")]
    yield "def map_children(self, f):"
    if not mapped:
        yield "    return self"
        return
    for name in mapped:
        kind = kinds[name]
        yield f"    {name} = self.{name}"
        if kind == "tuple":
            yield f"    new_{name} = map_tuple({name}, f)"
        elif kind == "attrs":
            yield f"    new_{name} = {name}.map_nodes(f) if {name}.has_nodes else {name}"
        elif kind.startswith("optional"):
            yield f"    new_{name} = None if {name} is None else f({name})"
            yield f"    if new_{name} is DELETE: new_{name} = None"
        else:
            yield f"    new_{name} = f({name})"
            if kind == "stmt":
                yield f"    if new_{name} is DELETE: return DELETE"
    same = " and ".join(f"new_{name} is {name}" for name in mapped)
    yield f"    if {same}: return self"
    yield f"    return _cls({', '.join(f'new_{n}' if n in mapped else f'self.{n}' for n in fields)})"


def guard() -> None:
    """Make every node refuse assignment to a field that is already set; the test suite installs this."""

    def __setattr__(self: Node, name: str, value: Any) -> None:
        if hasattr(self, name) and name not in getattr(self, "extra_slots", ()):
            raise InternalError(f"{type(self).__name__}.{name} is assigned twice: nodes are immutable")
        object.__setattr__(self, name, value)

    Node.__setattr__ = __setattr__  # type: ignore[method-assign, assignment]
