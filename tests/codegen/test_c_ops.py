"""Every operation on every data type, scalar and vectorized: what the C backend computes is what the interpreter does.

The rules of one test are one C file, since each file costs a run of the compiler.
"""

from __future__ import annotations

import numpy as np
import pytest
from tensorir.codegen import interpreter
from tensorir.codegen.build import build
from tensorir.tir import expr as E
from tensorir.tir import op
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import RunError
from tensorir.tir.function import IRModule
from tensorir.tir.stmt import ForKind

from .compilers import needs_compiler
from .programs import FLOATS, INTEGERS, KINDS, elementwise, sample, ulps

pytestmark = needs_compiler
SIZE = 37
DIVISIONS = {c.__name__: c for c in (E.Div, E.Mod, E.FloorDiv, E.FloorMod)}


def check(inputs, rules, *, bound=0.0, arrays=None, kinds=KINDS):
    """Build one module of a function a kind of loop; none of their results may differ by more ulps."""
    arrays = arrays or [sample(t, SIZE, seed) for seed, t in enumerate(inputs)]
    functions = {kind.value: elementwise(inputs, rules, SIZE, kind) for kind in kinds}
    mod = build(IRModule({name: f for name, (f, _) in functions.items()}), "c", opt=0)
    for name, (func, outputs) in functions.items():
        want, got = ([np.zeros(SIZE, t.numpy) for t in outputs] for _ in range(2))
        interpreter.run(func, *arrays, *want)
        mod[name](*arrays, *got)
        for buffer, a, b in zip(func.buffers[len(inputs) :], want, got):
            apart = ulps(a, b)
            worst = int(apart.argmax())
            values = [x[worst] for x in arrays]
            assert apart[worst] <= bound, f"{name} {buffer.name}{values}: {a[worst]!r}, built {b[worst]!r}"


@pytest.mark.parametrize("source", (*FLOATS, *INTEGERS, "bool"))
def test_casts(source):
    targets = [t for t in (*FLOATS, *INTEGERS, "bool") if t != source]
    check([source], {t: lambda x, t=t: E.cast(x, t) for t in targets})


@pytest.mark.parametrize("type_", (*FLOATS, *INTEGERS))
def test_arithmetic_comparisons_and_divisions(type_):
    classes = (E.Add, E.Sub, E.Mul, E.Min, E.Max, E.EQ, E.NE, E.LT, E.LE, E.GT, E.GE)
    rules = {c.__name__: lambda x, y, c=c: c(x, y) for c in (*classes, *DIVISIONS.values())}
    rules |= {
        "min_const": lambda x, y: E.Min(x, E.const(1, type_)),
        "select": lambda x, y: E.Select(x < y, x, y),
        "if_then_else": lambda x, y: op.if_then_else(x < y, x + y, y),
        "logic": lambda x, y: E.Select(((x < y) | (x == y)) & ~(x > E.const(1, type_)), y, x),
        "shared": lambda x, y: (lambda t: t * t + t * (x + t))(x * y + y * y - x),
    }
    a, b = sample(type_, SIZE, 0), sample(type_, SIZE, 1)
    if not dtype(type_).is_float:
        b[b == 0] = 3
        for number in (c for c in (2, 7, -1, -4) if c > 0 or not dtype(type_).is_uint):
            for name, c in DIVISIONS.items():
                rules[f"{name}_{number % 97}"] = lambda x, y, c=c, n=number: c(x, E.const(n, type_))
    check([type_, type_], rules, arrays=[a, b])


@pytest.mark.parametrize("type_", INTEGERS)
def test_bits_and_powers(type_):
    rules = {n: lambda x, y, n=n: op.call(n, x, y) for n in ("bitwise_and", "bitwise_or", "bitwise_xor", "mulhi")}
    rules |= {n: lambda x, y, n=n: op.call(n, x) for n in ("bitwise_not", "popcount", "clz", "abs")}
    rules |= {n: lambda x, y, n=n: op.call(n, x, y) for n in ("shift_left", "shift_right", "pow")}
    rules["by_one"] = lambda x, y: op.call("shift_left", x, E.const(1, type_))
    amounts = np.random.default_rng(0).integers(0, dtype(type_).bits, SIZE).astype(dtype(type_).numpy)
    rules["abs_choice"] = lambda x, y: op.call("abs", E.Select(E.const(3, type_) <= x, E.const(2, type_), x + y))
    check([type_, type_], rules, arrays=[sample(type_, SIZE), amounts])


