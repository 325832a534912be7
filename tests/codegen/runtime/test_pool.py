"""The thread pool: every iteration once, codes, nesting, callers from several threads, forks, exits, idling."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tensorir.codegen.runtime import host, jit, native, pool
from tensorir.tir.errors import UserError

# mark: add 1 to env[i] for each iteration, and let the thread's identity and the chunk's size be seen.
# fail: iteration i of chunk [b, e) returns env[i], 0 or a code. slow: sleep, then note the thread.
KERNELS = """
declare i32 @tir_parallel_for(ptr, ptr, i64, i64, i64)
declare i64 @pthread_self()
declare i32 @usleep(i32)

define i32 @mark(ptr %env, i64 %b, i64 %e) {
entry:
  %size = sub i64 %e, %b
  br label %loop
loop:
  %i = phi i64 [ %b, %entry ], [ %j, %loop ]
  %p = getelementptr { i64, i64 }, ptr %env, i64 %i
  %n = atomicrmw add ptr %p, i64 1 monotonic
  %q = getelementptr { i64, i64 }, ptr %env, i64 %i, i32 1
  store i64 %size, ptr %q
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %e
  br i1 %more, label %loop, label %out
out:
  ret i32 0
}
define i32 @marks(ptr %env, i64 %b, i64 %e, i64 %grain) {
  %r = call i32 @tir_parallel_for(ptr @mark, ptr %env, i64 %b, i64 %e, i64 %grain)
  ret i32 %r
}

define i32 @fail(ptr %env, i64 %b, i64 %e) {
  %p = getelementptr i32, ptr %env, i64 %b
  %r = load i32, ptr %p
  store i32 -1, ptr %p
  ret i32 %r
}
define i32 @fails(ptr %env, i64 %b, i64 %e, i64 %grain) {
  %r = call i32 @tir_parallel_for(ptr @fail, ptr %env, i64 %b, i64 %e, i64 %grain)
  ret i32 %r
}

define i32 @slow(ptr %env, i64 %b, i64 %e) {
entry:
  %self = call i64 @pthread_self()
  br label %loop
loop:
  %i = phi i64 [ %b, %entry ], [ %j, %loop ]
  %u = call i32 @usleep(i32 20000)
  %p = getelementptr i64, ptr %env, i64 %i
  store i64 %self, ptr %p
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %e
  br i1 %more, label %loop, label %out
out:
  ret i32 0
}
define i32 @slows(ptr %env, i64 %b, i64 %e, i64 %grain) {
  %r = call i32 @tir_parallel_for(ptr @slow, ptr %env, i64 %b, i64 %e, i64 %grain)
  ret i32 %r
}

