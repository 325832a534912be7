"""Primitives that decide how a loop runs, the last word holding: parallel, vectorize, unroll, bind."""

from __future__ import annotations

from ...tir.expr import IntImm
from ...tir.stmt import ForKind
from ..concurrency import require_alike
from ..conditions import require_independent
from ..errors import require
from ..primitive import primitive
from ..rewrite import swap_loop
from ..sref import LoopSRef
from ..state import State

THREAD_AXES = frozenset(
    f"{level}.{axis}" for level in ("blockIdx", "threadIdx", "vthread") for axis in ("x", "y", "z")
) | {"vthread"}
"""The thread axes a loop can be bound to."""


@primitive
def parallel(s: State, loop: LoopSRef) -> None:
    """Run the iterations of `loop` on the threads of the pool; none may touch what another writes.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.parallel(sch.get_loops("B")[0])
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in T.parallel(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    """
    require_independent(s, loop, "run in parallel")
    swap_loop(s, loop, kind=ForKind.PARALLEL, thread_binding=None)


@primitive
def vectorize(s: State, loop: LoopSRef) -> None:
    """Run the iterations of `loop` as the lanes of vector instructions; none may touch what another writes.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.vectorize(sch.get_loops("B")[0])
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in T.vectorized(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    """
    require(
        isinstance(loop.stmt.extent, IntImm),
        "{0} has the extent {1}, which is not a constant number of lanes",
        loop,
        loop.stmt.extent,
        hint="split it by a constant factor and vectorise the inner loop",
    )
    require_independent(s, loop, "be vector lanes")
    swap_loop(s, loop, kind=ForKind.VECTORIZED, thread_binding=None)


@primitive
def unroll(s: State, loop: LoopSRef) -> None:
    """Write the iterations of `loop` out one after the other.

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.unroll(sch.get_loops("B")[0])
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in T.unroll(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    """
    swap_loop(s, loop, kind=ForKind.UNROLLED, thread_binding=None)


@primitive
def bind(s: State, loop: LoopSRef, *, thread_axis: str) -> None:
    """Give each iteration of `loop` to one of the GPU's blocks or threads along `thread_axis`.

    Parameters
    ----------
    thread_axis: "blockIdx.x", "threadIdx.y", "vthread.x", ...

    before:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    step:
        sch.bind(sch.get_loops("B")[0], "threadIdx.x")
    after:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in T.thread_binding(16, thread="threadIdx.x"):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] * T.float32(2)
    """
    axes = ", ".join(sorted(THREAD_AXES))
    require(thread_axis in THREAD_AXES, f"there is no thread axis {thread_axis!r}; the axes are {axes}")
    # The threads of a block can reduce together; blocks of the grid cannot.
    require_independent(s, loop, f"be bound to {thread_axis}", reduction=thread_axis.startswith("threadIdx"))
    swap_loop(s, loop, kind=ForKind.THREAD_BINDING, thread_binding=thread_axis)
    require_alike(s, loop)
