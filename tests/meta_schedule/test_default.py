"""The default schedule computes the same, comes quickly, and is one the model prefers to the program as it is."""

import time
from typing import Any

import numpy as np
import pytest
import tensorir
from tensorir import T
from tensorir.meta_schedule import default
from tensorir.meta_schedule.analytical import predict_ms
from tensorir.script import workloads

from .candidates import PROGRAMS, symbols_of

SLOW = ("conv2d_nhwc", "conv2d_nchw", "conv2d_depthwise", "conv2d_im2col", "conv2d_winograd", "attention")
"""What takes longest to compile is left to the tests of candidates."""


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in SLOW])
def test_default_schedules_compute_the_same(name: str) -> None:
    program = PROGRAMS[name]()
    sch = tensorir.default_schedule(program, "llvm", seconds=0.05)
    assert predict_ms(sch, "llvm") <= predict_ms(program, "llvm")
    sch.verify(trials=1, backend="llvm", **symbols_of(program))


def test_a_matmul_gets_a_packed_register_tile() -> None:
    sch = tensorir.default_schedule(workloads.matmul(256, 256, 256), tensorir.Target("llvm", cpu="skylake-avx512"))
    text = sch.mod.script()
    assert "T.parallel" in text
    assert "T.vectorized" in text
    assert "T.unroll" in text
    assert 'scope="local"' in text


@pytest.mark.parametrize("kind", ["llvm", "cuda"])
@pytest.mark.parametrize("name", ["matmul_one_row", "conv2d_grouped", "matmul_symbolic", "softmax"])
def test_the_same_comes_each_time_however_slow_the_machine(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tensorir.Target("cuda") if kind == "cuda" else tensorir.Target("llvm", cpu="skylake-avx512")
    program = PROGRAMS[name]()
    first = tensorir.default_schedule(program, target)
    clock = time.perf_counter
    monkeypatch.setattr(default.time, "perf_counter", lambda: 3 * clock())
    assert tensorir.default_schedule(program, target).trace.dumps() == first.trace.dumps()


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = default.Replayer.__call__

    def counted(self: Any, trace: tensorir.Trace, **given: Any) -> tensorir.Schedule:
        made.append(real(self, trace, **given))
        return made[-1]

    monkeypatch.setattr(default.Replayer, "__call__", counted)
    tensorir.default_schedule(workloads.matmul(256, 256, 256), tensorir.Target("llvm", cpu="skylake-avx512"))
    assert sum(len(sch.trace) for sch in made[:-1]) < default.STEPS


def test_a_sketch_whose_own_decisions_do_not_fit_is_drawn_anew() -> None:
    target = tensorir.Target("cuda", max_shared_memory_per_block=1 << 13)
    sch = tensorir.default_schedule(workloads.matmul(256, 256, 256), target)
    assert 'scope="shared"' in sch.mod.script()


def test_what_rules_cannot_work_on_stays() -> None:
    @T.prim_func
    def scan(A: T.Buffer((20,), "int32"), B: T.Buffer((20,), "int32")):
        with T.block("root"):
            for i in range(20):
                with T.block("B"):
                    vi = T.axis.scan(20, i)
                    T.reads(A[0:20], B[0:20])
                    T.writes(B[0:20])
                    if vi == 0:
                        B[vi] = A[vi]
                    else:
                        B[vi] = B[vi - 1] + A[vi]

    sch = tensorir.default_schedule(scan)
    a, b = np.arange(20, dtype="int32"), np.zeros(20, "int32")
    tensorir.build(sch.mod)(a, b)
    np.testing.assert_array_equal(b, np.cumsum(a))
