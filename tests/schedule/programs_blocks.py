"""Programs for the primitives that change blocks: blockize, tensorize, rfactor, padding, epilogues."""

from tensorir import PrimFunc, T, TensorIntrin


@T.prim_func
def no_rows(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(0):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi]


@T.prim_func
def side_by_side(A: T.Buffer((8, 6), "float32"), B: T.Buffer((8, 6), "float32"), C: T.Buffer((8, 6), "float32")):
    for i in range(8):
        for j in range(6):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * T.float32(2)
        for j in range(6):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, vj] + T.float32(3)


@T.prim_func
def three_stages(A: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    B = T.alloc_buffer((8,), "float32")
    C = T.alloc_buffer((8,), "float32")
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi] + T.float32(1)
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = B[vi] * T.float32(2)
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] + B[vi]


@T.prim_func
def two_ways(A: T.Buffer((8, 4), "float32"), B: T.Buffer((8, 4), "float32"), C: T.Buffer((4, 4), "float32")):
    for i in range(8):
        for j in range(4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj]
        for j in range(4):
            with T.block("C"):
                vi = T.axis.spatial(4, i // 2)
                vj = T.axis.spatial(4, j)
                C[vi, vj] = A[vi, vj]


@T.prim_func
def half_guarded(n: T.int32, A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi]
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            T.where(n < 5)
            C[vi] = A[vi]


@T.prim_func
def loop_in_branch(A: T.Buffer((8, 4), "float32"), B: T.Buffer((8, 4), "float32")):
    for i, j in T.grid(8, 4):
        if i < 5:
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj]


@T.prim_func
def two_sums(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4,), "float32"), C: T.Buffer((4,), "float32")):
    for i, k in T.grid(4, 8):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk] * A[vi, vk]


@T.prim_func
def matmul16(A: T.Buffer((16, 16), "float32"), B: T.Buffer((16, 16), "float32"), C: T.Buffer((16, 16), "float32")):
    for i, j, k in T.grid(16, 16, 16):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func
def dot4(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "float32", offset_factor=1)
    B = T.match_buffer(b, (4,), "float32", offset_factor=1)
    C = T.match_buffer(c, (), "float32", offset_factor=1)
    with T.block("root"):
        T.reads(C[()], A[0:4], B[0:4])
        T.writes(C[()])
        for i in range(4):
            with T.block("update"):
                vi = T.axis.reduce(4, i)
                C[()] = C[()] + A[vi] * B[vi]


