"""erf, pow and hypot of 32-bit floats."""

from __future__ import annotations

import math

from ...tir import op
from ...tir.expr import Add, And, Cast, Div, Expr, Min, Mul, Select, Sub
from .kit import Kit
from .logarithm import split

# erf(x) / x - 1 in x^2 on |x| <= 0.82, log2(erfc(x)) from 0.78 to 3.95, and (2^r - 1) / r on |r| <= 1/2 to 2^-23.
ERF = (
    0.12837916612625122, -0.37612590193748474, 0.11282972991466522, -0.026814086362719536, 0.005072111263871193,
    -0.000644782732706517,
)  # fmt: skip
LOG2_ERFC = (
    -5.9602942201308906e-05, -1.6278529167175293, -0.9175727963447571, -0.15148182213306427, 0.03283742442727089,
    -0.004590711090713739, 0.0003037772548850626,
)  # fmt: skip
COARSE_EXP2 = (
    0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472731307149,
)  # fmt: skip


def erf(m: Kit, x: Expr) -> Expr:
    """Beyond 0.8 by 1 - erfc, where an error of erfc counts a third at most."""
    a = m.let(m.abs(x), "a")
    z = m.let(Mul(a, a))
    small = m.mad(a, m.horner(z, ERF), a)
    # Beyond 3.95 the result rounds to 1, as it does here; NaN stays.
    t = m.let(m.horner(m.let(Min(a, m.f(3.95))), LOG2_ERFC))
    n, k = m.nearest(t, 1.0)
    r = m.let(Sub(t, n), "r")
    power = m.mad(r, m.horner(r, COARSE_EXP2), m.f(1.0))
    large = m.mad(Sub(m.f(-0.0), power), m.power_of_two(k), m.f(1.0))
    return m.with_sign(Select(a < m.f(0.8), small, large), x)


def hypot(m: Kit, x: Expr, y: Expr) -> Expr:
    d = m.double()
    a, b = (d.let(Cast(d.type, v)) for v in (x, y))
    root = m.cast(d.call("sqrt", d.mad(a, a, Mul(b, b))))
    infinite = op.call("isinf", x) | op.call("isinf", y)
    return Select(infinite, m.f(math.inf), root)


# (log2((1 + s) / (1 - s)) - 2 s / ln 2) / s^3 in s^2, to 2^-45, and (2^r - 1) / r, to 2^-34.
LOG2 = (0.961796694058404, 0.5770779529468307, 0.4122084303059621, 0.3199334936705362, 0.28255929509998645)
EXP2 = (
    0.693147180711008, 0.2402265108332491, 0.05550410343421313, 0.009618035138867831, 0.0013333947412621694,
    0.00015467840712046795, 1.5195209007722733e-05,
)  # fmt: skip


def pow_(m: Kit, x: Expr, y: Expr) -> Expr:
    """Through doubles: 2^(y log2 |x|) with twenty more binary digits than the result has."""
    d = m.double()
    a, e = d.let(Cast(d.type, m.abs(x)), "a"), d.let(Cast(d.type, y), "e")
    f, k = split(d, a)
    s = d.let(Div(f, Add(f, d.f(2.0))), "s")
    z = d.let(Mul(s, s), "z")
    logarithm = d.mad(Mul(s, z), d.horner(z, LOG2), d.mad(s, d.f(2 / math.log(2)), k))
    # Beyond 400 the result is 0 or infinite; NaN has gone before.
    t = d.let(Mul(e, logarithm))
    t = d.let(Select(t < d.f(-400.0), d.f(-400.0), Select(t > d.f(400.0), d.f(400.0), t)))
    n, i = d.nearest(t, 1.0)
    r = d.let(Sub(t, n), "r")
    power = Mul(d.mad(r, d.horner(r, EXP2), d.f(1.0)), d.power_of_two(i))
    value = m.let(Cast(m.type, power), "power")
    return powers_special(m, x, y, value)


def powers_special(m: Kit, x: Expr, y: Expr, value: Expr) -> Expr:
    """`value`, |x|^y, with the sign that x gives it, but for the arguments where C says something else."""
    zero, one, inf, nan = m.f(0.0), m.f(1.0), m.f(math.inf), m.f(math.nan)
    whole = m.let(m.call("floor", y) == y, "whole")
    half = m.let(Mul(y, m.f(0.5)))
    odd = m.let(And(whole, m.call("floor", half) != half) & (m.abs(y) < inf), "odd")
    a = m.let(m.abs(x), "magnitude")
    value = Select((x < zero) & ~whole & (a < inf), nan, value)
    grows = m.let((a > one) == (y > zero), "grows")
    limit = Select(grows, inf, zero)
    value = Select(((m.abs(y) == inf) | (a == inf) | (a == zero)), limit, value)
    value = Select((a == one) & (m.abs(y) == inf), one, value)
    value = Select(odd, m.with_sign(value, x), value)
    value = Select(op.call("isnan", x) | op.call("isnan", y), nan, value)
    return Select((x == one) | (y == zero), one, value)
