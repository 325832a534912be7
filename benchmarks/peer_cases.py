"""Typical programs and short schedules of them, written once for us and for Apache TVM: what `peer_diff.py` compares.

Texts both read, so this file needs nothing but Python. Each schedule runs on a program of its own, as `sch`.
"""

PROGRAMS = {
    "matmul": """
def main(A: T.Buffer((64, 32), "float32"), B: T.Buffer((32, 48), "float32"), C: T.Buffer((64, 48), "float32")):
    for i, j, k in T.grid(64, 48, 32):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
""",
    "odd_matmul": """
def main(A: T.Buffer((17, 13), "float32"), B: T.Buffer((13, 19), "float32"), C: T.Buffer((17, 19), "float32")):
    for i, j, k in T.grid(17, 19, 13):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
""",
    "matmul_relu": """
def main(A: T.Buffer((32, 16), "float32"), B: T.Buffer((16, 32), "float32"), D: T.Buffer((32, 32), "float32")):
    C = T.sblock_alloc_buffer((32, 32))
    for i, j, k in T.grid(32, 32, 16):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(32, 32):
        with T.sblock("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj], T.float32(0))
""",
    "matmul_bias": """
def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((8, 16), "float32"), bias: T.Buffer((16,), "float32"),
         D: T.Buffer((16, 16), "float32")):
    C = T.sblock_alloc_buffer((16, 16))
    for i, j, k in T.grid(16, 16, 8):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(16, 16):
        with T.sblock("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj] + bias[vj]
""",
    "matmul_bias_relu": """
def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((8, 16), "float32"), bias: T.Buffer((16,), "float32"),
         D: T.Buffer((16, 16), "float32")):
    C = T.sblock_alloc_buffer((16, 16))
    for i, j, k in T.grid(16, 16, 8):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(16, 16):
        with T.sblock("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj] + bias[vj], T.float32(0))
""",
    "matmul_clip": """
def main(A: T.Buffer((16, 8), "float32"), B: T.Buffer((8, 16), "float32"), D: T.Buffer((16, 16), "float32")):
    C = T.sblock_alloc_buffer((16, 16))
    for i, j, k in T.grid(16, 16, 8):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(16, 16):
        with T.sblock("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.min(T.max(C[vi, vj], T.float32(-5)), T.float32(5))
""",
    "elementwise": """
def main(A: T.Buffer((128, 128), "float32"), B: T.Buffer((128, 128), "float32")):
    for i, j in T.grid(128, 128):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)
""",
    "chain": """
def main(A: T.Buffer((64, 64), "float32"), D: T.Buffer((64, 64), "float32")):
    B = T.sblock_alloc_buffer((64, 64))
    C = T.sblock_alloc_buffer((64, 64))
    for i, j in T.grid(64, 64):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)
    for i, j in T.grid(64, 64):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + T.float32(1)
    for i, j in T.grid(64, 64):
        with T.sblock("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj], T.float32(0))
""",
    "fork": """
def main(A: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32"), D: T.Buffer((64, 64), "float32")):
    B = T.sblock_alloc_buffer((64, 64))
    for i, j in T.grid(64, 64):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)
    for i, j in T.grid(64, 64):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + T.float32(1)
    for i, j in T.grid(64, 64):
        with T.sblock("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = B[vi, vj] + C[vi, vj]
""",
    "together": """
def main(A: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
    B = T.sblock_alloc_buffer((64, 64))
    for i, j in T.grid(64, 64):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + T.float32(1)
""",
    "conv2d": """
def main(X: T.Buffer((1, 14, 14, 16), "float32"), W: T.Buffer((3, 3, 16, 32), "float32"),
         Y: T.Buffer((1, 14, 14, 32), "float32")):
    P = T.sblock_alloc_buffer((1, 16, 16, 16))
    for n, h, w, c in T.grid(1, 16, 16, 16):
        with T.sblock("P"):
            vn, vh, vw, vc = T.axis.remap("SSSS", [n, h, w, c])
            P[vn, vh, vw, vc] = T.if_then_else(1 <= vh and vh < 15 and 1 <= vw and vw < 15,
                                               X[vn, vh - 1, vw - 1, vc], T.float32(0))
    for n, h, w, co, rh, rw, rc in T.grid(1, 14, 14, 32, 3, 3, 16):
        with T.sblock("Y"):
            vn, vh, vw, vco, vrh, vrw, vrc = T.axis.remap("SSSSRRR", [n, h, w, co, rh, rw, rc])
            with T.init():
                Y[vn, vh, vw, vco] = T.float32(0)
            Y[vn, vh, vw, vco] = Y[vn, vh, vw, vco] + P[vn, vh + vrh, vw + vrw, vrc] * W[vrh, vrw, vrc, vco]
""",
    "row_sum": """
def main(A: T.Buffer((32, 64), "float32"), B: T.Buffer((32,), "float32")):
    for i, k in T.grid(32, 64):
        with T.sblock("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]
""",
    "square_sum": """
def main(A: T.Buffer((16, 24, 24), "float32"), C: T.Buffer((16,), "float32")):
    for b, i, j in T.grid(16, 24, 24):
        with T.sblock("C"):
            vb, vi, vj = T.axis.remap("SRR", [b, i, j])
            with T.init():
                C[vb] = T.float32(0)
            C[vb] = C[vb] + A[vb, vi, vj] * A[vb, vi, vj]
""",
    "argmax": """
def main(idx: T.Buffer((16, 32), "int32"), val: T.Buffer((16, 32), "float32"), argmax_v0: T.Buffer((16,), "int32"),
         argmax_v1: T.Buffer((16,), "float32")):
    for i, k in T.grid(16, 32):
        with T.sblock("argmax"):
            vi, vk = T.axis.remap("SR", [i, k])
            T.reads(idx[vi, vk], val[vi, vk])
            T.writes(argmax_v0[vi], argmax_v1[vi])
            with T.init():
                argmax_v0[vi] = -1
                argmax_v1[vi] = T.min_value("float32")
            v0: T.let[T.int32] = T.Select(argmax_v1[vi] >= val[vi, vk], argmax_v0[vi], idx[vi, vk])
            v1: T.let[T.float32] = T.Select(argmax_v1[vi] >= val[vi, vk], argmax_v1[vi], val[vi, vk])
            argmax_v0[vi] = v0
            argmax_v1[vi] = v1
""",
    "softmax": """
def main(A: T.Buffer((16, 32), "float32"), Y: T.Buffer((16, 32), "float32")):
    M = T.sblock_alloc_buffer((16,))
    E = T.sblock_alloc_buffer((16, 32))
    S = T.sblock_alloc_buffer((16,))
    for i, k in T.grid(16, 32):
        with T.sblock("M"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                M[vi] = T.min_value("float32")
            M[vi] = T.max(M[vi], A[vi, vk])
    for i, j in T.grid(16, 32):
        with T.sblock("E"):
            vi, vj = T.axis.remap("SS", [i, j])
            E[vi, vj] = T.exp(A[vi, vj] - M[vi])
    for i, k in T.grid(16, 32):
        with T.sblock("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + E[vi, vk]
    for i, j in T.grid(16, 32):
        with T.sblock("Y"):
            vi, vj = T.axis.remap("SS", [i, j])
            Y[vi, vj] = E[vi, vj] / S[vi]
""",
    "symbolic": """
def main(a: T.handle, b: T.handle, c: T.handle):
    n = T.int32()
    m = T.int32()
    A = T.match_buffer(a, (n, m), "float32")
    B = T.match_buffer(b, (n, m), "float32")
    C = T.match_buffer(c, (n,), "float32")
    for i, j in T.grid(n, m):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.float32(1)
    for i, k in T.grid(n, m):
        with T.sblock("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(0)
            C[vi] = C[vi] + B[vi, vk]
""",
    "symbolic64": """
def main(a: T.handle, b: T.handle, c: T.handle):
    n = T.int64()
    A = T.match_buffer(a, (n, T.int64(16)), "float32")
    B = T.match_buffer(b, (T.int64(16), T.int64(32)), "float32")
    C = T.match_buffer(c, (n, T.int64(32)), "float32")
    for i, j, k in T.grid(n, T.int64(32), T.int64(16)):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
""",
    "blur": """
def main(A: T.Buffer((34, 34), "float32"), C: T.Buffer((32, 32), "float32")):
    B = T.sblock_alloc_buffer((34, 32))
    for i, j in T.grid(34, 32):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + A[vi, vj + 1] + A[vi, vj + 2]
    for i, j in T.grid(32, 32):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + B[vi + 1, vj] + B[vi + 2, vj]
""",
    "pools": """
def main(A: T.Buffer((12, 12), "int8"), C: T.Buffer((8, 8), "int8")):
    B = T.sblock_alloc_buffer((10, 10), "int8")
    for i, j, ki, kj in T.grid(10, 10, 3, 3):
        with T.sblock("B"):
            vi, vj, vki, vkj = T.axis.remap("SSRR", [i, j, ki, kj])
            with T.init():
                B[vi, vj] = T.int8(-128)
            B[vi, vj] = T.max(B[vi, vj], A[vi + vki, vj + vkj])
    for i, j, ki, kj in T.grid(8, 8, 3, 3):
        with T.sblock("C"):
            vi, vj, vki, vkj = T.axis.remap("SSRR", [i, j, ki, kj])
            with T.init():
                C[vi, vj] = T.int8(-128)
            C[vi, vj] = T.max(C[vi, vj], B[vi + vki, vj + vkj])
""",
    "nested": """
def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32")):
    for i, j in T.grid(4, 4):
        with T.sblock("outer"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi * 16 : vi * 16 + 16, vj * 16 : vj * 16 + 16])
            T.writes(B[vi * 16 : vi * 16 + 16, vj * 16 : vj * 16 + 16])
            for x, y in T.grid(16, 16):
                with T.sblock("B"):
                    vx, vy = T.axis.remap("SS", [x, y])
                    B[vi * 16 + vx, vj * 16 + vy] = A[vi * 16 + vx, vj * 16 + vy] + T.float32(1)
""",
    "predicated": """
def main(A: T.Buffer((100,), "float32"), B: T.Buffer((100,), "float32")):
    for i_0, i_1 in T.grid(7, 16):
        with T.sblock("B"):
            vi = T.axis.spatial(100, i_0 * 16 + i_1)
            T.where(i_0 * 16 + i_1 < 100)
            B[vi] = A[vi] + T.float32(1)
""",
    "resize": """
def main(A: T.Buffer((40, 40), "float32"), B: T.Buffer((80, 80), "float32")):
    for i, j in T.grid(80, 80):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi // 4 + vj // 4, vj // 2]
""",
    "resize_twice": """
def main(A: T.Buffer((40, 40), "float32"), B: T.Buffer((80, 80), "float32"), C: T.Buffer((80, 80), "float32")):
    for i, j in T.grid(80, 80):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi // 2, vj // 2] + A[vi // 2, (vj + 1) // 4]
    for i, j in T.grid(80, 80):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = T.if_then_else(vi < 40, A[vi // 2, vj // 2], T.float32(0)) + T.Cast("float32", vj * 3)
""",
    "pad": """
def main(X: T.Buffer((1, 8, 8, 4), "float32"), P: T.Buffer((1, 10, 10, 4), "float32")):
    for i0, i1, i2, i3 in T.grid(1, 10, 10, 4):
        with T.sblock("P"):
            v0, v1, v2, v3 = T.axis.remap("SSSS", [i0, i1, i2, i3])
            P[v0, v1, v2, v3] = T.if_then_else(1 <= v1 and v1 < 9 and 1 <= v2 and v2 < 9,
                                               X[v0, v1 - 1, v2 - 1, v3], T.float32(0))
""",
    "padded_matmul": """
def main(x: T.Buffer((127, 127), "float32"), w: T.Buffer((128, 128), "float32"), y: T.Buffer((127, 128), "float32")):
    A = T.sblock_alloc_buffer((127, 127))
    for i, j in T.grid(127, 127):
        with T.sblock("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            A[vi, vj] = x[vi, vj] + T.float32(1)
    for i, j, k in T.grid(127, 128, 127):
        with T.sblock("y"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                y[vi, vj] = T.float32(0)
            y[vi, vj] = y[vi, vj] + A[vi, vk] * w[vk, vj]
""",
    "opaque": """
def main(A: T.Buffer((16, 16), "float16"), B: T.Buffer((16, 16), "float16")):
    for i, j in T.grid(16, 16):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[0:16, 0:16])
            T.writes(B[0:16, 0:16])
            T.evaluate(T.call_extern("int32", "copy", B.data, A.data, vi, vj))
""",
    "scatter": """
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(4):
        with T.sblock("first"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi]
    for i in range(12):
        with T.sblock("second"):
            vi = T.axis.spatial(12, i)
            B[vi + 4] = A[vi + 4] + T.float32(1)
""",
    "inplace": """
def main(A: T.Buffer((16, 16), "float32")):
    for i, j in T.grid(16, 16):
        with T.sblock("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, vj])
            T.writes(A[vi, vj])
            A[vi, vj] = A[vi, vj] + T.float32(1)
""",
    "dot4": """
def main(A: T.Buffer((16, 16), "int8"), B: T.Buffer((16, 16), "int8"), C: T.Buffer((16, 16), "int32")):
    for i, j, k in T.grid(16, 16, 16):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0
            C[vi, vj] = C[vi, vj] + T.Cast("int32", A[vi, vk]) * T.Cast("int32", B[vj, vk])
""",
    "gemm16": """
def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
    for i, j, k in T.grid(64, 64, 64):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vj, vk]
""",
}
"""Programs by name, without their decorator."""

