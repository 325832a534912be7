"""Expressions: type matching, folding, constants, what Python's operators build and refuse."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorir.tir import op
from tensorir.tir.dtype import dtype
from tensorir.tir.errors import UserError
from tensorir.tir.expr import (
    EQ,
    FALSE,
    TRUE,
    Add,
    And,
    Broadcast,
    Call,
    Cast,
    Div,
    FloatImm,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Ramp,
    Select,
    Sub,
    Var,
    all_of,
    arith,
    binary,
    cast,
    const,
    logical_not,
    wrap,
)

I, J = Var("i"), Var("j")
L = Var("l", dtype("int64"))
U = Var("u", dtype("uint8"))
F, D = Var("f", dtype("float32")), Var("d", dtype("float64"))
H, B = Var("h", dtype("float16")), Var("b", dtype("bfloat16"))
P = Var("p", dtype("bool"))
V = Var("v", dtype("float32x4"))


@pytest.mark.parametrize(
    "left,right,common",
    [(I, L, "int64"), (I, F, "float32"), (F, D, "float64"), (L, F, "float32"), (U, I, "int32"), (P, I, "int32"),
     (H, F, "float32"), (F, V, "float32x4"), (I, 1, "int32"), (F, 1, "float32"), (U, 3, "uint8"), (I, 2.5, "float32")],
)  # fmt: skip
def test_type_matching(left: Var, right: object, common: str) -> None:
    assert (left + right).dtype == common and (right + left).dtype == common


def test_types_without_a_common_one() -> None:
    for bad in (lambda: H + B, lambda: V + Var("w", dtype("float32x8")), lambda: Var("p", dtype("handle")) + 1):
        with pytest.raises(UserError, match=r"no common type|lanes|does not apply"):
            bad()


def test_integer_division_is_ambiguous() -> None:
    with pytest.raises(UserError, match="write `//` to round down"):
        I / 2
    assert isinstance(F / 2, Div)


def test_branching_on_an_expression_is_refused() -> None:
    with pytest.raises(UserError, match=r"T\.if_then_else"):
        bool(I < 3)


def test_equality_is_structural() -> None:
    assert I + 1 == I + 1
    assert I + 1 != J + 1
    assert isinstance(I == J, EQ)
    assert (I == None) is False  # noqa: E711
    assert I in [J, I] and I not in [J, L]


def test_units_are_dropped() -> None:
    assert I + 0 is I and 0 + I is I and I - 0 is I and I * 1 is I and 1 * I is I and I // 1 is I
    assert (I * 0).value == 0 and (I % 1).value == 0
    assert isinstance(F + 0, Add), "a float's sum with 0 is not the float: -0.0 + 0"


def test_raw_nodes_keep_what_was_written() -> None:
    assert isinstance(binary(Add, I, 0), Add)
    assert isinstance(binary(Mul, const(2), const(3)), Mul)


INTEGER_NODES = [Add, Sub, Mul, FloorDiv, FloorMod, Div, Mod, Min, Max]


@given(st.sampled_from(INTEGER_NODES), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_folding_agrees_with_numpy(cls: type, x: int, y: int) -> None:
    out = arith(cls, const(x), const(y))
    if y == 0 and cls in (FloorDiv, FloorMod, Div, Mod):
        assert isinstance(out, cls)
        return
    exact = {
        Add: x + y, Sub: x - y, Mul: x * y, Min: min(x, y), Max: max(x, y),
        FloorDiv: x // y if y else 0, FloorMod: x % y if y else 0,
        Div: int(abs(x) // abs(y)) * (1 if (x < 0) == (y < 0) else -1) if y else 0,
        Mod: int(math.fmod(x, y)) if y else 0,
    }[cls]  # fmt: skip
    if -(2**31) <= exact < 2**31:
        assert isinstance(out, IntImm) and out.value == exact
    else:
        assert isinstance(out, cls), "a constant that leaves its signed type is left alone"


@given(st.integers(-(2**70), 2**70), st.sampled_from(["int8", "uint8", "int32", "uint64", "int64"]))
def test_wrap(value: int, name: str) -> None:
    t = dtype(name)
    out = wrap(value, t)
    assert t.min <= out <= t.max and (out - value) % 2**t.bits == 0


def test_constants_are_checked() -> None:
    with pytest.raises(UserError, match=r"300 does not fit uint8, which holds 0 to 255"):
        const(300, "uint8")
    with pytest.raises(UserError, match="not an integer"):
        const(1.5, "int32")
    assert const(2**40).dtype == "int64"
    assert const(1, "float32x4") is Broadcast(const(1.0, "float32"), 4)
    rounded = const(0.1, "float32")
    assert isinstance(rounded, FloatImm) and rounded.value == struct.unpack("f", struct.pack("f", 0.1))[0]
    assert const(np.float32(0.5)) is const(0.5, "float32")


def test_casts_fold_constants() -> None:
    assert cast(const(300), "uint8") is const(44, "uint8")
    assert cast(const(-1), "uint32") is const(2**32 - 1, "uint32")
    assert cast(const(3), "float32") is const(3.0, "float32")
    assert cast(I, "int32") is I and cast(I, "int64") is Cast(dtype("int64"), I)
    assert isinstance(cast(F, "float32x4"), Broadcast)


def test_booleans() -> None:
    assert isinstance(P & (I < 3), And) and isinstance(~P, Not)
    assert all_of() is TRUE and all_of(TRUE, P) is P and all_of(P, FALSE) is FALSE
    with pytest.raises(UserError, match="takes a bool"):
        logical_not(I)
    with pytest.raises(UserError, match="takes bools"):
        binary(And, I, J)


def test_bitwise_operators_are_intrinsics() -> None:
    for expr, name in ((I & J, "bitwise_and"), (I | 1, "bitwise_or"), (I ^ J, "bitwise_xor"), (~I, "bitwise_not"),
                       (I << 2, "shift_left"), (1 << I, "shift_left"), (I >> J, "shift_right")):  # fmt: skip
        assert isinstance(expr, Call) and expr.op is op.intrinsic(name)


def test_vectors() -> None:
    assert Ramp(I, const(2), 8).dtype == "int32x8"
    assert Select(P, F, F).dtype == "float32"
    assert (Ramp(I, const(1), 4) < 3).dtype == "boolx4"
