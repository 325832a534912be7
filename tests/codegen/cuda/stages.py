"""Runs a schedule's program after every pass for a GPU, in the interpreter with its sanitizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tensorir.codegen import interpreter
from tensorir.codegen.lower import PASSES, Pass
from tensorir.codegen.target import Target
from tensorir.tir.function import PrimFunc
from tensorir.tir.verify import verify

from ...ready_workloads import arrays as arguments

GPU = Target("cuda", arch="sm_90a")


def close(want, got, message=""):
    """Compare arrays to the precision of their types."""
    for a, b in zip(want, got, strict=True):
        if a.dtype.kind in "iub":
            np.testing.assert_array_equal(a, b, err_msg=message)
        else:
            tolerance = {1: 0.3, 2: 3e-2, 4: 2e-4, 8: 1e-9}[a.itemsize]
            np.testing.assert_allclose(a.astype("f8"), b.astype("f8"), tolerance, tolerance, err_msg=message)


def every_stage(func: PrimFunc, original: PrimFunc, target: Target = GPU, passes: Sequence[Pass] = PASSES) -> PrimFunc:
    """`func` lowered by `passes`, having computed what `original` does after every one, without races."""
    arrays = arguments(original)
    want = [a.copy() for a in arrays]
    interpreter.run(original, *want)
    for step in passes:
        before, func = func, step(func, target)
        if func is not before:
            verify(func)
            got = [a.copy() for a in arrays]
            interpreter.run(func, *got, sanitize=True)
            close(want, got, f"after {step.__name__}")
    return func
