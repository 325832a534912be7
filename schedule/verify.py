"""Checking a schedule by running it: original and scheduled program on the same random inputs, element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..tir.buffer import Buffer
from ..tir.errors import ScheduleError
from ..tir.expr import Expr, IntImm, Var
from ..tir.function import IRModule, PrimFunc
from ..tir.stmt import For
from ..tir.visit import free_vars, substitute
from .errors import require
from .relaid import Layouts, into_layouts, out_of_layouts

if TYPE_CHECKING:
    import numpy as np

    from .schedule import Schedule

    Array = np.ndarray[Any, Any]

INTERPRETED = 200_000
"""Element updates up to which a program is run by the interpreter; larger ones are compiled."""
KEPT = 8
"""Programs whose compiled form is kept: for the next trial, and the original one for the next verification."""


def verify_schedule(
    sch: Schedule,
    *,
    trials: int = 2,
    seed: int = 0,
    backend: str = "auto",
    sanitize: bool = False,
    rtol: float = 1e-4,
    **symbols: int,
) -> None:
    """Run the original and the scheduled functions on random inputs and compare every buffer.

    This proves nothing but checks everything. Inputs are small multiples of 1/4, so that sums of float32 are exact
    and a changed order of summation makes no difference; outputs start from the same random values on both sides.

    Parameters
    ----------
    trials: how often, each time with other inputs and other values of symbolic sizes.
    backend: "interpreter", "llvm", "c", or "auto" (the interpreter for small programs, LLVM for others).
    sanitize: also report out-of-bounds accesses, uninitialised reads and races (interpreter only).
    rtol: relative tolerance for floating-point results, of the buffer's greatest magnitude.
    symbols: values of symbolic sizes by name.

    Raises
    ------
    ScheduleError: naming the first differing element and the first step of the trace that made a difference.
    UserError: a run failed.
    """
    known = ("auto", "interpreter", "llvm", "c")
    require(backend in known, f"backend is {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, got {backend!r}")
    for name in sch.state.roots:
        before, after = sch.original[name], sch.mod[name]
        if before is after:
            continue
        for trial in range(trials):
            case = Case(before, seed + trial, symbols)
            run = _runner(case, backend, sanitize)
            expected = run(sch.original, name, {})

            def differs(scheduled: Schedule) -> str | None:
                actual = run(scheduled.mod, name, scheduled.state.layouts_of(name))  # noqa: B023
                return case.difference(expected, actual, rtol)  # noqa: B023

            difference = differs(sch)
            if difference is not None:
                raise _blame(sch, name, differs, difference)


def _blame(sch: Schedule, name: str, differs: Callable[[Schedule], str | None], message: str) -> ScheduleError:
    """The error naming the first step after which the program differs."""
    replayed = type(sch)(sch.original, seed=0)
    before = replayed.mod
    for step, _ in enumerate(sch.trace.replay(replayed)):
        if replayed.mod is not before:
            before = replayed.mod
            found = differs(replayed)
            if found is not None:
                return ScheduleError(
                    "the scheduled program gives other results: {0}; step {1} made the difference first: {2}",
                    found,
                    step,
                    sch.trace.lines()[step],
                    root=before[name],
                    hint=f"sch.diff({step}) shows what the step changed",
                )
    return ScheduleError("the scheduled program gives other results: {0}", message, root=sch.mod[name])


@lru_cache(maxsize=KEPT)
def _build(functions: tuple[tuple[str, PrimFunc], ...], backend: str) -> Any:
    """What `build` makes of the functions."""
    from ..codegen.build import build

    return build(IRModule(dict(functions)), target=backend)


def _runner(case: Case, backend: str, sanitize: bool) -> Callable[[IRModule, str, Layouts], list[Any]]:
    from ..codegen.interpreter import run as interpret

    if backend == "auto":
        backend = "interpreter" if case.updates() <= INTERPRETED else "llvm"

    def run(mod: IRModule, name: str, layouts: Layouts) -> list[Any]:
        given = case.arguments()
        args = into_layouts(given, layouts)
        if backend == "interpreter":
            placed = mod.with_function(name, _placed(mod[name])) if sanitize else mod
            interpret(placed, *args, name=name, sanitize=sanitize)
        else:
            _build(tuple(mod.items()), backend)[name](*args)
        return out_of_layouts(args, given, layouts)

    return run


@lru_cache(maxsize=KEPT)
def _placed(function: PrimFunc) -> PrimFunc:
    """The function with its allocations moved inwards, as lowering does: loops get memory of their own."""
    from ..codegen.passes import plan_and_update_buffer_allocation_location as placement
    from ..codegen.target import Target

    return placement.plan_and_update_buffer_allocation_location(function, Target("llvm"))


def _copied(array: Array) -> Array:
    """A copy with memory of its own, and the same strides."""
    import numpy as np

    if array.base is None:
        return array.copy()
    return np.ndarray(array.shape, array.dtype, array.base.copy(), strides=array.strides)


class Case:
    """Random arguments for a function."""

    def __init__(self, function: PrimFunc, seed: int, symbols: Mapping[str, int]) -> None:
        import numpy as np

        self.function = function
        self.sizes: dict[Var, int] = {}
        rng = np.random.default_rng(seed)
        for buffer in function.buffers:
            for var in (v for part in buffer.layout() for v in free_vars(part)):
                self.sizes.setdefault(var, symbols.get(var.name) or int(rng.integers(5, 14)))
        self.made = [self._argument(param, rng) for param in function.params]

    def arguments(self) -> list[Any]:
        """The arguments, the arrays as fresh copies."""
        return [value if isinstance(value, (int, float)) else _copied(value) for value in self.made]

    def size(self, expr: Expr) -> int:
        """The value of a shape's expression.

        Raises
        ------
        ScheduleError: it is no number once the symbolic sizes are known.
        """
        from ..tir.arith.analyzer import Analyzer

        value = Analyzer().simplify(substitute(expr, self.sizes))
        require(
            isinstance(value, IntImm),
            "the size {0} cannot be worked out",
            expr,
            hint="give its symbols to verify(n=...)",
        )
        assert isinstance(value, IntImm)
        return value.value

    def _argument(self, param: Var, rng: np.random.Generator) -> Any:
        buffer = self.function.buffer_map.get(param)
        if buffer is not None:
            return self._array(buffer, rng)
        if param in self.sizes:
            return self.sizes[param]
        return int(rng.integers(1, 8)) if not param.dtype.is_float else float(rng.integers(-8, 9)) / 4

    def _array(self, buffer: Buffer, rng: np.random.Generator) -> Array:
        import numpy as np

        shape = [self.size(extent) for extent in buffer.shape]
        dtype = buffer.dtype
        if dtype.is_bool:
            data: Array = rng.integers(0, 2, shape).astype(bool)
        elif dtype.is_float:
            data = (rng.integers(-8, 9, shape) / 4).astype(dtype.numpy)
        else:
            data = rng.integers(-8 if dtype.is_int and dtype.bits > 4 else 0, 8, shape).astype(dtype.numpy)
        if not buffer.strides:
            return data
        strides = [self.size(stride) for stride in buffer.strides]
        length = 1 + sum((n - 1) * abs(k) for n, k in zip(shape, strides, strict=True)) if all(shape) else 0
        memory = np.zeros(length, dtype.numpy)
        view: Array = np.ndarray(shape, memory.dtype, memory, strides=[k * memory.itemsize for k in strides])
        view[...] = data
        return view

    def updates(self) -> int:
        """About how many element updates the function makes."""
        total = 0

        def count(node: Any, times: int) -> None:
            nonlocal total
            if isinstance(node, For):
                extent = substitute(node.extent, self.sizes)
                times *= extent.value if isinstance(extent, IntImm) else 16
            inner = [n for n in node.children() if not isinstance(n, Expr)]
            if not inner:
                total += times
            for child in inner:
                count(child, times)

        count(self.function.body, 1)
        return total

    def difference(self, expected: Sequence[Any], actual: Sequence[Any], rtol: float) -> str | None:
        """What differs first between the arrays after two runs, in words; None if nothing does."""
        import numpy as np

        for param, a, b in zip(self.function.params, expected, actual, strict=True):
            buffer = self.function.buffer_map.get(param)
            if buffer is None:
                continue
            wide = np.float64 if buffer.dtype.is_float else np.int64
            x, y = np.asarray(a).astype(wide), np.asarray(b).astype(wide)
            if buffer.dtype.is_float:
                finite = np.abs(x[np.isfinite(x)])
                scale = max(float(finite.max()), 1.0) if finite.size else 1.0
                steps = {64: 1e-10, 32: rtol, 16: 2e-2, 8: 0.25}[buffer.dtype.bits]
                equal = np.isclose(x, y, rtol=0, atol=steps * scale, equal_nan=True)
            else:
                equal = x == y
            if not equal.all():
                index = tuple(int(i) for i in np.argwhere(~equal)[0])
                at = ", ".join(map(str, index))
                count = int((~equal).sum())
                return f"`{buffer.name}[{at}]` is {y[index]}, was {x[index]} ({count} of {equal.size} elements differ)"
        return None