INTRINSICS = {
    "peer_dot4": (
        """
def desc(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "int8", offset_factor=1)
    B = T.match_buffer(b, (4,), "int8", offset_factor=1)
    C = T.match_buffer(c, (1,), "int32", offset_factor=1)
    with T.sblock("root"):
        T.reads(C[0], A[0:4], B[0:4])
        T.writes(C[0])
        for k in range(4):
            with T.sblock("update"):
                vk = T.axis.reduce(4, k)
                C[0] = C[0] + T.Cast("int32", A[vk]) * T.Cast("int32", B[vk])
""",
        """
def impl(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (4,), "int8", offset_factor=1)
    B = T.match_buffer(b, (4,), "int8", offset_factor=1)
    C = T.match_buffer(c, (1,), "int32", offset_factor=1)
    with T.sblock("root"):
        T.reads(C[0], A[0:4], B[0:4])
        T.writes(C[0])
        C[0] = C[0] + T.call_extern("int32", "dot4", A.access_ptr("r"), B.access_ptr("r"))
""",
    ),
    "peer_mma16": (
        """
def desc(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (16, 16), align=64, offset_factor=1)
    B = T.match_buffer(b, (16, 16), align=64, offset_factor=1)
    C = T.match_buffer(c, (16, 16), align=64, offset_factor=1)
    with T.sblock("root"):
        T.reads(C[0:16, 0:16], A[0:16, 0:16], B[0:16, 0:16])
        T.writes(C[0:16, 0:16])
        for i, j, k in T.grid(16, 16, 16):
            with T.sblock("update"):
                vii, vjj, vkk = T.axis.remap("SSR", [i, j, k])
                C[vii, vjj] = C[vii, vjj] + A[vii, vkk] * B[vjj, vkk]
""",
        """
def impl(a: T.handle, b: T.handle, c: T.handle):
    A = T.match_buffer(a, (16, 16), align=64, offset_factor=1)
    B = T.match_buffer(b, (16, 16), align=64, offset_factor=1)
    C = T.match_buffer(c, (16, 16), align=64, offset_factor=1)
    with T.sblock("root"):
        T.reads(C[0:16, 0:16], A[0:16, 0:16], B[0:16, 0:16])
        T.writes(C[0:16, 0:16])
        T.evaluate(T.call_extern("int32", "mma", C.data, C.elem_offset, A.data, A.elem_offset, B.data, B.elem_offset))
""",
    ),
}
"""Tensor intrinsics, as description and implementation."""

