"""log, log2, log10, log1p, and by the last one asinh, acosh, atanh: exponent plus a series in f / (2 + f)."""

from __future__ import annotations

import math

from ...tir import op
from ...tir.expr import Add, Cast, Div, Expr, Mul, Select, Sub
from .exponential import LN2, LOG10_2
from .kit import Kit

# (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2, for (1 + s) / (1 - s) from sqrt(1/2) to sqrt(2).
LOG = {
    32: (0.6666666269302368, 0.4000033736228943, 0.28537240624427795, 0.235835462808609),
    64: (
        0.6666666666666735, 0.3999999999941111, 0.2857142874325923, 0.2222219847623143, 0.18183569732233623,
        0.15313903316627284, 0.14797508156422653,
    ),
}  # fmt: skip


def split(m: Kit, x: Expr) -> tuple[Expr, Expr]:
    """(f, e) with x = (1 + f) * 2^e, 1 + f from sqrt(1/2) to sqrt(2), e a float; for positive normal x."""
    root = m.i(_SQRT_HALF[m.bits])
    bits = m.as_int(x)
    above = m.let(Sub(bits, root), "above")
    k = m.let(op.call("shift_right", above, m.i(m.mantissa)), "k")
    fraction = m.as_float(Sub(bits, op.call("shift_left", k, m.i(m.mantissa))))
    return m.let(Sub(fraction, m.f(1.0)), "f"), m.let(Cast(m.type, k), "e")


_SQRT_HALF = {32: 0x3F3504F3, 64: 0x3FE6A09E667F3BCD}


def tail(m: Kit, f: Expr) -> tuple[Expr, Expr]:
    """(h, t) with log(1 + f) = f - (h - t), where h = f^2 / 2."""
    s = m.let(Div(f, Add(f, m.f(2.0))), "s")
    z = m.let(Mul(s, s), "z")
    h = m.let(Mul(Mul(m.f(0.5), f), f), "h")
    return h, m.let(Mul(s, m.mad(z, m.horner(z, LOG[m.bits]), h)), "t")


def normal(m: Kit, x: Expr) -> tuple[Expr, Expr]:
    """(y, c): x itself and 0, or, below the normal numbers, x scaled up and the exponent that takes it back."""
    digits = m.mantissa + 2
    tiny = m.let(x < m.f(2.0 ** (1 - m.bias)), "tiny")
    scaled = m.let(Select(tiny, Mul(x, m.f(2.0**digits)), x), "y")
    return scaled, Select(tiny, m.f(float(-digits)), m.f(0.0))


def _ends(m: Kit, x: Expr, value: Expr) -> Expr:
    """`value`, but for 0, negative numbers, infinity and NaN."""
    value = Select(x == m.f(0.0), m.f(-math.inf), value)
    value = Select(x < m.f(0.0), m.f(math.nan), value)
    # Neither infinity nor NaN is below infinity; both are their own logarithm.
    return Select(x < m.f(math.inf), value, x)


def log(m: Kit, x: Expr) -> Expr:
    y, shift = normal(m, x)
    f, e = split(m, y)
    e = m.let(Add(e, shift))
    h, t = tail(m, f)
    high, low = LN2[m.bits]
    value = m.mad(e, m.f(high), Sub(f, Sub(h, m.mad(e, m.f(low), t))))
    return _ends(m, x, value)


def log2(m: Kit, x: Expr) -> Expr:
    return _other_base(m, x, _INVERSE_LN2, None)


def log10(m: Kit, x: Expr) -> Expr:
    return _other_base(m, x, _INVERSE_LN10, LOG10_2)


_INVERSE_LN2 = {
    32: (1.44287109375, -0.00017605244647711515),
    64: (1.4426950407214463, 1.6751713164886512e-10),
}
_INVERSE_LN10 = {
    32: (0.434326171875, -3.168996930122375e-05),
    64: (0.4342944818781689, 2.5082946711645275e-11),
}


