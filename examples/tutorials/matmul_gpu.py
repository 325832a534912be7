"""A matrix product for a GPU: shared memory filled by all threads together, register tiles, virtual threads.

Run it by `python examples/tutorials/matmul_gpu.py`; the interpreter runs blocks and threads, no GPU is needed.
"""


def matmul_gpu(sch):
    """Tiles of 8 by 4 results a block of threads, 2 by 2 a thread and virtual thread."""
    # Each thread sums into registers, which are written to C at the end.
    local = sch.cache_write("C", 0, "local")
    i, j, k = sch.get_loops("C")
    i0, i1, i2, i3 = sch.split(i, [None, 2, 2, 2])
    j0, j1, j2, j3 = sch.split(j, [None, 1, 2, 2])
    k0, k1 = sch.split(k, [None, 4])
    sch.reorder(i0, j0, i1, j1, i2, j2, k0, k1, i3, j3)
    sch.bind(i0, "blockIdx.y")
    sch.bind(j0, "blockIdx.x")
    sch.bind(i1, "vthread.y")
    sch.bind(j1, "vthread.x")
    sch.bind(i2, "threadIdx.y")
    sch.bind(j2, "threadIdx.x")
    sch.reverse_compute_at(local, j2, preserve_unit_loops=True)
    # For every 4 values of k the block's threads fetch, together, what all of them need.
    for operand in (0, 1):
        shared = sch.cache_read("C", operand, "shared")
        sch.compute_at(shared, k0, preserve_unit_loops=True)
        fused = sch.fuse(*sch.get_loops(shared)[-2:])
        ty, tx, rest = sch.split(fused, [2, 2, None])
        sch.bind(ty, "threadIdx.y")
        sch.bind(tx, "threadIdx.x")
        sch.vectorize(rest)
    sch.unroll(k1)
    sch.decompose_reduction("C", k0)


def main():
    """Check it on sizes that its tiles do not divide."""
    import numpy as np
    from _check import check
    from tensorir.script import workloads

    check(workloads.matmul(18, 8, 10), matmul_gpu, np.matmul, show=True)


if __name__ == "__main__":
    main()
