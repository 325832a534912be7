"""The programs that travel to Apache TVM and back: workloads, random ones, and one for each construct."""

from tensorir import PrimFunc, parse
from tensorir.script import te
from tensorir.script import workloads as w

from ..choices import Choices
from ..random_programs import Shape, random_program

WORKLOADS: list[PrimFunc] = [
    w.matmul(5, 7, 3),
    w.matmul(4, 8, 4, "int8", "int32"),
    w.batch_matmul(2, 5, 3, 4),
    w.dense(3, 5, 4),
    w.conv2d_nhwc(1, 7, 8, 2, 4, 3, stride=2, padding=1, dilation=2, groups=2),
    w.conv2d_nchw(1, 3, 7, 6, 2, 3, padding=1),
    w.conv3d_ndhwc(1, 4, 5, 4, 2, 3, 3, padding=1),
    w.depthwise_conv2d_nhwc(1, 6, 5, 3, 3, factor=2),
    w.conv2d_im2col(2, 6, 5, 3, 4, 3, stride=2, padding=1),
    w.conv2d_winograd_nhwc(1, 5, 6, 3, 2),
    w.max_pool2d_nchw(1, 2, 7, 6, 3, 2, 1),
    w.avg_pool2d_nchw(1, 2, 7, 6, 3, 2, 1),
    w.softmax(4, 7),
    w.attention(1, 2, 5, 3),
    w.layer_norm(4, 7),
    w.gelu(3, 5),
    w.argmax(5, 9),
    w.transpose(3, 5),
    w.separable_blur(6, 7),
    w.softmax(te.var("m"), te.var("n")),
]
RANDOM: list[PrimFunc] = [
    random_program(Choices.seeded(seed), Shape(dtypes=("float32", "int32", "float64", "int64", "int8")))
    for seed in range(40)
]

CONSTRUCTS: dict[str, str] = {
    "lets": """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            x: T.float32 = A[vi] * T.float32(2)
            y: T.float32 = x + T.exp(x)
            B[vi] = T.Let(z * y, where={z: x + T.float32(1)})
""",
    "scopes": """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    with T.allocate((16,), "float32", scope="local") as P:
        V = T.decl_buffer((4, 4), "float32", data=P.data, scope="local")
        for i, j in T.grid(4, 4):
            V[i, j] = A[i * 4 + j]
        for i in range(16):
            B[i] = P[i]
    with T.LetStmt(A[0]) as x:
        B[0] = B[0] + x
    with T.LetStmt(A[1]) as x:
        B[1] = B[1] + x
""",
    "control": """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), n: T.int32, C: T.Buffer((1,), "int32")):
    assert n > 0, "n must be positive"
    C[0] = 0
    while C[0] < n:
        C[0] = C[0] + 1
    for i in range(2, 14):
        if i < 3:
            A[i] = T.float32(1)
        elif i % 2 == 0 and not i == 6:
            A[i] = T.if_then_else(A[i] > T.float32(0), T.sqrt(A[i]), T.float32(-0.5))
        else:
            A[i] = T.Select(i > 4 or n < 2, T.float32(2), A[i] / T.float32(3))
""",
    "vectors": """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((32,), "float32")):
    for i in range(4):
        B[i * 4 : i * 4 + 4] = A[i * 4 : i * 4 + 4] + T.Broadcast(T.float32(1), 4)
    B[T.Ramp(16, 2, 4)] = A[0:4]
    B[T.Ramp(17, 2, 4)] = T.Cast("float32x4", T.Ramp(0, 3, 4))
    for i in range(24, 32):
        B[i] = T.float32(0)
""",
    "integers": """
@T.prim_func
def main(A: T.Buffer((16,), "int32"), B: T.Buffer((16,), "int32"), C: T.Buffer((16,), "int64")):
    for i in range(16):
        B[i] = T.truncdiv(A[i], 3) + T.truncmod(A[i], 3) * 10 + A[i] // 3 + A[i] % 3
        B[i] = B[i] + ((A[i] & 3 | i << 1) ^ A[i] >> 1) + ~i + T.Add(1, 2)
        C[i] = T.Cast("int64", A[i]) * T.int64(4294967296) - T.min(T.int64(5), T.Cast("int64", i))
""",
    "constants": """
@T.prim_func
def main(A: T.Buffer((8,), "float64"), B: T.Buffer((8,), "float32")):
    A[0] = T.float64(1e+300)
    A[1] = T.float64(-1.7976931348623157e+308)
    A[2] = T.float64(0.1)
    A[3] = T.float64("inf")
    A[4] = T.float64(-0.0)
    A[5] = T.float64(5e-324)
    A[6] = T.Cast("float64", T.float16(0.1))
    A[7] = T.Cast("float64", T.bfloat16(3.140625))
    for i in range(8):
        B[i] = T.float32(3.4028234663852886e+38)
    B[0] = T.float32(1e-45)
    B[1] = T.reinterpret("float32", T.Cast("uint32", 1065353216))
""",
    "views": """
@T.prim_func
def main(a: T.handle, B: T.Buffer((16, 16), "float32")):
    s = T.int32()
    A = T.match_buffer(a, (16, 16), "float32", strides=[s, 1])
    for i, j in T.grid(4, 16):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi * 4 : vi * 4 + 4, vj])
            T.writes(B[vi * 4 : vi * 4 + 4, vj])
            s0 = T.int32()
            s1 = T.int32()
            V = T.match_buffer(A[vi * 4 : vi * 4 + 4, vj], (4, 1), "float32", strides=[s0, s1], offset_factor=1)
            for k in range(4):
                B[vi * 4 + k, vj] = V[k, 0]
""",
    "annotations": """
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    T.func_attr({"tir.noalias": True, "k": [1, "two", 2.5]})
    for i in T.parallel(4):
        for j in T.unroll(4):
            for k in T.vectorized(4):
                with T.block("B"):
                    vi = T.axis.spatial(64, i * 16 + j * 4 + k)
                    T.where(i * 16 + j * 4 + k < 61)
                    T.reads(A[vi])
                    T.writes(B[vi])
                    T.block_attr({"note": "x", "list": [1, 2]})
                    B[vi] = A[vi]
    for i in T.serial(61, 64, annotations={"pragma_unroll": 1}):
        B[i] = T.float32(0)
""",
    "axes": """
@T.prim_func
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(15):
        with T.block("B"):
            vi = T.axis.scan((1, 16), i + 1)
            B[vi] = B[vi - 1] + A[vi]
    for i in range(16):
        with T.block("opaque"):
            vi = T.axis.opaque(16, i)
            T.reads(A[0:16], B[0:16])
            T.writes(B[0:16])
            B[vi] = B[vi] * T.float32(2)
""",
}


