"""How far an index moves with each loop: sums of loop variables, each with a coefficient and a cap, memoised by node.

This is for estimates: what is not linear is bounded, never refused. Nothing here proves anything; `tir/arith` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..tir.buffer import BufferLoad
from ..tir.expr import (
    Add,
    Broadcast,
    Cast,
    Expr,
    FloorDiv,
    FloorMod,
    IntImm,
    Let,
    Max,
    Min,
    Mul,
    Ramp,
    Select,
    Sub,
    Var,
)

UNBOUNDED = float("inf")

Form = tuple[tuple[Any, float, float], ...]
"""(variable, coefficient, cap): moving the variable by 1 moves the index by the coefficient, by `cap` in all at most.
The variable None stands for what data decide: it may move the index anywhere."""

_ANYWHERE: Form = ((None, UNBOUNDED, UNBOUNDED),)
_REMEMBERED = 1 << 15
_forms: dict[Expr, Form] = {}


def form_of(e: Expr) -> Form:
    """The form of an index in terms of the variables in it."""
    found = _forms.get(e)
    if found is None:
        if len(_forms) > _REMEMBERED:
            _forms.clear()
        rule = _RULES.get(type(e))
        found = _forms[e] = rule(e) if rule is not None else _all(e)
    return found


def compose(form: Form, values: Mapping[Var, Form]) -> Form:
    """A form with variables replaced by what they stand for, where `values` knows them.

    A cap stands for a remainder: what moves by multiples of the divisor does not move it.
    """
    out: list[tuple[Any, float, float]] = []
    for var, coef, cap in form:
        inner = values.get(var) if var is not None else None
        if inner is None:
            out.append((var, coef, cap))
            continue
        divisor = cap / abs(coef) + 1 if 0 < cap < UNBOUNDED else 0
        out += [(v, coef * c, min(cap, abs(coef) * k)) for v, c, k in inner if not divisor or c % divisor]
    return tuple(out)


def greatest(e: Expr) -> int | None:
    """An upper bound of an extent, where it is easily seen."""
    if isinstance(e, IntImm):
        return e.value
    if isinstance(e, Min):
        known = [b for b in (greatest(e.a), greatest(e.b)) if b is not None]
        return min(known) if known else None
    if isinstance(e, Cast):
        return greatest(e.value)
    if isinstance(e, (Max, Add)):
        a, b = greatest(e.a), greatest(e.b)
        if a is None or b is None:
            return None
        return max(a, b) if isinstance(e, Max) else a + b
    return None


def _merged(*forms: Form) -> Form:
    out: dict[Any, tuple[float, float]] = {}
    for form in forms:
        for var, coef, cap in form:
            old = out.get(var)
            out[var] = (coef, cap) if old is None else (old[0] + coef, old[1] + cap)
    return tuple((v, c, k) for v, (c, k) in out.items())


def _scaled(form: Form, by: float) -> Form:
    return tuple((v, c * by, k * abs(by)) for v, c, k in form) if by else ()


def _sub(e: Sub) -> Form:
    return _merged(form_of(e.a), _scaled(form_of(e.b), -1))


def _mul(e: Mul) -> Form:
    if isinstance(e.b, IntImm):
        return _scaled(form_of(e.a), e.b.value)
    if isinstance(e.a, IntImm):
        return _scaled(form_of(e.b), e.a.value)
    return _all(e)


def _div(e: FloorDiv) -> Form:
    return _scaled(form_of(e.a), 1 / e.b.value) if isinstance(e.b, IntImm) and e.b.value else _all(e)


def _mod(e: FloorMod) -> Form:
    if not isinstance(e.b, IntImm):
        return _all(e)
    cap = max(abs(e.b.value) - 1, 0)
    return tuple((v, c, min(k, cap)) for v, c, k in form_of(e.a))


def _all(e: Expr) -> Form:
    return _merged(*(form_of(child) for child in e.children() if isinstance(child, Expr)))


_RULES: Mapping[type[Expr], Callable[[Any], Form]] = {
    Var: lambda e: ((e, 1.0, UNBOUNDED),),
    IntImm: lambda e: (),
    Add: lambda e: _merged(form_of(e.a), form_of(e.b)),
    Sub: _sub,
    Mul: _mul,
    FloorDiv: _div,
    FloorMod: _mod,
    Cast: lambda e: form_of(e.value),
    Broadcast: lambda e: form_of(e.value),
    Ramp: lambda e: form_of(e.base),
    Select: lambda e: _merged(form_of(e.true_value), form_of(e.false_value)),
    Let: lambda e: form_of(e.body),
    BufferLoad: lambda e: _ANYWHERE,
}
