"""A space whose candidates fail in every way: intrinsics that do other things than they say, drawn like any decision.

Also a script: it tunes `program` with this space, for tests that end the tuner from outside.
"""

import sys

from tensorir import Schedule, T, TensorIntrin
from tensorir.meta_schedule.measure.limits import Limits

LIMITS = Limits(run_seconds=0.5, build_seconds=20.0, sample_seconds=0.002, memory_bytes=1 << 30)


@T.prim_func
def program(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in range(64):
        with T.block("B"):
            v = T.axis.spatial(64, i)
            B[v] = A[v] + T.float32(1)


@T.prim_func
def says(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        for i in range(16):
            with T.block("B"):
                v = T.axis.spatial(16, i)
                B[v] = A[v] + T.float32(1)


@T.prim_func
def adds_two(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        for i in range(16):
            B[i] = A[i] + T.float32(2)


@T.prim_func
def gives_nan(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        for i in range(16):
            B[i] = T.float32(0) / (A[i] - A[i])


@T.prim_func
def crashes(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        for i in range(16):
            B[i] = A[i]
        T.evaluate(T.call_extern("int32", "abort"))


@T.prim_func
def hangs(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        n = T.alloc_buffer((1,), "int32")
        n[0] = 1
        while n[0] > 0:
            n[0] = 1 + n[0] % 3
        B[0] = A[0]


@T.prim_func
def is_greedy(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        big = T.alloc_buffer((T.int64(25000000000),), "float32")
        for i in range(16):
            big[T.Cast("int64", i) * T.int64(390000000)] = A[i]
        for i in range(16):
            B[i] = big[T.Cast("int64", i) * T.int64(390000000)] + T.float32(1)


@T.prim_func
def calls_nobody(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        B[0] = T.call_extern("float32", "no_such_function_anywhere", A[0])


IMPLEMENTATIONS = (None, adds_two, gives_nan, crashes, hangs, is_greedy, calls_nobody)
for number, made in enumerate(IMPLEMENTATIONS):
    if made is not None:
        TensorIntrin.register(f"broken{number}", says, made, override=True)


def space(sch: Schedule, least: int = 0) -> None:
    """Split, and draw what the inner part is done by, from the `least`-th way on."""
    (loop,) = sch.get_loops(sch.get_block("B"))
    outer, inner = sch.split(loop, [None, 16])
    count = len(IMPLEMENTATIONS) - least
    drawn = sch.get(sch.sample_categorical(list(range(count)), [1 / count] * count)) + least
    if drawn:
        sch.tensorize(inner, f"broken{drawn}")
    else:
        sch.vectorize(inner)


def only_faults(sch: Schedule) -> None:
    """As `space`, with nothing in it that works."""
    space(sch, least=1)


def many(sch: Schedule) -> None:
    """Many candidates, all of them right."""
    (loop,) = sch.get_loops(sch.get_block("B"))
    a, b, c, d = sch.split(loop, sch.sample_perfect_tile(loop, n=4, max_innermost_factor=64))
    sch.vectorize(d)
    unrolled = sch.sample_categorical([0, 1, 2, 3], [0.25] * 4)
    sch.annotate(a, "test.number", unrolled)


if __name__ == "__main__":
    from tensorir import tune

    tune(program, database=sys.argv[1], trials=int(sys.argv[2]), space=many, strategy="random", limits=LIMITS, batch=4)
