"""The language's reference page and `T`'s type stub, both written from the grammar and the words' docstrings.

`python -m tensorir.script.reference` writes `docs/language.md` and `script/tir.pyi`; tests fail when they are stale,
and run every example.
"""

from __future__ import annotations

import doctest
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..tir import op
from . import ir, tir
from .lang import methods, values
from .lang.blocks import AXES, axis
from .lang.types import SHORT, TYPES, TypeName, type_name

PAGE = Path(__file__).parents[1] / "docs" / "language.md"
STUB = Path(__file__).with_name("tir.pyi")
GRAMMAR = Path(__file__).with_name("grammar.lark")

HEADER = """@T.prim_func
def f(A: T.Buffer((16, 16), "float32"), B: T.Buffer((16,), "int32"), n: T.int32):
"""
"""The function that the statements of an example stand in."""

TOPICS = {
    "functions": "Functions, modules, macros",
    "types": "Types and variables",
    "buffers": "Buffers",
    "loops": "Loops",
    "blocks": "Blocks",
    "statements": "Statements",
    "values": "Values",
    "methods": "Attributes and methods of values",
    "intrinsics": "Calls",
}
"""The sections, by the module of `script/lang` whose words they hold."""


class Entry(NamedTuple):
    """A word: its spelling, its signature, what it means, and an example (statements, or whole definitions)."""

    name: str
    signature: str
    meaning: str
    example: str


def program(example: str) -> str:
    """The whole text that an example is, or stands in."""
    return example if example.startswith("@") else HEADER + textwrap.indent(example, "    ")


def _entry(name: str, word: Any) -> Entry:
    """The entry of a word from its docstring."""
    owner = word if inspect.isfunction(word) else type(word)
    call = word if inspect.isfunction(word) else owner.__call__
    text = inspect.cleandoc(owner.__doc__ or "")
    meaning, _, _ = text.partition(">>> ")
    sources = [e.source for e in doctest.DocTestParser().get_examples(text)]
    example = "".join("\n" * (i > 0 and source[0] == "@") + source for i, source in enumerate(sources))
    if not example:
        example = EXAMPLES.get(name) or _example_of(name)
    return Entry(name, f"{name}{_signature(call)}", meaning.strip(), example.rstrip("\n"))


