"""Programs for the primitives that change blocks: blockize, tensorize, rfactor, padding, epilogues."""

from tensorir import PrimFunc, T


@T.prim_func
def no_rows(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(0):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi]


ALL = {name: value for name, value in globals().items() if isinstance(value, PrimFunc)}
"""Every program of this file by name."""
