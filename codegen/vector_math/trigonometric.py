"""sin, cos, tan, and asin, acos, atan, atan2: by reduction to an eighth of a turn, and polynomials there."""

from __future__ import annotations

import math

from ...tir import op
from ...tir.expr import Add, Div, Expr, Mul, Select, Sub
from .kit import Kit

# pi/2 as a sum: with fused multiply-add in numbers of the type, otherwise the first ones of few digits.
HALF_PI = {
    (32, True): (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    (64, True): (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
    (32, False): (1.5703125, 0.0004837512969970703, 7.549533620476723e-08, 2.5633440682570896e-12),
    (64, False): (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21),
}

# Up to here reduction loses less than half a digit; it includes everything a program computes with in earnest.
LIMIT = {32: 30000.0, 64: 30000000.0}

# (sin(x) - x) / x^3, (cos(x) - 1 + x^2 / 2) / x^4 and (tan(x) - x) / x^3, in x^2, on |x| <= pi/4.
SIN = {
    32: (-0.1666666716337204, 0.008333329111337662, -0.0001983930415008217, 2.718046516747563e-06),
    64: (
        -0.16666666666666666, 0.008333333333333323, -0.0001984126984125465, 2.755731921398513e-06,
        -2.505210486076689e-08, 1.6058360438716493e-10, -7.57840320691672e-13,
    ),
}  # fmt: skip
COS = {
    32: (0.04166664555668831, -0.0013887309469282627, 2.443239645799622e-05),
    64: (
        0.041666666666666664, -0.0013888888888888872, 2.4801587301570385e-05, -2.755731921492806e-07,
        2.0876754270934425e-09, -1.1470283009801999e-11, 4.7376679534536435e-14,
    ),
}  # fmt: skip
TAN = (
    0.33333349227905273, 0.13332653045654297, 0.05406106635928154, 0.021276060491800308, 0.010852181352674961,
    6.819335976615548e-05, 0.004387084860354662,
)  # fmt: skip

# (asin(x) - x) / x^3 in x^2 on |x| <= 1/2, and (atan(x) - x) / x^3 in x^2 on |x| <= 1.
ASIN = (0.16666752099990845, 0.07495297491550446, 0.04547037556767464, 0.024179501459002495, 0.0421663373708725)
ATAN = (
    -0.33333298563957214, 0.19998548924922943, -0.14264243841171265, 0.10952192544937134, -0.08403467386960983,
    0.05795785412192345, -0.031178081408143044, 0.010914720594882965, -0.0017936454387381673,
)  # fmt: skip


def within_limit(m: Kit, x: Expr) -> Expr:
    """Whether every lane is small enough for the reduction here, a scalar."""
    magnitude = m.abs(x)
    greatest = magnitude if m.lanes == 1 else op.call("vector_reduce_max", magnitude)
    return greatest <= op.const(LIMIT[m.bits], m.type.element)


def _reduced(m: Kit, x: Expr) -> tuple[Expr, Expr]:
    """(r, k) with x = r + k * pi/2, |r| <= pi/4."""
    n, k = m.nearest(x, 2 / math.pi)
    r = x
    for part in HALF_PI[m.bits, m.fma]:
        r = m.mad(n, m.f(-part), r)
    return m.let(r, "r"), k


def _sin_cos(m: Kit, r: Expr) -> tuple[Expr, Expr]:
    z = m.let(Mul(r, r), "z")
    sine = m.let(m.mad(Mul(r, z), m.horner(z, SIN[m.bits]), r), "sine")
    half = m.let(Mul(z, m.f(0.5)))
    lead = m.let(Sub(m.f(1.0), half))
    lost = Sub(Sub(m.f(1.0), lead), half)
    cosine = m.let(Add(lead, m.mad(Mul(z, z), m.horner(z, COS[m.bits]), lost)), "cosine")
    return sine, cosine


def _turned(m: Kit, x: Expr, quarter: int) -> Expr:
    """sin(x + quarter * pi/2)."""
    r, k = _reduced(m, x)
    q = m.let(Add(k, m.i(quarter)) if quarter else k, "q")
    sine, cosine = _sin_cos(m, r)
    odd = op.call("bitwise_and", q, m.i(1)) != m.i(0)
    value = Select(odd, cosine, sine)
    # Bit 1 of the quarter, as the sign.
    flip = op.call("shift_left", op.call("bitwise_and", q, m.i(2)), m.i(m.bits - 2))
    return m.as_float(op.call("bitwise_xor", m.as_int(value), flip))


def sin(m: Kit, x: Expr) -> Expr:
    # The reduction of -0 gives +0.
    return Select(x == m.f(0.0), x, _turned(m, x, 0))


def cos(m: Kit, x: Expr) -> Expr:
    return _turned(m, x, 1)


def tan(m: Kit, x: Expr) -> Expr:
    d = m.double()
    r, k = _reduced(d, d.let(d.cast(x)))
    z = d.let(Mul(r, r), "z")
    t = d.let(d.mad(Mul(r, z), d.horner(z, TAN), r), "tangent")
    odd = op.call("bitwise_and", k, d.i(1)) != d.i(0)
    return Select(x == m.f(0.0), x, m.cast(Select(odd, Div(d.f(-1.0), t), t)))


def _asin_small(m: Kit, x: Expr) -> Expr:
    z = m.let(Mul(x, x))
    return m.mad(Mul(x, z), m.horner(z, ASIN), x)


def asin(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    # Above 1/2 by asin(a) = pi/2 - 2 asin(s), s = sqrt((1 - a) / 2); s in two parts, f of few digits and c.
    large = m.let(a > m.f(0.5), "large")
    z = m.let(Select(large, Mul(Sub(m.f(1.0), a), m.f(0.5)), Mul(a, a)), "z")
    s = m.let(Select(large, m.call("sqrt", z), a), "s")
    rest = m.let(Mul(Mul(s, z), m.horner(z, ASIN)), "rest")
    f = m.let(m.as_float(op.call("bitwise_and", m.as_int(s), m.i(-0x1000))), "f")
    c = Select(s > m.f(0.0), Div(Sub(z, Mul(f, f)), Add(s, f)), m.f(0.0))
    p = Add(Add(rest, rest), m.let(Add(m.let(Add(c, c)), m.f(4.371139000186241e-08))))
    quarter = m.f(math.pi / 4)
    reflected = Sub(quarter, Sub(p, Sub(quarter, Add(f, f))))
    return m.with_sign(Select(large, reflected, Add(s, rest)), x)


def acos(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    large = m.let(a > m.f(0.5), "large")
    root = m.call("sqrt", Mul(Sub(m.f(1.0), a), m.f(0.5)))
    y = m.let(_asin_small(m, m.let(Select(large, root, a))))
    double = m.let(Add(y, y))
    near = Select(x > m.f(0.0), double, Sub(m.f(math.pi), double))
    high, low = m.f(math.pi / 2), m.f(-4.371139000186241e-08)
    return Select(large, near, Sub(high, Sub(m.with_sign(y, x), low)))


def _atan_unit(m: Kit, x: Expr) -> Expr:
    z = m.let(Mul(x, x))
    return m.let(m.mad(Mul(x, z), m.horner(z, ATAN), x))


def atan(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    large = m.let(a > m.f(1.0), "large")
    y = _atan_unit(m, m.let(Select(large, Div(m.f(1.0), a), a)))
    return m.with_sign(Select(large, Sub(m.f(math.pi / 2), y), y), x)


def atan2(m: Kit, y: Expr, x: Expr) -> Expr:
    d = m.double()
    a, b = (d.let(d.abs(d.cast(v))) for v in (y, x))
    steep = d.let(a > b, "steep")
    top, bottom = Select(steep, b, a), d.let(Select(steep, a, b))
    same = (a == b) & (a > d.f(0.0))
    ratio = Div(top, Select(bottom == d.f(0.0), d.f(1.0), bottom))
    angle = m.cast(d.let(Select(same, d.f(1.0), ratio)))
    first = d.cast(_atan_unit(m, m.let(angle)))
    first = d.let(Select(steep, Sub(d.f(math.pi / 2), first), first))
    negative = m.as_int(x) < m.i(0)
    whole = Select(negative, Sub(d.f(math.pi), first), first)
    unordered = op.call("isnan", x) | op.call("isnan", y)
    return Select(unordered, m.f(math.nan), m.with_sign(m.cast(whole), y))