CASES = [
    # Loops.
    ("matmul", "sch.split(sch.get_loops('C')[0], [None, 8])"),
    ("matmul", "sch.split(sch.get_loops('C')[0], [2, 4, None])"),
    ("odd_matmul", "sch.split(sch.get_loops('C')[0], [None, 2, 3])"),
    ("odd_matmul", "i, j, k = sch.get_loops('C'); f = sch.fuse(i, j, k); sch.split(f, [None, 4, 5])"),
    ("odd_matmul", "i, j, k = sch.get_loops('C'); sch.split(i, [17, 1]); sch.split(j, [1, None])"),
    ("odd_matmul", "i, j, k = sch.get_loops('C'); sch.split(i, [17, 1], preserve_unit_iters=False)"),
    (
        "odd_matmul",
        """
i, j, k = sch.get_loops('C'); sch.split(i, [1, 17], preserve_unit_iters=False); sch.split(j, [4, 5])
""",
    ),
    (
        "odd_matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 4]); sch.split(sch.fuse(b, j), [None, 8])
""",
    ),
    ("odd_matmul", "i, j, k = sch.get_loops('C'); sch.split(i, [None, 4], disable_predication=True)"),
    ("odd_matmul", "sch.split(sch.get_loops('C')[0], [2, 3])"),
    ("odd_matmul", "sch.split(sch.get_loops('C')[0], [None, 3, None])"),
    ("odd_matmul", "sch.split(sch.get_loops('C')[0], [0, None])"),
    ("odd_matmul", "a, b = sch.split(sch.get_loops('C')[0], [None, 4]); c, d = sch.split(b, [None, 3])"),
    (
        "odd_matmul",
        """
a, b = sch.split(sch.get_loops('C')[0], [None, 4]); sch.split(a, [None, 2]); sch.split(b, [2, None])
""",
    ),
    ("predicated", "sch.fuse(*sch.get_loops('B'))"),
    ("predicated", "f = sch.fuse(*sch.get_loops('B')); sch.split(f, [None, 32])"),
    ("predicated", "sch.split(sch.get_loops('B')[0], [None, 2])"),
    ("predicated", "sch.split(sch.get_loops('B')[1], [None, 4])"),
    ("predicated", "i, j = sch.get_loops('B'); sch.reorder(j, i)"),
    ("symbolic", "sch.split(sch.get_loops('B')[0], [None, 16])"),
    ("symbolic", "f = sch.fuse(*sch.get_loops('B')); sch.split(f, [None, 256])"),
    ("symbolic", "f = sch.fuse(*sch.get_loops('C')); sch.split(f, [None, 4, 64])"),
    (
        "symbolic64",
        """
i, j, k = sch.get_loops('C'); sch.split(i, [None, 32]); sch.split(j, [None, 8])
sch.fuse(*sch.get_loops('C')[:3])
""",
    ),
    ("matmul", "sch.fuse(*sch.get_loops('C')[:2])"),
    ("matmul", "sch.fuse(*sch.get_loops('C'))"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.fuse(i, k)"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.fuse(j, i)"),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 8]); c, d = sch.split(j, [None, 4])
sch.reorder(a, c, b, d); sch.fuse(a, c); sch.fuse(b, d)
""",
    ),
    ("matmul", "i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 8]); sch.fuse(a, b)"),
    (
        "elementwise",
        """
i, j = sch.get_loops('B'); f = sch.fuse(i, j); a, b, c = sch.split(f, [None, 4, 32])
sch.vectorize(c)
""",
    ),
    ("conv2d", "sch.fuse(*sch.get_loops('Y')[:4], preserve_unit_iters=False)"),
    ("conv2d", "sch.fuse(*sch.get_loops('Y')[:4])"),
    ("conv2d", "sch.fuse(*sch.get_loops('Y')[1:3], preserve_unit_iters=False)"),
    ("conv2d", "sch.fuse(*sch.get_loops('P')[:3]); sch.fuse(*sch.get_loops('Y')[4:])"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.reorder(k, i, j)"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.reorder(k, i)"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.reorder(i, i)"),
    ("together", "i, j = sch.get_loops('B'); sch.reorder(j, i)"),
    ("chain", "i, j = sch.get_loops('B'); k, l = sch.get_loops('C'); sch.reorder(j, k)"),
    ("nested", "x, y = sch.get_loops('B'); i, j = sch.get_loops('outer'); sch.reorder(j, i); sch.reorder(y, x)"),
    ("nested", "x, y = sch.get_loops('B'); i, j = sch.get_loops('outer'); sch.reorder(x, i)"),
    ("matmul", "sch.add_unit_loop(get('C')); sch.add_unit_loop(sch.get_loops('C')[0])"),
    ("matmul", "sch.loop_partition(sch.get_loops('C')[0], [16, None])"),
    ("elementwise", "sch.loop_partition(sch.get_loops('B')[0], [2, None, 32])"),
    ("elementwise", "sch.loop_partition(sch.get_loops('B')[1], [64, None])"),
    ("elementwise", "sch.loop_partition(sch.get_loops('B')[1], [64, 64, 64])"),
    ("symbolic", "sch.loop_partition(sch.get_loops('B')[0], [4, None])"),
    ("chain", "sch.loop_partition(sch.get_loops('C')[0], [8, None])"),
    ("together", "sch.loop_partition(sch.get_loops('C')[0], [8, None])"),
    ("chain", "sch.merge(sch.get_loops('B')[1], sch.get_loops('C')[1])"),
    ("chain", "sch.merge(sch.get_loops('B')[0], sch.get_loops('C')[0], sch.get_loops('D')[0])"),
    ("fork", "sch.merge(sch.get_loops('C')[1], sch.get_loops('D')[1])"),
    ("fork", "sch.merge(sch.get_loops('C')[0], sch.get_loops('D')[1])"),
    ("scatter", "sch.merge(sch.get_loops('first')[0], sch.get_loops('second')[0])"),
    (
        "matmul",
        """
sch.parallel(sch.get_loops('C')[0]); sch.vectorize(sch.get_loops('C')[1])
sch.unroll(sch.get_loops('C')[2])
""",
    ),
    ("matmul", "sch.parallel(sch.get_loops('C')[2])"),
    ("matmul", "sch.vectorize(sch.get_loops('C')[2])"),
    (
        "odd_matmul",
        """
a, b = sch.split(sch.get_loops('C')[1], [None, 4]); sch.vectorize(b)
sch.parallel(sch.get_loops('C')[0])
""",
    ),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); sch.bind(i, 'blockIdx.x'); sch.bind(j, 'threadIdx.x')
sch.bind(k, 'threadIdx.y')
""",
    ),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.bind(k, 'threadIdx.x')"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.bind(k, 'blockIdx.x')"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.bind(i, 'vthread.x'); sch.bind(j, 'vthread')"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.bind(i, 'thread.x')"),
    (
        "symbolic",
        """
i, j = sch.get_loops('B'); a, b = sch.split(i, [None, 64]); sch.bind(a, 'blockIdx.x')
sch.bind(b, 'threadIdx.x')
""",
    ),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); sch.annotate(i, 'pragma_auto_unroll_max_step', 16)
sch.annotate(get('C'), 'note', 'x'); sch.annotate(j, 'list', [1, 2])
sch.unannotate(i, 'pragma_auto_unroll_max_step')
""",
    ),
    ("matmul", "sch.unannotate(get('C'), 'nothing')"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.annotate(i, 'note', 1); sch.fuse(i, j)"),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.bind(i, 'threadIdx.x'); sch.split(i, [None, 2])"),
    # Reductions.
    ("matmul", "sch.decompose_reduction('C', sch.get_loops('C')[0])"),
    ("matmul", "sch.decompose_reduction('C', sch.get_loops('C')[1])"),
    ("matmul", "sch.decompose_reduction('C', sch.get_loops('C')[2])"),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 8]); c, d = sch.split(j, [None, 8])
