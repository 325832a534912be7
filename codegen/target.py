"""What code is generated for: `Target`, a value that describes a machine, the host or one named by a preset."""

from __future__ import annotations

import os
import platform
import re
import shlex
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..tir.errors import UserError, said
from .presets import GPUS, KIB, lacking, needs
from .presets import cpu as known_cpu

KINDS: dict[str, str] = {
    "llvm": "machine code through LLVM",
    "c": "C99 text",
    "cuda": "CUDA C++ text",
    "cuda-emulator": "CUDA C++ text, run and checked on the CPU",
}
"""What can be generated, by a target's kind."""

GPU_KINDS = frozenset({"cuda", "cuda-emulator"})
"""Kinds whose programs are kernels."""

_CPU = {"num_threads": 0, "vector_bits": 128, "l1_bytes": 32 * KIB, "l2_bytes": 512 * KIB, "l3_bytes": 8192 * KIB}
_GPU = {
    "vector_bits": 128,
    "l2_bytes": 40960 * KIB,
    "max_threads_per_block": 1024,
    "thread_warp_size": 32,
    "max_local_memory_per_block": 255 * 4,
    "num_multiprocessors": 108,
}

_ALIASES = {"mcpu": "cpu", "mattr": "features", "num-cores": "num_threads", "mtriple": "triple"}