@T.prim_func
def mma4(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4, 4), "float32", offset_factor=1)
    B = T.match_buffer(b, (4, 4), "float32", offset_factor=1)
    C = T.match_buffer(c, (4, 4), "float32", offset_factor=1)
    with T.block("root"):
        T.reads(C[0:4, 0:4], A[0:4, 0:4], B[0:4, 0:4])
        T.writes(C[0:4, 0:4])
        for i, j, k in T.grid(4, 4, 4):
            with T.block("update"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func
def mma4_impl(a: T.handle, b: T.handle, c: T.handle):
    sa = T.int32()
    sb = T.int32()
    sc = T.int32()
    A = T.match_buffer(a, (4, 4), "float32", strides=[sa, 1], offset_factor=1)
    B = T.match_buffer(b, (4, 4), "float32", strides=[sb, 1], offset_factor=1)
    C = T.match_buffer(c, (4, 4), "float32", strides=[sc, 1], offset_factor=1)
    with T.block("root"):
        T.reads(C[0:4, 0:4], A[0:4, 0:4], B[0:4, 0:4])
        T.writes(C[0:4, 0:4])
        for k, i in T.grid(4, 4):
            C[i, T.ramp(0, 1, 4)] = C[i, T.ramp(0, 1, 4)] + T.broadcast(A[i, k], 4) * B[k, T.ramp(0, 1, 4)]


@T.prim_func
def argmax(
    A0: T.Buffer((5, 24), "int32"),
    A1: T.Buffer((5, 24), "float32"),
    C0: T.Buffer((5,), "int32"),
    C1: T.Buffer((5,), "float32"),
):
    for i, k in T.grid(5, 24):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C0[vi] = -1
                C1[vi] = T.min_value("float32")
            v0: T.let[T.int32] = T.Select(C1[vi] >= A1[vi, vk], C0[vi], A0[vi, vk])
            v1: T.let[T.float32] = T.Select(C1[vi] >= A1[vi, vk], C1[vi], A1[vi, vk])
            C0[vi] = v0
            C1[vi] = v1


@T.prim_func
def argmax_exact(A1: T.Buffer((5, 24), "float32"), C0: T.Buffer((5,), "int32"), C1: T.Buffer((5,), "float32")):
    for i, k in T.grid(5, 24):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C0[vi] = 1000
                C1[vi] = T.min_value("float32")
            v0: T.let[T.int32] = T.Select(C1[vi] > A1[vi, vk] or (C1[vi] == A1[vi, vk] and C0[vi] < vk), C0[vi], vk)
            v1: T.let[T.float32] = T.Select(
                C1[vi] > A1[vi, vk] or (C1[vi] == A1[vi, vk] and C0[vi] < vk), C1[vi], A1[vi, vk]
            )
            C0[vi] = v0
            C1[vi] = v1


@T.prim_func
def two_results(A: T.Buffer((6, 16), "float32"), S: T.Buffer((6,), "float32"), M: T.Buffer((6,), "float32")):
    for i, k in T.grid(6, 16):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(3)
                M[vi] = T.min_value("float32")
            S[vi] = S[vi] + A[vi, vk]
            M[vi] = T.max(M[vi], A[vi, vk])


@T.prim_func
def horner(A: T.Buffer((6, 16), "float32"), S: T.Buffer((6,), "float32")):
    for i, k in T.grid(6, 16):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] * T.float32(0.5) + A[vi, vk]


@T.prim_func
def doubling(A: T.Buffer((6, 16), "float32"), S: T.Buffer((6,), "float32")):
    for i, k in T.grid(6, 16):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + T.min(S[vi], A[vi, vk])


@T.prim_func
def stored_twice(A: T.Buffer((6, 16), "float32"), S: T.Buffer((6,), "float32")):
    for i, k in T.grid(6, 16):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + A[vi, vk]
            S[vi] = S[vi] + A[vi, vk]


@T.prim_func
def chained_stores(A: T.Buffer((6, 16), "float32"), S: T.Buffer((6,), "float32"), Q: T.Buffer((6,), "float32")):
    for i, k in T.grid(6, 16):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
                Q[vi] = T.float32(0)
            S[vi] = S[vi] + A[vi, vk]
            Q[vi] = Q[vi] + S[vi]


@T.prim_func
def looped_init(A: T.Buffer((6, 16), "float32"), S: T.Buffer((6,), "float32")):
    for i, k in T.grid(6, 16):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                for _ in range(2):
                    S[vi] = T.float32(0)
            S[vi] = S[vi] + A[vi, vk]


@T.prim_func
def fused_axes(A: T.Buffer((8, 8), "float32"), S: T.Buffer((8,), "float32")):
    for f in range(64):
        with T.block("S"):
            vi = T.axis.spatial(8, f // 8)
            vk = T.axis.reduce(8, f % 8)
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + A[vi, vk]


@T.prim_func
def shifted_sum(A: T.Buffer((8, 8), "float32"), S: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 8):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            T.where(k >= 3)
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + A[vi, vk]


@T.prim_func
def growing_sum(A: T.Buffer((8, 8), "float32"), S: T.Buffer((8,), "float32")):
    for i in range(8):
        for k in range(i + 1):
            with T.block("S"):
                vi = T.axis.spatial(8, i)
                vk = T.axis.reduce(8, k)
                with T.init():
                    S[vi] = T.float32(0)
                S[vi] = S[vi] + A[vi, vk]


@T.prim_func
def bias_relu(
    A: T.Buffer((9, 7), "float32"),
    B: T.Buffer((7, 5), "float32"),
    b: T.Buffer((5,), "float32"),
    D: T.Buffer((9, 5), "float32"),
):
    C = T.alloc_buffer((9, 5), "float32")
    for i, j, k in T.grid(9, 5, 7):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(9, 5):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj] + b[vj], T.float32(0))


