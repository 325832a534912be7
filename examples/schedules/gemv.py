"""The product of a float32 matrix and a vector, y = A x, at the speed of memory.

Each number of A is used once, so the matrix's way from memory decides. Every row is a sum of products, kept as 64
partial sums by `rfactor` (see row_sums.py): four multiply-adds a turn, none of which waits for another. x stays in the
first-level cache. Rows go to the threads.
"""

import numpy as np
import tensorir
from _reduce import lanes_for, reduce_in_lanes
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"m": 4096, "k": 4096},)


def program(m: int, k: int) -> tensorir.PrimFunc:
    require_sizes(m=m, k=k)

    @T.prim_func
    def main(A: T.Buffer((m, k), "float32"), X: T.Buffer((k,), "float32"), Y: T.Buffer((m,), "float32")):
        for i, p in T.grid(m, k):
            with T.block("Y"):
                vi, vp = T.axis.remap("SR", [i, p])
                with T.init():
                    Y[vi] = T.float32(0)
                Y[vi] = Y[vi] + A[vi, vp] * X[vp]

    return main


def schedule(m: int = 4096, k: int = 4096) -> Schedule:
    sch = Schedule(program(m, k))
    row = reduce_in_lanes(sch, sch.get_block("Y"), lanes_for(k))
    sch.parallel(row)
    return sch


def arrays(m: int, k: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((m, k), np.float32), rng.random(k, np.float32), np.zeros(m, np.float32)]


def reference(a: np.ndarray, x: np.ndarray, **_: int) -> np.ndarray:
    return a @ x


def work(m: int, k: int) -> tuple[int, int]:
    return 2 * m * k, 4 * (m * k + k + m)


if __name__ == "__main__":
    main()
