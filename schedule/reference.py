"""What is written about the primitives, made from the registry: the stub `methods.pyi` and the reference page.

`python -m tensorir.schedule.reference` writes both anew.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from . import primitives as primitives
from .primitive import REGISTRY, Parameter, Primitive

ROOT = Path(__file__).resolve().parents[1]

TAKEN = {
    "BlockSRef": "BlockRV | str",
    "BufferArgument": "tuple[str, int] | str | Buffer",
    "BufferIndex": "int | str | Buffer",
    "Expr": "Expr | int",
    "IndexMap": "IndexMap | Callable[..., Any]",
    "LoopSRef": "LoopRV",
    "LoopSRef | Mark": "LoopRV",
    "list": "Sequence",
}
"""What a user gives for what a primitive takes."""

GIVEN = {
    "BlockSRef": "BlockRV",
    "LoopSRef": "LoopRV",
    "Sampled[LoopSRef | Mark]": "LoopRV",
    "Sampled[int]": "Var",
    "Sampled[list[int]]": "list[Var]",
}
"""What a user gets for what a primitive gives."""

STUB = '''"""The primitives as methods of a schedule. Written by `python -m tensorir.schedule.reference`."""

from collections.abc import Callable, Sequence
from typing import Any

from ..tir.arith.index_map import IndexMap
from ..tir.buffer import Buffer
from ..tir.expr import Expr, Var
from ..tir.tensor_intrin import TensorIntrin
from .trace import BlockRV, LoopRV

class PrimitiveMethods:
'''


def _translated(annotation: str, table: dict[str, str]) -> str:
    # Longer names first, so that `LoopSRef | Mark` is not taken for `LoopSRef`.
    names = "|".join(re.escape(name) for name in sorted(table, key=len, reverse=True))
    out = re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda m: table[m.group()], annotation)
    parts = out.split(" | ") if "[" not in out else [out]
    return " | ".join(dict.fromkeys(parts))


def taken(parameter: Parameter) -> str:
    """The annotation of a method's parameter."""
    return _translated(parameter.annotation, TAKEN)


def signature(primitive: Primitive) -> str:
    """The parameters and result of a method, as Python writes them."""
    parts = ["self"]
    for p in primitive.parameters:
        default = "" if p.default is inspect.Parameter.empty else f" = {p.default!r}"
        parts.append(f"{'*' * p.variadic}{p.name}: {taken(p)}{default}")
    if primitive.samples:
        whole = primitive.returns == "Sampled[list[int]]"
        parts.append(f"decision: {'Sequence[int]' if whole else 'int'} | None = None")
    return f"({', '.join(parts)}) -> {_translated(primitive.returns, GIVEN)}"


def stub() -> str:
    """The text of `methods.pyi`."""
    out = [STUB]
    for name in sorted(REGISTRY):
        primitive = REGISTRY[name]
        line = f"    def {name}{signature(primitive)}:\n"
        if len(line) > 120:
            head, _, result = line.strip().rpartition(") -> ")
            begin, _, inner = head.partition("(")
            arguments = "".join(f"        {part},\n" for part in _split(inner))
            line = f"    {begin}(\n{arguments}    ) -> {result}\n"
        text = textwrap.indent(f'"""{primitive.doc.split(chr(10) * 2)[0]}"""', " " * 8)
        out.append(f"{line}{text}\n\n")
    return "".join(out).rstrip("\n") + "\n"


def _split(parameters: str) -> Iterator[str]:
    """Parameters at the commas outside of brackets."""
    depth, start = 0, 0
    for i, char in enumerate(parameters):
        depth += (char in "[(") - (char in "])")
        if char == "," and depth == 0:
            yield parameters[start:i].strip()
            start = i + 1
    yield parameters[start:].strip()


def page() -> str:
    """The text of the reference page."""
    families: dict[str, list[Primitive]] = {}
    for primitive in REGISTRY.values():
        families.setdefault(primitive.apply.__module__, []).append(primitive)
    out = [
        "# Schedule primitives",
        "",
        "Every primitive is a method of `Schedule`; it checks that it keeps the program's meaning, and refuses with a",
        "message that names the culprit otherwise. This page is generated from the primitives' own documentation by",
        "`python -m tensorir.schedule.reference`.",
        "",
    ]
    ordered = sorted(families.items())
    for module, members in ordered:
        out.append(f"- {module.rpartition('.')[2]}: " + ", ".join(f"[{p.name}](#{p.name})" for p in members))
    for _, members in ordered:
        for primitive in members:
            out += ["", f"## {primitive.name}", "", "```python", _heading(primitive), "```", "", *_prose(primitive.doc)]
    return "\n".join(out) + "\n"


def _heading(primitive: Primitive) -> str:
    text = f"{primitive.name}{signature(primitive)}".replace("(self, ", "(").replace("(self)", "()")
    if len(text) <= 100:
        return text
    head, _, result = text.rpartition(") -> ")
    begin, _, inner = head.partition("(")
    return f"{begin}(\n" + "".join(f"    {part},\n" for part in _split(inner)) + f") -> {result}"


def _prose(doc: str) -> list[str]:
    """A docstring as Markdown: sections as lists, the example's programs as code."""
    out: list[str] = []
    lines = doc.splitlines()
    i = 0
    while i < len(lines):
        line = lines[i]
        if line in ("before:", "step:", "after:"):
            block = []
            i += 1
            while i < len(lines) and (not lines[i] or lines[i].startswith(" ")):
                block.append(lines[i])
                i += 1
            out += [f"*{line[:-1]}*", "", "```python", textwrap.dedent("\n".join(block)).strip("\n"), "```", ""]
            continue
        if i + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[i + 1]):
            out += [f"**{line}**", ""]
            i += 2
            continue
        entry = re.fullmatch(r"([\w, ]+): (.*)", line)
        if entry and not line.startswith(" "):
            out.append(f"- `{entry[1]}`: {entry[2]}")
        else:
            out.append(f"  {line.strip()}" if line.startswith(" ") else line)
        i += 1
    while out and not out[-1]:
        out.pop()
    return out


FILES = {"schedule/methods.pyi": stub, "docs/primitives.md": page}
"""The generated files, and what makes them."""


def main() -> None:
    """Write the generated files."""
    for name, make in FILES.items():
        (ROOT / name).write_text(make())


if __name__ == "__main__":
    main()