class Target:
    """A machine and the kind of code made for it. Immutable, compared by value; its `repr` evaluates to it.

    `Target("llvm")` is the host, `Target("llvm", cpu="skylake-avx512")` a preset, `Target("cuda", arch="sm_90a")` a
    GPU, `Target("llvm -mcpu=znver4 -num-cores=8")` TVM's spelling. Every attribute may be given by keyword.

    Attributes
    ----------
    kind: "llvm", "c", "cuda" or "cuda-emulator".
    cpu: LLVM's name of the CPU, "" for GPUs. arch: the CUDA architecture ("sm_80"), "" for CPUs.
    triple: LLVM's target triple; "" is the host's.
    features: LLVM features to add or remove ("+avx512bf16", "-fma"), beyond what `cpu` implies.
    num_threads: threads a parallel loop runs on; 0 leaves it to the pool when the program runs.
    vector_bits: width of a vector register.
    l1_bytes, l2_bytes, l3_bytes: data cache sizes; 0 where there is none.
    max_threads_per_block, thread_warp_size, max_shared_memory_per_block, max_local_memory_per_block (bytes),
    num_multiprocessors: a GPU's limits; 0 for CPUs.

    Raises
    ------
    UserError: an unknown kind, architecture or attribute.
    """

    __slots__ = (
        "arch", "cpu", "features", "kind", "l1_bytes", "l2_bytes", "l3_bytes", "max_local_memory_per_block",
        "max_shared_memory_per_block", "max_threads_per_block", "num_multiprocessors", "num_threads",
        "thread_warp_size", "triple", "vector_bits",
    )  # fmt: skip

    kind: str
    cpu: str
    arch: str
    triple: str
    features: tuple[str, ...]
    num_threads: int
    vector_bits: int
    l1_bytes: int
    l2_bytes: int
    l3_bytes: int
    max_threads_per_block: int
    thread_warp_size: int
    max_shared_memory_per_block: int
    max_local_memory_per_block: int
    num_multiprocessors: int

    def __init__(self, spec: str | Target = "llvm", **attributes: Any) -> None:
        if isinstance(spec, Target):
            kind, given = spec.kind, {**spec._explicit(), **attributes}
        else:
            kind, parsed = _parse(spec)
            given = {**parsed, **attributes}
        if kind not in KINDS:
            raise UserError(f"unknown target kind {kind!r}; one of {', '.join(map(repr, KINDS))} is legal")
        unknown = [name for name in given if name not in Target.__slots__ or name == "kind"]
        if unknown:
            legal = ", ".join(name for name in sorted(Target.__slots__) if name != "kind")
            raise UserError(f"a target has no attribute {unknown[0]!r}; it has {legal}")
        for name, value in given.items():
            if name not in _EMPTY and not (isinstance(value, int) and value >= 0):
                raise UserError(f"a target's {name} is a number from 0 on, got {said(value)}")
            if name in ("cpu", "arch", "triple") and not isinstance(value, str):
                raise UserError(f"a target's {name} is a text, got {said(value)}")
        if "features" in given:
            given["features"] = _features(given["features"])
        values = {"kind": kind, **defaults(kind, given.get("cpu", ""), given.get("arch", "")), **given}
        for name in Target.__slots__:
            object.__setattr__(self, name, values.get(name, _EMPTY.get(name, 0)))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Target is immutable; write Target(target, {name}=...)")

    def _explicit(self) -> dict[str, Any]:
        """The attributes needed to make this target again."""
        named = {"arch": self.arch} if self.is_gpu else {"cpu": self.cpu}
        implied = defaults(self.kind, self.cpu, self.arch)
        return named | {
            name: getattr(self, name)
            for name in Target.__slots__
            if name not in ("kind", *named) and getattr(self, name) != implied.get(name, _EMPTY.get(name, 0))
        }

    def _key(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in Target.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Target({', '.join([repr(self.kind), *(f'{k}={v!r}' for k, v in self._explicit().items())])})"

    def __reduce__(self) -> Any:
        return _rebuild, (self.kind, self._explicit())

    @property
    def is_gpu(self) -> bool:
        """Whether loops may be bound to GPU thread axes."""
        return self.kind in GPU_KINDS

    @property
    def obstacle(self) -> str:
        """Why code for this target cannot run in this process; "" if it can."""
        if self.kind == "cuda-emulator":
            return ""
        if self.is_gpu:
            return "it is for a GPU"
        if self.triple:
            return f"it is for {self.triple}"
        if self.cpu == host()["cpu"] and not any(f.startswith("+") for f in self.features):
            return ""
        from llvmlite import binding

        missing = lacking(self.cpu, self.features, binding.get_host_cpu_features())
        if missing is None:
            return f"what instructions the CPU {self.cpu!r} needs is not known"
        return f"this machine lacks {', '.join(missing)}" if missing else ""

    @property
    def has_fma(self) -> bool:
        """Whether `x * y + z` with one rounding is an instruction."""
        if "-fma" in self.features:
            return False
        return self.is_gpu or self.vector_bits >= 256 or "+fma" in self.features or self.is_arm

    def has_any(self, features: Iterable[str]) -> bool:
        """Whether the CPU is known to have one of these of LLVM's features; no for C text, which any CPU may run."""
        if self.kind != "llvm":
            return False
        known = _host_features() if not self.triple and self.cpu == host()["cpu"] else needs(self.cpu)
        return any(f"+{f}" in self.features or (f in known and f"-{f}" not in self.features) for f in features)

    @property
    def is_arm(self) -> bool:
        """Whether the CPU is a 64-bit ARM."""
        if self.triple:
            return self.triple.startswith(("aarch64", "arm64"))
        return not self.is_gpu and platform.machine().lower() in ("aarch64", "arm64")

    def lanes(self, bits: int) -> int:
        """The lanes of `bits` bits that a vector register holds (at least 1)."""
        return max(1, self.vector_bits // max(bits, 8))


_EMPTY: dict[str, Any] = {"cpu": "", "arch": "", "triple": "", "features": ()}


def _rebuild(kind: str, attributes: Mapping[str, Any]) -> Target:
    return Target(kind, **attributes)


def defaults(kind: str, cpu: str, arch: str) -> dict[str, Any]:
    """The attributes that follow from a target's kind and the name of its CPU or architecture."""
    if kind in GPU_KINDS:
        arch = arch or "sm_80"
        if arch not in GPUS:
            raise UserError(f"unknown CUDA architecture {arch!r}; known are {', '.join(GPUS)}")
        shared, l2, processors = GPUS[arch]
        return {
            **_GPU,
            "arch": arch,
            "max_shared_memory_per_block": shared * KIB,
            "l2_bytes": l2 * KIB,
            "num_multiprocessors": processors,
        }
    if not cpu or cpu == "native" or cpu == host()["cpu"]:
        return dict(host())
    return {**_CPU, "cpu": cpu, **_preset(cpu)}


def _preset(cpu: str) -> dict[str, int]:
    row = known_cpu(cpu)
    if row is None:
        return {}
    return {"vector_bits": row.bits, "l1_bytes": row.l1 * KIB, "l2_bytes": row.l2 * KIB, "l3_bytes": row.l3 * KIB}


@lru_cache(maxsize=1)
def host() -> Mapping[str, Any]:
    """The attributes of the machine this process runs on."""
    from llvmlite import binding

    cpu = str(binding.get_host_cpu_name())
    found = {**_CPU, "cpu": cpu, "triple": "", **_preset(cpu)}
    available = binding.get_host_cpu_features()
    widths = {"avx512f": 512, "avx2": 256, "avx": 256}
    found["vector_bits"] = next((bits for name, bits in widths.items() if available.get(name)), found["vector_bits"])
    if found["vector_bits"] == 512 and not available.get("avx512f"):
        found["vector_bits"] = 256
    found.update(_caches())
    found["num_threads"] = usable_cpus()
    return found


def usable_cpus() -> int:
    """The CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _host_features() -> frozenset[str]:
    from llvmlite import binding

    return frozenset(name for name, there in binding.get_host_cpu_features().items() if there)


def _caches() -> dict[str, int]:
    """Sizes of the data caches as Linux tells them; empty elsewhere."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if kind in ("Data", "Unified") and size.endswith("K"):
            found[f"l{level}_bytes"] = int(size[:-1]) * KIB
    return {name: value for name, value in found.items() if name in Target.__slots__}


def _parse(spec: str) -> tuple[str, dict[str, Any]]:
    """Kind and attributes of TVM's spelling, `llvm -mcpu=znver4 -num-cores=8`."""
    if not isinstance(spec, str):
        raise UserError(f"a target is named by a text such as 'llvm' or 'cuda', got {type(spec).__name__}")
    kind, *options = shlex.split(spec) or ("",)
    found: dict[str, Any] = {}
    for option in options:
        name, given, value = option.lstrip("-").partition("=")
        if not option.startswith("-") or not given:
            raise UserError(f"cannot read {option!r} in the target {spec!r}; an option is written -name=value")
        name = _ALIASES.get(name, name).replace("-", "_")
        found[name] = int(value) if re.fullmatch(r"\d+", value) else value
    return kind, found


def _features(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else list(value)
    return tuple(sorted(name if name[0] in "+-" else f"+{name}" for name in map(str.strip, names) if name))


def as_target(value: str | Target) -> Target:
    """`value` as a target: a `Target` as it is, a string parsed."""
    return value if isinstance(value, Target) else Target(value)
