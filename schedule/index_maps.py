"""Index maps as arguments of primitives: from Python functions, as text and JSON, and what they tell of indices."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ..tir import expr as expr_module
from ..tir.arith.analyzer import Analyzer
from ..tir.arith.index_map import IndexMap
from ..tir.arith.iter_map import IterMapLevel, detect_iter_map
from ..tir.buffer import Range
from ..tir.dtype import DType, dtype
from ..tir.errors import UserError, said
from ..tir.expr import Expr, FloorDiv, FloorMod, Op, Var
from ..tir.op import OPS
from ..tir.visit import free_vars, substitute
from .errors import refusal
from .trace import CODECS, Codec


def as_index_map(value: Any, ndim: int, index_dtype: Any) -> IndexMap:
    """A Python function or an `IndexMap` as an `IndexMap` of `ndim` indices.

    Raises
    ------
    ScheduleError: it takes another number of indices, or gives no indices.
    """
    if callable(value):
        try:
            return IndexMap.from_func(value, ndim, index_dtype=index_dtype)
        except UserError as error:
            raise refusal(str(error)) from None
    if not isinstance(value, IndexMap):
        raise refusal(f"an index map is a function from indices to indices, got {said(value)}")
    if value.ndim != ndim:
        raise refusal(f"the index map takes {value.ndim} indices, but there are {ndim}")
    return value


def index_variables(function: Any, ndim: int, index_dtype: Any) -> tuple[Var, ...]:
    """Variables named as the parameters of a function of `ndim` indices.

    Raises
    ------
    ScheduleError: it takes another number.
    """
    names: list[str] = []
    for p in inspect.signature(function).parameters.values():
        spread = p.kind is p.VAR_POSITIONAL
        names += [f"{p.name}_{i}" for i in range(ndim - len(names))] if spread else [p.name]
    if len(names) != ndim:
        raise refusal(f"the function takes {len(names)} indices, but there are {ndim}")
    return tuple(Var(name, dtype(index_dtype)) for name in names)


def determined(an: Analyzer, given: Sequence[Expr], wanted: Expr, doms: Mapping[Var, Range]) -> bool:
    """Whether the value of `wanted` is shown to follow from the values of `given`, for variables of `doms`."""
    if any(an.equal(index, wanted) for index in given):
        return True
    known: set[Expr] = set()
    rest = list(given)
    while True:
        told = next(((index, atom) for index in rest if (atom := _told(an, index, doms, known)) is not None), None)
        if told is None:
            break
        rest.remove(told[0])
        known.add(told[1])
        known.update(v for v in doms if v not in known and _from_digits(v, known))
    open_ = {v: doms[v] for index in rest for v in free_vars(index) if v in doms and v not in known}
    digits = [index for index in rest if any(v in open_ for v in free_vars(index))]
    if digits and all(v in open_ or v not in doms for index in digits for v in free_vars(index)):
        if detect_iter_map(digits, open_, True, IterMapLevel.BIJECTIVE, an, allow_padding=True):
            known |= open_.keys()
    return all(v in known for v in free_vars(wanted) if v in doms)


def _told(an: Analyzer, index: Expr, doms: Mapping[Var, Range], known: set[Expr]) -> Expr | None:
    """The variable, quotient or remainder that an index tells: the one term of it that is not known."""
    unknown = [key for key in an.normal(index).terms if _is_open(key, doms, known)]
    if len(unknown) != 1 or not isinstance(unknown[0], (Var, FloorDiv, FloorMod)):
        return None
    return unknown[0]


def _from_digits(v: Var, known: set[Expr]) -> bool:
    """Whether both the quotient and the remainder of a variable by some number are known."""
    divisors = {atom.b for atom in known if isinstance(atom, FloorDiv) and atom.a is v}
    return any(isinstance(atom, FloorMod) and atom.a is v and atom.b in divisors for atom in known)


def _is_open(key: Any, doms: Mapping[Var, Range], known: set[Expr]) -> bool:
    atoms = key if isinstance(key, tuple) else (key,)
    return any(v in doms and v not in known for atom in atoms if atom not in known for v in free_vars(atom))


def encode_expr(e: Any) -> Any:
    """An expression over named variables, or a part of one, as plain data."""
    if isinstance(e, Var):
        return {"Var": e.name}
    if isinstance(e, Expr):
        return {type(e).__name__: [encode_expr(getattr(e, name)) for name in e.fields]}
    if isinstance(e, tuple):
        return [encode_expr(item) for item in e]
    if e is None or isinstance(e, (int, float)):
        return e
    if isinstance(e, DType):
        return {"dtype": str(e)}
    if isinstance(e, Op):
        return {"op": e.name}
    raise UserError(f"an index map with {e!r} in it has no JSON form")


def decode_expr(data: Any, variables: Mapping[str, Var]) -> Any:
    """What `encode_expr` wrote."""
    if isinstance(data, list):
        return tuple(decode_expr(item, variables) for item in data)
    if not isinstance(data, dict):
        return data
    ((tag, inner),) = data.items()
    if tag == "Var":
        return variables[inner]
    if tag == "dtype":
        return dtype(inner)
    if tag == "op":
        return OPS[inner]
    cls = getattr(expr_module, tag)
    if not (isinstance(cls, type) and issubclass(cls, Expr)) or cls is Var:
        raise KeyError(tag)
    return cls(*(decode_expr(item, variables) for item in inner))


def _encode_map(value: IndexMap) -> Any:
    return {
        "indices": [[v.name, str(v.dtype)] for v in value.initial_indices],
        "map": [encode_expr(e) for e in value.final_indices],
        "inverse": None if value.inverse_index_map is None else _encode_map(value.inverse_index_map),
    }


def _decode_map(data: Any) -> IndexMap:
    variables = [Var(name, dtype(type_)) for name, type_ in data["indices"]]
    by_name = {v.name: v for v in variables}
    final = [decode_expr(e, by_name) for e in data["map"]]
    return IndexMap(variables, final, None if data["inverse"] is None else _decode_map(data["inverse"]))


def _python_map(value: IndexMap) -> str:
    variables = [Var(name, v.dtype) for name, v in zip(_names(value), value.initial_indices, strict=True)]
    renamed = dict(zip(value.initial_indices, variables, strict=True))
    items = "".join(f"{substitute(e, renamed)}, " for e in value.final_indices)
    text = f"lambda {', '.join(v.name for v in variables)}: ({items.removesuffix(' ')})"
    if value.inverse_index_map is None:
        return text
    inverse = _python_map(value.inverse_index_map)
    return f"tensorir.IndexMap.from_func({text}, inverse_index_map={inverse})"


def _names(value: IndexMap) -> list[str]:
    names = [v.name for v in value.initial_indices]
    distinct = len(set(names)) == len(names) and all(name.isidentifier() and name != "T" for name in names)
    return names if distinct else [f"i{k}" for k in range(len(names))]


CODECS["index_map"] = Codec(IndexMap, _encode_map, _decode_map, _python_map)
