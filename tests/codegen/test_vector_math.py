"""Accuracy of the mathematical functions at full vector width: 2 ulp of the exact value, special values included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
from tensorir import lower
from tensorir.codegen.build import build
from tensorir.codegen.target import Target
from tensorir.codegen.vector_math import DOUBLE, RULES, SINGLE
from tensorir.tir import op
from tensorir.tir.expr import Call
from tensorir.tir.stmt import ForKind
from tensorir.tir.visit import walk

from .programs import assert_built_equals_interpreted, elementwise, sample

SIZE = 1 << 14
LONG = np.longdouble


def sigmoid(x: Any) -> Any:
    return np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))


def erf(x: Any) -> Any:
    """By the series of positive terms for e^(x^2) erf(x), where wider floats have digits enough for it."""
    if x.dtype == np.float64:
        return scipy.special.erf(x)
    a = np.minimum(np.abs(x), 7)
    term = total = a
    for n in range(1, 200):
        term = term * 2 * a * a / (2 * n + 1)
        total = total + term
    return np.copysign(2 / np.sqrt(LONG(np.pi) + LONG(1.2246467991473532e-16)) * np.exp(-a * a) * total, x)


# Name: (exact function on wider floats, the interval where most arguments are taken from).
FUNCTIONS: dict[str, tuple[Any, tuple[float, float]]] = {
    "exp": (np.exp, (-104, 89)),
    "exp2": (np.exp2, (-150, 129)),
    "exp10": (lambda x: np.power(x.dtype.type(10), x), (-46, 39)),
    "expm1": (np.expm1, (-18, 89)),
    "sigmoid": (sigmoid, (-104, 20)),
    "tanh": (np.tanh, (-10, 10)),
    "log": (np.log, (0, 10)),
    "log2": (np.log2, (0, 10)),
    "log10": (np.log10, (0, 10)),
    "log1p": (np.log1p, (-1, 3)),
    "sin": (np.sin, (-300, 300)),
    "cos": (np.cos, (-300, 300)),
    "sinh": (np.sinh, (-89.4, 89.4)),
    "cosh": (np.cosh, (-89.4, 89.4)),
    "asinh": (np.arcsinh, (-10, 10)),
    "acosh": (np.arccosh, (1, 10)),
    "atanh": (np.arctanh, (-1, 1)),
    "tan": (np.tan, (-300, 300)),
    "asin": (np.arcsin, (-1, 1)),
    "acos": (np.arccos, (-1, 1)),
    "atan": (np.arctan, (-3, 3)),
    "atan2": (np.arctan2, (-3, 3)),
    "erf": (erf, (-4, 4)),
    "hypot": (np.hypot, (-3, 3)),
    "pow": (np.power, (0, 30)),
}


def arguments(name: str, type_: Any, count: int, seed: int) -> np.ndarray:
    """Numbers of the interval, any bit patterns, and the numbers where something changes."""
    rng, low, high = np.random.default_rng(seed), *FUNCTIONS[name][1]
    if type_ is np.float64 and name in ("exp", "expm1", "sigmoid", "sinh", "cosh"):
        low, high = 8 * low, 8 * high
    info = np.finfo(type_)
    bits = rng.integers(0, 1 << info.bits, count // 4, np.uint64).astype(f"u{info.bits // 8}").view(type_)
    special = [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.5, 2, -2, 3, 0.65, 0.95, -0.29, 0.41, 88.8, -103.5, 0.75]
    special += [info.tiny, info.max, -info.max, info.smallest_subnormal, info.eps, -info.eps]
    spread = rng.uniform(low, high, count - len(bits) - len(special)).astype(type_)
    return rng.permutation(np.concatenate([bits, spread, np.array(special, type_)]))


def errors(exact: np.ndarray, got: np.ndarray) -> np.ndarray:
    """The distance from the exact value in units of the last place of it; infinite for a wrong special value."""
    near = exact.astype(got.dtype)
    greatest = np.finfo(got.dtype).max
    last = np.nextafter(greatest, got.dtype.type(0))  # numpy's spacing of the greatest number itself is infinite
    unit = np.spacing(np.where(np.isnan(near), last, np.minimum(np.abs(near), last))).astype(exact.dtype)
    greatest = exact.dtype.type(greatest)
    # An infinity stands for the first number beyond the greatest.
    beyond = np.where(np.isinf(got), np.copysign(greatest + unit, got), got.astype(exact.dtype))
    clipped = np.clip(exact, -greatest - unit, greatest + unit)
    apart = np.abs(beyond - clipped) / unit
    nan = np.isnan(near), np.isnan(got)
    return np.where(nan[0] & nan[1], 0, np.where(nan[0] | nan[1], np.inf, apart))


def assert_accurate(name: str, type_: Any, bound: float, count: int, target: str | Target = "llvm") -> None:
    wide: Any = np.float64 if type_ is np.float32 else LONG
    args = [arguments(name, type_, count, seed) for seed in range(2 if name in ("atan2", "hypot", "pow") else 1)]
    inputs = [np.dtype(type_).name] * len(args)
    func, _ = elementwise(inputs, {name: lambda *a: op.call(name, *a)}, count, ForKind.VECTORIZED)
    got = np.zeros(count, type_)
    build(func, target)(*args, got)
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[name][0](*(a.astype(wide) for a in args))
        found = errors(exact, got)
    worst = int(found.argmax())
    assert found[worst] <= bound, f"{name}({[a[worst] for a in args]}): {got[worst]!r} is off by {found[worst]} ulp"
    zeros = (exact == 0) & (got == 0)
    assert (np.signbit(exact[zeros]) == np.signbit(got[zeros])).all(), "a zero has the wrong sign"


@pytest.mark.parametrize("name", [*RULES, *SINGLE])
def test_single_precision(name):
    assert_accurate(name, np.float32, 2.0, SIZE)


@pytest.mark.parametrize("name", [*RULES, *DOUBLE])
def test_double_precision(name):
    exact_enough = np.finfo(LONG).nmant > 60
    assert_accurate(name, np.float64, 2.0 if exact_enough else 3.0, SIZE)


@pytest.mark.parametrize("name", [*RULES, *SINGLE])
def test_without_fused_multiply_add(name):
    assert_accurate(name, np.float32, 3.0, SIZE // 4, Target("llvm", features="-fma"))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", [*RULES, *SINGLE])
def test_single_precision_at_length(name):
    assert_accurate(name, np.float32, 2.0, 1 << 24)


@pytest.mark.parametrize("type_", ("float16", "bfloat16", "float8_e4m3fn"))
def test_narrow_floats(type_):
    rules = {n: lambda x, n=n: op.call(n, x) for n in ("exp", "log", "tanh", "sigmoid", "erf", "sin", "sqrt")}
    func, outputs = elementwise([type_], rules, 61, ForKind.VECTORIZED)
    assert_built_equals_interpreted(func, [sample(type_, 61)], outputs, 1)


def test_every_function_is_expanded_in_scalar_and_vector_code():
    target = Target("llvm", cpu="znver4")
    for kind, type_ in ((k, t) for k in (ForKind.SERIAL, ForKind.VECTORIZED) for t in ("float32", "float64")):
        for name in (*RULES, *(SINGLE if type_ == "float32" else DOUBLE)):
            args = 2 if name in ("atan2", "hypot", "pow") else 1
            func, _ = elementwise([type_] * args, {name: lambda *a, n=name: op.call(n, *a)}, 16, kind)
            calls = [n.op.name for n in walk(lower(func, target)) if isinstance(n, Call)]
            # Arguments that the reduction cannot take go to the C library.
            assert calls.count(name) == (1 if name in ("sin", "cos", "tan") else 0), (name, kind)
