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
AXES = st.sampled_from(["threadIdx.x", "threadIdx.y", "threadIdx.z"])
SHARED = st.sampled_from(["shared", "shared", "shared.dyn"])

WORKLOADS = {
    "matmul": st.tuples(SIZES, SIZES, SIZES),
    "batch_matmul": st.tuples(st.integers(1, 3), SIZES, SIZES, SIZES),
    "row_sum": st.tuples(SIZES, SIZES),
    "argmax": st.tuples(SIZES, SIZES),
    "softmax": st.tuples(SIZES, SIZES),
    "layer_norm": st.tuples(SIZES, SIZES),
    "rms_norm": st.tuples(SIZES, SIZES),
    "transpose": st.tuples(SIZES, SIZES),
    "conv1d_nlc": st.tuples(st.just(1), st.integers(3, 9), SIZES, SIZES, st.just(3)),
    "matmul_relu": st.tuples(SIZES, SIZES, SIZES),
}


def attempt(step, *args, **options):
    """What a step gives, or True if that is nothing; None where the schedule refuses it."""
    try:
        out = step(*args, **options)
    except ScheduleError:
        return None
    return True if out is None else out


@st.composite
def schedules(draw):
    """A function, and it scheduled with loops bound to blocks and threads."""
    kind = draw(st.sampled_from(list(WORKLOADS)))
    func = getattr(workloads, kind)(*draw(WORKLOADS[kind]))
    sch = tensorir.Schedule(func, seed=0)
    if draw(st.booleans()):
        fuse_blocks(draw, sch)
    for block in sch.get_child_blocks(sch.get_block("root")):
        if draw(st.booleans()):
            bind(draw, sch, block)
    sch.bind_default(max_threads=draw(THREADS))
    return func, sch


def loops_of(sch, block, kind):
    """The loops of a block that nothing has divided yet, of one kind of its iterators."""
    types = [iv.iter_type for iv in sch.get(block).iter_vars]
    loops = sch.get_loops(block)
    return [loop for loop, t in zip(loops, types) if t == kind] if len(loops) == len(types) else []


def fuse_blocks(draw, sch):
    """Compute what the last block uses inside of its loops, in memory of a block's or a thread's own."""
    *producers, last = sch.get_child_blocks(sch.get_block("root"))
    spatial = loops_of(sch, last, "spatial")
    if not producers or not spatial:
        return
    sch.bind(spatial[0], "blockIdx.x")
    if len(spatial) > 1 and draw(st.booleans()):
        sch.bind(spatial[1], draw(AXES))
    at = draw(st.sampled_from(spatial))
    for block in reversed(producers):
        if attempt(sch.compute_at, block, at) is None:
            continue
        scope = draw(st.sampled_from(["shared", "shared", "local"]))
        attempt(sch.set_scope, block, 0, scope)
        if draw(st.booleans()):
            distribute(draw, sch, block)


def bind(draw, sch, block):
    """Bind a block's loops, some by halves; some of its inputs go through shared memory that threads fill together."""
    spatial, reducing = (loops_of(sch, block, kind) for kind in ("spatial", "reduce"))
    if not spatial:
        return
    scopes = [draw(SHARED) for _ in range(2) if draw(st.booleans())]
    tiles = [t for k, scope in enumerate(scopes) if (t := attempt(sch.cache_read, block, k, scope)) is not None]
    written = None
    if draw(st.booleans()):
        written = attempt(sch.cache_write, block, 0, draw(st.sampled_from(["local", "local", "shared"])))
    over, inside = attempt(sch.split, spatial[0], [None, draw(st.integers(1, 5))]) or (spatial[0], None)
    attempt(sch.bind, over, "blockIdx.x")
    threads = draw(THREADS)
    around = over
    if len(spatial) > 1 and draw(st.booleans()):
        halves = attempt(sch.split, spatial[1], [None, threads])
        if halves:
            attempt(sch.bind, halves[1], "threadIdx.x")
            attempt(sch.bind, halves[0], draw(st.sampled_from(["vthread.x", "blockIdx.y", "threadIdx.z"])))
            around = draw(st.sampled_from([over, *halves]))
    if inside is not None and draw(st.booleans()):
        attempt(sch.bind, inside, draw(st.sampled_from(["threadIdx.y", "vthread.y"])))
    at = over
    if reducing:
        outer, inner = attempt(sch.split, reducing[0], [None, draw(THREADS)]) or (reducing[0], reducing[0])
        if draw(st.booleans()):
            attempt(sch.bind, inner, draw(st.sampled_from(["threadIdx.x", "threadIdx.z"])))
        elif draw(st.booleans()):
            at = outer
        if draw(st.booleans()):
            attempt(sch.decompose_reduction, block, draw(st.sampled_from([outer, around])))
    for tile in tiles:
        if attempt(sch.compute_at, tile, at) is None:
            attempt(sch.set_scope, tile, 0, "global")
        elif draw(st.booleans()):
            distribute(draw, sch, tile)
    if written is not None:
        if attempt(sch.reverse_compute_at, written, around) is None:
            attempt(sch.set_scope, block, 0, "global")
        elif draw(st.booleans()):
            distribute(draw, sch, written)


def distribute(draw, sch, copy):
    """Let threads share a copy, some of them vectors."""
    inner = [loop for loop in sch.get_loops(copy) if sch.get(loop).kind.value == "serial"]
    if not inner:
        return
    if len(inner) > 1 and draw(st.booleans()):
        inner[-2:] = [attempt(sch.fuse, *inner[-2:]) or inner[-1]]
    if draw(st.booleans()):
        halves = attempt(sch.split, inner[-1], [None, draw(st.sampled_from([2, 4]))])
        if halves:
            attempt(sch.vectorize, halves[1])
            inner[-1] = halves[0]
    halves = attempt(sch.split, inner[-1], [None, draw(THREADS)])
    attempt(sch.bind, halves[1] if halves else inner[-1], draw(AXES))


def check(func, sch):
    arrays = arguments(func)
    try:
        module = tensorir.build(sch, tensorir.Target("cuda-emulator", arch="sm_90a"))
    except LowerError:
        return False
    every_stage(sch.func, func)
    want = [a.copy() for a in arrays]
    interpreter.run(func, *want)
    module(*arrays)
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