e, f = sch.split(k, [None, 4]); sch.reorder(a, c, e, b, f, d); sch.decompose_reduction('C', e)
""",
    ),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.reorder(k, i, j); sch.decompose_reduction('C', i)"),
    (
        "odd_matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 4]); e, f = sch.split(k, [None, 4])
sch.reorder(a, e, b, f, j); sch.decompose_reduction('C', e)
""",
    ),
    (
        "odd_matmul",
        """
i, j, k = sch.get_loops('C'); f = sch.fuse(i, j); a, b = sch.split(f, [None, 32])
sch.bind(a, 'blockIdx.x'); sch.bind(b, 'threadIdx.x'); sch.decompose_reduction('C', k)
""",
    ),
    ("matmul", "i, j, k = sch.get_loops('C'); sch.parallel(i); sch.vectorize(j); sch.decompose_reduction('C', i)"),
    ("argmax", "sch.decompose_reduction('argmax', sch.get_loops('argmax')[1])"),
    ("symbolic", "sch.decompose_reduction('C', sch.get_loops('C')[1])"),
    ("row_sum", "sch.rfactor(sch.get_loops('B')[1], 0)"),
    ("row_sum", "sch.rfactor(sch.get_loops('B')[1], 1)"),
    ("row_sum", "i, k = sch.get_loops('B'); a, b = sch.split(k, [None, 16]); sch.rfactor(b, 0)"),
    ("row_sum", "i, k = sch.get_loops('B'); a, b = sch.split(k, [None, 16]); sch.rfactor(a, 1)"),
    ("row_sum", "i, k = sch.get_loops('B'); a, b = sch.split(k, [None, 13]); sch.rfactor(b, 0)"),
    ("row_sum", "i, k = sch.get_loops('B'); sch.rfactor(i, 0)"),
    ("row_sum", "i, k = sch.get_loops('B'); sch.rfactor(k, 3)"),
    ("row_sum", "i, k = sch.get_loops('B'); a, b = sch.split(k, [None, 16]); sch.reorder(b, i, a); sch.rfactor(b, 0)"),
    ("square_sum", "b, i, j = sch.get_loops('C'); sch.rfactor(sch.fuse(i, j), 0)"),
    (
        "square_sum",
        """
b, i, j = sch.get_loops('C'); f = sch.fuse(i, j); o, t = sch.split(f, [None, 32]); sch.rfactor(t, 0)
""",
    ),
    (
        "square_sum",
        """
b, i, j = sch.get_loops('C'); rf = sch.rfactor(j, 0); l = sch.get_loops(rf)
r2 = sch.rfactor(sch.get_loops('C')[-1], 0)
""",
    ),
    ("square_sum", "b, i, j = sch.get_loops('C'); sch.rfactor(i, -1)"),
    ("argmax", "i, k = sch.get_loops('argmax'); a, b = sch.split(k, [None, 8]); sch.rfactor(b, 1)"),
    ("argmax", "i, k = sch.get_loops('argmax'); a, b = sch.split(k, [None, 8]); sch.rfactor(a, 0)"),
    ("symbolic", "i, k = sch.get_loops('C'); a, b = sch.split(k, [None, 8]); sch.rfactor(b, 0)"),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(k, [4, None]); sch.rfactor(a, 0)
sch.rfactor(sch.get_loops('C_rf')[0], 0)
""",
    ),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(k, [4, None]); rf = sch.rfactor(a, 2)
sch.reverse_compute_at('C', sch.get_loops(rf)[0])
""",
    ),
    ("softmax", "i, k = sch.get_loops('M'); sch.rfactor(k, 0)"),
    ("pools", "sch.rfactor(sch.get_loops('B')[2], 0)"),
    # Blocks.
    ("matmul", "sch.blockize(sch.get_loops('C')[1])"),
    ("matmul", "sch.blockize(sch.get_loops('C')[0])"),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
e, f = sch.split(k, [None, 16]); sch.reorder(a, c, e, b, d, f); sch.blockize(b)
""",
    ),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
e, f = sch.split(k, [None, 16]); sch.reorder(a, c, e, b, d, f); o = sch.blockize(b)
sch.decompose_reduction(o, e)
""",
    ),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); sch.reorder(a, j, k, b)
