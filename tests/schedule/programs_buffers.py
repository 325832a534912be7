"""Programs on which the primitives that copy, move and rearrange buffers work, or refuse to."""

from tensorir import T
from tensorir.tir.function import PrimFunc


@T.prim_func
def nested(A: T.Buffer((16, 16), "float32"), D: T.Buffer((16, 16), "float32")):
    for i, j in T.grid(4, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            for a, b in T.grid(4, 4):
                with T.block("inner"):
                    va, vb = T.axis.remap("SS", [a, b])
                    D[vi * 4 + va, vj * 4 + vb] = A[vi * 4 + va, vj * 4 + vb] * T.float32(2)


@T.prim_func
def in_loop(A: T.Buffer((16, 8), "float32"), D: T.Buffer((16, 8), "float32")):
    C = T.alloc_buffer((16, 8), "float32")
    for i in range(16):
        for j in range(8):
            with T.block("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A[vi, vj] * T.float32(2)
        for j in range(8):
            with T.block("D"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = C[vi, vj] + T.float32(1)


@T.prim_func
def fan(
    A: T.Buffer((16,), "float32"),
    X: T.Buffer((16,), "float32"),
    C: T.Buffer((16,), "float32"),
    D: T.Buffer((16,), "float32"),
):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)
    for i in range(16):
        with T.block("X"):
            vi = T.axis.spatial(16, i)
            X[vi] = A[vi] + T.float32(3)
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi] + T.float32(1)
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = B[15 - vi]


@T.prim_func
def matmul_relu(A: T.Buffer((16, 12), "float32"), B: T.Buffer((12, 20), "float32"), D: T.Buffer((16, 20), "float32")):
    C = T.alloc_buffer((16, 20), "float32")
    for i, j, k in T.grid(16, 20, 12):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(16, 20):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj], T.float32(0))


@T.prim_func
def padded(A: T.Buffer((16, 16), "float32"), D: T.Buffer((16, 16), "float32")):
    C = T.alloc_buffer((16, 16), "float32")
    for i, j in T.grid(16, 16):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * T.float32(2)
    for i, j in T.grid(16, 16):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.if_then_else(vi >= 1 and vj < 15, C[vi - 1, vj + 1], T.float32(0))


@T.prim_func
def symbolic_chain(a: T.handle, d: T.handle):
    n = T.int32()
    A = T.match_buffer(a, (n, 8), "float32")
    D = T.match_buffer(d, (n, 8), "float32")
    C = T.alloc_buffer((n, 8), "float32")
    for i, j in T.grid(n, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * T.float32(2)
    for i, j in T.grid(n, 8):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj] + T.float32(1)


@T.prim_func
def digits(A: T.Buffer((64,), "float32"), D: T.Buffer((16, 4), "float32")):
    C = T.alloc_buffer((16, 4), "float32")
    for i in range(64):
        with T.block("C"):
            vi = T.axis.spatial(64, i)
            C[vi // 4, vi % 4] = A[vi] * T.float32(2)
    for i, j in T.grid(16, 4):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj] + T.float32(1)


