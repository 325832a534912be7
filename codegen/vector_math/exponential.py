"""exp, exp2, exp10, expm1, sigmoid, sinh, cosh, tanh: by a power of two times a polynomial on half an octave.

The polynomials here and in the other files are minimax approximations by Remez's exchange algorithm, of the function
less the terms that are written out, with respect to the relative error of the function; coefficients are rounded to
the type.
"""

from __future__ import annotations

import math

from ...tir import op
from ...tir.expr import Add, Div, Expr, Max, Min, Mul, Not, Select, Sub
from .kit import Kit

# ln(2) and log10(2) as a number of few digits, whose product with an exponent is exact, and the rest.
LN2 = {32: (0.693145751953125, 1.428606765330187e-06), 64: (0.6931471803691238, 1.9082149292705877e-10)}
LOG10_2 = {32: (0.301025390625, 4.605039066518657e-06), 64: (0.3010299955494702, 1.1451100898021838e-10)}

# (e^r - 1 - r) / r^2 on |r| <= ln(2)/2.
EXP = {
    32: (0.4999999403953552, 0.16666515171527863, 0.04166845604777336, 0.008369418792426586, 0.0013813178520649672),
    64: (
        0.5, 0.16666666666666685, 0.04166666666666603, 0.008333333333315705, 0.001388888888913423,
        0.0001984126989972544, 2.4801586903760158e-05, 2.755723148326537e-06, 2.755759245050499e-07,
        2.5113226021645914e-08, 2.0825613430536548e-09,
    ),
}  # fmt: skip

# (2^r - 1) / r on |r| <= 1/2.
EXP2 = {
    32: (
        0.6931471824645996, 0.24022647738456726, 0.05550330504775047, 0.009618451818823814, 0.0013399868039414287,
        0.00015351518231909722,
    ),
    64: (
        0.6931471805599453, 0.24022650695910072, 0.055504108664821694, 0.009618129107628317, 0.001333355814639069,
        0.0001540353039365955, 1.5252733856618022e-05, 1.3215486583568085e-06, 1.0178050851109073e-07,
        7.05497714628177e-09, 4.4567524898706817e-10, 2.5623852441308474e-11,
    ),
}  # fmt: skip

# (10^r - 1) / r on |r| <= log10(2)/2.
EXP10 = {
    32: (
        2.3025851249694824, 2.6509487628936768, 2.0346498489379883, 1.1712946891784668, 0.5420395731925964,
        0.20627659559249878,
    ),
    64: (
        2.302585092994046, 2.650949055239199, 2.03467859229348, 1.1712551489122482, 0.539382929194128,
        0.20699584870052223, 0.06808936530225429, 0.019597694322902478, 0.005013911794118135, 0.001154510512723622,
        0.0002422721095676638, 4.627146849133893e-05,
    ),
}  # fmt: skip

# (sinh(x) - x) / x^3 in x^2, on |x| <= 1.
SINH = (0.1666666716337204, 0.008333349600434303, 0.0001983615948120132, 2.8169517918286147e-06)

# (tanh(x) - x) / x^3 in x^2, on |x| <= 0.7.
TANH = (
    -0.33333325386047363, 0.133329838514328, -0.05392094701528549, 0.02157103456556797, -0.007883265614509583,
    0.001895637484267354,
)  # fmt: skip


def scaled(m: Kit, p: Expr, k: Expr) -> Expr:
    """`p * 2^k` rounded once, for k from -2 to 2 times the bias: the power in two factors, which are normal numbers."""
    half = m.let(op.call("shift_right", k, m.i(1)))
    return Mul(Mul(p, m.power_of_two(half)), m.power_of_two(Sub(k, half)))


def clamped(m: Kit, x: Expr, low: float, high: float) -> Expr:
    """`x` kept between two bounds beyond which the result is 0 or an infinity; NaN stays."""
    return m.let(Min(Max(x, m.f(low)), m.f(high)))


def _reduced(m: Kit, x: Expr) -> tuple[Expr, Expr]:
    """(r, k) with x = r + k * ln(2), |r| <= ln(2)/2."""
    high, low = LN2[m.bits]
    n, k = m.nearest(x, 1 / math.log(2))
    return m.let(m.mad(n, m.f(-low), m.mad(n, m.f(-high), x)), "r"), k


