"""A matrix product for a CPU: blocks that fit the cache, vectors, a write cache, packed panels, threads.

The steps are those of the classical tutorial on optimising a matrix product. They are methods of a schedule alone, so
the same functions work on this package's `Schedule` and on Apache TVM's.

Run it by `python examples/tutorials/matmul_cpu.py`.
"""


def matmul(sch):
    """Blocking, a write cache, vectors and threads."""
    # Tiles of 4 by 4 results stay in registers while 4 values of k are added.
    i, j, k = sch.get_loops("C")
    i_outer, i_inner = sch.split(i, [None, 4])
    j_outer, j_inner = sch.split(j, [None, 4])
    k_outer, k_inner = sch.split(k, [None, 4])
    sch.reorder(i_outer, j_outer, k_outer, k_inner, i_inner, j_inner)
    # A tile is summed in memory of its own, which is written to C in one go.
    cache = sch.cache_write("C", 0, "global")
    sch.reverse_compute_at(cache, j_outer)
    sch.vectorize(j_inner)
    sch.vectorize(sch.get_loops(cache)[-1])
    sch.unroll(k_inner)
    sch.parallel(sch.fuse(i_outer, j_outer))
    sch.decompose_reduction("C", k_outer)


def matmul_packed(sch):
    """The same with the second matrix packed into panels, whose rows lie next to each other in memory."""
    i, j, k = sch.get_loops("C")
    packed = sch.cache_read("C", 1, "global")
    sch.transform_layout(packed, ("write", 0), lambda k, j: (j // 4, k, j % 4))
    j_outer, j_inner = sch.split(j, [None, 4])
    sch.reorder(i, j_outer, k, j_inner)
    sch.vectorize(j_inner)
    sch.parallel(i)
    sch.parallel(sch.get_loops(packed)[0])
    sch.decompose_reduction("C", k)


def main():
    """Check both on sizes that their tiles do not divide."""
    import numpy as np
    from _check import check
    from tensorir.script import workloads

    for schedule in (matmul, matmul_packed):
        check(workloads.matmul(10, 8, 6), schedule, np.matmul)


if __name__ == "__main__":
    main()
