"""`build`: from a program to a module of native functions that take arrays."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ..tir.dtype import DType
from ..tir.errors import BuildError, CallError, UserError, said
from ..tir.function import IRModule, PrimFunc, as_module
from ..tir.stmt import For, ForKind
from ..tir.visit import walk_statements
from .bounds import refuse_outside
from .llvm.foreign import check_foreign
from .llvm.module import Emitted, emit, symbol
from .lower import lower
from .runtime import entry, jit, native
from .runtime.shared import SharedLibrary
from .runtime.signature import Signature
from .signatures import signature_of
from .target import Target, as_target, host


def build(
    x: PrimFunc | IRModule | Any,
    target: str | Target = "llvm",
    *,
    sanitize: bool = False,
    opt: int = 3,
    flags: Sequence[str] = (),
    most_lines: int | None = None,
) -> Module:
    """Compile a function, or every function of a module, for `target`.

    Parameters
    ----------
    x: a function, a module, or anything with a `mod` attribute that holds one (a schedule).
    sanitize: check every access against the bounds of its buffer at run time; a `RunError` names the buffer.
        Without it, accesses that are not shown to be inside are checked alone: at indices that are loaded or passed,
        and in buffers of symbolic shape.
    opt: the optimisation level, 0 to 3.
    flags: of the C compiler, for the "c" target, as in ("-ffp-contract=fast",); for "cuda-emulator", ("unchecked",)
        leaves out the checks; others take none.
    most_lines: of LLVM's code for "llvm"; what has more is refused before it is compiled, which takes LLVM long.

    Raises
    ------
    LowerError: the program has no form on the target, or makes an access outside of its buffer whatever its data, and
    `sanitize` is not set. BuildError: the target cannot be built for here, or the code has more than `most_lines`.
    UserError: `x` is no program, or there is no such target or level.
    """
    if opt not in range(4):
        raise UserError(f"the optimisation level is 0, 1, 2 or 3, got {said(opt)}")
    program = as_module(x if isinstance(x, (PrimFunc, IRModule)) else getattr(x, "mod", x))
    program = IRModule({name: f.with_name(name) for name, f in program.items()}, program.attrs)
    where = as_target(target)
    if not sanitize and where.kind != "cuda-emulator":  # which tells more, when it runs
        refuse_outside(program)
    if where.kind == "c":
        from .c.built import CModule

        return CModule(program, lower(program, where), where, opt, flags, sanitize=sanitize)
    if where.kind == "cuda-emulator":
        from .cuda.emulator.built import EmulatedModule

        return EmulatedModule(program, lower(program, where), where, flags)
    if flags:
        raise BuildError(f"flags are the C compiler's; the {where.kind!r} target takes none")
    if where.kind == "cuda":
        from .cuda.built import CudaModule

        return CudaModule(program, lower(program, where), where)
    lowered = lower(program, where)
    emitted = emit(lowered, where, program, sanitize=sanitize)
    lines = emitted.text.count("\n")
    if most_lines is not None and lines > most_lines:
        raise BuildError(f"the code has {lines} lines, more than {most_lines}; compiling it would take long")
    return Module(program, lowered, emitted, where, opt)


class Module:
    """Compiled functions: `mod["name"](...)`, or `mod(...)` where there is one function or one called "main".

    Attributes
    ----------
    program: what was built. lowered: what it became after the passes. target: what it was built for.
    messages: what the error codes stand for.
    """

    def __init__(self, program: IRModule, lowered: IRModule, emitted: Emitted, target: Target, opt: int) -> None:
        self.program, self.lowered, self.target = program, lowered, target
        self._llvm, self.messages = emitted.text, emitted.messages
        self.options = _options(target, opt, decided=_decides(program))
        self._signatures = {name: signature_of(f, emitted.messages) for name, f in lowered.items()}
        self._functions: dict[str, Callable[..., Any]] = {}
        check_foreign(emitted, self.options, runs_here=not target.obstacle)
        if not target.obstacle:
            self._link()

    def _link(self) -> None:
        library = jit.load(jit.compile(self._llvm, self.options), native.symbols())
        for name, signature in self._signatures.items():
            if signature is not None:
                self._functions[name] = bound(signature, library, symbol(name), self.lowered[name].ret_type)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        found = self._functions.get(name)
        if found is not None:
            return found
        if name not in self.lowered:
            raise UserError(f"the module has no function {name!r}; it has {', '.join(map(repr, self.lowered))}")
        if self.target.obstacle:
            raise CallError(f"{name!r} was built for {self.target!r} and cannot run here: {self.target.obstacle}")
        raise CallError(f"{name!r} takes a bare pointer, so only other functions of the module can call it")

    def __iter__(self) -> Iterator[str]:
        return iter(self.lowered)

    def __contains__(self, name: object) -> bool:
        return name in self.lowered

    @cached_property
    def entry_name(self) -> str:
        """The function that calling the module calls: "main", or the only one.

        Raises
        ------
        UserError: there are several, none of them "main".
        """
        names = list(self.lowered)
        if "main" in names or len(names) == 1:
            return "main" if "main" in names else names[0]
        raise UserError(f"the module has several functions, none of them 'main': {', '.join(names)}; use mod['name']")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function `entry_name`; arrays are written in place.

        Raises
        ------
        CallError: an argument does not fit. RunError: the program stopped itself, by an assert or an illegal division.
        """
        return self[self.entry_name](*args, **kwargs)

    def source(self, form: str = "") -> str:
        """The code as text: what the target is named after ("llvm", "c") where left out.

        Parameters
        ----------
        form: "tir" (lowered) or "asm"; "llvm" or "llvm-opt" (after optimisation); "c" or "h" (its header).

        Raises
        ------
        UserError: there is no such form.
        """
        forms = self._forms()
        form = form or next(name for name in forms if name != "tir")
        if form not in forms:
            raise UserError(f"there is no source in the form {form!r}; the forms are {', '.join(map(repr, forms))}")
        return forms[form]()

    def _forms(self) -> dict[str, Callable[[], str]]:
        return {
            "tir": lambda: self.lowered.script(),
            "llvm": lambda: self._llvm,
            "llvm-opt": lambda: jit.optimized(self._llvm, self.options),
            "asm": lambda: jit.assembly(self._llvm, self.options),
            "h": self._header,
        }

    @property
    def signatures(self) -> dict[str, Signature | None]:
        """What each function takes; None for one that takes a bare pointer."""
        return self._signatures

    def _header(self) -> str:
        from .llvm.saved import header

        return header(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the module to a file of the kind its suffix names, and give its path.

        ".so" and ".o" are written with a header beside them, for "c" ".c" as well; ".h", ".s" and, for "llvm", ".ll"
        are text alone. `tensorir.load` loads a ".so"; a C program links with either, or compiles the ".c". Linking a
        ".so" takes the system's C compiler. The files need nothing of this package, those of "llvm" bring threads.

        Raises
        ------
        UserError: the module cannot be saved as such a file.
        """
        from .saved import save

        return save(self, path)

    def time(self, *args: Any, name: str | None = None, repeats: int = 0, seconds: float = 0.3) -> Timing:
        """Measure calls with `args`; they run many times, so outputs hold what the last call left.

        Parameters
        ----------
        repeats: measurements; 0 takes as many as fit into `seconds`, 5 to 1000. Each lasts 20 us at least, by
            repeating the call where one is shorter.
        """
        function = self[name or self.entry_name]
        function(*args)
        inner, once = 1, 0.0
        while True:
            once = _seconds(function, args, inner)
            if once >= 20e-6 or inner >= 1 << 16:
                break
            inner *= 2
        wanted = repeats or max(5, min(1000, int(seconds / max(once, 1e-9))))
        return Timing(tuple(_seconds(function, args, inner) / inner for _ in range(wanted)))

    def __repr__(self) -> str:
        return f"<module for {self.target!r}: {', '.join(str(s or n) for n, s in self._signatures.items())}>"


class Timing:
    """Seconds per call, measured several times.

    Attributes
    ----------
    results: seconds per call of each measurement, in order.
    """

    def __init__(self, results: tuple[float, ...]) -> None:
        self.results = results

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.results)

    @property
    def min(self) -> float:
        """The least, in seconds."""
        return min(self.results)

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return statistics.fmean(self.results)

    def __repr__(self) -> str:
        unit, scale = next((u, s) for u, s in (("s", 1), ("ms", 1e3), ("us", 1e6)) if self.median * s >= 1 or u == "us")
        return f"{self.median * scale:.4g} {unit} (median of {len(self.results)}, least {self.min * scale:.4g} {unit})"


def _seconds(function: Callable[..., Any], args: tuple[Any, ...], times: int) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        function(*args)
    return time.perf_counter() - begin


def bound(
    signature: Signature, library: jit.Library | SharedLibrary, symbol: str, returns: DType
) -> Callable[..., Any]:
    """The Python callable of a kernel in a loaded library, which gives the result where the function has one."""
    function = entry.bind(signature, library, symbol)
    return function if returns.kind == "void" else _returning(function, returns.numpy)


def _returning(function: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """`function`, which writes its result to a last parameter, as one that returns it."""

    def call(*args: Any) -> Any:
        import numpy as np

        result = np.zeros(1, dtype)
        function(*args, result)
        return result[0].item()

    return call


def _decides(program: IRModule) -> bool:
    """Whether a schedule chose loops to run as vectors or as copies: then LLVM's unroller adds nothing but time."""
    chosen = (ForKind.VECTORIZED, ForKind.UNROLLED)
    return any(
        isinstance(n, For) and n.kind in chosen for f in program.functions.values() for n in walk_statements(f.body)
    )


def _options(target: Target, opt: int, *, decided: bool = False) -> jit.Options:
    own = partial(jit.Options, opt=opt, unroll=not decided)
    features = ",".join(target.features)
    if target.triple or target.cpu != host()["cpu"]:
        return own(triple=target.triple, cpu=target.cpu, features=features)
    if not features:
        return own()
    from llvmlite import binding

    return own(cpu=target.cpu, features=f"{binding.get_host_cpu_features().flatten()},{features}")