@T.prim_func
def two_uses(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8,), "float32"), E: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] + T.float32(1)
    for i in range(8):
        with T.block("E"):
            vi = T.axis.spatial(8, i)
            E[vi] = C[vi] + T.float32(2)


@T.prim_func
def late_bias(A: T.Buffer((8, 8), "float32"), b: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(8):
        with T.block("b"):
            vi = T.axis.spatial(8, i)
            b[vi] = A[vi, vi]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] + b[vi]


@T.prim_func
def result_used(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk] * D[vk]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] + T.float32(1)


@T.prim_func
def mirrored_sum(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[7 - vi] + T.float32(1)


@T.prim_func
def spread(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8, 4), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i, j in T.grid(8, 4):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi] + T.float32(1)


@T.prim_func
def narrowed(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8,), "float16")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = T.cast(C[vi], "float16")


@T.prim_func
def shifted_pair(A: T.Buffer((9,), "float32"), C: T.Buffer((8,), "float32")):
    B = T.alloc_buffer((9,), "float32")
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi + 1] = A[vi]
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = B[vi] + B[vi + 1]


@T.prim_func
def ahead(A: T.Buffer((9,), "float32"), C: T.Buffer((8,), "float32")):
    B = T.alloc_buffer((9,), "float32")
    for i in range(9):
        with T.block("B"):
            vi = T.axis.spatial(9, i)
            B[vi] = A[vi]
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = B[vi + 1]


@T.prim_func
def matmul_then(A: T.Buffer((8, 8), "float32"), C: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] + T.float32(1)


@T.prim_func
def epilogue_first(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = T.float32(1)
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]


@T.prim_func
def wordy(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            if C[vi] > T.float32(0):
                D[vi] = C[vi]
            else:
                D[vi] = T.float32(0)


@T.prim_func
def wordy_init(A: T.Buffer((8, 8), "float32"), D: T.Buffer((8,), "float32")):
    C = T.alloc_buffer((8,), "float32")
    for i, k in T.grid(8, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                for _ in range(2):
                    C[vi] = T.float32(0)
            C[vi] = C[vi] + A[vi, vk]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] + T.float32(1)


@T.prim_func
def nested_pair(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32"), C: T.Buffer((4, 4), "float32")):
    for i in range(4):
        for j in range(4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj]
        for j in range(4):
            with T.block("X"):
                vi, vj = T.axis.remap("SS", [i, j])
                A[vi, vj] = T.float32(0)
    for i, j in T.grid(4, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj]


@T.prim_func
def blur_rows(A: T.Buffer((10,), "float32"), C: T.Buffer((10,), "float32")):
    B = T.alloc_buffer((11,), "float32")
    for i in range(10):
        with T.block("B"):
            vi = T.axis.spatial(10, i)
            B[vi] = A[vi]
    for i in range(10):
        with T.block("C"):
            vi = T.axis.spatial(10, i)
            C[vi] = B[vi] + B[vi + 1]


@T.prim_func
def sum_again(A: T.Buffer((8,), "float32"), B: T.Buffer((4,), "float32")):
    S = T.alloc_buffer((1,), "float32")
    for i in range(4):
        for k in range(8):
            with T.block("S"):
                vi = T.axis.spatial(1, 0)
                vk = T.axis.reduce(8, k)
                with T.init():
                    S[vi] = T.float32(0)
                S[vi] = S[vi] + A[vk]
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi] = S[0] + A[vi]


@T.prim_func
def sum_in_pairs(A: T.Buffer((4, 8), "float32"), S: T.Buffer((4,), "float32")):
    for i, k in T.grid(8, 8):
        with T.block("S"):
            vi = T.axis.spatial(4, i // 2)
            vk = T.axis.reduce(8, k)
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + A[vi, vk]


MMA4 = TensorIntrin.register("test.mma4", mma4, mma4_impl, override=True)

ALL = {name: value for name, value in globals().items() if isinstance(value, PrimFunc)}
"""Every program of this file by name."""
