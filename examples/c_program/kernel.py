"""Build a matrix product, save it as C, and say how to use it from a program without Python.

python kernel.py folder     # writes folder/matmul.c and folder/matmul.h
"""

import sys
from pathlib import Path

import tensorir
from tensorir import T


@T.prim_func
def matmul(A: T.Buffer((64, 128), "float32"), B: T.Buffer((128, 96), "float32"), C: T.Buffer((64, 96), "float32")):
    for i, j, k in T.grid(64, 96, 128):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] += A[vi, vk] * B[vk, vj]


def scheduled() -> tensorir.Schedule:
    """Rows in parallel, sixteen columns at a time."""
    sch = tensorir.Schedule(matmul)
    i, j, k = sch.get_loops(sch.get_block("C"))
    outer, inner = sch.split(j, [None, 16])
    sch.reorder(i, outer, k, inner)
    sch.parallel(i)
    sch.vectorize(inner)
    return sch


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    saved = tensorir.build(scheduled(), target="c").save(folder / "matmul.c")
    print(f"cc -O3 -march=native -fopenmp -I{folder} examples/c_program/main.c {saved} -lm -o matmul && ./matmul")