def _other_base(
    m: Kit, x: Expr, factor: dict[int, tuple[float, float]], step: dict[int, tuple[float, float]] | None
) -> Expr:
    """The logarithm whose value at e is `factor` and at 2 is `step` (1 for None), each in two parts."""
    y, shift = normal(m, x)
    f, e = split(m, y)
    e = m.let(Add(e, shift))
    h, t = tail(m, f)
    # log(1 + f) in two parts, the first of few digits, times the factor in two parts.
    whole = Sub(f, h)
    keep = m.i(-(1 << (12 if m.bits == 32 else 32)))
    high = m.let(m.as_float(op.call("bitwise_and", m.as_int(m.let(whole)), keep)), "high")
    low = m.let(Add(Sub(Sub(f, high), h), t), "low")
    c, d = factor[m.bits]
    rest = m.mad(Add(low, high), m.f(d), Mul(low, m.f(c)))
    product = m.let(Mul(high, m.f(c)), "product")
    if step is None:
        lead = m.let(Add(e, product))
        value = Add(Add(Sub(e, lead), product), rest)
        return _ends(m, x, Add(lead, value))
    big, small = step[m.bits]
    base = m.let(Mul(e, m.f(big)))
    lead = m.let(Add(base, product))
    value = Add(Add(Sub(base, lead), product), m.mad(e, m.f(small), rest))
    return _ends(m, x, Add(lead, value))


def log1p(m: Kit, x: Expr) -> Expr:
    return log1p_of(m, x, None)


def log1p_of(m: Kit, x: Expr, more: Expr | None) -> Expr:
    """log1p(x + more), for `more` below the last place of x."""
    u = m.let(Add(x, m.f(1.0)), "u")
    near = m.let((x > m.f(-0.29)) & (x < m.f(0.41)), "near")
    # Of huge x nothing is lost by adding 1; elsewhere u's rounding error comes back divided by u.
    lost: Expr = Select(x > m.f(1.0), Sub(m.f(1.0), Sub(u, x)), Sub(x, Sub(u, m.f(1.0))))
    if more is not None:
        lost = Add(lost, more)
    f, e = split(m, u)
    f = m.let(Select(near, x, f), "f")
    e = m.let(Select(near, m.f(0.0), e), "e")
    beside = m.f(0.0) if more is None else Div(more, u)
    correction = m.let(Select(near, beside, Div(lost, u)))
    h, t = tail(m, f)
    high, low = LN2[m.bits]
    value = m.mad(e, m.f(high), Sub(f, Sub(h, m.mad(e, m.f(low), Add(t, correction)))))
    value = Select(x == m.f(-1.0), m.f(-math.inf), value)
    value = Select(x < m.f(-1.0), m.f(math.nan), value)
    value = Select(x == m.f(0.0), x, value)
    return Select(x < m.f(math.inf), value, x)


def asinh(m: Kit, x: Expr) -> Expr:
    d = m.double()
    a = d.let(d.abs(Cast(d.type, x)), "a")
    root = d.call("sqrt", Add(Mul(a, a), d.f(1.0)))
    value = log1p(d, d.let(Add(a, Div(Mul(a, a), Add(root, d.f(1.0))))))
    return Select(m.abs(x) < m.f(math.inf), m.with_sign(Cast(m.type, value), x), x)


def acosh(m: Kit, x: Expr) -> Expr:
    d = m.double()
    t = d.let(Sub(Cast(d.type, x), d.f(1.0)))
    value = log1p(d, d.let(Add(t, d.call("sqrt", Mul(t, Add(t, d.f(2.0)))))))
    return Select(x < m.f(1.0), m.f(math.nan), Cast(m.type, value))


def atanh(m: Kit, x: Expr) -> Expr:
    d = m.double()
    a = d.let(d.abs(Cast(d.type, x)), "a")
    value = log1p(d, d.let(Div(Mul(a, d.f(2.0)), Sub(d.f(1.0), a))))
    return m.with_sign(Cast(m.type, Mul(value, d.f(0.5))), x)