; every iteration of the outer loop runs a parallel loop over a row of 16 marks
define i32 @row(ptr %env, i64 %b, i64 %e) {
entry:
  br label %loop
loop:
  %i = phi i64 [ %b, %entry ], [ %j, %loop ]
  %first = mul i64 %i, 16
  %last = add i64 %first, 16
  %r = call i32 @tir_parallel_for(ptr @mark, ptr %env, i64 %first, i64 %last, i64 1)
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %e
  br i1 %more, label %loop, label %out
out:
  ret i32 %r
}
define i32 @rows(ptr %env, i64 %b, i64 %e, i64 %grain) {
  %r = call i32 @tir_parallel_for(ptr @row, ptr %env, i64 %b, i64 %e, i64 %grain)
  ret i32 %r
}
"""


@pytest.fixture(scope="module")
def kernels() -> Iterator[dict[str, Callable[[np.ndarray, int, int, int], int]]]:
    library = jit.load(jit.compile(KERNELS), native.symbols())
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

    def kernel(name: str) -> Callable[[np.ndarray, int, int, int], int]:
        function = prototype(library[name])
        return lambda env, b, e, grain: function(env.ctypes.data, b, e, grain)

    yield {name: kernel(name) for name in ("marks", "fails", "slows", "rows")}
    del library  # until here the code was needed


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    pool.set_num_threads(None)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("grain", [-1, 0, 1, 2, 7, 100, 10**6])
def test_every_iteration_runs_once_in_chunks_of_the_right_size(kernels, threads: int, grain: int) -> None:
    pool.set_num_threads(threads)
    for extent in (0, 1, 2, 3, 5, 16, 17, 1000):
        for begin in (0, 3):
            env = np.zeros((begin + extent + 1, 2), np.int64)
            assert kernels["marks"](env, begin, begin + extent, grain) == 0
            runs, sizes = env[begin : begin + extent].T
            assert (runs == 1).all()
            assert env[:begin].sum() + env[begin + extent :].sum() == 0
            if threads > 1 and extent > 1 and grain > 0:
                assert extent <= grain or sizes.max() <= grain
            if threads > 1 and extent > 1 and grain <= 0:
                chunks = min(4 * threads, extent)
                assert set(sizes) <= {extent // chunks, -(-extent // chunks)}


def test_equal_shares_have_as_many_long_chunks(kernels) -> None:
    pool.set_num_threads(2)
    env = np.zeros((29, 2), np.int64)
    assert kernels["marks"](env, 0, 28, 0) == 0
    assert list(env[:28, 1]) == 4 * (3 * [3] + 4 * [4])


def test_an_empty_or_backward_range_runs_nothing(kernels) -> None:
    env = np.zeros((8, 2), np.int64)
    assert kernels["marks"](env, 5, 5, 0) == 0
    assert kernels["marks"](env, 5, 2, 0) == 0
    assert not env.any()


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("grain", [0, 1])
def test_sleeping_threads_wake_and_take_part(kernels, threads: int, grain: int) -> None:
    pool.set_num_threads(threads)
    env = np.zeros(threads, np.int64)
    taking_part = []
    for _ in range(50):  # a busy machine may let a thread wake too late for its share
        assert kernels["slows"](env, 0, threads, grain) == 0
        assert threading.get_ident() in env  # the caller works too
        taking_part.append(len(set(env)))
        if taking_part.count(threads) == 2:
            return
        time.sleep(0.01)  # the threads go to sleep
    pytest.fail(f"of {threads} threads, so many took part: {taking_part}")


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("grain", [0, 1])
def test_the_code_of_a_failing_chunk_comes_back(kernels, threads: int, grain: int) -> None:
    pool.set_num_threads(threads)
    for failing in range(threads):
        env = np.zeros(threads if grain == 0 else 8, np.int32)
        env[failing] = 40 + failing
        expected = 40 + failing if threads > 1 or failing == 0 else 0  # a serial loop is one chunk
        assert kernels["fails"](env, 0, len(env), grain) == expected
    assert kernels["fails"](np.zeros(8, np.int32), 0, 8, grain) == 0


def test_chunks_not_begun_when_one_fails_are_skipped(kernels) -> None:
    pool.set_num_threads(2)
    env = np.full(100_000, 7, np.int32)
    assert kernels["fails"](env, 0, len(env), 1) == 7
    assert (env == -1).sum() < 1000


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("grain", [0, 1])
def test_a_parallel_loop_inside_another_runs_serially(kernels, threads: int, grain: int) -> None:
    pool.set_num_threads(threads)
    env = np.zeros((16 * 50, 2), np.int64)
    assert kernels["rows"](env, 0, 50, grain) == 0
    assert (env[:, 0] == 1).all()


def test_several_python_threads_may_call_at_once(kernels) -> None:
    pool.set_num_threads(3)
    failures: list[str] = []

    def work(seed: int) -> None:
        for round_ in range(200):
            extent = 1 + (seed * 37 + round_ * 11) % 97
            env = np.zeros((extent, 2), np.int64)
            if kernels["marks"](env, 0, extent, round_ % 3) or not (env[:, 0] == 1).all():
                failures.append(f"{seed} {round_}")

    callers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for caller in callers:
        caller.start()
    for size in (1, 4, 2, 5, 3) * 4:  # and the team may change meanwhile
        pool.set_num_threads(size)
        time.sleep(0.002)
    for caller in callers:
        caller.join()
    assert failures == []


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (1, 5, 2):
        pool.set_num_threads(count)
        assert pool.num_threads() == count
    monkeypatch.delenv("TENSORIR_NUM_THREADS", raising=False)
    pool.set_num_threads(None)
    assert pool.num_threads() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("TENSORIR_NUM_THREADS", "3")
    assert host.default_num_threads() == 3
    pool.set_num_threads(None)
    assert pool.num_threads() == 3


@pytest.mark.parametrize("count", [0, -1, 1025, 2.0, True, "2"])
def test_an_impossible_number_of_threads_is_refused(count: object) -> None:
    before = pool.num_threads()
    with pytest.raises(UserError) as error:
        pool.set_num_threads(count)  # type: ignore[arg-type]
    assert str(error.value) == f"the number of threads must be an integer from 1 to 1024, not {count!r}"
    assert pool.num_threads() == before


@pytest.mark.parametrize("setting", ["0", "many", "-2", "1.5"])
def test_an_impossible_environment_variable_is_refused(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORIR_NUM_THREADS", setting)
    with pytest.raises(UserError, match="TENSORIR_NUM_THREADS must be an integer from 1 to 1024, not "):
        host.default_num_threads()


def test_idle_threads_use_no_processor_time(kernels) -> None:
    pool.set_num_threads(4)
    assert kernels["marks"](np.zeros((64, 2), np.int64), 0, 64, 0) == 0
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


PROCESS = f'''
import ctypes, os, sys, threading, time
import numpy as np
from tensorir.codegen.runtime import jit, native, pool
pool.set_num_threads(3)
library = jit.load(jit.compile("""{KERNELS}"""), native.symbols())
prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
marks, slows = prototype(library["marks"]), prototype(library["slows"])
def check(n=3):
    env = np.zeros((50, 2), np.int64)
    assert marks(env.ctypes.data, 0, 50, 0) == 0 and (env[:, 0] == 1).all()
    seen = np.zeros(n, np.int64)
    assert slows(seen.ctypes.data, 0, n, 0) == 0 and seen.all() and len(set(seen)) > 1, seen
def child():
    pid = os.fork()
    if pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    else:
        check()
        sys.exit(0)
'''


def run(script: str, **env: str) -> str:
    """What a fresh interpreter prints; it must end by itself, soundly."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROCESS + script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **env},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_forked_child_has_a_pool_of_its_own() -> None:
    assert run("check()\nchild()\ncheck()\nchild()\nprint('done')") == "done\n"


