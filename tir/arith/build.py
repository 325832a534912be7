"""From linear forms back to expressions: terms in the analyzer's order, products factored as Horner would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtype import DType
from ..expr import Add, Expr, IntImm, Mul, Sub, cast, wrap
from .linear import Linear, Monomial, factors, monomial

if TYPE_CHECKING:
    from .analyzer import Analyzer


def build(an: Analyzer, form: Linear, dtype: DType) -> Expr:
    """An expression of type `dtype` with the form's value, which must fit the type.

    Partial sums and numbers may leave the type: since sums and products wrap, the value does not depend on them.
    """
    if not form.terms:
        return _number(form.const, dtype)
    wide = dtype
    for key in form.terms:
        for atom in factors(key):
            if atom.dtype.bits > wide.bits:
                wide = atom.dtype
    out = _sum(an, form, wide)
    return out if wide is dtype else cast(out, dtype)


def _number(value: int, dtype: DType) -> IntImm:
    return IntImm(dtype, value if dtype.min <= value <= dtype.max else wrap(value, dtype))


def _sum(an: Analyzer, form: Linear, dtype: DType) -> Expr:
    terms, const = form.terms, form.const
    keys = list(terms)
    if not keys:
        return _number(const, dtype)
    if len(keys) > 1:
        if any(type(key) is tuple for key in keys):
            common = _common_factor(an, keys)
            if common is not None:
                return _factored(an, form, common, dtype)
        keys.sort(key=an.context.rank_of)
    first = next((key for key in keys if terms[key] > 0), None)
    if first is not None:
        keys.remove(first)
        out = _term(an, first, terms[first], dtype)
    elif const > 0 or dtype.is_uint:
        out, const = _number(const, dtype), 0
    else:
        first = keys.pop(0)
        out = _term(an, first, terms[first], dtype)
    for key in keys:
        coef = terms[key]
        out = Add(out, _term(an, key, coef, dtype)) if coef > 0 else Sub(out, _term(an, key, -coef, dtype))
    return _plus(out, const, dtype)


def _plus(out: Expr, const: int, dtype: DType) -> Expr:
    if const == 0:
        return out
    return Sub(out, _number(-const, dtype)) if const < 0 else Add(out, _number(const, dtype))


def _term(an: Analyzer, key: Monomial, coef: int, dtype: DType) -> Expr:
    first, *others = an.context.written.get(key) or factors(key)
    out = cast(first, dtype)
    for atom in others:
        out = Mul(out, cast(atom, dtype))
    return out if coef == 1 else Mul(out, _number(coef, dtype))


def _common_factor(an: Analyzer, keys: list[Monomial]) -> Expr | None:
    """The atom that occurs in most terms, two at least; the latest of equals."""
    counts: dict[Expr, int] = {}
    for key in keys:
        for atom in dict.fromkeys(factors(key)):
            counts[atom] = counts.get(atom, 0) + 1
    rank = an.context.rank
    best = max(counts, key=lambda atom: (counts[atom], rank(atom)))
    return best if counts[best] > 1 else None


def _factored(an: Analyzer, form: Linear, common: Expr, dtype: DType) -> Expr:
    quotient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    count = 0
    for key, coef in form.terms.items():
        atoms = factors(key)
        place = next((i for i, atom in enumerate(atoms) if atom is common), None)
        if place is None:
            rest[key] = coef
        elif len(atoms) == 1:
            count = coef
        else:
            quotient[monomial(atoms[:place] + atoms[place + 1 :])] = coef
    product = Mul(_sum(an, Linear(quotient, count), dtype), cast(common, dtype))
    if not rest:
        return _plus(product, form.const, dtype)
    remaining = Linear(rest, form.const)
    # `n*4 - i` rather than `n*4 + i*-1`.
    if all(coef < 0 for coef in rest.values()) and form.const <= 0:
        return Sub(product, _sum(an, remaining.scale(-1), dtype))
    return Add(product, _sum(an, remaining, dtype))
