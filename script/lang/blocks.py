"""Constructs that make blocks and say what they are: axes, regions, predicate, init, annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tir.buffer import BufferRegion, Range
from ...tir.errors import UserError
from ...tir.expr import Var
from ...tir.stmt import IterType, Stmt
from ..builder import BlockScope, Builder, Scope, as_region, current
from .construct import Domain, Rejected, Value, _domain, _index, _region, _value, construct, register, typed
from .statements import LetScope


@construct
def block(name: Any = "", name_hint: str = "", no_realize: bool = False) -> Any:
    """A block: a unit of computation over its own axes: `with T.block("C"):`.

    Inside come its axes (T.axis...), then T.where, T.reads, T.writes, T.block_attr, allocations and views, T.init,
    and its statements. Reads and writes that are not written are found from the statements. The form of the first
    TensorIR tutorials, `with T.block([128, T.reduce_axis(0, 128)], "C") as [vi, vk]:`, is accepted, too.

    >>> for i in range(16):
    ...     with T.block("B"):
    ...         vi = T.axis.spatial(16, i)
    ...         B[vi] = B[vi] + 1
    """
    current("T.block")
    if isinstance(name, (list, tuple)):
        domains = [d if isinstance(d, Axis) else Axis(_domain(d), IterType.SPATIAL) for d in name]
        return BlockScope(name_hint, [(d.dom, d.iter_type) for d in domains])
    return BlockScope(str(name) or name_hint)


class Axis:
    """An axis of a block in its list of axes: `T.reduce_axis(0, 128)`."""

    __slots__ = ("dom", "iter_type")

    def __init__(self, dom: Range, iter_type: IterType) -> None:
        self.dom, self.iter_type = dom, iter_type


@construct
def reduce_axis(begin: Any, end: Any = None) -> Any:
    """A reducing axis in a block's list of axes: `T.block([128, T.reduce_axis(0, 128)], "C")`.

    >>> with T.block([16, T.reduce_axis(0, 16)], "B") as [vi, vk]:
    ...     T.bind(vi, n)
    ...     T.bind(vk, 0)
    ...     B[vi] = B[vi] + vk
    """
    return Axis(_domain(begin if end is None else (begin, end)), IterType.REDUCE)


@construct
def scan_axis(begin: Any, end: Any = None) -> Any:
    """An ordered axis in a block's list of axes.

    >>> with T.block([T.scan_axis(0, 16)], "B") as [vi]:
    ...     T.bind(vi, n)
    ...     B[vi] = B[vi] + 1
    """
    return Axis(_domain(begin if end is None else (begin, end)), IterType.SCAN)


@construct
def bind(axis: Value, value: Value | None = None) -> Any:
    """Bind an axis named after `as` to its value: `T.bind(vi, i)`. Of one argument `x = T.bind(value)` is `T.let`.

    >>> with T.block([16], "B") as [vi]:
    ...     T.bind(vi, n)
    ...     B[vi] = 1
    """
    if value is None:
        return LetScope(_value(axis))
    scope = current("T.bind").block
    for i, iter_var in enumerate(scope.axes):
        if iter_var.var is axis:
            if scope.values[i] is not None:
                raise UserError(f"axis `{axis}` is bound twice")
            scope.values[i] = _value(value)
            return None
    raise UserError(f"`{axis}` is no axis of this block")


class _Axes:
    """The axes of a block: `vi = T.axis.spatial(128, i)`, `vi, vk = T.axis.remap("SR", [i, k])`."""

    @staticmethod
    def spatial(dom: Domain, value: Value, dtype: str = "int32") -> Var:
        """An axis whose instances are independent: each writes other elements.

        >>> for i, j in T.grid(4, 4):
        ...     with T.block("B"):
        ...         vi = T.axis.spatial(16, i * 4 + j)
        ...         B[vi] = 1
        """
        return _axis(dom, value, IterType.SPATIAL)

    @staticmethod
    def reduce(dom: Domain, value: Value, dtype: str = "int32") -> Var:
        """An axis along which instances update the same elements in any order.

        >>> for k in range(16):
        ...     with T.block("B"):
        ...         vk = T.axis.reduce(16, k)
        ...         with T.init():
        ...             B[0] = 0
        ...         B[0] = B[0] + vk
        """
        return _axis(dom, value, IterType.REDUCE)

    @staticmethod
    def scan(dom: Domain, value: Value, dtype: str = "int32") -> Var:
        """An axis along which instances depend on earlier ones.

        >>> for i in range(15):
        ...     with T.block("B"):
        ...         vi = T.axis.scan((1, 16), i + 1)
        ...         B[vi] = B[vi - 1] + B[vi]
        """
        return _axis(dom, value, IterType.SCAN)

    @staticmethod
    def opaque(dom: Domain, value: Value, dtype: str = "int32") -> Var:
        """An axis of which the compiler may assume nothing.

        >>> for i in range(16):
        ...     with T.block("B"):
        ...         vi = T.axis.opaque(16, i)
        ...         T.evaluate(T.call_extern("int32", "f", B.data, vi))
        """
        return _axis(dom, value, IterType.OPAQUE)

    S = spatial
    R = reduce

    @staticmethod
    def remap(kinds: str, values: Sequence[Any], dtype: str = "int32") -> Any:
        """An axis for each loop, over the loop's range: "S" spatial, "R" reduce, "O" opaque, "C" scan.

        >>> for i, k in T.grid(16, 16):
        ...     with T.block("row"):
        ...         vi, vk = T.axis.remap("SR", [i, k])
        ...         with T.init():
        ...             A[vi, 0] = T.float32(0)
        ...         A[vi, 0] = A[vi, 0] + A[vi, vk]
        """
        builder = current("T.axis.remap")
        if len(kinds) != len(values):
            n = len(kinds)
            raise Rejected(0, f"T.axis.remap has {n} kind{'s' * (n != 1)}, {kinds!r}, for {len(values)} loops")
        axes = []
        for kind, value in zip(kinds, values):
            iter_type = _KINDS.get(kind)
            if iter_type is None:
                raise Rejected(0, f"{kind!r} is no kind of axis", "S is spatial, R reduce, O opaque, C scan")
            dom = builder.domains.get(value) if isinstance(value, Var) else None
            if dom is None:
                raise Rejected(
                    1,
                    f"T.axis.remap takes variables of loops, and `{value}` is none",
                    "write T.axis.spatial(extent, value) or T.axis.reduce(extent, value) for another value",
                )
            axes.append(builder.block.axis(dom, iter_type, value, builder.take_name(f"v{len(builder.block.axes)}")))
        return tuple(axes) if len(axes) != 1 else axes[0]


_KINDS = {"S": IterType.SPATIAL, "R": IterType.REDUCE, "O": IterType.OPAQUE, "C": IterType.SCAN}


def _axis(dom: Any, value: Any, iter_type: IterType) -> Var:
    builder = current(f"T.axis.{iter_type}")
    if builder.block is builder.root:
        raise Rejected(None, f"T.axis.{iter_type} belongs into a block", "open one: `with T.block('name'):`")
    return builder.block.axis(_domain(dom), iter_type, _index(value), builder.take_name(f"v{len(builder.block.axes)}"))


axis = _Axes()
for _name in ("spatial", "reduce", "scan", "opaque", "remap"):
    register(getattr(_Axes, _name), getattr(_Axes, _name), f"T.axis.{_name}")
AXES: dict[str, Any] = {n: getattr(_Axes, n) for n in ("spatial", "reduce", "scan", "opaque", "remap", "S", "R")}
"""The members of `T.axis`."""


@construct
def reads(*regions: Any) -> None:
    """The regions an instance of the block reads: `T.reads(A[vi, vk], B[vk, 0:4])`; `T.reads()` reads nothing.

    >>> with T.block("B"):
    ...     T.reads(A[0, 0:4], B[n])
    ...     T.evaluate(T.call_extern("int32", "f", A.data, B.data))
    """
    _tell("reads", regions)


@construct
def writes(*regions: Any) -> None:
    """The regions an instance of the block writes: `T.writes(C[vi, vj])`; `T.writes()` writes nothing.

    >>> with T.block("B"):
    ...     T.writes(A[0, 0:4])
    ...     T.evaluate(T.call_extern("int32", "f", A.data))
    """
    _tell("writes", regions)


def _tell(which: str, regions: tuple[Any, ...]) -> None:
    scope = current(f"T.{which}").block
    if getattr(scope, which) is not None:
        raise Rejected(None, f"the block has T.{which} already", "name all regions in one")
    flat = [r for group in regions for r in (group if isinstance(group, (list, tuple)) else (group,))]
    found: list[BufferRegion] = [as_region(_region(r)) for r in flat]
    setattr(scope, which, found)


@construct
def where(condition: Value) -> None:
    """Run the block's instances only where `condition`, an expression of the loops, holds.

    >>> for i, j in T.grid(4, 5):
    ...     with T.block("B"):
    ...         vi = T.axis.spatial(16, i * 5 + j)
    ...         T.where(i * 5 + j < 16)
    ...         B[vi] = 1
    """
    condition = _value(condition)
    if not condition.dtype.is_bool:
        message = f"the condition of T.where is {typed(condition.dtype)}, not a bool"
        raise Rejected(0, message, "compare it with something, as in `x < 100`")
    current("T.where").block.where(condition)


@construct
def block_attr(attributes: dict[str, Any]) -> None:
    """Annotations of the block: `T.block_attr({"pragma": 1})`.

    >>> with T.block("B"):
    ...     T.block_attr({"note": "text", "numbers": [1, 2]})
    ...     B[0] = 1
    """
    annotations = current("T.block_attr").block.annotations
    for key, value in attributes.items():
        if key in annotations:
            raise UserError(f"the block has the annotation {key!r} already")
        annotations[key] = value


class InitScope(Scope):
    """`with T.init():`"""

    __slots__ = ()

    spelling = "T.init"

    def open(self, builder: Builder, names: Sequence[str]) -> None:
        if builder.block.init is not None:
            raise UserError("the block has a T.init already")
        if builder.block is builder.root:
            raise Rejected(None, "T.init belongs into a block", "open one: `with T.block('name'):`")

    def close(self, builder: Builder, body: Stmt) -> None:
        builder.block.init = body


@construct
def init() -> Any:
    """What a reducing block does before the first update of an element: `with T.init(): C[vi] = T.float32(0)`.

    >>> for k in range(16):
    ...     with T.block("B"):
    ...         vk = T.axis.reduce(16, k)
    ...         with T.init():
    ...             B[0] = 0
    ...         B[0] = B[0] + vk
    """
    current("T.init")
    return InitScope()
