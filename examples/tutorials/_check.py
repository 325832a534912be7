"""Runs the schedules of these tutorials through the interpreter and compares what they compute with numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def check(program: Any, schedule: Callable[[Any], None], expected: Callable[..., Any], show: bool = False) -> None:
    """Apply `schedule` to `program`, verify the result with the sanitizer, and compare it with numpy on random inputs.

    Parameters
    ----------
    program: its last parameter is the output.
    expected: numpy's version, from the inputs to the output.
    show: print the scheduled program.
    """
    import tensorir
    from tensorir.codegen.interpreter import run

    sch = tensorir.Schedule(program, seed=0)
    schedule(sch)
    if show:
        print(sch.mod.script())
    rng = np.random.default_rng(0)
    *inputs, output = (
        np.asarray(rng.standard_normal([int(e) for e in buffer.shape]), str(buffer.dtype)) for buffer in program.buffers
    )
    sch.verify(trials=1, backend="interpreter", sanitize=True)
    run(sch.mod, *inputs, output)
    np.testing.assert_allclose(output, expected(*inputs), rtol=1e-4, atol=1e-4)
    print(f"{schedule.__name__}: {len(sch.trace)} steps, the interpreter and numpy agree")
