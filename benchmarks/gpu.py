"""GPU kernels of examples/schedules: right first, then fast, beside torch (cuBLAS, cuDNN) and the peak of the machine.

    python benchmarks/gpu.py [NAME ...] [--arch sm_90a] [--seed N]

One line a kernel. Results are compared with the float64 reference on fresh random inputs, at a small shape and at the
large one; a kernel that is wrong is not timed. Without a GPU it says what each kernel's machine code uses.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorir
from tensorir.codegen.cuda.driver import Driver, driver
from tensorir.tir.errors import CallError

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "schedules"

TARGETS = {
    "cuda_gemm": (0.95, "torch"), "cuda_gemm_mma": (0.65, "torch"), "cuda_gemm_wgmma": (0.90, "torch"),
    "cuda_attention": (0.70, "torch"), "cuda_softmax": (0.90, "copy"), "cuda_layer_norm": (0.90, "copy"),
    "cuda_row_sums": (0.90, "copy"), "cuda_transpose": (0.90, "copy"), "cuda_gemv": (0.90, "copy"),
}  # fmt: skip
"""What a kernel is to reach: a part of torch's speed, or of the bandwidth of the device's own copy."""

PEAKS = {"float32": 67e12, "bfloat16": 989e12, "float16": 989e12, "int8": 1979e12}
"""Operations per second of an H200, dense, on tensor cores but for float32."""

HEADINGS = (
    "kernel", "shape", "registers", "spilled", "error", "ms", "speed", "of peak", "peer ms", "ratio", "target",
)  # fmt: skip

LARGEST = 4e11
"""Operations up to which the large shape is checked in float64 on the host."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="kernels, as in cuda_gemm; all where none is named")
    parser.add_argument("--arch", default="sm_90a")
    parser.add_argument("--seed", type=int, default=None, help="of the inputs; taken from the clock where left out")
    options = parser.parse_args()
    sys.path.insert(0, str(FOLDER))
    names = options.names or sorted(file.stem for file in FOLDER.glob("cuda_*.py"))
    seed = options.seed if options.seed is not None else time.time_ns() % (1 << 32)
    try:
        device: Driver | None = driver()
    except CallError as missing:
        device = None
        print(f"no kernel is run: {missing}\n")
    bandwidth = copy_bandwidth(device) if device else 0.0
    if device:
        print(f"{device.name}, seed {seed}; its own copy moves {bandwidth / 1e12:.2f} TB/s (read and written)\n")
    print(
        row("kernel", "shape", "registers", "spilled", "error", "ms", "speed", "of peak", "peer ms", "ratio", "target")
    )
    failed = [name for name in names if not line(importlib.import_module(name), options.arch, device, bandwidth, seed)]
    if failed:
        raise SystemExit(f"wrong, or not as fast as they are to be: {', '.join(failed)}")


def row(*cells: str) -> str:
    """A line of the table."""
    widths = (18, 38, 9, 7, 9, 9, 14, 7, 9, 6, 12)
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths)).rstrip()


def line(kernel: ModuleType, arch: str, device: Driver | None, bandwidth: float, seed: int) -> bool:
    """Print the line of one kernel; whether it is right and reaches its target (or nothing can be said)."""
    shape = kernel.SHAPES[0]
    described = ", ".join(f"{k}={v}" for k, v in shape.items())
    module = tensorir.build(kernel.schedule(**shape), tensorir.Target("cuda", arch=arch))
    used = module.resources().values()
    cells = [kernel.__name__, described, str(max(u.registers for u in used)), str(sum(u.spills for u in used))]
    if device is None:
        print(row(*cells))
        return all(u.spills == 0 for u in used)
    small = tensorir.build(kernel.schedule(**kernel.SMALL), tensorir.Target("cuda", arch=arch))
    error = difference(kernel, small, kernel.SMALL, seed)
    if kernel.work(**shape)[0] <= LARGEST:
        error = max(error, difference(kernel, module, shape, seed + 1))
    arrays = inputs(kernel, shape, seed)
    limit = {1: 0.0, 2: 2e-2, 4: 1e-4}[arrays[-1].itemsize if arrays[-1].dtype.kind in "fV" else 1]
    cells.append(f"{error:.1e}")
    if not error <= limit:
        print(row(*cells, "WRONG"))
        return False
    there = [importlib.import_module("_cuda").OnDevice(device, array) for array in arrays]
    seconds = module.time(*there, seconds=1.0).median
    operations, size = kernel.work(**shape)
    kind = str(arrays[0].dtype)
    if operations > 16 * size:
        peak = PEAKS.get(kind, PEAKS["float32"])
        cells += [f"{seconds * 1e3:.4f}", f"{operations / seconds / 1e12:.1f} TFLOP/s"]
        cells.append(f"{operations / seconds / peak:.0%}")
    else:
        cells += [f"{seconds * 1e3:.4f}", f"{size / seconds / 1e12:.2f} TB/s", f"{size / seconds / bandwidth:.0%}"]
    peer = torch_seconds(kernel.__name__, arrays)
    wanted, against = TARGETS.get(kernel.__name__, (0.0, "torch"))
    reached = peer / seconds if against == "torch" and peer else size / seconds / bandwidth
    cells += [f"{peer * 1e3:.4f}" if peer else "-", f"{peer / seconds:.2f}" if peer else "-"]
    known = against == "copy" or peer
    met = not known or reached >= wanted
    cells.append(f"{wanted:.2f} {against} {'met' if met else 'MISSED'}" if wanted and known else "-")
    print(row(*cells))
    return bool(met)


