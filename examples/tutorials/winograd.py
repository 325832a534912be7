"""A 3x3 convolution by Winograd's algorithm: small matrices folded into the code, transforms next to the product.

Ten blocks: padding, cutting into tiles, the transform of tiles and of weights (each with a constant matrix), the batch
of matrix products that is the work, the transform back, and the result in place.

Run it by `python examples/tutorials/winograd.py`.
"""


def conv2d_winograd_nhwc(sch):
    """Constant matrices inlined and unrolled, tiles read through the padding, the product in vectors and threads."""
    # The constant matrices become selections that unrolling the loops over them makes constants.
    for matrix in ("B", "G", "A"):
        sch.compute_inline(matrix)
    for transform in ("data_pack", "kernel_pack", "inverse"):
        first, second, tile, channel, x, y = sch.get_loops(transform)
        sch.reorder(tile, channel, first, second, x, y)
        sch.unroll(y)
        sch.unroll(x)
        sch.parallel(tile)
    # A tile is cut out of the padded input where it is transformed.
    sch.compute_inline("pad")
    sch.compute_at("input_tile", sch.get_loops("data_pack")[1])
    # One matrix product for each of the points of a tile.
    eps, nu, tile, channel, k = sch.get_loops("bgemm")
    tile_outer, tile_inner = sch.split(tile, [None, 2])
    channel_outer, channel_inner = sch.split(channel, [None, 4])
    sch.reorder(eps, nu, tile_outer, channel_outer, k, tile_inner, channel_inner)
    sch.unroll(tile_inner)
    sch.vectorize(channel_inner)
    sch.parallel(sch.fuse(eps, nu))
    sch.decompose_reduction("bgemm", k)
    # Results go to their places by vectors of channels.
    sch.vectorize(sch.get_loops("Y")[-1])


def reference(x, w):
    """Numpy's convolution of x[n, h, w, c] with w[3, 3, c, o], padded by 1."""
    import numpy as np

    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, w)


def main():
    """Check it."""
    from _check import check
    from tensorir.script import workloads

    check(workloads.conv2d_winograd_nhwc(1, 6, 6, 3, 4), conv2d_winograd_nhwc, reference)


if __name__ == "__main__":
    main()
