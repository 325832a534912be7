"""The arguments of primitives: how the annotation of a parameter says what may be given and what that stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tir.arith.analyzer import Analyzer
from ..tir.errors import said
from ..tir.expr import Expr, IntImm, Var, as_expr
from ..tir.stmt import Block, For, Stmt
from ..tir.visit import free_vars, substitute
from . import primitives
from .errors import refusal
from .sref import BlockSRef, LoopSRef, Mark, SRef
from .trace import RV, BlockRV, LoopRV

if TYPE_CHECKING:
    from .schedule import Schedule

Resolver = Callable[["Schedule", str, Any], Any]
"""What a value given for the parameter of that name stands for; refuses what the parameter cannot be."""


def plain(value: Any) -> Any:
    """`value`, with Python's numbers where it has numpy's: the form that is recorded."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return type(value)([plain(v) for v in value])
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def resolve_value(sch: Schedule, name: str, value: Any) -> Any:
    """Any value, with what its handles stand for."""
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, Var) and value in sch._env:
        number = sch._number(value)
        return number.value if isinstance(number, IntImm) else number
    if isinstance(value, Expr):
        return _expr(sch, name, value)
    if isinstance(value, (list, tuple)):
        return type(value)(resolve_value(sch, name, v) for v in value)
    if isinstance(value, dict):
        return {k: resolve_value(sch, name, v) for k, v in value.items()}
    if isinstance(value, RV):
        return sch.get_sref(value)
    return value


def _expr(sch: Schedule, name: str, value: Any) -> Expr:
    if not isinstance(value, (Expr, int, float)):
        raise refusal(f"`{name}` is to be a number or an expression, got {_say(sch, value)}")
    expr = as_expr(value)
    if isinstance(expr, IntImm):
        return expr
    sizes = {v: sch._number(v) for v in free_vars(expr) if v in sch._env}
    return Analyzer().simplify(substitute(expr, sizes)) if sizes else expr


def _loop(sch: Schedule, name: str, value: Any) -> LoopSRef:
    if not isinstance(value, LoopRV):
        raise refusal(
            f"`{name}` is to be a loop, got {_say(sch, value)}", hint="sch.get_loops(block) gives a block's loops"
        )
    sref = sch.get_sref(value)
    assert isinstance(sref, LoopSRef)
    return sref


def _block(sch: Schedule, name: str, value: Any) -> BlockSRef:
    if isinstance(value, str):
        return primitives.find_block(sch.state, value, sch.func_working_on)
    if not isinstance(value, BlockRV):
        raise refusal(
            f"`{name}` is to be a block or a block's name, got {_say(sch, value)}",
            hint="sch.get_block(name) gives one",
        )
    sref = sch.get_sref(value)
    assert isinstance(sref, BlockSRef)
    return sref


def _say(sch: Schedule, value: Any) -> str:
    if isinstance(value, RV):
        kind = "loop" if isinstance(value, LoopRV) else "block"
        return f"the {kind} {sch._describe(value)}"
    if isinstance(value, Stmt):
        kind = "a loop" if isinstance(value, For) else "a block" if isinstance(value, Block) else "a statement"
        return f"{kind} of the program itself, not a handle of this schedule"
    return said(value)


def _plain(*expected: type) -> Resolver:
    words = " or ".join(each.__name__ for each in expected)

    def resolve(sch: Schedule, name: str, value: Any) -> Any:
        value = resolve_value(sch, name, value)
        value = value.value if isinstance(value, IntImm) else value
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            raise refusal(f"`{name}` is to be of type {words}, got {_say(sch, value)}")
        return value

    return resolve


def _list(item: Resolver) -> Resolver:
    def resolve(sch: Schedule, name: str, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise refusal(f"`{name}` is to be a list, got {_say(sch, value)}")
        return [item(sch, f"{name}[{i}]", v) for i, v in enumerate(value)]

    return resolve


def _optional(item: Resolver) -> Resolver:
    return lambda sch, name, value: None if value is None else item(sch, name, value)


def _location(sch: Schedule, name: str, value: Any) -> Any:
    mark = sch._env.get(value) if isinstance(value, LoopRV) else None
    return mark if isinstance(mark, Mark) else _loop(sch, name, value)


def _block_or_loop(sch: Schedule, name: str, value: Any) -> SRef:
    return _loop(sch, name, value) if isinstance(value, LoopRV) else _block(sch, name, value)


def _any_blocks(sch: Schedule, name: str, value: Any) -> Any:
    return _loop(sch, name, value) if isinstance(value, LoopRV) else _block_or_blocks(sch, name, value)


def _block_or_blocks(sch: Schedule, name: str, value: Any) -> Any:
    return _list(_block)(sch, name, value) if isinstance(value, (list, tuple)) else _block(sch, name, value)


RESOLVERS: dict[str, Resolver] = {
    "Any": resolve_value,
    "BlockSRef": _block,
    "BlockSRef | LoopSRef": _block_or_loop,
    "BlockSRef | LoopSRef | list[BlockSRef]": _any_blocks,
    "BlockSRef | list[BlockSRef]": _block_or_blocks,
    "BufferArgument": resolve_value,
    "BufferIndex": resolve_value,
    "Callable[..., Any]": resolve_value,
    "Expr": _expr,
    "IndexMap": resolve_value,
    "IndexMap | None": resolve_value,
    "LoopSRef": _loop,
    "LoopSRef | Mark": _location,
    "bool": _plain(bool),
    "int": _plain(int),
    "list[BlockSRef]": _list(_block),
    "list[BlockSRef] | None": _optional(_list(_block)),
    "list[Expr]": _list(_expr),
    "list[Expr | None]": _list(_optional(_expr)),
    "list[LoopSRef]": _list(_loop),
    "list[float]": _list(_plain(int, float)),
    "list[int]": _list(_plain(int)),
    "str": _plain(str),
    "str | None": _optional(_plain(str)),
    "str | TensorIntrin": resolve_value,
}
"""By annotation. What comes in several forms is checked by the primitive's `prepare`."""
