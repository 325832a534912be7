"""Modular sets: integers c and b such that an expression is b modulo c, found on its form."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

from ..expr import Expr, FloorDiv, FloorMod, IntImm, Max, Min, Select
from .linear import Linear, factors

if TYPE_CHECKING:
    from .analyzer import Analyzer

Residue = tuple[int, int]


class ModularSet(NamedTuple):
    """The integers `coeff * k + base`; `coeff` 0 means `base` alone, 1 says nothing."""

    coeff: int
    base: int


ANY: Residue = (1, 0)


def reduced(coeff: int, base: int) -> Residue:
    """The set with its base brought below the modulus."""
    return (coeff, base % coeff) if coeff else (0, base)


def modulus_of(an: Analyzer, form: Linear) -> Residue:
    """The modular set of a form."""
    coeff, base = 0, form.const
    for key, coef in form.terms.items():
        term_coeff, term_base = _product(an, factors(key))
        coeff = gcd(coeff, coef * term_coeff)
        base += coef * term_base
        if coeff == 1:
            break
    found = reduced(coeff, base)
    if an.context.sum_residues and len(form.terms) > 1:
        content = form.content()
        known = an.context.sum_residues.get(frozenset((key, coef // content) for key, coef in form.terms.items()))
        if known is not None:
            found = meet(found, reduced(known[0] * content, known[1] * content + form.const))
    return found


def _product(an: Analyzer, atoms: tuple[Expr, ...]) -> Residue:
    coeff, base = 0, 1
    for atom in atoms:
        c, b = modulus_of_atom(an, atom)
        coeff, base = gcd(coeff * c, coeff * b, base * c), base * b
    return reduced(coeff, base)


def modulus_of_atom(an: Analyzer, e: Expr) -> Residue:
    """The modular set of an atom."""
    memo = an.context.moduli
    out = memo.get(e)
    if out is None:
        out = an.context.residues.get(e)
        if out is None:
            rule = _ATOMS.get(type(e))
            out = rule(an, e) if rule is not None else ANY
        memo[e] = out
    return out


def union(a: Residue, b: Residue) -> Residue:
    """The least modular set that holds two."""
    return reduced(gcd(a[0], b[0], a[1] - b[1]), a[1])


def meet(a: Residue, b: Residue) -> Residue:
    """A modular set that holds what is in both: the Chinese remainder theorem, where both are consistent."""
    (m, x), (n, y) = a, b
    if m == 0 or n == 0:
        return a if m == 0 else b
    common = gcd(m, n)
    if (y - x) % common:
        return a
    step = (y - x) // common * pow(m // common, -1, n // common) if n != common else 0
    return reduced(m // common * n, x + m * step)


def _floor_div(an: Analyzer, e: FloorDiv) -> Residue:
    if type(e.b) is not IntImm or e.b.value == 0:
        return ANY
    coeff, base = an.modulus_of(an.normal(e.a))
    divisor = e.b.value
    return reduced(abs(coeff // divisor), base // divisor) if coeff % divisor == 0 else ANY


def _floor_mod(an: Analyzer, e: FloorMod) -> Residue:
    (coeff, base), (divisor, offset) = an.modulus_of(an.normal(e.a)), an.modulus_of(an.normal(e.b))
    return reduced(gcd(coeff, divisor, offset), base)


def _either(an: Analyzer, a: Expr, b: Expr) -> Residue:
    return union(an.modulus_of(an.normal(a)), an.modulus_of(an.normal(b)))


_ATOMS: dict[type, Callable[[Analyzer, Any], Residue]] = {
    IntImm: lambda an, e: (0, e.value),
    FloorDiv: _floor_div,
    FloorMod: _floor_mod,
    Min: lambda an, e: _either(an, e.a, e.b),
    Max: lambda an, e: _either(an, e.a, e.b),
    Select: lambda an, e: _either(an, e.true_value, e.false_value),
}
