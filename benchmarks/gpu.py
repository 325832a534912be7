"""GPU kernels of examples/schedules: right first, then fast, beside torch and cupy (cuBLAS, cuDNN), Triton, the peak.

    python benchmarks/gpu.py [NAME ...] [--arch sm_90a] [--seed N] [--emulate]

One line a kernel. Results are compared with the float64 reference on fresh random inputs, at a small shape and at the
large one; a kernel that is wrong is not timed, nor is a peer that is. Without a GPU it says what each kernel's machine
code uses. With --emulate all but the clock runs on the CPU: the kernels in the emulator, the peers that can (torch, and
Triton by its interpreter).
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorir
from gpu_machine import Emulator, Gpu
from gpu_peers import Peer, installed
from tensorir.tir.errors import CallError

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "schedules"

LIBRARY, COPY = "library", "copy"
TARGETS = {
    "cuda_gemm": (0.95, LIBRARY), "cuda_gemm_mma": (0.65, LIBRARY), "cuda_gemm_wgmma": (0.90, LIBRARY),
    "cuda_attention": (0.70, LIBRARY), "cuda_softmax": (0.90, COPY), "cuda_layer_norm": (0.90, COPY),
    "cuda_row_sums": (0.90, COPY), "cuda_transpose": (0.90, COPY), "cuda_gemv": (0.90, COPY),
}  # fmt: skip
"""What a kernel is to reach: a part of the speed of torch (or cupy), or of the bandwidth of the device's own copy."""

COLUMNS = {
    "kernel": 17, "shape": 38, "registers": 9, "spilled": 7, "error": 8, "ms": 9, "speed": 13, "of peak": 7,
    "torch ms": 9, "cupy ms": 9, "triton ms": 9, "ratio": 6, "target": 20,
}  # fmt: skip
"""The table's columns, each with its width. ratio: the fastest library's time by the kernel's."""

