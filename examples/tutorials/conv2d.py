"""A convolution with padding: channels in vectors, and the layout NCHWc, which keeps 4 channels of a pixel together.

Run it by `python examples/tutorials/conv2d.py`.
"""


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


def conv2d_nchw_packed(sch):
    """NCHWc inside: padded input, weights and results with 4 channels next to each other, unpacked at the end."""
    # The padded input is made in blocks of channels at once; weights and results get copies in the new layout.
    sch.transform_layout("pad", ("write", 0), lambda n, c, h, w: (n, c // 4, h, w, c % 4))
    weights = sch.cache_read("Y", 1, "global")
    sch.transform_layout(weights, ("write", 0), lambda o, i, h, w: (o // 4, i // 4, h, w, i % 4, o % 4))
    result = sch.cache_write("Y", 0, "global")
    sch.transform_layout("Y", ("write", 0), lambda n, c, h, w: (n, c // 4, h, w, c % 4))
    n, co, h, w, ci, kh, kw = sch.get_loops("Y")
    co_outer, co_inner = sch.split(co, [None, 4])
    ci_outer, ci_inner = sch.split(ci, [None, 4])
    sch.reorder(n, co_outer, h, ci_outer, kh, kw, ci_inner, w, co_inner)
    sch.vectorize(co_inner)
    sch.unroll(ci_inner)
    # Rows of results are unpacked, and rows of the input padded, where they are used.
    sch.compute_at("pad", h)
    sch.reverse_compute_at(result, h)
    sch.parallel(sch.fuse(n, co_outer))
    sch.decompose_reduction("Y", ci_outer)


def convolution(x, w, stride, pad):
    """Numpy's convolution of x[n, c, h, w] with w[o, c, kh, kw]."""
    import numpy as np

    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,ocij->nohw", windows, w)


def main():
    """Check both."""
    from _check import check
    from tensorir.script import workloads

    check(workloads.conv2d_nchw(1, 3, 7, 6, 8, 3, 2, 1), conv2d_nchw, lambda x, w: convolution(x, w, 2, 1))
    check(workloads.conv2d_nchw(1, 4, 6, 6, 8, 3, 1, 1), conv2d_nchw_packed, lambda x, w: convolution(x, w, 1, 1))


if __name__ == "__main__":
    main()
