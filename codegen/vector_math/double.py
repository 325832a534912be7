"""Functions of 64-bit floats that need values in two parts: inverse and hyperbolic functions, tan, erf, hypot, pow.

A value in two parts is their unevaluated sum, the second below the last place of the first. Fused multiply-add gives
the error of a product or quotient exactly, so these rules are for targets that have it. Polynomials interpolate at
Chebyshev's nodes, which comes within a factor of 1.5 of the best ones.
"""

from __future__ import annotations

import math

from ...tir import op
from ...tir.expr import Add, And, Div, Expr, Max, Min, Mul, Not, Or, Select, Sub
from .exponential import EXP2, clamped, exp, half_exp, scaled
from .kit import Kit
from .logarithm import log1p_of, normal, split
from .special import powers_special
from .trigonometric import COS, HALF_PI, SIN

Pair = tuple[Expr, Expr]

# (sinh(x) - x) / x^3 on |x| <= 1, (asin(x) - x) / x^3 on |x| <= 1/2, (atan(x) - x) / x^3 on |x| <= tan(pi/8) and
# erf(x) / x - 1 on |x| <= 1, in x^2.
SINH = (
    0.16666666666666666, 0.008333333333333333, 0.00019841269841269773, 2.755731922404034e-06, 2.505210836405804e-08,
    1.6059048396350562e-10, 7.646625361656657e-13, 2.8445264169895285e-15,
)  # fmt: skip
ASIN = (
    0.16666666666666669, 0.07499999999998433, 0.04464285714635543, 0.030381944138531247, 0.02237217294214989,
    0.017352392720869973, 0.013971212973552933, 0.011479177415184906, 0.01032281435018578, 0.005457506718640358,
    0.01740087944269402, -0.014851887071247204, 0.028757851367421566,
)  # fmt: skip
ATAN = (
    -0.3333333333333333, 0.19999999999999804, -0.14285714285659828, 0.11111111105155447, -0.09090908753500877,
    0.07692296375032143, -0.06666424885738255, 0.05878928997834775, -0.05230454270650244, 0.04551593220626549,
    -0.034570561981427744, 0.016285756855221028,
)  # fmt: skip
ERF = (
    0.1283791670955126, -0.37612638903183754, 0.1128379167095512, -0.02686617064512984, 0.0052239776254232985,
    -0.000854832702193483, 0.00012055332902888736, -1.4925647567519332e-05, 1.6462045441468418e-06,
    -1.6364642158167616e-07, 1.4792401209404813e-08, -1.216456005728345e-09, 8.709045129053106e-11,
    -4.230945824295338e-12,
)  # fmt: skip

# e^(x^2) erfc(x) in (x - 3) / (x + 3), from 1 to 6.
SCALED_ERFC = (
    0.17900115118138996, -0.3262335600430372, 0.24560380171233487, -0.15011593650077898, 0.07166583719747308,
    -0.024392499318915004, 0.004269136356961225, 0.0007077464666941425, -0.0005970624964924544, 4.525434558991009e-05,
    6.406279226046039e-05, -1.2845780030775907e-05, -8.00978093907608e-06, 2.0135111426447427e-06,
    1.2755818949624478e-06, 3.381355142042904e-09,
)  # fmt: skip

# (log((1 + s) / (1 - s)) - 2 s - 2 s^3 / 3) / s^5 in s^2, for (1 + s) / (1 - s) from sqrt(1/2) to sqrt(2).
LOG = (
    0.40000000000000024, 0.2857142857133856, 0.2222222227107745, 0.18181808251607398, 0.1538557450045883,
    0.13285967273890614, 0.1291349606680315,
)  # fmt: skip

PI_LOW = 1.2246467991473532e-16
"""What pi is above `math.pi`."""
LOG2_E = (1.4426950408889634, 2.0355273740931033e-17)
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def _negative(m: Kit, x: Expr) -> Expr:
    return Sub(m.f(-0.0), x)


