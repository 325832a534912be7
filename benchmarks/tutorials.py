"""Schedules as TVM's tutorials write them, for any `Schedule` that has TVM's primitives: ours and TVM's.

Each takes a schedule of a workload that `peer_diff.py` names, and needs nothing but its methods.
"""


def matmul(sch):
    """Blocking, a write cache, vectors and threads: the tutorial on optimising a matrix product for a CPU."""
    i, j, k = sch.get_loops("C")
    i_outer, i_inner = sch.split(i, [None, 4])
    j_outer, j_inner = sch.split(j, [None, 4])
    k_outer, k_inner = sch.split(k, [None, 4])
    sch.reorder(i_outer, j_outer, k_outer, k_inner, i_inner, j_inner)
    cache = sch.cache_write("C", 0, "global")
    sch.reverse_compute_at(cache, j_outer)
    sch.vectorize(j_inner)
    sch.vectorize(sch.get_loops(cache)[-1])
    sch.unroll(k_inner)
    sch.parallel(sch.fuse(i_outer, j_outer))
    sch.decompose_reduction("C", k_outer)


def matmul_packed(sch):
    """The same with the second matrix packed into panels."""
    i, j, k = sch.get_loops("C")
    packed = sch.cache_read("C", 1, "global")
    sch.transform_layout(packed, ("write", 0), lambda k, j: (j // 4, k, j % 4))
    j_outer, j_inner = sch.split(j, [None, 4])
    sch.reorder(i, j_outer, k, j_inner)
    sch.vectorize(j_inner)
    sch.parallel(i)
    sch.parallel(sch.get_loops(packed)[0])
    sch.decompose_reduction("C", k)


def matmul_gpu(sch):
    """Shared memory with cooperative fetching, register tiles and bound threads."""
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


def row_sum(sch):
    """A reduction split over threads by rfactor."""
    _, k = sch.get_loops("Y")
    _, k_inner = sch.split(k, [None, 4])
    factored = sch.rfactor(k_inner, 0)
    sch.reverse_compute_at("Y", sch.get_loops(factored)[0])
    sch.bind(sch.get_loops("Y")[0], "blockIdx.x")
    sch.bind(sch.get_loops("Y")[-1], "threadIdx.x")


def separable_blur(sch):
    """Producer computed in strips of its consumer."""
    y, x = sch.get_loops("blur_y")
    y_outer, _ = sch.split(y, [None, 2])
    sch.compute_at("blur_x", y_outer)
    sch.vectorize(sch.get_loops("blur_x")[-1])
    sch.vectorize(x)
    sch.parallel(y_outer)


def matmul_relu(sch):
    """The elementwise step moved into the tile it finishes."""
    i, j, k = sch.get_loops("C")
    i_outer, i_inner = sch.split(i, [None, 2])
    j_outer, j_inner = sch.split(j, [None, 4])
    sch.reorder(i_outer, j_outer, k, i_inner, j_inner)
    sch.reverse_compute_at("relu", j_outer)
    sch.parallel(i_outer)
    sch.vectorize(j_inner)
    sch.decompose_reduction("C", k)


def conv2d_nchw(sch):
    """Padding inlined, channels in vectors, the reduction unrolled."""
    sch.compute_inline("pad")
    n, co, h, w, ci, kh, kw = sch.get_loops("Y")
    co_outer, co_inner = sch.split(co, [None, 4])
    sch.reorder(n, co_outer, h, w, ci, kh, kw, co_inner)
    sch.unroll(kw)
    sch.vectorize(co_inner)
    sch.parallel(sch.fuse(n, co_outer, h))
    sch.decompose_reduction("Y", ci)


def dense(sch):
    """The bias added where the sum is finished."""
    i, j, _ = sch.get_loops("T")
    sch.reverse_compute_at("Y", j)
    sch.parallel(i)
    sch.set_scope("T", 0, "local")
