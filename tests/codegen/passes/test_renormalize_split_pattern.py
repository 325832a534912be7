"""Digits of one number: the remainder is taken last, and the value stays the same."""

import numpy as np
import pytest
from tensorir.codegen.passes.renormalize_split_pattern import renormalize_split_pattern

from .checks import becomes

TEXT = """
@T.prim_func
def main(A: T.Buffer((64,), "int32")):
    for i in range(64):
        A[i] = {}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("i % 12 // 4", "i // 4 % 3"),
        ("(i * 3 + 1) % 24 // 6 * 2", "(i * 3 + 1) // 6 % 4 * 2"),
        ("(0 - i) % 12 // 3", "(0 - i) // 3 % 4"),
        ("i % 12 // 5", "i % 12 // 5"),
        ("i // 4 % 3", "i // 4 % 3"),
        ("i % 12 // (0 - 4)", "i % 12 // (0 - 4)"),
    ],
)
def test_digits(before, after):
    becomes(renormalize_split_pattern, TEXT.format(before), TEXT.format(after), [np.zeros(64, "i4")])
