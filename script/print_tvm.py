"""What prints otherwise for Apache TVM (0.25 and later): the rules that replace those of the script's own text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..tir import op
from ..tir.buffer import BufferLoad
from ..tir.errors import UserError
from ..tir.expr import Call, FloatImm, GlobalVar, IntImm, Let, const
from ..tir.stmt import Allocate, AttrStmt, BufferStore, Evaluate, LetStmt, SeqStmt
from ..tir.visit import substitute
from .numerals import float_text, int_text, quoted
from .print_expr import EXPR_RULES, joined
from .print_stmt import STMT_RULES, arguments, define_buffer, layout_arguments, type_text, wrapped

if TYPE_CHECKING:
    from .printer import Parts, Printer

UNKNOWN = frozenset(
    ["expm1", "mulhi", "vector_reduce_add", "vector_reduce_max", "vector_reduce_min", "atomic_add", "trap", "prefetch"]
)
"""Intrinsics that TVM does not have."""


def _float(p: Printer, e: FloatImm) -> Parts:
    if not math.isfinite(e.value):
        return [float_text(e)]
    # T.float64 takes the numbers of float32 only; the others do not round to their type.
    name = 'FloatImm("float64", ' if abs(e.value) > 3.4e38 and e.dtype.bits == 64 else f"{e.dtype}("
    return [f"T.{name}{e.value!r})"]


def _int(p: Printer, e: IntImm) -> Parts:
    if e.dtype.is_handle:
        return ['T.reinterpret("handle", T.uint64(0))']
    if e.dtype.bits == 4 or (e.dtype == "uint64" and e.value >> 63):
        return [f"T.IntImm({quoted(e.dtype)}, {e.value})"]
    return [int_text(e)]


def _let(p: Printer, e: Let) -> Parts:
    # There an expression cannot introduce a name; the value, which has no effects, stands in its place.
    return [substitute(e.body, {e.var: e.value})]


def _load(p: Printer, e: BufferLoad) -> Parts:
    if e.predicate is not None:
        raise UserError(f"Apache TVM's script has no masked loads, such as `{e}`")
    return [p.buffer_name(e.buffer) + "[", *(joined(e.indices) or ["()"]), "]"]


def _store(p: Printer, s: BufferStore) -> Parts:
    if s.predicate is not None:
        raise UserError(f"Apache TVM's script has no masked stores, such as `{s}`")
    target = [p.buffer_name(s.buffer) + "[", *(joined(s.indices) or ["()"]), "]"]
    return [*target, " = ", *wrapped(s.value), p.newline]


def _call(p: Printer, e: Call) -> Parts:
    if isinstance(e.op, op.Intrinsic) and e.op.name in UNKNOWN:
        raise UserError(f"Apache TVM has no intrinsic `{e.op.name}`")
    if isinstance(e.op, GlobalVar):
        return [f"Module.{e.op.name}(", *joined(e.args), ")"]
    return EXPR_RULES[Call](p, e)


def _evaluate(p: Printer, s: Evaluate) -> Parts:
    if isinstance(s.value, Call) and s.value.op.name == "ret":
        if not s.value.args:
            raise UserError("Apache TVM's script cannot return from a function that gives no value")
        return ["return ", *s.value.args, p.newline]
    return STMT_RULES[Evaluate](p, s)


# Its lets, allocations and declarations scope over the rest of their suite, wherever they stand in it.
def _bind(p: Printer, s: LetStmt) -> Parts:
    name = p.named(p.names.define(s.var, s.var.name), s.var)
    return [name, f": T.let[{type_text(s.var)}] = ", *wrapped(s.value), p.newline, s.body]


def _allocate(p: Printer, s: Allocate) -> Parts:
    name = define_buffer(p, s.buffer)
    return [name, " = ", "T.alloc_buffer(", *arguments(layout_arguments(s.buffer)), ")", p.newline, s.body]


def _attr(p: Printer, s: AttrStmt) -> Parts:
    return STMT_RULES[AttrStmt](p, s if s.node is not None else s.replace(node=const(0)))


TVM_RULES: dict[type[Any], Callable[[Printer, Any], Parts]] = {
    FloatImm: _float,
    IntImm: _int,
    Let: _let,
    BufferLoad: _load,
    BufferStore: _store,
    Call: _call,
    Evaluate: _evaluate,
    LetStmt: _bind,
    Allocate: _allocate,
    AttrStmt: _attr,
    SeqStmt: lambda p, s: list(s.seq),
}
"""The parts of the nodes that print otherwise."""
