"""A function compiled to Python: its code, the layout its arguments must have, and which line came from which node."""

from __future__ import annotations

import itertools
import sys
from types import CodeType
from weakref import WeakKeyDictionary

from ...tir.expr import Var
from ...tir.function import PrimFunc
from ...tir.stmt import BufferStore
from ...tir.visit import walk
from ..fragments import fragments_in
from . import scalars
from .runtime import ENVIRONMENT
from .sanitize import Sanitized
from .source import Line, Val
from .statement import Statements, has_effects

_numbers = itertools.count(1)

DEEP = 20_000
"""Python's recursion limit while a program is compiled: expressions may nest deeply."""

PROGRAMS: dict[str, Program] = {}
"""Compiled programs by the file name in their code, which is how a traceback finds its program."""


class Program:
    """A function compiled to Python.

    Attributes
    ----------
    function: what was compiled.
    source: the Python text, for the curious.
    symbols: variables that the arguments' shapes, strides and offsets give values.
    written: the pointers of the parameters' buffers that the function may store through.
    main: the compiled function; takes a `Runtime`, a value for each parameter, a value for each symbol.
    layouts: gives shape, strides (None: compact) and offset of each parameter's buffer from the symbols and scalars.
    """

    def __init__(self, function: PrimFunc, *, sanitize: bool = False, check_regions: bool = False) -> None:
        self.function = function
        self.filename = f"<tensorir {next(_numbers)}>"
        self.symbols = _symbols(function)
        self.written = {n.buffer.data for n in walk(function.body) if isinstance(n, BufferStore)}
        maker = Sanitized if sanitize or check_regions else Statements
        emitter = maker(sanitize=sanitize, check_regions=check_regions)
        emitter.stmt = function.body
        emitter.fragments = fragments_in(function)
        emitter.effects = has_effects(function.body)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, DEEP))
        try:
            header = self._parameters(emitter)
            layouts = self._layouts(emitter)
            for buffer in function.buffers:
                emitter.declare(buffer, emitter.vars[buffer.data][0])
            emitter.run(function.body)
        except (scalars.Fault, RecursionError) as error:
            from .report import refused

            raise refused(function, error, emitter.stmt) from None
        finally:
            sys.setrecursionlimit(limit)
        body, self.lines = emitter.text()
        self.first_line = 3
        self.source = f"def main(rt{header}):\n S = array('f', SLOTS)\n{body}\n return None\n{layouts}\n"
        env = {**ENVIRONMENT, **emitter.constants, "SLOTS": bytes(4 * max(emitter.used_slots, 1))}
        code: CodeType = compile(self.source, self.filename, "exec")
        exec(code, env)
        self.main, self.layouts = env["main"], env["layouts"]
        self.globals = env
        PROGRAMS[self.filename] = self

    def line_at(self, number: int) -> Line | None:
        """The line object at a line number of the code."""
        at = number - self.first_line
        return self.lines[at] if 0 <= at < len(self.lines) else None

    def _parameters(self, emitter: Statements) -> str:
        """Bind parameters and symbols to the names of the generated function's arguments."""
        names = ""
        for param in self.function.params:
            name = emitter.fresh("a")
            names += f", {name}"
            buffer = self.function.buffer_map.get(param)
            value = _argument(name, param)
            emitter.vars[param] = [value]
            if not param.dtype.is_handle:
                emitter.see(param, value)
            if buffer is not None:
                emitter.vars[buffer.data] = [value]
        for symbol in self.symbols:
            name = emitter.fresh("a")
            names += f", {name}"
            emitter.vars[symbol] = [_argument(name, symbol)]
            emitter.see(symbol, emitter.vars[symbol][0])
        return names

    def _layouts(self, emitter: Statements) -> str:
        """The text of the function `layouts`, which has the same arguments as `main` but the first."""
        rows = []
        for buffer in self.function.buffers:
            shape = "".join(f"{emitter.index(e).src}, " for e in buffer.shape)
            strides = "".join(f"{emitter.index(e).src}, " for e in buffer.strides)
            rows.append(
                f"(({shape}), {f'({strides})' if strides else None}, {emitter.index(buffer.elem_offset).src}), "
            )
        names = ", ".join(f"a{k + 1}" for k in range(len(self.function.params) + len(self.symbols)))
        return f"def layouts({names}):\n return ({''.join(rows)})"


def _argument(name: str, var: Var) -> Val:
    t = var.dtype
    if t.is_integral:
        return Val(name, 0, True, int(t.min), int(t.max), stable=True)
    return Val(name, 0, True, 0, 1, stable=True) if t.is_bool else Val(name, 0, True, stable=True)


def _symbols(function: PrimFunc) -> list[Var]:
    found: dict[Var, None] = {}
    for buffer in function.buffers:
        for part in buffer.layout():
            if isinstance(part, Var) and part not in function.params:
                found[part] = None
    return list(found)


_compiled: WeakKeyDictionary[PrimFunc, dict[tuple[bool, bool], Program]] = WeakKeyDictionary()


def program_of(function: PrimFunc, *, sanitize: bool = False, check_regions: bool = False) -> Program:
    """The compiled form of `function`; made once per function and mode."""
    modes = _compiled.setdefault(function, {})
    key = (sanitize, check_regions)
    found = modes.get(key)
    if found is None:
        found = modes[key] = Program(function, sanitize=sanitize, check_regions=check_regions)
    return found
