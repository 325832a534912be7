"""Programs read from text and from decorated functions: both give the same nodes."""

import tensorir
from tensorir.script import ir as I
from tensorir.script import tir as T
from tensorir.tir.expr import Add, FloatImm, Mul
from tensorir.tir.same import assert_structural_equal

MATMUL = """
@T.prim_func
def matmul(A: T.Buffer((64, 32), "float32"), B: T.Buffer((32, 16), "float32"), C: T.Buffer((64, 16), "float32")):
    for i, j, k in T.grid(64, 16, 32):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""


@T.prim_func
def matmul(A: T.Buffer((64, 32), "float32"), B: T.Buffer((32, 16), "float32"), C: T.Buffer((64, 16), "float32")):
    for i, j, k in T.grid(64, 16, 32):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


def test_text_and_decorator_agree() -> None:
    assert_structural_equal(tensorir.parse(MATMUL), matmul)


def test_matmul_has_the_nodes_it_says() -> None:
    f = tensorir.parse(MATMUL)
    loop = f.root.body
    assert [b.name for b in f.buffers] == ["A", "B", "C"]
    assert f.attrs["global_symbol"] == "matmul"
    for name, extent in (("i", 64), ("j", 16), ("k", 32)):
        assert (loop.loop_var.name, loop.extent.value) == (name, extent)
        loop = loop.body
    block = loop.block
    assert [(v.var.name, v.iter_type.value) for v in block.iter_vars] == [
        ("vi", "spatial"),
        ("vj", "spatial"),
        ("vk", "reduce"),
    ]
    a, b, c = f.buffers
    vi, vj, vk = (v.var for v in block.iter_vars)
    assert block.init.value is FloatImm(c.dtype, 0.0)
    assert block.body.value is Add(c[vi, vj], Mul(a[vi, vk], b[vk, vj]))
    assert [r.buffer for r in block.reads] == [a, b]
    assert [r.buffer for r in block.writes] == [c]


def test_module_round_trip() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def main(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
            Module.scale(A.data, B.data, 8)

        @T.prim_func(private=True)
        def scale(a: T.handle("float32", "global"), b: T.handle("float32", "global"), n: T.int32):
            A = T.decl_buffer((8,), "float32", data=a)
            B = T.decl_buffer((8,), "float32", data=b)
            for i in range(n):
                B[i] = A[i] * T.float32(2)

    assert list(Module) == ["main", "scale"]
    assert "global_symbol" not in Module["scale"].attrs
    assert_structural_equal(tensorir.parse(Module.script()), Module)


def test_the_short_names_are_the_types() -> None:
    text = "@T.prim_func\ndef f(n: T.{0}, A: T.Buffer((2,), T.{0})):\n    A[0] = n + T.{0}(1)\n"
    for short, name in {"f32": "float32", "bf16": "bfloat16", "i8": "int8", "u64": "uint64"}.items():
        func = tensorir.parse(text.format(short))
        assert_structural_equal(func, tensorir.parse(text.format(name)))
        assert getattr(T, short) is getattr(T, name) and f"T.{name}(1)" in func.script()