def _sum(m: Kit, a: Expr, b: Expr) -> Pair:
    """`a + b` in two parts, for `a` not smaller in magnitude."""
    s = m.let(Add(a, b), "s")
    return s, m.let(Add(Sub(a, s), b))


def _product(m: Kit, a: Expr, b: Expr) -> Pair:
    p = m.let(Mul(a, b), "p")
    return p, m.let(m.mad(a, b, _negative(m, p)))


def _quotient(m: Kit, n: Pair, d: Pair) -> Pair:
    """n / d, right to some hundred digits in the first part's place, for pairs."""
    q = m.let(Div(n[0], d[0]), "q")
    rest = Sub(Add(m.mad(_negative(m, q), d[0], n[0]), n[1]), Mul(q, d[1]))
    return q, m.let(Div(rest, d[0]))


def _times(m: Kit, a: Pair, b: Pair) -> Pair:
    p, e = _product(m, a[0], b[0])
    return _sum(m, p, m.mad(a[0], b[1], m.mad(a[1], b[0], e)))


def _plus(m: Kit, a: Pair, b: Pair) -> Pair:
    """a + b for pairs, `a` not smaller in magnitude."""
    s, e = _sum(m, a[0], b[0])
    return _sum(m, s, Add(Add(a[1], b[1]), e))


def _zero(m: Kit) -> Expr:
    return m.f(0.0)


