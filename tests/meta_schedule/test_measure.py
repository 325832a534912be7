"""Candidates are measured in processes of their own, checked against the reference, and every way to fail is told."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tensorir import Target, parse
from tensorir.meta_schedule.measure import child
from tensorir.meta_schedule.measure.case import Prepared, inputs, outputs
from tensorir.meta_schedule.measure.disturbance import Waits, undisturbed
from tensorir.meta_schedule.measure.limits import Limits
from tensorir.meta_schedule.measure.outcome import Outcome, Status, median_interval
from tensorir.meta_schedule.measure.runner import Job, LocalRunner

HEAD = """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
"""
PROGRAM = (
    HEAD
    + """
    for i in range(64):
        with T.block("B"):
            v = T.axis.spatial(64, i)
            B[v] = A[v] + T.float32(1)
"""
)
PARALLEL = PROGRAM.replace("in range(64)", "in T.parallel(64)")
FAULTS = {
    Status.WRONG: PROGRAM.replace("T.float32(1)", "T.float32(2)"),
    Status.CRASH: HEAD
    + """
    for i in range(64):
        B[i] = A[i]
    T.evaluate(T.call_extern("int32", "abort"))
""",
    Status.TIMEOUT: HEAD
    + """
    n = T.alloc_buffer((1,), "int32")
    n[0] = 1
    while n[0] > 0:
        n[0] = 1 + n[0] % 3
    B[0] = A[0]
""",
    Status.MEMORY: HEAD
    + """
    big = T.alloc_buffer((T.int64(25000000000),), "float32")
    for i in range(64):
        big[T.Cast("int64", i) * T.int64(390000000)] = A[i]
    for i in range(64):
        B[i] = big[T.Cast("int64", i) * T.int64(390000000)] + T.float32(1)
""",
    Status.BUILD: HEAD.replace("main", "other") + "    B[0] = T.call_extern('float32', 'no_such_function', A[0])\n",
}
NAN = PROGRAM.replace("A[v] + T.float32(1)", "A[v] / (A[v] - A[v]) * T.float32(0)")
LIMITS = Limits(run_seconds=1.0, build_seconds=20.0, sample_seconds=0.005, memory_bytes=1 << 30)


@pytest.fixture(scope="module")
def runner() -> Iterator[LocalRunner]:
    with LocalRunner(LIMITS) as made:
        made.prepare("t", PROGRAM, Target("llvm"), 0)
        yield made


def test_right_programs_are_timed(runner: LocalRunner) -> None:
    found = dict(runner.measure("t", [Job("a", PROGRAM), Job("b", PARALLEL)], None))
    assert {o.status for o in found.values()} == {Status.OK}, found
    assert all(o.samples and 0 < o.interval[0] <= o.ms <= o.interval[1] for o in found.values())
    assert all(o.build_ms > 0 for o in found.values())
    assert runner.ready("t") > 0


@pytest.mark.parametrize("status", FAULTS, ids=lambda s: s.name)
def test_each_fault_is_told_by_its_kind_and_harms_nobody_else(runner: LocalRunner, status: Status) -> None:
    found = dict(runner.measure("t", [Job("bad", FAULTS[status]), Job("good", PROGRAM)], None))
    assert found["bad"].status is status, found["bad"]
    assert found["bad"].detail
    assert found["bad"].failed and not found["bad"].samples
    assert found["good"].ok


def test_code_that_is_far_too_long_is_not_compiled() -> None:
    long = PROGRAM.replace("in range(64)", "in T.unroll(64)")
    with LocalRunner(replace(LIMITS, block_lines=50)) as runner:
        runner.prepare("t", PROGRAM, Target("llvm"), 0)
        found = dict(runner.measure("t", [Job("long", long), Job("short", PROGRAM)], None))
    assert found["short"].ok
    assert found["long"].status is Status.BUILD and "more than 150" in found["long"].detail


def test_nan_is_a_wrong_result(runner: LocalRunner) -> None:
    ((_, found),) = runner.measure("t", [Job("nan", NAN)], None)
    assert found.status is Status.WRONG and "nan" in found.detail


def test_unwritten_outputs_are_found(runner: LocalRunner) -> None:
    half = PROGRAM.replace("range(64)", "range(63)")
    ((_, found),) = runner.measure("t", [Job("half", half)], None)
    assert found.status is Status.WRONG and "B[63]" in found.detail


def test_a_far_slower_candidate_is_given_up(runner: LocalRunner) -> None:
    slow = (
        HEAD
        + """
    for t in range(4000000):
        for i in range(64):
            with T.block("B"):
                v = T.axis.spatial(64, i)
                B[v] = T.sin(T.sin(T.sin(A[v]))) + T.float32(1)
