"""Programs and tensor intrinsics for the schedules of `peer_cases.py`, as texts that we and Apache TVM read."""

DECORATED = "@T.prim_func(s_tir=True)\n{}"
"""A function's text with the decorator both read."""


def matrices(m, n, k, *others):
    """The parameters of a product of (m, k) and (k, n) matrices; others are (m, n) results, "bias" has n elements."""
    shapes = {"A": (m, k), "B": (k, n)} | {name: (n,) if name == "bias" else (m, n) for name in others}
    return ", ".join(f'{name}: T.Buffer({shape}, "float32")' for name, shape in shapes.items())


def product(m, n, k):
    """The loops that make C, the product of A and B."""
    return f"""    for i, j, k in T.grid({m}, {n}, {k}):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""


def product_and(m, n, k, value):
    """A product that is kept in between, and D, which `value` makes of it."""
    return f"""    C = T.sblock_alloc_buffer(({m}, {n}))
{product(m, n, k)}    for i, j in T.grid({m}, {n}):
        with T.sblock("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = {value}
"""


PROGRAMS = {
    "matmul": f"""
def main({matrices(64, 48, 32, "C")}):
{product(64, 48, 32)}""",
    "odd_matmul": f"""
def main({matrices(17, 19, 13, "C")}):
{product(17, 19, 13)}""",
    "matmul_relu": f"""
def main({matrices(32, 32, 16, "D")}):
{product_and(32, 32, 16, "T.max(C[vi, vj], T.float32(0))")}""",
    "matmul_bias": f"""
def main({matrices(16, 16, 8, "bias", "D")}):
{product_and(16, 16, 8, "C[vi, vj] + bias[vj]")}""",
    "matmul_bias_relu": f"""
def main({matrices(16, 16, 8, "bias", "D")}):
{product_and(16, 16, 8, "T.max(C[vi, vj] + bias[vj], T.float32(0))")}""",
    "matmul_clip": f"""
def main({matrices(16, 16, 8, "D")}):
{product_and(16, 16, 8, "T.min(T.max(C[vi, vj], T.float32(-5)), T.float32(5))")}""",
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
