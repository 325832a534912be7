"""Winograd's convolution with a 3x3 kernel as tensor expressions (Lavin and Gray, "Fast Algorithms for CNNs", 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tir.errors import UserError
from ..tir.expr import Expr
from . import te
from .te import Tensor

Matrix = Sequence[Sequence[float]]

# The input, kernel and output transforms by the tile's size; (G and A as transposed matrices' factors of the paper).
B: dict[int, Matrix] = {
    2: ((1, 0, 0, 0), (0, 1, -1, 1), (-1, 1, 1, 0), (0, 0, 0, -1)),
    4: (
        (4, 0, 0, 0, 0, 0),
        (0, -4, 4, -2, 2, 4),
        (-5, -4, -4, -1, -1, 0),
        (0, 1, -1, 2, -2, -5),
        (1, 1, 1, 1, 1, 0),
        (0, 0, 0, 0, 0, 1),
    ),
}
G: dict[int, Matrix] = {
    2: ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    4: (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
}
A: dict[int, Matrix] = {
    2: ((1, 0), (1, 1), (1, -1), (0, -1)),
    4: ((1, 0, 0, 0), (1, 1, 1, 1), (1, -1, 1, -1), (1, 2, 4, 8), (1, -2, 4, -8), (0, 0, 0, 1)),
}


def constant(matrix: Matrix, dtype: Any, name: str) -> Tensor:
    """A matrix of constants, as a choice by its indices that simplifies away where the loops over it are unrolled."""

    def element(i: Any, j: Any) -> Expr:
        value: Expr = te.const(0, dtype)
        for r, row in enumerate(matrix):
            for c, number in enumerate(row):
                if number:
                    value = te.select(te.all(i == r, j == c), te.const(number, dtype), value)
        return value

    return te.compute((len(matrix), len(matrix[0])), element, name)


def winograd_conv2d(padded: Tensor, weights: Tensor, shape: Sequence[Any], tile: int) -> Tensor:
    """The convolution of padded[n, h, w, ci] with weights[3, 3, ci, co], of `shape` [n, h', w', co].

    The padded input must reach to the end of the last tiles: h >= tile * ceil(h' / tile) + 2, and w likewise.

    Raises
    ------
    UserError: `tile` is neither 2 nor 4.
    """
    if tile not in B:
        raise UserError(f"Winograd's convolution has tiles of {' or '.join(map(str, B))}, got {tile}")
    n, h, w, co = shape
    ci, dtype = padded.shape[3], padded.dtype
    alpha = tile + 2
    rows, cols = -(-h // tile), -(-w // tile)
    count = n * rows * cols
    b, g, a = (constant(m[tile], dtype, name) for m, name in ((B, "B"), (G, "G"), (A, "A")))

    def place(p: Any) -> tuple[Expr, Expr, Expr]:
        return p // (rows * cols), p // cols % rows * tile, p % cols * tile

    def element(eps: Any, nu: Any, p: Any, c: Any) -> Expr:
        image, top, left = place(p)
        return padded[image, top + eps, left + nu, c]

    tiles = te.compute((alpha, alpha, count, ci), element, "input_tile")
    x, y = te.reduce_axis((0, alpha), "x"), te.reduce_axis((0, alpha), "y")
    data = te.compute(
        (alpha, alpha, count, ci),
        lambda eps, nu, p, c: te.sum(tiles[x, y, p, c] * b[x, eps] * b[y, nu], axis=[x, y]),
        "data_pack",
    )
    r, s = te.reduce_axis((0, 3), "x"), te.reduce_axis((0, 3), "y")
    kernel = te.compute(
        (alpha, alpha, ci, co),
        lambda eps, nu, c, o: te.sum(weights[r, s, c, o] * g[eps, r] * g[nu, s], axis=[r, s]),
        "kernel_pack",
    )
    k = te.reduce_axis((0, ci), "k")
    product = te.compute(
        (alpha, alpha, count, co),
        lambda eps, nu, p, o: te.sum(data[eps, nu, p, k] * kernel[eps, nu, k, o], axis=k),
        "bgemm",
    )
    u, v = te.reduce_axis((0, alpha), "x"), te.reduce_axis((0, alpha), "y")
    inverse = te.compute(
        (tile, tile, count, co),
        lambda vh, vw, p, o: te.sum(product[u, v, p, o] * a[u, vh] * a[v, vw], axis=[u, v]),
        "inverse",
    )

    def output(n: Any, h: Any, w: Any, o: Any) -> Expr:
        return inverse[h % tile, w % tile, (n * rows + h // tile) * cols + w // tile, o]

    return te.compute((n, h, w, co), output, "Y")
