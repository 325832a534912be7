"""The text of the Python function a program becomes: lines, temporaries, and hoisting of loop invariants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...tir.expr import Var
from ...tir.stmt import Stmt

LONG = 240
"""Characters after which an expression is stored in a temporary: Python's parser nests only so deep."""


class Val:
    """The Python expression that gives a scalar at run time.

    Attributes
    ----------
    src: the expression.
    level: the number of scopes that must be open where it is evaluated; see `Source.hoist`.
    atomic: whether `src` is a name or a constant, so that it may be repeated and needs no parentheses.
    lo, hi: bounds of an integer; both None for other types.
    raw: whether `src` may still be outside its type: a float not yet rounded, an integer not yet wrapped.
    stable: whether `src` is a name or constant that is valid everywhere in its scope, not only from some line on.
    """

    __slots__ = ("atomic", "hi", "level", "lo", "raw", "src", "stable")

    def __init__(
        self,
        src: str,
        level: int = 0,
        atomic: bool = False,
        lo: int | None = None,
        hi: int | None = None,
        raw: bool = False,
        stable: bool = False,
    ) -> None:
        self.src = src
        self.level = level
        self.atomic = atomic
        self.lo = lo
        self.hi = hi
        self.raw = raw
        self.stable = stable

    @property
    def text(self) -> str:
        """The expression as an operand."""
        return self.src if self.atomic else f"({self.src})"

    @property
    def bounds(self) -> tuple[int, int]:
        """The bounds of an integer."""
        assert self.lo is not None and self.hi is not None, self.src
        return self.lo, self.hi

    @property
    def constant(self) -> int | None:
        """The value of an integer known when the program is compiled."""
        return self.lo if self.lo is not None and self.lo == self.hi else None


def number(value: int) -> Val:
    """The integer constant `value`."""
    return Val(str(value) if value >= 0 else f"({value})", 0, True, value, value, stable=True)


class Line:
    """A line of the function: its indentation, text, the statement it belongs to, the variables visible there."""

    __slots__ = ("indent", "stmt", "text", "visible")

    def __init__(self, indent: int, text: str, stmt: Stmt | None, visible: Any) -> None:
        self.indent, self.text, self.stmt, self.visible = indent, text, stmt, visible


class Scope:
    """A place where lines can still be put when later ones are already written."""

    __slots__ = ("indent", "known", "lines", "stmt", "visible")

    def __init__(self, indent: int, stmt: Stmt | None, visible: Any) -> None:
        self.indent = indent
        self.stmt = stmt
        self.visible = visible
        self.lines: list[Any] = []
        self.known: dict[str, str] = {}


class Source:
    """Builds a Python function line by line.

    Scopes nest: each loop's body opens one, each local definition another. An expression whose variables all come
    from outer scopes is evaluated there, once (`hoist`). Names are made up here; none comes from the program.
    """

    def __init__(self) -> None:
        self.out: list[Any] = []
        self.indent = 1
        self.scopes: list[Scope] = []
        self.names = 0
        self.slots = 0
        self.used_slots = 0
        self.stmt: Stmt | None = None
        self.visible: Any = None
        self.constants: dict[str, Any] = {}
        self._constant_names: dict[int, str] = {}
        self.open_scope()

    def fresh(self, prefix: str = "t") -> str:
        """A name not used yet."""
        self.names += 1
        return f"{prefix}{self.names}"

    def constant(self, value: Any) -> str:
        """The name of a global that holds `value`."""
        name = self._constant_names.get(id(value))
        if name is None:
            name = self._constant_names[id(value)] = f"K{len(self.constants)}"
            self.constants[name] = value
        return name

    def line(self, text: str) -> None:
        """Append a line."""
        self.out.append(Line(self.indent, text, self.stmt, self.visible))

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """A compound statement whose body is what is written inside the `with`."""
        self.line(header)
        self.indent += 1
        before = len(self.out)
        yield
        if len(self.out) == before or not any(isinstance(x, Line) for x in self.out[before:]):
            self.line("pass")
        self.indent -= 1

    @property
    def depth(self) -> int:
        """The level of a value that cannot be evaluated before here."""
        return len(self.scopes) - 1

    def open_scope(self) -> None:
        """Begin a scope at this line."""
        scope = Scope(self.indent, self.stmt, self.visible)
        self.scopes.append(scope)
        self.out.append(scope)

    def close_scopes(self, depth: int) -> None:
        """End the scopes opened since the level was `depth`."""
        del self.scopes[depth + 1 :]

    def hoist(self, value: Val) -> Val:
        """`value`, evaluated where its scope begins if that is further out than here."""
        if value.atomic or value.level >= self.depth:
            return value
        scope = self.scopes[value.level]
        name = scope.known.get(value.src)
        if name is None:
            name = scope.known[value.src] = self.fresh()
            scope.lines.append(Line(scope.indent, f"{name} = {value.src}", scope.stmt, scope.visible))
        return Val(name, value.level, True, value.lo, value.hi, value.raw, stable=True)

    def atom(self, value: Val) -> Val:
        """`value` as a name or constant, evaluated here or further out, so that it may be repeated."""
        value = self.hoist(value)
        if value.atomic:
            return value
        name = self.fresh()
        self.line(f"{name} = {value.src}")
        return Val(name, self.depth, True, value.lo, value.hi, value.raw)

    def combine(
        self, template: str, *values: Val, lo: int | None = None, hi: int | None = None, raw: bool = False
    ) -> Val:
        """The expression `template` over operands, those of outer scopes evaluated there."""
        level = max((v.level for v in values), default=0)
        operands = [self.hoist(v) if v.level < level else v for v in values]
        src = template.format(*(v.text for v in operands))
        out = Val(src, level, False, lo, hi, raw)
        return self.atom(out) if len(src) > LONG else out

    def text(self) -> tuple[str, list[Line]]:
        """The lines as text, and the line objects in order."""
        lines: list[Line] = []
        for item in self.out:
            if isinstance(item, Scope):
                lines.extend(item.lines)
            else:
                lines.append(item)
        return "\n".join(" " * line.indent + line.text for line in lines), lines

    def see(self, var: Var, value: Val) -> None:
        """Let error messages from here on name `var` with its value."""
        self.visible = (self.visible, var, value.src)
