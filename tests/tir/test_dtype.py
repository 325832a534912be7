"""Data types: spelling, parts, limits, numpy's side."""

import ml_dtypes
import numpy as np
import pytest
from tensorir.tir.dtype import NAMES, dtype
from tensorir.tir.errors import UserError


@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name: str) -> None:
    t = dtype(name)
    assert t == name and dtype(t) is t and dtype(name) is t
    vector = t.with_lanes(8)
    assert vector == f"{name}x8" and vector.lanes == 8 and vector.element is t and vector.bits == t.bits


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("handle", "void")])
def test_limits_agree_with_numpy(name: str) -> None:
    t = dtype(name)
    if t.is_float:
        info = ml_dtypes.finfo(t.numpy)
        assert t.max == float(info.max) and t.min == float(info.min)
    elif t.bits >= 8:
        assert (t.min, t.max) == (np.iinfo(t.numpy).min, np.iinfo(t.numpy).max)
    else:
        assert (t.min, t.max) == {"int4": (-8, 7), "uint4": (0, 15), "bool": (0, 1)}[name]


@pytest.mark.parametrize(
    "bad", ["float31", "flot32", "int", "float32x1", "float32x0", "bool8", "int32 x4", "", "x4", "float"]
)
def test_wrong_spelling(bad: str) -> None:
    with pytest.raises(UserError, match="unknown data type"):
        dtype(bad)


def test_python_and_numpy_types() -> None:
    assert dtype(int) == "int32" and dtype(float) == "float32" and dtype(bool) == "bool"
    assert dtype(np.float64) == "float64" and dtype(np.dtype("uint8")) == "uint8"
    assert dtype(ml_dtypes.bfloat16) == "bfloat16" and dtype(np.dtype(ml_dtypes.float8_e4m3fn)) == "float8_e4m3fn"
    with pytest.raises(UserError):
        dtype([])


def test_handles_have_no_numpy_type() -> None:
    with pytest.raises(UserError, match="no numpy counterpart"):
        dtype("handle").numpy
