"""The thread pool that parallel loops run on: how many threads it has.

The pool itself is native (`pool.ll`); generated code reaches it as

    i32 @tir_parallel_for(ptr %body, ptr %env, i64 %begin, i64 %end, i64 %grain)

which runs `i32 body(ptr env, i64 begin, i64 end)` over chunks of the iterations and returns the first non-zero code of
any chunk, or 0. Grain 0 cuts four chunks per thread, a grain above it chunks of at most that many iterations, handed
out one by one. Threads start at the first loop that needs them, spin for a while after each loop and then sleep. A
parallel loop inside a chunk, or in a second Python thread while the pool is at work, runs serially where it is.
"""

from __future__ import annotations

import ctypes

from . import host, native


def num_threads() -> int:
    """The number of threads the next parallel loop runs on, the calling thread included."""
    return int(native.function("tir_pool_size", ctypes.c_int64)())


def set_num_threads(count: int | None) -> None:
    """Let parallel loops run on `count` threads from now on; None means the default, `host.default_num_threads()`.

    Raises
    ------
    UserError: `count` is not an integer from 1 to `host.MAX_THREADS`.
    """
    threads = host.default_num_threads() if count is None else host.checked_threads(count, "the number of threads")
    configure = native.function("tir_pool_configure", None, ctypes.c_int64, ctypes.c_int64)
    configure(threads, host.SPIN_MICROSECONDS * 1000)
