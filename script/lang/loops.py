"""Constructs that make loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...tir.buffer import Range
from ...tir.errors import UserError
from ...tir.expr import Expr, Var, as_expr, const, match_types
from ...tir.node import EMPTY, Attrs
from ...tir.op import ceildiv
from ...tir.stmt import For, ForKind, Stmt
from ..builder import Builder, Scope
from ..diagnostics import suggest
from .construct import Constant, Extent, Index, Rejected, _extent, _index, construct


class LoopScope(Scope):
    """One loop or a nest of loops, the outermost first.

    Attributes
    ----------
    values: what the loops' names stand for: their variables; for a loop with a step, what it counts to.
    """

    __slots__ = ("annotations", "domains", "kind", "opens", "steps", "thread", "values", "variables")

    def __init__(
        self,
        kind: ForKind,
        domains: Sequence[Range],
        annotations: dict[str, Any] | None = None,
        thread: str | None = None,
        opens: str = "for",
        steps: Steps | None = None,
    ) -> None:
        self.kind, self.domains, self.thread = kind, tuple(domains), thread
        self.annotations = Attrs(annotations) if annotations else EMPTY
        self.variables: list[Var] = []
        self.values: list[Expr] = []
        self.opens, self.steps = opens, steps

    @property
    def forms(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({self.opens})

    def open(self, builder: Builder, names: Sequence[str]) -> Any:
        if not names:
            names = [f"i{d}" for d in range(len(self.domains))]
        if len(names) != len(self.domains):
            n = len(self.domains)
            m = len(names)
            raise UserError(f"{m} variable{'s' * (m != 1)} for {n} loop{'s' * (n != 1)}")
        self.variables = [Var(name, dom.extent.dtype) for name, dom in zip(names, self.domains)]
        builder.domains.update(zip(self.variables, self.domains))
        self.values = [var if self.steps is None else self.steps.begin + var * self.steps.by for var in self.variables]
        return tuple(self.values) if len(self.values) != 1 else self.values[0]

    def close(self, builder: Builder, body: Stmt) -> Stmt:
        for var, dom in zip(reversed(self.variables), reversed(self.domains)):
            builder.domains.pop(var, None)
            body = For(var, dom.min, dom.extent, self.kind, body, self.thread, self.annotations)
        return body


class Steps(NamedTuple):
    """Where a loop begins that takes several iterations at once, and how many."""

    begin: Expr
    by: int


def loop_over(
    kind: ForKind,
    start: Any,
    stop: Any = None,
    step: int | None = None,
    annotations: dict[str, Any] | None = None,
    thread: str | None = None,
) -> LoopScope:
    """A loop given as `range` is: an extent, or a begin and an end; with a step it runs over the number of its steps.

    Raises
    ------
    UserError: the step is 0, or begin and end are of types that do not meet.
    """
    if stop is None:
        start, stop = 0, _index(start)
    begin, end = match_types(start, stop)
    if step == 0:
        raise Rejected("step", "the step of a loop is not 0")
    if step is None or step == 1:
        return LoopScope(kind, [Range.of(begin, end)], annotations, thread)
    begin = as_expr(begin, end.dtype)
    count = ceildiv(end - begin, step) if step > 0 else ceildiv(begin - end, -step)
    return LoopScope(kind, [Range.of(const(0, count.dtype), count)], annotations, thread, steps=Steps(begin, step))


def _annotations(annotations: dict[str, Any] | None, pragmas: dict[str, Any]) -> dict[str, Any]:
    """The annotations of a loop with those given by keyword, `unroll=1` being "pragma_unroll"."""
    for name, value in pragmas.items():
        near = suggest(name, ("annotations", "thread", "start", "stop", "step"))
        if near or not isinstance(value, (bool, int, str)):
            raise Rejected(name, f"a loop has no parameter `{name}`", near)
    return {**(annotations or {}), **{f"pragma_{name}": value for name, value in pragmas.items()}}


@construct
def grid(*extents: Extent) -> Any:
    """Nested serial loops: `for i, j in T.grid(128, n):`, each from 0, or from `begin` where it is (begin, extent).

    >>> for i, j in T.grid(16, n):
    ...     A[i, j] = 1
    """
    if not extents:
        raise UserError("T.grid takes the extents of its loops")
    return LoopScope(ForKind.SERIAL, [_extent(extent) for extent in extents])


@construct
def serial(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose iterations run in order; `range(...)` with annotations: `for i in T.serial(0, 10):`.

    With a step it is a loop over the number of steps, in which `i` stands for the number come to. A keyword such as
    `unroll=1` is short for `annotations={"pragma_unroll": 1}`, in every kind of loop.

    >>> for i in T.serial(2, 16, annotations={"note": 1}):
    ...     B[i] = i
    """
    return loop_over(ForKind.SERIAL, start, stop, step, _annotations(annotations, pragmas))


@construct
def parallel(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose iterations run on the CPU's threads.

    >>> for i in T.parallel(16):
    ...     B[i] = i
    """
    return loop_over(ForKind.PARALLEL, start, stop, step, _annotations(annotations, pragmas))


@construct
def vectorized(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose iterations become the lanes of vectors.

    >>> for i in T.vectorized(16):
    ...     B[i] = i
    """
    return loop_over(ForKind.VECTORIZED, start, stop, step, _annotations(annotations, pragmas))


@construct
def unroll(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose body is repeated in the code.

    >>> for i in T.unroll(16):
    ...     B[i] = i
    """
    return loop_over(ForKind.UNROLLED, start, stop, step, _annotations(annotations, pragmas))


@construct
def thread_binding(
    start: Index,
    stop: Index | None = None,
    thread: str | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    **pragmas: Any,
) -> Any:
    """A loop bound to a thread axis: `for tx in T.thread_binding(128, thread="threadIdx.x"):`.

    >>> for tx in T.thread_binding(16, thread="threadIdx.x"):
    ...     B[tx] = tx
    """
    if thread is None:
        example = "T.thread_binding(128, thread='threadIdx.x')"
        raise Rejected(None, "T.thread_binding needs the thread axis", f"write it as in {example}")
    known = _annotations(annotations, pragmas)
    return loop_over(ForKind.THREAD_BINDING, start, stop, annotations=known, thread=check_thread(thread))


@construct
def launch_thread(thread: str, extent: Index) -> Any:
    """The older form of a loop bound to a thread axis: `with T.launch_thread("blockIdx.x", 128) as bx:`.

    >>> with T.launch_thread("threadIdx.x", 16) as tx:
    ...     B[tx] = tx
    """
    return LoopScope(ForKind.THREAD_BINDING, [Range.of(0, extent)], None, check_thread(thread), "with")


def check_thread(thread: str) -> str:
    """`thread` itself.

    Raises
    ------
    UserError: it names no thread axis.
    """
    known = [f"{group}.{axis}" for group in ("blockIdx", "threadIdx", "vthread") for axis in "xyz"] + ["vthread"]
    if thread not in known:
        raise Rejected(
            "thread", f"{thread!r} is no thread axis", suggest(thread, known, "{!r}") or f"one is {known[0]!r}"
        )
    return thread
