"""Operators computed together: a stencil in strips, an activation and a bias where the sum is done, rows by rfactor.

Run it by `python examples/tutorials/fusion.py`.
"""


def separable_blur(sch):
    """The producer computed in strips of its consumer."""
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


def dense(sch):
    """The bias added where the sum is finished."""
    i, j, _ = sch.get_loops("T")
    sch.reverse_compute_at("Y", j)
    sch.parallel(i)
    sch.set_scope("T", 0, "local")


def row_sum(sch):
    """A reduction divided among threads by rfactor."""
    _, k = sch.get_loops("Y")
    _, k_inner = sch.split(k, [None, 4])
    factored = sch.rfactor(k_inner, 0)
    sch.reverse_compute_at("Y", sch.get_loops(factored)[0])
    sch.bind(sch.get_loops("Y")[0], "blockIdx.x")
    sch.bind(sch.get_loops("Y")[-1], "threadIdx.x")


def blurred(x):
    """Numpy's binomial blur of 5 by 5 neighbours."""
    import numpy as np

    taps = np.array([1, 4, 6, 4, 1]) / 16
    return np.einsum("yxij,i,j->yx", np.lib.stride_tricks.sliding_window_view(x, (5, 5)), taps, taps)


def main():
    """Check all four."""
    import numpy as np
    from _check import check
    from tensorir.script import workloads

    check(workloads.separable_blur(6, 6), separable_blur, blurred)
    check(workloads.matmul_relu(6, 8, 5), matmul_relu, lambda a, b: np.maximum(a @ b, 0))
    check(workloads.dense(4, 6, 8), dense, lambda x, w, bias: x @ w.T + bias)
    check(workloads.row_sum(8, 12), row_sum, lambda x: x.sum(axis=1))


if __name__ == "__main__":
    main()