@T.prim_func
def mirrored(A: T.Buffer((16,), "float32"), D: T.Buffer((32,), "float32")):
    C = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[15 - vi] = A[vi] * T.float32(2)
    for i in range(32):
        with T.block("D"):
            vi = T.axis.spatial(32, i)
            D[vi] = C[vi // 2]


@T.prim_func
def tiles(A: T.Buffer((16, 16), "float32"), D: T.Buffer((16, 16), "float32")):
    C = T.alloc_buffer((16, 16), "float32")
    for i, j in T.grid(4, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            for a, b in T.grid(4, 4):
                with T.block("inner"):
                    va, vb = T.axis.remap("SS", [a, b])
                    C[vi * 4 + va, vj * 4 + vb] = A[vi * 4 + va, vj * 4 + vb] * T.float32(2)
    for i, j in T.grid(16, 16):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj] + T.float32(1)


@T.prim_func
def twice(A: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("A"):
            vi = T.axis.spatial(16, i)
            A[vi] = A[vi] * T.float32(2)


@T.prim_func
def evens(A: T.Buffer((8,), "float32"), B: T.Buffer((16,), "float32"), D: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi * 2] = A[vi]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = B[vi * 2]


@T.prim_func
def part(A: T.Buffer((8,), "float32"), B: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi + 4] = A[vi]
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = B[vi]


@T.prim_func
def conditional(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            if vi < 5:
                B[vi] = A[vi]


@T.prim_func
def overwritten(A: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32"), E: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)
    for i in range(16):
        with T.block("A"):
            vi = T.axis.spatial(16, i)
            A[vi] = T.float32(7)
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = B[vi] + T.float32(1)
    for i in range(16):
        with T.block("E"):
            vi = T.axis.spatial(16, i)
            E[vi] = A[vi] + T.float32(1)


@T.prim_func
def earlier(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi] + T.float32(1)
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)


@T.prim_func
def loop_carried(A: T.Buffer((16,), "float32"), C: T.Buffer((4, 16), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for t in range(4):
        for i in range(16):
            with T.block("C"):
                vt, vi = T.axis.remap("SS", [t, i])
                C[vt, vi] = B[vi]
        for i in range(16):
            with T.block("B"):
                vi = T.axis.spatial(16, i)
                B[vi] = A[vi]


@T.prim_func
def three_uses(A: T.Buffer((17,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            T.reads(A[vi], A[vi + 1])
            T.writes(B[vi])
            B[vi] = A[vi] + A[vi + 1]


@T.prim_func
def gathered(A: T.Buffer((16,), "float32"), I: T.Buffer((16,), "int32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[I[vi] & 15]


@T.prim_func
def row_loop(A: T.Buffer((16, 8), "float32"), B: T.Buffer((16, 8), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            for j in range(8):
                B[vi, j] = A[vi, j]


@T.prim_func
def folded(A: T.Buffer((16,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi // 2] = A[vi]


@T.prim_func
def two_sizes(a: T.handle, b: T.handle):
    m = T.int32()
    n = T.int32()
    A = T.match_buffer(a, (m,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    for i in range(m):
        with T.block("B"):
            vi = T.axis.spatial(m, i)
            B[vi] = A[vi]


@T.prim_func
def vectors(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi * 4 : vi * 4 + 4] = A[vi * 4 : vi * 4 + 4] * T.Broadcast(T.float32(2), 4)


@T.prim_func
def masked(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            mask: T.boolx4 = T.Ramp(0, 1, 4) < T.Broadcast(3, 4)
            B[vi * 4 : vi * 4 + 4] = A.vload([T.Ramp(vi * 4, 1, 4)], predicate=mask)


@T.prim_func
def by_pointer(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(1):
        with T.block("B"):
            vi = T.axis.spatial(1, i)
            T.reads(A[0:16])
            T.writes(B[4:12])
            T.evaluate(T.call_extern("int32", "f", A.data, B.data))


@T.prim_func
def viewed(A: T.Buffer((16, 16), "float32"), D: T.Buffer((16, 16), "float32")):
    for i in range(4):
        with T.block("D"):
            vi = T.axis.spatial(4, i)
            M = T.match_buffer(A[vi * 4 : vi * 4 + 4, 0:16], (4, 16), "float32", offset_factor=1)
            for a, b in T.grid(4, 16):
                with T.block("inner"):
                    va, vb = T.axis.remap("SS", [a, b])
                    D[vi * 4 + va, vb] = M[va, vb] * T.float32(2)


@T.prim_func
def strided(A: T.Buffer((16, 16), "float32", strides=(32, 1)), B: T.Buffer((16, 16), "float32")):
    for i, j in T.grid(16, 16):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj]


@T.prim_func
def one_size(a: T.handle, b: T.handle, n: T.int32):
    m = T.int32()
    A = T.match_buffer(a, (m,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    for i in range(n):
        with T.block("B"):
            vi = T.axis.spatial(n, i)
            B[vi] = A[vi]


@T.prim_func
def halves(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(4):
        with T.block("first"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi * 4 : vi * 4 + 4])
            T.writes(B[vi * 4 : vi * 4 + 4])
            for j in range(4):
                B[vi * 4 + j] = A[vi * 4 + j]
        with T.block("second"):
            vi = T.axis.spatial(4, i)
            B[vi * 4] = T.float32(0)


@T.prim_func
def pairwise(A: T.Buffer((16, 8), "float32"), D: T.Buffer((16, 8), "float32")):
    C = T.alloc_buffer((16, 8), "float32")
    for i, j in T.grid(16, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * T.float32(2)
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj] + T.float32(1)


@T.prim_func
def unused(A: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi]
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = A[vi]


@T.prim_func
def branch(A: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32"), n: T.int32):
    B = T.alloc_buffer((16,), "float32")
    if n > 3:
        for i in range(16):
            with T.block("B"):
                vi = T.axis.spatial(16, i)
                B[vi] = A[vi]
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = B[vi]


@T.prim_func
def named_value(A: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32"), n: T.int32):
    for i in range(16):
        m: T.int32 = n * 2
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = A[vi] * T.Cast("float32", m)


@T.prim_func
def skipped(A: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, 15 - i)
            T.where(i != 3)
            B[vi] = A[vi]
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = B[vi]


@T.prim_func
def halo_in_loop(A: T.Buffer((16,), "float32"), D: T.Buffer((16, 4), "float32")):
    B = T.alloc_buffer((16,), "float32")
    C = T.alloc_buffer((16,), "float32")
    for t in range(16):
        with T.block("B"):
            vt = T.axis.spatial(16, t)
            B[vt] = A[vt] * T.float32(2)
        with T.block("C"):
            vt = T.axis.spatial(16, t)
            C[vt] = B[vt] + T.float32(1)
        for j in range(4):
            with T.block("D"):
                vt, vj = T.axis.remap("SS", [t, j])
                D[vt, vj] = C[vt] + T.if_then_else(vt >= 1, C[vt - 1], T.float32(0))


@T.prim_func
def straddled(A: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
    C = T.alloc_buffer((16,), "float32")
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            T.reads(A[vi * 2 : vi * 2 + 2])
            T.writes(C[vi * 2 : vi * 2 + 2])
            for a in range(2):
                C[vi * 2 + a] = A[vi * 2 + a]
    for i in range(4):
        with T.block("D"):
            vi = T.axis.spatial(4, i)
            T.reads(C[vi * 4 : vi * 4 + 4])
            T.writes(D[vi * 4 : vi * 4 + 4])
            for a in range(4):
                D[vi * 4 + a] = C[vi * 4 + a]


@T.prim_func
def summed_index(A: T.Buffer((4, 4), "float32"), D: T.Buffer((7,), "float32")):
    C = T.alloc_buffer((7,), "float32")
    for i in range(7):
        with T.block("C"):
            vi = T.axis.spatial(7, i)
            C[vi] = T.Cast("float32", vi)
    for i, j in T.grid(4, 4):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi + vj] = C[vi + vj] + A[vi, vj] * T.float32(0)


@T.prim_func
def formerly(A: T.Buffer((16,), "float32"), Y: T.Buffer((16,), "float32"), Z: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)
    for i in range(16):
        with T.block("Z"):
            vi = T.axis.spatial(16, i)
            Z[vi] = Y[vi]
    for i in range(16):
        with T.block("Y"):
            vi = T.axis.spatial(16, i)
            Y[vi] = B[vi]


@T.prim_func
def again(A: T.Buffer((16,), "float32"), D: T.Buffer((16,), "float32")):
    C = T.alloc_buffer((16,), "float32")
    for p in T.parallel(2):
        for i in range(16):
            with T.block("C"):
                vi = T.axis.spatial(16, i)
                C[vi] = A[vi]
    for i in range(16):
        with T.block("D"):
            vi = T.axis.spatial(16, i)
            D[vi] = C[vi]


@T.prim_func
def declared_root(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.block("root"):
        T.reads(A[0:16])
        T.writes(B[0:16])
        for i in range(16):
            with T.block("B"):
                vi = T.axis.spatial(16, i)
                B[vi] = A[vi]


@T.prim_func
def window_further_out(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((18,), "float32")
    with T.block("outer"):
        T.reads(A[0:18])
        T.writes(B[0:18], C[0:16])
        for i in range(16):
            for j in range(3):
                with T.block("B"):
                    vi = T.axis.spatial(18, i + j)
                    B[vi] = A[vi]
            with T.block("C"):
                vi = T.axis.spatial(16, i)
                C[vi] = B[vi] + B[vi + 2]


@T.prim_func
def window_unread(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((18,), "float32")
    for i in range(16):
        for j in range(3):
            with T.block("B"):
                vi = T.axis.spatial(18, i + j)
                B[vi] = A[vi]
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = A[vi]


@T.prim_func
def window_read_first(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((18,), "float32")
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = T.if_then_else(vi > 0, B[vi], T.float32(0))
        for j in range(3):
            with T.block("B"):
                vi = T.axis.spatial(18, i + j)
                B[vi] = A[vi]


@T.prim_func
def window_too_small(A: T.Buffer((18,), "float32"), C: T.Buffer((15,), "float32")):
    B = T.alloc_buffer((18,), "float32")
    for i in range(15):
        for j in range(3):
            with T.block("B"):
                vi = T.axis.spatial(18, i + j + 1)
                B[vi] = A[vi]
        with T.block("C"):
            vi = T.axis.spatial(15, i)
            C[vi] = T.if_then_else(vi > 0, B[vi], T.float32(0)) + B[vi + 3]


@T.prim_func
def window_late(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((18,), "float32")
    for i in range(16):
        for j in range(3):
            with T.block("B"):
                vi = T.axis.spatial(18, i + j)
                T.where(i > 3)
                B[vi] = A[vi]
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = T.if_then_else(vi > 3, B[vi] + B[vi + 2], T.float32(0))


@T.prim_func
def window_doubled(A: T.Buffer((18,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.alloc_buffer((36,), "float32")
    for i in range(16):
        for j in range(3):
            with T.block("B"):
                vi = T.axis.spatial(18, i + j)
                T.writes(B[vi * 2 : vi * 2 + 2])
                B[vi * 2] = A[vi]
                B[vi * 2 + 1] = A[vi]
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi * 2] + B[vi * 2 + 4]


@T.prim_func
def pads_its_input(A: T.Buffer((16,), "float32"), C: T.Buffer((20,), "float32")):
    B = T.alloc_buffer((16,), "float32")
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)
    for i in range(20):
        with T.block("C"):
            vi = T.axis.spatial(20, i)
            C[vi] = T.if_then_else(vi < 16, B[vi], T.float32(0))


@T.prim_func
def names_its_loop(A: T.Buffer((16, 4), "float32"), C: T.Buffer((16, 4), "float32")):
    B = T.alloc_buffer((16, 4), "float32")
    for i in range(16):
        with T.block("B"):
            T.reads(A[i, 0:4])
            T.writes(B[i, 0:4])
            for j in range(4):
                B[i, j] = A[i, j]
    for i, j in T.grid(16, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + T.float32(1)


@T.prim_func
def fewer_written(A: T.Buffer((4,), "float32"), C: T.Buffer((4,), "float32")):
    B = T.alloc_buffer((5,), "float32")
    for i in range(5):
        with T.block("B"):
            vi = T.axis.spatial(5, i)
            T.where(i < 4)
            B[vi] = A[vi]
    for i in range(4):
        with T.block("C"):
            vi = T.axis.spatial(4, i)
            C[vi] = B[vi]


@T.prim_func
def fewer_turns(A: T.Buffer((4,), "float32"), C: T.Buffer((4,), "float32")):
    B = T.alloc_buffer((5,), "float32")
    for i in range(5):
        with T.block("B"):
            vi = T.axis.spatial(5, i)
            T.where(i < 4)
            B[vi] = A[vi]
        with T.block("C"):
            vi = T.axis.spatial(4, i)
            T.where(i < 4)
            C[vi] = B[vi]


@T.prim_func
def cached_inside(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8, 8), "float32")):
    for i in range(8):
        with T.block("outer"):
            T.reads(A[i, 0:8])
            T.writes(B[i, 0:8])
            for j in range(8):
                with T.block("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)


@T.prim_func
def every_other(A: T.Buffer((4,), "float32"), D: T.Buffer((4,), "float32")):
    X = T.alloc_buffer((8,), "float32")
    for i in range(4):
        with T.block("X"):
            vi = T.axis.spatial(4, i)
            X[vi * 2] = A[vi]
    for i in range(4):
        with T.block("outer"):
            vi = T.axis.spatial(4, i)
            T.reads(X[0:8])
            T.writes(D[vi])
            for j in range(1):
                with T.block("D"):
                    vj = T.axis.spatial(1, j)
                    D[vi + vj] = X[vi * 2 + vj]


@T.prim_func
def own_tiles(A: T.Buffer((4, 8), "float32"), D: T.Buffer((4, 4, 8), "float32")):
    X = T.alloc_buffer((8,), "float32")
    for u, v in T.grid(4, 2):
        for i in T.parallel(4):
            for j in range(8):
                with T.block("X"):
                    vu, vi, vj = T.axis.remap("SSS", [u, i, j])
                    T.where(v < 1)
                    X[vj] = A[vi, vj]
            for j in T.vectorized(8):
                with T.block("D"):
                    vu, vi, vj = T.axis.remap("SSS", [u, i, j])
                    T.where(v < 1)
                    D[vu, vi, vj] = X[vj] * T.float32(2)


@T.prim_func
def two_tiles(A: T.Buffer((5,), "float32"), C: T.Buffer((5,), "float32")):
    B = T.alloc_buffer((5,), "float32")
    for j in range(4):
        with T.block("B"):
            vj = T.axis.spatial(2, j)
            T.where(j < 2)
            T.reads(A[vj * 2 : vj * 2 + 2])
            T.writes(B[vj * 2 : vj * 2 + 2])
            for k in range(2):
                B[vj * 2 + k] = A[vj * 2 + k]
        for k in range(2):
            with T.block("C"):
                vi = T.axis.spatial(5, j * 2 + k)
                T.where(j < 2)
                C[vi] = B[vi] + T.float32(1)


@T.prim_func
def tile_left_out(A: T.Buffer((5,), "float32"), C: T.Buffer((4,), "float32")):
    B = T.alloc_buffer((5,), "float32")
    for j in range(4):
        with T.block("B"):
            vj = T.axis.spatial(2, j)
            T.where(j < 2)
            T.reads(A[vj * 2 : vj * 2 + 2])
            T.writes(B[vj * 2 : vj * 2 + 2])
            for k in range(2):
                B[vj * 2 + k] = A[vj * 2 + k]
    for i in range(4):
        with T.block("C"):
            vi = T.axis.spatial(4, i)
            C[vi] = B[vi] + T.float32(1)


@T.prim_func
def tile_in_lanes(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
    X = T.alloc_buffer((8,), "float32")
    C = T.alloc_buffer((8,), "float32")
    for i in T.vectorized(8):
        with T.block("X"):
            vi = T.axis.spatial(8, i)
            T.reads(A[3])
            T.writes(X[3])
            X[3] = A[3]
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = X[3] + B[vi]
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            D[vi] = C[vi] * T.float32(2)


@T.prim_func
def gathered_rows(A: T.Buffer((8, 4), "float32"), B: T.Buffer((4, 4), "float32")):
    X = T.alloc_buffer((4,), "int32")
    for i in range(4):
        with T.block("X"):
            vi = T.axis.spatial(4, i)
            X[vi] = vi * 2
        for j in range(4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(X[vi], A[X[vi], vj])
                T.writes(B[vi, vj])
                B[vi, vj] = A[X[vi], vj]


@T.prim_func
def own_elements(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    X = T.alloc_buffer((8,), "float32", scope="shared")
    for i in T.thread_binding(4, thread="threadIdx.x"):
        with T.block("X"):
            vi = T.axis.spatial(4, i)
            X[vi * 2] = A[vi]
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi] = X[vi * 2]


@T.prim_func
def one_row(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4, 8), "float32")):
    X = T.alloc_buffer((8,), "float32", scope="shared")
    for i in range(4):
        for j in range(8):
            with T.block("X"):
                vi, vj = T.axis.remap("SS", [i, j])
                X[vj] = A[vi, vj]
        for j in range(8):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = X[7 - vj]


@T.prim_func
def prefix_sums(A: T.Buffer((8,), "float32"), S: T.Buffer((8,), "float32")):
    for i in range(8):
        for k in range(i):
            with T.block("S"):
                vi = T.axis.spatial(8, i)
                vk = T.axis.reduce(8, k)
                with T.init():
                    S[vi] = T.float32(0)
                S[vi] = S[vi] + A[vk]


ALL = {name: value for name, value in globals().items() if isinstance(value, PrimFunc)}
"""Every program of this file by name."""
