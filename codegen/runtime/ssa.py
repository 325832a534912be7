"""A little writer of LLVM IR text in which integers fold: a value is an `int` or the name of an i64."""

from __future__ import annotations

from .dims import OPERATORS, Dim

Value = int | str


class Writer:
    """The body of one function, written block after block.

    `faults` collects values that must all be 0 for everything to be in order, so that many checks cost one branch.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.block = "entry"
        self.faults: list[Value] = []
        self._count = 0

    def new(self) -> str:
        """A fresh name, without its % or @."""
        self._count += 1
        return f"v{self._count}"

    def do(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {instruction}")

    def let(self, instruction: str) -> str:
        """Write an instruction and name its result."""
        name = f"%{self.new()}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def start(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.block = label

    def load(self, type: str, pointer: str, index: int = 0) -> str:
        """The `index`-th element of the given type behind `pointer`."""
        return self.let(f"load {type}, ptr {self.at(type, pointer, index)}")

    def at(self, type: str, pointer: str, index: int) -> str:
        """The address of the `index`-th element of the given type behind `pointer`."""
        return self.let(f"getelementptr {type}, ptr {pointer}, i64 {index}") if index else pointer

    def add(self, a: Value, b: Value) -> Value:
        """a + b"""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        return a if b == 0 else b if a == 0 else self.let(f"add i64 {a}, {b}")

    def sub(self, a: Value, b: Value) -> Value:
        """a - b"""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.let(f"sub i64 {a}, {b}")

    def mul(self, a: Value, b: Value) -> Value:
        """a * b"""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        return 0 if 0 in (a, b) else a if b == 1 else b if a == 1 else self.let(f"mul i64 {a}, {b}")

    def either(self, a: Value, b: Value) -> Value:
        """The bits set in a or b."""
        return a if b == 0 else b if a == 0 else self.let(f"or i64 {a}, {b}")

    def bits(self, a: Value, mask: int) -> Value:
        """The bits of a that are set in `mask`."""
        return 0 if mask == 0 else self.let(f"and i64 {a}, {mask}")

    def differ(self, a: Value, b: Value) -> Value:
        """0 just when a equals b."""
        if isinstance(a, int) and isinstance(b, int):
            return int(a != b)
        return 0 if a == b else self.let(f"xor i64 {a}, {b}")

    def where(self, condition: str | bool, a: Value, b: Value) -> Value:
        """a where the i1 `condition` holds, b elsewhere."""
        if isinstance(condition, bool):
            return a if condition else b
        return a if a == b else self.let(f"select i1 {condition}, i64 {a}, i64 {b}")

    def above(self, a: Value, b: int) -> str | bool:
        """Whether a, not negative, is above b."""
        return a > b if isinstance(a, int) else self.let(f"icmp ugt i64 {a}, {b}")

    def wide(self, flag: str) -> str:
        """The i1 `flag` as an integer."""
        return self.let(f"zext i1 {flag} to i64")

    def fault(self, value: Value) -> None:
        """Note that something is wrong unless `value` is 0."""
        if value != 0:
            self.faults.append(value)

    def gathered(self) -> Value:
        """One value that is 0 where all faults are; it takes their place."""
        total: Value = 0
        for fault in self.faults:
            total = self.either(total, fault)
        self.faults = []
        return total

    def sound(self) -> str:
        """An i1: no fault so far."""
        return self.let(f"icmp eq i64 {self.gathered()}, 0")

    def dim(self, dim: Dim, symbols: dict[str, Value]) -> Value:
        """The value of `dim`; that it has none is noted as a fault."""
        if isinstance(dim, int):
            return dim
        if isinstance(dim, str):
            return symbols[dim]
        operator, *parts = dim
        left, right = (self.dim(part, symbols) for part in parts)
        call = OPERATORS[operator].llvm
        result = self.let(f"{call}(i64 {left}, i64 {right})")
        if "{" not in call:
            return result
        self.fault(self.wide(self.let(f"extractvalue {{i64, i1}} {result}, 1")))
        return self.let(f"extractvalue {{i64, i1}} {result}, 0")


def declare(result: str, name: str, *arguments: str) -> str:
    """A declaration's line."""
    return f"declare {result} @{name}({', '.join(arguments)})"
