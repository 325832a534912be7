"""Constants are folded exactly as the interpreter computes them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import lower
from tensorir.codegen.interpreter import run
from tensorir.codegen.passes.fold_constants import fold_constants
from tensorir.tir import expr as ex
from tensorir.tir import op
from tensorir.tir.buffer import decl_buffer
from tensorir.tir.dtype import dtype
from tensorir.tir.expr import Cast, Expr, FloatImm, IntImm, const
from tensorir.tir.function import PrimFunc
from tensorir.tir.stmt import BufferStore

from ...strategies import arrays_for, programs
from ..programs import function
from .checks import TARGET, apply, becomes, floats

BINARY = (ex.Add, ex.Sub, ex.Mul, ex.Div, ex.Mod, ex.FloorDiv, ex.FloorMod, ex.Min, ex.Max, ex.LT, ex.GE, ex.EQ, ex.NE)
TYPES = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "int64", "int32", "int8", "int4", "uint8")


def folded(e: Expr) -> Expr:
    """The expression after the pass."""
    out = decl_buffer((1,), e.dtype, "C")
    return fold_constants(function([out], BufferStore(out, e, (const(0),))), TARGET).body.value


def computed(e: Expr) -> Any:
    """What the interpreter computes, without folding."""
    out = decl_buffer((1,), e.dtype, "C")
    result = np.zeros(1, e.dtype.numpy)
    run(function([out], BufferStore(out, e, (const(0),))), result)
    return result[0]


def same(e: Expr) -> None:
    """Check that folding gives a constant, and the one that is computed."""
    constant = folded(e)
    assert isinstance(constant, (IntImm, FloatImm)), constant
    np.testing.assert_equal(float(computed(constant)), float(computed(e)))


def drawn(data: st.DataObject, t: str) -> Expr:
    """A constant of a type."""
    kind = dtype(t)
    if kind.is_float:
        return const(data.draw(st.floats(-500, 500) | st.sampled_from((0.0, -0.0, float("inf"), float("nan")))), t)
    return const(data.draw(st.integers(int(kind.min), int(kind.max))), t)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_operations_on_two_constants(data: st.DataObject) -> None:
    t = data.draw(st.sampled_from(TYPES))
    a, b = drawn(data, t), drawn(data, t)
    node = data.draw(st.sampled_from(BINARY))
    if dtype(t).is_float and node is ex.FloorDiv:
        return
    e = node(a, b)
    divides = node in (ex.Div, ex.Mod, ex.FloorDiv, ex.FloorMod) and not dtype(t).is_float
    if divides and b.value == 0:
        assert folded(e) is e  # it stops the program, when it runs
    elif isinstance(folded(e), type(e)):
        # The result leaves a signed type; such an operation is left to wrap when it runs.
        assert dtype(t).is_int
    else:
        same(e)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_casts_of_constants(data: st.DataObject) -> None:
    source, target = data.draw(st.sampled_from(TYPES)), data.draw(st.sampled_from((*TYPES, "bool")))
    if source != target:
        same(Cast(dtype(target), drawn(data, source)))


@pytest.mark.parametrize("name", ("exp", "sqrt", "abs", "round", "isnan", "tanh"))
def test_functions_of_constants(name: str) -> None:
    for value in (0.5, 2.0, -3.5):
        row = op.intrinsic(name)
        t = "bool" if row.result is op.Result.BOOL else "float32"
        same(ex.Call(dtype(t), row, (const(value),)))


def test_what_can_fail_stays() -> None:
    for e in (
        ex.FloorDiv(const(1), const(0)),
        ex.Call(dtype("int32"), op.intrinsic("shift_left"), (const(1), const(40))),
    ):
        assert folded(e) is e


def test_units_and_choices() -> None:
    becomes(
        fold_constants,
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32")):
    for i in range(4):
        if T.Add(1, 2) < 4:
            A[(i * 4 + 0) * 1 + T.Mul(2, 3)] = T.if_then_else(T.Sub(3, 3) == 0, A[i], A[0])
        else:
            A[0] = T.float32(0)
        if i < 3 and T.Add(1, 2) < 3:
            A[1] = T.float32(0)
""",
        """
@T.prim_func
def main(A: T.Buffer((64,), "float32")):
    for i in range(4):
        A[i * 4 + 6] = A[i]
        if i < 3 and T.bool(False):
            A[1] = T.float32(0)
""",
        [floats(64)],
    )


@given(programs())
@settings(max_examples=30, deadline=None)
def test_random_programs_compute_the_same(program: PrimFunc) -> None:
    apply(fold_constants, lower(program, until="flatten_buffer"), arrays_for(program))
