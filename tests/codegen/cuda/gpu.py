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