LARGEST = 4e11
"""Operations up to which the large shape is checked in float64 on the host."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="kernels, as in cuda_gemm; all where none is named")
    parser.add_argument("--arch", default="sm_90a")
    parser.add_argument("--seed", type=int, default=None, help="of the inputs; taken from the clock where left out")
    parser.add_argument("--emulate", action="store_true", help="check all but the speed, without a GPU")
    options = parser.parse_args()
    sys.path.insert(0, str(FOLDER))
    names = options.names or sorted(file.stem for file in FOLDER.glob("cuda_*.py"))
    seed = options.seed if options.seed is not None else time.time_ns() % (1 << 32)
    machine = there(emulate=options.emulate)
    peers: list[Peer] = []
    if machine is not None:
        peers, missing = installed(on_cpu=options.emulate)
        print(f"{machine}; seed {seed}" + (f"; not compared with {', '.join(missing)}" if missing else "") + "\n")
    print(row({name: name for name in COLUMNS}))
    failed = [n for n in names if not line(importlib.import_module(n), options.arch, machine, peers, seed)]
    if failed:
        raise SystemExit(f"wrong, or not as fast as they are to be: {', '.join(failed)}")


def there(*, emulate: bool) -> Gpu | Emulator | None:
    """What kernels run on; None where there is no GPU, which is said."""
    if emulate:
        return Emulator()
    try:
        return Gpu()
    except CallError as missing:
        print(f"no kernel is run (--emulate checks their results): {missing}\n")
        return None


def row(cells: dict[str, str]) -> str:
    """A line of the table."""
    return "  ".join(f"{cells.get(name, ''):<{width}}" for name, width in COLUMNS.items()).rstrip()


def line(kernel: ModuleType, arch: str, machine: Gpu | Emulator | None, peers: Sequence[Peer], seed: int) -> bool:
    """Print the line of one kernel; whether it is right and reaches its target (or nothing can be said)."""
    name, shape = kernel.__name__, kernel.SMALL if isinstance(machine, Emulator) else kernel.SHAPES[0]
    compiled = tensorir.build(kernel.schedule(**kernel.SHAPES[0]), tensorir.Target("cuda", arch=arch))
    used = compiled.resources().values()
    cells = {"kernel": name, "shape": ", ".join(f"{k}={v}" for k, v in shape.items())}
    cells |= {"registers": str(max(u.registers for u in used)), "spilled": str(sum(u.spills for u in used))}
    right = all(u.spills == 0 for u in used)
    if machine is not None:
        module = tensorir.build(kernel.schedule(**kernel.SMALL), machine.target(arch))
        error = difference(kernel, module, kernel.SMALL, seed)
        if isinstance(machine, Gpu) and kernel.work(**shape)[0] <= LARGEST:
            error = max(error, difference(kernel, compiled, shape, seed + 1))
        cells["error"] = f"{error:.1e}"
        right = error <= limit(kernel)
        if not right:
            cells["ms"] = "WRONG"
        agreeing = [peer for peer in peers if agrees(peer, kernel, seed, cells)]
        if right and isinstance(machine, Gpu):
            right = measure(kernel, compiled, machine, agreeing, seed, cells)
    print(row(cells), flush=True)
    return right


def measure(kernel: ModuleType, module: Any, gpu: Gpu, peers: Sequence[Peer], seed: int, cells: dict[str, str]) -> bool:
    """Fill in the speeds; whether the kernel reaches its target, or that cannot be said."""
    name, shape = kernel.__name__, kernel.SHAPES[0]
    arrays = inputs(kernel, shape, seed)
    seconds = gpu.seconds(module, arrays)
    operations, size = kernel.work(**shape)
    cells["ms"] = f"{seconds * 1e3:.4f}"
    if operations > 16 * size:
        peak = gpu.peak(str(arrays[0].dtype))
        cells["speed"] = f"{operations / seconds / 1e12:.1f} TFLOP/s"
        cells["of peak"] = f"{operations / seconds / peak:.0%}" if peak else "-"
    else:
        cells["speed"] = f"{size / seconds / 1e12:.2f} TB/s"
        cells["of peak"] = f"{size / seconds / gpu.bandwidth:.0%}"
    libraries = []
    for peer in peers:
        call = peer.call(name, arrays[:-1])
        if call is not None:
            took = peer.seconds(call)
            cells[f"{peer.name} ms"] = f"{took * 1e3:.4f}"
            libraries += [took] if peer.name != "triton" else []
    if libraries:
        cells["ratio"] = f"{min(libraries) / seconds:.2f}"
    wanted, against = TARGETS.get(name, (0.0, COPY))
    if not wanted or (against == LIBRARY and not libraries):
        return True
    reached = min(libraries) / seconds if against == LIBRARY else size / seconds / gpu.bandwidth
    cells["target"] = f"{wanted:.2f} {against} {'met' if reached >= wanted else 'MISSED'}"
    return reached >= wanted


def agrees(peer: Peer, kernel: ModuleType, seed: int, cells: dict[str, str]) -> bool:
    """Whether a peer computes the same at the small shape; a peer that does not is said to be wrong."""
    arrays = inputs(kernel, kernel.SMALL, seed)
    call = peer.call(kernel.__name__, arrays[:-1])
    if call is None:
        return False
    found = peer.result(call()).reshape(arrays[-1].shape)
    right = distance(found, wanted_of(kernel, arrays, kernel.SMALL)) <= 10 * max(limit(kernel), 1e-5)
    cells[f"{peer.name} ms"] = "right" if right else "WRONG"
    return right


def limit(kernel: ModuleType) -> float:
    """How far results may be from the float64 reference, as a part of its greatest magnitude."""
    result = kernel.arrays(**kernel.SMALL)[-1].dtype
    return {2: 2e-2, 4: 1e-4}[result.itemsize] if result.kind in "fV" else 0.0


def inputs(kernel: ModuleType, shape: dict[str, int], seed: int) -> list[np.ndarray]:
    """What the kernel takes, its numbers drawn anew."""
    rng = np.random.default_rng(seed)
    arrays: list[np.ndarray] = kernel.arrays(**shape)
    for array in arrays[:-1]:
        if array.dtype.kind in "fV":
            array[...] = rng.standard_normal(array.shape, "float32").astype(array.dtype)
        elif array.dtype.kind == "i":
            array[...] = rng.integers(-8, 8, array.shape)
    return arrays


def difference(kernel: ModuleType, module: Any, shape: dict[str, int], seed: int) -> float:
    """How far a kernel's result is from the reference."""
    arrays = inputs(kernel, shape, seed)
    module(*arrays)
    return distance(arrays[-1].astype("float64"), wanted_of(kernel, arrays, shape))


def wanted_of(kernel: ModuleType, arrays: Sequence[np.ndarray], shape: dict[str, int]) -> np.ndarray:
    """The reference's result, in float64."""
    exact = [a.astype("float64") if a.dtype.kind in "fV" else a.astype("int64") for a in arrays[:-1]]
    return np.asarray(kernel.reference(*exact, **shape))


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """The greatest difference, as a part of the greatest magnitude."""
    return float(np.abs(found - wanted).max() / max(float(np.abs(wanted).max()), 1e-30))


if __name__ == "__main__":
    main()