sch.blockize(b, preserve_unit_iters=False)
""",
    ),
    (
        "elementwise",
        """
i, j = sch.get_loops('B'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
sch.reorder(a, c, b, d); sch.blockize(b)
""",
    ),
    (
        "elementwise",
        """
i, j = sch.get_loops('B'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
sch.reorder(a, c, b, d); sch.blockize(b, preserve_unit_iters=False)
""",
    ),
    ("elementwise", "i, j = sch.get_loops('B'); a, b = sch.split(i, [None, 5]); sch.blockize(b)"),
    ("elementwise", "i, j = sch.get_loops('B'); sch.reorder(j, i); sch.blockize(i)"),
    ("elementwise", "i, j = sch.get_loops('B'); sch.blockize(i, preserve_unit_iters=False)"),
    ("chain", "sch.blockize(sch.get_loops('C')[1])"),
    ("conv2d", "sch.blockize(sch.get_loops('Y')[3])"),
    ("conv2d", "sch.blockize(sch.get_loops('P')[2], preserve_unit_iters=False)"),
    ("row_sum", "sch.blockize(sch.get_loops('B')[1])"),
    ("together", "sch.blockize([get('C'), get('B')])"),
    ("together", "sch.blockize([get('B'), get('C')])"),
    (
        "chain",
        """
i, j = sch.get_loops('D'); sch.compute_at('C', j); sch.compute_at('B', j)
sch.blockize([get('B'), get('C')])
""",
    ),
    (
        "chain",
        """
i, j = sch.get_loops('D'); a, b = sch.split(j, [None, 8]); sch.compute_at('C', a)
sch.blockize([get('C'), get('D')])
""",
    ),
    ("symbolic", "i, j = sch.get_loops('B'); sch.blockize(j)"),
    (
        "dot4",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(k, [None, 4]); sch.decompose_reduction('C', a)
sch.tensorize(b, 'peer_dot4')
""",
    ),
    ("dot4", "i, j, k = sch.get_loops('C'); sch.tensorize(k, 'peer_dot4')"),
    (
        "gemm16",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
e, f = sch.split(k, [None, 16]); sch.reorder(a, c, e, b, d, f); sch.decompose_reduction('C', e)
sch.tensorize(b, 'peer_mma16')
""",
    ),
    (
        "gemm16",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
e, f = sch.split(k, [None, 16]); sch.reorder(a, c, e, b, d, f); sch.decompose_reduction('C', e)
o = sch.blockize(b); sch.tensorize(o, 'peer_mma16')
""",
    ),
    (
        "gemm16",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
e, f = sch.split(k, [None, 16]); sch.reorder(a, c, e, b, d, f); sch.tensorize(b, 'peer_mma16')
""",
    ),
    ("matmul", "sch.reorder_block_iter_var(get('C'), [2, 0, 1])"),
    ("matmul", "sch.reorder_block_iter_var(get('C'), [1, 0])"),
    ("matmul", "sch.reorder_block_iter_var(get('C'), [0, 0, 1])"),
    ("matmul_bias", "sch.fuse_reduction_epilogue('C', 'D')"),
    ("matmul_relu", "sch.fuse_reduction_epilogue('C', 'D')"),
    ("matmul_bias_relu", "sch.fuse_reduction_epilogue('C', 'D')"),
    ("matmul_clip", "sch.fuse_reduction_epilogue('C', 'D')"),
    ("matmul_bias", "sch.fuse_reduction_epilogue('D', 'C')"),
    ("chain", "sch.fuse_reduction_epilogue('C', 'D')"),
    ("pad", "sch.decompose_padding(get('P'), sch.get_loops('P')[0])"),
    ("pad", "sch.decompose_padding(get('P'), sch.get_loops('P')[1])"),
    ("pad", "sch.decompose_padding(get('P'), sch.get_loops('P')[2])"),
    ("pad", "sch.decompose_padding(get('P'), sch.get_loops('P')[3])"),
    ("conv2d", "sch.decompose_padding(get('P'), sch.get_loops('P')[0]); sch.compute_at('P', sch.get_loops('Y')[1])"),
    ("conv2d", "sch.compute_at('P', sch.get_loops('Y')[2]); sch.decompose_padding(get('P'), sch.get_loops('P')[-3])"),
    ("pad", "sch.can_decompose_padding(get('P'), sch.get_loops('P')[1])"),
    ("elementwise", "sch.decompose_padding(get('B'), sch.get_loops('B')[1])"),
    ("odd_matmul", "sch.pad_einsum('C', [8, 8, 8])"),
    ("odd_matmul", "sch.pad_einsum('C', [1, 8, 1])"),
    ("odd_matmul", "sch.pad_einsum('C', [17, 19, 13])"),
    ("padded_matmul", "sch.pad_einsum('y', [128, 128, 128])"),
    ("padded_matmul", "sch.pad_einsum('y', [32, 32, 32])"),
    ("matmul_relu", "sch.pad_einsum('C', [20, 20, 20])"),
    ("symbolic64", "sch.pad_einsum('C', [32, 32, 32])"),
    ("chain", "sch.pad_einsum('B', [48, 1])"),
    ("blur", "i, j = sch.get_loops('C'); sch.compute_at('B', i); sch.rolling_buffer('B', 0)"),
    (
        "pools",
        """
i, j, _, _ = sch.get_loops('C'); a, b = sch.split(i, [None, 4]); sch.compute_at('B', a)
sch.rolling_buffer('B', 0)
""",
    ),
    (
        "pools",
        """
i, j, _, _ = sch.get_loops('C'); a, b = sch.split(i, [None, 4]); c, d = sch.split(j, [None, 4])
sch.reorder(a, c, b, d); sch.compute_at('B', c); sch.rolling_buffer('B', 0)
""",
    ),
    ("blur", "sch.rolling_buffer('B', 0)"),
    ("chain", "sch.compute_inline('B')"),
    ("chain", "sch.compute_inline('B'); sch.compute_inline('C')"),
    ("chain", "sch.reverse_compute_inline('D')"),
    ("chain", "sch.reverse_compute_inline('C')"),
    ("chain", "sch.compute_inline('D')"),
    ("fork", "sch.compute_inline('B')"),
    ("fork", "sch.reverse_compute_inline('D')"),
    ("conv2d", "sch.compute_inline('P')"),
    ("conv2d", "sch.compute_inline('Y')"),
    ("matmul_relu", "sch.reverse_compute_inline('D')"),
    ("matmul_relu", "i, j, k = sch.get_loops('C'); sch.cache_write('C', 0, 'local'); sch.reverse_compute_inline('D')"),
    ("blur", "sch.compute_inline('B')"),
    ("elementwise", "sch.compute_inline(sch.cache_read('B', 0, 'global'))"),
    ("elementwise", "sch.reverse_compute_inline(sch.cache_write('B', 0, 'global'))"),
    ("padded_matmul", "sch.pad_einsum('y', [128, 128, 128]); sch.compute_inline('A')"),
    (
        "matmul",
        """
sch.compute_inline(sch.reindex('C', ('read', 0)))
sch.reverse_compute_inline(sch.reindex('C', ('write', 0)))
""",
    ),
    ("chain", "sch.compute_at('B', sch.get_loops('C')[0])"),
    ("chain", "sch.compute_at('C', sch.get_loops('D')[1])"),
    ("chain", "sch.compute_at('C', sch.get_loops('D')[0], preserve_unit_loops=True)"),
    (
        "chain",
        """
sch.compute_at('C', sch.get_loops('D')[1], preserve_unit_loops=True)
sch.compute_at('B', sch.get_loops('D')[0])
""",
    ),
    ("chain", "i, j = sch.get_loops('D'); a, b = sch.split(i, [None, 16]); sch.compute_at('C', a)"),
    ("chain", "i, j = sch.get_loops('D'); a, b = sch.split(i, [None, 24]); sch.compute_at('C', a)"),
    ("chain", "i, j = sch.get_loops('D'); a, b = sch.split(i, [None, 24]); sch.compute_at('C', b)"),
    ("chain", "f = sch.fuse(*sch.get_loops('D')); sch.compute_at('C', f)"),
    ("chain", "f = sch.fuse(*sch.get_loops('D')); a, b = sch.split(f, [None, 128]); sch.compute_at('C', a)"),
    ("chain", "f = sch.fuse(*sch.get_loops('D')); a, b = sch.split(f, [None, 96]); sch.compute_at('C', a)"),
    ("fork", "sch.compute_at('B', sch.get_loops('C')[0])"),
    ("fork", "sch.compute_at('C', sch.get_loops('D')[0])"),
    ("blur", "sch.compute_at('B', sch.get_loops('C')[0])"),
    ("blur", "sch.compute_at('B', sch.get_loops('C')[1])"),
    (
        "blur",
        """
i, j = sch.get_loops('C'); a, b = sch.split(i, [None, 8]); c, d = sch.split(j, [None, 8])
sch.reorder(a, c, b, d); sch.compute_at('B', c)
""",
    ),
    ("conv2d", "sch.compute_at('P', sch.get_loops('Y')[2])"),
    (
        "conv2d",
        """
n, h, w, co, rh, rw, rc = sch.get_loops('Y'); a, b = sch.split(h, [None, 4])
c, d = sch.split(w, [None, 4]); sch.reorder(n, a, c, b, d, co, rh, rw, rc); sch.compute_at('P', c)
""",
    ),
    ("conv2d", "sch.compute_at('P', sch.get_loops('Y')[4])"),
    ("conv2d", "sch.compute_at('P', sch.get_loops('Y')[6])"),
    ("pools", "sch.compute_at('B', sch.get_loops('C')[1])"),
    ("symbolic", "sch.compute_at('B', sch.get_loops('C')[0])"),
    ("symbolic", "sch.reverse_compute_at('C', sch.get_loops('B')[0])"),
    (
        "symbolic",
        """
i, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); B = sch.cache_write('B', 0, 'global')
sch.reverse_compute_at('C', sch.get_loops('B')[0])
""",
    ),
    ("softmax", "sch.compute_at('E', sch.get_loops('S')[0])"),
    (
        "softmax",
        """
sch.compute_at('S', sch.get_loops('Y')[0]); sch.compute_at('E', sch.get_loops('Y')[0])
sch.compute_at('M', sch.get_loops('Y')[0])
""",
    ),
    (
        "softmax",
        """
i, j = sch.get_loops('Y'); sch.bind(i, 'blockIdx.x'); a, b = sch.split(j, [None, 32])
sch.bind(b, 'threadIdx.x'); sch.compute_at('S', i); sch.set_scope('S', 0, 'shared')
k = sch.get_loops('S')[-1]; c, d = sch.split(k, [None, 32]); sch.bind(d, 'threadIdx.x')
""",
    ),
    ("chain", "sch.reverse_compute_at('D', sch.get_loops('C')[0])"),
    ("chain", "sch.reverse_compute_at('C', sch.get_loops('B')[1])"),
    ("chain", "i, j = sch.get_loops('B'); a, b = sch.split(i, [None, 24]); sch.reverse_compute_at('C', a)"),
    (
        "chain",
        """
f = sch.fuse(*sch.get_loops('B')); a, b = sch.split(f, [None, 128]); sch.reverse_compute_at('C', a)
sch.reverse_compute_at('D', a)
""",
    ),
    ("fork", "sch.reverse_compute_at('C', sch.get_loops('B')[0]); sch.reverse_compute_at('D', sch.get_loops('B')[0])"),
    ("fork", "sch.reverse_compute_at('D', sch.get_loops('C')[0])"),
    ("blur", "sch.reverse_compute_at('C', sch.get_loops('B')[0])"),
    (
        "matmul_relu",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 8]); c, d = sch.split(j, [None, 8])
sch.reorder(a, c, b, d, k); sch.reverse_compute_at('D', c)
""",
    ),
    ("matmul_relu", "i, j, k = sch.get_loops('C'); sch.reverse_compute_at('D', k)"),
    ("matmul_relu", "i, j, k = sch.get_loops('C'); sch.reverse_compute_at('D', j, preserve_unit_loops=True)"),
    ("matmul_relu", "i, j = sch.get_loops('D'); a, b = sch.split(i, [None, 8]); sch.compute_at('C', a)"),
    (
        "matmul_relu",
        """
i, j = sch.get_loops('D'); a, b = sch.split(i, [None, 8]); sch.bind(a, 'blockIdx.x')
sch.bind(b, 'threadIdx.x'); sch.set_scope('C', 0, 'shared'); sch.compute_at('C', b)
""",
    ),
    (
        "matmul_relu",
        """
i, j = sch.get_loops('D'); a, b = sch.split(i, [None, 8]); sch.bind(a, 'blockIdx.x')
sch.bind(b, 'threadIdx.x'); sch.set_scope('C', 0, 'local'); sch.compute_at('C', b)
""",
    ),
    (
        "softmax",
        """
i, k = sch.get_loops('M'); sch.reverse_compute_at('E', i); sch.reverse_compute_at('S', i)
sch.reverse_compute_at('Y', i)
""",
    ),
    (
        "padded_matmul",
        """
i, j, k = sch.get_loops('y'); a, b = sch.split(i, [None, 16]); c, d = sch.split(k, [None, 16])
sch.reorder(a, j, c, b, d); sch.compute_at('A', c)
""",
    ),
    # Buffers.
    ("matmul", "sch.cache_read('C', 0, 'shared')"),
    ("matmul", "sch.cache_read('C', 1, 'local')"),
    ("matmul", "sch.cache_read('C', 'B', 'shared.dyn')"),
    ("matmul", "sch.cache_read('C', 2, 'local')"),
    ("matmul", "sch.cache_read('C', 0, 'wmma.matrix_a')"),
    ("fork", "sch.cache_read('C', 0, 'local')"),
    ("fork", "sch.cache_read('C', 0, 'local', ['D'])"),
    ("fork", "sch.cache_read('C', 0, 'local', [get('C')])"),
    ("fork", "sch.cache_read('D', 0, 'local', [get('D')])"),
    ("nested", "sch.cache_read('B', 0, 'local')"),
    ("nested", "sch.cache_read('outer', 0, 'local')"),
    ("nested", "sch.cache_write('B', 0, 'local')"),
    ("nested", "sch.cache_write('outer', 0, 'local')"),
    ("symbolic", "sch.cache_read('C', 0, 'local'); sch.cache_read('B', 0, 'local')"),
    ("opaque", "sch.cache_read('B', 0, 'shared')"),
    ("scatter", "sch.cache_write('first', 0, 'global')"),
    ("scatter", "sch.cache_write('second', 0, 'local')"),
    ("scatter", "sch.cache_read('second', 0, 'local')"),
    ("predicated", "sch.cache_read('B', 0, 'local'); sch.cache_write('B', 0, 'local')"),
    ("blur", "sch.cache_read('C', 0, 'local'); sch.cache_read('B', 0, 'shared')"),
    ("blur", "r = sch.cache_read('B', 0, 'shared'); sch.compute_at(r, sch.get_loops('B')[0])"),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); e, f = sch.split(k, [None, 8])