def _exp_parts(m: Kit, x: Expr) -> tuple[Expr, Expr]:
    """(p, k) with e^x = (1 + p) * 2^k."""
    r, k = _reduced(m, x)
    return m.let(m.mad(Mul(r, r), m.horner(r, EXP[m.bits]), r), "p"), k


_EXP_RANGE = {32: (-104.0, 89.0), 64: (-746.0, 710.0)}


def exp(m: Kit, x: Expr) -> Expr:
    p, k = _exp_parts(m, clamped(m, x, *_EXP_RANGE[m.bits]))
    return scaled(m, Add(p, m.f(1.0)), k)


def exp2(m: Kit, x: Expr) -> Expr:
    x = clamped(m, x, *{32: (-151.0, 129.0), 64: (-1076.0, 1025.0)}[m.bits])
    n, k = m.nearest(x, 1.0)
    r = m.let(Sub(x, n), "r")
    return scaled(m, m.mad(r, m.horner(r, EXP2[m.bits]), m.f(1.0)), k)


def exp10(m: Kit, x: Expr) -> Expr:
    x = clamped(m, x, *{32: (-46.0, 39.0), 64: (-325.0, 309.0)}[m.bits])
    n, k = m.nearest(x, math.log2(10))
    high, low = LOG10_2[m.bits]
    r = m.let(m.mad(n, m.f(-low), m.mad(n, m.f(-high), x)), "r")
    return scaled(m, m.mad(r, m.horner(r, EXP10[m.bits]), m.f(1.0)), k)


def expm1(m: Kit, x: Expr) -> Expr:
    x = clamped(m, x, *{32: (-18.0, 89.0), 64: (-38.0, 710.0)}[m.bits])
    p, k = _exp_parts(m, x)
    # 2^k (1 + p) - 1, with half the power: 2^k itself may be beyond the greatest number.
    t = m.let(m.power_of_two(Sub(k, m.i(1))))
    half = m.mad(p, t, Sub(t, m.f(0.5)))
    # Adding the half to itself keeps a zero's sign, as far as p has it.
    return m.choose(x == m.f(0.0), x, Add(half, half))


def sigmoid(m: Kit, x: Expr) -> Expr:
    low, high, shift = {32: (-20.0, 104.0, 32), 64: (-40.0, 746.0, 64)}[m.bits]
    # 1 / (1 + 2^k (1 + p)), numerator and denominator scaled so that the denominator is a normal number.
    p, k = _exp_parts(m, clamped(m, Sub(m.f(0.0), x), low, high))
    power, one = m.let(m.power_of_two(Sub(k, m.i(shift)))), m.f(2.0**-shift)
    return Div(one, Add(Max(power, one), m.mad(p, power, Min(power, one))))


def half_exp(m: Kit, x: Expr) -> Expr:
    """e^x / 2, also where e^x is beyond the greatest number."""
    p, k = _exp_parts(m, x)
    return m.let(scaled(m, Add(p, m.f(1.0)), m.let(Sub(k, m.i(1)))))


def sinh(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x))
    e = half_exp(m, clamped(m, a, 0.0, 92.0))
    large = Sub(e, Div(m.f(0.25), e))
    z = m.let(Mul(a, a))
    small = m.mad(Mul(a, z), m.horner(z, SINH), a)
    return m.with_sign(m.choose(a < m.f(1.0), small, large), x)


def cosh(m: Kit, x: Expr) -> Expr:
    e = half_exp(m, clamped(m, m.abs(x), 0.0, 92.0))
    return Add(e, Div(m.f(0.25), e))


def tanh(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x))
    if m.bits == 64:
        # t / (t + 2), corrected by what the quotient and the sum have lost.
        t = m.let(expm1(m, m.let(Mul(Min(a, m.f(20.0)), m.f(2.0)))))
        d = m.let(Add(t, m.f(2.0)))
        inverse = m.let(Div(m.f(1.0), d))
        q = m.let(Mul(t, inverse))
        lost = Add(m.mad(Sub(m.f(0.0), q), d, t), Mul(q, Sub(Sub(d, m.f(2.0)), t)))
        return m.with_sign(m.mad(lost, inverse, q), x)
    e = exp(m, m.let(Mul(Min(a, m.f(10.0)), m.f(2.0))))
    large = Sub(m.f(1.0), Div(m.f(2.0), Add(e, m.f(1.0))))
    z = m.let(Mul(a, a))
    small = m.mad(Mul(a, z), m.horner(z, TANH), a)
    return m.with_sign(Select(Not(a < m.f(0.65)), large, small), x)
