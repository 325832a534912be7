"""Narrow floats computed in wider ones: every operation rounded once, bit for bit; memory stays as it is."""

import numpy as np
import pytest
from tensorir import parse
from tensorir.codegen.passes.compute_legalize import compute_legalize
from tensorir.tir.dtype import dtype
from tensorir.tir.expr import BinaryOp, CmpOp
from tensorir.tir.visit import walk

from ..programs import sample
from .checks import apply

TYPES = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")

TEXT = """
@T.prim_func
def main(A: T.Buffer((64,), "{t}"), B: T.Buffer((64,), "{t}"), C: T.Buffer((64,), "{t}")):
    for i in range(64):
        C[i] = T.Select(A[i] < B[i], A[i] * B[i] + A[i], T.sqrt(T.abs(A[i])) - B[i] / T.{t}(3))
"""


@pytest.mark.parametrize("type_", TYPES)
def test_results_are_the_same_bit_by_bit(type_):
    arrays = [sample(type_, 64, 0), sample(type_, 64, 1), np.zeros(64, dtype(type_).numpy)]
    out = apply(lambda f, target: compute_legalize(f, frozenset(TYPES)), parse(TEXT.format(t=type_)), arrays)
    operations = [n for n in walk(out) if isinstance(n, (BinaryOp, CmpOp)) and n.a.dtype.is_float]
    assert operations
    assert {str(n.a.dtype) for n in operations} == {"float32"}
    assert [str(b.dtype) for b in out.buffers] == [type_] * 3