sch.reorder(a, e, b, f, j); r = sch.cache_read('C', 0, 'shared'); sch.compute_at(r, e)
sch.fuse(*sch.get_loops(r)[-2:])
""",
    ),
    (
        "odd_matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 4]); e, f = sch.split(k, [None, 8])
sch.reorder(a, e, b, f, j); r = sch.cache_read('C', 0, 'shared')
sch.compute_at(r, e, preserve_unit_loops=True)
""",
    ),
    (
        "odd_matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 4]); w = sch.cache_write('C', 0, 'local')
sch.reverse_compute_at(w, a)
""",
    ),
    ("matmul", "sch.cache_write('C', 0, 'local')"),
    ("matmul", "sch.cache_write('C', 1, 'local')"),
    ("matmul", "sch.cache_write('C', 'C', 'wmma.accumulator')"),
    ("fork", "sch.cache_write('B', 0, 'local')"),
    ("fork", "sch.cache_write('B', 0, 'local', ['C'])"),
    ("fork", "sch.cache_write('B', 0, 'local', [get('C'), get('D')])"),
    ("fork", "sch.cache_write('C', 0, 'local')"),
    ("fork", "sch.cache_write('C', 0, 'local', [get('D')])"),
    ("argmax", "sch.cache_write('argmax', 0, 'local'); sch.cache_write('argmax', 1, 'local')"),
    ("matmul_relu", "sch.cache_write('C', 0, 'local'); sch.cache_read('D', 0, 'local')"),
    ("matmul", "sch.cache_inplace('C', 0, 'local')"),
    ("inplace", "sch.cache_inplace('A', 0, 'local')"),
    ("inplace", "sch.cache_read('A', 0, 'local')"),
    ("resize", "sch.cache_index('B', 'global')"),
    ("resize", "sch.cache_index('B', 'global', 4)"),
    ("resize_twice", "sch.cache_index('B', 'global')"),
    ("resize_twice", "sch.cache_index('C', 'local')"),
    ("resize_twice", "sch.cache_index('B', 'global', 2)"),
    ("matmul", "sch.reindex('C', ('read', 0))"),
    ("matmul", "sch.reindex('C', ('read', 1)); sch.reindex('C', ('write', 0))"),
    ("matmul", "sch.reindex('C', 'A'); sch.reindex('C', 'B')"),
    ("conv2d", "sch.reindex('Y', ('read', 0))"),
    ("conv2d", "sch.reindex('Y', ('read', 1))"),
    ("conv2d", "sch.reindex('Y', ('write', 0))"),
    ("symbolic64", "sch.reindex('C', ('read', 0)); sch.reindex('C', ('write', 0))"),
    ("chain", "sch.reindex('C', ('read', 0)); sch.reindex('C', ('write', 0))"),
    ("resize", "sch.reindex('B', ('read', 0))"),
    ("matmul", "sch.reindex_cache_read('C', 0, 'shared', lambda i, j, k: (k, i))"),
    ("matmul", "sch.reindex_cache_read('C', 0, 'shared', lambda i, j, k: (i // 16, k // 16, i % 16, k % 16))"),
    ("matmul", "sch.reindex_cache_read('C', 0, 'shared', lambda i, j, k: (i, j))"),
    ("matmul", "sch.reindex_cache_write('C', 0, 'local', lambda i, j, k: (j, i))"),
    ("matmul", "sch.reindex_cache_write('C', 0, 'local', lambda i, j, k: (i * 48 + j,))"),
    ("blur", "sch.reindex_cache_read('B', 0, 'shared', lambda i, j: (i, j))"),
    ("conv2d", "sch.reindex_cache_read('Y', 1, 'shared', lambda n, h, w, co, rh, rw, rc: (co, rh * 3 + rw, rc))"),
    ("conv2d", "sch.reindex_cache_write('Y', 0, 'local', lambda n, h, w, co, rh, rw, rc: (n, co // 8, h, w, co % 8))"),
    ("fork", "sch.reindex_cache_read('C', 0, 'shared', lambda i, j: (j, i))"),
    ("symbolic64", "sch.reindex_cache_read('C', 0, 'shared', lambda i, j, k: (k, i))"),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); e, f = sch.split(k, [None, 8])
sch.reorder(a, e, b, f, j); sch.read_at(e, get('C'), 0, 'shared')
""",
    ),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); a, b = sch.split(i, [None, 16]); c, d = sch.split(j, [None, 16])
