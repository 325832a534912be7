"""Programs with padding, and programs to be padded."""

from tensorir import PrimFunc, T


@T.prim_func
def padded_rows(A: T.Buffer((6, 5), "float32"), B: T.Buffer((10, 8), "float32")):
    for i, j in T.grid(10, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = T.if_then_else(vi >= 2 and vi < 8 and vj >= 1 and vj < 6, A[vi - 2, vj - 1], T.float32(-1))


@T.prim_func
def padded_symbolic(a: T.handle, b: T.handle):
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n + 4,), "float32")
    for i in range(n + 4):
        with T.block("B"):
            vi = T.axis.spatial(n + 4, i)
            B[vi] = T.if_then_else(vi >= 2 and vi < n + 2, A[vi - 2], T.float32(0))


@T.prim_func
def padded_stencil(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((18,), "float32")
    for i in range(18):
        with T.block("B"):
            vi = T.axis.spatial(18, i)
            B[vi] = T.if_then_else(vi >= 1 and vi < 17, A[vi - 1], T.float32(0))
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi] + B[vi + 1] + B[vi + 2]


@T.prim_func
def odd_padding(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = T.if_then_else(vi % 3 == 1 and vi < 12, A[vi], T.float32(7))


@T.prim_func
def variable_padding(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = T.if_then_else(vi < 12, A[vi], A[0])


@T.prim_func
def wordy_padding(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            if vi < 12:
                B[vi] = A[vi]
            else:
                B[vi] = T.float32(0)


@T.prim_func
def beyond(A: T.Buffer((7, 5), "float32"), B: T.Buffer((10, 5), "float32")):
    for i, j in T.grid(10, 5):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = T.if_then_else(vi < 7, A[vi, vj], T.float32(1))


@T.prim_func
def batch_matmul(
    A: T.Buffer((3, 7, 9), "float16"), B: T.Buffer((3, 9, 5), "float16"), C: T.Buffer((3, 7, 5), "float32")
):
    for b, i, j, k in T.grid(3, 7, 5, 9):
        with T.block("C"):
            vb, vi, vj, vk = T.axis.remap("SSSR", [b, i, j, k])
            with T.init():
                C[vb, vi, vj] = T.float32(0)
            C[vb, vi, vj] = C[vb, vi, vj] + T.cast(A[vb, vi, vk], "float32") * T.cast(B[vb, vk, vj], "float32")


@T.prim_func
def largest(A: T.Buffer((7, 9), "float32"), C: T.Buffer((7,), "float32")):
    for i, k in T.grid(7, 9):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.min_value("float32")
            C[vi] = T.max(C[vi], A[vi, vk])


@T.prim_func
def quotient(A: T.Buffer((7,), "int32"), B: T.Buffer((7,), "int32"), C: T.Buffer((7,), "int32")):
    for i in range(7):
        with T.block("C"):
            vi = T.axis.spatial(7, i)
            C[vi] = A[vi] // T.max(B[vi], 1)


@T.prim_func
def stencil_sum(A: T.Buffer((9,), "float32"), C: T.Buffer((7,), "float32")):
    for i, k in T.grid(7, 3):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi + vk]


@T.prim_func
def one_element(A: T.Buffer((7,), "int32"), C: T.Buffer((1,), "int32")):
    for i in range(1):
        with T.block("C"):
            vi = T.axis.spatial(1, i)
            C[0] = A[3] + vi


ALL = {name: value for name, value in globals().items() if isinstance(value, PrimFunc)}
"""Every program of this file by name."""
