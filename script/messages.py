"""What error messages show of programs: a few words naming a node, and the program with the culprits underlined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..tir.buffer import Buffer, BufferRegion, MatchBufferRegion, Range
from ..tir.expr import CommReducer, Expr, Var
from ..tir.function import IRModule, PrimFunc
from ..tir.node import Node
from ..tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    Block,
    BlockRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    IterVar,
    LetStmt,
    SeqStmt,
    While,
)
from .highlight import html, show
from .parser import parse
from .printer import render, script

__all__ = ["describe", "html", "parse", "script", "show", "underline"]

LONGEST = 80
Names = Mapping[Any, str]


def text_of(node: Node) -> str:
    """The node on one line, cut where it is too long."""
    text = " ".join(render(node, width=1 << 60, recording=False).text.split("\n")[0].split())
    return text if len(text) <= LONGEST else text[: LONGEST - 4] + " ..."


def _code(node: Node, names: Names) -> str:
    return f"`{text_of(node)}`"


def _loop(s: For, names: Names) -> str:
    name = names.get(s.loop_var, s.loop_var.name)
    end = text_of(s.range.end)
    thread = f", thread {s.thread_binding}" if s.thread_binding else ""
    kind = "" if s.kind in (ForKind.SERIAL, ForKind.THREAD_BINDING) else s.kind.value + " "
    return f"{kind}loop `{name}` (range({text_of(s.min)}, {end}){thread})"


_WORDS: dict[type[Any], Callable[[Any, Names], str]] = {
    For: _loop,
    Block: lambda s, names: f"block `{s.name_hint}`",
    BlockRealize: lambda s, names: f"block `{s.block.name_hint}`",
    Buffer: lambda b, names: f"buffer `{names.get(b, b.name)}`",
    Var: lambda v, names: f"variable `{names.get(v, v.name)}`",
    IterVar: lambda iv, names: f"{iv.iter_type.value} iterator `{names.get(iv.var, iv.var.name)}`",
    BufferRegion: _code,
    MatchBufferRegion: lambda m, names: f"buffer `{names.get(m.buffer, m.buffer.name)}`",
    Range: lambda r, names: f"range({text_of(r.min)}, {text_of(r.end)})",
    CommReducer: lambda r, names: f"the reducer {_code(r, names)}",
    PrimFunc: lambda f, names: f"function `{f.name}`",
    IRModule: lambda m, names: f"the module of {', '.join(f'`{name}`' for name in m) or 'no functions'}",
    BufferStore: lambda s, names: f"the store {_code(s, names)}",
    Evaluate: lambda s, names: f"the statement {_code(s, names)}",
    IfThenElse: lambda s, names: f"the `if {text_of(s.condition)}`",
    While: lambda s, names: f"the `while {text_of(s.condition)}`",
    LetStmt: lambda s, names: f"the binding of `{names.get(s.var, s.var.name)}`",
    AssertStmt: lambda s, names: f"the assertion {_code(s, names)}",
    AttrStmt: lambda s, names: f"the attribute {s.attr_key!r}",
    Allocate: lambda s, names: f"the allocation of `{names.get(s.buffer, s.buffer.name)}`",
    DeclBuffer: lambda s, names: f"the declaration of `{names.get(s.buffer, s.buffer.name)}`",
    SeqStmt: lambda s, names: f"a sequence of {len(s.seq)} statements",
}


def describe(node: Any, root: Node | None = None) -> str:
    """A few words naming `node`; anything that is no node as `str` shows it.

    Parameters
    ----------
    root: the program shown beside the message; variables and buffers are called what they are called there.
    """
    words = _WORDS.get(type(node), _code if isinstance(node, Expr) else None)
    if words is None:
        return str(node)
    return words(node, {} if root is None else render(root, recording=False).names)


def underline(root: Node, nodes: Sequence[Any]) -> str:
    """The text of `root` with line numbers and carets under `nodes`; long programs are cut around them."""
    return render(root).underline([node for node in nodes if isinstance(node, Node)])
