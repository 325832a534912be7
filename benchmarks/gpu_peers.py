"""What others take for the same arrays on a GPU: torch and cupy (cuBLAS, cuDNN), and Triton, each where installed."""

from __future__ import annotations

import importlib
import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

Call = Callable[[], Any]
SAMPLES = 30


class Peer(Protocol):
    """Another maker of kernels. name: what the table calls it."""

    name: str

    def call(self, kernel: str, arrays: Sequence[np.ndarray]) -> Call | None:
        """What computes the kernel's result from copies of its inputs on the device; None where it has no such."""

    def result(self, value: Any) -> np.ndarray:
        """What a call gave, in float64 on the host."""

    def seconds(self, call: Call) -> float:
        """The median time of a call by the device's clock."""


class Torch:
    """torch, without TF32."""

    name = "torch"

    def __init__(self, *, on_cpu: bool = False) -> None:
        self.torch = importlib.import_module("torch")
        if not on_cpu and not self.torch.cuda.is_available():
            raise ImportError("this torch sees no GPU")
        self.place = "cpu" if on_cpu else "cuda"
        self.torch.backends.cuda.matmul.allow_tf32 = self.torch.backends.cudnn.allow_tf32 = False
        self.calls: dict[str, Callable[..., Call]] = TORCH

    def there(self, array: np.ndarray) -> Any:
        if array.dtype.name == "bfloat16":
            return self.torch.from_numpy(array.view("int16").copy()).to(self.place).view(self.torch.bfloat16)
        return self.torch.from_numpy(array.copy()).to(self.place)

    def call(self, kernel: str, arrays: Sequence[np.ndarray]) -> Call | None:
        make = self.calls.get(kernel)
        return make(*map(self.there, arrays)) if make is not None else None

    def result(self, value: Any) -> np.ndarray:
        return np.asarray(value.double().cpu().numpy())

    def seconds(self, call: Call) -> float:
        for _ in range(3):
            call()
        samples = []
        for _ in range(SAMPLES):
            begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            call()
            end.record()
            end.synchronize()
            samples.append(begin.elapsed_time(end) * 1e-3)
        return statistics.median(samples)


class Triton(Torch):
    """Triton's kernels of `gpu_triton.py`, on torch's tensors."""

    name = "triton"

    def __init__(self, *, on_cpu: bool = False) -> None:
        if on_cpu:
            os.environ["TRITON_INTERPRET"] = "1"
        super().__init__(on_cpu=on_cpu)
        self.calls = importlib.import_module("gpu_triton").CALLS

    def there(self, array: np.ndarray) -> Any:
        # Triton's interpreter computes with numpy, which has no bfloat16.
        tensor = super().there(array)
        return tensor.half() if self.place == "cpu" and tensor.dtype is self.torch.bfloat16 else tensor


class Cupy:
    """cupy: cuBLAS for float32, and its own kernels for rows."""

    name = "cupy"

    def __init__(self, *, on_cpu: bool = False) -> None:
        if on_cpu:
            raise ImportError("cupy has no arrays on the host")
        self.cupy = importlib.import_module("cupy")
        self.cupy.cuda.runtime.getDeviceCount()

    def call(self, kernel: str, arrays: Sequence[np.ndarray]) -> Call | None:
        if kernel not in CUPY or any(a.dtype.name == "bfloat16" for a in arrays):
            return None
        return CUPY[kernel](self.cupy, *map(self.cupy.asarray, arrays))

    def result(self, value: Any) -> np.ndarray:
        return np.asarray(self.cupy.asnumpy(value).astype("float64"))

    def seconds(self, call: Call) -> float:
        profiler = importlib.import_module("cupyx.profiler")
        return float(np.median(profiler.benchmark(call, n_repeat=SAMPLES, n_warmup=3).gpu_times))


def installed(*, on_cpu: bool = False) -> tuple[list[Peer], list[str]]:
    """The peers there are, and why the others are not. `on_cpu`: to check what they compute, where there is no GPU."""
    found: list[Peer] = []
    missing = []
    for kind in (Torch, Cupy, Triton):
        try:
            found.append(kind(on_cpu=on_cpu))
        except (ImportError, OSError, RuntimeError) as error:  # cupy's errors are RuntimeErrors
            missing.append(f"{kind.name} ({error})")
    return found, missing


def _product(a: Any, b: Any) -> Call:
    import torch

    out = a @ b
    return lambda: torch.matmul(a, b, out=out)


def _torch(name: str) -> Callable[..., Call]:
    """A function of torch's by its dotted name, as a maker of calls."""

    def make(*tensors: Any) -> Call:
        owner: Any = importlib.import_module("torch")
        for part in name.split("."):
            owner = getattr(owner, part)
        return lambda: owner(*tensors)

    return make


def _convolution(x: Any, w: Any) -> Call:
    import torch

    x, w = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    return lambda: torch.nn.functional.conv2d(x, w, padding=1).permute(0, 2, 3, 1)


def _layer_norm(x: Any, gamma: Any, beta: Any) -> Call:
    import torch

    return lambda: torch.nn.functional.layer_norm(x, x.shape[-1:], gamma, beta)


TORCH: dict[str, Callable[..., Call]] = {
    "cuda_gemm": _product,
    "cuda_gemm_mma": _product,
    "cuda_gemm_wgmma": lambda a, b: _product(a, b.T),
    "cuda_int8_gemm": lambda a, b: _torch("_int_mm")(a, b.T),
    "cuda_gemv": _torch("mv"),
    "cuda_transpose": lambda a: lambda: a.t().contiguous(),
    "cuda_row_sums": lambda a: lambda: a.sum(1),
    "cuda_softmax": lambda a: lambda: a.softmax(1),
    "cuda_layer_norm": _layer_norm,
    "cuda_conv2d": _convolution,
    "cuda_conv2d_mma": _convolution,
    "cuda_attention": _torch("nn.functional.scaled_dot_product_attention"),
}
"""What torch does for the same arrays, by kernel."""

CUPY: dict[str, Callable[..., Call]] = {
    "cuda_gemm": lambda cupy, a, b: lambda: cupy.matmul(a, b),
    "cuda_gemv": lambda cupy, a, x: lambda: cupy.matmul(a, x),
    "cuda_transpose": lambda cupy, a: lambda: cupy.ascontiguousarray(a.T),
    "cuda_row_sums": lambda cupy, a: lambda: a.sum(1),
}
"""What cupy does for the same arrays, by kernel."""