def inputs(kernel: ModuleType, shape: dict[str, int], seed: int) -> list[np.ndarray]:
    """What the kernel takes, its floats drawn anew."""
    rng = np.random.default_rng(seed)
    arrays = kernel.arrays(**shape)
    for array in arrays[:-1]:
        if array.dtype.kind in "fV":
            array[...] = rng.standard_normal(array.shape, "float32").astype(array.dtype)
        elif array.dtype.kind == "i":
            array[...] = rng.integers(-8, 8, array.shape)
    return arrays


def difference(kernel: ModuleType, module: Any, shape: dict[str, int], seed: int) -> float:
    """The greatest difference to the float64 reference, as a part of its greatest magnitude."""
    arrays = inputs(kernel, shape, seed)
    module(*arrays)
    exact = [a.astype("float64") if a.dtype.kind in "fV" else a.astype("int64") for a in arrays[:-1]]
    wanted = kernel.reference(*exact, **shape)
    found = arrays[-1].astype("float64")
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30))


def copy_bandwidth(device: Driver, size: int = 1 << 30) -> float:
    """Bytes per second, read and written, of a copy within the device's memory."""
    source, target = device.allocate(size), device.allocate(size)
    device.copy(target, source, size)
    seconds = statistics.median(device.elapsed(lambda: device.copy(target, source, size), 0) for _ in range(20))
    for pointer in (source, target):
        device.free(pointer)
    return 2 * size / seconds


# -- torch


def torch_seconds(name: str, arrays: list[np.ndarray]) -> float:
    """How long torch takes for the same; 0 where it is not installed or has nothing of the kind."""
    try:
        import torch
    except ImportError:
        return 0.0
    if name not in PEERS or not torch.cuda.is_available():
        return 0.0
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    def there(array: np.ndarray) -> Any:
        if array.dtype.name == "bfloat16":
            return torch.from_numpy(array.view("int16").copy()).cuda().view(torch.bfloat16)
        return torch.from_numpy(array.copy()).cuda()

    call = PEERS[name](torch, *map(there, arrays[:-1]))
    for _ in range(3):
        call()
    samples = []
    for _ in range(30):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        samples.append(begin.elapsed_time(end) * 1e-3)
    return statistics.median(samples)


def _product(torch: Any, a: Any, b: Any) -> Callable[[], Any]:
    out = a @ b
    return lambda: torch.matmul(a, b, out=out)


def _convolution(torch: Any, x: Any, w: Any) -> Callable[[], Any]:
    x, w = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    return lambda: torch.nn.functional.conv2d(x, w, padding=1)


PEERS: dict[str, Callable[..., Callable[[], Any]]] = {
    "cuda_gemm": _product,
    "cuda_gemm_mma": _product,
    "cuda_gemm_wgmma": lambda torch, a, b: _product(torch, a, b.T),
    "cuda_int8_gemm": lambda torch, a, b: lambda: torch._int_mm(a, b.T),
    "cuda_gemv": lambda torch, a, x: lambda: torch.mv(a, x),
    "cuda_transpose": lambda torch, a: lambda: a.t().contiguous(),
    "cuda_row_sums": lambda torch, a: lambda: a.sum(1),
    "cuda_softmax": lambda torch, a: lambda: torch.softmax(a, 1),
    "cuda_layer_norm": lambda torch, x, g, b: lambda: torch.nn.functional.layer_norm(x, x.shape[-1:], g, b),
    "cuda_conv2d": _convolution,
    "cuda_attention": lambda torch, q, k, v: lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v),
}
"""What torch does for the same arrays, by kernel."""

if __name__ == "__main__":
    main()