sch.reorder(a, c, b, d, k); sch.write_at(c, get('C'), 0, 'shared')
""",
    ),
    (
        "matmul",
        """
i, j, k = sch.get_loops('C'); sch.read_at(i, get('C'), 0, 'shared')
sch.read_at(k, get('C'), 1, 'local')
""",
    ),
    (
        "elementwise",
        """
i, j = sch.get_loops('B'); sch.read_at(i, get('B'), 0, 'shared')
sch.write_at(i, get('B'), 0, 'shared')
""",
    ),
    ("chain", "sch.storage_align('B', 0, -2, 32, 8); sch.storage_align('C', 0, 0, 16, 0)"),
    (
        "chain",
        """
sch.storage_align('B', 0, 0, 32, 8); sch.storage_align('B', 0, 0, 16, 4)
sch.storage_align('B', 0, 1, 16, 4)
""",
    ),
    ("chain", "sch.storage_align('D', 0, 0, 32, 8)"),
    ("chain", "sch.storage_align('B', 0, 2, 32, 8)"),
    ("chain", "sch.set_scope('B', 0, 'shared'); sch.set_scope('C', 'C', 'local')"),
    ("chain", "sch.set_scope('D', 0, 'shared')"),
    ("chain", "sch.set_scope('D', 0, 'global')"),
    ("chain", "sch.set_scope('B', 0, 'nothing')"),
    ("chain", "sch.unsafe_set_dtype('B', 0, 'float16')"),
    ("matmul_relu", "sch.unsafe_set_dtype('C', 0, 'float64')"),
    ("chain", "sch.unsafe_set_dtype('D', 0, 'float16')"),
    ("chain", "sch.transform_layout('B', ('write', 0), lambda i, j: (j, i))"),
    ("chain", "sch.transform_layout('C', ('read', 0), lambda i, j: (i // 16, j // 16, i % 16, j % 16))"),
    ("chain", "sch.transform_layout('B', 'B', lambda i, j: (i * 64 + j,))"),
    ("chain", "sch.transform_layout('B', ('write', 0), lambda i, j: (i // 24, j, i % 24))"),
    (
        "chain",
        """
