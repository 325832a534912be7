"""erf, pow and hypot of 32-bit floats."""

from __future__ import annotations

import math

from ...tir import op
from ...tir.expr import Add, And, Cast, Div, Expr, Mul, Select, Sub
from .exponential import exp
from .kit import Kit
from .logarithm import split

# erf(x) / x - 1 in x^2 on |x| <= 1, and log(erfc(x)) from 0.9 to 3.95.
ERF = (
    0.12837916612625122, -0.3761262595653534, 0.1128358542919159, -0.026853812858462334, 0.005188327748328447,
    -0.0008010191959328949, 7.853852002881467e-05,
)  # fmt: skip
LOG_ERFC = (
    0.0001799229794414714, -1.129539966583252, -0.6332964897155762, -0.10833537578582764, 0.025155045092105865,
    -0.0041845450177788734, 0.00043723732233047485, -2.133447560481727e-05,
)  # fmt: skip


def erf(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    z = m.let(Mul(a, a))
    small = m.mad(a, m.horner(z, ERF), a)
    # Beyond 3.95 the result rounds to 1, as it does here.
    y = m.let(Select(a < m.f(3.95), a, Select(a >= m.f(3.95), m.f(3.95), a)))
    large = Sub(m.f(1.0), exp(m, m.let(m.horner(y, LOG_ERFC))))
    return m.with_sign(Select(a < m.f(0.95), small, large), x)


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
    return _special(m, x, y, value)


def _special(m: Kit, x: Expr, y: Expr, value: Expr) -> Expr:
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
