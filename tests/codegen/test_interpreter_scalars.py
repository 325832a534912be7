"""Scalar operations of the interpreter against numpy, for every type: bit for bit where the operation is exact."""

import math
import operator
from collections.abc import Callable
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.codegen.interpreter import run
from tensorir.tir import expr as ex
from tensorir.tir import op
from tensorir.tir.buffer import decl_buffer
from tensorir.tir.dtype import dtype
from tensorir.tir.expr import Cast, Expr, Var, const
from tensorir.tir.stmt import BufferStore, loop

from .programs import function

FLOATS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
INTS = ("int64", "int32", "int16", "int8", "int4", "uint64", "uint32", "uint16", "uint8", "uint4")
SIZE = 24

QUICK = settings(max_examples=15, deadline=None)


def fill(t: str, seed: int) -> np.ndarray:
    """Numbers of a type: small, large and special ones."""
    kind = dtype(t)
    rng = np.random.default_rng(seed)
    if kind.is_float:
        values = rng.standard_normal(SIZE) * 10.0 ** rng.integers(-6, 6, SIZE)
        values[:6] = [0.0, -0.0, np.inf, -np.inf, np.nan, float(kind.max)]
        values[6:10] = [1.0, -1.0, 1.5, 2.5]
        with np.errstate(all="ignore"):
            return rng.permutation(values).astype(kind.numpy)
    low, high = int(kind.min), int(kind.max)
    values = [low, high, 0, 1, high - 1, low + 1, high // 2]
    values += [int(x) for x in rng.integers(max(low, -100), min(high, 100), SIZE - len(values), endpoint=True)]
    return rng.permutation(np.array(values, dtype=object)).astype(kind.numpy)


def wrapped(values: list[int], t: str) -> np.ndarray:
    """Integers wrapped to a type."""
    return np.array([ex.wrap(int(v), dtype(t)) for v in values], dtype=object).astype(dtype(t).numpy)


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    """Check equality element by element, a NaN being equal to any NaN, and zeros to zeros."""
    assert actual.dtype == expected.dtype
    if actual.dtype.kind not in "iub":
        actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(actual, expected)


def apply(f: Callable[..., Expr], inputs: list[np.ndarray], types: list[str], output: str) -> np.ndarray:
    """The results of the expression `f` makes, element by element."""
    size = len(inputs[0])
    arrays = [decl_buffer((size,), t, f"A{k}") for k, t in enumerate(types)]
    result, i = decl_buffer((size,), output, "C"), Var("i")
    body = loop(i, const(size), BufferStore(result, f(*(a[i] for a in arrays)), (i,)))
    out = np.zeros(size, dtype(output).numpy)
    run(function([*arrays, result], body), *inputs, out)
    return out


ARITHMETIC = {ex.Add: operator.add, ex.Sub: operator.sub, ex.Mul: operator.mul, ex.Div: operator.truediv}


@pytest.mark.parametrize("t", FLOATS)
@pytest.mark.parametrize("node", ARITHMETIC, ids=lambda n: n.__name__)
def test_float_arithmetic_is_rounded_once_in_its_own_type(t: str, node: type[Expr]) -> None:
    a, b = fill(t, 1), fill(t, 2)
    with np.errstate(all="ignore"):
        expected = ARITHMETIC[node](a, b)
    same(apply(node, [a, b], [t, t], t), expected)


@given(st.data())
@QUICK
def test_chains_of_float32_operations_equal_numpy(data: st.DataObject) -> None:
    """Also where a double result would differ: every step is rounded, not only the last."""
    nodes = data.draw(st.lists(st.sampled_from(list(ARITHMETIC)), min_size=2, max_size=6))
    inputs = [fill("float32", data.draw(st.integers(0, 1000))) for _ in range(3)]

    def chain(a: Expr, b: Expr, c: Expr) -> Expr:
        out = a
        for k, node in enumerate(nodes):
            out = node(out, (b, c)[k % 2])
        return out

    with np.errstate(all="ignore"):
        expected = inputs[0]
        for k, node in enumerate(nodes):
            expected = ARITHMETIC[node](expected, inputs[1 + k % 2])
    same(apply(chain, inputs, ["float32"] * 3, "float32"), expected)


@pytest.mark.parametrize("t", FLOATS)
def test_float_remainders_and_floor_division(t: str) -> None:
    a, b = fill(t, 3), fill(t, 4)
    with np.errstate(all="ignore"):
        wide = [x.astype(np.float64) for x in (a, b)]
        same(apply(ex.Mod, [a, b], [t, t], t), np.fmod(*wide).astype(a.dtype))
        modulus = np.where(np.isinf(wide[0]), np.nan, np.mod(*wide)).astype(a.dtype)
        same(apply(ex.FloorMod, [a, b], [t, t], t), modulus)
        same(apply(ex.FloorDiv, [a, b], [t, t], t), np.floor((a / b).astype(np.float64)).astype(a.dtype))


@pytest.mark.parametrize("t", FLOATS)
def test_float_min_max_and_comparisons(t: str) -> None:
    a, b = fill(t, 5), np.where(np.arange(SIZE) % 3 == 0, fill(t, 5), fill(t, 6))
    same(apply(ex.Min, [a, b], [t, t], t), np.minimum(a, b))
    same(apply(ex.Max, [a, b], [t, t], t), np.maximum(a, b))
    for node, f in COMPARISONS.items():
        same(apply(node, [a, b], [t, t], "bool"), f(a.astype(np.float64), b.astype(np.float64)))


COMPARISONS = {
    ex.EQ: operator.eq,
    ex.NE: operator.ne,
    ex.LT: operator.lt,
    ex.LE: operator.le,
    ex.GT: operator.gt,
    ex.GE: operator.ge,
}


@pytest.mark.parametrize("t", INTS)
def test_integers_wrap(t: str) -> None:
    a, b = fill(t, 7), fill(t, 8)
    pairs = [(int(x), int(y)) for x, y in zip(a, b)]
    for node, f in ((ex.Add, operator.add), (ex.Sub, operator.sub), (ex.Mul, operator.mul)):
        same(apply(node, [a, b], [t, t], t), wrapped([f(x, y) for x, y in pairs], t))
    same(apply(lambda x, y: ex.Mul(ex.Add(x, y), ex.Mul(x, x)), [a, b], [t, t], t),
         wrapped([(x + y) * x * x for x, y in pairs], t))  # fmt: skip
    same(apply(lambda x, y: ex.LT(ex.Add(x, y), x), [a, b], [t, t], "bool"),
         np.array([ex.wrap(x + y, dtype(t)) < x for x, y in pairs]))  # fmt: skip


@pytest.mark.parametrize("t", INTS)
def test_integer_division_in_both_directions(t: str) -> None:
    a, b = fill(t, 9), fill(t, 10)
    b[b == 0] = 3
    pairs = [(int(x), int(y)) for x, y in zip(a, b)]
    trunc = [(abs(x) // abs(y)) * (1 if (x < 0) == (y < 0) else -1) for x, y in pairs]
    same(apply(ex.FloorDiv, [a, b], [t, t], t), wrapped([x // y for x, y in pairs], t))
    same(apply(ex.FloorMod, [a, b], [t, t], t), wrapped([x % y for x, y in pairs], t))
    same(apply(ex.Div, [a, b], [t, t], t), wrapped(trunc, t))
    same(apply(ex.Mod, [a, b], [t, t], t), wrapped([x - y * q for (x, y), q in zip(pairs, trunc)], t))


@pytest.mark.parametrize("t", INTS)
@pytest.mark.parametrize("divisor", (1, 2, 3, 7, -1, -2, -5))
def test_integer_division_by_constants(t: str, divisor: int) -> None:
    kind = dtype(t)
    if divisor < 0 and kind.is_uint:
        divisor = -divisor
    a = fill(t, 11)
    y = const(divisor, t)
    values = [int(x) for x in a]
    same(apply(lambda x: ex.FloorDiv(x, y), [a], [t], t), wrapped([x // divisor for x in values], t))
    same(apply(lambda x: ex.FloorMod(x, y), [a], [t], t), wrapped([x % divisor for x in values], t))
    same(apply(lambda x: ex.Mod(x, y), [a], [t], t), wrapped([int(math.fmod(Fraction(x), divisor))
         if abs(x) < 2**53 else x - divisor * (abs(x) // abs(divisor) * (1 if (x < 0) == (divisor < 0) else -1))
         for x in values], t))  # fmt: skip


@pytest.mark.parametrize("t", INTS)
def test_integer_min_max_and_comparisons(t: str) -> None:
    a, b = fill(t, 12), fill(t, 13)
    same(apply(ex.Min, [a, b], [t, t], t), np.minimum(a, b))
    same(apply(ex.Max, [a, b], [t, t], t), np.maximum(a, b))
    for node, f in COMPARISONS.items():
        same(apply(node, [a, b], [t, t], "bool"), f(a, b))


@pytest.mark.parametrize("t", INTS)
def test_bits_of_integers(t: str) -> None:
    kind = dtype(t)
    a, b = fill(t, 14), fill(t, 15)
    pairs = [(int(x), int(y)) for x, y in zip(a, b)]
    for name, f in (("bitwise_and", operator.and_), ("bitwise_or", operator.or_), ("bitwise_xor", operator.xor)):
        same(apply(lambda x, y, name=name: op.call(name, x, y), [a, b], [t, t], t),
             wrapped([f(x, y) for x, y in pairs], t))  # fmt: skip
    same(apply(lambda x: op.call("bitwise_not", x), [a], [t], t), wrapped([~x for x, _ in pairs], t))
    counts = np.array([k % kind.bits for k in range(SIZE)]).astype(a.dtype)
    shifts = [(x, int(n)) for (x, _), n in zip(pairs, counts)]
    same(
        apply(lambda x, n: op.call("shift_left", x, n), [a, counts], [t, t], t), wrapped([x << n for x, n in shifts], t)
    )
    same(
        apply(lambda x, n: op.call("shift_right", x, n), [a, counts], [t, t], t),
        wrapped([x >> n for x, n in shifts], t),
    )
    same(apply(lambda x: op.call("shift_left", x, const(1, t)), [a], [t], t), wrapped([x << 1 for x, _ in pairs], t))
    mask = (1 << kind.bits) - 1
    same(apply(lambda x: op.call("popcount", x), [a], [t], t), wrapped([(x & mask).bit_count() for x, _ in pairs], t))
    same(apply(lambda x: op.call("clz", x), [a], [t], t),
         wrapped([kind.bits - (x & mask).bit_length() for x, _ in pairs], t))  # fmt: skip
    same(apply(lambda x, y: op.call("mulhi", x, y), [a, b], [t, t], t),
         wrapped([(x * y) >> kind.bits for x, y in pairs], t))  # fmt: skip


@pytest.mark.parametrize("source", (*INTS, "bool"))
@pytest.mark.parametrize("target", (*INTS, "bool", *FLOATS))
def test_casts_of_integers(source: str, target: str) -> None:
    a = fill(source, 16) if source != "bool" else np.arange(SIZE) % 3 == 0
    if target == "bool":
        expected = a != 0
    elif target in INTS:
        expected = wrapped([int(x) for x in a], target)
    else:
        # Exactly once rounded: the oracle rounds the rational.
        expected = np.array([nearest(Fraction(int(x)), target) for x in a]).astype(dtype(target).numpy)
    same(apply(lambda x: Cast(dtype(target), x), [a], [source], target), expected)


def nearest(x: Fraction, t: str) -> float:
    """The number of a float type nearest to `x`, ties to even, by the definition."""
    if x == 0:
        return 0.0
    info = ml_dtypes.finfo(dtype(t).numpy)
    exponent = max(math.floor(math.log2(abs(x)) + 1e-9), info.minexp)
    while abs(x) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(x) < Fraction(2) ** exponent and exponent > info.minexp:
        exponent -= 1
    unit = Fraction(2) ** (exponent - info.nmant)
    rounded = round(x / unit) * unit
    if abs(rounded) > Fraction(float(info.max)):
        return math.nan if t == "float8_e4m3fn" else math.copysign(math.inf, x)
    return float(rounded)


@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("target", (*INTS, "bool", *FLOATS))
def test_casts_of_floats(source: str, target: str) -> None:
    a = fill(source, 17)
    wide = a.astype(np.float64)
    kind = dtype(target)
    if target == "bool":
        expected = wide != 0
    elif target in INTS:
        expected = np.array(
            [0 if math.isnan(x) else int(max(kind.min, min(kind.max, x))) if math.isinf(x) else
             max(kind.min, min(kind.max, int(x))) for x in wide.tolist()], dtype=object,
        ).astype(kind.numpy)  # fmt: skip
    else:
        rounded = [x if not math.isfinite(x) else nearest(Fraction(x), target) for x in wide.tolist()]
        with np.errstate(all="ignore"):
            expected = np.array(rounded).astype(kind.numpy)
    same(apply(lambda x: Cast(kind, x), [a], [source], target), expected)


@given(st.floats(allow_nan=False), st.sampled_from(FLOATS))
@settings(max_examples=200, deadline=None)
def test_doubles_are_rounded_once_to_every_type(x: float, t: str) -> None:
    a = np.array([x])
    expected = np.array([x if math.isinf(x) else nearest(Fraction(x), t)])
    if t == "float8_e4m3fn" and math.isinf(x):
        expected = np.array([math.nan])
    out = apply(lambda v: Cast(dtype(t), v), [a], ["float64"], t).astype(np.float64)
    np.testing.assert_array_equal(out, expected)
    if x == 0:
        assert math.copysign(1, out[0]) == math.copysign(1, x)


@pytest.mark.parametrize("t", ("float64", "float32", "float16", "bfloat16"))
def test_bits_read_as_another_type(t: str) -> None:
    kind = dtype(t)
    bits = f"uint{kind.bits}"
    a = fill(t, 18)
    as_bits = apply(lambda x: op.call("reinterpret", x, dtype_=bits), [a], [t], bits)
    with np.errstate(invalid="ignore"):
        expected = a.view(bits)
    number = ~np.isnan(a.astype(np.float64))
    same(as_bits[number], expected[number])
    same(apply(lambda x: op.call("reinterpret", x, dtype_=t), [as_bits], [bits], t), a)


PURE = [
    row.name
    for row in op.OPS.values()
    if row.effect is op.Effect.PURE and row.domain in (op.Domain.FLOAT, op.Domain.NUMBER) and row.arity is not None
]


@pytest.mark.parametrize("t", ("float64", "float32", "float16"))
@pytest.mark.parametrize("name", PURE)
def test_functions_of_floats_equal_the_table(name: str, t: str) -> None:
    row = op.intrinsic(name)
    inputs = [fill(t, 20 + k) for k in range(row.arity or 0)]
    result = "bool" if row.result is op.Result.BOOL else t
    expected = [op.evaluate(row, dtype(result), *map(float, args)) for args in zip(*inputs)]
    with np.errstate(all="ignore"):
        table = np.array(expected).astype(dtype(result).numpy)
    same(apply(lambda *args: op.call(name, *args), inputs, [t] * len(inputs), result), table)


NUMPY = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh,
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "nearbyint": np.rint, "exp2": np.exp2, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "expm1": np.expm1, "atan": np.arctan, "abs": np.abs, "isnan": np.isnan,
    "isinf": np.isinf, "isfinite": np.isfinite, "sinh": np.sinh, "asinh": np.arcsinh,
}  # fmt: skip


@pytest.mark.parametrize("name", NUMPY)
def test_functions_of_float32_agree_with_numpy(name: str) -> None:
    a = fill("float32", 30)
    a = a[np.isnan(a) | np.isinf(a) | (np.abs(a) < 80)]
    result = "bool" if name.startswith("is") else "float32"
    with np.errstate(all="ignore"):
        expected = NUMPY[name](a.astype(np.float64)).astype(result)
    out = apply(lambda x: op.call(name, x), [a], ["float32"], result)
    np.testing.assert_allclose(out, expected, rtol=2e-7, atol=1e-45)


def test_powers_of_integers_wrap_even_when_they_are_huge() -> None:
    a = np.array([3, -2, 7, 1, 0, 5], "int32")
    b = np.array([1_000_000_000, 31, 13, 2**31 - 1, 0, 3], "int32")
    expected = [pow(int(x), int(y), 1 << 32) for x, y in zip(a, b)]
    same(apply(lambda x, y: op.call("pow", x, y), [a, b], ["int32"] * 2, "int32"), wrapped(expected, "int32"))


def test_logic_and_choice_on_bools() -> None:
    a, b = np.arange(8) % 2 == 0, np.arange(8) // 2 % 2 == 0
    t = ["bool", "bool"]
    same(apply(ex.And, [a, b], t, "bool"), a & b)
    same(apply(ex.Or, [a, b], t, "bool"), a | b)
    same(apply(ex.Not, [a], t[:1], "bool"), ~a)
    same(apply(lambda x, y: ex.Select(x, const(3), Cast(dtype("int32"), y)), [a, b], t, "int32"),
         np.where(a, 3, b).astype("int32"))  # fmt: skip
    same(apply(lambda x, y: op.if_then_else(x, const(1.5), const(2.5)), [a, b], t, "float32"),
         np.where(a, 1.5, 2.5).astype("float32"))  # fmt: skip
