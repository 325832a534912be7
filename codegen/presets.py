"""What is known of processors by their names: register widths, caches, and the instructions their code needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

KIB = 1024

_V2 = "cx16 popcnt sse3 sse4.1 sse4.2 ssse3"
_V3 = f"{_V2} avx avx2 bmi bmi2 f16c fma lzcnt movbe"
_V4 = f"{_V3} avx512f avx512bw avx512cd avx512dq avx512vl"
_ICE = f"{_V4} avx512vnni avx512vbmi avx512vbmi2 avx512bitalg avx512vpopcntdq avx512ifma gfni vaes vpclmulqdq sha"
_ZEN = f"{_V3} sse4a sha adx"
_ZEN4 = f"{_ICE} sse4a adx avx512bf16"


class Cpu(NamedTuple):
    """A row of `CPUS`.

    Attributes
    ----------
    names: LLVM's names of the processors, as a regular expression.
    bits: width of a vector register. l1, l2, l3: data caches in KiB; the last is a core's share or cluster's.
    needs: the features of LLVM's that code for it uses unasked; None where that is not known.
    """

    names: str
    bits: int
    l1: int
    l2: int
    l3: int
    needs: str | None


CPUS: tuple[Cpu, ...] = (
    Cpu("znver5", 512, 48, 1024, 32768, f"{_ZEN4} avxvnni movdiri movdir64b avx512vp2intersect prefetchi"),
    Cpu("znver4", 512, 32, 1024, 32768, _ZEN4),
    Cpu("znver3", 256, 32, 512, 32768, f"{_ZEN} vaes vpclmulqdq"),
    Cpu("znver[12]", 256, 32, 512, 8192, _ZEN),
    Cpu("bdver.*|btver.*", 256, 32, 512, 8192, None),
    Cpu("sapphirerapids|emeraldrapids|graniterapids.*", 512, 48, 2048, 1920,
        f"{_ICE} adx avx512bf16 avx512fp16 avxvnni amx-bf16 amx-int8 amx-tile"),
    Cpu("icelake.*|tigerlake|rocketlake", 512, 48, 1280, 1536, f"{_ICE} adx"),
    Cpu("cooperlake", 512, 32, 1024, 1408, f"{_V4} adx avx512vnni avx512bf16"),
    Cpu("cascadelake", 512, 32, 1024, 1408, f"{_V4} adx avx512vnni"),
    Cpu("skylake-avx512|skx", 512, 32, 1024, 1408, f"{_V4} adx"),
    Cpu("x86-64-v4", 512, 32, 1024, 8192, _V4),
    Cpu("alderlake|raptorlake|meteorlake|arrowlake.*", 256, 48, 1280, 3072,
        f"{_V3} adx avxvnni gfni sha vaes vpclmulqdq"),
    Cpu("broadwell|skylake", 256, 32, 256, 8192, f"{_V3} adx"),
    Cpu("haswell|core-avx2|x86-64-v3", 256, 32, 256, 8192, _V3),
    Cpu("ivybridge|core-avx-i", 256, 32, 256, 8192, f"{_V2} avx f16c"),
    Cpu("sandybridge|corei7-avx", 256, 32, 256, 8192, f"{_V2} avx"),
    Cpu("nehalem|westmere|corei7|x86-64-v2", 128, 32, 256, 8192, _V2),
    Cpu("x86-64|generic", 128, 32, 256, 8192, ""),
    Cpu("apple-(a1[1-2]|a[7-9]|a10)", 128, 128, 4096, 8192, "neon"),
    Cpu("apple-(m1|a1[34])", 128, 128, 4096, 8192, "neon dotprod"),
    Cpu("apple-.*", 128, 128, 4096, 8192, "neon dotprod i8mm bf16"),
    Cpu("neoverse-v1", 256, 64, 1024, 32768, "neon dotprod i8mm bf16 sve"),
    Cpu("neoverse-(n2|v2|n3|v3)", 128, 64, 1024, 32768, "neon dotprod i8mm bf16 sve sve2"),
    Cpu("neoverse-.*|cortex-(a5[58]|a7[5-8].*|x1.*)", 128, 64, 1024, 32768, "neon dotprod"),
    Cpu("cortex-a[57]1[05]|cortex-x[2-4]", 128, 64, 1024, 32768, "neon dotprod i8mm bf16"),
    Cpu("cortex-.*|a64fx|thunderx.*", 128, 64, 1024, 32768, "neon"),
)  # fmt: skip
"""The first row whose names match counts."""


def cpu(name: str) -> Cpu | None:
    """The row of a processor, None where it is not known."""
    return next((row for row in CPUS if re.fullmatch(row.names, name)), None)


def lacking(name: str, features: tuple[str, ...], available: Mapping[str, bool]) -> list[str] | None:
    """What a machine with the `available` features lacks to run code for a processor; None where nobody knows."""
    row = cpu(name)
    if row is None or row.needs is None:
        return None
    removed = {f[1:] for f in features if f.startswith("-")}
    wanted = [*row.needs.split(), *(f[1:] for f in features if f.startswith("+"))]
    return [f for f in wanted if f not in removed and not available.get(f, False)]


def needs(name: str) -> frozenset[str]:
    """The features of LLVM's that a processor is known to have."""
    row = cpu(name)
    return frozenset((row.needs or "").split()) if row else frozenset()


# CUDA architectures: shared memory a block may have (KiB), L2 (KiB), multiprocessors of the largest part.
GPUS: dict[str, tuple[int, int, int]] = {
    "sm_70": (96, 6144, 80),
    "sm_75": (64, 4096, 68),
    "sm_80": (163, 40960, 108),
    "sm_86": (99, 6144, 84),
    "sm_87": (163, 4096, 16),
    "sm_89": (99, 73728, 128),
    "sm_90": (227, 51200, 132),
    "sm_90a": (227, 51200, 132),
    "sm_100": (227, 129024, 148),
    "sm_100a": (227, 129024, 148),
    "sm_120": (99, 98304, 170),
}
