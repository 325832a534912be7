"""Every ready workload against numpy, through the interpreter, on small odd shapes."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special
from tensorir import PrimFunc, UserError
from tensorir.codegen.interpreter import run
from tensorir.script import te, workloads
from tensorir.tir.verify import verify

Array = Any


def convolve(x: Array, w: Array, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> Array:
    """Convolution of x[n, *space, ci] with w[*kernel, ci / groups, co], window by window."""
    dims = x.ndim - 2
    x = np.pad(x, [(0, 0), *[(padding, padding)] * dims, (0, 0)])
    kernel, co = w.shape[:dims], w.shape[-1]
    out = [(s - dilation * (k - 1) - 1) // stride + 1 for s, k in zip(x.shape[1:-1], kernel)]
    y = np.zeros((x.shape[0], *out, co))
    for place in np.ndindex(*out):
        at = tuple(slice(p * stride, p * stride + dilation * (k - 1) + 1, dilation) for p, k in zip(place, kernel))
        window = x[(slice(None), *at)]
        for c in range(co):
            group = c // (co // groups)
            inputs = window[..., group * w.shape[-2] : (group + 1) * w.shape[-2]]
            y[(slice(None), *place, c)] = (inputs * w[..., c]).sum(axis=tuple(range(1, dims + 2)))
    return y


def pool(x: Array, reduce: Callable[..., Array], kernel: int, stride: int, padding: int, filling: float) -> Array:
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=filling)
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]
    return reduce(windows, axis=(-2, -1))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(q: Array, k: Array, v: Array) -> Array:
    return softmax(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])) @ v


def layer_norm(x: Array, gamma: Array, beta: Array) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * gamma + beta


def blur(x: Array) -> Array:
    taps = np.array([1, 4, 6, 4, 1]) / 16
    rows = sum(t * x[:, i : x.shape[1] - 4 + i] for i, t in enumerate(taps))
    return sum(t * rows[i : x.shape[0] - 4 + i] for i, t in enumerate(taps))


def channels_first(x: Array, w: Array, **options: int) -> Array:
    y = convolve(x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0), **options)
    return y.transpose(0, 3, 1, 2)


def depthwise(x: Array, w: Array, factor: int, **options: int) -> Array:
    return convolve(x, w.reshape(*w.shape[:2], 1, -1), groups=x.shape[-1], **options)


W = workloads
CASES: list[tuple[PrimFunc, Callable[..., Any]]] = [
    (W.matmul(5, 7, 3), lambda a, b: a @ b),
    (W.matmul_relu(5, 7, 3), lambda a, b: np.maximum(a @ b, 0)),
    (W.batch_matmul(2, 5, 3, 4), lambda a, b: a @ b),
    (W.dense(3, 5, 4), lambda x, w, b: x @ w.T + b),
    (W.conv1d_nlc(2, 9, 3, 4, 3, stride=2, padding=1), lambda x, w: convolve(x, w, 2, 1)),
    (W.conv2d_nhwc(1, 7, 6, 3, 2, 3), convolve),
    (W.conv2d_nhwc(2, 7, 8, 2, 3, 3, stride=2, padding=1, dilation=2), lambda x, w: convolve(x, w, 2, 1, 2)),
    (W.conv2d_nchw(1, 3, 7, 6, 2, 3, padding=1), lambda x, w: channels_first(x, w, padding=1)),
    (W.conv3d_ndhwc(1, 4, 5, 4, 2, 3, 3, padding=1), lambda x, w: convolve(x, w, 1, 1)),
    (W.group_conv2d_nhwc(1, 5, 5, 4, 6, 3, groups=2), lambda x, w: convolve(x, w, groups=2)),
    (W.depthwise_conv2d_nhwc(1, 6, 5, 3, 3, 1, 1), lambda x, w: depthwise(x, w, 1, padding=1)),
    (W.depthwise_conv2d_nhwc(1, 6, 5, 3, 3, factor=2), lambda x, w: depthwise(x, w, 2)),
    (W.conv2d_im2col(2, 6, 5, 3, 4, 3, stride=2, padding=1), lambda x, w: convolve(x, w, 2, 1)),
    (W.conv2d_winograd_nhwc(2, 5, 6, 3, 2), lambda x, w: convolve(x, w, 1, 1)),
    (W.conv2d_winograd_nhwc(1, 7, 9, 2, 3, padding=0, tile=4), convolve),
    (W.max_pool2d_nchw(1, 2, 7, 6, 3, 2, 1), lambda x: pool(x, np.max, 3, 2, 1, -np.inf)),
    (W.avg_pool2d_nchw(1, 2, 7, 6, 3, 2, 1), lambda x: pool(x, np.mean, 3, 2, 1, 0)),
    (W.softmax(4, 7), softmax),
    (W.attention(2, 2, 5, 3), attention),
    (W.layer_norm(4, 7), layer_norm),
    (W.rms_norm(4, 7), lambda x, g: x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5) * g),
    (W.relu(3, 5), lambda x: np.maximum(x, 0)),
    (W.gelu(3, 5), lambda x: x * 0.5 * (1 + special.erf(x / math.sqrt(2)))),
    (W.gelu(3, 5, approximate="tanh"), lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    (W.row_sum(5, 9), lambda x: x.sum(axis=1)),
    (W.argmax(5, 9), lambda x: (x.argmax(axis=1), x.max(axis=1))),
    (W.transpose(3, 5), lambda x: x.T),
    (W.separable_blur(6, 7), blur),
]


@pytest.mark.parametrize("func, expected", CASES, ids=[f"{f.name}-{i}" for i, (f, _) in enumerate(CASES)])
def test_workload_computes_what_numpy_does(func: PrimFunc, expected: Callable[..., Any]) -> None:
    verify(func)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal([e.value for e in b.shape]).astype(b.dtype.numpy) for b in func.buffers]
    inputs = [a.astype("float64") for a in arrays]
    count = len(inputs) - (2 if func.name == "argmax" else 1)
    run(func, *arrays, sanitize=True, outputs=[b.name for b in func.buffers[count:]])
    results = expected(*inputs[:count])
    for actual, wanted in zip(arrays[count:], results if isinstance(results, tuple) else (results,), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-4)


def test_argmax_gives_the_first_of_equals() -> None:
    x = np.array([[1, 3, 3], [2, 2, 2]], "float32")
    index, value = np.zeros(2, "int32"), np.zeros(2, "float32")
    run(workloads.argmax(2, 3), x, index, value)
    assert index.tolist() == [1, 0]


def test_extents_may_be_variables() -> None:
    n = te.var("n")
    func = workloads.matmul(n, 4, n)
    a, b = np.random.default_rng(0).random((2, 3, 3), "float32")
    b = np.ascontiguousarray(np.pad(b, ((0, 0), (0, 1))))
    c = np.zeros((3, 4), "float32")
    run(func, a, b, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: W.conv2d_nhwc(1, 5, 5, 3, 4, 3, groups=2), "do not divide into 2 groups"),
        (lambda: W.conv2d_nhwc(1, 5, 5, 3, 4, (3, 3, 3)), "kernel_size is a number from 1 on or 2 of them"),
        (lambda: W.conv2d_winograd_nhwc(1, 5, 5, 3, 4, tile=3), "tiles of 2 or 4"),
        (lambda: W.gelu(2, 2, approximate="erf"), 'approximate is "none" or "tanh"'),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"stride": 0}, "stride is a number from 1 on or 2 of them, got int 0"),
        ({"padding": -1}, "padding is a number from 0 on or 2 of them, got int -1"),
        ({"dilation": (1, 0)}, "dilation is a number from 1 on or 2 of them, got tuple (1, 0)"),
        ({"kernel_size": None}, "kernel_size is a number from 1 on or 2 of them, got None"),
        ({"h": 2}, "a window over 3 elements has no place in 2 and a padding of 0"),
        ({"groups": 0}, "groups is a number from 1 on, got int 0"),
        ({"groups": 3}, "4 channels in and 4 out do not divide into 3 groups"),
        ({"n": -1}, "an extent is at least 0, got -1"),
    ],
)
def test_a_senseless_convolution_is_refused(arguments, message):
    sensible = {"n": 1, "h": 8, "w": 8, "ci": 4, "co": 4, "kernel_size": 3, "groups": 1}
    with pytest.raises(UserError, match=re.escape(message)):
        W.group_conv2d_nhwc(**sensible | arguments)
