"""Vectors of indices as arithmetic progressions: what is found is equal lane by lane, and what is none stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir.codegen.passes.lanes import as_ramp, scalar_of
from tensorir.tir import op
from tensorir.tir.arith.evaluate import value_of
from tensorir.tir.expr import Broadcast, Expr, Ramp, Var, const

N = Var("n")


def ramp(base, stride=1, lanes=8) -> Expr:
    return Ramp(base if isinstance(base, Expr) else const(base), const(stride), lanes)


def wide(value: int, lanes: int = 8) -> Expr:
    return Broadcast(const(value), lanes)


@pytest.mark.parametrize(
    ("vector", "want"),
    [
        (op.floordiv(ramp(0), wide(4)) * wide(4) + op.floormod(ramp(0), wide(4)), (0, 1)),
        (op.floordiv(ramp(0), wide(4)) * wide(12) + op.floormod(ramp(0), wide(4)), None),
        (ramp(0) * wide(3) + wide(5), (5, 3)),
        (op.floordiv(ramp(0), wide(8)), (0, 0)),
        (op.floormod(ramp(4), wide(8)), None),
        (ramp(0) * ramp(0), None),
    ],
)
def test_progressions(vector, want):
    found = as_ramp(vector)
    assert (found is vector) if want is None else (found.base.value, found.stride.value) == want


def test_symbolic_bases():
    found = as_ramp(op.floordiv(ramp(N * 8), wide(4)) * wide(4) + op.floormod(ramp(N * 8), wide(4)))
    assert str(found.base) == str(N * 8)
    assert found.stride.value == 1


vectors = st.recursive(
    st.builds(ramp, st.integers(-9, 9), st.integers(-3, 3)) | st.builds(wide, st.integers(-9, 9)),
    lambda inner: (
        st.builds(
            lambda f, a, b: f(a, b),
            st.sampled_from([lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b]),
            inner,
            inner,
        )
        | st.builds(
            lambda f, a, k: f(a, wide(k)), st.sampled_from([op.floordiv, op.floormod]), inner, st.integers(1, 9)
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(vectors)
def test_a_progression_found_has_the_same_lanes(vector):
    lane = Var("lane")
    value = scalar_of(vector, lane)
    found = as_ramp(vector)
    want = [value_of(value, {lane: k}) for k in range(8)]
    if isinstance(found, Ramp):
        base, stride = value_of(found.base, {}), value_of(found.stride, {})
        assert want == [base + stride * k for k in range(8)]
    else:
        assert isinstance(found, Broadcast) or len(set(np.diff(want))) > 1 or found is vector
