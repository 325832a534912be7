"""The sum of each row of a float32 matrix, at the speed of memory.

A sum taken in order waits for each addition, three or four cycles an element. `rfactor` makes partial sums of it, one
for each of 64 lanes: four vectors are added to in turn, so that loads are all there is to wait for. When a row is done
its 64 sums become 16, 8, 4, 2 and 1 by further `rfactor`s, each of which adds one half of a vector to the other; these
buffers are small, local and indexed by constants, so they are registers. `rfactor` may change the order because a sum
is a reduction, which says that order does not matter; what differs is the rounding, for the better. Rows go to the
threads.
"""

import numpy as np
import tensorir
from _reduce import lanes_for, reduce_in_lanes
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"m": 512, "n": 4096},)


def program(m: int, n: int) -> tensorir.PrimFunc:
    require_sizes(m=m, n=n)

    @T.prim_func
    def main(A: T.Buffer((m, n), "float32"), B: T.Buffer((m,), "float32")):
        for i, j in T.grid(m, n):
            with T.block("B"):
                vi, vj = T.axis.remap("SR", [i, j])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vj]

    return main


def schedule(m: int = 512, n: int = 4096) -> Schedule:
    sch = Schedule(program(m, n))
    row = reduce_in_lanes(sch, sch.get_block("B"), lanes_for(n))
    sch.parallel(row)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    return [np.random.default_rng(0).random((m, n), np.float32), np.zeros(m, np.float32)]


def reference(a: np.ndarray, **_: int) -> np.ndarray:
    return a.sum(axis=1, dtype=np.float64)


def work(m: int, n: int) -> tuple[int, int]:
    return m * n, 4 * m * n


if __name__ == "__main__":
    main()
