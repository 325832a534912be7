"""A first matmul from a fresh interpreter in TVM: import, parse, schedule, build, call; prints the milliseconds."""

import time

start = time.perf_counter()

import numpy as np  # noqa: E402
import peers  # noqa: E402
import tvm  # noqa: E402
from _matmul import primitives, tvm_decorated  # noqa: E402
from tvm import s_tir  # noqa: E402
from tvm.script import tirx as T  # noqa: E402

sch = s_tir.Schedule(tvm_decorated(T))
primitives(sch, sch.get_sblock)
function = tvm.compile(sch.mod, target=peers.tvm_target())["main"]
function(*(tvm.runtime.tensor(np.zeros((1024, 1024), np.float32)) for _ in range(3)))
print(1e3 * (time.perf_counter() - start))
