"""Bounds on what measuring a candidate may take."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any


def _half_of_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What measuring one candidate may take.

    Attributes
    ----------
    builders: candidates built side by side.
    build_seconds, run_seconds: after which building, or a single run with its check, is given up.
    block_lines: of LLVM's code that a candidate may have for each block and once more, 0 for any number: good ones have
        100, and those with thousands take seconds to compile, only to be slow.
    sample_seconds: how long a candidate is timed (three times as long where its times disagree).
    memory_bytes: that a candidate may take beyond what its process starts with.
    best_ms: time of the best candidate so far; None where there is none.
    slow_factor: a first run is given up once it takes this many times the best, 0 to let it finish...
    slow_seconds: ...but not before it has run for this long.
    flush: whether caches are emptied before each timed run.
    """

    builders: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    build_seconds: float = 20.0
    block_lines: int = 700
    run_seconds: float = 10.0
    sample_seconds: float = 0.05
    memory_bytes: int = field(default_factory=_half_of_memory)
    best_ms: float | None = None
    slow_factor: float = 10.0
    slow_seconds: float = 0.2
    flush: bool = False

    def as_json(self) -> dict[str, Any]:
        """The bounds as plain data."""
        return asdict(self)
