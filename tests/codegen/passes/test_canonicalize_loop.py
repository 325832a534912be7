"""Loops start at 0, whatever their kind and wherever they started."""

import numpy as np
import pytest
from tensorir.codegen.passes.canonicalize_loop import canonicalize_loop

from .checks import becomes

TEXT = """
@T.prim_func
def main(A: T.Buffer((64,), "int32")):
    for i in T.{kind}({first}):
        for j in range({second}):
            A[{at}] = i * j
"""


@pytest.mark.parametrize("kind", ("serial", "parallel"))
def test_loops(kind):
    before = TEXT.format(kind=kind, first="3, 7", second="i, 8", at="i * 8 + j")
    inner = "for j in range(8 - (i + 3)):\n            A[(i + 3) * 8 + (j + (i + 3))] = (i + 3) * (j + (i + 3))"
    after = TEXT.format(kind=kind, first="4", second="0", at="0").split("for j")[0] + inner + "\n"
    becomes(canonicalize_loop, before, after, [np.zeros(64, "i4")])


def test_a_loop_from_zero_stays():
    text = TEXT.format(kind="serial", first="4", second="8", at="i * 8 + j")
    becomes(canonicalize_loop, text, text)
