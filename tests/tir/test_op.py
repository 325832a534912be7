"""Intrinsics: every row's meaning against numpy and scipy, its types and its refusals."""

import math

import ml_dtypes
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from tensorir.tir import op
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import UserError
from tensorir.tir.expr import Call, FloatImm, IntImm, Var, const
from tensorir.tir.op import OPS, Domain, Effect, Result, call, evaluate, intrinsic

F, I = Var("f", dtype("float32")), Var("i")

UNARY = {
    **{n: getattr(np, n) for n in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan",
                                   "sinh", "cosh", "tanh", "floor", "ceil", "trunc")},
    "exp10": lambda x: np.power(10.0, x), "rsqrt": lambda x: 1 / np.sqrt(x), "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "erf": scipy.special.erf,
    "sigmoid": scipy.special.expit, "nearbyint": np.rint, "round": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "abs": np.abs,
}  # fmt: skip
BINARY = {
    "atan2": np.arctan2, "hypot": np.hypot, "copysign": np.copysign, "nextafter": np.nextafter, "fmod": np.fmod,
    "pow": np.power,
}  # fmt: skip
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 1e-30, 1e30, -1e30, 800.0, -800.0, math.inf, -math.inf, math.nan]


MIXED = {
    "ldexp": [F, I],
    "q_multiply_shift": [I, I, 31, I],
    "q_multiply_shift_per_axis": [I, I, I, I, 31, True, True],
    "dp4a": [Var("a", dtype("int8x4")), Var("b", dtype("uint8x4")), I],
    "isnullptr": [Var("p", dtype("handle"))],
}


def close(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-300)


@pytest.mark.parametrize("name", sorted(UNARY))
@pytest.mark.parametrize("x", SPECIAL)
def test_unary_on_special_values(name: str, x: float) -> None:
    with np.errstate(all="ignore"):
        expected = float(UNARY[name](np.float64(x)))
    assert close(evaluate(intrinsic(name), dtype("float64"), x), expected)


@pytest.mark.parametrize("name", sorted(BINARY))
@pytest.mark.parametrize("x", SPECIAL)
@pytest.mark.parametrize("y", [0.0, -0.0, 1.0, -2.0, 0.5, 3.0, math.inf, math.nan])
def test_binary_on_special_values(name: str, x: float, y: float) -> None:
    with np.errstate(all="ignore"):
        expected = float(BINARY[name](np.float64(x), np.float64(y)))
    assert close(evaluate(intrinsic(name), dtype("float64"), x, y), expected)


@pytest.mark.filterwarnings("error")
def test_the_next_number_past_the_greatest_is_infinite() -> None:
    assert evaluate(intrinsic("nextafter"), dtype("float16"), 65504.0, math.inf) == math.inf


@given(st.floats(allow_nan=False, width=32), st.floats(allow_nan=False, width=32), st.floats(allow_nan=False, width=32))
def test_fma_rounds_once(x: float, y: float, z: float) -> None:
    got = evaluate(intrinsic("fma"), dtype("float32"), x, y, z)
    with np.errstate(all="ignore"):
        exact = np.longdouble(x) * np.longdouble(y) + np.longdouble(z)
        near = np.float32(exact)
    if math.isfinite(got) and math.isfinite(near):
        assert abs(np.longdouble(got) - exact) <= abs(np.longdouble(near) - exact)
    else:
        assert math.isnan(got) == math.isnan(near) or math.isinf(got)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_integer_intrinsics(x: int, y: int) -> None:
    t = dtype("int32")
    assert evaluate(intrinsic("bitwise_and"), t, x, y) == x & y
    assert evaluate(intrinsic("bitwise_xor"), t, x, y) == x ^ y
    assert evaluate(intrinsic("bitwise_not"), t, x) == ~x
    assert evaluate(intrinsic("popcount"), t, x) == bin(x & 0xFFFFFFFF).count("1")
    assert evaluate(intrinsic("clz"), t, x) == 32 - (x & 0xFFFFFFFF).bit_length()
    assert evaluate(intrinsic("mulhi"), t, x, y) == (x * y) >> 32
    assert evaluate(intrinsic("abs"), t, x) == (abs(x) if x != -(2**31) else x)
    shift = y % 32
    assert evaluate(intrinsic("shift_left"), t, x, shift) == np.left_shift(np.int32(x), np.int32(shift))
    assert evaluate(intrinsic("shift_right"), t, x, shift) == x >> shift


def test_shifts_out_of_range() -> None:
    with pytest.raises(UserError, match="0 to 31 are legal"):
        evaluate(intrinsic("shift_left"), dtype("int32"), 1, 32)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_results_are_rounded_to_the_type(name: str) -> None:
    t = dtype(name)
    got = evaluate(intrinsic("exp"), t, 1.0)
    assert got == float(t.numpy.type(math.e)) and got == float(ml_dtypes.finfo(t.numpy).dtype.type(math.e))


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_row_is_documented_and_typed(name: str) -> None:
    row = OPS[name]
    assert row.doc.endswith(".") and isinstance(row.effect, Effect) and isinstance(row.domain, Domain)
    if row.domain is not Domain.ANY and row.arity is not None:
        arguments = MIXED.get(name) or [I if row.domain is Domain.INT else F] * row.arity
        out = call(name, *arguments)
        assert isinstance(out, Call) and out.op is row and len(out.args) == row.arity
        types = {Result.BOOL: "bool", Result.GIVEN: "int32"}
        assert out.dtype == types.get(row.result, arguments[0].dtype)


def test_constants_fold() -> None:
    assert call("exp", 0.0) is const(1.0, "float32")
    assert isinstance(call("popcount", const(7, "uint8")), IntImm)
    assert isinstance(call("sqrt", const(2.0, "float64")), FloatImm)


def test_refusals() -> None:
    with pytest.raises(UserError, match="there is no intrinsic 'tahn'; did you mean 'tan' or 'tanh' or 'atan'"):
        call("tahn", F)
    with pytest.raises(UserError, match=r"T\.exp takes 1 argument, got 2"):
        call("exp", F, F)
    with pytest.raises(UserError, match=r"T\.popcount takes integers, got float32"):
        call("popcount", F)
    with pytest.raises(UserError, match=r"T\.call_extern needs the type of its result"):
        call("call_extern", "f")
    with pytest.raises(UserError, match="is of type int32, not bool"):
        op.if_then_else(I, 1, 2)


def test_integers_become_floats_where_floats_are_meant() -> None:
    assert call("exp", I).dtype == "float32" and call("exp", 1) is const(math.e, "float32")
