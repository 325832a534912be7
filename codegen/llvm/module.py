"""Building one LLVM module: what its functions share, and `emit`, from an `IRModule` to text and error messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ...tir.expr import Call, GlobalVar
from ...tir.function import IRModule
from ...tir.visit import walk_unique
from ..bounds import Access, to_check
from ..runtime import codes
from ..target import Target


@dataclass
class Emitted:
    """LLVM IR text and what belongs to it.

    Attributes
    ----------
    symbols: the exported symbol of each function. messages: what the error codes stand for.
    externs: a call of each C function that is called. probes: modules that call an LLVM intrinsic each, with the call.
    """

    text: str
    symbols: Mapping[str, str]
    messages: tuple[str, ...]
    externs: Mapping[str, Call]
    probes: Mapping[str, Call]


@dataclass
class ModuleBuilder:
    """What the functions of a module share."""

    module: IRModule
    target: Target
    sanitize: bool = False
    checked: frozenset[Access] = frozenset()
    declarations: dict[str, str] = field(default_factory=dict)
    globals: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    count: int = 0
    externs: dict[str, Call] = field(default_factory=dict)
    probes: dict[str, Call] = field(default_factory=dict)

    def number(self) -> int:
        """A number not given before."""
        self.count += 1
        return self.count

    @cached_property
    def called(self) -> frozenset[str]:
        """Names of the functions that functions of the module call."""
        calls = (n for n in walk_unique(self.module) if isinstance(n, Call))
        return frozenset(n.op.name for n in calls if isinstance(n.op, GlobalVar))

    def declare(self, name: str, result: str, params: str, attributes: str = "") -> str:
        """Declare a function defined elsewhere; returns its name."""
        self.declarations[name] = f"declare {result} @{name}({params}){attributes}"
        return name

    def intrinsic(self, name: str, result: str, *params: str) -> str:
        """Declare an LLVM intrinsic; returns its name."""
        if name not in self.declarations:
            self.declare(name, result, ", ".join(params))
        return name

    def message(self, text: str) -> str:
        """The error code, an i32 constant, that stands for `text`."""
        if text not in self.messages:
            self.messages.append(text)
        return str(codes.message(self.messages.index(text)))

    def node(self, key: str, content: str) -> str:
        """A reference to the metadata `content`, kept under `key`."""
        return self._place(key, content)

    def _place(self, key: str, content: str) -> str:
        if key not in self.metadata:
            self.metadata[key] = f"!{len(self.metadata)} = {content}"
        return self.metadata[key].split(" ", 1)[0]

    def distinct(self, key: str, rest: str) -> str:
        """A reference to a metadata node whose first operand is itself."""
        if key not in self.metadata:
            number = len(self.metadata)
            self.metadata[key] = f"!{number} = distinct !{{!{number}{', ' + rest if rest else ''}}}"
        return self.metadata[key].split(" ", 1)[0]

    def branch_weights(self, then: int, other: int) -> str:
        """Metadata saying how often a branch is taken."""
        return self.node(f"weights {then} {other}", f'!{{!"branch_weights", i32 {then}, i32 {other}}}')

    def text(self) -> str:
        """The whole module."""
        parts = [*self.globals, *self.declarations.values(), *self.functions, *self.metadata.values()]
        return "\n".join(parts) + "\n"


def symbol(name: str) -> str:
    """The exported symbol of the function `name`: prefixed, so that it meets no symbol of the process."""
    return f"tir.{name}"


def quoted(name: str) -> str:
    """A symbol as it is written in LLVM IR."""
    safe = "".join(
        c if (c.isalnum() and c.isascii()) or c in "._$-" else "".join(f"\\{b:02X}" for b in c.encode()) for c in name
    )
    return f'@"{safe}"'


def emit(module: IRModule, target: Target, program: IRModule | None = None, *, sanitize: bool = False) -> Emitted:
    """LLVM IR for the lowered functions of `module`.

    Each becomes `i32 @tir.<name>(params..., symbolic extents...)`, which returns 0 or one of the
    codes of `runtime.codes`. A function with a result takes a pointer to it as its last parameter.

    Parameters
    ----------
    program: what was lowered; what is shown of its accesses need not be checked.
    sanitize: check every access against the bounds of its buffer, not only those that are not shown to be inside.

    Raises
    ------
    LowerError: a function holds something the backend has no code for.
    """
    from .stmt import emit_function

    builder = ModuleBuilder(module, target, sanitize)
    for name, func in module.functions.items():
        builder.checked = to_check(program.functions[name] if program else func, func)
        emit_function(builder, func)
    symbols = {name: symbol(name) for name in module.functions}
    return Emitted(builder.text(), symbols, tuple(builder.messages), builder.externs, builder.probes)
