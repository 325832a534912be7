"""Every operation on every data type, scalar and vectorized: what LLVM's code computes is what the interpreter does."""

from __future__ import annotations

import numpy as np
import pytest
from tensorir.codegen.build import build
from tensorir.tir import expr as E
from tensorir.tir import op
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import RunError
from tensorir.tir.stmt import ForKind

from .programs import FLOATS, INTEGERS, KINDS, assert_built_equals_interpreted, elementwise, sample

SIZE = 61


def check(inputs, rules, kind, *, bound=0.0, arrays=None):
    func, outputs = elementwise(inputs, rules, SIZE, kind)
    arrays = arrays or [sample(t, SIZE, seed) for seed, t in enumerate(inputs)]
    assert_built_equals_interpreted(func, arrays, outputs, bound)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("source", (*FLOATS, *INTEGERS, "bool"))
def test_casts(source, kind):
    targets = [t for t in (*FLOATS, *INTEGERS, "bool") if t != source]
    check([source], {t: lambda x, t=t: E.cast(x, t) for t in targets}, kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("type_", (*FLOATS, *INTEGERS))
def test_arithmetic_and_comparisons(type_, kind):
    classes = (E.Add, E.Sub, E.Mul, E.Min, E.Max, E.EQ, E.NE, E.LT, E.LE, E.GT, E.GE)
    rules = {c.__name__: lambda x, y, c=c: c(x, y) for c in classes}
    rules |= {
        "min_const": lambda x, y: E.Min(x, E.const(1, type_)),
        "max_const": lambda x, y: E.Max(E.const(0, type_), x),
        "select": lambda x, y: E.Select(x < y, x, y),
        "if_then_else": lambda x, y: op.if_then_else(x < y, x + y, y),
        "logic": lambda x, y: E.Select(((x < y) | (x == y)) & ~(x > E.const(1, type_)), y, x),
    }
    check([type_, type_], rules, kind)


DIVISIONS = {c.__name__: c for c in (E.Div, E.Mod, E.FloorDiv, E.FloorMod)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("type_", (*FLOATS, *INTEGERS))
def test_divisions(type_, kind):
    rules = {name: lambda x, y, c=c: c(x, y) for name, c in DIVISIONS.items()}
    constants = [c for c in (2, 3, 7, -1, -4) if c > 0 or not dtype(type_).is_uint]
    for number in constants if not dtype(type_).is_float else ():
        for name, c in DIVISIONS.items():
            rules[f"{name}_{number % 97}"] = lambda x, y, c=c, n=number: c(x, E.const(n, type_))
    a, b = sample(type_, SIZE, 0), sample(type_, SIZE, 1)
    if not dtype(type_).is_float:
        b[b == 0] = 3
    check([type_, type_], rules, kind, arrays=[a, b])


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("name", DIVISIONS)
def test_division_by_zero_stops_the_program(name, kind):
    func, outputs = elementwise(["int32", "int32"], {"d": lambda x, y: DIVISIONS[name](x, y)}, SIZE, kind)
    ones = np.ones(SIZE, np.int32)
    divisors = ones.copy()
    divisors[7] = 0
    with pytest.raises(RunError, match="division by zero"):
        build(func)(ones, divisors, np.zeros(SIZE, np.int32))


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
def test_the_least_integer_over_minus_one_wraps(kind):
    rules = {name: lambda x, y, c=c: c(x, y) for name, c in DIVISIONS.items()}
    for type_ in ("int8", "int32", "int64"):
        least = np.full(SIZE, dtype(type_).min, type_)
        check([type_, type_], rules, kind, arrays=[least, np.full(SIZE, -1, type_)])


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("type_", INTEGERS)
def test_bits(type_, kind):
    rules = {n: lambda x, y, n=n: op.call(n, x, y) for n in ("bitwise_and", "bitwise_or", "bitwise_xor", "mulhi")}
    rules |= {n: lambda x, y, n=n: op.call(n, x) for n in ("bitwise_not", "popcount", "clz", "abs")}
    check([type_, type_], rules, kind)
    amounts = np.random.default_rng(0).integers(0, dtype(type_).bits, SIZE).astype(dtype(type_).numpy)
    shifts = {n: lambda x, y, n=n: op.call(n, x, y) for n in ("shift_left", "shift_right")}
    shifts["by_one"] = lambda x, y: op.call("shift_left", x, E.const(1, type_))
    check([type_, type_], shifts, kind, arrays=[sample(type_, SIZE), amounts])
    powers = {"pow": lambda x, y: op.call("pow", x, y)}
    check([type_, type_], powers, kind, arrays=[sample(type_, SIZE), (amounts % 5).astype(amounts.dtype)])


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("type_", [t for t in INTEGERS if t.startswith("int")])
def test_negative_powers(type_, kind):
    bases, powers = (x.ravel() for x in np.meshgrid([-7, -3, -2, -1, 1, 2, 5], [-8, -5, -2, -1, 0, 1, 3]))
    rule = {"pow": lambda x, y: op.call("pow", x, y)}
    check([type_] * 2, rule, kind, arrays=[np.resize(x, SIZE).astype(dtype(type_).numpy) for x in (bases, powers)])


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
def test_zero_to_a_negative_power_stops_the_program(kind):
    func, _ = elementwise(["int32", "int32"], {"p": lambda x, y: op.call("pow", x, y)}, SIZE, kind)
    powers = np.arange(SIZE, dtype=np.int32)
    mod = build(func)
    mod(0 * powers, powers, powers.copy())
    with pytest.raises(RunError, match="0 to a negative power"):
        mod(0 * powers, powers - 1, powers.copy())


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("name", ("shift_left", "shift_right"))
@pytest.mark.parametrize("amount", (-1, 32))
def test_a_shift_by_too_many_bits_stops_the_program(name, amount, kind):
    func, _ = elementwise(["int32", "int32"], {"s": lambda x, y: op.call(name, x, y)}, SIZE, kind)
    ones = np.ones(SIZE, np.int32)
    with pytest.raises(RunError, match="shifted by"):
        build(func)(ones, ones * amount, np.zeros(SIZE, np.int32))


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("type_", FLOATS)
def test_exact_float_functions(type_, kind):
    names = ("isnan", "isinf", "isfinite", "sqrt", "floor", "ceil", "trunc", "round", "nearbyint", "abs")
    rules = {n: lambda x, y, z, n=n: op.call(n, x) for n in names}
    rules |= {n: lambda x, y, z, n=n: op.call(n, x, y) for n in ("copysign", "fmod", "nextafter")}
    rules["fma"] = lambda x, y, z: op.call("fma", x, y, z)
    check([type_] * 3, rules, kind)
    check([type_] * 3, {"rsqrt": lambda x, y, z: op.call("rsqrt", x)}, kind, bound=1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
@pytest.mark.parametrize("type_", FLOATS)
def test_reinterpret(type_, kind):
    bits = {8: "uint8", 16: "int16", 32: "int32", 64: "uint64"}[dtype(type_).bits]
    check([type_], {"bits": lambda x: op.call("reinterpret", x, dtype_=bits)}, kind, arrays=[finite(type_)])
    check([bits], {"number": lambda x: op.call("reinterpret", x, dtype_=type_)}, kind)


def finite(type_):
    x = sample(type_, SIZE)
    x[~np.isfinite(x.astype("f8"))] = 1
    return x


def test_boolean_arrays_hold_bytes():
    rules = {"not": lambda x, y: ~x, "and": lambda x, y: x & y, "xor": lambda x, y: x ^ y}
    check(["bool", "bool"], rules, ForKind.SERIAL)
    check(["bool", "bool"], rules, ForKind.VECTORIZED)