def test_negative_powers():
    bases, powers = np.array([1, -1, -1, 2, -3, 7], np.int32), np.array([-2, -3, -4, -1, -2, -9], np.int32)
    func, _ = elementwise(["int32", "int32"], {"p": lambda x, y: op.call("pow", x, y)}, 6, ForKind.SERIAL)
    out = np.zeros(6, np.int32)
    mod = build(func, "c")
    mod(bases, powers, out)
    assert out.tolist() == [1, -1, 1, 0, 0, 0]
    with pytest.raises(RunError, match="0 to a negative power"):
        mod(bases * 0, powers, out)


EXACT = ("isnan", "isinf", "isfinite", "sqrt", "floor", "ceil", "trunc", "round", "nearbyint", "abs")
LIBM = (
    "exp", "exp2", "exp10", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh",
    "asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "sigmoid", "rsqrt", "atan2", "hypot", "pow",
)  # fmt: skip
BINARY = ("atan2", "hypot", "pow", "copysign", "fmod", "nextafter")


def rules_of(names):
    return {n: (lambda x, y, z, n=n: op.call(n, x, y) if n in BINARY else op.call(n, x)) for n in names}


@pytest.mark.parametrize("type_", FLOATS)
def test_exact_float_functions(type_):
    rules = rules_of((*EXACT, "copysign", "fmod", "nextafter"))
    rules["fma"] = lambda x, y, z: op.call("fma", x, y, z)
    check([type_] * 3, rules)


@pytest.mark.parametrize("type_", FLOATS)
def test_libm(type_):
    """What is narrower than 32 bits is rounded once from double, as the interpreter does: no bit differs."""
    narrow = dtype(type_).bits < 32
    check([type_] * 3, rules_of(LIBM), bound=0 if narrow else 2, kinds=(ForKind.SERIAL,))


@pytest.mark.parametrize("type_", ("float32", "float64", "bfloat16"))
def test_functions_of_vectors(type_):
    check([type_] * 3, rules_of(("exp", "log", "tanh", "erf", "sin")), bound=3, kinds=(ForKind.VECTORIZED,))


@pytest.mark.parametrize("type_", FLOATS)
def test_reinterpret(type_):
    bits = {8: "uint8", 16: "int16", 32: "int32", 64: "uint64"}[dtype(type_).bits]
    x = sample(type_, SIZE)
    x[~np.isfinite(x.astype("f8"))] = 1
    check([type_], {"bits": lambda x: op.call("reinterpret", x, dtype_=bits)}, arrays=[x])
    check([bits], {"number": lambda x: op.call("reinterpret", x, dtype_=type_)})


def test_boolean_arrays_hold_bytes():
    check(["bool", "bool"], {"not": lambda x, y: ~x, "and": lambda x, y: x & y, "xor": lambda x, y: x ^ y})


STOPS = {
    **{name: (lambda x, y, c=c: c(x, y), 0, "division by zero") for name, c in DIVISIONS.items()},
    "shift_left": (lambda x, y: op.call("shift_left", x, y), 32, "shifted by"),
    "shift_right": (lambda x, y: op.call("shift_right", x, y), -1, "shifted by"),
}


@pytest.mark.parametrize("kind", (*KINDS, ForKind.PARALLEL), ids=lambda k: k.value)
def test_what_has_no_value_stops_the_program(kind):
    types = ["int32", "int32"]
    programs = {name: elementwise(types, {"d": rule}, SIZE, kind)[0] for name, (rule, _, _) in STOPS.items()}
    mod = build(IRModule(programs), "c", opt=0)
    ones, out = np.ones(SIZE, np.int32), np.zeros(SIZE, np.int32)
    for name, (_, bad, message) in STOPS.items():
        second = ones.copy()
        mod[name](ones, second, out)
        second[7] = bad
        with pytest.raises(RunError, match=message):
            mod[name](ones, second, out)
