"""Building one LLVM function: fresh names, basic blocks, error exits, and what has been computed already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .forwarding import Forwarding

if TYPE_CHECKING:
    from ...tir.buffer import Buffer
    from ...tir.expr import Var
    from .module import ModuleBuilder


LONG_BLOCK = 1000
"""Instructions after which a basic block is long."""


class FunctionBuilder:
    """Text of one function under construction.

    Attributes
    ----------
    module: what the function shares with the others: declarations, messages, metadata.
    label: the basic block being written.
    memo: values computed in the blocks that dominate the current one, by key.
    cleanups: lines that must run before leaving the function, innermost last.
    declared: the buffers of the function's parameters by their pointers.
    known: what is known of memory at the present point.
    """

    def __init__(self, module: ModuleBuilder) -> None:
        self.module = module
        self.allocas: list[str] = []
        self.lines: list[str] = []
        self.label = "entry"
        self.memo: dict[Any, str] = {}
        self.memo_log: list[Any] = []
        self.cleanups: list[list[str]] = []
        self.declared: dict[Var, Buffer] = {}
        self.known = Forwarding()
        self.block_start = 0
        self.error_labels: dict[tuple[Any, ...], str] = {}
        self.tail: list[str] = []
        self.count = 0

    def fresh(self, hint: str = "") -> str:
        """A new local name, `%12` style but never numeric, so that order does not matter."""
        self.count += 1
        return f"%{hint or 'v'}.{self.count}"

    def emit(self, line: str) -> None:
        """Append an instruction without a result."""
        self.lines.append("  " + line)

    def let(self, instruction: str, hint: str = "") -> str:
        """Append an instruction and name its result."""
        self.count += 1
        name = f"%{hint or 'v'}.{self.count}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def new_label(self, hint: str) -> str:
        """A label not used yet."""
        self.count += 1
        return f"{hint}.{self.count}"

    def start(self, label: str) -> None:
        """Begin the basic block `label`."""
        self.lines.append(f"{label}:")
        self.label = label
        self.block_start = len(self.lines)

    def split_long_block(self) -> None:
        """Go on in a new basic block if this one has become long.

        What LLVM does with a block takes time that grows with the square of its length. It would join two blocks again,
        did it know that the branch between them is always taken, and move all it can into the second one, had that no
        other way in.
        """
        if len(self.lines) - self.block_start < LONG_BLOCK:
            return
        one = self.let('call i64 asm "", "=r,0"(i64 1)')
        detour, onwards = self.new_label("detour"), self.new_label("onwards")
        self.branch_if(self.let(f"icmp ne i64 {one}, 0"), onwards, detour, weights=(1 << 20, 1))
        self.start(detour)
        self.emit('call void asm sideeffect "", ""() nounwind memory(none)')
        self.branch(onwards)
        self.start(onwards)

    def branch(self, label: str) -> None:
        """End the block with a jump."""
        self.emit(f"br label %{label}")

    def branch_if(
        self, condition: str, then: str, other: str, *, weights: tuple[int, int] | None = None, loop: str = ""
    ) -> None:
        """End the block with a conditional jump, taken as often as `weights` say; `loop` is a loop's metadata."""
        notes = f", !prof {self.module.branch_weights(*weights)}" if weights else ""
        notes += f", !llvm.loop {loop}" if loop else ""
        self.emit(f"br i1 {condition}, label %{then}, label %{other}{notes}")

    def alloca(self, llvm_type: str, align: int, hint: str = "") -> str:
        """Stack memory for one `llvm_type`, for the whole call."""
        self.count += 1
        name = f"%{hint or 'v'}.{self.count}"
        self.allocas.append(f"  {name} = alloca {llvm_type}, align {align}")
        return name

    @contextmanager
    def region(self) -> Iterator[None]:
        """Code that does not dominate what follows: what it computes is forgotten afterwards."""
        mark = len(self.memo_log)
        self.known.settle()
        yield
        self.known.forget()
        for key in self.memo_log[mark:]:
            del self.memo[key]
        del self.memo_log[mark:]

    def remember(self, key: Any, value: str) -> str:
        """Note that `value` is what `key` computes, here and in the blocks this one dominates."""
        self.memo[key] = value
        self.memo_log.append(key)
        return value

    @contextmanager
    def cleanup(self, *lines: str) -> Iterator[None]:
        """Run `lines` at the end of the region and on every way out of the function from within."""
        self.cleanups.append(list(lines))
        yield
        self.cleanups.pop()
        for line in lines:
            self.emit(line)

    def leave(self, code: str) -> None:
        """End the block by returning the error code `code` (an i32 operand, "0" for success)."""
        for lines in reversed(self.cleanups):
            for line in lines:
                self.emit(line)
        self.emit(f"ret i32 {code}")

    def fail_unless(self, good: str, code: str) -> None:
        """Go on where the i1 `good` holds, else return the error `code`."""
        ok = self.new_label("ok")
        self.known.settle()
        self.branch_if(good, ok, self.error_exit(code), weights=(1 << 20, 1))
        self.start(ok)

    def error_exit(self, code: str) -> str:
        """The label of a block, out of line, that leaves with the constant error `code`."""
        key = (code, tuple(line for lines in self.cleanups for line in lines))
        label = self.error_labels.get(key)
        if label is None:
            label = self.error_labels[key] = self.new_label("fail")
            main, self.lines = self.lines, self.tail
            self.lines.append(f"{label}:")
            self.leave(code)
            self.lines = main
        return label

    def text(self, header: str) -> str:
        """The whole function; the first block is "entry"."""
        return "\n".join([f"{header} {{", "entry:", *self.allocas, *self.lines, *self.tail, "}"])
