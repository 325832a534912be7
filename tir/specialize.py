"""A function for given values of its scalar parameters and symbolic sizes."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

from .arith.analyzer import Analyzer
from .buffer import Buffer
from .dtype import DType
from .errors import UserError, said
from .expr import Expr, FloatImm, IntImm, Var, const
from .function import PrimFunc
from .verify import verify
from .visit import Substitute, free_vars


def specialize(function: PrimFunc, values: Mapping[Any, Any]) -> PrimFunc:
    """See `PrimFunc.specialize`."""
    if not isinstance(values, Mapping):
        raise UserError(f"specialize takes values by parameters, as in {{'n': 128}}, got {said(values)}")
    known = _specializable(function)
    pairs: list[tuple[str, Expr, Expr]] = []
    for key, value in values.items():
        name = key.name if isinstance(key, (Var, Buffer)) else key
        what = known.get(name) if isinstance(name, str) else None
        if what is None or not (isinstance(key, str) or key is what or function.buffer_map.get(key) is what):
            names = ", ".join(f"`{name}`" for name in known) or "nothing"
            raise UserError(f"`{function.name}` cannot be specialized for {said(name)}; what it can be for: {names}")
        pairs += [(what.name, own, _value(given, own.dtype)) for own, given in _pairs(what, value)]
    found: dict[Var, Expr] = {}
    for _, own, given in pairs:
        if isinstance(own, Var):
            found.setdefault(own, given)
    replace = _Folding(found)
    for name, own, given in pairs:
        came = replace(own)
        if came is not given:
            of = "" if isinstance(own, Var) and own.name == name else f" for `{name}`"
            hint = f"; give the values of {_names(free_vars(came))} too" if not isinstance(came, IntImm) else ""
            raise UserError(f"{own}{of} is to be {given}, and is {came}{hint}")
    made = function.replace(
        params=tuple(p for p in function.params if p not in found),
        buffer_map={p: replace(buffer) for p, buffer in function.buffer_map.items()},
        body=replace(function.body),
    )
    verify(made)
    return made


def _specializable(function: PrimFunc) -> dict[str, Var | Buffer]:
    """By their names: the scalar parameters, the variables in the layouts of parameters, and these themselves."""
    scalars = [p for p in function.params if p not in function.buffer_map and not p.dtype.is_handle]
    sizes = [v for buffer in function.buffers for part in buffer.layout() for v in free_vars(part)]
    by_param: dict[str, Var | Buffer] = {p.name: b for p, b in function.buffer_map.items()}
    return {**by_param, **{b.name: b for b in function.buffers}, **{v.name: v for v in (*scalars, *sizes)}}


def _pairs(what: Var | Buffer, value: Any) -> list[tuple[Expr, Any]]:
    """Expressions of the function, each with what it is where `what` is `value`.

    Raises
    ------
    UserError: `value` is of another kind.
    """
    if isinstance(what, Var):
        return [(what, value)]
    shape = value.shape if isinstance(value, Buffer) else value
    if not isinstance(shape, (tuple, list)) or len(shape) != what.ndim:
        raise UserError(f"buffer `{what.name}` is specialized for a buffer or a shape of {what.ndim} extents")
    pairs = list(zip(what.shape, shape))
    if isinstance(value, Buffer):
        if value.dtype != what.dtype:
            raise UserError(f"buffer `{what.name}` holds {what.dtype}, and the buffer given for it {value.dtype}")
        if len(value.strides) != len(what.strides):
            own, given = ("has", "has none") if what.strides else ("has no", "has some")
            raise UserError(f"buffer `{what.name}` {own} strides, and the buffer given for it {given}")
        pairs += [*zip(what.strides, value.strides), (what.elem_offset, value.elem_offset)]
    return pairs


def _value(given: Any, type_: DType) -> Expr:
    """What is given, as an expression of a type; a `UserError` where it is no number or of another type."""
    if isinstance(given, Expr):
        if given.dtype != type_:
            raise UserError(f"a value of type {type_} is asked for, and {given} is of type {given.dtype}")
        return given
    if not isinstance(given, numbers.Real) or (type_.is_integral and not isinstance(given, numbers.Integral)):
        raise UserError(f"a value of type {type_} is asked for, got {said(given)}")
    return const(given, type_)


class _Folding(Substitute):
    """Also computes what has become constant."""

    def __call__(self, node: Any) -> Any:
        out = super().__call__(node)
        if out is not node and isinstance(out, Expr) and not isinstance(out, Var):
            parts = out.children()
            if parts and all(isinstance(part, (IntImm, FloatImm)) for part in parts):
                return Analyzer().simplify(out)
        return out


def _names(variables: Iterable[Var]) -> str:
    return ", ".join(f"`{v.name}`" for v in variables)
