"""The Gaussian error linear unit, x (1 + erf(x / sqrt 2)) / 2, of a float32 matrix.

One block: its rows go to the threads, its columns to the lanes of vectors, four at a time, so that the many dependent
steps of one polynomial have those of three others beside them. What counts is the error function, a polynomial of the
compiler's that is as wide as the vector asking for it: no lane calls a library. A last part of a row that does not fill
the vectors becomes shorter ones.
"""

import math

import numpy as np
import tensorir
from _run import main, require_sizes
from tensorir import Schedule, T

SHAPES = ({"m": 512, "n": 4096},)
LANES = 64


def program(m: int, n: int) -> tensorir.PrimFunc:
    require_sizes(m=m, n=n)

    @T.prim_func
    def main(A: T.Buffer((m, n), "float32"), B: T.Buffer((m, n), "float32")):
        for i, j in T.grid(m, n):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * (T.float32(0.5) + T.float32(0.5) * T.erf(A[vi, vj] * T.float32(math.sqrt(0.5))))

    return main


def schedule(m: int = 512, n: int = 4096) -> Schedule:
    sch = Schedule(program(m, n))
    row, j = sch.get_loops("B")
    _, lane = sch.split(j, [None, LANES])
    sch.parallel(row)
    sch.vectorize(lane)
    return sch


def arrays(m: int, n: int) -> list[np.ndarray]:
    return [np.random.default_rng(0).standard_normal((m, n), np.float32) * 2, np.zeros((m, n), np.float32)]


def reference(a: np.ndarray, **_: int) -> np.ndarray:
    erf = np.frompyfunc(math.erf, 1, 1)
    return a * (1 + erf(a.astype(np.float64) * math.sqrt(0.5)).astype(np.float64)) / 2


def work(m: int, n: int) -> tuple[int, int]:
    return 4 * m * n, 8 * m * n


if __name__ == "__main__":
    main()
