"""A first matmul from a fresh interpreter: import, parse, schedule, build, call; prints the milliseconds it took."""

import time

start = time.perf_counter()

import numpy as np  # noqa: E402
import tensorir  # noqa: E402
from _matmul import decorated, primitives  # noqa: E402
from tensorir import T  # noqa: E402

sch = tensorir.Schedule(decorated(T))
primitives(sch, sch.get_block)
function = tensorir.build(sch.mod, target="llvm")
function(*(np.zeros((1024, 1024), np.float32) for _ in range(3)))
print(1e3 * (time.perf_counter() - start))
