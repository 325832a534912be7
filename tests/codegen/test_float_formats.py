"""Narrow float formats against `ml_dtypes`: all patterns as numbers, and rounding, in every backend."""

from __future__ import annotations

from functools import cache

import ml_dtypes
import numpy as np
import pytest
import tensorir
from tensorir.codegen import interpreter
from tensorir.tir.errors import LowerError
from tensorir.tir.float_formats import FLOAT8, FORMATS

from .compilers import needs_compiler

BACKENDS = ("interpreter", "llvm", pytest.param("c", marks=needs_compiler))
NEW = [name for name in FLOAT8 if name not in ("float8_e4m3fn", "float8_e5m2")]
COUNT = 1024

FUNCTION = """
    @T.prim_func
    def {t}(P: T.Buffer((256,), "{t}"), F: T.Buffer((256,), "float32"), X: T.Buffer(({n},), "float32"),
            N: T.Buffer(({n},), "{t}"), D: T.Buffer(({n},), "float64"), M: T.Buffer(({n},), "{t}"),
            S: T.Buffer((256,), "{t}"), B: T.Buffer((256,), "uint8"), Z: T.Buffer((256,), "{t}"), k: T.{t}):
        for i in T.vectorized(256):
            F[i] = T.Cast("float32", P[i])
        for i in T.vectorized({n}):
            N[i] = T.Cast("{t}", X[i])
        for i in range({n}):
            M[i] = T.Cast("{t}", D[i])
        for i in range(256):
            S[i] = P[i] * P[255 - i] + k
            B[i] = T.reinterpret("uint8", P[i] - P[i])
            Z[i] = T.nextafter(P[i], k)
"""


@cache
def module():
    functions = "".join(FUNCTION.format(t=t, n=COUNT) for t in NEW)
    return tensorir.parse(f"@I.ir_module\nclass Module:{functions}")


@cache
def built(backend):
    return tensorir.build(module(), backend)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_that_of_ml_dtypes(name):
    form = FORMATS[name]
    info = ml_dtypes.finfo(name)
    assert (form.exponent, form.mantissa, form.greatest) == (info.nexp, info.nmant, float(info.max))
    assert form.least_normal == float(info.smallest_normal)


def numbers(type_):
    """Numbers near and far, those of the type among them, those halfway between two and those beside them."""
    patterns = np.arange(256, dtype="uint8").view(type_).astype("float64")
    finite = np.sort(patterns[np.isfinite(patterns)])
    halves = (finite[1:] + finite[:-1]) / 2
    rng = np.random.default_rng(3)
    rest = rng.standard_normal(COUNT) * 2.0 ** rng.integers(-24, 20, COUNT)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, -1e-30, 1e-30, -1e30, 2 * finite[-1] - finite[-2]]
    x = np.concatenate([special, patterns, halves, np.nextafter(halves, np.inf), rest])
    return x[:COUNT]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("type_", NEW)
def test_numbers_and_rounding(type_, backend):
    t = np.dtype(getattr(ml_dtypes, type_))
    p, x = np.arange(256, dtype="uint8").view(t), numbers(type_)
    f, n, m, s = np.zeros(256, "float32"), np.zeros(COUNT, t), np.zeros(COUNT, t), np.zeros(256, t)
    bits, z, k = np.zeros(256, "uint8"), np.zeros(256, t), t.type(0.5)
    arguments = (p, f, x.astype("float32"), n, x, m, s, bits, z, k)
    if backend == "interpreter":
        interpreter.run(module()[type_], *arguments)
    else:
        built(backend)[type_](*arguments)
    with np.errstate(all="ignore"):
        same(f, p.astype("float32"))
        same(n, x.astype("float32").astype(t))
        same(m, nearest(x, t))
        product = (p.astype("float32") * p[::-1].astype("float32")).astype(t)
        same(s, (product.astype("float32") + np.float32(0.5)).astype(t))
        same(z, np.nextafter(p, k))
    # A zero has no sign where its pattern would be NaN's.
    assert set(bits[np.isfinite(f)]) == {0}


def nearest(x, t):
    """The numbers of a type nearest to doubles, by way of a float rounded to odd, which `ml_dtypes` rounds once."""
    near = x.astype("float32")
    back = near.astype("float64")
    bits = near.view("uint32") - ((np.abs(back) > np.abs(x)) & np.isfinite(x))
    odd = (bits | 1).astype("uint32").view("float32")
    return np.where((back == x) | ~np.isfinite(x), near, odd).astype(t)


def same(got, want):
    assert np.array_equal(got.astype("f8"), want.astype("f8"), equal_nan=True)
    zero = want.astype("f8") == 0
    assert np.array_equal(np.signbit(got.astype("f8"))[zero], np.signbit(want.astype("f8"))[zero])


def test_cuda_says_what_it_lacks():
    func = tensorir.parse("""
@T.prim_func
def main(A: T.Buffer((4,), "float8_e3m4"), B: T.Buffer((4,), "float32")):
    for i in T.thread_binding(4, thread="threadIdx.x"):
        B[i] = T.Cast("float32", A[i])
""")
    with pytest.raises(LowerError, match="float8_e3m4 has no code for the CUDA target"):
        tensorir.build(func, "cuda")