def constructs() -> list[tuple[str, PrimFunc]]:
    """A program for each construct."""
    return [(name, parse(text)) for name, text in CONSTRUCTS.items()]  # type: ignore[misc]


STEPS: dict[str, tuple[PrimFunc, str]] = {
    "tiled matmul": (
        w.matmul(64, 64, 64),
        """
b = sch.get_sblock("C")
i, j, k = sch.get_loops(b)
i0, i1 = sch.split(i, [None, 16])
j0, j1 = sch.split(j, [None, 16])
k0, k1 = sch.split(k, [None, 4])
sch.reorder(i0, j0, k0, i1, k1, j1)
sch.parallel(sch.fuse(i0, j0))
sch.vectorize(j1)
sch.unroll(k1)
sch.decompose_reduction(b, k0)
""",
    ),
    "odd split": (
        w.matmul(7, 5, 3),
        """
b = sch.get_sblock("C")
i, j, k = sch.get_loops(b)
sch.split(i, [None, 4])
sch.annotate(j, "pragma_auto_unroll_max_step", 16)
""",
    ),
    "cached matmul": (
        w.matmul(32, 32, 32),
        """
b = sch.get_sblock("C")
i, j, k = sch.get_loops(b)
i0, i1 = sch.split(i, [None, 8])
j0, j1 = sch.split(j, [None, 8])
k0, k1 = sch.split(k, [None, 8])
sch.reorder(i0, j0, k0, i1, j1, k1)
sch.bind(i0, "blockIdx.x")
sch.bind(j0, "threadIdx.x")
for n in range(2):
    sch.compute_at(sch.cache_read(b, n, "shared"), k0)
sch.reverse_compute_at(sch.cache_write(b, 0, "local"), j0)
""",
    ),
    "rfactor": (
        w.row_sum(16, 64),
        """
b = sch.get_sblock("Y")
i, k = sch.get_loops(b)
k0, k1 = sch.split(k, [None, 8])
sch.rfactor(k1, 1)
""",
    ),
    "fused conv": (
        w.conv2d_nhwc(1, 8, 8, 4, 4, 3, padding=1),
        """
sch.compute_inline(sch.get_sblock("pad"))
n, h, w, c, *r = sch.get_loops(sch.get_sblock("Y"))
sch.fuse(n, h, w)
""",
    ),
    "blur at tile": (
        w.separable_blur(16, 16),
        """
i, j = sch.get_loops(sch.get_sblock("blur_y"))
i0, i1 = sch.split(i, [None, 4])
sch.compute_at(sch.get_sblock("blur_x"), i0)
""",
    ),
    "storage": (
        w.softmax(16, 16),
        """
b = sch.get_sblock("exp")
sch.set_scope(b, 0, "shared")
sch.storage_align(b, 0, 0, 32, 8)
sch.transform_layout(b, ("write", 0), lambda i, j: (j, i))
""",
    ),
}
"""Programs and the steps that TVM's own scheduler takes on them."""
