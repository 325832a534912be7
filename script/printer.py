"""The printer: program text of any node, with the place of every node in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..tir.buffer import Buffer
from ..tir.errors import InternalError
from ..tir.expr import Expr
from ..tir.function import IRModule, PrimFunc
from ..tir.node import Node
from ..tir.stmt import SeqStmt, Stmt
from .dialect import Dialect, dialect
from .layout import Line, break_line
from .naming import Names
from .print_expr import EXPR_RULES
from .print_func import FUNC_RULES
from .print_stmt import STMT_RULES
from .print_tvm import TVM_RULES
from .spans import Program, Span

Parts = list[Any]
"""What a rule returns: strings, nodes whose text stands there, and callables to be run at that point."""

Rules = dict[type[Any], Callable[["Printer", Any], Parts]]

WIDTH = 100
INLINE = frozenset(EXPR_RULES)
"""The nodes that are part of a line; the place of every other is the line it starts on."""
OWN_RULES: Rules = {**EXPR_RULES, **STMT_RULES, **FUNC_RULES}
RULES: dict[str, Rules] = {"tensorir": OWN_RULES, "tvm": {**OWN_RULES, **TVM_RULES}}
"""The rules of each dialect."""


class Printer:
    """Writes programs. It holds a stack of parts rather than recursing, so no expression is too deep for it.

    Rules turn a node into parts; the printer replaces nodes by their parts until only strings, the tokens of a line,
    are left. At the end of a line the tokens are joined, or broken over several lines where they are too long.
    """

    def __init__(self, dialect: Dialect, width: int, *, recording: bool) -> None:
        self.dialect, self.width, self.recording = dialect, width, recording
        self.names: Names = Names()
        self.lines: list[str] = []
        self.spans: list[tuple[Node, Span]] = []
        self.indent = 0
        self.loops: dict[Any, Any] = {}
        self._tokens: list[str] = []
        self._marks: list[tuple[Node, int, int]] = []
        self._headers: list[Node] = []

    def run(self, *parts: Any) -> None:
        """Write `parts`."""
        stack: list[Any] = list(reversed(parts))
        tokens, rules, recording = self._tokens, RULES[self.dialect.name], self.recording
        while stack:
            item = stack.pop()
            if type(item) is str:
                tokens.append(item)
                continue
            rule = rules.get(type(item))
            if rule is None:
                if isinstance(item, Node):
                    raise InternalError(f"no rule prints a {type(item).__name__}")
                item()
                continue
            if recording:
                if type(item) in INLINE:
                    stack.append(partial(self._close, item, len(tokens)))
                elif isinstance(item, Stmt) and type(item) is not SeqStmt:
                    self._headers.append(item)
            new = rule(self, item)
            new.reverse()
            stack += new

    def _close(self, node: Node, begin: int) -> None:
        self._marks.append((node, begin, len(self._tokens)))

    def header(self, node: Node) -> None:
        """Say that the line being written is also the place of `node`."""
        if self.recording:
            self._headers.append(node)

    def apart(self, step: Callable[[], None]) -> Parts:
        """The parts that take a step which writes lines of its own before the present statement's first."""
        held, self._headers[:] = [*self._headers], []
        return [step, partial(self._headers.extend, held)]

    def placed_by_name(self) -> None:
        """Say that the statement being written has its place at a name, by `named`, rather than the whole line."""
        if self.recording:
            self._headers.pop()

    def named(self, name: str, *nodes: Node) -> Any:
        """The part that writes `name` and makes it the place of `nodes`, which it defines."""
        return partial(self._named, name, nodes) if self.recording else name

    def _named(self, name: str, nodes: tuple[Node, ...]) -> None:
        here = len(self._tokens)
        self._tokens.append(name)
        self._marks += [(node, here, here + 1) for node in nodes]

    def buffer_name(self, buffer: Buffer) -> str:
        """The name of a buffer; one the program does not declare gets a name of its own."""
        name = self.names.of.get(buffer)
        if name is None:
            name = self.names.free(buffer, buffer.name)
            self.names.of.setdefault(buffer.data, f"{name}.data")
        return name

    def newline(self) -> None:
        """End the line."""
        tokens = self._tokens
        text = "".join(tokens)
        if not text:
            self.lines.append("")
            return
        if self.indent + len(text) <= self.width:
            lines = [Line(self.indent, 0, len(tokens))]
            self.lines.append(" " * self.indent + text)
        else:
            lines = break_line(tokens, self.indent, self.width)
            self.lines += [line.text(tokens) for line in lines]
        if self.recording:
            self._place(lines)
        tokens.clear()

    def _place(self, lines: list[Line]) -> None:
        """Turn the marks on the present tokens into spans of the lines just written."""
        tokens = self._tokens
        starts: dict[int, tuple[int, int]] = {}
        ends: dict[int, tuple[int, int]] = {}
        first = len(self.lines) - len(lines)
        for number, line in enumerate(lines, first):
            column = line.indent
            for i in range(line.begin, line.end):
                token = tokens[i].lstrip() if i == line.begin else tokens[i]
                starts[i] = (number, column)
                column += len(token)
                ends[i] = (number, column)
        for node, begin, end in self._marks:
            self.spans.append((node, Span(*starts[begin], *ends[end - 1])))
        for node in self._headers:
            self.spans.append((node, Span(*starts[0], *ends[lines[0].end - 1])))
        self._marks.clear()
        self._headers.clear()

    def open(self) -> None:
        """End the line and indent what follows."""
        self.newline()
        self.indent += 4

    def close(self, scope: int) -> None:
        """End an indented suite and the scope that `names.mark()` gave."""
        self.indent -= 4
        self.names.leave(scope)


def render(node: Node, *, dialect_name: str = "tensorir", width: int = WIDTH, recording: bool = True) -> Program:
    """The program text of a function, module, statement or expression, with the places of the nodes in it."""
    single = isinstance(node, Expr) or not isinstance(node, (Stmt, PrimFunc, IRModule))
    printer = Printer(dialect(dialect_name), 1 << 60 if single else width, recording=recording)
    printer.run(node)
    if printer._tokens:
        printer.newline()
    return Program("\n".join(printer.lines), printer.spans, printer.names.first)


def script(node: Any, *, dialect: str = "tensorir", width: int = WIDTH, header: bool = False) -> str:
    """The program text of `node`.

    Parameters
    ----------
    node: a function, module, statement, expression, buffer or region; free variables are printed by their names.
    dialect: "tensorir", which `tensorir.script.parse` reads back, or "tvm", which Apache TVM 0.25 and later parse.
    width: columns a line may take where it can be broken.
    header: whether to start with the import lines that make the text of a function or module a Python file.
    """
    text = render(node, dialect_name=dialect, width=width, recording=False).text
    if header:
        return f"{_header(dialect)}\n\n\n{text}\n"
    return text


def _header(name: str) -> str:
    return dialect(name).header
