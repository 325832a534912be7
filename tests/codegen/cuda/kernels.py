"""The GPU kernels of `examples/schedules`, as modules, with more shapes to try them on."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "schedules"
KERNELS = sorted(file.stem for file in FOLDER.glob("cuda_*.py"))
"""The names of all GPU kernels."""

SHAPES: dict[str, tuple[dict[str, int], ...]] = {
    "cuda_attention": ({"heads": 2, "length": 256, "width": 64}, {"heads": 1, "length": 128, "width": 128}),
    "cuda_conv2d": (
        {"size": 7, "channels": 5, "filters": 33, "images": 1},
        {"size": 9, "channels": 16, "filters": 70, "images": 2},
    ),
    "cuda_conv2d_mma": (
        {"size": 16, "channels": 64, "filters": 128, "images": 1},
        {"size": 4, "channels": 32, "filters": 64, "images": 8},
    ),
    "cuda_gemm": ({"m": 256, "n": 128, "k": 8}, {"m": 100, "n": 130, "k": 37}),
    "cuda_gemm_mma": ({"m": 256, "n": 256, "k": 96}, {"m": 128, "n": 512, "k": 64}),
    "cuda_gemm_wgmma": ({"m": 128, "n": 512, "k": 192}, {"m": 128, "n": 256, "k": 64}),
    "cuda_gemv": ({"m": 5, "k": 128}, {"m": 9, "k": 4096}),
    "cuda_int8_gemm": ({"m": 256, "n": 256, "k": 192}, {"m": 128, "n": 512, "k": 128}),
    "cuda_layer_norm": ({"m": 5, "n": 1024}, {"m": 2, "n": 700}),
    "cuda_row_sums": ({"m": 5, "n": 1024}, {"m": 2, "n": 5000}),
    "cuda_softmax": ({"m": 5, "n": 1024}, {"m": 2, "n": 700}),
    "cuda_transpose": ({"m": 64, "n": 192}, {"m": 65, "n": 33}),
}
"""Shapes beside `SMALL`: some that tiles do not divide, pipelines longer than their loops."""


def kernel(name: str) -> Any:
    """A kernel's module; what the kernels share is found beside them, as when they are run."""
    return _module(name)


def shared() -> Any:
    """The module that checks and measures kernels."""
    return _module("_cuda")


def _module(name: str) -> ModuleType:
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(name)
