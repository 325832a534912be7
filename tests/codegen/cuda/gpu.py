"""Programs bound to threads, as schedules make them, for the tests of the CUDA backend."""

from __future__ import annotations

import tensorir
from tensorir.script import workloads


def blocked_matmul(m=64, n=64, k=64, dtype="float32"):
    """A matrix product in tiles: shared memory filled by all threads with vectors, registers, virtual threads."""
    sch = tensorir.Schedule(workloads.matmul(m, n, k, dtype))
    block = "C"
    local = sch.cache_write(block, 0, "local")
    i, j, k = sch.get_loops(block)
    i0, i1, i2, i3 = sch.split(i, [None, 2, 4, 2])
    j0, j1, j2, j3 = sch.split(j, [None, 1, 8, 2])
    k0, k1 = sch.split(k, [None, 8])
    sch.reorder(i0, j0, i1, j1, i2, j2, k0, k1, i3, j3)
    axes = ("blockIdx.y", "blockIdx.x", "vthread.y", "vthread.x", "threadIdx.y", "threadIdx.x")
    for loop, axis in zip((i0, j0, i1, j1, i2, j2), axes):
        sch.bind(loop, axis)
    sch.reverse_compute_at(local, j2, preserve_unit_loops=True)
    for operand in (0, 1):
        shared = sch.cache_read(block, operand, "shared")
        sch.compute_at(shared, k0, preserve_unit_loops=True)
        fused = sch.fuse(*sch.get_loops(shared)[-2:])
        _, ty, tx, rest = sch.split(fused, [None, 4, 8, 4])
        sch.bind(ty, "threadIdx.y")
        sch.bind(tx, "threadIdx.x")
        sch.vectorize(rest)
    sch.unroll(k1)
    sch.decompose_reduction(block, k0)
    return sch


SHORT = {"float16": "f16", "bfloat16": "bf16", "int8": "s8", "float8_e4m3fn": "e4m3"}


def tile_gemm(m, n, k, family, dtype, *, transposed=False, tile=32, scope="shared", permuted=False):
    """A matrix product on tensor cores: four warps, each with `tile` by `tile` of the result, operands shared."""
    t, out = SHORT[dtype], "int32" if dtype == "int8" else "float32"
    depth = 32 if family == "mma" and dtype[-1] in "8n" else 16
    total = {"int32": "s32", "float32": "f32"}[out]
    right = "B[vj, vk]" if transposed else "B[vk, vj]"
    sch = tensorir.Schedule(
        tensorir.parse(f'''
@T.prim_func
def main(
    A: T.Buffer(({m}, {k}), "{dtype}"),
    B: T.Buffer({(n, k) if transposed else (k, n)}, "{dtype}"),
    C: T.Buffer(({m}, {n}), "{out}"),
):
    for i, j, k in T.grid({m}, {n}, {k}):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.{out}(0)
            C[vi, vj] = C[vi, vj] + T.Cast("{out}", A[vi, vk]) * T.Cast("{out}", {right})
''')
    )
    x = "_trans" if transposed else ""
    result = sch.cache_write("C", 0, f"{family}.accumulator")
    i, j, kk = sch.get_loops("C")
    bi, wi, mi, ti = sch.split(i, [None, 2, tile // 16, 16])
    bj, wj, mj, tj = sch.split(j, [None, 2, tile // 16, 16])
    ko, ki, tk = sch.split(kk, [None, 64 // depth // 2, depth])
    sch.reorder(bi, bj, wi, wj, ko, ki, mi, mj, ti, tj, tk)
    for loop, axis in zip((bi, bj, wi, wj), ("blockIdx.y", "blockIdx.x", "threadIdx.z", "threadIdx.y")):
        sch.bind(loop, axis)
    for operand, side in enumerate("ab"):
        shared = sch.cache_read("C", operand, scope)
        if permuted:
            sch.annotate(shared, "permuted_layout", True)
        fragment = sch.cache_read("C", operand, f"{family}.matrix_{side}")
        sch.compute_at(fragment, ki)
        sch.compute_at(shared, ko)
        fused = sch.fuse(*sch.get_loops(shared)[-2:])
        _, tz, ty, tx, rest = sch.split(fused, [None, 2, 2, 32, 4])
        for loop, axis in zip((tz, ty, tx), ("threadIdx.z", "threadIdx.y", "threadIdx.x")):
            sch.bind(loop, axis)
        sch.vectorize(rest)
        rows, cols = (16, depth) if side == "a" or transposed else (depth, 16)
        _tiled(
            sch,
            fragment,
            f"{family}_load_16x16x{depth}_{t}_{side}{x if side == 'b' else ''}_{scope.replace('.', '_')}",
            rows,
            cols,
        )
    sch.reverse_compute_at(result, wj)
    _tiled(sch, result, f"{family}_store_16x16x{depth}_{total}_global", 16, 16)
    init = sch.decompose_reduction("C", ko)
    sch.tensorize(sch.get_loops(init)[-2], f"{family}_fill_16x16x{depth}_{total}")
    sch.tensorize(ti, f"{family}_sync_16x16x{depth}_{t}{t}{total}{x}")
    return sch


def _tiled(sch, block, intrinsic, rows, cols):
    i, j = sch.get_loops(block)[-2:]
    i0, i1 = sch.split(i, [None, rows])
    j0, j1 = sch.split(j, [None, cols])
    sch.reorder(i0, j0, i1, j1)
    sch.tensorize(i1, intrinsic)
