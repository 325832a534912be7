"""Ready programs of the usual operators, by their shapes: what tests, benchmarks and the tuner run.

Every function gives a `PrimFunc` of blocks whose parameters are the inputs, then the outputs. Extents are integers or
variables (`te.var`). Layouts are in the names: n batch, c channels, l d h w space, co and ci channels out and in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tir.errors import UserError, said
from ..tir.expr import Expr
from ..tir.function import PrimFunc
from . import te
from .te import Tensor
from .winograd import winograd_conv2d

Extent = int | Expr


def matmul(m: Extent, n: Extent, k: Extent, dtype: str = "float32", out_dtype: str | None = None) -> PrimFunc:
    """C[m, n] = A[m, k] B[k, n], summed in `out_dtype` (default: `dtype`)."""
    a, b = te.placeholder((m, k), dtype, "A"), te.placeholder((k, n), dtype, "B")
    return te.create_prim_func([a, b, _matmul(a, b, out_dtype or dtype)], "matmul")


def matmul_relu(m: Extent, n: Extent, k: Extent, dtype: str = "float32") -> PrimFunc:
    """max(A B, 0): a matrix product and an elementwise step after it."""
    a, b = te.placeholder((m, k), dtype, "A"), te.placeholder((k, n), dtype, "B")
    c = _matmul(a, b, dtype)
    y = te.compute((m, n), lambda i, j: te.maximum(c[i, j], te.const(0, dtype)), "relu")
    return te.create_prim_func([a, b, y], "matmul_relu")


def batch_matmul(b: Extent, m: Extent, n: Extent, k: Extent, dtype: str = "float32") -> PrimFunc:
    """C[b, m, n] = A[b, m, k] B[b, k, n]."""
    x, y = te.placeholder((b, m, k), dtype, "A"), te.placeholder((b, k, n), dtype, "B")
    r = te.reduce_axis((0, k), "k")
    c = te.compute((b, m, n), lambda b, i, j: te.sum(x[b, i, r] * y[b, r, j], axis=r), "C")
    return te.create_prim_func([x, y, c], "batch_matmul")


def dense(batch: Extent, in_features: Extent, out_features: Extent, dtype: str = "float32") -> PrimFunc:
    """Y = X W^T + bias: X[batch, in], W[out, in], bias[out]."""
    x = te.placeholder((batch, in_features), dtype, "X")
    w = te.placeholder((out_features, in_features), dtype, "W")
    bias = te.placeholder((out_features,), dtype, "bias")
    k = te.reduce_axis((0, in_features), "k")
    t = te.compute((batch, out_features), lambda i, j: te.sum(x[i, k] * w[j, k], axis=k), "T")
    y = te.compute((batch, out_features), lambda i, j: t[i, j] + bias[j], "Y")
    return te.create_prim_func([x, w, bias, y], "dense")


def _matmul(a: Tensor, b: Tensor, out_dtype: str) -> Tensor:
    k = te.reduce_axis((0, a.shape[1]), "k")
    shape = (a.shape[0], b.shape[1])
    product = lambda i, j: te.sum(a[i, k].astype(out_dtype) * b[k, j].astype(out_dtype), axis=k)  # noqa: E731
    return te.compute(shape, product, "C")


def _pad(x: Tensor, before: Sequence[int], after: Sequence[int], value: float | None = 0) -> Tensor:
    """`x` with `value` around it (None: the least of the type); `x` itself where nothing is added."""
    if not any(before) and not any(after):
        return x
    filling = te.min_value(x.dtype) if value is None else te.const(value, x.dtype)

    def element(*index: Any) -> Expr:
        inside = [
            condition
            for i, low, high, extent in zip(index, before, after, x.shape)
            for condition in ([i >= low] if low else []) + ([i < extent + low] if high else [])
        ]
        return te.if_then_else(te.all(*inside), x[tuple(i - b for i, b in zip(index, before))], filling)

    shape = [extent + (low + high) for extent, low, high in zip(x.shape, before, after)]
    return te.compute(shape, element, "pad")


def _each(value: int | Sequence[int], dims: int, what: str) -> tuple[int, ...]:
    """One number for each spatial dimension: from 1 on, for the padding from 0."""
    given: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (value,) * dims
    least = 0 if what == "padding" else 1
    if len(given) != dims or not all(isinstance(each, (int, np.integer)) and each >= least for each in given):
        raise UserError(f"{what} is a number from {least} on or {dims} of them, got {said(value)}")
    return tuple(map(int, given))


def _convolution(
    name: str,
    batch: Extent,
    space: Sequence[Extent],
    ci: int,
    co: int,
    kernel: int | Sequence[int],
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
    groups: int,
    dtype: str,
    *,
    channels_last: bool = True,
) -> PrimFunc:
    """A convolution of any number of dimensions: weights [*kernel, ci / groups, co], or [co, ci / groups, *kernel]."""
    dims = len(space)
    ks = _each(kernel, dims, "kernel_size")
    steps, pads = _each(stride, dims, "stride"), _each(padding, dims, "padding")
    gaps = _each(dilation, dims, "dilation")
    for what, count in (("ci", ci), ("co", co), ("groups", groups)):
        if not isinstance(count, (int, np.integer)) or count < 1:
            raise UserError(f"{what} is a number from 1 on, got {said(count)}")
    if ci % groups or co % groups:
        raise UserError(f"{ci} channels in and {co} out do not divide into {groups} groups")
    if channels_last:
        x = te.placeholder((batch, *space, ci), dtype, "X")
        w = te.placeholder((*ks, ci // groups, co), dtype, "W")
        padded = _pad(x, (0, *pads, 0), (0, *pads, 0))
    else:
        x = te.placeholder((batch, ci, *space), dtype, "X")
        w = te.placeholder((co, ci // groups, *ks), dtype, "W")
        padded = _pad(x, (0, 0, *pads), (0, 0, *pads))
    out = [_extent(s, k, st, p, d) for s, k, st, p, d in zip(space, ks, steps, pads, gaps)]
    rs = [te.reduce_axis((0, k), f"r{n}") for k, n in zip(ks, "dhw"[-dims:] if dims > 1 else "l")]
    rc = te.reduce_axis((0, ci // groups), "rc")

    def element(*index: Any) -> Any:
        n, *at, c = index if channels_last else (index[0], *index[2:], index[1])
        places = [i * step + r * gap for i, step, r, gap in zip(at, steps, rs, gaps)]
        channel = rc if groups == 1 else c // (co // groups) * (ci // groups) + rc
        if channels_last:
            return te.sum(padded[(n, *places, channel)] * w[(*rs, rc, c)], axis=[*rs, rc])
        return te.sum(padded[(n, channel, *places)] * w[(c, rc, *rs)], axis=[rc, *rs])

    names = "dhw"[-dims:] if dims > 1 else "l"
    shape, axes = ((batch, *out, co), ("n", *names, "c")) if channels_last else ((batch, co, *out), ("n", "c", *names))
    return te.create_prim_func([x, w, te.compute(shape, element, "Y", axes=axes)], name)


def _extent(size: Extent, kernel: int, stride: int, padding: int, dilation: int) -> Any:
    """How many places a window has."""
    covered = dilation * (kernel - 1) + 1
    if isinstance(size, int) and size + 2 * padding < covered:
        raise UserError(f"a window over {covered} elements has no place in {size} and a padding of {padding}")
    return (size + (2 * padding - covered)) // stride + 1


def conv1d_nlc(
    n: Extent, l: Extent, ci: int, co: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1,
    groups: int = 1, dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """X[n, l, ci], W[kernel, ci / groups, co] -> Y[n, l', co]."""
    return _convolution("conv1d_nlc", n, [l], ci, co, kernel_size, stride, padding, dilation, groups, dtype)


def conv2d_nhwc(
    n: Extent, h: Extent, w: Extent, ci: int, co: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1, dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """X[n, h, w, ci], W[kh, kw, ci / groups, co] -> Y[n, h', w', co]."""
    return _convolution("conv2d_nhwc", n, [h, w], ci, co, kernel_size, stride, padding, dilation, groups, dtype)


def conv2d_nchw(
    n: Extent, ci: int, h: Extent, w: Extent, co: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1, dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """X[n, ci, h, w], W[co, ci / groups, kh, kw] -> Y[n, co, h', w']."""
    arguments = (n, [h, w], ci, co, kernel_size, stride, padding, dilation, groups, dtype)
    return _convolution("conv2d_nchw", *arguments, channels_last=False)


def conv3d_ndhwc(
    n: Extent, d: Extent, h: Extent, w: Extent, ci: int, co: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1, dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """X[n, d, h, w, ci], W[kd, kh, kw, ci / groups, co] -> Y[n, d', h', w', co]."""
    return _convolution("conv3d_ndhwc", n, [d, h, w], ci, co, kernel_size, stride, padding, dilation, groups, dtype)


def group_conv2d_nhwc(
    n: Extent, h: Extent, w: Extent, ci: int, co: int, kernel_size: Any, groups: int, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """`conv2d_nhwc` in which each of `groups` groups of channels out sees its own group of channels in."""
    space = [h, w]
    return _convolution("group_conv2d_nhwc", n, space, ci, co, kernel_size, stride, padding, dilation, groups, dtype)


def depthwise_conv2d_nhwc(
    n: Extent, h: Extent, w: Extent, c: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    factor: int = 1, dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """X[n, h, w, c], W[kh, kw, c * factor] -> Y[n, h', w', c * factor]: every channel by itself."""
    ks, steps = _each(kernel_size, 2, "kernel_size"), _each(stride, 2, "stride")
    pads, gaps = _each(padding, 2, "padding"), _each(dilation, 2, "dilation")
    x = te.placeholder((n, h, w, c), dtype, "X")
    weights = te.placeholder((*ks, c * factor), dtype, "W")
    padded = _pad(x, (0, *pads, 0), (0, *pads, 0))
    rh, rw = te.reduce_axis((0, ks[0]), "rh"), te.reduce_axis((0, ks[1]), "rw")

    def element(n: Any, h: Any, w: Any, c: Any) -> Any:
        channel = c // factor if factor > 1 else c
        place = (n, h * steps[0] + rh * gaps[0], w * steps[1] + rw * gaps[1], channel)
        return te.sum(padded[place] * weights[rh, rw, c], axis=[rh, rw])

    oh, ow = (_extent(s, k, st, p, d) for s, k, st, p, d in zip((h, w), ks, steps, pads, gaps))
    y = te.compute((n, oh, ow, c * factor), element, "Y")
    return te.create_prim_func([x, weights, y], "depthwise_conv2d_nhwc")


def conv2d_im2col(
    n: int, h: int, w: int, ci: int, co: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
    dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """`conv2d_nhwc` as a matrix product: the windows are written out as rows first. The extents are constants."""
    ks, steps, pads = _each(kernel_size, 2, "kernel_size"), _each(stride, 2, "stride"), _each(padding, 2, "padding")
    x = te.placeholder((n, h, w, ci), dtype, "X")
    weights = te.placeholder((*ks, ci, co), dtype, "W")
    padded = _pad(x, (0, *pads, 0), (0, *pads, 0))
    oh, ow = (_extent(s, k, st, p, 1) for s, k, st, p in zip((h, w), ks, steps, pads))

    def window(row: Any, col: Any) -> Expr:
        at_h, at_w = row // ow % oh * steps[0], row % ow * steps[1]
        return padded[row // (oh * ow), at_h + col // (ks[1] * ci), at_w + col // ci % ks[1], col % ci]

    depth = ks[0] * ks[1] * ci
    rows = te.compute((n * oh * ow, depth), window, "col")
    k = te.reduce_axis((0, depth), "k")
    product = lambda i, j: te.sum(rows[i, k] * weights[k // (ks[1] * ci), k // ci % ks[1], k % ci, j], axis=k)  # noqa: E731
    z = te.compute((n * oh * ow, co), product, "Z")
    y = te.compute((n, oh, ow, co), lambda n, h, w, c: z[(n * oh + h) * ow + w, c], "Y")
    return te.create_prim_func([x, weights, y], "conv2d_im2col")


def conv2d_winograd_nhwc(
    n: int, h: int, w: int, ci: int, co: int, padding: int = 1, tile: int = 2, dtype: str = "float32"
) -> PrimFunc:
    """`conv2d_nhwc` with a 3x3 kernel by Winograd's algorithm in tiles of 2x2 or 4x4 (Lavin and Gray, 2015)."""
    x = te.placeholder((n, h, w, ci), dtype, "X")
    weights = te.placeholder((3, 3, ci, co), dtype, "W")
    extents = (h + 2 * padding - 2, w + 2 * padding - 2)
    # The last tiles may reach beyond the padded input.
    beyond = [padding + -out % tile for out in extents]
    padded = _pad(x, (0, padding, padding, 0), (0, *beyond, 0))
    y = winograd_conv2d(padded, weights, (n, *extents, co), tile)
    return te.create_prim_func([x, weights, y], "conv2d_winograd_nhwc")


def _pool(
    name: str, n: Extent, c: int, h: Extent, w: Extent, kernel: Any, stride: Any, padding: Any, dtype: str, kind: str
) -> PrimFunc:
    ks, steps, pads = _each(kernel, 2, "kernel_size"), _each(stride, 2, "stride"), _each(padding, 2, "padding")
    x = te.placeholder((n, c, h, w), dtype, "X")
    padded = _pad(x, (0, 0, *pads), (0, 0, *pads), None if kind == "max" else 0)
    rh, rw = te.reduce_axis((0, ks[0]), "rh"), te.reduce_axis((0, ks[1]), "rw")
    reducer = te.max if kind == "max" else te.sum
    oh, ow = (_extent(s, k, st, p, 1) for s, k, st, p in zip((h, w), ks, steps, pads))
    place = lambda n, c, h, w: padded[n, c, h * steps[0] + rh, w * steps[1] + rw]  # noqa: E731
    y = te.compute((n, c, oh, ow), lambda n, c, h, w: reducer(place(n, c, h, w), axis=[rh, rw]), "Y")
    if kind == "avg":
        total, count = y, ks[0] * ks[1]
        y = te.compute(total.shape, lambda n, c, h, w: total[n, c, h, w] / te.const(count, dtype), "mean")
    return te.create_prim_func([x, y], name)


def max_pool2d_nchw(
    n: Extent, c: int, h: Extent, w: Extent, kernel_size: Any, stride: Any = 1, padding: Any = 0,
    dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """The greatest element of each window."""
    return _pool("max_pool2d_nchw", n, c, h, w, kernel_size, stride, padding, dtype, "max")


def avg_pool2d_nchw(
    n: Extent, c: int, h: Extent, w: Extent, kernel_size: Any, stride: Any = 1, padding: Any = 0,
    dtype: str = "float32",
) -> PrimFunc:  # fmt: skip
    """The mean of each window; the padding's zeros count."""
    return _pool("avg_pool2d_nchw", n, c, h, w, kernel_size, stride, padding, dtype, "avg")


def _softmax(x: Tensor) -> Tensor:
    """Softmax along the last dimension."""
    *outer, n = x.shape
    k, r = te.reduce_axis((0, n), "k"), te.reduce_axis((0, n), "k")
    top = te.compute(outer, lambda *i: te.max(x[(*i, k)], axis=k), "max")
    powers = te.compute(x.shape, lambda *i: te.exp(x[i] - top[i[:-1]]), "exp")
    total = te.compute(outer, lambda *i: te.sum(powers[(*i, r)], axis=r), "sum")
    return te.compute(x.shape, lambda *i: powers[i] / total[i[:-1]], "softmax")


def softmax(m: Extent, n: Extent, dtype: str = "float32") -> PrimFunc:
    """exp(x - max x) / sum exp(x - max x) along the rows of X[m, n]."""
    x = te.placeholder((m, n), dtype, "X")
    return te.create_prim_func([x, _softmax(x)], "softmax")


def attention(batch: Extent, heads: Extent, length: Extent, dim: int, dtype: str = "float32") -> PrimFunc:
    """softmax(Q K^T / sqrt(dim)) V for Q, K, V[batch, heads, length, dim]."""
    shape = (batch, heads, length, dim)
    q, k, v = (te.placeholder(shape, dtype, name) for name in "QKV")
    d, s = te.reduce_axis((0, dim), "d"), te.reduce_axis((0, length), "s")
    square = (batch, heads, length, length)
    scores = te.compute(square, lambda b, h, i, j: te.sum(q[b, h, i, d] * k[b, h, j, d], axis=d), "scores")
    scale = te.const(1 / math.sqrt(dim), dtype)
    weights = _softmax(te.compute(square, lambda b, h, i, j: scores[b, h, i, j] * scale, "scaled"))
    o = te.compute(shape, lambda b, h, i, j: te.sum(weights[b, h, i, s] * v[b, h, s, j], axis=s), "O")
    return te.create_prim_func([q, k, v, o], "attention")


def layer_norm(m: Extent, n: int, epsilon: float = 1e-5, dtype: str = "float32") -> PrimFunc:
    """(x - mean x) / sqrt(var x + epsilon) * gamma + beta along the rows of X[m, n]."""
    x = te.placeholder((m, n), dtype, "X")
    gamma, beta = te.placeholder((n,), dtype, "gamma"), te.placeholder((n,), dtype, "beta")
    k, r = te.reduce_axis((0, n), "k"), te.reduce_axis((0, n), "k")
    count = te.const(n, dtype)
    total = te.compute((m,), lambda i: te.sum(x[i, k], axis=k), "sum")
    centred = te.compute((m, n), lambda i, j: x[i, j] - total[i] / count, "centred")
    squares = te.compute((m,), lambda i: te.sum(centred[i, r] * centred[i, r], axis=r), "squares")
    deviation = lambda i: te.sqrt(squares[i] / count + te.const(epsilon, dtype))  # noqa: E731
    y = te.compute((m, n), lambda i, j: centred[i, j] / deviation(i) * gamma[j] + beta[j], "Y")
    return te.create_prim_func([x, gamma, beta, y], "layer_norm")


def rms_norm(m: Extent, n: int, epsilon: float = 1e-5, dtype: str = "float32") -> PrimFunc:
    """x / sqrt(mean x^2 + epsilon) * gamma along the rows of X[m, n]."""
    x, gamma = te.placeholder((m, n), dtype, "X"), te.placeholder((n,), dtype, "gamma")
    k = te.reduce_axis((0, n), "k")
    squares = te.compute((m,), lambda i: te.sum(x[i, k] * x[i, k], axis=k), "squares")
    root = lambda i: te.sqrt(squares[i] / te.const(n, dtype) + te.const(epsilon, dtype))  # noqa: E731
    y = te.compute((m, n), lambda i, j: x[i, j] / root(i) * gamma[j], "Y")
    return te.create_prim_func([x, gamma, y], "rms_norm")


def _elementwise(name: str, m: Extent, n: Extent, dtype: str, f: Callable[[Expr], Expr]) -> PrimFunc:
    x = te.placeholder((m, n), dtype, "X")
    return te.create_prim_func([x, te.compute((m, n), lambda i, j: f(x[i, j]), "Y")], name)


def relu(m: Extent, n: Extent, dtype: str = "float32") -> PrimFunc:
    """max(x, 0) of X[m, n]."""
    return _elementwise("relu", m, n, dtype, lambda x: te.maximum(x, te.const(0, dtype)))


def gelu(m: Extent, n: Extent, dtype: str = "float32", approximate: str = "none") -> PrimFunc:
    """x Phi(x) of X[m, n]: by the error function, or with `approximate="tanh"` by a hyperbolic tangent."""
    if approximate not in ("none", "tanh"):
        raise UserError(f'approximate is "none" or "tanh", got {approximate!r}')

    def exact(x: Expr) -> Expr:
        return x * 0.5 * (te.erf(x * math.sqrt(0.5)) + 1.0)

    def near(x: Expr) -> Expr:
        return x * 0.5 * (te.tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0)

    return _elementwise("gelu", m, n, dtype, exact if approximate == "none" else near)


def row_sum(m: Extent, n: Extent, dtype: str = "float32") -> PrimFunc:
    """The sum of each row of X[m, n]."""
    x, k = te.placeholder((m, n), dtype, "X"), te.reduce_axis((0, n), "k")
    return te.create_prim_func([x, te.compute((m,), lambda i: te.sum(x[i, k], axis=k), "Y")], "row_sum")


def argmax(m: Extent, n: Extent, dtype: str = "float32") -> PrimFunc:
    """The index (int32) and the value of the first greatest element of each row of X[m, n]."""
    x, k = te.placeholder((m, n), dtype, "X"), te.reduce_axis((0, n), "k")

    def first(x: tuple[Expr, Expr], y: tuple[Expr, Expr]) -> tuple[Expr, Expr]:
        wins = te.any(x[1] > y[1], te.all(x[1] == y[1], x[0] < y[0]))
        return te.select(wins, x[0], y[0]), te.select(wins, x[1], y[1])

    none = te.max_value("int32")
    reducer = te.comm_reducer(first, lambda i, t: (none, te.min_value(t)), "argmax")
    index, value = te.compute((m,), lambda i: reducer((k.to_expr().astype("int32"), x[i, k]), axis=k), "argmax")
    return te.create_prim_func([x, index, value], "argmax")


def transpose(m: Extent, n: Extent, dtype: str = "float32") -> PrimFunc:
    """Y[n, m] = X[m, n]."""
    x = te.placeholder((m, n), dtype, "X")
    return te.create_prim_func([x, te.compute((n, m), lambda i, j: x[j, i], "Y")], "transpose")


def separable_blur(
    h: Extent, w: Extent, taps: Sequence[float] = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16), dtype: str = "float32"
) -> PrimFunc:
    """An image blurred along its rows, then along its columns: X[h + taps - 1, w + taps - 1] -> Y[h, w]."""
    r = len(taps) - 1
    x = te.placeholder((h + r, w + r), dtype, "X")

    def weighted(at: Callable[[int], Expr]) -> Expr:
        total = at(0) * te.const(taps[0], dtype)
        for i, tap in enumerate(taps[1:], 1):
            total = total + at(i) * te.const(tap, dtype)
        return total

    blur_x = te.compute((h + r, w), lambda i, j: weighted(lambda k: x[i, j + k]), "blur_x")
    blur_y = te.compute((h, w), lambda i, j: weighted(lambda k: blur_x[i + k, j]), "blur_y")
    return te.create_prim_func([x, blur_y], "separable_blur")
