"""A variable that several loops define becomes one for each."""

import numpy as np
from tensorir import parse
from tensorir.codegen.passes.convert_ssa import convert_ssa
from tensorir.tir.stmt import For, seq
from tensorir.tir.visit import walk

from .checks import TARGET, apply

TEXT = """
@T.prim_func
def main(A: T.Buffer((8,), "int32")):
    for i in range(8):
        x: T.int32 = A[i] + i
        A[i] = x * 2
"""


def test_a_body_used_twice():
    func = parse(TEXT)
    twice = func.with_body(seq(func.body, func.body))
    out = convert_ssa(twice, TARGET)
    loops = [n.loop_var for n in walk(out) if isinstance(n, For)]
    assert len(loops) == len(set(loops)) == 2
    again = apply(convert_ssa, out, [np.arange(8, dtype="i4")])
    assert again is out