def sinh(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    e = half_exp(m, clamped(m, a, 0.0, 712.0))
    large = Sub(e, Div(m.f(0.25), e))
    z = m.let(Mul(a, a))
    small = m.mad(Mul(a, z), m.horner(z, SINH), a)
    return m.with_sign(Select(a < m.f(1.0), small, large), x)


def cosh(m: Kit, x: Expr) -> Expr:
    e = half_exp(m, clamped(m, m.abs(x), 0.0, 712.0))
    return Add(e, Div(m.f(0.25), e))


# From here on adding 1 changes nothing, and a square is still a number.
_HUGE = 2.0**60


def asinh(m: Kit, x: Expr) -> Expr:
    """log(a + sqrt(a^2 + 1)) as log1p(a + a^2 / (1 + sqrt(a^2 + 1)))."""
    a = m.let(m.abs(x), "a")
    huge = m.let(a > m.f(_HUGE), "huge")
    b = m.let(Select(huge, m.f(1.0), a), "b")
    square = m.let(Mul(b, b))
    more = Div(square, Add(m.f(1.0), m.call("sqrt", Add(square, m.f(1.0)))))
    t, rest = _sum(m, b, m.let(more))
    value = log1p_of(m, m.let(Select(huge, a, t)), m.let(Select(huge, _zero(m), rest)))
    value = Add(value, Select(huge, m.f(math.log(2)), _zero(m)))
    return Select(a < m.f(2.0**-30), x, m.with_sign(value, x))


def acosh(m: Kit, x: Expr) -> Expr:
    """log1p(t + sqrt(t^2 + 2 t)), t = x - 1."""
    huge = m.let(x > m.f(_HUGE), "huge")
    t = m.let(Sub(Select(huge, m.f(2.0), x), m.f(1.0)), "t")
    twice = m.let(Add(t, t))
    p = m.let(m.mad(t, t, twice), "p")
    # For t above 2 the square is the greater part of p.
    square = m.let(Mul(t, t))
    lost = m.mad(t, t, _negative(m, square))
    wide = Add(Add(Sub(square, p), twice), lost)
    p_low = m.let(Select(t > m.f(2.0), wide, m.mad(t, t, Sub(twice, p))))
    root = m.let(m.call("sqrt", p), "root")
    rest = Add(m.mad(_negative(m, root), root, p), p_low)
    root_low = Select(root > _zero(m), Div(rest, Add(root, root)), _zero(m))
    s, low = _sum(m, root, t)
    swapped = m.let(Add(Sub(t, s), root))
    low = m.let(Add(Select(t > root, swapped, low), root_low))
    value = log1p_of(m, m.let(Select(huge, x, s)), m.let(Select(huge, _zero(m), low)))
    value = Add(value, Select(huge, m.f(math.log(2)), _zero(m)))
    return Select(x < m.f(1.0), m.f(math.nan), value)


def atanh(m: Kit, x: Expr) -> Expr:
    """log1p(2 a / (1 - a)) / 2."""
    a = m.let(m.abs(x), "a")
    inside = m.let(Select(a < m.f(1.0), a, m.f(0.5)))
    q, rest = _quotient(m, (m.let(Add(inside, inside)), _zero(m)), _sum(m, m.f(1.0), _negative(m, inside)))
    value: Expr = Mul(log1p_of(m, q, rest), m.f(0.5))
    value = Select(a == m.f(1.0), m.f(math.inf), Select(a > m.f(1.0), m.f(math.nan), value))
    value = Select(op.call("isnan", x), x, value)
    return Select(a < m.f(2.0**-30), x, m.with_sign(value, x))


def tan(m: Kit, x: Expr) -> Expr:
    """The quotient of sine and cosine in two parts each."""
    n, k = m.nearest(x, 2 / math.pi)
    r = x
    *parts, last = HALF_PI[64, True]
    for part in parts:
        r = m.let(m.mad(n, m.f(-part), r))
    # What the last step but one rounds is found again; of the last one only the sum counts.
    r, r_low = _sum(m, r, m.let(Mul(n, m.f(-last))))
    z, z_low = _product(m, r, r)
    s, s_low = _sum(m, r, m.let(Mul(Mul(r, z), m.horner(z, SIN[64]))))
    half = m.let(Mul(z, m.f(0.5)))
    c, c_low = _sum(m, m.f(1.0), _negative(m, half))
    c, c_lower = _sum(m, c, m.let(Mul(Mul(z, z), m.horner(z, COS[64]))))
    sine = s, m.let(Add(s_low, r_low))
    cosine = c, m.let(Sub(Add(c_low, c_lower), m.mad(r, r_low, Mul(z_low, m.f(0.5)))))
    odd = m.let(op.call("bitwise_and", k, m.i(1)) != m.i(0), "odd")
    top = tuple(m.let(Select(odd, b, a)) for a, b in zip(sine, cosine))
    bottom = tuple(m.let(Select(odd, a, b)) for a, b in zip(sine, cosine))
    q, rest = _quotient(m, (top[0], top[1]), (bottom[0], bottom[1]))
    value = m.let(Add(q, rest))
    return Select(x == _zero(m), x, Select(odd, _negative(m, value), value))


def _arc(m: Kit, s: Expr, z: Expr) -> Expr:
    """asin(s) - s, for z = s^2 up to 1/4."""
    return m.let(Mul(Mul(s, z), m.horner(z, ASIN)))


def _half_angle(m: Kit, a: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """(large, s, s_low, arc): whether a > 1/2; then s = sqrt((1 - a) / 2) in two parts, else a; and asin(s) - s."""
    large = m.let(a > m.f(0.5), "large")
    z = m.let(Select(large, Mul(Sub(m.f(1.0), a), m.f(0.5)), Mul(a, a)), "z")
    s = m.let(Select(large, m.call("sqrt", z), a), "s")
    rest = Div(m.mad(_negative(m, s), s, z), Add(s, s))
    return large, s, m.let(Select(And(large, s > _zero(m)), rest, _zero(m))), _arc(m, s, z)


def asin(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    large, s, s_low, arc = _half_angle(m, a)
    w, w_low = _sum(m, m.f(math.pi / 2), m.let(Mul(s, m.f(-2.0))))
    reflected = Add(w, Add(w_low, Sub(m.f(PI_LOW / 2), Mul(Add(s_low, arc), m.f(2.0)))))
    return m.with_sign(Select(large, reflected, Add(s, arc)), x)


def acos(m: Kit, x: Expr) -> Expr:
    large, s, s_low, arc = _half_angle(m, m.let(m.abs(x), "a"))
    more = m.let(Add(s_low, arc))
    near = Mul(Add(s, more), m.f(2.0))
    w, w_low = _sum(m, m.f(math.pi), m.let(Mul(s, m.f(-2.0))))
    far = Add(w, Add(w_low, Sub(m.f(PI_LOW), Mul(more, m.f(2.0)))))
    v, v_low = _sum(m, m.f(math.pi / 2), _negative(m, x))
    small = Add(v, Add(v_low, Sub(m.f(PI_LOW / 2), m.with_sign(arc, x))))
    return Select(large, Select(x > _zero(m), near, far), small)


_EIGHTH = math.tan(math.pi / 8)


def _turned(m: Kit, smaller: Expr, greater: Expr) -> tuple[Expr, Expr, Expr]:
    """(q, rest, far): in two parts the tangent of the angle whose tangent is smaller / greater, less pi/4 if `far`."""
    far = m.let(smaller > Mul(greater, m.f(_EIGHTH)), "far")
    d, d_low = _sum(m, greater, _negative(m, smaller))
    s, s_low = _sum(m, greater, smaller)
    zero = _zero(m)
    top = m.let(Select(far, _negative(m, d), smaller)), m.let(Select(far, _negative(m, d_low), zero))
    bottom = m.let(Select(far, s, greater)), m.let(Select(far, s_low, zero))
    q, rest = _quotient(m, top, bottom)
    return q, rest, far


def _from(m: Kit, begin: Pair, q: Expr, rest: Expr, flip: Expr) -> Expr:
    """begin + atan(q + rest), or begin - atan(q + rest) where `flip`; begin is 0 or greater than the other."""
    z = m.let(Mul(q, q))
    more = m.let(m.mad(Mul(q, z), m.horner(z, ATAN), rest))
    q, more = (m.let(Select(flip, _negative(m, v), v)) for v in (q, more))
    w, w_low = _sum(m, begin[0], q)
    # With a `begin` of 0 the sum is q itself.
    return Add(w, Add(w_low, Add(more, begin[1])))


def atan(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    one = m.f(1.0)
    steep = m.let(a > one, "steep")
    infinite = a == m.f(math.inf)
    smaller = m.let(Select(steep, Select(infinite, _zero(m), one), a))
    return m.with_sign(_angle(m, smaller, m.let(Select(infinite, one, Max(a, one))), steep, None), x)


def _angle(m: Kit, smaller: Expr, greater: Expr, steep: Expr, behind: Expr | None) -> Expr:
    """The angle of a vector with these coordinates, pi/2 less it where `steep`, and pi less that where `behind`."""
    q, rest, far = _turned(m, smaller, greater)

    def begin(part: float, of: float) -> Expr:
        quarter = Select(far, m.f(part / 4), _zero(m))
        other = Select(far, m.f(part / 4), m.f(part / 2))
        first = Select(steep, other, quarter)
        if behind is None:
            return m.let(first)
        turned = Select(steep, Select(far, m.f(of), m.f(part / 2)), Select(far, m.f(of), m.f(part)))
        return m.let(Select(behind, turned, first))

    flip = steep if behind is None else m.let(Or(And(behind, Not(steep)), And(Not(behind), steep)))
    high = begin(math.pi, 2.356194490192345)
    low = begin(PI_LOW, 9.184850993605148e-17)
    return _from(m, (high, low), q, rest, flip)


def atan2(m: Kit, y: Expr, x: Expr) -> Expr:
    a, b = m.let(m.abs(y), "a"), m.let(m.abs(x), "b")
    infinity, zero, one = m.f(math.inf), _zero(m), m.f(1.0)
    greater, smaller = m.let(Max(a, b)), m.let(Min(a, b))
    # Scaled so that neither sums nor what quotients leave is beyond the range; equal ones, 0 and infinities apart.
    tiny = greater < m.f(2.0**-400)
    scale = m.let(Select(greater > m.f(2.0**1000), m.f(2.0**-100), Select(tiny, m.f(2.0**600), one)))
    same = m.let(And(a == b, a > zero), "same")
    plain = And(And(greater > zero, greater < infinity), a != b)
    low = m.let(Select(plain, Mul(smaller, scale), Select(same, one, zero)))
    high = m.let(Select(plain, Mul(greater, scale), one))
    behind = m.let(m.as_int(x) < m.i(0), "behind")
    value = _angle(m, low, high, m.let(a > b, "steep"), behind)
    unordered = Or(op.call("isnan", x), op.call("isnan", y))
    return Select(unordered, m.f(math.nan), m.with_sign(value, y))


def erf(m: Kit, x: Expr) -> Expr:
    a = m.let(m.abs(x), "a")
    near = m.let(Min(a, m.f(1.0)))
    z = m.let(Mul(near, near))
    small = m.mad(near, m.horner(z, ERF), near)
    b = m.let(Min(Max(a, m.f(1.0)), m.f(6.0)), "b")
    t = m.let(Div(Sub(b, m.f(3.0)), Add(b, m.f(3.0))))
    rest = Mul(exp(m, m.let(Mul(b, _negative(m, b)))), m.horner(t, SCALED_ERFC))
    value = Select(a < m.f(1.0), small, Sub(m.f(1.0), rest))
    return Select(op.call("isnan", x), x, m.with_sign(value, x))


def hypot(m: Kit, x: Expr, y: Expr) -> Expr:
    a, b = m.let(m.abs(x), "a"), m.let(m.abs(y), "b")
    greater, one = m.let(Max(a, b)), m.f(1.0)
    great, tiny = m.let(greater > m.f(2.0**500)), m.let(greater < m.f(2.0**-400))
    scale = m.let(Select(great, m.f(2.0**-600), Select(tiny, m.f(2.0**600), one)))
    back = Select(great, m.f(2.0**600), Select(tiny, m.f(2.0**-600), one))
    p, q = m.let(Mul(a, scale)), m.let(Mul(b, scale))
    root = Mul(m.call("sqrt", m.mad(p, p, Mul(q, q))), back)
    infinite = Or(a == m.f(math.inf), b == m.f(math.inf))
    return Select(infinite, m.f(math.inf), root)


def _log2(m: Kit, x: Expr) -> Pair:
    """log2 of a positive number in two parts, to some 66 digits."""
    y, shift = normal(m, x)
    f, e = split(m, y)
    e = m.let(Add(e, shift))
    bottom = _sum(m, m.f(2.0), f)
    s = _quotient(m, (f, _zero(m)), bottom)
    s = _sum(m, *s)
    z = _times(m, s, s)
    more = m.let(Mul(z[0], m.horner(z[0], LOG)))
    inner = _plus(m, (m.f(TWO_THIRDS[0]), m.f(TWO_THIRDS[1])), (more, _zero(m)))
    cube = _times(m, _times(m, s, z), inner)
    total = _plus(m, (m.let(Add(s[0], s[0])), m.let(Add(s[1], s[1]))), cube)
    total = _times(m, total, (m.f(LOG2_E[0]), m.f(LOG2_E[1])))
    return _plus(m, (e, _zero(m)), total)


def pow_(m: Kit, x: Expr, y: Expr) -> Expr:
    """2^(y log2 |x|), the logarithm and the product in two parts."""
    high, low = _log2(m, m.let(m.abs(x)))
    t, t_low = _product(m, y, high)
    t_low = m.let(m.mad(y, low, t_low))
    inside = m.let(m.abs(t) < m.f(1100.0))
    limit = Select(t > _zero(m), m.f(1100.0), m.f(-1100.0))
    t, t_low = m.let(Select(inside, t, limit)), m.let(Select(inside, t_low, _zero(m)))
    n, k = m.nearest(t, 1.0)
    r, r_low = _sum(m, m.let(Sub(t, n)), t_low)
    p = m.mad(r, m.horner(r, EXP2[64]), Mul(r_low, m.f(math.log(2))))
    value = m.let(scaled(m, m.let(Add(p, m.f(1.0))), k))
    return powers_special(m, x, y, value)
