"""The GPU schedules in `examples/schedules`: each equals numpy in the emulator, and compiles without spills."""

from typing import Any

import pytest
import tensorir
from tensorir.codegen.cuda import nvrtc

from ..codegen.cuda import kernels

ARCHS = ("sm_80", "sm_90a")


def compiled(kernel: Any, arch: str, shape: dict[str, int]) -> dict[str, nvrtc.Resources]:
    """What the kernel uses by ptxas; the test is skipped where it cannot be compiled."""
    if not nvrtc.available():
        pytest.skip(nvrtc.MISSING)
    if arch not in getattr(kernel, "ARCHS", ARCHS):
        pytest.skip(f"the schedule is for {', '.join(kernel.ARCHS)}")
    return tensorir.build(kernel.schedule(**shape).mod, tensorir.Target("cuda", arch=arch)).resources()


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_the_emulator_computes_what_numpy_does(name: str) -> None:
    kernel = kernels.kernel(name)
    kernels.shared().emulated(kernel, kernel.SMALL)


SLOW = [pytest.mark.fuzz]
"""Marks of what takes ptxas seconds, and is compiled for the other architecture in any case."""


@pytest.mark.parametrize(
    "name, arch",
    [
        pytest.param(name, arch, marks=SLOW if arch == "sm_80" and name in ("cuda_gemm_mma", "cuda_int8_gemm") else [])
        for name in kernels.KERNELS
        for arch in ARCHS
    ],
)
def test_the_large_shape_compiles_without_spills(name: str, arch: str) -> None:
    kernel = kernels.kernel(name)
    used = compiled(kernel, arch, kernel.SHAPES[0])
    assert used
    assert all(row.spills == 0 and row.stack_bytes == 0 for row in used.values())


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_each_kernel_has_more_shapes(name: str) -> None:
    assert len(kernels.SHAPES[name]) >= 2


@pytest.mark.fuzz
@pytest.mark.parametrize("name, number", [(name, k) for name, row in kernels.SHAPES.items() for k in range(len(row))])
def test_more_shapes_compute_what_numpy_does(name: str, number: int) -> None:
    kernels.shared().emulated(kernels.kernel(name), kernels.SHAPES[name][number])


@pytest.mark.fuzz
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name, number", [(name, k) for name, row in kernels.SHAPES.items() for k in range(len(row))])
def test_more_shapes_compile(name: str, number: int, arch: str) -> None:
    assert compiled(kernels.kernel(name), arch, kernels.SHAPES[name][number])
