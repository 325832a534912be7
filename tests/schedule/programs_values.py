"""Programs whose buffers hold values in part, or of which only some runs of a block begin anew."""

from tensorir import T
from tensorir.tir.function import PrimFunc


@T.prim_func
def used_inside(A: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    with T.block("both"):
        T.reads(A[0:8], C[0:8])
        T.writes(C[0:8], D[0:8])
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi] * T.float32(2)
        for i in range(8):
            with T.block("D"):
                vi = T.axis.spatial(8, i)
                D[vi] = C[vi] + T.float32(1)


@T.prim_func
def half_sums(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8,), "float32")):
    for k_0 in range(2):
        with T.block("half"):
            T.reads(A[0:8, k_0 * 4 : k_0 * 4 + 4])
            T.writes(B[0:8])
            for i, k_1 in T.grid(8, 4):
                with T.block("B"):
                    vi = T.axis.spatial(8, i)
                    vk = T.axis.reduce(8, k_0 * 4 + k_1)
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + A[vi, vk]


@T.prim_func
def seven_of_eight(A: T.Buffer((7,), "float32"), D: T.Buffer((7,), "float32")):
    C = T.alloc_buffer((4, 2), "float32")
    with T.block("all"):
        T.reads(A[0:7])
        T.writes(C[0:4, 0:2])
        for i in range(7):
            with T.block("C"):
                vi = T.axis.spatial(7, i)
                C[vi // 2, vi % 2] = A[vi] * T.float32(2)
    for i_0, i_1 in T.grid(3, 3):
        with T.block("D"):
            vi = T.axis.spatial(7, i_0 * 3 + i_1)
            T.where(i_0 * 3 + i_1 < 7)
            D[vi] = C[vi // 2, vi % 2] + T.float32(1)


@T.prim_func
def uneven_loop(A: T.Buffer((7,), "float32"), D: T.Buffer((7,), "float32")):
    C = T.alloc_buffer((7,), "float32")
    for i_0, i_1, j in T.grid(2, 4, 2):
        with T.block("C"):
            vi = T.axis.spatial(7, i_0 * 4 + i_1)
            T.where(i_0 * 4 + i_1 < 7 and j < 1)
            C[vi] = A[vi] * T.float32(2)
        with T.block("D"):
            vi = T.axis.spatial(7, i_0 * 4 + i_1)
            T.where(i_0 * 4 + i_1 < 7 and j < 1)
            D[vi] = C[vi] + T.float32(1)


@T.prim_func
def for_each_iteration(A: T.Buffer((2,), "float32"), D: T.Buffer((10,), "float32")):
    C = T.alloc_buffer((2,), "float32")
    for i_0, i_1 in T.grid(6, 2):
        for j in range(2):
            with T.block("C"):
                vj = T.axis.spatial(2, j)
                T.where(i_0 < 5)
                C[vj] = A[vj] * T.float32(2)
        for k in range(2):
            with T.block("D"):
                vi = T.axis.spatial(10, i_0 * 2 + i_1)
                vk = T.axis.reduce(2, k)
                T.where(i_0 < 5)
                with T.init():
                    D[vi] = T.float32(0)
                D[vi] = D[vi] + C[vk]


@T.prim_func
def for_odd_iterations(A: T.Buffer((2,), "float32"), D: T.Buffer((5,), "float32")):
    C = T.alloc_buffer((2,), "float32")
    for i_0, i_1 in T.grid(5, 2):
        for j in range(2):
            with T.block("C"):
                vj = T.axis.spatial(2, j)
                T.where(i_1 >= 1)
                C[vj] = A[vj] * T.float32(2)
        with T.block("D"):
            vi = T.axis.spatial(5, i_0 + i_1 - 1)
            T.where(i_1 >= 1)
            D[vi] = C[0] + C[1]


@T.prim_func
def perhaps_read(A: T.Buffer((4,), "float32"), D: T.Buffer((7,), "float32")):
    C = T.alloc_buffer((7,), "float32")
    for i in range(4):
        with T.block("C"):
            vi = T.axis.spatial(4, i)
            C[vi * 2] = A[vi] * T.float32(2)
    for i in range(7):
        with T.block("D"):
            vi = T.axis.spatial(7, i)
            D[vi] = T.if_then_else(vi % 2 == 0, C[vi], T.float32(0))


@T.prim_func
def read_outside(A: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    with T.block("outer"):
        B = T.alloc_buffer((8,), "float32")
        for i in range(8):
            with T.block("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] * A[vi]
        for i in range(8):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi] + T.float32(1)
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] * T.float32(2)


@T.prim_func
def private_by_lane(A: T.Buffer((8, 3), "float32"), B: T.Buffer((8, 4), "float32")):
    C = T.alloc_buffer((8, 3), "float32")
    for i in range(8):
        for j in T.vectorized(4):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi, 2] = A[vi, 2] * T.float32(2)
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = C[vi, 2] + T.float32(1)


@T.prim_func
def padded_by_lane(A: T.Buffer((8, 3), "float32"), B: T.Buffer((8, 4), "float32")):
    C = T.alloc_buffer((8, 3), "float32")
    for i in range(8):
        for j in T.vectorized(4):
            with T.block("C"):
                vi = T.axis.spatial(8, i)
                C[vi, 2] = T.if_then_else(vi < 6, A[vi, 2], T.float32(0))
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = C[vi, 2] + T.float32(1)


@T.prim_func
def repeated_sum(A: T.Buffer((8, 4), "float32"), B: T.Buffer((4,), "float32")):
    for i, j, k in T.grid(16, 4, 8):
        with T.block("B"):
            vj, vk = T.axis.remap("SR", [j, k])
            with T.init():
                B[vj] = T.float32(0)
            B[vj] = B[vj] + A[vk, vj]


@T.prim_func
def half_finished(A: T.Buffer((8, 4), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 4):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(4):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = T.max(C[vi], T.float32(0))


ALL = {name: value for name, value in globals().items() if isinstance(value, PrimFunc)}
"""Every program of this file by name."""
