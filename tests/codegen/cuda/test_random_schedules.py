"""Random schedules bound to threads: right after every pass, in the emulator with its checks, accepted by NVRTC."""

from __future__ import annotations

import pytest
import tensorir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorir.codegen import interpreter
from tensorir.codegen.cuda import nvrtc
from tensorir.script import workloads
from tensorir.tir.errors import LowerError, ScheduleError

from .stages import arguments, close, every_stage

SIZES = st.integers(1, 13)
THREADS = st.sampled_from([1, 2, 3, 4, 8, 20, 32, 40])


def attempt(step, *args, **options):
    """What a step gives, None where the schedule refuses it."""
    try:
        return step(*args, **options)
    except ScheduleError:
        return None


@st.composite
def schedules(draw):
    """A function, and it scheduled with loops bound to blocks and threads."""
    kind = draw(st.sampled_from(["matmul", "row_sum", "argmax", "softmax", "transpose", "conv1d_nlc", "layer_norm"]))
    sizes = {"matmul": 3, "conv1d_nlc": 0}.get(kind, 2)
    given = [draw(SIZES) for _ in range(sizes)] or [1, draw(st.integers(3, 9)), draw(SIZES), draw(SIZES), 3]
    func = getattr(workloads, kind)(*given)
    sch = tensorir.Schedule(func)
    for block in sch.get_child_blocks(sch.get_block("root")):
        if draw(st.booleans()):
            bind(draw, sch, block)
    sch.bind_default(max_threads=draw(THREADS))
    return func, sch


def bind(draw, sch, block):
    """Bind a block's loops, some by halves; some of its inputs go through shared memory that threads fill together."""
    types = [iv.iter_type for iv in sch.get(block).iter_vars]
    loops = sch.get_loops(block)
    spatial = [loop for loop, kind in zip(loops, types) if kind == "spatial"]
    if not spatial or len(loops) != len(types):
        return
    cached = [k for k in range(2) if draw(st.booleans())]
    tiles = [t for k in cached if (t := attempt(sch.cache_read, block, k, "shared")) is not None]
    over, inside = attempt(sch.split, spatial[0], [None, draw(st.integers(1, 5))]) or (spatial[0], None)
    attempt(sch.bind, over, "blockIdx.x")
    threads = draw(THREADS)
    if len(spatial) > 1 and draw(st.booleans()):
        halves = attempt(sch.split, spatial[1], [None, threads])
        if halves:
            attempt(sch.bind, halves[1], "threadIdx.x")
            attempt(sch.bind, halves[0], draw(st.sampled_from(["vthread.x", "blockIdx.y", "threadIdx.z"])))
    if inside is not None and draw(st.booleans()):
        attempt(sch.bind, inside, draw(st.sampled_from(["threadIdx.y", "vthread.y"])))
    reducing = [loop for loop, kind in zip(loops, types) if kind == "reduce"]
    at = over
    if reducing:
        outer, inner = attempt(sch.split, reducing[0], [None, draw(THREADS)]) or (reducing[0], reducing[0])
        if draw(st.booleans()):
            attempt(sch.bind, inner, draw(st.sampled_from(["threadIdx.x", "threadIdx.z"])))
        elif draw(st.booleans()):
            at = outer
    for tile in tiles:
        if attempt(sch.compute_at, tile, at) is not None or draw(st.booleans()):
            inner = sch.get_loops(tile)[-1]
            halves = attempt(sch.split, inner, [None, draw(THREADS)])
            attempt(sch.bind, halves[1] if halves else inner, "threadIdx.x")


def check(func, sch):
    try:
        tensorir.lower(sch.mod, "cuda")
    except LowerError:
        return False
    every_stage(sch.func, func)
    arrays = arguments(func)
    want = [a.copy() for a in arrays]
    interpreter.run(func, *want)
    tensorir.build(sch, tensorir.Target("cuda-emulator", arch="sm_90a"))(*arrays)
    close(want, arrays)
    if nvrtc.available():
        tensorir.build(sch, tensorir.Target("cuda", arch="sm_80")).resources()
    return True


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(schedules())
def test_random_schedules(drawn):
    check(*drawn)


@pytest.mark.fuzz
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_many_random_schedules(drawn):
    check(*drawn)
