"""Sketches replay to programs that compute the same."""

from random import Random

import pytest
import tensorir
from tensorir.meta_schedule.replay import Replayer
from tensorir.meta_schedule.space import design_space
from tensorir.script import workloads

PROGRAMS = {
    "matmul": lambda: workloads.matmul(12, 16, 8),
    "softmax": lambda: workloads.softmax(6, 16),
    "layer_norm": lambda: workloads.layer_norm(6, 16),
    "conv2d": lambda: workloads.conv2d_nhwc(1, 6, 6, 4, 4, 3, 1, 1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_random_candidates_compute_the_same(name: str) -> None:
    program = PROGRAMS[name]()
    make = Replayer(program, "llvm")
    for sketch in design_space(program, "llvm"):
        for seed in range(2):
            try:
                candidate = make(sketch.trace, rng=Random(seed))
            except tensorir.ScheduleError:
                continue
            candidate.verify()
