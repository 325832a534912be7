"""Every ready workload on small odd shapes, and what numpy says it computes, in double precision."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special
from tensorir import PrimFunc
from tensorir.script import workloads

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


def pool(x: Array, reduce: Callable[..., Array], filling: float, kernel_size: int, stride: int, padding: int) -> Array:
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=filling)
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    return reduce(windows[:, :, ::stride, ::stride], axis=(-2, -1))


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


def gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(math.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * (1 + special.erf(x / math.sqrt(2)))


def channels_first(x: Array, w: Array, **options: int) -> Array:
    return convolve(x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0), **options).transpose(0, 3, 1, 2)


def depthwise(x: Array, w: Array, factor: int = 1, **options: int) -> Array:
    return convolve(x, w.reshape(*w.shape[:2], 1, -1), groups=x.shape[-1], **options)


@dataclass
class Case:
    """A workload's arguments.

    Attributes
    ----------
    name: the function of `workloads`. args: its extents and types. options: what numpy's function takes as well.
    """

    name: str
    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join(map(str, (self.name, *self.args, *(f"{k}={v}" for k, v in self.options.items()))))

    def func(self) -> PrimFunc:
        made: PrimFunc = getattr(workloads, self.name)(*self.args, **self.options)
        return made

    def results(self, *inputs: Array) -> tuple[Array, ...]:
        """The outputs for the inputs, in double precision."""
        out = NUMPY[self.name](*(np.asarray(a).astype("float64") for a in inputs), **self.options)
        return out if isinstance(out, tuple) else (out,)


NUMPY: dict[str, Callable[..., Any]] = {
    "matmul": lambda a, b: a @ b,
    "matmul_relu": lambda a, b: np.maximum(a @ b, 0),
    "batch_matmul": lambda a, b: a @ b,
    "dense": lambda x, w, b: x @ w.T + b,
    "conv1d_nlc": convolve,
    "conv2d_nhwc": convolve,
    "conv2d_nchw": channels_first,
    "conv3d_ndhwc": convolve,
    "group_conv2d_nhwc": convolve,
    "depthwise_conv2d_nhwc": depthwise,
    "conv2d_im2col": convolve,
    "conv2d_winograd_nhwc": lambda x, w, padding=1, tile=2: convolve(x, w, padding=padding),
    "max_pool2d_nchw": lambda x, **options: pool(x, np.max, -np.inf, **options),
    "avg_pool2d_nchw": lambda x, **options: pool(x, np.mean, 0, **options),
    "softmax": softmax,
    "attention": attention,
    "layer_norm": layer_norm,
    "rms_norm": lambda x, g: x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5) * g,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": gelu,
    "row_sum": lambda x: x.sum(axis=1),
    "argmax": lambda x: (x.argmax(axis=1), x.max(axis=1)),
    "transpose": lambda x: x.T,
    "separable_blur": blur,
}
"""What each workload computes."""

_WINDOW = {"kernel_size": 3, "stride": 2, "padding": 1}

CASES: tuple[Case, ...] = (
    Case("matmul", (5, 7, 3)),
    Case("matmul", (33, 9, 65)),
    Case("matmul_relu", (5, 7, 3)),
    Case("matmul_relu", (40, 33, 17)),
    Case("batch_matmul", (2, 5, 3, 4)),
    Case("batch_matmul", (3, 17, 33, 9)),
    Case("dense", (3, 5, 4)),
    Case("dense", (9, 33, 20)),
    Case("conv1d_nlc", (2, 9, 3, 4, 3), {"stride": 2, "padding": 1}),
    Case("conv1d_nlc", (1, 40, 5, 33, 5), {"padding": 2}),
    Case("conv2d_nhwc", (1, 7, 6, 3, 2, 3)),
    Case("conv2d_nhwc", (2, 7, 8, 2, 3, 3), {"stride": 2, "padding": 1, "dilation": 2}),
    Case("conv2d_nchw", (1, 3, 7, 6, 2, 3), {"padding": 1}),
    Case("conv2d_nchw", (2, 5, 9, 11, 33, 3), {"stride": 2, "padding": 1}),
    Case("conv3d_ndhwc", (1, 4, 5, 4, 2, 3, 3), {"padding": 1}),
    Case("conv3d_ndhwc", (1, 5, 7, 6, 3, 9, 3), {"stride": 2, "padding": 1}),
    Case("group_conv2d_nhwc", (1, 5, 5, 4, 6, 3), {"groups": 2}),
    Case("group_conv2d_nhwc", (2, 9, 7, 6, 12, 3), {"groups": 3, "padding": 1}),
    Case("depthwise_conv2d_nhwc", (1, 6, 5, 3, 3), {"padding": 1}),
    Case("depthwise_conv2d_nhwc", (1, 6, 5, 3, 3), {"factor": 2}),
    Case("conv2d_im2col", (2, 6, 5, 3, 4, 3), {"stride": 2, "padding": 1}),
    Case("conv2d_im2col", (1, 9, 8, 5, 17, 3), {"padding": 1}),
    Case("conv2d_winograd_nhwc", (2, 5, 6, 3, 2)),
    Case("conv2d_winograd_nhwc", (1, 7, 9, 2, 3), {"padding": 0, "tile": 4}),
    Case("max_pool2d_nchw", (1, 2, 7, 6), _WINDOW),
    Case("max_pool2d_nchw", (2, 5, 13, 12), _WINDOW | {"stride": 1}),
    Case("avg_pool2d_nchw", (1, 2, 7, 6), _WINDOW),
    Case("avg_pool2d_nchw", (2, 5, 13, 12), _WINDOW | {"kernel_size": 2, "padding": 0}),
    Case("softmax", (4, 7)),
    Case("softmax", (33, 70)),
    Case("attention", (2, 2, 5, 3)),
    Case("attention", (1, 3, 17, 9)),
    Case("layer_norm", (4, 7)),
    Case("layer_norm", (33, 70)),
    Case("rms_norm", (4, 7)),
    Case("rms_norm", (33, 70)),
    Case("relu", (3, 5)),
    Case("relu", (33, 65)),
    Case("gelu", (3, 5)),
    Case("gelu", (3, 5), {"approximate": "tanh"}),
    Case("row_sum", (5, 9)),
    Case("row_sum", (33, 130)),
    Case("argmax", (5, 9)),
    Case("argmax", (33, 130)),
    Case("transpose", (3, 5)),
    Case("transpose", (33, 65)),
    Case("separable_blur", (6, 7)),
    Case("separable_blur", (33, 40)),
)
"""The small shape of each workload first."""

NARROW: tuple[Case, ...] = (
    Case("matmul", (8, 8, 8, "float16")),
    Case("matmul", (8, 8, 8, "bfloat16")),
    Case("matmul", (8, 8, 8, "int8", "int32")),
    Case("softmax", (5, 17, "float16")),
)
"""The same in fewer bits."""

REGISTRY: tuple[str, ...] = tuple(
    name for name, f in inspect.getmembers(workloads, inspect.isfunction)
    if f.__module__ == workloads.__name__ and not name.startswith("_")
)  # fmt: skip
"""The names of all workloads."""


def arrays(func: PrimFunc, seed: int = 0) -> list[np.ndarray]:
    """Random arrays for the parameters, whose shapes are constants."""
    rng = np.random.default_rng(seed)
    out = []
    for buffer in func.buffers:
        shape, t = [e.value for e in buffer.shape], buffer.dtype
        out.append((rng.standard_normal(shape) if t.is_float else rng.integers(-5, 5, shape)).astype(t.numpy))
    return out