"""
    )
    ((_, found),) = runner.measure("t", [Job("slow", slow)], 1.0)
    assert found.status is Status.SLOW and not found.failed
    assert found.ms >= 200
    ((_, found),) = runner.measure("t", [Job("slow", slow)], 0.001)
    assert found.status is Status.TIMEOUT, "a thousand times the best is no patience"


def test_a_race_takes_a_sample_each_round_and_drops_who_fails(runner: LocalRunner) -> None:
    found = runner.race("t", [Job("a", PROGRAM), Job("b", PARALLEL), Job("c", FAULTS[Status.WRONG])], 7)
    assert len(found["a"].samples) == len(found["b"].samples) == 7
    assert found["c"].status is Status.WRONG


def test_a_warden_that_dies_is_replaced(runner: LocalRunner) -> None:
    assert runner._process is not None
    runner._process.kill()
    assert dict(runner.measure("t", [Job("a", PROGRAM)], None))["a"].ok


def test_several_tasks_share_a_runner(runner: LocalRunner) -> None:
    other = PROGRAM.replace("T.float32(1)", "T.float32(2)")
    runner.prepare("other", other, Target("llvm"), 0)
    assert dict(runner.measure("other", [Job("a", other)], None))["a"].ok
    assert dict(runner.measure("t", [Job("a", other)], None))["a"].status is Status.WRONG


def test_a_failing_reference_is_the_users_error() -> None:
    from tensorir import UserError

    with LocalRunner(LIMITS, reference_seconds=0.5) as runner:
        runner.prepare("t", FAULTS[Status.TIMEOUT], Target("llvm"), 0)
        with pytest.raises(UserError, match="the unscheduled program fails"):
            runner.ready("t")


def test_what_is_read_and_what_is_written() -> None:
    text = """
@T.prim_func
def main(A: T.Buffer((8, 8), "float32"), C: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 8):
        with T.block("C"):
            v, r = T.axis.remap("SR", [i, k])
            with T.init():
                C[v] = T.float32(0)
            C[v] += A[v, r]
    for i in range(8):
        with T.block("D"):
            v = T.axis.spatial(8, i)
            D[v] = D[v] + C[v]
"""
    function = parse(text)
    assert outputs(function) == (1, 2)
    assert inputs(function) == (0, 2)
    made = Prepared(function, 0).arguments()
    assert all(x != x for x in made[1].tolist()) and all(x == x for x in made[2].tolist())


def test_outcomes_go_through_json() -> None:
    outcome = Outcome(Status.OK, (1.0, 2.0, 4.0), "", 3.0, 5.0)
    assert Outcome.from_json(outcome.as_json()) == outcome
    assert outcome.ms == 2.0


def test_the_interval_of_the_median_holds_it() -> None:
    samples = [float(n) for n in range(100)]
    low, high = median_interval(samples)
    assert 38 <= low <= 41 and 58 <= high <= 61
    assert median_interval([]) == (float("inf"), float("inf"))


def test_samples_that_something_disturbed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.0, 2.1, 1.02, 2.0, 1.9, 1.01])
    monkeypatch.setattr(child, "_sample", lambda *_: next(times))
    assert child.timed(print, [], 1e9, False, most=6, clock=time.thread_time) == [
        1.0,
        1.02,
        1.01,
    ]  # the very first tells how often to repeat


def test_samples_that_never_agree_are_all_given(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.0, 2.1, 2.2, 3.0, 4.9, 5.0])
    monkeypatch.setattr(child, "_sample", lambda *_: next(times))
    assert len(child.timed(print, [], 1e9, False, most=6, clock=time.thread_time)) == 6


def test_samples_during_which_threads_waited_are_disturbed() -> None:
    assert undisturbed([10.0, 10.0, 20.0, 10.0, 10.0], [0, 0, 0, 9, 9, 9.1]) == [
        10.0,
        10.0,
        10.0,
    ]  # the first, last two
    assert undisturbed([1.0, 2.0], [5.0, 5.0, 5.0]) == [1.0, 2.0]
    assert undisturbed([1.0, 2.0], [5.0, 5.0, 6.0]) == []


def test_a_thread_that_waits_for_a_processor_is_seen() -> None:
    one = {min(os.sched_getaffinity(0))}
    before = os.sched_getaffinity(0)
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        os.sched_setaffinity(other.pid, one)
        os.sched_setaffinity(0, one)
        with Waits() as waits:
            begin, end = waits.ms(), time.monotonic() + 20
            while waits.ms() == begin and time.monotonic() < end:
                pass
            assert waits.ms() > begin
        with Waits(watched=False) as blind:
            assert blind.ms() == 0
    finally:
        os.sched_setaffinity(0, before)
        other.kill()
        other.wait()


@pytest.mark.parametrize(("threads", "clock"), [(1, time.thread_time), (2, time.perf_counter)])
def test_one_thread_is_timed_by_its_own_processor_time(
    threads: int, clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(child, "set_num_threads", set_to.append)
    assert child.clock_of(Target("llvm", num_threads=threads)) is clock
    assert set_to == [threads]
