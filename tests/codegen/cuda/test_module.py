"""CUDA text: what a kernel's text says, and what its description tells the launcher."""

from __future__ import annotations

import tensorir
from tensorir.codegen.cuda.module import generate
from tensorir.codegen.target import as_target

from .gpu import blocked_matmul

TARGET = as_target("cuda")


def generated(x):
    module = getattr(x, "mod", None) or tensorir.tir.function.as_module(x)
    return generate(tensorir.lower(module, TARGET), TARGET, module)


def test_a_blocked_matmul():
    source = generated(blocked_matmul())
    (kernel,) = source.kernels.values()
    assert [e.value for e in kernel.grid] == [4, 4, 1]
    assert [e.value for e in kernel.block] == [8, 4, 1]
    assert kernel.threads == 32
    assert [(p.name, p.pointer, p.written) for p in kernel.params] == [
        ("A", True, False),
        ("B", True, False),
        ("C", True, True),
    ]
    assert kernel.static_shared_bytes == 2 * 16 * 8 * 4
    for part in (
        f'extern "C" __global__ void __launch_bounds__(32) {kernel.name}(',
        "__shared__ __align__(16) float A_shared[128];",
        "threadIdx.x",
        "*(float4*)&A_shared",
        "__ldg((const float4*)&A[",
        "// block A_shared",
        "float C_local[8];",
    ):
        assert part in source.text


def test_kernels_and_what_launches_them():
    func = tensorir.parse(
        """
@T.prim_func
def main(a: T.handle, b: T.handle):
    n = T.int32()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    M = T.alloc_buffer((n,), "float32")
    for i in T.thread_binding(n, thread="blockIdx.x"):
        with T.block("M"):
            vi = T.axis.spatial(n, i)
            M[vi] = A[vi] * T.float32(2)
    for i in T.thread_binding(n, thread="blockIdx.x"):
        with T.block("B"):
            vi = T.axis.spatial(n, i)
            B[vi] = M[n - 1 - vi] + T.float32(1)
"""
    )
    source = generated(func)
    assert list(source.kernels) == ["main_kernel", "main_kernel_1"]
    host = source.host["main"]
    assert [type(n).__name__ for n in tensorir.tir.visit.walk(host.body)].count("Call") == 2
    launches, pointers = [], iter(range(1000, 2000))

    from tensorir.codegen.cuda.host import run

    a, b = host.params
    n = host.buffer_map[a].shape[0]
    run(
        source,
        host,
        {a: 1, b: 2, n: 5},
        lambda kernel, grid, block, shared, args: launches.append((kernel.name, grid, block, shared, list(args))),
        lambda size, name: next(pointers),
    )
    assert launches[0][:4] == ("main_kernel", (5, 1, 1), (1, 1, 1), 0)
    assert sorted(launches[0][4]) == [1, 1000]
    assert sorted(launches[1][4]) == [2, 5, 1000]