sch.transform_layout('B', ('write', 0), lambda i, j: (i // 24, j, i % 24), pad_value=lambda a, j, b: T.float32(0))
""",
    ),
    ("chain", "sch.transform_layout('B', ('write', 0), lambda i, j: (i // 24, j, i % 24), pad_value=0.0)"),
    ("elementwise", "sch.transform_layout('B', ('read', 0), lambda i, j: (j, i))"),
    ("elementwise", "sch.transform_layout('B', ('write', 0), lambda i, j: (i // 24, j, i % 24), pad_value=0.0)"),
    ("matmul", "sch.transform_layout('C', ('write', 0), lambda i, j: (i // 16, j // 16, i % 16, j % 16))"),
    ("matmul", "sch.transform_layout('C', 'B', lambda k, j: (j // 8, k, j % 8))"),
    (
        "odd_matmul",
        """
sch.transform_layout('C', ('write', 0), lambda i, j: (i // 4, j // 4, i % 4, j % 4), pad_value=0.0)
""",
    ),
    ("odd_matmul", "sch.transform_layout('C', ('read', 0), lambda i, j: (i // 4, j // 4, i % 4, j % 4))"),
    ("symbolic", "sch.transform_layout('B', ('write', 0), lambda i, j: (j, i))"),
    ("elementwise", "sch.transform_block_layout('B', lambda i, j: (i * 128 + j,))"),
    ("elementwise", "sch.transform_block_layout('B', lambda i, j: (j, i))"),
    ("elementwise", "sch.transform_block_layout('B', lambda i, j: (i // 16, j // 16, i % 16, j % 16))"),
    ("matmul", "sch.transform_block_layout('C', lambda i, j, k: (j, i, k))"),
    ("matmul", "sch.transform_block_layout('C', lambda i, j, k: (i // 16, i % 16, j, k))"),
    (
        "conv2d",
        """
sch.transform_block_layout('Y', lambda n, h, w, co, rh, rw, rc: (n * 196 + h * 14 + w, co, rh * 48 + rw * 16 + rc))
""",
    ),
    (
        "conv2d",
        """
sch.reindex('Y', ('read', 0)); sch.reindex('Y', ('read', 1)); sch.reindex('Y', ('write', 0))
m = lambda n, h, w, co, rh, rw, rc: (n * 196 + h * 14 + w, co, rh * 48 + rw * 16 + rc)
sch.transform_block_layout('Y', m)
sch.transform_layout('Y', ('read', 0), lambda n, h, w, rh, rw, rc: (n * 196 + h * 14 + w, rh * 48 + rw * 16 + rc))
sch.transform_layout('Y', ('read', 1), lambda co, rh, rw, rc: (co, rh * 48 + rw * 16 + rc))
sch.transform_layout('Y', ('write', 0), lambda n, h, w, co: (n * 196 + h * 14 + w, co))
""",
    ),
    ("symbolic64", "sch.transform_block_layout('C', lambda i, j, k: (j, i, k))"),
    (
        "resize",
        """
sch.annotate_buffer_access(get('B'), 0, 'read', lambda vi, vj: ((vi // 4, vi // 4 + 40), (vj // 2, vj // 2 + 1)))
""",
    ),
    ("resize", "sch.annotate_buffer_access(get('B'), 0, 'write', lambda vi, vj: (vi, (vj, vj + 1)))"),
    (
        "blur",
        """
sch.annotate_buffer_access(get('B'), 0, 'read', lambda vi, vj: ((vi, vi + 1), (vj, vj + 4)))
sch.compute_at('B', sch.get_loops('C')[0])
""",
    ),
    (
        "matmul",
        """
sch.annotate_buffer_access(get('C'), 1, 'read', lambda vi, vj, vk: (vk, vj))
sch.cache_read('C', 1, 'local')
""",
    ),
    ("matmul", "sch.unsafe_hide_buffer_access(get('C'), 'read', [0])"),
    ("matmul", "sch.unsafe_hide_buffer_access(get('C'), 'write', [0])"),
    ("matmul", "sch.unsafe_hide_buffer_access(get('C'), 'read', [5])"),
    # Whole schedules.
    (
        "matmul",
        """
l = sch.cache_write('C', 0, 'local'); i, j, k = sch.get_loops('C')
a, b, c = sch.split(i, [None, 4, 4]); d, e, f = sch.split(j, [None, 4, 4])
g, h = sch.split(k, [None, 8]); sch.reorder(a, d, b, e, g, h, c, f); sch.bind(a, 'blockIdx.y')
sch.bind(d, 'blockIdx.x'); sch.bind(b, 'threadIdx.y'); sch.bind(e, 'threadIdx.x')
sch.reverse_compute_at(l, e, preserve_unit_loops=True); r = sch.cache_read('C', 0, 'shared')
sch.compute_at(r, g); x = sch.fuse(*sch.get_loops(r)[-2:]); y, z, w = sch.split(x, [4, 4, None])
sch.bind(y, 'threadIdx.y'); sch.bind(z, 'threadIdx.x'); sch.vectorize(w)
sch.storage_align(r, 0, -2, 32, 8); sch.decompose_reduction('C', g)
""",
    ),
    (
        "square_sum",
        """
b, i, j = sch.get_loops('C'); f = sch.fuse(i, j); o, t = sch.split(f, [None, 32])
rf = sch.rfactor(t, 0); sch.set_scope(rf, 0, 'local'); bb, tt = sch.get_loops('C')
sch.bind(bb, 'blockIdx.x'); sch.bind(tt, 'threadIdx.x'); sch.compute_at(rf, bb)
sch.bind(sch.get_loops(rf)[-2], 'threadIdx.x')
""",
    ),
    (
        "conv2d",
        """
sch.compute_inline('P'); n, h, w, co, rh, rw, rc = sch.get_loops('Y')
a, b = sch.split(co, [None, 8]); sch.reorder(n, a, h, w, rc, rh, rw, b)
sch.parallel(sch.fuse(n, a, h)); sch.unroll(rw); sch.vectorize(b); sch.decompose_reduction('Y', rc)
""",
    ),
]
"""(program, schedule) pairs; each schedule is Python that is run with `sch`, `T` and `get`, which gets a block."""


DECORATED = "@T.prim_func(s_tir=True)\n{}"
"""A function's text with the decorator both read."""


def make(sch, T, code, get_block):
    """Run a schedule's text on `sch`, with `get` to get its blocks."""
    exec(code, {"sch": sch, "T": T, "get": get_block})