def _signature(function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    shown = [_bare(p) for p in signature.parameters.values() if p.name != "self"]
    return str(signature.replace(parameters=shown, return_annotation=signature.empty))


def _example_of(name: str) -> str:
    """An example of an intrinsic or a binary node, by the types it takes."""
    word = name.removeprefix("T.")
    if word in values.BINARY:
        cls = values.BINARY[word](1, 2) if word not in ("And", "Or") else None
        if cls is None:
            return f"B[0] = T.Select({name}(n > 0, n < 16), 1, 2)"
        return f"B[0] = {name}(B[1], n)" if not cls.dtype.is_bool else f"B[0] = T.Select({name}(B[1], n), 1, 2)"
    row = op.OPS[word]
    target, element = ("B[0]", "B[{}]") if row.domain is op.Domain.INT else ("A[0, 0]", "A[0, {}]")
    if row.domain is op.Domain.ANY:
        given = ['"int32"'] if op.needs_type(row) else []
        return f"T.evaluate({name}({', '.join([*given, *['n'] * (row.arity or 0)])}))"
    call = f"{name}({', '.join(element.format(k + 1) for k in range(row.arity or 1))})"
    return f"B[0] = T.Select({call}, 1, 0)" if row.result is op.Result.BOOL else f"{target} = {call}"


EXAMPLES = {
    "T.likely": "if T.likely(n < 16):\n    B[n] = 1",
    "T.reinterpret": 'B[0] = T.reinterpret("int32", A[0, 0])',
    "T.isnullptr": "if T.isnullptr(A.data):\n    B[0] = 1",
    "T.vscale": "B[0] = T.vscale()",
    "T.undef": 'B[0] = T.undef("int32")',
    "T.call_pure_extern": 'A[0, 0] = T.call_pure_extern("float32", "sqrtf", A[0, 1])',
    "T.call_llvm_pure_intrin": 'A[0, 0] = T.call_llvm_pure_intrin("float32", "llvm.sqrt.f32", A[0, 1])',
    "T.vector_reduce_add": "A[0, 0] = T.vector_reduce_add(A[1, 0:4])",
    "T.vector_reduce_max": "A[0, 0] = T.vector_reduce_max(A[1, 0:4])",
    "T.vector_reduce_min": "A[0, 0] = T.vector_reduce_min(A[1, 0:4])",
    "T.address_of": 'T.call_extern("int32", "f", T.address_of(A[n, 0]))',
    "T.type_annotation": 'T.tvm_access_ptr(T.type_annotation("float32"), A.data, 0, 16, 1)',
    "T.tvm_access_ptr": 'T.tvm_access_ptr(T.type_annotation("float32"), A.data, 0, 16, 1)',
    "T.call_extern": 'T.call_extern("int32", "f", A.data, n)',
    "T.call_llvm_intrin": 'T.call_llvm_intrin("void", "llvm.prefetch", A.data, 0, 3, 1)',
    "T.call_packed": 'T.call_packed("int32", "registered", n)',
    "T.atomic_add": "T.atomic_add(B[0], n)",
    "T.tvm_warp_shuffle": "B[0] = T.tvm_warp_shuffle(T.tvm_warp_activemask(), B[0], 0, 32, 32)",
    "T.tvm_warp_shuffle_up": "B[0] = T.tvm_warp_shuffle_up(T.tvm_warp_activemask(), B[0], 1, 32, 32)",
    "T.tvm_warp_shuffle_down": "B[0] = T.tvm_warp_shuffle_down(T.tvm_warp_activemask(), B[0], 1, 32, 32)",
    "T.tvm_warp_activemask": "x = T.tvm_warp_activemask()",
    "T.prefetch": "T.prefetch(A[n, 0], 0, 3)",
    "T.tvm_storage_sync": 'T.tvm_storage_sync("shared")',
    "T.tvm_fill_fragment": 'F = T.alloc_buffer((256,), "float32", scope="wmma.accumulator")\n'
    "T.tvm_fill_fragment(F.data, 16, 16, 16, 0, T.float32(0))",
    "T.tvm_load_matrix_sync": 'F = T.alloc_buffer((256,), "float32", scope="wmma.accumulator")\n'
    'T.tvm_load_matrix_sync(F.data, 16, 16, 16, 0, A.access_ptr("r"), 16, "row_major")',
    "T.tvm_mma_sync": 'X = T.alloc_buffer((256,), "float16", scope="wmma.matrix_a")\n'
    'Y = T.alloc_buffer((256,), "float16", scope="wmma.matrix_b")\n'
    'F = T.alloc_buffer((256,), "float32", scope="wmma.accumulator")\n'
    "T.tvm_mma_sync(F.data, 0, X.data, 0, Y.data, 0, F.data, 0)",
    "T.tvm_store_matrix_sync": 'F = T.alloc_buffer((256,), "float32", scope="wmma.accumulator")\n'
    'T.tvm_store_matrix_sync(F.data, 16, 16, 16, 0, A.access_ptr("w"), 16, "row_major")',
    "T.ptx_cp_async": 'S = T.alloc_buffer((16,), "float32", scope="shared")\n'
    'T.ptx_cp_async(S.access_ptr("w"), A.access_ptr("r"), 16)',
    "T.ptx_commit_group": "T.ptx_commit_group()",
    "T.ptx_wait_group": "T.ptx_wait_group(0)",
    "T.ptx_init_barrier_thread_count": 'S = T.alloc_buffer((1,), "uint64", scope="shared")\n'
    'T.ptx_init_barrier_thread_count(S.access_ptr("rw"), 1)',
    "T.ptx_arrive_barrier_expect_tx": 'S = T.alloc_buffer((1,), "uint64", scope="shared")\n'
    'T.ptx_arrive_barrier_expect_tx(S.access_ptr("rw"), 64)',
    "T.ptx_wait_barrier": 'S = T.alloc_buffer((1,), "uint64", scope="shared")\n'
    'T.ptx_wait_barrier(S.access_ptr("rw"), 0)',
    "T.ptx_cp_async_bulk_tensor": 'S = T.alloc_buffer((16, 16), "float32", scope="shared.dyn")\n'
    'R = T.alloc_buffer((1,), "uint64", scope="shared.dyn")\n'
    'T.ptx_cp_async_bulk_tensor(S.access_ptr("w"), A.data, R.access_ptr("rw"), n, 16, 16, 16, 0, 0)',
    "T.ptx_wgmma_mma_async": 'X = T.alloc_buffer((64, 64), "float16", scope="shared.dyn")\n'
    'C = T.alloc_buffer((64, 64), "float32", scope="wgmma.accumulator")\n'
    'T.ptx_wgmma_mma_async(C.data, 64, 64, 16, 0, X.access_ptr("r"), X.access_ptr("r"), False)',
    "T.ptx_wgmma_fence": "T.ptx_wgmma_fence()",
    "T.ptx_wgmma_commit_group": "T.ptx_wgmma_commit_group()",
    "T.ptx_wgmma_wait_group": "T.ptx_wgmma_wait_group(0)",
    "T.assume": "T.assume(n > 0)",
    "T.ret": "T.ret(n)",
    "T.break_loop": "for i in range(n):\n    if B[i] > 0:\n        T.break_loop()",
    "T.continue_loop": "for i in range(n):\n    if B[i] > 0:\n        T.continue_loop()\n    B[i] = 1",
    "A.data": 'T.call_extern("int32", "f", A.data)',
    "A.dtype": "A[0, 0] = T.Cast(A.dtype, n)",
    "A.shape": "for i in range(A.shape[0]):\n    A[i, 0] = 1",
    "A.strides": "for i in T.grid(*A.strides, n):\n    B[i] = 1",
    "A.elem_offset": "B[0] = A.elem_offset",
    "A.scope": "C = T.alloc_buffer((16,), A.dtype, scope=A.scope)\nC[0] = A[0, 0]",
    "A.name": "with T.block(A.name):\n    A[0, 0] = 1",
    "A.ndim": "B[0] = A.ndim",
    "x.dtype": "A[0, 0] = T.Cast((A[0, 1] * 2).dtype, n)",
    "x.ty": "p = T.handle()\nq: p.ty = A.data\nT.evaluate(q)",
}
"""Examples of words whose docstrings are made from a table."""


def entries() -> dict[str, list[Entry]]:
    """The entries of every section."""
    out: dict[str, list[Entry]] = {topic: [] for topic in TOPICS}
    seen: set[int] = set()
    words = [(f"T.{name}", word) for name, word in tir.TABLE.items()]
    words += [(f"I.{name}", word) for name, word in ir.TABLE.items()]
    words += [(f"T.axis.{name}", word) for name, word in AXES.items()]
    for name, word in words:
        if word is axis or isinstance(word, TypeName) or id(word) in seen:
            continue
        seen.add(id(word))
        module = (word if inspect.isfunction(word) else type(word)).__module__
        out[module.rpartition(".")[2]].append(_entry(name, word))
    out["types"].insert(0, _entry("T.float32", TYPES["float32"]))
    for letter, members in (("A", methods._BUFFER), ("x", methods._EXPR), ("reducer", methods._REDUCER)):
        for name in members:
            function = getattr(methods, name, None)
            if inspect.isfunction(function):
                made = _entry(f"{letter}.{name}", function)
                _, _, arguments = made.signature.partition("(")
                out["methods"].append(made._replace(signature=f"{letter}.{name}({arguments.partition(', ')[2] or ')'}"))
            else:
                key = f"{letter}.{name}"
                out["methods"].append(Entry(key, key, ATTRIBUTES[key], EXAMPLES[key]))
    return {topic: sorted(found, key=lambda e: e.name.lower()) for topic, found in out.items()}


ATTRIBUTES = {
    "A.data": "The buffer's pointer, a variable.",
    "A.dtype": "The type of the buffer's elements.",
    "A.shape": "The buffer's extents.",
    "A.strides": "The buffer's strides in elements; none where it is compact.",
    "A.elem_offset": "The offset of the buffer's first element from its pointer, in elements.",
    "A.scope": "The memory the buffer lies in; `A.scope()` is the same.",
    "A.name": "The buffer's name.",
    "A.ndim": "The number of the buffer's dimensions.",
    "x.dtype": "The type of a value.",
    "x.ty": "The type of a variable, for an annotation.",
}
"""What the attributes of buffers (`A`) and values (`x`) are."""


def aliases() -> Iterator[tuple[str, str]]:
    """The further spellings of words: (name, the word it is)."""
    first: dict[int, str] = {}
    for name, word in tir.TABLE.items():
        if first.setdefault(id(word), name) != name:
            yield f"T.{name}", f"T.{first[id(word)]}"
    for name, word in AXES.items():
        if name in "SR":
            yield f"T.axis.{name}", f"T.axis.{word.__name__}"


def page() -> str:
    """The reference page."""
    parts = [_INTRODUCTION]
    for topic, title in TOPICS.items():
        parts.append(f"## {title}\n")
        found = entries()[topic]
        short = [e for e in found if "\n" not in e.meaning + e.example and len(e.signature + e.meaning) < 120]
        for entry in found:
            if entry not in short:
                parts.append(f"### `{entry.signature}`\n\n{_markdown(entry.meaning)}\n\n{_code(entry.example)}\n")
        if short:
            parts.append("| word | meaning | example |\n|---|---|---|")
            parts += [f"| {_cell(e.signature)} | {_prose(e.meaning)} | {_cell(e.example)} |" for e in short]
            parts.append("")
        if topic == "types":
            parts.append(f"The scalar types are {', '.join(f'`T.{name}`' for name in TYPES)};\n{_VECTORS}\n")
    parts.append("## Other spellings\n\n| spelling | is |\n|---|---|")
    parts += [f"| `{name}` | `{word}` |" for name, word in aliases()]
    parts.append(f"\n## Grammar\n\n```lark\n{GRAMMAR.read_text(encoding='utf-8').rstrip()}\n```\n")
    return "\n".join(parts)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _cell(text: str) -> str:
    """Code in a cell of a table."""
    return f"`{text.replace('|', chr(92) + '|')}`"


def _prose(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _markdown(text: str) -> str:
    """A docstring as Markdown: its underlined sections become bold titles with a list."""
    out: list[str] = []
    listing = False
    for line, following in zip(lines := text.split("\n"), [*lines[1:], ""]):
        if following and set(following) == {"-"}:
            out += [f"**{line}**", ""]
            listing = True
        elif set(line) == {"-"}:
            continue
        elif listing and line and not line.startswith(" "):
            out.append(f"- {line}")
        else:
            out.append(line)
    return "\n".join(out)


_VECTORS = "with a number of lanes they are vectors: `T.float32x4`."

_INTRODUCTION = f"""# The script language

Programs are written in a subset of Python: a function under `@T.prim_func`, or a class of them under `@I.ir_module`.
Python never runs such a function. Its text is read, as is the text given to `tensorir.parse`, by one grammar, which
stands at the end of this page; the words of `T` and `I` say the rest.

```python
from tensorir.script import ir as I, tir as T
```

A decorated function may use the Python values around it: numbers, tuples, types, other functions, comprehensions,
f-strings. They are computed while the program is read: `if` on a Python value chooses what is read, `for` over a list
repeats its body, and a plain number bound to a name stays a number. What depends on the program's own values, its
variables and the elements of its buffers, is a statement of the program. A text given to `tensorir.parse` has no
Python around it and never executes anything.

Examples that are no whole definition stand in this function:

```python
{HEADER}    ...
```
"""


def stub() -> str:
    """The type stub of `T`."""
    lines = [
        '"""`T`: the words of the script language, for editors and type checkers."""',
        "",
        "import builtins",
        "from collections.abc import Callable, Mapping, Sequence",
        "from typing import Any",
        "",
        "from ..tir.buffer import Buffer as BufferNode",
        "from ..tir.expr import CommReducer, Expr, Var",
        "from .lang.blocks import _Axes",
        "from .lang.buffers import _BufferConstruct",
        "from .lang.construct import Argument, Constant, Extent, Index, Shape, Type, Value",
        "from .lang.types import HandleType, TypeName",
        "",
        "TABLE: dict[str, Any]",
        "axis: _Axes",
        "Buffer: _BufferConstruct",
        "handle: HandleType",
    ]
    lines += [f"{name}: TypeName" for name in _type_names()]
    for name, word in sorted(tir.TABLE.items()):
        if inspect.isfunction(word):
            lines += _stub_of(name, word)
    return "\n".join(lines) + "\n"


def _type_names() -> Iterable[str]:
    scalars = [name for name in TYPES if name != "handle"]
    vectors = [f"{name}x{lanes}" for name in scalars for lanes in (2, 4, 8, 16, 32, 64)]
    return [*SHORT, *(name for name in (*scalars, *vectors) if type_name(name) is not None)]


_RENAMED: Mapping[str, str] = {"bool": "builtins.bool", "nodes.Buffer": "BufferNode", "Buffer": "BufferNode"}


def _stub_of(name: str, function: Callable[..., Any]) -> list[str]:
    signature = inspect.signature(function)
    shown = [_bare(parameter) for parameter in signature.parameters.values()]
    returns = _RENAMED.get(signature.return_annotation, signature.return_annotation)
    header = f"def {name}{signature.replace(parameters=shown, return_annotation=_Bare(returns))}:"
    if len(header) > WIDTH:
        header = _broken(name, shown, returns)
    doc = inspect.cleandoc(function.__doc__ or "")
    text = textwrap.indent(f'"""{doc}' + ("\n" if "\n" in doc else "") + '"""', "    ")
    return ["", header, *text.split("\n")]


WIDTH = 120
"""Columns of the stub."""


def _broken(name: str, parameters: list[inspect.Parameter], returns: str) -> str:
    """A header over several lines, as a formatter would break it."""
    inside = str(inspect.Signature(parameters))[1:-1]
    if len(inside) + 4 <= WIDTH:
        return f"def {name}(\n    {inside}\n) -> {returns}:"
    items: list[str] = []
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and "*" not in items and not any(i.startswith("*") for i in items):
            items.append("*")
        items.append(str(p))
    return f"def {name}(\n" + "".join(f"    {item},\n" for item in items) + f") -> {returns}:"


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    default = _Bare(f'"{parameter.default}"') if isinstance(parameter.default, str) else parameter.default
    annotation = _Bare(_RENAMED.get(parameter.annotation, parameter.annotation))
    return parameter.replace(annotation=annotation, default=default)


class _Bare:
    """An annotation that prints as its text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    STUB.write_text(stub(), encoding="utf-8")
