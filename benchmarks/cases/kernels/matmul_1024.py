"""Square float32 matrix multiplication, 1024 x 1024 x 1024, row major; the same schedule here and in TVM."""

import functools

import numpy as np
import peers

N = 1024
ROWS, COLUMNS = 4, 64  # the register tile: 16 vectors of 16 lanes


def inputs():
    """A, B, C."""
    a, b = peers.random((N, N), (N, N))
    return [a, b, peers.aligned(np.zeros((N, N), np.float32))]


def check(a, b, c):
    """Float32 accumulates 1024 products, so about sqrt(1024) roundings."""
    np.testing.assert_allclose(c, a.astype(np.float64) @ b.astype(np.float64), rtol=1e-4)


def schedule(sch, block):
    """Keep a tile of C in registers over the whole reduction, column panels of B in the second-level cache."""
    i, j, k = sch.get_loops(block)
    i0, i1 = sch.split(i, [None, ROWS])
    j0, j1 = sch.split(j, [None, COLUMNS])
    sch.reorder(j0, i0, k, i1, j1)
    sch.parallel(j0)
    sch.unroll(i1)
    sch.vectorize(j1)
    sch.decompose_reduction(block, k)


def with_tensorir(*arrays):
    """Ours."""
    import tensorir
    from tensorir import T

    @T.prim_func
    def main(A: T.Buffer((N, N), "float32"), B: T.Buffer((N, N), "float32"), C: T.Buffer((N, N), "float32")):
        for i, j, k in T.grid(N, N, N):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    sch = tensorir.Schedule(main)
    schedule(sch, sch.get_block("C"))
    return functools.partial(tensorir.build(sch.mod, target="llvm"), *arrays)


def with_tvm(*arrays):
    """TVM, scheduled alike."""
    from tvm import s_tir
    from tvm.script import tirx as T

    @T.prim_func(s_tir=True)
    def main(A: T.Buffer((N, N), "float32"), B: T.Buffer((N, N), "float32"), C: T.Buffer((N, N), "float32")):
        T.func_attr({"tirx.noalias": True})
        for i, j, k in T.grid(N, N, N):
            with T.sblock("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    sch = s_tir.Schedule(main)
    schedule(sch, sch.get_sblock("C"))
    return peers.tvm_task(sch.mod, arrays)


def with_numpy(a, b, c):
    """numpy calls its BLAS."""
    return functools.partial(np.matmul, a, b, out=c)


def with_torch(*arrays):
    """torch calls its BLAS."""
    import torch

    a, b, c = peers.torch_tensors(arrays)
    return functools.partial(torch.mm, a, b, out=c)


def with_halide(a, b, c):
    """Halide with the same register tile."""
    import halide as hl

    x, y, xi, yi = hl.Var("x"), hl.Var("y"), hl.Var("xi"), hl.Var("yi")
    left, right = hl.Buffer(a, "left"), hl.Buffer(b, "right")
    k = hl.RDom([(0, N)])
    product, out = hl.Func("product"), hl.Func("out")
    product[x, y] = 0.0
    product[x, y] += left[k, y] * right[x, k]
    out[x, y] = product[x, y]
    out.bound(x, 0, N).bound(y, 0, N).tile(x, y, xi, yi, COLUMNS, ROWS).reorder(xi, yi, y, x)
    out.vectorize(xi, 16).unroll(xi).unroll(yi).parallel(x)
    product.compute_at(out, y).vectorize(x, 16).unroll(x).unroll(y)
    product.update().reorder(x, y, k.x).vectorize(x, 16).unroll(x).unroll(y)
    out.compile_jit()
    return functools.partial(out.realize, hl.Buffer(c))


PEERS = {
    "tensorir": with_tensorir,
    "numpy": with_numpy,
    "torch": with_torch,
    "tvm": with_tvm,
    "halide": with_halide,
}