def test_a_child_forked_while_the_pool_works() -> None:
    script = """
busy = threading.Thread(target=lambda: [check() for _ in range(10)])
busy.start()
for _ in range(4):
    time.sleep(0.02)
    child()
busy.join()
print("done")
"""
    assert run(script) == "done\n"


def test_the_interpreter_exits_with_threads_asleep_awake_and_at_work() -> None:
    assert run("check()\ntime.sleep(0.1)\nprint('asleep')") == "asleep\n"
    assert run("check()\nprint('awake')") == "awake\n"
    at_work = """
env = np.zeros(1000, np.int64)
threading.Thread(target=lambda: slows(env.ctypes.data, 0, 1000, 1), daemon=True).start()
time.sleep(0.1)
print("at work")
"""
    assert run(at_work) == "at work\n"


def test_a_loop_after_the_threads_were_ended_runs_serially() -> None:
    script = """
def tasks():
    return len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0
before = tasks()
check()
native.function("tir_pool_stop", None)()
env = np.zeros((50, 2), np.int64)
assert marks(env.ctypes.data, 0, 50, 0) == 0 and (env[:, 0] == 1).all()
print(pool.num_threads(), tasks() - before)
"""
    assert run(script) == "1 0\n"


def test_the_environment_sets_the_number_of_threads() -> None:
    assert run("pool.set_num_threads(None)\nprint(pool.num_threads())", TENSORIR_NUM_THREADS="5") == "5\n"
