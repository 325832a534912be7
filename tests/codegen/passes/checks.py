"""What every pass must satisfy: the result verifies, prints and parses back, and computes the same."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tensorir import parse
from tensorir.codegen.interpreter import run
from tensorir.codegen.target import Target
from tensorir.tir.function import PrimFunc
from tensorir.tir.same import assert_structural_equal
from tensorir.tir.verify import verify

TARGET = Target("llvm")

Pass = Callable[[PrimFunc, Target], PrimFunc]


def apply(step: Pass, func: PrimFunc, arrays: Sequence[Any] = (), target: Target = TARGET) -> PrimFunc:
    """The function after a pass, after checking all of the above on copies of `arrays`, bit for bit."""
    out = step(func, target)
    verify(out)
    assert_structural_equal(parse(out.script()), out)
    if arrays:
        want, got = [copy(a) for a in arrays], [copy(a) for a in arrays]
        run(func, *want)
        run(out, *got, sanitize=True)
        for a, b in zip(want, got):
            if isinstance(a, np.ndarray):
                np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8))
    return out


def copy(argument: Any) -> Any:
    """A copy of an array; a number as it is."""
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def becomes(step: Pass, before: str, after: str, arrays: Sequence[Any] = (), target: Target = TARGET) -> None:
    """Check that a pass turns the program `before` into the program `after`."""
    assert_structural_equal(apply(step, parse(before), arrays, target), parse(after))


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    """Random float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")
